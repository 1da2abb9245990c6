//! Events that notifees emit: told to all others, in their place in the order, and bounded.

use crate::registry::{World, connect, open, world};
use crate::support::scripted::Log;
use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId, State, StreamId};
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext, NotifeeId, Notifees, Notification, catch_panics};

type Act = Box<dyn FnMut(&mut NotifeeContext<'_, World>, &str)>;

/// Writes down what it is told of connections and streams, and the texts that others emit; then it acts.
struct Hears {
    name: &'static str,
    interest: Interest,
    log: Log,
    act: Act,
}

impl Hears {
    fn new(name: &'static str, log: &Log) -> Self {
        Self::with(name, log, |_, _| {})
    }

    fn with(name: &'static str, log: &Log, act: impl FnMut(&mut NotifeeContext<'_, World>, &str) + 'static) -> Self {
        let interest = Interest::CONNECTED | Interest::DISCONNECTED | Interest::OPENED_STREAM | Interest::EMITTED;
        Self { name, interest, log: log.clone(), act: Box::new(act) }
    }

    fn only(self, interest: Interest) -> Self {
        Self { interest, ..self }
    }

    fn told(&mut self, cx: &mut NotifeeContext<'_, World>, what: &str) {
        self.log.write(format!("{} {what}", self.name));
        (self.act)(cx, what);
    }
}

impl Notifee<World> for Hears {
    fn interest(&self) -> Interest {
        self.interest
    }

    fn connected(&mut self, cx: &mut NotifeeContext<'_, World>, connection: ConnectionId) {
        self.told(cx, &format!("connected {connection}"));
    }

    fn disconnected(&mut self, cx: &mut NotifeeContext<'_, World>, connection: ConnectionId, _: ConnectionEnd) {
        self.told(cx, &format!("disconnected {connection}"));
    }

    fn opened_stream(&mut self, cx: &mut NotifeeContext<'_, World>, _: ConnectionId, stream: StreamId) {
        self.told(cx, &format!("opened_stream {stream}"));
    }

    fn emitted(&mut self, cx: &mut NotifeeContext<'_, World>, from: NotifeeId, event: &dyn Any) {
        assert_ne!(from, cx.this());
        if let Some(text) = event.downcast_ref::<String>() {
            self.told(cx, text);
        }
    }
}

/// Emits a text about each connection and stream that opens or ends.
fn speaker(log: &Log) -> Hears {
    let speaks = |cx: &mut NotifeeContext<'_, World>, what: &str| {
        if what.contains("connected") || what.contains("opened_stream") {
            cx.emit(format!("heard of {what}"));
        }
    };
    Hears::with("speaker", log, speaks)
}

#[test]
fn an_emission_comes_between_the_event_and_the_next_one() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    notifees.register(Hears::new("a", &log));
    notifees.register(speaker(&log));
    notifees.register(Hears::new("b", &log));
    let connection = connect(&mut world);
    open(&mut world, connection);
    assert_eq!(notifees.dispatch(&mut world), 4, "emissions count");
    let all = |what: &str| ["a", "speaker", "b"].map(|name| format!("{name} {what}"));
    let others = |what: &str| ["a", "b"].map(|name| format!("{name} heard of {what}"));
    log.expect(
        &[
            &all("connected c0.1")[..],
            &others("connected c0.1"),
            &all("opened_stream s0.1"),
            &others("opened_stream s0.1"),
        ]
        .concat(),
    );
}

#[test]
fn what_a_closing_event_names_can_be_looked_up_in_its_emission() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    notifees.register(speaker(&log));
    let (seen, ids) = (Rc::new(Cell::new(None)), Rc::new(Cell::new(None)));
    let (found, named) = (Rc::clone(&seen), Rc::clone(&ids));
    notifees.register(
        Hears::with("a", &log, move |cx, _| {
            assert_eq!(cx.network().next_event(), None);
            found.set(cx.network().state(named.get().expect("it is set")));
        })
        .only(Interest::EMITTED),
    );
    let connection = connect(&mut world);
    ids.set(Some(connection));
    world.end_connection(connection, ConnectionEnd::Idle).unwrap();
    notifees.dispatch(&mut world);
    assert_eq!(seen.get(), Some(State::Ended));
    let told = ["speaker connected c0.1", "a heard of connected c0.1"];
    let ended = ["speaker disconnected c0.1", "a heard of disconnected c0.1"];
    log.expect(&[told, ended].concat());
}

