//! The owner who drives sees what notifees have been told, last and once, and commands from there.

use crate::support::driven::{Driven, Sim, Together};
use crate::support::scripted::{Log, Scripted};
use crate::support::sim::{Cut, ECHO};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;
use swarm_notify::lifecycle::Event;
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext, Occurrence};
use swarm_notify::swarm::Readiness;

const NOW: Duration = Duration::ZERO;

/// One swarm that listens, whose `Listen` waits to be told.
fn listening() -> Together<8, 1> {
    let mut together = Together::new(Cut::Whole);
    let swarm = &mut together.all[0].swarm;
    swarm.listen(crate::support::sim::Host(1).at(4000)).unwrap();
    swarm.tick(NOW);
    together
}

fn panics<R>(work: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(work)).is_err()
}

#[test]
fn the_owner_sees_each_event_last_and_can_look_it_up() {
    let (log, mut together) = (Log::default(), listening());
    let [Driven { swarm, notifees }] = &mut together.all;
    swarm.listen(crate::support::sim::Host(1).at(4001)).unwrap();
    swarm.tick(NOW);
    notifees.register(Scripted::new("a", &log));
    notifees.register(Scripted::new("b", &log));
    notifees.drive_with(swarm, NOW, |swarm, event| {
        assert_eq!(swarm.next_event(), None, "one thing is told at a time");
        let Event::Listen { listener } = event else { panic!("{event:?}") };
        log.write(format!("owner {} {:?}", event.name(), swarm.listener(listener).unwrap().addresses.len()));
        // Told later, in the same call: nothing is left.
        swarm.close_listener(listener).unwrap();
    });
    log.expect(&[
        "a listen l0.1",
        "b listen l0.1",
        "owner listen 1",
        "a listen l1.1",
        "b listen l1.1",
        "owner listen 1",
    ]);
    assert!(!notifees.has_pending());
    swarm.tick(NOW);
    notifees.drive_with(swarm, NOW, |swarm, event| {
        let Event::ListenClose { listener, .. } = event else { panic!("{event:?}") };
        assert!(swarm.listener(listener).is_some(), "what has closed can be looked up");
        log.write("owner listen_close");
    });
    let told = ["a listen_close", "b listen_close", "owner listen_close"];
    let lines = log.take();
    assert!(lines.iter().zip(told.iter().cycle()).all(|(line, told)| line.starts_with(told)), "{lines:?}");
    assert_eq!(lines.len(), 2 * told.len());
}

#[test]
fn a_notifees_panic_costs_the_owner_no_event_and_repeats_none() {
    let (log, mut together) = (Log::default(), listening());
    let [Driven { swarm, notifees }] = &mut together.all;
    notifees.register(Scripted::with("a", &log, |_, _| resume_unwind(Box::new("deliberate"))));
    notifees.register(Scripted::new("b", &log));
    let see = |_: &mut Sim<8>, event: Event| log.write(format!("owner {}", event.name()));
    assert!(panics(|| notifees.drive_with(swarm, NOW, see)));
    log.expect(&["a listen l0.1"]);
    // Others may have been told the rest meanwhile.
    let late = notifees.register_and_replay(swarm, Scripted::new("late", &log));
    log.expect(&["b listen l0.1", "late listen l0.1"]);
    notifees.unregister(late);
    assert!(notifees.has_pending() && notifees.poll_at() == Some(Duration::ZERO), "the owner is still to see it");
    notifees.drive_with(swarm, NOW, see);
    log.expect(&["owner listen"]);
    notifees.drive_with(swarm, NOW, see);
    log.expect::<&str>(&[]);
    assert!(!notifees.has_pending());
}

