//! One that comes late can be told first what it has missed.

use crate::registry::{World, connect, open, world};
use crate::support::scripted::{Log, Scripted};
use swarm_notify::lifecycle::{ConnectionEnd, StreamEnd};
use swarm_notify::notifee::{Interest, Notifees};

#[test]
fn what_is_open_is_told_as_if_it_opened_now_and_the_rest_fits() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    let told = connect(&mut world);
    let streams = [open(&mut world, told), open(&mut world, told)];
    notifees.dispatch(&mut world);
    // One is over and not told to be; another is open and not told to be.
    world.end_stream(streams[0], StreamEnd::Finished).unwrap();
    let untold = connect(&mut world);
    notifees.register_and_replay(&mut world, Scripted::with("late", &log, |cx, _| assert!(cx.is_replay())));
    log.expect(&["late connected c0.1", "late opened_stream s0.1", "late opened_stream s1.1"]);
    notifees = Notifees::new();
    notifees.register_and_replay(&mut world, Scripted::new("late", &log));
    log.take();
    world.end_connection(untold, ConnectionEnd::Idle).unwrap();
    notifees.dispatch(&mut world);
    log.expect(&["late closed_stream s0.1", "late connected c1.1", "late disconnected c1.1"]);
}

#[test]
fn only_what_it_cares_for_is_replayed() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    let connection = connect(&mut world);
    open(&mut world, connection);
    notifees.dispatch(&mut world);
    notifees.register_and_replay(&mut world, Scripted::<World>::new("late", &log).only(Interest::OPENED_STREAM));
    log.expect(&["late opened_stream s0.1"]);
}

#[test]
fn a_replay_can_command_and_register_like_any_notification() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    let connection = connect(&mut world);
    notifees.dispatch(&mut world);
    let inner = log.clone();
    let late = Scripted::<World>::with("late", &log, move |cx, event| {
        assert_eq!(cx.network().next_event(), None);
        if cx.is_replay() {
            let swarm_notify::lifecycle::Id::Connection(connection) = event.id() else { return };
            open(cx.network(), connection);
            cx.register(Scripted::new("inner", &inner));
        }
    });
    let id = notifees.register_and_replay(&mut world, late);
    assert!(notifees.get::<Scripted<World>>(id).is_some());
    world.end_connection(connection, ConnectionEnd::Idle).unwrap();
    notifees.dispatch(&mut world);
    let events = ["opened_stream s0.1", "closed_stream s0.1", "disconnected c0.1"];
    let mut lines = vec!["late connected c0.1".to_owned()];
    lines.extend(events.iter().flat_map(|event| [format!("late {event}"), format!("inner {event}")]));
    log.expect(&lines);
}

#[test]
fn one_that_unregisters_itself_in_its_replay_is_not_registered() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    connect(&mut world);
    connect(&mut world);
    notifees.dispatch(&mut world);
    let late = Scripted::with("late", &log, |cx, _| {
        let this = cx.this();
        cx.unregister(this);
    });
    notifees.register_and_replay(&mut world, late);
    log.expect(&["late connected c0.1"]);
    assert!(notifees.is_empty());
}