#[test]
fn an_event_that_nobody_else_hears_is_dropped_at_once() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    let left = Rc::new(Cell::new(None::<(bool, usize)>));
    let seen = Rc::clone(&left);
    // It would hear others, and not itself.
    notifees.register(Hears::with("speaker", &log, move |cx, _| {
        let event = Rc::new(());
        cx.emit(Rc::clone(&event));
        seen.set(Some((cx.is_heard(), Rc::strong_count(&event))));
    }));
    let deaf = notifees.register(Hears::new("deaf", &log).only(Interest::EVENTS));
    connect(&mut world);
    assert_eq!((notifees.dispatch(&mut world), left.take()), (1, Some((false, 1))));
    notifees.register(Hears::new("hears", &log));
    notifees.unregister(deaf);
    connect(&mut world);
    assert_eq!((notifees.dispatch(&mut world), left.take()), (2, Some((true, 2))));
}

#[test]
fn who_comes_after_an_emission_or_leaves_is_not_told_of_it() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    let (inner, leaver) = (log.clone(), Rc::new(Cell::new(None::<NotifeeId>)));
    let leaves = Rc::clone(&leaver);
    notifees.register(Hears::with("speaker", &log, move |cx, what| {
        if what.starts_with("connected") {
            cx.register(Hears::new("before", &inner));
            cx.emit(format!("of {what}"));
            cx.register(Hears::new("behind", &inner));
            cx.unregister(leaves.get().expect("it is set"));
        }
    }));
    leaver.set(Some(notifees.register(Hears::new("leaver", &log)).untyped()));
    notifees.register(Hears::new("a", &log));
    connect(&mut world);
    notifees.dispatch(&mut world);
    log.expect(&["speaker connected c0.1", "a connected c0.1", "a of connected c0.1", "before of connected c0.1"]);
}

#[test]
fn an_emission_of_one_that_has_left_is_told() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    notifees.register(Hears::with("speaker", &log, |cx, what| {
        cx.emit(format!("of {what}"));
        let this = cx.this();
        cx.unregister(this);
    }));
    notifees.register(Hears::new("a", &log));
    connect(&mut world);
    notifees.dispatch(&mut world);
    log.expect(&["speaker connected c0.1", "a connected c0.1", "a of connected c0.1"]);
}

#[test]
fn notifees_that_answer_each_other_are_told_so_much_a_dispatch() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    for name in ["a", "b"] {
        notifees.register(Hears::with(name, &log, move |cx, _| cx.emit(String::from(name))));
    }
    notifees.set_events_per_dispatch(5);
    connect(&mut world);
    assert_eq!(notifees.dispatch(&mut world), 5);
    let first = ["a connected c0.1", "b connected c0.1", "b a", "a b", "a b", "b a"];
    log.expect(&first);
    assert_eq!(notifees.poll_at(), Some(Duration::ZERO));
    connect(&mut world);
    assert_eq!(notifees.dispatch(&mut world), 5);
    log.expect(&["a connected c1.1", "b connected c1.1", "b a", "a b", "b a", "a b"]);
}

#[test]
fn endless_answers_take_turns_with_the_networks_events() {
    for most in 1..5 {
        let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
        for name in ["a", "b"] {
            notifees.register(Hears::with(name, &log, move |cx, _| cx.emit(String::from(name))));
        }
        notifees.set_events_per_dispatch(most);
        notifees.set_emission_capacity(4);
        connect(&mut world);
        notifees.dispatch(&mut world);
        log.take();
        (0..5).for_each(|_| _ = connect(&mut world));
        // Between two events at most the four answers that may wait.
        let dispatches = (5 * 5_usize).div_ceil(most);
        (0..dispatches).for_each(|_| _ = notifees.dispatch(&mut world));
        let told = log.take();
        let count = |text: &str| told.iter().filter(|line| line.starts_with(text)).count();
        assert_eq!((count("a connected"), count("b connected")), (5, 5), "{most} a dispatch: {told:?}");
        assert!(count("a b") >= 5 && count("b a") >= 5, "the answers go on: {told:?}");
    }
}

