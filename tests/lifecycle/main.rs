//! The lifecycle's promises, one module each, and the reference model against which it is run.

mod bounded;
mod ends;
mod fair;
mod limits;
mod nested;
mod once;
mod order;
mod random;
mod stale;
#[path = "../support/mod.rs"]
mod support;
mod trace;

use swarm_notify::lifecycle::{ConnectionId, Direction, Event, Lifecycle, Limits, StreamId};

/// A lifecycle with wide limits.
fn lifecycle<const EVENTS: usize>() -> Lifecycle<EVENTS> {
    Lifecycle::new(Limits::default())
}

/// Everything that is told until nothing is; what is always true is checked after each event.
fn drain<const EVENTS: usize>(lifecycle: &mut Lifecycle<EVENTS>) -> Vec<Event> {
    let next = || {
        let event = lifecycle.next_event();
        lifecycle.check_invariants();
        event
    };
    core::iter::from_fn(next).collect()
}

/// A connection that is open, and told.
fn connection<const EVENTS: usize>(lifecycle: &mut Lifecycle<EVENTS>) -> ConnectionId {
    let connection = lifecycle.begin_connection(Direction::Outbound).unwrap();
    lifecycle.opened(connection).unwrap();
    assert_eq!(drain(lifecycle), [Event::Connected { connection }]);
    connection
}

/// A stream that is open, and told.
fn stream<const EVENTS: usize>(lifecycle: &mut Lifecycle<EVENTS>, connection: ConnectionId) -> StreamId {
    let stream = lifecycle.begin_stream(connection, Direction::Inbound).unwrap();
    lifecycle.opened(stream).unwrap();
    assert_eq!(lifecycle.next_event(), Some(Event::OpenedStream { connection, stream }));
    stream
}
