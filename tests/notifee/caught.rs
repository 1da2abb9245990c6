//! Notifees whose panics are caught.

use crate::support::driven::{Sim, Together};
use crate::support::scripted::{Log, Scripted};
use crate::support::sim::{Cut, ECHO};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionId, Direction, Event, Lifecycle, Limits, ListenerId, StreamId};
use swarm_notify::notifee::{
    CatchPanics, Interest, Notifee, NotifeeContext, NotifeePanic, Notifees, Notification, catch_panics,
};

type World = Lifecycle<8>;
type Panics = Rc<RefCell<Vec<NotifeePanic>>>;

/// Where panics are kept, and what keeps them.
fn panics() -> (Panics, impl FnMut(NotifeePanic) + 'static) {
    let panics = Panics::default();
    let kept = panics.clone();
    (panics, move |panic| kept.borrow_mut().push(panic))
}

/// What was told, and the message, of each since the last call.
fn taken(panics: &Panics) -> Vec<(Notification, String)> {
    panics.take().into_iter().map(|panic| (panic.told, panic.message)).collect()
}

fn world() -> World {
    Lifecycle::new(Limits::default())
}

fn connect(world: &mut World) -> ConnectionId {
    let connection = world.begin_connection(Direction::Inbound).unwrap();
    world.opened(connection).unwrap();
    connection
}

#[test]
fn who_panics_stays_and_others_are_told_in_the_same_call() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    let (kept, keep) = panics();
    notifees.register(Scripted::new("a", &log));
    let odd = Scripted::<World>::with("b", &log, |_, event| match event.id().to_string().as_str() {
        "c0.1" => panic!("a {}", "string"),
        "c1.1" => resume_unwind(Box::new("a str")),
        "c2.1" => resume_unwind(Box::new(7_u8)),
        _ => {}
    });
    let id = notifees.register(catch_panics(odd, keep));
    notifees.register(Scripted::new("c", &log));
    let connections = [(); 4].map(|()| connect(&mut world));
    assert_eq!(notifees.dispatch(&mut world), 4);
    let lines = (0..4).flat_map(|n| ["a", "b", "c"].map(|name| format!("{name} connected c{n}.1")));
    log.expect(&lines.collect::<Vec<_>>());
    let panics = kept.take();
    assert!(panics.iter().all(|panic| panic.notifee == id));
    assert_eq!(panics[2].payload.downcast_ref::<u8>(), Some(&7));
    let told = panics.into_iter().map(|panic| (panic.told, panic.message)).collect::<Vec<_>>();
    let event = |n: usize| Notification::Event(Event::Connected { connection: connections[n] });
    let messages = ["a string", "a str", "a panic without a message"];
    let expected: Vec<_> = messages.iter().enumerate().map(|(n, text)| (event(n), (*text).to_owned())).collect();
    assert_eq!(told, expected);
    assert_eq!(notifees.poll_at(), None, "nothing is left to be told");
    assert_eq!(notifees.len(), 3);
}

#[test]
fn what_it_asked_for_before_it_panicked_is_done() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    let (kept, keep) = panics();
    let inner = log.clone();
    let leaves = Scripted::<World>::with("a", &log, move |cx, _| {
        cx.register(Scripted::new("new", &inner));
        let this = cx.this();
        cx.unregister(this);
        panic!("I have gone");
    });
    notifees.register(catch_panics(leaves, keep));
    connect(&mut world);
    connect(&mut world);
    notifees.dispatch(&mut world);
    log.expect(&["a connected c0.1", "new connected c1.1"]);
    assert_eq!((taken(&kept).len(), notifees.len()), (1, 1));
}

