//! A notifee that panics leaves everything consistent, if its panic is caught: the others have been or will be told,
//! nothing twice.

use crate::registry::{World, connect, world};
use crate::support::scripted::{Log, Scripted};
use std::panic::{AssertUnwindSafe, catch_unwind};
use swarm_notify::lifecycle::{ConnectionEnd, State};
use swarm_notify::notifee::{Interest, NotifeeContext, Notifees};

/// A panic without a message on the screen.
fn panics<R>(work: impl FnOnce() -> R) -> bool {
    let payload = catch_unwind(AssertUnwindSafe(work)).err();
    payload.is_some_and(|payload| payload.is::<Deliberate>())
}

struct Deliberate;

fn panic<N>(_: &mut NotifeeContext<'_, N>, _: swarm_notify::lifecycle::Event) {
    std::panic::resume_unwind(Box::new(Deliberate));
}

#[test]
fn the_others_are_told_on_the_next_dispatch_and_nobody_twice() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    notifees.register(Scripted::new("a", &log));
    notifees.register(Scripted::with("b", &log, panic));
    notifees.register(Scripted::new("c", &log));
    notifees.register(Scripted::with("d", &log, panic));
    notifees.register(Scripted::new("e", &log));
    let connection = connect(&mut world);
    assert!(panics(|| notifees.dispatch(&mut world)));
    log.expect(&["a connected c0.1", "b connected c0.1"]);
    assert_eq!(notifees.poll_at(), Some(std::time::Duration::ZERO), "there is something left to do");
    assert!(panics(|| notifees.dispatch(&mut world)));
    log.expect(&["c connected c0.1", "d connected c0.1"]);
    assert_eq!(notifees.dispatch(&mut world), 0);
    log.expect(&["e connected c0.1"]);
    assert_eq!((notifees.dispatch(&mut world), notifees.poll_at()), (0, None));
    log.expect::<&str>(&[]);
    world.end_connection(connection, ConnectionEnd::Idle).unwrap();
    assert!(panics(|| notifees.dispatch(&mut world)));
    assert_eq!(world.state(connection), Some(State::Ended), "those who are still to be told can look it up");
}

#[test]
fn the_network_is_let_go_of() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    notifees.register(Scripted::with("a", &log, panic));
    connect(&mut world);
    connect(&mut world);
    assert!(panics(|| notifees.dispatch(&mut world)));
    assert!(world.next_event().is_some(), "its owner can go on by hand");
}

#[test]
fn others_are_told_whoever_comes_or_goes_in_an_interruption() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    let a = notifees.register(Scripted::new("a", &log));
    let inner = log.clone();
    notifees.register(Scripted::with("b", &log, move |cx, event| {
        cx.register(Scripted::new("inside", &inner));
        panic(cx, event);
    }));
    let c = notifees.register(Scripted::new("c", &log));
    notifees.register(Scripted::new("d", &log));
    connect(&mut world);
    assert!(panics(|| notifees.dispatch(&mut world)));
    log.expect(&["a connected c0.1", "b connected c0.1"]);
    let outside = notifees.register(Scripted::new("outside", &log));
    assert_eq!(notifees.len(), 6);
    assert!(notifees.get::<Scripted<World>>(outside).is_some());
    assert!(notifees.unregister(a) && notifees.unregister(c), "one that was told, and one that is to be");
    notifees.dispatch(&mut world);
    log.expect(&["d connected c0.1"]);
    connect(&mut world);
    assert!(panics(|| notifees.dispatch(&mut world)));
    notifees.dispatch(&mut world);
    let names = ["b", "d", "inside", "outside"];
    log.expect(&names.map(|name| format!("{name} connected c1.1")));
}

#[test]
fn those_left_to_be_told_are_told_whoever_between_them_goes() {
    for gone in 0..6 {
        let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
        let elsewhere = || Scripted::<World>::new("elsewhere", &log).only(Interest::LISTEN);
        let ids = [
            notifees.register(Scripted::new("a", &log)),
            notifees.register(elsewhere()),
            notifees.register(Scripted::with("b", &log, panic)),
            notifees.register(elsewhere()),
            notifees.register(Scripted::new("c", &log)),
            notifees.register(Scripted::new("d", &log)),
        ];
        connect(&mut world);
        assert!(panics(|| notifees.dispatch(&mut world)));
        log.expect(&["a connected c0.1", "b connected c0.1"]);
        assert!(notifees.unregister(ids[gone]));
        notifees.dispatch(&mut world);
        let left = [(4, "c connected c0.1"), (5, "d connected c0.1")];
        let left: Vec<_> = left.iter().filter(|(place, _)| *place != gone).map(|(_, line)| *line).collect();
        log.expect(&left);
    }
}

