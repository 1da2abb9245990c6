//! P2: a stream is told of after its connection opened and before its connection closed.

use crate::{connection, drain, lifecycle, stream};
use swarm_notify::lifecycle::{BeginError, ConnectionEnd, Direction, Event, Failure, Refused, Side, State, StreamEnd};

#[test]
fn a_stream_begins_on_an_open_connection_only() {
    let mut lifecycle = lifecycle::<8>();
    let connection = lifecycle.begin_connection(Direction::Inbound).unwrap();
    assert_eq!(lifecycle.begin_stream(connection, Direction::Inbound), Err(BeginError::NotOpen));
    lifecycle.opened(connection).unwrap();
    assert!(lifecycle.begin_stream(connection, Direction::Inbound).is_ok());
    lifecycle.leave(connection).unwrap();
    assert_eq!(lifecycle.begin_stream(connection, Direction::Outbound), Err(BeginError::Closing));
    assert!(lifecycle.begin_stream(connection, Direction::Inbound).is_ok(), "the peer may have begun it before");
    lifecycle.end_connection(connection, ConnectionEnd::Idle).unwrap();
    assert_eq!(lifecycle.begin_stream(connection, Direction::Inbound), Err(BeginError::Closing));
    drain(&mut lifecycle);
    assert_eq!(lifecycle.begin_stream(connection, Direction::Inbound), Err(BeginError::Stale));
}

#[test]
fn an_ended_connections_streams_are_told_first_and_oldest_first() {
    let mut lifecycle = lifecycle::<8>();
    let connection = connection(&mut lifecycle);
    let oldest = lifecycle.begin_stream(connection, Direction::Outbound).unwrap();
    let open = stream(&mut lifecycle, connection);
    let reset = stream(&mut lifecycle, connection);
    let leaving = stream(&mut lifecycle, connection);
    lifecycle.leave(leaving).unwrap();
    let youngest = lifecycle.begin_stream(connection, Direction::Inbound).unwrap();
    lifecycle.end_stream(reset, StreamEnd::Reset(Side::Local)).unwrap();
    lifecycle.end_connection(connection, ConnectionEnd::Requested).unwrap();
    let reason = StreamEnd::ConnectionClosed;
    let events = [
        Event::ClosedStream { connection, stream: reset, reason: StreamEnd::Reset(Side::Local) },
        Event::StreamFailed { connection, stream: oldest, reason: Failure::ConnectionClosed },
        Event::ClosedStream { connection, stream: open, reason },
        Event::ClosedStream { connection, stream: leaving, reason },
        Event::StreamFailed { connection, stream: youngest, reason: Failure::ConnectionClosed },
        Event::Disconnected { connection, reason: ConnectionEnd::Requested },
    ];
    assert_eq!(drain(&mut lifecycle), events);
}

#[test]
fn streams_are_over_in_the_moment_in_which_their_connection_is() {
    let mut lifecycle = lifecycle::<8>();
    let connection = connection(&mut lifecycle);
    let open = stream(&mut lifecycle, connection);
    let opening = lifecycle.begin_stream(connection, Direction::Outbound).unwrap();
    assert_eq!(lifecycle.streams_of(connection).collect::<Vec<_>>(), [open, opening]);
    lifecycle.end_connection(connection, ConnectionEnd::Idle).unwrap();

    let ended = lifecycle.clone();
    assert_eq!(lifecycle.state(open), Some(State::Ended));
    assert_eq!(lifecycle.state(opening), Some(State::Ended));
    assert_eq!(lifecycle.streams_of(connection).count(), 0);
    assert_eq!(lifecycle.live_streams(connection), 0);
    assert_eq!(lifecycle.opened(opening), Err(Refused::Ended), "a parked opening does not slip out");
    assert_eq!(lifecycle.fail(opening, Failure::Timeout), Err(Refused::Ended));
    assert_eq!(lifecycle.leave(open), Err(Refused::Ended));
    assert_eq!(lifecycle.end_stream(open, StreamEnd::Finished), Ok(()), "an end may be repeated");
    assert_eq!(lifecycle, ended, "none of these changes anything");
    assert_eq!(lifecycle.connection_of(open), Some(connection), "it can still be looked up");
}

#[test]
fn each_connection_takes_only_its_own_streams_along() {
    let mut lifecycle = lifecycle::<8>();
    let (first, second) = (connection(&mut lifecycle), connection(&mut lifecycle));
    let streams = [first, second, first, second].map(|connection| stream(&mut lifecycle, connection));
    lifecycle.end_connection(first, ConnectionEnd::Idle).unwrap();
    let reason = StreamEnd::ConnectionClosed;
    let events = [
        Event::ClosedStream { connection: first, stream: streams[0], reason },
        Event::ClosedStream { connection: first, stream: streams[2], reason },
        Event::Disconnected { connection: first, reason: ConnectionEnd::Idle },
    ];
    assert_eq!(drain(&mut lifecycle), events);
    assert_eq!(lifecycle.streams_of(second).collect::<Vec<_>>(), [streams[1], streams[3]]);
}
