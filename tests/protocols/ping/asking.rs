//! Asking a peer that answers well.

use crate::ping::{ROUND_TRIP, ask, millis, on_demand, periodic, secs, told};
use crate::support::services::{Both, Script, read};
use crate::support::sim::{Shape, everywhere};
use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext, NotifeeId};
use swarm_notify::protocols::NotConnected;
use swarm_notify::protocols::ping::{Config, Event, PROTOCOL, Ping};
use swarm_notify::swarm;

everywhere! {
    each_connection_is_asked_at_once_and_regularly_on_one_stream,
    on_demand_a_stream_ends_with_its_ping,
    asking_again_while_a_ping_is_under_way_asks_for_nothing_more,
    what_is_not_open_cannot_be_asked,
    a_service_that_comes_late_asks_what_is_open,
    both_sides_ask_at_once,
    a_ping_whose_connection_ends_has_failed_once,
    only_periodic_pings_keep_a_connection_from_being_idle,
    a_full_queue_forgets_the_oldest_and_tells_how_many,
    payloads_differ_and_come_from_the_seed,
    a_payload_that_goes_out_in_pieces_is_measured_from_its_last,
    without_a_place_for_a_stream_a_ping_fails_and_time_goes_on,
    other_notifees_are_told_of_each_outcome_too,
}

fn each_connection_is_asked_at_once_and_regularly_on_one_stream<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let a = both.a.install(periodic());
    both.b.install(on_demand());
    let (ca, cb) = both.connect(shape);
    for _ in 0..4 {
        both.wait(secs(1));
        assert_eq!(told(&mut both.a, a), [format!("pong {ca} {ROUND_TRIP:?}")]);
        both.wait(secs(14));
        assert_eq!((both.a.streams(ca), both.b.streams(cb)), (1, 1));
        let opened = both.a.swarm.counters().streams.outbound.opened;
        assert_eq!(opened, 1, "one stream for all");
        both.wait(ROUND_TRIP + millis(1));
    }
    both.end();
}

fn on_demand_a_stream_ends_with_its_ping<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let a = both.a.install(on_demand());
    both.b.install(on_demand());
    let (ca, cb) = both.connect(shape);
    both.wait(secs(60));
    assert_eq!(told(&mut both.a, a), [] as [String; 0]);
    for _ in 0..3 {
        both.a.swarm.note_round_trip(ca, secs(9));
        ask(&mut both.a, a, ca);
        both.settle();
        assert_eq!(both.a.swarm.connection(ca).unwrap().round_trip, Some(ROUND_TRIP), "the swarm knows it, too");
        assert_eq!(told(&mut both.a, a), [format!("pong {ca} {ROUND_TRIP:?}")]);
        assert_eq!((both.a.streams(ca), both.b.streams(cb)), (0, 0));
    }
    both.end();
}

fn asking_again_while_a_ping_is_under_way_asks_for_nothing_more<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let a = both.a.install(on_demand());
    both.b.install(on_demand());
    let (ca, _) = both.connect(shape);
    ask(&mut both.a, a, ca);
    ask(&mut both.a, a, ca);
    for _ in 0..20 {
        both.wait(millis(1));
        ask(&mut both.a, a, ca);
    }
    both.settle();
    assert_eq!(told(&mut both.a, a), [format!("pong {ca} {ROUND_TRIP:?}")]);
    both.end();
}

fn what_is_not_open_cannot_be_asked<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let a = both.a.install(on_demand());
    let (ca, _) = both.connect(shape);
    both.a.swarm.close_connection(ca).unwrap();
    both.settle();
    assert!(matches!(both.a.service::<Ping>(a).ping(ca), Err(NotConnected { .. })));
    assert_eq!(told(&mut both.a, a), [] as [String; 0]);
    both.end();
}

fn a_service_that_comes_late_asks_what_is_open<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    both.b.install(on_demand());
    let (ca, _) = both.connect(shape);
    both.settle();
    let a = both.a.install(periodic());
    both.wait(secs(1));
    assert_eq!(told(&mut both.a, a), [format!("pong {ca} {ROUND_TRIP:?}")]);
    both.end();
}

fn both_sides_ask_at_once<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let (a, b) = (both.a.install(periodic()), both.b.install(periodic()));
    let (ca, cb) = both.connect(shape);
    both.wait(secs(1));
    assert_eq!(told(&mut both.a, a), [format!("pong {ca} {ROUND_TRIP:?}")]);
    assert_eq!(told(&mut both.b, b), [format!("pong {cb} {ROUND_TRIP:?}")]);
    assert_eq!((both.a.streams(ca), both.b.streams(cb)), (2, 2));
    both.end();
}

fn a_ping_whose_connection_ends_has_failed_once<const EVENTS: usize>(shape: Shape) {
    for under_way in [0, 5, 15, 25, 35] {
        let mut both = Both::<EVENTS>::new(shape);
        let a = both.a.install(on_demand());
        both.b.install(on_demand());
        let (ca, _) = both.connect(shape);
        both.settle();
        ask(&mut both.a, a, ca);
        both.wait(millis(under_way));
        both.a.swarm.abort_connection(ca).unwrap();
        both.settle();
        assert_eq!(told(&mut both.a, a), [format!("failed {ca} connection_closed")], "after {under_way} ms");
        both.end();
    }
}