#[test]
fn what_a_notifee_asked_for_before_it_panicked_is_done() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    let id = notifees.register(Scripted::with("a", &log, |cx, event| {
        let this = cx.this();
        cx.unregister(this);
        panic(cx, event);
    }));
    connect(&mut world);
    connect(&mut world);
    assert!(panics(|| notifees.dispatch(&mut world)));
    assert!(notifees.is_empty() && notifees.get::<Scripted<World>>(id).is_none(), "it counts no longer");
    assert!(notifees.get_mut::<Scripted<World>>(id).is_none() && !notifees.unregister(id));
    assert_eq!(notifees.dispatch(&mut world), 1);
    log.expect(&["a connected c0.1"]);
}

#[test]
fn a_panic_in_its_replay_keeps_one_out_and_changes_no_other() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    notifees.register(Scripted::new("a", &log));
    connect(&mut world);
    notifees.dispatch(&mut world);
    let inner = log.clone();
    let late = Scripted::with("late", &log, move |cx, event| {
        cx.register(Scripted::new("inner", &inner));
        panic(cx, event);
    });
    assert!(panics(|| notifees.register_and_replay(&mut world, late)));
    notifees.register(Scripted::new("b", &log));
    assert_eq!(notifees.len(), 3);
    log.take();
    connect(&mut world);
    notifees.dispatch(&mut world);
    log.expect(&["a connected c1.1", "inner connected c1.1", "b connected c1.1"]);
}

/// One that panics when it is dropped.
struct Brittle;

impl Drop for Brittle {
    fn drop(&mut self) {
        std::panic::resume_unwind(Box::new(Deliberate));
    }
}

#[test]
fn one_that_panics_while_dropped_is_gone_and_the_rest_is_done() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    let brittle = Brittle;
    let inner = log.clone();
    let a = notifees.register(Scripted::with("a", &log, move |_, _| {
        let _ = &brittle;
    }));
    notifees.register(Scripted::with("b", &log, move |cx, event| {
        if event.id().to_string() == "c0.1" {
            cx.unregister(a);
            let this = cx.this();
            cx.unregister(this);
            cx.register(Scripted::new("new", &inner));
        }
    }));
    connect(&mut world);
    connect(&mut world);
    assert!(panics(|| notifees.dispatch(&mut world)));
    assert_eq!(notifees.len(), 1);
    notifees.dispatch(&mut world);
    log.expect(&["a connected c0.1", "b connected c0.1", "new connected c1.1"]);
}

#[test]
fn those_who_all_panic_while_they_are_dropped_go_one_a_dispatch() {
    const MANY: usize = 20;
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    let ids = [(); MANY].map(|()| {
        let brittle = Brittle;
        notifees.register(Scripted::with("a", &log, move |cx, _| {
            let _ = &brittle;
            let this = cx.this();
            cx.unregister(this);
        }))
    });
    notifees.register(Scripted::new("b", &log));
    connect(&mut world);
    for _ in 0..MANY {
        assert!(panics(|| notifees.dispatch(&mut world)));
        // All have left, and not all are dropped yet.
        assert_eq!(notifees.len(), 1);
        assert!(ids.iter().all(|id| !notifees.unregister(*id)));
    }
    assert_eq!(notifees.dispatch(&mut world), 0);
    assert_eq!(log.take().len(), MANY + 1);
    connect(&mut world);
    notifees.dispatch(&mut world);
    log.expect(&["b connected c1.1"]);
}

#[test]
fn replays_that_panic_leave_no_gap_behind() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    connect(&mut world);
    notifees.dispatch(&mut world);
    let first = notifees.register(Scripted::new("first", &log));
    for n in 0..10_usize {
        let inner = log.clone();
        let late = Scripted::with("late", &log, move |cx, event| {
            let own = cx.this();
            let inside = cx.register(Scripted::new("inside", &inner));
            if n % 2 == 0 {
                cx.unregister(own);
                cx.unregister(inside);
            }
            panic(cx, event);
        });
        assert!(panics(|| notifees.register_and_replay(&mut world, late)));
        assert_eq!(notifees.len(), 1 + n.div_ceil(2), "the one that every second registers");
    }
    log.take();
    connect(&mut world);
    notifees.dispatch(&mut world);
    log.expect(
        &["first", "inside", "inside", "inside", "inside", "inside"].map(|name| format!("{name} connected c1.1")),
    );
    assert!(notifees.unregister(first));
}
