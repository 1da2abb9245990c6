//! Limits hold at their bounds: the last that is allowed begins, the next does not, and handling an end makes place.

use crate::drain;
use crate::support::with;
use swarm_notify::lifecycle::{
    BeginError, ConnectionEnd, ConnectionId, Direction, Failure, Lifecycle, Limits, Side, StreamEnd,
};

fn limits() -> Limits {
    with(Limits::default(), |limits| {
        (limits.listeners, limits.connections) = (2, 2);
        (limits.streams, limits.streams_per_connection) = (7, 2);
    })
}

fn open_connection(lifecycle: &mut Lifecycle<64>) -> ConnectionId {
    let connection = lifecycle.begin_connection(Direction::Inbound).unwrap();
    lifecycle.opened(connection).unwrap();
    connection
}

#[test]
fn a_listener_or_connection_is_refused_until_an_end_is_handled() {
    let mut lifecycle = Lifecycle::<64>::new(limits());
    let listeners = [lifecycle.begin_listener().unwrap(), lifecycle.begin_listener().unwrap()];
    let connections = [(); 2].map(|()| lifecycle.begin_connection(Direction::Outbound).unwrap());
    let full = lifecycle.clone();
    assert_eq!(lifecycle.begin_listener(), Err(BeginError::Limit));
    assert_eq!(lifecycle.begin_connection(Direction::Inbound), Err(BeginError::Limit));
    assert_eq!(lifecycle, full, "nothing has changed");

    lifecycle.fail(listeners[0], Failure::Io).unwrap();
    lifecycle.fail(connections[0], Failure::Io).unwrap();
    assert_eq!(lifecycle.begin_listener(), Err(BeginError::Limit), "its event is still to come");
    assert_eq!(lifecycle.begin_connection(Direction::Inbound), Err(BeginError::Limit));
    assert_eq!(drain(&mut lifecycle).len(), 2);
    assert!(lifecycle.begin_listener().is_ok());
    assert!(lifecycle.begin_connection(Direction::Inbound).is_ok());
}

#[test]
fn a_connection_has_so_many_live_streams_and_as_many_unhandled() {
    let mut lifecycle = Lifecycle::<64>::new(limits());
    let connection = open_connection(&mut lifecycle);
    for _ in 0..2 {
        let streams = [(); 2].map(|()| lifecycle.begin_stream(connection, Direction::Inbound).unwrap());
        assert_eq!(lifecycle.begin_stream(connection, Direction::Outbound), Err(BeginError::Limit), "both directions");
        for stream in streams {
            lifecycle.end_stream(stream, StreamEnd::Reset(Side::Remote)).unwrap();
        }
    }
    assert_eq!(lifecycle.live_streams(connection), 0);
    let full = lifecycle.clone();
    assert_eq!(lifecycle.begin_stream(connection, Direction::Inbound), Err(BeginError::Limit), "four are not handled");
    assert_eq!(lifecycle, full, "nothing has changed");
    drain(&mut lifecycle);
    assert!(lifecycle.begin_stream(connection, Direction::Inbound).is_ok());
}

#[test]
fn a_peer_begins_no_stream_while_its_connection_owes_too_much() {
    let mut lifecycle = Lifecycle::<64>::new(with(limits(), |limits| limits.owed_per_connection = 1));
    let [behind, other] = [(); 2].map(|()| open_connection(&mut lifecycle));
    for is_behind in [false, true] {
        let stream = lifecycle.begin_stream(behind, Direction::Inbound).unwrap();
        lifecycle.fail(stream, Failure::Reset(Side::Remote)).unwrap();
        assert_eq!(lifecycle.is_behind(behind), is_behind);
    }
    let before = lifecycle.clone();
    assert_eq!(lifecycle.begin_stream(behind, Direction::Inbound), Err(BeginError::Limit));
    assert_eq!(lifecycle, before, "nothing has changed");
    assert!(lifecycle.begin_stream(behind, Direction::Outbound).is_ok(), "the owner begins what it likes");
    assert!(lifecycle.begin_stream(other, Direction::Inbound).is_ok(), "another connection owes nothing");
    drain(&mut lifecycle);
    assert!(lifecycle.begin_stream(behind, Direction::Inbound).is_ok());
}

#[test]
fn all_streams_together_have_a_limit_of_their_own() {
    let mut lifecycle = Lifecycle::<64>::new(with(limits(), |limits| limits.streams = 3));
    let [first, second] = [(); 2].map(|()| open_connection(&mut lifecycle));
    for connection in [first, first, second] {
        lifecycle.begin_stream(connection, Direction::Inbound).unwrap();
    }
    assert_eq!(lifecycle.begin_stream(second, Direction::Inbound), Err(BeginError::Limit));
    lifecycle.end_connection(first, ConnectionEnd::Idle).unwrap();
    assert_eq!(lifecycle.begin_stream(second, Direction::Inbound), Err(BeginError::Limit), "none was handled yet");
    drain(&mut lifecycle);
    assert!(lifecycle.begin_stream(second, Direction::Inbound).is_ok());
}

#[test]
fn a_limit_of_zero_allows_none() {
    let mut lifecycle = Lifecycle::<64>::new(with(limits(), |limits| {
        limits.listeners = 0;
        limits.streams_per_connection = 0;
    }));
    assert_eq!(lifecycle.begin_listener(), Err(BeginError::Limit));
    let connection = open_connection(&mut lifecycle);
    assert_eq!(lifecycle.begin_stream(connection, Direction::Inbound), Err(BeginError::Limit));
}

#[test]
fn the_widest_limits_do_not_overflow() {
    let widest = with(Limits::default(), |limits| {
        limits.listeners = u32::MAX;
        limits.connections = u32::MAX;
        limits.streams = u32::MAX;
        limits.streams_per_connection = u32::MAX;
        limits.owed_per_connection = u32::MAX;
    });
    let mut lifecycle = Lifecycle::<64>::new(widest);
    let connection = open_connection(&mut lifecycle);
    assert!(lifecycle.begin_stream(connection, Direction::Inbound).is_ok());
}

/// That a connection is crowded says that one end makes place: it is found out here by ending one.
#[test]
fn a_connection_is_crowded_if_one_end_makes_place() {
    for (streams, is_crowded) in [(4, true), (3, true), (2, false)] {
        let mut lifecycle = Lifecycle::<64>::new(with(limits(), |limits| limits.streams = streams));
        let connection = open_connection(&mut lifecycle);
        let [first, _] = [(); 2].map(|()| {
            assert!(!lifecycle.is_crowded(connection), "there is a place");
            lifecycle.begin_stream(connection, Direction::Inbound).unwrap()
        });
        assert_eq!(lifecycle.begin_stream(connection, Direction::Inbound), Err(BeginError::Limit));
        assert_eq!(lifecycle.is_crowded(connection), is_crowded, "{streams} in all");
        lifecycle.end_stream(first, StreamEnd::Timeout).or_else(|_| lifecycle.fail(first, Failure::Timeout)).unwrap();
        assert_eq!(lifecycle.begin_stream(connection, Direction::Inbound).is_ok(), is_crowded, "{streams} in all");
    }
}
