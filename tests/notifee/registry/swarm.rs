//! The same on whole swarms: commands of every kind while being told, what is ready, and time.

use crate::support::driven::{Driven, Sim, Together};
use crate::support::scripted::{Log, Scripted};
use crate::support::sim::{Cut, ECHO, Host};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use swarm_notify::connection::ReadError;
use swarm_notify::lifecycle::{Event, Id, ListenerId, StreamId};
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext};

/// Reads, and gives back what it reads, and its end.
struct Echo {
    log: Log,
    gives_back: bool,
}

impl<const EVENTS: usize> Notifee<Sim<EVENTS>> for Echo {
    fn interest(&self) -> Interest {
        Interest::STREAM_READY
    }

    fn stream_ready(&mut self, cx: &mut NotifeeContext<'_, Sim<EVENTS>>, stream: StreamId, _: bool, _: bool) {
        assert_eq!(cx.network().next_ready(), None, "what is being told is handled first");
        let mut buffer = [0; 64];
        loop {
            match cx.network().read(stream, &mut buffer) {
                Ok(0) => {
                    let _ = cx.network().finish(stream);
                    return;
                }
                Ok(_) if !self.gives_back => {}
                Ok(n) => assert_eq!(cx.network().write(stream, &buffer[..n]), Ok(n)),
                Err(ReadError::Blocked) => return,
                Err(error) => return self.log.write(error.to_string()),
            }
        }
    }
}

fn at_each_size(run: impl Fn(Cut)) {
    for cut in [Cut::Whole, Cut::One, Cut::Random] {
        run(cut);
    }
}

/// Dial, open a stream, write, read, close the connection, dial again: all from inside notifications.
fn one_thing_leads_to_the_next<const EVENTS: usize>(cut: Cut) {
    let (log, server) = (Log::default(), Log::default());
    let mut together = Together::<EVENTS, 2>::new(cut);
    together.all[0].notifees.register(Echo { log: server.clone(), gives_back: true });
    together.all[0].notifees.register(Scripted::new("server", &server));
    together.all[1].notifees.register(Echo { log: log.clone(), gives_back: false });
    let mut rounds = 0;
    let client = Scripted::<Sim<EVENTS>>::with("client", &log, move |cx, event| match event {
        Event::Connected { connection } => {
            let stream = cx.network().open_stream(connection, &[ECHO]).unwrap();
            assert_eq!(cx.network().write(stream, b"hello"), Ok(5));
            cx.network().finish(stream).unwrap();
        }
        Event::ClosedStream { connection, stream, .. } => {
            let view = cx.network().stream(stream).expect("it can be looked up");
            assert_eq!((view.sent, view.received), (5, 5));
            cx.network().close_connection(connection).unwrap();
        }
        Event::Disconnected { connection, .. } => {
            assert!(cx.network().connection(connection).is_some_and(|view| view.peer.is_some()));
            rounds += 1;
            match rounds {
                3 => cx.network().shutdown(),
                _ => drop(cx.network().dial(Host(1).at(4000)).unwrap()),
            }
        }
        Event::OpenedStream { .. }
        | Event::Listen { .. }
        | Event::ListenFailed { .. }
        | Event::ListenClose { .. }
        | Event::ConnectFailed { .. }
        | Event::StreamFailed { .. } => {}
    });
    together.all[1].notifees.register(client);
    together.connect();
    let round = |name: &str, connection: &str, stream: &str| {
        ["connected", "opened_stream", "closed_stream", "disconnected"].map(|event| {
            let id = if event.ends_with("stream") { stream } else { connection };
            format!("{name} {event} {id}")
        })
    };
    // While its end is told, a connection keeps its slot.
    let rounds = [round("client", "c0.1", "s0.1"), round("client", "c1.1", "s0.2"), round("client", "c0.2", "s0.3")];
    log.expect(&rounds.concat());
    let rounds = [1, 2, 3].map(|n| round("server", &format!("c0.{n}"), &format!("s0.{n}")));
    server.expect(&[vec!["server listen l0.1".to_owned()], rounds.concat()].concat());
    assert!(together.all[1].swarm.is_shut_down());
}