#[test]
fn a_panic_in_a_replay_does_not_keep_it_from_being_registered() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    let (kept, keep) = panics();
    [(); 2].iter().for_each(|()| _ = connect(&mut world));
    notifees.dispatch(&mut world);
    let late = Scripted::<World>::with("late", &log, |cx, _| assert!(!cx.is_replay(), "I come late"));
    let id = notifees.register_and_replay(&mut world, catch_panics(late, keep));
    connect(&mut world);
    notifees.dispatch(&mut world);
    log.expect(&["late connected c0.1", "late connected c1.1", "late connected c2.1"]);
    assert_eq!(
        kept.take().iter().map(|panic| (panic.notifee, panic.message.as_str())).collect::<Vec<_>>(),
        [(id.untyped(), "I come late"), (id.untyped(), "I come late")]
    );
}

/// Panics wherever it is told to.
#[derive(Default)]
struct Brittle {
    interest: bool,
    poll_at: bool,
    everything: bool,
    ticks: usize,
    at: Option<Duration>,
}

impl<N> Notifee<N> for Brittle {
    fn interest(&self) -> Interest {
        assert!(!self.interest, "no interest");
        Interest::ALL
    }

    fn connected(&mut self, _: &mut NotifeeContext<'_, N>, _: ConnectionId) {
        assert!(!self.everything, "connected");
    }

    fn stream_ready(&mut self, _: &mut NotifeeContext<'_, N>, _: StreamId, _: bool, _: bool) {
        assert!(!self.everything, "ready");
    }

    fn addresses_changed(&mut self, _: &mut NotifeeContext<'_, N>, _: ListenerId) {
        assert!(!self.everything, "changed");
    }

    fn poll_at(&self) -> Option<Duration> {
        assert!(!self.poll_at, "no time");
        self.at
    }

    fn tick(&mut self, _: &mut NotifeeContext<'_, N>) {
        self.ticks += 1;
        assert!(!self.everything, "tick");
        self.at = None;
    }
}

#[test]
fn a_panic_in_interest_goes_to_the_caller_and_registers_nothing() {
    let mut notifees = Notifees::<World>::new();
    let (kept, keep) = panics();
    let brittle = catch_panics(Brittle { interest: true, ..Brittle::default() }, keep);
    assert!(catch_unwind(AssertUnwindSafe(|| notifees.register(brittle))).is_err());
    assert!(notifees.is_empty() && kept.take().is_empty());
}

#[test]
fn a_panic_of_the_report_is_one_of_a_plain_notifee() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    notifees.register(catch_panics(Brittle { everything: true, ..Brittle::default() }, |panic| panic!("{panic}")));
    notifees.register(Scripted::new("b", &log));
    connect(&mut world);
    assert!(catch_unwind(AssertUnwindSafe(|| notifees.dispatch(&mut world))).is_err());
    log.expect::<&str>(&[]);
    notifees.dispatch(&mut world);
    log.expect(&["b connected c0.1"]);
}

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Two nodes that are connected, and the brittle one at the second.
fn with_brittle(
    brittle: Brittle,
) -> (Together<256, 2>, swarm_notify::notifee::NotifeeId<CatchPanics<Brittle>>, Panics) {
    let mut pair = Together::new(Cut::Whole);
    pair.connect();
    let (kept, keep) = panics();
    let id = pair.all[1].notifees.register(catch_panics(brittle, keep));
    (pair, id, kept)
}

fn drive(pair: &mut Together<256, 2>, now: Duration) -> Option<Duration> {
    pair.now = now;
    pair.turn();
    pair.all[1].notifees.poll_at()
}

