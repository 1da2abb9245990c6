//! P13: a peer whose streams end as fast as they begin keeps nobody else from opening any.

use super::{connection, lifecycle};
use swarm_notify::lifecycle::{ConnectionId, Direction, Failure, Lifecycle, Side, StreamEnd};

/// The events that the owner drains in a turn.
const DRAINED: usize = 256;

/// Begins, opens and ends streams on a connection, as many as it may. Streams that find no room fail instead.
fn floods<const EVENTS: usize>(lifecycle: &mut Lifecycle<EVENTS>, on: ConnectionId) {
    while let Ok(stream) = lifecycle.begin_stream(on, Direction::Inbound) {
        if lifecycle.opened(stream).is_ok() {
            lifecycle.end_stream(stream, StreamEnd::Reset(Side::Remote)).unwrap();
        } else {
            lifecycle.fail(stream, Failure::Reset(Side::Remote)).unwrap();
        }
    }
}

fn drains<const EVENTS: usize>(lifecycle: &mut Lifecycle<EVENTS>, events: usize) {
    for _ in 0..events {
        let _ = lifecycle.next_event();
    }
}

/// Returns the number of turns until a stream opens beside connections that flood, if it does within `most`.
fn turns_until_open(flooders: usize, drained: usize, most: usize) -> Option<usize> {
    let mut lifecycle = lifecycle::<256>();
    let honest = connection(&mut lifecycle);
    let flooding: Vec<_> = (0..flooders).map(|_| connection(&mut lifecycle)).collect();
    flooding.iter().for_each(|on| floods(&mut lifecycle, *on));
    let stream = lifecycle.begin_stream(honest, Direction::Inbound).unwrap();
    (1..=most).find(|_| {
        drains(&mut lifecycle, drained);
        let is_open = lifecycle.opened(stream).is_ok();
        flooding.iter().for_each(|on| floods(&mut lifecycle, *on));
        is_open
    })
}

#[test]
fn a_stream_opens_beside_one_connection_that_floods() {
    assert!(turns_until_open(1, DRAINED, 8).is_some());
}

#[test]
fn a_stream_opens_beside_64_that_flood_if_a_turn_drains_what_was_pending() {
    assert!(turns_until_open(64, 256 + 64 * 65, 8).is_some());
}