#[test]
fn notifees_hear_an_interrupted_events_rest_before_the_owner() {
    let (log, mut together) = (Log::default(), listening());
    let [Driven { swarm, notifees }] = &mut together.all;
    notifees.register(Scripted::with("a", &log, |_, _| resume_unwind(Box::new("deliberate"))));
    notifees.register(Scripted::new("b", &log));
    let see = |_: &mut Sim<8>, event: Event| log.write(format!("owner {}", event.name()));
    assert!(panics(|| notifees.drive_with(swarm, NOW, see)));
    notifees.drive_with(swarm, NOW, see);
    log.expect(&["a listen l0.1", "b listen l0.1", "owner listen"]);
    // An owner who does not watch misses what is told meanwhile, and gets none of it later.
    let listener = swarm.listeners().next().unwrap();
    swarm.close_listener(listener).unwrap();
    swarm.tick(NOW);
    assert!(panics(|| notifees.drive(swarm, NOW)));
    notifees.drive_with(swarm, NOW, see);
    log.expect(&["a listen_close l0.1", "b listen_close l0.1"]);
}

#[test]
fn an_event_in_which_the_owner_panics_counts_as_seen() {
    let (log, mut together) = (Log::default(), listening());
    let [Driven { swarm, notifees }] = &mut together.all;
    notifees.register(Scripted::new("a", &log));
    let deliberate = |_: &mut Sim<8>, _: Event| resume_unwind(Box::new("deliberate"));
    assert!(panics(|| notifees.drive_with(swarm, NOW, deliberate)));
    assert_eq!(swarm.next_event(), None, "it is held no more, and was handled");
    notifees.drive_with(swarm, NOW, |_, event| panic!("{event:?}"));
    log.expect(&["a listen l0.1"]);
    assert!(!notifees.has_pending());
}

/// Hears that a stream is ready.
struct Hears(Log);

impl<N> Notifee<N> for Hears {
    fn interest(&self) -> Interest {
        Interest::STREAM_READY
    }

    fn stream_ready(
        &mut self,
        _: &mut NotifeeContext<'_, N>,
        _: swarm_notify::lifecycle::StreamId,
        readable: bool,
        _: bool,
    ) {
        self.0.write(if readable { "a readable" } else { "a ready" });
    }
}

/// The owner's streams live beside services: it opens one, the other end echoes, and neither drains a queue by hand.
#[test]
fn an_owner_with_streams_sees_readiness_too_behind_the_notifees() {
    let (log, mut echo) = (Log::default(), Vec::new());
    let mut together = Together::<8, 2>::new(Cut::Whole);
    together.connect();
    let Together { all: [mut server, mut client], network, mut now } = together;
    client.notifees.register(Hears(log.clone()));
    let connection = client.swarm.connections().next().unwrap();
    let stream = client.swarm.open_stream(connection, &[ECHO]).unwrap();
    client.swarm.write(stream, b"hello").unwrap();
    while echo.is_empty() {
        server.swarm.tick(now);
        server.notifees.drive_with_ready(&mut server.swarm, now, |swarm, occurrence| {
            let Occurrence::Ready(Readiness::Stream { stream, .. }) = occurrence else { return };
            let mut buffer = [0; 64];
            while let Ok(n @ 1..) = swarm.read(stream, &mut buffer) {
                assert_eq!(swarm.write(stream, &buffer[..n]), Ok(n));
            }
        });
        client.swarm.tick(now);
        client.notifees.drive_with_ready(&mut client.swarm, now, |swarm, occurrence| match occurrence {
            Occurrence::Event(event) => assert_eq!(event.name(), "opened_stream"),
            Occurrence::Ready(Readiness::Stream { stream, readable: true, .. }) => {
                assert_eq!(log.take(), ["a readable"], "the notifee was told before");
                let mut buffer = [0; 64];
                let n = swarm.read(stream, &mut buffer).unwrap();
                echo.extend_from_slice(&buffer[..n]);
            }
            Occurrence::Ready(_) => drop(log.take()),
        });
        let is_due = |at: Option<Duration>| at.is_some_and(|at| at <= now);
        if [&server, &client].iter().all(|node| !is_due(node.swarm.poll_at())) && !network.deliver(now) {
            now = network.next_arrival().expect("the echo is under way");
            network.advance_to(now);
        }
    }
    assert_eq!(echo, b"hello");
}
