//! P6: an id that has ended is refused and never comes back; until the next event is asked for, it can be looked up.

use crate::{connection, lifecycle, stream};
use swarm_notify::lifecycle::{
    BeginError, ConnectionEnd, Direction, Event, Failure, Id, Lifecycle, Limits, ListenerEnd, Refused, State,
    StreamEnd, StreamId, Table,
};

#[test]
fn what_an_event_names_last_can_be_looked_up_until_the_next() {
    let mut lifecycle = lifecycle::<8>();
    let connection = connection(&mut lifecycle);
    let stream = stream(&mut lifecycle, connection);
    lifecycle.end_stream(stream, StreamEnd::Finished).unwrap();
    assert!(lifecycle.next_event().is_some_and(|event| event.is_last()));
    assert_eq!(lifecycle.state(stream), Some(State::Ended));
    assert_eq!(lifecycle.direction(stream), Some(Direction::Inbound));
    assert_eq!(lifecycle.connection_of(stream), Some(connection));
    assert_eq!(lifecycle.next_event(), None, "even where nothing follows");
    assert_eq!(lifecycle.state(stream), None);
    assert_eq!(lifecycle.direction(stream), None);
    assert_eq!(lifecycle.connection_of(stream), None);
}

#[test]
fn vacating_names_exactly_what_was_handled_and_names_it_once() {
    let mut lifecycle = lifecycle::<8>();
    let mut names: Table<StreamId, &str> = Table::new();
    let connection = connection(&mut lifecycle);
    let [first, second] = [(); 2].map(|()| lifecycle.begin_stream(connection, Direction::Outbound).unwrap());
    names.insert(first, "first");
    names.insert(second, "second");
    lifecycle.end_connection(connection, ConnectionEnd::Idle).unwrap();
    let mut dropped = Vec::new();
    loop {
        if let Some(Id::Stream(stream)) = lifecycle.vacate() {
            assert_eq!(lifecycle.state(stream), None);
            dropped.extend(names.remove(stream));
        }
        assert_eq!(lifecycle.vacate(), None, "once");
        if lifecycle.next_event().is_none() {
            break;
        }
        assert_eq!(names.len() + dropped.len(), 2, "what is being handled is still there");
    }
    assert_eq!(dropped, ["first", "second"]);
}

#[test]
fn a_stale_id_is_refused_everywhere_even_with_its_slot_reused() {
    let mut lifecycle = lifecycle::<8>();
    let listener = lifecycle.begin_listener().unwrap();
    lifecycle.fail(listener, Failure::Io).unwrap();
    let connection = lifecycle.begin_connection(Direction::Inbound).unwrap();
    lifecycle.fail(connection, Failure::Io).unwrap();
    while lifecycle.next_event().is_some() {}
    let listener_again = lifecycle.begin_listener().unwrap();
    let connection_again = lifecycle.begin_connection(Direction::Inbound).unwrap();
    assert_eq!((listener_again.index(), connection_again.index()), (listener.index(), connection.index()));
    assert_ne!((listener_again, connection_again), (listener, connection));

    let before = lifecycle.clone();
    assert_eq!(lifecycle.opened(listener), Err(Refused::Stale));
    assert_eq!(lifecycle.leave(listener), Err(Refused::Stale));
    assert_eq!(lifecycle.fail(connection, Failure::Io), Err(Refused::Stale));
    assert_eq!(lifecycle.end_listener(listener, ListenerEnd::Requested), Err(Refused::Stale));
    assert_eq!(lifecycle.end_connection(connection, ConnectionEnd::Idle), Err(Refused::Stale));
    assert_eq!(lifecycle.begin_stream(connection, Direction::Inbound), Err(BeginError::Stale));
    assert_eq!(lifecycle.streams_of(connection).count() + lifecycle.live_streams(connection), 0);
    assert_eq!(lifecycle, before, "nothing of this changes anything");
    assert_eq!(lifecycle.state(connection_again), Some(State::Opening));
}

#[test]
fn an_id_of_another_lifecycle_is_refused() {
    let mut other = lifecycle::<8>();
    let connection = connection(&mut other);
    let foreign = stream(&mut other, connection);
    let mut lifecycle: Lifecycle<8> = Lifecycle::new(Limits::default());
    assert_eq!(lifecycle.opened(foreign), Err(Refused::Stale));
    assert_eq!(lifecycle.end_stream(foreign, StreamEnd::Finished), Err(Refused::Stale));
    assert_eq!(lifecycle.state(foreign), None);
}

#[test]
fn ids_are_never_handed_out_twice() {
    let mut lifecycle: Lifecycle<2> = lifecycle();
    let connection = connection(&mut lifecycle);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..1_000 {
        let stream = stream(&mut lifecycle, connection);
        assert!(seen.insert(stream), "{stream} came back");
        lifecycle.end_stream(stream, StreamEnd::Finished).unwrap();
        let reason = StreamEnd::Finished;
        assert_eq!(lifecycle.next_event(), Some(Event::ClosedStream { connection, stream, reason }));
        assert_eq!(lifecycle.next_event(), None);
    }
    assert!(seen.iter().all(|stream| stream.index() == 0), "one slot serves them all");
}
