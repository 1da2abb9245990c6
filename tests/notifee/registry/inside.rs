//! What a notifee may do while it is told something: anything.

use crate::registry::{World, connect, open, world};
use crate::support::scripted::{Log, Scripted};
use std::cell::Cell;
use std::rc::Rc;
use swarm_notify::lifecycle::{ConnectionEnd, Event, Id, State, StreamEnd};
use swarm_notify::notifee::{NotifeeId, Notifees};

#[test]
fn inside_nothing_is_next_and_what_is_told_of_can_be_looked_up() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    for name in ["a", "b"] {
        let look = |cx: &mut swarm_notify::notifee::NotifeeContext<'_, World>, event: Event| {
            let world = cx.network();
            assert_eq!((world.next_event(), world.vacate()), (None, None));
            let expected = if event.is_last() { State::Ended } else { State::Open };
            assert_eq!(world.state(event.id()), Some(expected));
        };
        notifees.register(Scripted::with(name, &log, look));
    }
    let connection = connect(&mut world);
    open(&mut world, connection);
    assert_eq!(notifees.dispatch(&mut world), 2);
    world.end_connection(connection, ConnectionEnd::Idle).unwrap();
    assert_eq!(notifees.dispatch(&mut world), 2);
    assert_eq!(log.take().len(), 8);
    assert_eq!(world.state(connection), None, "and no longer");
}

#[test]
fn what_a_command_causes_is_told_later_to_all_in_the_same_order() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    // Closes what it is told of, before the other is told that it is open.
    notifees.register(Scripted::with("a", &log, |cx, event| match event.id() {
        Id::Connection(connection) if !event.is_last() => drop(open(cx.network(), connection)),
        Id::Stream(stream) if !event.is_last() => {
            let connection = cx.network().connection_of(stream).unwrap();
            cx.network().end_stream(stream, StreamEnd::Finished).unwrap();
            cx.network().end_connection(connection, ConnectionEnd::Requested).unwrap();
        }
        Id::Listener(_) | Id::Connection(_) | Id::Stream(_) => {}
    }));
    notifees.register(Scripted::new("b", &log));
    connect(&mut world);
    assert_eq!(notifees.dispatch(&mut world), 4);
    let events = ["connected c0.1", "opened_stream s0.1", "closed_stream s0.1", "disconnected c0.1"];
    log.expect(&events.map(|event| [format!("a {event}"), format!("b {event}")]).concat());
}

#[test]
fn one_that_is_registered_inside_hears_of_the_next_event_first() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    let inner = log.clone();
    notifees.register(Scripted::with("a", &log, move |cx, event| {
        if event.id().to_string() == "c0.1" {
            cx.register(Scripted::new("new", &inner));
        }
    }));
    notifees.register(Scripted::new("b", &log));
    connect(&mut world);
    connect(&mut world);
    notifees.dispatch(&mut world);
    log.expect(&["a connected c0.1", "b connected c0.1", "a connected c1.1", "b connected c1.1", "new connected c1.1"]);
}

#[test]
fn one_that_unregisters_itself_hears_no_more_but_others_do() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    notifees.register(Scripted::new("a", &log));
    let own = notifees.register(Scripted::with("b", &log, |cx, _| {
        let this = cx.this();
        cx.unregister(this);
        cx.unregister(this);
    }));
    notifees.register(Scripted::new("c", &log));
    connect(&mut world);
    connect(&mut world);
    notifees.dispatch(&mut world);
    log.expect(&["a connected c0.1", "b connected c0.1", "c connected c0.1", "a connected c1.1", "c connected c1.1"]);
    assert_eq!((notifees.len(), notifees.unregister(own)), (2, false));
}

#[test]
fn one_unregistered_by_another_does_not_even_hear_this_event() {
    for (victim, told) in [("before", "before a behind"), ("behind", "before a")] {
        let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
        let ids = Rc::new(Cell::new(None::<NotifeeId<Scripted<World>>>));
        let before = notifees.register(Scripted::new("before", &log));
        let unregister = ids.clone();
        notifees.register(Scripted::with("a", &log, move |cx, _| cx.unregister(unregister.get().unwrap())));
        let behind = notifees.register(Scripted::new("behind", &log));
        ids.set(Some(if victim == "before" { before } else { behind }));
        connect(&mut world);
        notifees.dispatch(&mut world);
        let names = log.take().iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>();
        assert_eq!(names.join(" "), told);
        connect(&mut world);
        notifees.dispatch(&mut world);
        assert_eq!(log.take().len(), 2, "the others stay");
    }
}

#[test]
fn one_registered_and_unregistered_inside_was_never_there() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    let inner = log.clone();
    notifees.register(Scripted::with("a", &log, move |cx, _| {
        let id = cx.register(Scripted::new("new", &inner));
        cx.unregister(id);
    }));
    connect(&mut world);
    connect(&mut world);
    notifees.dispatch(&mut world);
    log.expect(&["a connected c0.1", "a connected c1.1"]);
    assert_eq!(notifees.len(), 1);
}
