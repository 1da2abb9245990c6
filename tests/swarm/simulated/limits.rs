//! At the limits: what is beyond is refused, by an error here and by a close or a reset over there, and there is place
//! again afterwards.

use crate::support::sim::{A, B, ECHO, Pair, Shape, everywhere};
use swarm_notify::connection::Rate;
use swarm_notify::swarm::{Config, DialError, OpenStreamError, Refusal};

everywhere! {
    connections,
    outbound_handshakes,
    streams_of_one_connection,
    streams_of_all_connections,
    streams_that_wait_to_open,
    unacknowledged_streams_wait_their_turn,
    streams_given_up_while_the_peer_reads_nothing,
    no_reads_in_a_poll_count_as_one,
}

const NONE: &[&str] = &[];

fn connections<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::with(shape, |a| a.limits.connections = 2, |b| b.limits.connections = 1);
    pair.b.listen(&B.at(1));
    pair.settle();
    // Both are let in at the door. The place goes to the one whose peer is authenticated first.
    let first = pair.a.dial(&B.at(1));
    pair.a.dial(&B.at(1));
    assert_eq!(pair.a.swarm.dial(B.at(1)), Err(DialError::Limit));
    pair.settle();
    pair.a.expect(&["connected c0.1 outbound", "connected c1.1 outbound", "disconnected c1.1 remote(eof)"]);
    pair.b.expect(&["listen l0.1", "connected c0.1 inbound"]);
    assert_eq!(pair.b.swarm.refused(Refusal::ConnectionLimit), 1);
    // Where all places are taken nobody is let in, so that the handshake need not be made.
    pair.a.dial(&B.at(1));
    pair.settle();
    pair.a.expect(&["connect_failed c1.2 eof"]);
    pair.b.expect(NONE);
    assert_eq!(pair.b.swarm.refused(Refusal::ConnectionLimit), 2);
    assert_eq!(pair.b.swarm.counters().connections.inbound.without_id, 2);
    pair.a.swarm.close_connection(first).unwrap();
    pair.settle();
    pair.a.dial(&B.at(1));
    pair.settle();
    // The slot that was vacated last is used first.
    pair.a.expect(&["disconnected c0.1 requested", "connected c0.2 outbound"]);
    pair.b.expect(&["disconnected c0.1 remote(go_away(0))", "connected c0.2 inbound"]);
    pair.end_quietly();
}

fn outbound_handshakes<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::with(shape, |a| a.outbound_handshakes = 1, |_| {});
    pair.b.listen(&B.at(1));
    pair.settle();
    pair.a.dial(&B.at(1));
    assert_eq!(pair.a.swarm.dial(B.at(1)), Err(DialError::Limit));
    pair.settle();
    pair.a.dial(&B.at(2));
    assert_eq!(pair.a.swarm.dial(B.at(1)), Err(DialError::Limit));
    pair.settle();
    pair.a.dial(&B.at(1));
    pair.settle();
    pair.a.expect(&["connected c0.1 outbound", "connect_failed c1.1 refused", "connected c1.2 outbound"]);
    pair.end_quietly();
}

fn streams_of_one_connection<const EVENTS: usize>(shape: Shape) {
    let mut pair =
        Pair::<EVENTS>::with(shape, |a| a.limits.streams_per_connection = 3, |b| b.limits.streams_per_connection = 2);
    let on @ (ca, _) = pair.connected();
    let (first, _) = pair.stream(on);
    pair.stream(on);
    pair.a.open(ca, &[ECHO]);
    assert_eq!(pair.a.try_open(ca, &[ECHO]), Err(OpenStreamError::Limit));
    pair.settle();
    pair.a.expect(&["stream_failed c0.1/s2.1 reset(remote)"]);
    pair.b.expect(NONE);
    pair.a.swarm.reset(first).unwrap();
    pair.settle();
    pair.a.expect(&["closed_stream c0.1/s0.1 reset(local)"]);
    pair.b.expect(&["closed_stream c0.1/s0.1 reset(remote)"]);
    pair.stream(on);
    pair.end_quietly();
}

fn streams_of_all_connections<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::with(shape, |_| {}, |b| b.limits.streams = 2);
    let address = pair.listens();
    let one @ (_, _) = pair.connected_at(&address);
    let two @ (ca, cb) = pair.connected_at(&address);
    pair.stream(one);
    pair.stream(two);
    pair.a.open(ca, &[ECHO]);
    pair.settle();
    pair.a.expect(&["stream_failed c1.1/s2.1 reset(remote)"]);
    pair.b.expect(NONE);
    assert_eq!(pair.b.try_open(cb, &[ECHO]), Err(OpenStreamError::Limit));
    pair.end_quietly();
}

