//! P3: events are drained in the order in which the transitions took place, whether they were queued or owed.

use crate::{drain, lifecycle};
use swarm_notify::lifecycle::{ConnectionEnd, Direction, Event, Failure, Lifecycle, ListenerEnd, Refused, StreamEnd};

/// Every kind ends in turn, and a connection with its streams among them.
fn ends_in_order<const EVENTS: usize>() {
    let mut lifecycle = lifecycle::<EVENTS>();
    let listener = lifecycle.begin_listener().unwrap();
    let connections = [(); 3].map(|()| {
        let connection = lifecycle.begin_connection(Direction::Inbound).unwrap();
        lifecycle.opened(connection).unwrap();
        assert_eq!(lifecycle.next_event(), Some(Event::Connected { connection }));
        connection
    });
    let [a, b, c] = connections;
    let streams = [a, b, b, c].map(|connection| lifecycle.begin_stream(connection, Direction::Inbound).unwrap());

    lifecycle.end_stream(streams[3], StreamEnd::Timeout).unwrap();
    lifecycle.end_connection(b, ConnectionEnd::Idle).unwrap();
    lifecycle.end_listener(listener, ListenerEnd::Shutdown).unwrap();
    lifecycle.end_stream(streams[0], StreamEnd::Finished).unwrap();
    lifecycle.end_connection(c, ConnectionEnd::Shutdown).unwrap();
    let dialed = lifecycle.begin_connection(Direction::Outbound).unwrap();
    assert_eq!(lifecycle.opened(dialed), Err(Refused::NoRoom), "an opening does not overtake what is owed");
    lifecycle.fail(dialed, Failure::Refused).unwrap();
    lifecycle.end_connection(a, ConnectionEnd::Requested).unwrap();

    let failed = |connection, stream, reason| Event::StreamFailed { connection, stream, reason };
    let events = [
        failed(c, streams[3], Failure::Timeout),
        failed(b, streams[1], Failure::ConnectionClosed),
        failed(b, streams[2], Failure::ConnectionClosed),
        Event::Disconnected { connection: b, reason: ConnectionEnd::Idle },
        Event::ListenFailed { listener, reason: Failure::Shutdown },
        failed(a, streams[0], Failure::Eof),
        Event::Disconnected { connection: c, reason: ConnectionEnd::Shutdown },
        Event::ConnectFailed { connection: dialed, reason: Failure::Refused },
        Event::Disconnected { connection: a, reason: ConnectionEnd::Requested },
    ];
    assert_eq!(drain(&mut lifecycle), events);
    assert!(lifecycle.is_empty());
}

#[test]
fn a_queue_of_one_tells_the_same_as_a_long_one() {
    ends_in_order::<1>();
    ends_in_order::<2>();
    ends_in_order::<8>();
    ends_in_order::<256>();
}

#[test]
fn what_is_queued_stays_when_what_it_tells_of_ends() {
    let mut lifecycle: Lifecycle<8> = lifecycle();
    let connection = lifecycle.begin_connection(Direction::Inbound).unwrap();
    lifecycle.opened(connection).unwrap();
    let stream = lifecycle.begin_stream(connection, Direction::Inbound).unwrap();
    lifecycle.opened(stream).unwrap();
    lifecycle.end_connection(connection, ConnectionEnd::Idle).unwrap();
    let events = [
        Event::Connected { connection },
        Event::OpenedStream { connection, stream },
        Event::ClosedStream { connection, stream, reason: StreamEnd::ConnectionClosed },
        Event::Disconnected { connection, reason: ConnectionEnd::Idle },
    ];
    assert_eq!(drain(&mut lifecycle), events);
}
