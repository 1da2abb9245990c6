//! Each event goes to those who care for it, in the order in which they were registered.

use crate::registry::{World, connect, open, world};
use crate::support::scripted::{Log, Scripted};
use crate::support::with;
use swarm_notify::lifecycle::{ConnectionEnd, Direction, Failure, Lifecycle, Limits, ListenerEnd, StreamEnd};
use swarm_notify::notifee::{Interest, Notifees};

#[test]
fn all_nine_events_come_to_all_in_the_order_of_registration() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    for name in ["a", "b", "c"] {
        notifees.register(Scripted::new(name, &log));
    }
    let listener = world.begin_listener().unwrap();
    world.opened(listener).unwrap();
    world.end_listener(listener, ListenerEnd::Requested).unwrap();
    let failed = world.begin_listener().unwrap();
    world.fail(failed, Failure::AddressInUse).unwrap();
    let connection = connect(&mut world);
    let stream = open(&mut world, connection);
    assert_eq!(notifees.dispatch(&mut world), 5);
    let refused = world.begin_stream(connection, swarm_notify::lifecycle::Direction::Outbound).unwrap();
    world.fail(refused, Failure::Unsupported).unwrap();
    world.end_stream(stream, StreamEnd::Finished).unwrap();
    world.end_connection(connection, ConnectionEnd::Idle).unwrap();
    let dialed = world.begin_connection(swarm_notify::lifecycle::Direction::Outbound).unwrap();
    world.fail(dialed, Failure::Refused).unwrap();
    assert_eq!(notifees.dispatch(&mut world), 4);
    let events = [
        "listen l0.1",
        "listen_close l0.1",
        "listen_failed l1.1",
        "connected c0.1",
        "opened_stream s0.1",
        "stream_failed s1.1",
        "closed_stream s0.1",
        "disconnected c0.1",
        "connect_failed c1.1",
    ];
    let lines: Vec<_> = events.iter().flat_map(|event| ["a", "b", "c"].map(|name| format!("{name} {event}"))).collect();
    log.expect(&lines);
    assert_eq!(notifees.dispatch(&mut world), 0);
    assert!(world.is_empty());
}

#[test]
fn without_interest_nothing_is_told() {
    let kinds = [
        (Interest::LISTEN, "listen"),
        (Interest::LISTEN_FAILED, "listen_failed"),
        (Interest::LISTEN_CLOSE, "listen_close"),
        (Interest::CONNECTED, "connected"),
        (Interest::CONNECT_FAILED, "connect_failed"),
        (Interest::DISCONNECTED, "disconnected"),
        (Interest::OPENED_STREAM, "opened_stream"),
        (Interest::STREAM_FAILED, "stream_failed"),
        (Interest::CLOSED_STREAM, "closed_stream"),
        (Interest::NONE, ""),
    ];
    for (interest, event) in kinds {
        let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
        notifees.register(Scripted::<World>::new("a", &log).only(interest));
        let listener = world.begin_listener().unwrap();
        world.opened(listener).unwrap();
        world.end_listener(listener, ListenerEnd::Shutdown).unwrap();
        let failed = world.begin_listener().unwrap();
        world.fail(failed, Failure::AddressInUse).unwrap();
        let connection = connect(&mut world);
        open(&mut world, connection);
        notifees.dispatch(&mut world);
        world.begin_stream(connection, swarm_notify::lifecycle::Direction::Outbound).unwrap();
        world.end_connection(connection, ConnectionEnd::Idle).unwrap();
        let dialed = world.begin_connection(swarm_notify::lifecycle::Direction::Outbound).unwrap();
        world.fail(dialed, Failure::Refused).unwrap();
        notifees.dispatch(&mut world);
        let told = log.take();
        assert_eq!(told.len(), usize::from(!event.is_empty()), "{told:?}");
        assert!(told.iter().all(|line| line.split(' ').nth(1) == Some(event)), "{told:?}");
    }
}

#[test]
fn one_dispatch_tells_no_more_than_it_may() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    // One that answers each event with what causes the next.
    notifees.register(Scripted::with("a", &log, |cx, _| _ = connect(cx.network())));
    connect(&mut world);
    notifees.set_events_per_dispatch(3);
    assert_eq!(notifees.dispatch(&mut world), 3);
    log.expect(&["a connected c0.1", "a connected c1.1", "a connected c2.1"]);
    notifees.set_events_per_dispatch(0);
    assert_eq!(notifees.dispatch(&mut world), 1);
    log.expect(&["a connected c3.1"]);
    assert!(world.has_events());
}