#[test]
fn any_command_can_be_given_inside() {
    at_each_size(one_thing_leads_to_the_next::<1>);
    at_each_size(one_thing_leads_to_the_next::<2>);
    at_each_size(one_thing_leads_to_the_next::<256>);
}

/// Closes everything as soon as it is told of.
fn what_is_told_of_is_closed<const EVENTS: usize>(cut: Cut) {
    let (log, other) = (Log::default(), Log::default());
    let mut together = Together::<EVENTS, 2>::new(cut);
    let closer = Scripted::<Sim<EVENTS>>::with("a", &log, |cx, event| {
        if event.is_last() {
            return;
        }
        match event.id() {
            Id::Listener(_) => {}
            Id::Connection(connection) => {
                for _ in 0..3 {
                    cx.network().open_stream(connection, &[ECHO]).unwrap();
                }
            }
            Id::Stream(stream) => cx.network().reset(stream).unwrap(),
        }
    });
    together.all[1].notifees.register(closer);
    // The other is told all the same, and can look it up.
    let look = Scripted::<Sim<EVENTS>>::with("b", &log, |cx, event| {
        let is_there = match event.id() {
            Id::Listener(id) => cx.network().listener(id).is_some(),
            Id::Connection(id) => cx.network().connection(id).is_some(),
            Id::Stream(id) => cx.network().stream(id).is_some(),
        };
        assert!(is_there, "{event:?}");
    });
    together.all[1].notifees.register(look);
    let close_listener = Scripted::<Sim<EVENTS>>::with("server", &other, |cx, event| match event {
        Event::Disconnected { .. } => {
            let listeners: Vec<ListenerId> = cx.network().listeners().collect();
            listeners.into_iter().for_each(|id| cx.network().close_listener(id).unwrap());
        }
        Event::Listen { .. }
        | Event::ListenFailed { .. }
        | Event::ListenClose { .. }
        | Event::Connected { .. }
        | Event::ConnectFailed { .. }
        | Event::OpenedStream { .. }
        | Event::StreamFailed { .. }
        | Event::ClosedStream { .. } => {}
    });
    together.all[0].notifees.register(close_listener);
    together.connect();
    let (told, both) = (log.take(), ["connected c0.1", "opened_stream s", "closed_stream s"]);
    for (event, times) in both.into_iter().zip([1, 3, 3]) {
        for name in ["a", "b"] {
            let lines = told.iter().filter(|line| line.starts_with(&format!("{name} {event}"))).count();
            assert_eq!(lines, times, "{name} {event} of {told:#?}");
        }
    }
    assert_eq!(told.len(), 14);
    let connection = together.all[1].swarm.connections().next().unwrap();
    together.all[1].swarm.abort_connection(connection).unwrap();
    together.settle();
    log.expect(&["a disconnected c0.1", "b disconnected c0.1"]);
    let told = other.take();
    assert_eq!(told[told.len() - 2..], ["server disconnected c0.1", "server listen_close l0.1"]);
}

#[test]
fn what_is_told_of_can_be_closed_inside() {
    at_each_size(what_is_told_of_is_closed::<1>);
    at_each_size(what_is_told_of_is_closed::<256>);
}

#[test]
fn inside_a_swarm_nothing_is_next_or_ready_until_all_are_told() {
    let (log, mut together) = (Log::default(), Together::<8, 2>::new(Cut::Whole));
    together.connect();
    let Driven { swarm, notifees } = &mut together.all[1];
    for name in ["a", "b"] {
        let look = |cx: &mut NotifeeContext<'_, Sim<8>>, event: Event| {
            assert_eq!((cx.network().next_event(), cx.network().next_ready()), (None, None), "{event:?}");
        };
        notifees.register(Scripted::with(name, &log, look));
    }
    // Three that fail at once, so that the next event is there while the first is told.
    let failures = [7, 8, 9].map(|port| swarm.dial(format!("/memory/{port}").parse().unwrap()).unwrap());
    assert_eq!(notifees.dispatch(swarm), failures.len());
    log.expect(&failures.map(|id| ["a", "b"].map(|name| format!("{name} connect_failed {id}"))).concat());
    assert_eq!(swarm.next_event(), None);
    assert!(swarm.connection(failures[2]).is_none(), "and no longer");
}

