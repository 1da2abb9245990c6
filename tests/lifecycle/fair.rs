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
fn a_stream_opens_beside_64_floods_if_a_turn_drains_all_pending() {
    assert!(turns_until_open(64, 256 + 64 * 65, 8).is_some());
}

/// The most turns until there is room: what is pending when the flood begins, and what each connection may owe, in helpings
/// of what a turn drains.
const fn bound(flooders: usize, drained: usize) -> usize {
    (256 + flooders * 65).div_ceil(drained) + 1
}

/// The page of `Limits` states the bound. Until this was there, no stream opened in 100 000 turns.
#[test]
fn however_many_flood_a_stream_opens_within_the_stated_turns() {
    for (flooders, drained) in [(1, 1), (1, 64), (64, 256), (64, 16), (300, 256), (1_000, 100)] {
        let most = bound(flooders, drained);
        let turns = turns_until_open(flooders, drained, 10 * most);
        println!("{flooders} flooders, {drained} events a turn: {turns:?} turns of {most}");
        assert!(turns.is_some_and(|turns| turns <= most), "{flooders} flooders, {drained} a turn: {turns:?} of {most}");
    }
}

/// What a connection has owed counts while something is owed without a break, and not the next time.
#[test]
fn who_has_been_behind_begins_again_once_there_is_room() {
    let mut lifecycle = lifecycle::<1>();
    let (other, on) = (connection(&mut lifecycle), connection(&mut lifecycle));
    // As often that the numbers of these times come again.
    for time in 0..600 {
        // Something else is owed for as long as this takes, in half of them.
        if time % 2 == 0 {
            floods(&mut lifecycle, other);
        }
        floods(&mut lifecycle, on);
        assert!(lifecycle.is_behind(on));
        if time % 2 == 0 {
            // Its first events have been told, but not all of what is owed.
            drains(&mut lifecycle, 100);
            assert!(lifecycle.is_behind(on) && lifecycle.begin_stream(on, Direction::Inbound).is_err());
            assert!(lifecycle.begin_stream(on, Direction::Outbound).is_ok(), "the owner may");
        }
        drains(&mut lifecycle, 300);
        assert!(lifecycle.room() > 0 && !lifecycle.is_behind(on));
        lifecycle.streams_of(on).collect::<Vec<_>>().into_iter().for_each(|stream| {
            lifecycle.fail(stream, Failure::Requested).unwrap();
        });
        drains(&mut lifecycle, 300);
    }
    lifecycle.check_invariants();
}

/// The times at which something is owed are numbered, and the numbers come again.
#[test]
fn who_was_behind_long_ago_is_not_behind_again() {
    let mut lifecycle = lifecycle::<1>();
    let (on, other) = (connection(&mut lifecycle), connection(&mut lifecycle));
    floods(&mut lifecycle, on);
    assert!(lifecycle.is_behind(on));
    drains(&mut lifecycle, 300);
    for _ in 0..1_000 {
        floods(&mut lifecycle, other);
        assert!(lifecycle.is_behind(other) && !lifecycle.is_behind(on));
        drains(&mut lifecycle, 300);
    }
}
