//! The attacks at the default bounds. Each fails where peers have no share.

use super::{Attacker, ends, joins, listening, opens, refused};
use crate::support::sim::{Cut, Mode, Pair, Shape};
use swarm_notify::lifecycle::ConnectionId;
use swarm_notify::swarm::Refusal;

const SHAPE: Shape = Shape { cut: Cut::Whole, mode: Mode::Sleep, swapped: false };

/// The honest peer's new connection, and streams on it and on one from before, all get through.
fn is_served(pair: &mut Pair<256>, before: ConnectionId) {
    assert_eq!(opens(pair, before, 10).len(), 10, "streams on a connection from before");
    let (_, new) = joins(pair);
    assert_eq!(opens(pair, new, 10).len(), 10, "streams on a new connection");
}

#[test]
fn idle_streams_of_one_identity_take_nothing_of_others() {
    let mut pair = listening::<256>(SHAPE, |_| {});
    let (_, before) = joins(&mut pair);
    // A4: 66 connections of one identity, 1 000 idle streams on each, from as many addresses.
    let mut attackers = Vec::new();
    for n in 0..66 {
        let Some(mut attacker) = Attacker::connect(&mut pair, 3 + n, 3) else { continue };
        attacker.open(&mut pair, 1_000);
        attackers.push(attacker);
    }
    let (open, refused) = (pair.a.swarm.counters().streams.inbound.open, refused(&pair, Refusal::StreamLimit));
    is_served(&mut pair, before);
    assert_eq!((attackers.len(), open, refused), (8, 1_024, 8 * 1_000 - 1_024));
    ends(pair, attackers);
}

#[test]
fn idle_streams_of_64_identities_leave_place_for_others() {
    let mut pair = listening::<256>(SHAPE, |_| {});
    let (_, before) = joins(&mut pair);
    let mut attackers = Vec::new();
    for n in 0..64 {
        let mut attacker = Attacker::connect(&mut pair, 3 + n, 3 + n).unwrap();
        attacker.open(&mut pair, 1_024);
        attackers.push(attacker);
    }
    let open = pair.a.swarm.counters().streams.inbound.open;
    assert!(open >= 64_512, "all but the reserve: {open}");
    let ended = pair.a.swarm.counters().streams.inbound.closed;
    is_served(&mut pair, before);
    assert_eq!(pair.a.swarm.counters().streams.inbound.closed - ended, 20, "one gives way to each");
    ends(pair, attackers);
}

#[test]
fn idle_streams_of_one_address_leave_place_for_others() {
    let mut pair = listening::<256>(SHAPE, |_| {});
    let (_, before) = joins(&mut pair);
    // One address, and an identity for each connection.
    let mut attackers = Vec::new();
    for key in 3..69 {
        let Some(mut attacker) = Attacker::connect(&mut pair, 3, key) else { continue };
        attacker.open(&mut pair, 1_000);
        attackers.push(attacker);
    }
    is_served(&mut pair, before);
    assert_eq!(attackers.len(), 8);
    ends(pair, attackers);
}
