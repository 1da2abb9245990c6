//! P5: closing is accepted at once, and what it owes is told as fast as the owner drains, however much it is.

use crate::support::with;
use crate::{connection, drain};
use swarm_notify::lifecycle::{
    ConnectionEnd, Direction, Event, Failure, Lifecycle, Limits, Refused, State, StreamEnd, StreamId,
};

const STREAMS: u32 = 10_000;

fn connection_with_streams<const EVENTS: usize>() -> (Lifecycle<EVENTS>, Vec<StreamId>) {
    let limits = with(Limits::default(), |limits| limits.streams_per_connection = STREAMS);
    let mut lifecycle = Lifecycle::new(limits);
    let connection = connection(&mut lifecycle);
    let begin = |_| {
        let stream = lifecycle.begin_stream(connection, Direction::Inbound).unwrap();
        // Every third one is still opening when the connection ends.
        if stream.index() % 3 > 0 {
            lifecycle.opened(stream).unwrap();
            assert_eq!(lifecycle.next_event(), Some(Event::OpenedStream { connection, stream }));
        }
        stream
    };
    let streams = (0..STREAMS).map(begin).collect();
    (lifecycle, streams)
}

#[test]
fn a_connections_10_000_streams_end_through_a_queue_of_eight() {
    let (mut lifecycle, streams) = connection_with_streams::<8>();
    let connection = lifecycle.connection_of(streams[0]).unwrap();
    lifecycle.end_connection(connection, ConnectionEnd::Idle).unwrap();
    assert_eq!(lifecycle.counters().streams.inbound.open, 0, "they are over at once");
    assert!(streams.iter().all(|stream| lifecycle.state(*stream) == Some(State::Ended)));

    for (told, stream) in (1..).zip(streams) {
        let event = if stream.index() % 3 > 0 {
            Event::ClosedStream { connection, stream, reason: StreamEnd::ConnectionClosed }
        } else {
            Event::StreamFailed { connection, stream, reason: Failure::ConnectionClosed }
        };
        assert_eq!(lifecycle.next_event(), Some(event));
        // The last eight and the connection's own wait in the queue, which makes room at the very end.
        assert_eq!(lifecycle.room() > 0, told > STREAMS - 7, "room after {told}");
    }
    let reason = ConnectionEnd::Idle;
    assert_eq!(lifecycle.next_event(), Some(Event::Disconnected { connection, reason }));
    assert!(lifecycle.is_empty());
    assert_eq!(lifecycle.next_event(), None);
    lifecycle.check_invariants();
}

#[test]
fn many_ends_in_a_row_are_all_owed_and_paid() {
    let mut lifecycle = Lifecycle::<1>::new(Limits::default());
    let connections: Vec<_> = (0..1_000).map(|_| lifecycle.begin_connection(Direction::Outbound).unwrap()).collect();
    for connection in &connections {
        lifecycle.end_connection(*connection, ConnectionEnd::Shutdown).unwrap();
        assert_eq!(lifecycle.opened(*connection), Err(Refused::Ended));
    }
    let reason = Failure::Shutdown;
    let events: Vec<_> =
        connections.iter().map(|connection| Event::ConnectFailed { connection: *connection, reason }).collect();
    assert_eq!(drain(&mut lifecycle), events);
    assert!(lifecycle.is_empty());
}