/// Writes down what is ready, and leaves it so.
struct Witness(Log);

impl<const EVENTS: usize> Notifee<Sim<EVENTS>> for Witness {
    fn interest(&self) -> Interest {
        Interest::STREAM_READY
    }

    fn stream_ready(&mut self, cx: &mut NotifeeContext<'_, Sim<EVENTS>>, stream: StreamId, _: bool, _: bool) {
        assert_eq!(cx.network().next_ready(), None);
        self.0.write(stream.to_string());
    }
}

#[test]
fn one_drive_tells_of_no_more_readiness_than_it_may() {
    let (log, mut together) = (Log::default(), Together::<256, 2>::new(Cut::Whole));
    together.connect();
    let connection = together.all[1].swarm.connections().next().unwrap();
    for _ in 0..8 {
        let stream = together.all[1].swarm.open_stream(connection, &[ECHO]).unwrap();
        together.all[1].swarm.write(stream, b"hello").unwrap();
    }
    // Nobody drains meanwhile.
    for _ in 0..100 {
        together.all.iter_mut().for_each(|node| node.swarm.tick(together.now));
        if together.network.deliver(together.now) {
            continue;
        }
        together.now = together.network.next_arrival().unwrap_or(together.now);
        together.network.advance_to(together.now);
    }
    let Driven { swarm, notifees } = &mut together.all[0];
    assert_eq!(std::iter::from_fn(|| swarm.next_event()).count(), 8);
    notifees.register(Witness(log.clone()));
    notifees.set_events_per_dispatch(3);
    let told = [3, 3, 2, 0].map(|_| {
        notifees.drive(swarm, Duration::ZERO);
        (log.take().len(), notifees.poll_at())
    });
    assert_eq!(told, [(3, Some(Duration::ZERO)), (3, Some(Duration::ZERO)), (2, None), (0, None)]);
}

/// Ticks when its time has come, and then asks for the next times.
struct Timer {
    name: &'static str,
    log: Log,
    times: Vec<u64>,
    panics: bool,
}

impl<const EVENTS: usize> Notifee<Sim<EVENTS>> for Timer {
    fn interest(&self) -> Interest {
        Interest::TIME
    }

    fn poll_at(&self) -> Option<Duration> {
        self.times.first().map(|time| Duration::from_secs(*time))
    }

    fn tick(&mut self, cx: &mut NotifeeContext<'_, Sim<EVENTS>>) {
        self.log.write(format!("{} {}", self.name, cx.now().as_secs()));
        if self.panics {
            std::panic::resume_unwind(Box::new(()));
        }
        self.times.remove(0);
    }
}

#[test]
fn time_comes_to_those_who_asked_for_it_and_to_none_twice() {
    let log = Log::default();
    let mut together = Together::<8, 1>::new(Cut::Whole);
    let [node] = &mut together.all;
    for (name, times) in [("a", vec![1, 5]), ("b", vec![3]), ("c", vec![])] {
        node.notifees.register(Timer { name, log: log.clone(), times, panics: false });
    }
    let mut times = Vec::new();
    while let Some(at) = node.notifees.poll_at() {
        times.push(at.as_secs());
        node.notifees.drive(&mut node.swarm, at);
        node.notifees.drive(&mut node.swarm, at);
    }
    assert_eq!(times, [1, 3, 5]);
    log.expect(&["a 1", "b 3", "a 5"]);
    node.notifees.drive(&mut node.swarm, Duration::ZERO);
}

#[test]
fn one_that_panics_at_each_tick_takes_no_time_from_the_others() {
    let log = Log::default();
    let mut together = Together::<8, 1>::new(Cut::Whole);
    let [node] = &mut together.all;
    for (name, panics) in [("a", false), ("b", true), ("c", false), ("d", true), ("e", false)] {
        node.notifees.register(Timer { name, log: log.clone(), times: vec![1, 1_000], panics });
    }
    let mut drive = || {
        let drive = || node.notifees.drive(&mut node.swarm, Duration::from_secs(1));
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(drive)).is_ok()
    };
    assert_eq!([drive(), drive()], [false; 2]);
    log.expect(&["a 1", "b 1", "c 1", "d 1"]);
    assert!(!drive());
    log.expect(&["e 1", "b 1"]);
}