fn streams_that_wait_to_open<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::with(shape, |_| {}, |b| b.connection.inbound_backlog = 2);
    let (ca, cb) = pair.connected();
    pair.b.drains = 0;
    // So many are announced as there is room for, two wait, and the others are refused.
    for _ in 0..EVENTS + 4 {
        pair.a.open(ca, &[ECHO]);
        pair.settle();
    }
    let opened = |n| format!("opened_stream c0.1/s{n}.1 outbound /echo/1.0.0");
    let refused = |n: usize, generation| format!("stream_failed c0.1/s{n}.{generation} reset(remote)");
    let mut expected: Vec<_> = (0..EVENTS).map(opened).collect();
    expected.extend([refused(EVENTS + 2, 1), refused(EVENTS + 2, 2)]);
    pair.a.expect(&expected);
    assert_eq!(pair.b.swarm.streams_of(cb).count(), EVENTS + 2);
    pair.b.drains = usize::MAX;
    pair.b.drain(pair.now);
    pair.settle();
    pair.a.expect(&[opened(EVENTS), opened(EVENTS + 1)]);
    let expected: Vec<_> = (0..EVENTS + 2).map(|n| format!("opened_stream c0.1/s{n}.1 inbound /echo/1.0.0")).collect();
    pair.b.expect(&expected);
    pair.end_quietly();
}

fn unacknowledged_streams_wait_their_turn<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::with(shape, |a| a.connection.yamux.ack_backlog = 3, |_| {});
    let (ca, cb) = pair.connected();
    pair.b.drains = 0;
    let streams: Vec<_> = (0..EVENTS + 8).map(|_| pair.a.open(ca, &[ECHO])).collect();
    pair.settle();
    // Acknowledged are those that are announced over there; three more are under way.
    assert_eq!(pair.b.swarm.streams_of(cb).count(), EVENTS + 3);
    // Two that wait are given up, and the peer never hears of them.
    for stream in &streams[EVENTS + 4..EVENTS + 6] {
        pair.a.swarm.reset(*stream).unwrap();
    }
    pair.b.drains = usize::MAX;
    pair.b.drain(pair.now);
    pair.settle();
    let opened = |n: usize, direction| format!("opened_stream c0.1/s{n}.1 {direction} /echo/1.0.0");
    let mut expected: Vec<_> = (0..EVENTS).map(|n| opened(n, "outbound")).collect();
    expected.extend((EVENTS + 4..EVENTS + 6).map(|n| format!("stream_failed c0.1/s{n}.1 requested")));
    expected.extend((EVENTS..EVENTS + 4).chain(EVENTS + 6..EVENTS + 8).map(|n| opened(n, "outbound")));
    pair.a.expect(&expected);
    let expected: Vec<_> = (0..EVENTS + 6).map(|n| opened(n, "inbound")).collect();
    pair.b.expect(&expected);
    pair.end_quietly();
}

/// Opened and reset as often as the owner likes, they do not make our output grow without bound.
fn streams_given_up_while_the_peer_reads_nothing<const EVENTS: usize>(shape: Shape) {
    let shape = shape.for_much();
    let bounds = |b: &mut Config| {
        b.limits.streams_per_connection = 10_000;
        b.connection.resets = Rate::new(10_000, 1);
    };
    let mut pair = Pair::<EVENTS>::with(shape, |_| {}, bounds);
    let link = pair.link();
    let end = pair.end_of(A);
    pair.network.set(|knobs| knobs.stall(0, end, true));
    let before = pair.network.sent(0, end);
    for _ in 0..6_000 {
        let id = pair.a.open(link.ca, &[ECHO]);
        pair.a.swarm.reset(id).unwrap();
        pair.a.turn(pair.now);
    }
    let waits = pair.a.open(link.ca, &[ECHO]);
    pair.settle();
    assert_eq!(pair.a.unexpected(), 6_000);
    pair.a.take_log();
    pair.network.set(|knobs| knobs.stall(0, end, false));
    pair.settle();
    let sent = pair.network.sent(0, end) - before;
    assert!(sent < 140 * 1024, "{sent}");
    pair.a.expect(&[format!("opened_stream c0.1/{waits} outbound /echo/1.0.0")]);
    pair.end_quietly();
}

/// One is the least; 0 counts as it.
fn no_reads_in_a_poll_count_as_one<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::with(shape, |a| a.reads_per_poll = 1, |b| b.reads_per_poll = 0);
    let on = pair.connected();
    pair.stream(on);
    pair.end_quietly();
}