/// However many they are; and what they cause meanwhile is for the next dispatch.
#[test]
fn a_dispatch_tells_all_that_wait_if_some_have_no_room() {
    let (log, mut notifees) = (Log::default(), Notifees::new());
    let mut world = Lifecycle::<256>::new(with(Limits::default(), |limits| limits.connections = 10_000));
    notifees.register(Scripted::<Lifecycle<256>>::with("a", &log, |cx, _| {
        let dialed = cx.network().begin_connection(Direction::Outbound).unwrap();
        cx.network().fail(dialed, Failure::Refused).unwrap();
    }));
    let fails = |world: &mut Lifecycle<256>| {
        let dialed = world.begin_connection(Direction::Outbound).unwrap();
        world.fail(dialed, Failure::Refused).unwrap();
    };
    (0..256).for_each(|_| fails(&mut world));
    notifees.set_events_per_dispatch(3);
    assert_eq!(notifees.dispatch(&mut world), 3, "nothing had found no room");
    (0..3_000).for_each(|_| fails(&mut world));
    let waiting = world.pending_events();
    assert!(waiting > 3_000, "{waiting}");
    assert_eq!(notifees.dispatch(&mut world), 3 + waiting);
    assert_eq!(world.pending_events(), waiting, "each has caused another");
    assert_eq!(log.take().len(), 6 + waiting);
}

#[test]
fn what_is_registered_can_be_got_by_its_type_and_id() {
    let (log, mut notifees) = (Log::default(), Notifees::<World>::new());
    let a = notifees.register(Scripted::new("a", &log));
    assert!(notifees.get(a).is_some());
    assert!(notifees.get(a.untyped().typed::<Log>()).is_none());
    notifees.get_mut(a).unwrap().at = Some(std::time::Duration::ZERO);
    assert!(notifees.get(a.untyped().typed::<Scripted<World>>()).unwrap().at.is_some());
    assert_eq!((notifees.len(), notifees.unregister(a), notifees.unregister(a)), (1, true, false));
    assert!(notifees.is_empty() && notifees.get(a).is_none());
    let b = notifees.register(Scripted::new("b", &log));
    assert_ne!(a, b, "an id never comes back");
}

#[test]
fn each_kind_is_none_of_the_others_and_all_are_in_all() {
    let kinds = [
        Interest::LISTEN,
        Interest::LISTEN_FAILED,
        Interest::LISTEN_CLOSE,
        Interest::CONNECTED,
        Interest::CONNECT_FAILED,
        Interest::DISCONNECTED,
        Interest::OPENED_STREAM,
        Interest::STREAM_FAILED,
        Interest::CLOSED_STREAM,
        Interest::STREAM_READY,
        Interest::ADDRESSES_CHANGED,
        Interest::TIME,
        Interest::EMITTED,
        Interest::REFUSED,
    ];
    for (n, kind) in kinds.into_iter().enumerate() {
        for (m, other) in kinds.into_iter().enumerate() {
            assert_eq!(kind.contains(other), n == m, "{kind:?} and {other:?}");
        }
        assert_eq!(Interest::EVENTS.contains(kind), n < 9, "{kind:?}");
    }
    assert_eq!(kinds.into_iter().fold(Interest::NONE, |all, kind| all | kind), Interest::ALL);
}

#[test]
fn a_kind_in_both_sets_is_in_their_union_and_intersection() {
    let (opens, connections) = (Interest::LISTEN | Interest::CONNECTED, Interest::CONNECTED | Interest::DISCONNECTED);
    assert_eq!(opens | connections, Interest::LISTEN | Interest::CONNECTED | Interest::DISCONNECTED);
    assert_eq!(opens & connections, Interest::CONNECTED);
    assert!(!opens.contains(connections) && opens.contains(Interest::CONNECTED) && opens.contains(Interest::NONE));
}

#[test]
fn those_who_care_are_told_in_order_whoever_comes_or_goes() {
    const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
    for caring in 0..1 << NAMES.len() {
        for gone in 0..NAMES.len() {
            let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
            let cares = |place: usize| caring & 1 << place != 0;
            let interest = |place| if cares(place) { Interest::CONNECTED } else { Interest::DISCONNECTED };
            let ids: Vec<_> = (0..NAMES.len())
                .map(|place| notifees.register(Scripted::<World>::new(NAMES[place], &log).only(interest(place))))
                .collect();
            assert!(notifees.unregister(ids[gone]));
            notifees.register(Scripted::<World>::new("f", &log));
            connect(&mut world);
            notifees.dispatch(&mut world);
            let told = (0..NAMES.len()).filter(|place| cares(*place) && *place != gone).map(|place| NAMES[place]);
            let told: Vec<_> = told.chain(["f"]).map(|name| format!("{name} connected c0.1")).collect();
            log.expect(&told);
        }
    }
}