fn only_periodic_pings_keep_a_connection_from_being_idle<const EVENTS: usize>(shape: Shape) {
    for is_periodic in [true, false] {
        let mut config = swarm::Config::default();
        config.connection.idle_timeout = Some(secs(60));
        let mut both = Both::<EVENTS>::with(shape, config);
        let a = both.a.install(if is_periodic { periodic() } else { on_demand() });
        both.b.install(on_demand());
        let (ca, _) = both.connect(shape);
        ask(&mut both.a, a, ca);
        both.wait(secs(300));
        assert_eq!(both.a.swarm.connections().count(), usize::from(is_periodic));
        both.end();
    }
}

fn a_full_queue_forgets_the_oldest_and_tells_how_many<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let mut config = Config::default();
    config.events = 2;
    let a = both.a.install(Ping::new([1; 32], config));
    both.b.install(on_demand());
    let (ca, _) = both.connect(shape);
    both.wait(secs(61));
    both.a.swarm.abort_connection(ca).unwrap();
    both.settle();
    let ping = both.a.service::<Ping>(a);
    assert_eq!((ping.dropped(), ping.next_event()), (3, Some(Event::Lagged { events: 3 })));
    assert!(matches!(ping.next_event(), Some(Event::Pong { .. })));
    assert!(matches!(ping.next_event(), Some(Event::Pong { .. })));
    assert_eq!(ping.next_event(), None);
    both.end();
}

fn payloads_differ_and_come_from_the_seed<const EVENTS: usize>(shape: Shape) {
    let payloads = || {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let mut both = Both::<EVENTS>::new(shape);
        both.a.install(periodic());
        let all = seen.clone();
        both.b.install(Script::new(&[PROTOCOL], move |node, stream| {
            let (bytes, _) = read(node, stream);
            node.write(stream, &bytes).unwrap();
            all.borrow_mut().extend(bytes);
        }));
        both.connect(shape);
        both.wait(secs(50));
        both.end();
        let seen = seen.borrow();
        seen.chunks(32).map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    let mut first = payloads();
    assert_eq!((first.len(), &first), (4, &payloads()));
    first.sort();
    first.dedup();
    assert_eq!(first.len(), 4);
}

fn a_payload_that_goes_out_in_pieces_is_measured_from_its_last<const EVENTS: usize>(shape: Shape) {
    let mut config = swarm::Config::default();
    config.connection.yamux.max_output = 10;
    let mut both = Both::<EVENTS>::with(shape, config);
    let a = both.a.install(periodic());
    both.b.install(on_demand());
    let (ca, _) = both.connect(shape);
    both.wait(secs(14));
    let end = usize::from(shape.swapped);
    both.network.set(|knobs| knobs.stall(0, end, true));
    both.wait(secs(2));
    both.network.set(|knobs| knobs.stall(0, end, false));
    both.wait(secs(1));
    assert_eq!(told(&mut both.a, a), vec![format!("pong {ca} {ROUND_TRIP:?}"); 2]);
    both.end();
}

fn without_a_place_for_a_stream_a_ping_fails_and_time_goes_on<const EVENTS: usize>(shape: Shape) {
    let mut config = swarm::Config::default();
    config.limits.streams_per_connection = 0;
    let mut both = Both::<EVENTS>::with(shape, config);
    let mut config = Config::default();
    config.interval = Some(secs(0));
    let a = both.a.install(Ping::new([1; 32], config));
    let (ca, _) = both.connect(shape);
    both.settle();
    told(&mut both.a, a);
    both.wait(millis(10));
    assert_eq!(told(&mut both.a, a), vec![format!("failed {ca} limit"); 10]);
    both.end();
}

fn other_notifees_are_told_of_each_outcome_too<const EVENTS: usize>(shape: Shape) {
    /// Writes down what ping emits.
    struct Observer(Rc<RefCell<Vec<Event>>>);

    impl<N> Notifee<N> for Observer {
        fn interest(&self) -> Interest {
            Interest::EMITTED
        }

        fn emitted(&mut self, _: &mut NotifeeContext<'_, N>, _: NotifeeId, event: &dyn Any) {
            self.0.borrow_mut().push(*event.downcast_ref().expect("nothing else is emitted"));
        }
    }

    let mut both = Both::<EVENTS>::new(shape);
    let heard = Rc::default();
    both.a.notifees.register(Observer(Rc::clone(&heard)));
    let a = both.a.install(on_demand());
    let b = both.b.install(on_demand());
    both.a.notifees.register(Observer(Rc::clone(&heard)));
    let (ca, _) = both.connect(shape);
    ask(&mut both.a, a, ca);
    both.settle();
    // A peer that does not speak the protocol.
    both.b.notifees.uninstall(&mut both.b.swarm, b);
    ask(&mut both.a, a, ca);
    both.settle();
    let events: Vec<Event> = std::iter::from_fn(|| both.a.service::<Ping>(a).next_event()).collect();
    assert!(matches!(events[..], [Event::Pong { .. }, Event::Failed { .. }]));
    assert_eq!(heard.take(), [events[0], events[0], events[1], events[1]]);
    both.end();
}