#[test]
fn what_one_drive_leaves_the_next_one_tells_and_says_so() {
    let (log, rounds) = (Log::default(), Rc::new(RefCell::new(0)));
    let mut together = Together::<8, 1>::new(Cut::Whole);
    let [node] = &mut together.all;
    let count = rounds.clone();
    // Each failure is answered with a dial that fails at once.
    let redial = Scripted::<Sim<8>>::with("a", &log, move |cx, _| {
        *count.borrow_mut() += 1;
        cx.network().dial("/memory/1".parse().unwrap()).unwrap();
    });
    node.notifees.register(redial);
    node.notifees.set_events_per_dispatch(3);
    node.swarm.dial("/memory/1".parse().unwrap()).unwrap();
    node.swarm.tick(Duration::ZERO);
    for round in 1..4 {
        node.notifees.drive(&mut node.swarm, Duration::ZERO);
        assert_eq!((*rounds.borrow(), node.notifees.poll_at()), (3 * round, Some(Duration::ZERO)));
    }
}

#[test]
fn what_a_tick_causes_is_told_in_the_same_drive_if_it_fits() {
    let log = Log::default();
    let mut together = Together::<8, 1>::new(Cut::Whole);
    let [node] = &mut together.all;
    node.notifees.register(Scripted::new("a", &log));
    node.notifees.register(Dialer(4));
    node.notifees.set_events_per_dispatch(3);
    let told = [3, 1].map(|_| {
        node.notifees.drive(&mut node.swarm, Duration::ZERO);
        (log.take().len(), node.notifees.poll_at())
    });
    assert_eq!(told, [(3, Some(Duration::ZERO)), (1, None)]);
}

/// Dials so often in one tick, and in vain.
struct Dialer(usize);

impl<const EVENTS: usize> Notifee<Sim<EVENTS>> for Dialer {
    fn interest(&self) -> Interest {
        Interest::TIME
    }

    fn poll_at(&self) -> Option<Duration> {
        (self.0 > 0).then_some(Duration::ZERO)
    }

    fn tick(&mut self, cx: &mut NotifeeContext<'_, Sim<EVENTS>>) {
        for _ in 0..std::mem::take(&mut self.0) {
            cx.network().dial("/memory/1".parse().unwrap()).unwrap();
        }
    }
}

#[test]
fn time_is_told_after_events_but_does_not_wait_for_ever() {
    let log = Log::default();
    let mut together = Together::<8, 1>::new(Cut::Whole);
    let [node] = &mut together.all;
    let fail = |swarm: &mut Sim<8>| _ = swarm.dial("/memory/1".parse().unwrap()).unwrap();
    let drive = |node: &mut Driven<8>| {
        node.notifees.drive(&mut node.swarm, Duration::from_secs(1));
        log.take().concat()
    };
    let listener = node.notifees.register(Scripted::new("a", &log));
    node.notifees.register(Timer { name: "timer", log: log.clone(), times: vec![1, 1], panics: false });
    node.notifees.set_events_per_dispatch(1);
    (0..3).for_each(|_| fail(&mut node.swarm));
    let told: Vec<_> = (0..4).map(|_| drive(node)).collect();
    let expected = [0, 1, 2].map(|n| format!("a connect_failed c{n}.1"));
    assert_eq!((&told[..3], told[3].as_str()), (&expected[..], "timer 1"));
    // Each failure is answered with a dial that fails at once.
    node.notifees.unregister(listener);
    node.notifees.register(Scripted::<Sim<8>>::with("b", &log, move |cx, _| fail(cx.network())));
    fail(&mut node.swarm);
    let told: Vec<_> = (0..100).map(|_| drive(node)).collect();
    assert_eq!(told.iter().position(|line| line.contains("timer")), Some(15), "in the 16th drive: {told:?}");
}