#[test]
fn a_tick_that_panics_pauses_for_a_second_or_until_an_event() {
    let due = Brittle { everything: true, at: Some(secs(10)), ..Brittle::default() };
    let (mut pair, id, kept) = with_brittle(due);
    assert_eq!(drive(&mut pair, secs(9)), Some(secs(10)));
    assert_eq!(drive(&mut pair, secs(10)), Some(secs(11)), "its deadline is where it was");
    assert_eq!(taken(&kept), [(Notification::Tick, "tick".to_owned())]);
    assert_eq!(drive(&mut pair, secs(10)), Some(secs(11)));
    assert_eq!(taken(&kept), []);
    // The pause is over: it is asked again, and is due at once.
    drive(&mut pair, secs(11));
    drive(&mut pair, secs(11));
    assert_eq!(taken(&kept), [(Notification::Tick, "tick".to_owned())]);
    let connection = pair.all[1].swarm.dial(crate::support::sim::Host(1).at(4000)).unwrap();
    pair.settle();
    let told = taken(&kept);
    assert_eq!(told[0].0, Notification::Event(Event::Connected { connection }));
    assert_eq!(told[1].0, Notification::Tick, "it was told of something else");
    let brittle = pair.all[1].notifees.get_mut::<CatchPanics<Brittle>>(id).unwrap();
    assert_eq!(brittle.get_ref().ticks, 3);
    *brittle.get_mut() = Brittle::default();
    pair.settle();
    drive(&mut pair, secs(20));
    assert_eq!((drive(&mut pair, secs(20)), taken(&kept)), (None, vec![]), "it is well again");
}

#[test]
fn a_panic_of_poll_at_is_reported_by_the_next_tick_and_pauses() {
    let (mut pair, id, kept) = with_brittle(Brittle { poll_at: true, at: Some(secs(30)), ..Brittle::default() });
    assert_eq!(pair.all[1].notifees.poll_at(), Some(Duration::ZERO));
    assert_eq!(pair.all[1].notifees.poll_at(), Some(Duration::ZERO), "it is still to be reported");
    assert_eq!(taken(&kept), []);
    assert_eq!(drive(&mut pair, secs(10)), Some(secs(11)));
    assert_eq!(taken(&kept), [(Notification::PollAt, "no time".to_owned())]);
    drive(&mut pair, secs(11));
    assert_eq!(drive(&mut pair, secs(11)), Some(secs(12)));
    assert_eq!(taken(&kept), [(Notification::PollAt, "no time".to_owned())]);
    let brittle = pair.all[1].notifees.get_mut::<CatchPanics<Brittle>>(id).unwrap();
    brittle.get_mut().poll_at = false;
    assert_eq!(brittle.get_ref().ticks, 0, "whose time nobody knows is not ticked");
    assert_eq!(drive(&mut pair, secs(12)), Some(secs(30)), "it is asked again");
    drive(&mut pair, secs(30));
    assert_eq!(pair.all[1].notifees.get::<CatchPanics<Brittle>>(id).unwrap().get_ref().ticks, 1);
}

#[test]
fn what_is_ready_is_reported_as_such() {
    let (mut pair, _, kept) = with_brittle(Brittle { everything: true, ..Brittle::default() });
    let connection = pair.all[1].swarm.connections().next().unwrap();
    let stream = pair.all[1].swarm.open_stream(connection, &[ECHO]).unwrap();
    pair.settle();
    let other = pair.all[0].swarm.connections().next().unwrap();
    let theirs = pair.all[0].swarm.streams_of(other).next().unwrap();
    pair.all[0].swarm.write(theirs, b"hello").unwrap();
    pair.settle();
    let told = taken(&kept);
    let (Notification::StreamReady { stream: ready, readable, .. }, message) = told.last().unwrap() else { panic!() };
    assert_eq!((*ready, *readable, message.as_str()), (stream, true, "ready"));
    assert_eq!(told.last().unwrap().0.to_string(), format!("stream_ready {stream}"));
    assert_eq!(pair.all[1].swarm.read(stream, &mut [0; 8]), Ok(5), "nobody has read it");
}

/// A wrapped notifee is taken out again, as it was.
#[test]
fn the_notifee_inside_can_be_had() {
    let log = Log::default();
    let caught = catch_panics(Scripted::<Sim<8>>::new("inside", &log), |_| {});
    let mut inside: Scripted<Sim<8>> = caught.into_inner();
    inside.at = Some(Duration::ZERO);
}