#[test]
fn a_full_queue_drops_what_is_emitted_and_counts_it() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    notifees.set_emission_capacity(2);
    let rooms = Log::default();
    let seen = rooms.clone();
    notifees.register(Hears::with("speaker", &log, move |cx, _| {
        for n in 0..5 {
            seen.write(cx.room_to_emit().to_string());
            cx.emit(n.to_string());
        }
    }));
    notifees.register(Hears::new("a", &log).only(Interest::EMITTED));
    for dropped in [3, 6] {
        connect(&mut world);
        notifees.dispatch(&mut world);
        assert_eq!(log.take()[1..], ["a 0", "a 1"]);
        assert_eq!(notifees.emissions_dropped(), dropped);
        rooms.expect(&["2", "1", "0", "0", "0"]);
    }
}

#[test]
fn a_panic_at_an_emission_keeps_no_other_from_being_told() {
    struct Deliberate;
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    notifees.register(speaker(&log));
    notifees.register(Hears::new("a", &log).only(Interest::EMITTED));
    let panics = Hears::with("panics", &log, |_, _| resume_unwind(Box::new(Deliberate)));
    notifees.register(panics.only(Interest::EMITTED));
    notifees.register(Hears::new("b", &log).only(Interest::EMITTED));
    connect(&mut world);
    let caught = catch_unwind(AssertUnwindSafe(|| notifees.dispatch(&mut world)));
    assert!(caught.is_err_and(|payload| payload.is::<Deliberate>()));
    log.expect(&["speaker connected c0.1", "a heard of connected c0.1", "panics heard of connected c0.1"]);
    assert_eq!(notifees.poll_at(), Some(Duration::ZERO), "there is something left to tell");
    // Who comes meanwhile is not told, and the next event waits.
    notifees.register(Hears::new("late", &log).only(Interest::EMITTED));
    connect(&mut world);
    let caught = catch_unwind(AssertUnwindSafe(|| notifees.dispatch(&mut world)));
    assert!(caught.is_err(), "at the next emission");
    let second = ["a", "panics"].map(|name| format!("{name} heard of connected c1.1"));
    log.expect(&[&["b heard of connected c0.1".into(), "speaker connected c1.1".into()], &second[..]].concat());
    notifees.dispatch(&mut world);
    log.expect(&["b heard of connected c1.1", "late heard of connected c1.1"]);
}

#[test]
fn a_caught_panic_at_an_emission_names_its_source() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    let source = notifees.register(speaker(&log));
    let panics = Hears::with("panics", &log, |_, _| panic!("no"));
    let (told, reported) = (Rc::new(Cell::new(None)), Rc::new(Cell::new(0)));
    let (last, count) = (Rc::clone(&told), Rc::clone(&reported));
    notifees.register(catch_panics(panics.only(Interest::EMITTED), move |panic| {
        last.set(Some(panic.told));
        count.set(count.get() + 1);
    }));
    notifees.register(Hears::new("b", &log).only(Interest::EMITTED));
    connect(&mut world);
    notifees.dispatch(&mut world);
    let heard = "heard of connected c0.1";
    log.expect(&["speaker connected c0.1".into(), format!("panics {heard}"), format!("b {heard}")]);
    assert_eq!((told.take(), reported.get()), (Some(Notification::Emitted { from: source.untyped() }), 1));
}

#[test]
fn what_the_last_event_leaves_is_pending_until_it_is_told() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    notifees.register(speaker(&log));
    notifees.register(Hears::new("b", &log).only(Interest::EMITTED));
    notifees.set_events_per_dispatch(1);
    assert!(!notifees.has_pending());
    connect(&mut world);
    notifees.dispatch(&mut world);
    log.expect(&["speaker connected c0.1"]);
    assert!(notifees.has_pending());
    notifees.dispatch(&mut world);
    log.expect(&["b heard of connected c0.1"]);
    assert!(!notifees.has_pending());
}
