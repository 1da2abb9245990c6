//! P4: the queue holds at most `EVENTS`, 1 is enough, and a full one delays openings and nothing else.

use crate::{connection, drain, lifecycle, stream};
use swarm_notify::lifecycle::{ConnectionEnd, Direction, Event, Failure, Lifecycle, ListenerEnd, Refused, StreamEnd};

#[test]
fn a_full_queue_delays_openings_until_there_is_room() {
    let mut lifecycle = lifecycle::<2>();
    let connection = connection(&mut lifecycle);
    let streams = [(); 3].map(|()| lifecycle.begin_stream(connection, Direction::Inbound).unwrap());
    assert_eq!(lifecycle.room(), 2);
    lifecycle.opened(streams[0]).unwrap();
    lifecycle.opened(streams[1]).unwrap();
    assert_eq!(lifecycle.room(), 0);
    let full = lifecycle.clone();
    assert_eq!(lifecycle.opened(streams[2]), Err(Refused::NoRoom));
    assert_eq!(lifecycle, full, "it stays as it was, opening");
    assert_eq!(lifecycle.next_event(), Some(Event::OpenedStream { connection, stream: streams[0] }));
    assert_eq!(lifecycle.room(), 1);
    lifecycle.opened(streams[2]).unwrap();
    let opened = [streams[1], streams[2]].map(|stream| Event::OpenedStream { connection, stream });
    assert_eq!(drain(&mut lifecycle), opened);
}

#[test]
fn what_is_wrong_with_an_opening_is_said_before_lack_of_room() {
    let mut lifecycle = lifecycle::<1>();
    let connection = connection(&mut lifecycle);
    let failed = lifecycle.begin_listener().unwrap();
    lifecycle.fail(failed, Failure::AddressInUse).unwrap();
    assert_eq!(lifecycle.room(), 0);
    assert_eq!(lifecycle.opened(connection), Err(Refused::AlreadyOpen));
    assert_eq!(lifecycle.opened(failed), Err(Refused::Ended));
}

#[test]
fn a_full_queue_refuses_no_end_and_an_owed_end_leaves_no_room() {
    let mut lifecycle = lifecycle::<1>();
    let connection = connection(&mut lifecycle);
    let closed = stream(&mut lifecycle, connection);
    let listener = lifecycle.begin_listener().unwrap();
    let waiting = lifecycle.begin_stream(connection, Direction::Inbound).unwrap();
    lifecycle.end_stream(closed, StreamEnd::Finished).unwrap();
    lifecycle.end_listener(listener, ListenerEnd::Requested).unwrap();

    let reason = StreamEnd::Finished;
    assert_eq!(lifecycle.next_event(), Some(Event::ClosedStream { connection, stream: closed, reason }));
    assert_eq!(lifecycle.room(), 0, "the place is free, but owed");
    assert_eq!(lifecycle.opened(waiting), Err(Refused::NoRoom));
    let reason = Failure::Requested;
    assert_eq!(lifecycle.next_event(), Some(Event::ListenFailed { listener, reason }));
    assert_eq!(lifecycle.room(), 1);
    lifecycle.opened(waiting).unwrap();
    assert_eq!(drain(&mut lifecycle), [Event::OpenedStream { connection, stream: waiting }]);
}

#[test]
fn what_ends_while_it_waits_for_room_has_failed() {
    let mut lifecycle = lifecycle::<1>();
    let connection = connection(&mut lifecycle);
    let [first, second] = [(); 2].map(|()| lifecycle.begin_stream(connection, Direction::Inbound).unwrap());
    lifecycle.opened(first).unwrap();
    assert_eq!(lifecycle.opened(second), Err(Refused::NoRoom));
    lifecycle.end_connection(connection, ConnectionEnd::Idle).unwrap();
    let events = [
        Event::OpenedStream { connection, stream: first },
        Event::ClosedStream { connection, stream: first, reason: StreamEnd::ConnectionClosed },
        Event::StreamFailed { connection, stream: second, reason: Failure::ConnectionClosed },
        Event::Disconnected { connection, reason: ConnectionEnd::Idle },
    ];
    assert_eq!(drain(&mut lifecycle), events);
}

#[test]
fn a_whole_life_fits_a_queue_of_one() {
    let mut lifecycle: Lifecycle<1> = lifecycle();
    let connection = connection(&mut lifecycle);
    for _ in 0..100 {
        let stream = stream(&mut lifecycle, connection);
        lifecycle.end_stream(stream, StreamEnd::Finished).unwrap();
        let closed = Event::ClosedStream { connection, stream, reason: StreamEnd::Finished };
        assert_eq!(drain(&mut lifecycle), [closed]);
    }
    assert_eq!(lifecycle.counters().streams.inbound.closed, 100);
}
