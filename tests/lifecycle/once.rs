//! P1: exactly one outcome for each id, exactly one close for each that opened.

use crate::{connection, drain, lifecycle, stream};
use swarm_notify::lifecycle::{
    ConnectionEnd, Direction, Event, Failure, Fault, ListenerEnd, Refused, RemoteEnd, Side, State, StreamEnd,
};

#[test]
fn what_opens_is_told_once_and_what_closes_is_told_once() {
    let mut lifecycle = lifecycle::<8>();
    let listener = lifecycle.begin_listener().unwrap();
    assert_eq!(drain(&mut lifecycle), [], "a beginning is no event");
    lifecycle.opened(listener).unwrap();
    assert_eq!(lifecycle.opened(listener), Err(Refused::AlreadyOpen));
    assert_eq!(drain(&mut lifecycle), [Event::Listen { listener }]);
    lifecycle.end_listener(listener, ListenerEnd::Requested).unwrap();
    lifecycle.end_listener(listener, ListenerEnd::Shutdown).unwrap();
    let reason = ListenerEnd::Requested;
    assert_eq!(drain(&mut lifecycle), [Event::ListenClose { listener, reason }], "the first reason is the reason");
}

#[test]
fn what_fails_is_told_once_and_never_closes() {
    let mut lifecycle = lifecycle::<8>();
    let connection = lifecycle.begin_connection(Direction::Outbound).unwrap();
    lifecycle.fail(connection, Failure::WrongPeer).unwrap();
    assert_eq!(lifecycle.fail(connection, Failure::Timeout), Err(Refused::Ended));
    assert_eq!(lifecycle.opened(connection), Err(Refused::Ended));
    lifecycle.end_connection(connection, ConnectionEnd::Idle).unwrap();
    let reason = Failure::WrongPeer;
    assert_eq!(drain(&mut lifecycle), [Event::ConnectFailed { connection, reason }]);
}

#[test]
fn a_connection_without_an_id_is_counted_and_never_told() {
    let mut lifecycle = lifecycle::<8>();
    lifecycle.count_connection_without_id();
    lifecycle.count_connection_without_id();
    assert_eq!((drain(&mut lifecycle), lifecycle.len()), (vec![], 0));
    let counters = lifecycle.counters().connections;
    assert_eq!((counters.inbound.without_id, counters.inbound.failed, counters.outbound.without_id), (2, 0, 0));
}

#[test]
fn what_is_open_cannot_fail_to_open() {
    let mut lifecycle = lifecycle::<8>();
    let connection = connection(&mut lifecycle);
    assert_eq!(lifecycle.fail(connection, Failure::Timeout), Err(Refused::AlreadyOpen));
    lifecycle.leave(connection).unwrap();
    assert_eq!(lifecycle.fail(connection, Failure::Timeout), Err(Refused::AlreadyOpen));
    assert_eq!(drain(&mut lifecycle), []);
    assert_eq!(lifecycle.state(connection), Some(State::Leaving));
}

#[test]
fn what_ends_before_it_was_open_has_failed_for_the_same_reason() {
    let mut lifecycle = lifecycle::<8>();
    let connection = connection(&mut lifecycle);
    let listener = lifecycle.begin_listener().unwrap();
    lifecycle.end_listener(listener, ListenerEnd::Failed(Fault::Io)).unwrap();
    let dialed = lifecycle.begin_connection(Direction::Outbound).unwrap();
    lifecycle.end_connection(dialed, ConnectionEnd::Remote(RemoteEnd::Eof)).unwrap();
    let stream = lifecycle.begin_stream(connection, Direction::Outbound).unwrap();
    lifecycle.end_stream(stream, StreamEnd::Reset(Side::Remote)).unwrap();
    let failures = [
        Event::ListenFailed { listener, reason: Failure::Io },
        Event::ConnectFailed { connection: dialed, reason: Failure::Eof },
        Event::StreamFailed { connection, stream, reason: Failure::Reset(Side::Remote) },
    ];
    assert_eq!(drain(&mut lifecycle), failures);
}

#[test]
fn leaving_tells_nothing_and_takes_no_new_streams_of_ours() {
    let mut lifecycle = lifecycle::<8>();
    let connection = connection(&mut lifecycle);
    let stream = stream(&mut lifecycle, connection);
    lifecycle.leave(connection).unwrap();
    lifecycle.leave(connection).unwrap();
    lifecycle.leave(stream).unwrap();
    assert_eq!((lifecycle.state(connection), lifecycle.state(stream)), (Some(State::Leaving), Some(State::Leaving)));
    assert_eq!(drain(&mut lifecycle), []);
    assert!(lifecycle.begin_stream(connection, Direction::Outbound).is_err());
    lifecycle.end_stream(stream, StreamEnd::Finished).unwrap();
    lifecycle.end_connection(connection, ConnectionEnd::Requested).unwrap();
    let events = [
        Event::ClosedStream { connection, stream, reason: StreamEnd::Finished },
        Event::Disconnected { connection, reason: ConnectionEnd::Requested },
    ];
    assert_eq!(drain(&mut lifecycle), events);
}

#[test]
fn counters_tell_how_often_each_happened_and_what_is_open_now() {
    let mut lifecycle = lifecycle::<8>();
    let connection = connection(&mut lifecycle);
    let streams = [stream(&mut lifecycle, connection), stream(&mut lifecycle, connection)];
    lifecycle.begin_stream(connection, Direction::Outbound).unwrap();
    lifecycle.end_stream(streams[0], StreamEnd::Finished).unwrap();
    let inbound = lifecycle.counters().streams.inbound;
    assert_eq!((inbound.opened, inbound.closed, inbound.open, inbound.peak), (2, 1, 1, 2));

    lifecycle.end_connection(connection, ConnectionEnd::Idle).unwrap();
    let counters = *lifecycle.counters();
    assert_eq!((counters.streams.inbound.closed, counters.streams.inbound.open), (2, 0), "they end in that moment");
    assert_eq!(counters.streams.of(Direction::Outbound).failed, 1);
    assert_eq!((counters.connections.outbound.opened, counters.connections.outbound.closed), (1, 1));
    assert_eq!(drain(&mut lifecycle).len(), 4);
    assert_eq!(*lifecycle.counters(), counters, "draining counts nothing twice");
}

#[test]
fn the_peak_stays_when_less_is_open_again() {
    let mut lifecycle = lifecycle::<8>();
    let connection = connection(&mut lifecycle);
    let streams = [(); 3].map(|()| stream(&mut lifecycle, connection));
    for stream in streams {
        lifecycle.end_stream(stream, StreamEnd::Finished).unwrap();
    }
    drain(&mut lifecycle);
    stream(&mut lifecycle, connection);
    let inbound = lifecycle.counters().streams.inbound;
    assert_eq!((inbound.open, inbound.peak), (1, 3));
}
