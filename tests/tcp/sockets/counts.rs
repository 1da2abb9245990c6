//! The number of streams of a connection, at both ends and at every step of their lives.

use crate::support::net::{ECHO, IP4, Node, both, both_told, connect, one, open, shut_down};
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::{ConnectionId, Counts, StreamId};
use swarm_notify::swarm::{Config, OpenStreamError};

/// The streams that have not ended, and how many have opened, failed and closed, are open, and were at most.
#[track_caller]
fn assert_counts(
    node: &Node,
    connection: ConnectionId,
    live: &[StreamId],
    [opened, failed, closed]: [u64; 3],
    peak: u32,
) {
    let streams: Vec<_> = node.swarm.streams_of(connection).collect();
    assert_eq!(streams, live);
    assert_eq!(node.swarm.connection(connection).map_or(0, |view| view.streams), live.len());
    let counters = node.swarm.counters().streams;
    // In these tests `b` opens all streams.
    let (all, none) = match counters.outbound == Counts::default() {
        true => (counters.inbound, counters.outbound),
        false => (counters.outbound, counters.inbound),
    };
    assert_eq!(none, Counts::default());
    let open = u32::try_from(opened - closed).unwrap();
    assert_eq!([all.opened, all.failed, all.closed], [opened, failed, closed]);
    assert_eq!((all.open, all.peak), (open, peak));
}

/// Two nodes, of which `b` has place for two streams on a connection.
fn pair() -> (Node, Node, (ConnectionId, ConnectionId)) {
    let mut config = Config::default();
    config.limits.streams_per_connection = 2;
    let (mut a, mut b) = (Node::new(1, Config::default()), Node::new(2, config));
    let connections = connect(&mut a, &mut b, IP4);
    (a, b, connections)
}

#[test]
fn a_stream_counts_from_the_command_until_both_sides_are_over() {
    let (mut a, mut b, (ca, cb)) = pair();
    assert_counts(&a, ca, &[], [0, 0, 0], 0);
    assert_counts(&b, cb, &[], [0, 0, 0], 0);

    // Opening: it lives at the opener only, and is not open.
    let at_b = b.open(cb);
    assert_counts(&b, cb, &[at_b], [0, 0, 0], 0);
    assert_counts(&a, ca, &[], [0, 0, 0], 0);
    both_told(&mut a, &mut b, 3, 2);
    let at_a = a.streams(ca)[0];
    assert_counts(&a, ca, &[at_a], [1, 0, 0], 1);
    assert_counts(&b, cb, &[at_b], [1, 0, 0], 1);

    // Half-closed, in both directions one after the other: it is open still.
    b.swarm.finish(at_b).unwrap();
    both(&mut a, &mut b, |a, _| a.ended.contains(&at_a));
    assert_counts(&a, ca, &[at_a], [1, 0, 0], 1);
    assert_counts(&b, cb, &[at_b], [1, 0, 0], 1);
    a.write(at_a, b"answer");
    both(&mut a, &mut b, |_, b| b.has_received(at_b, b"answer"));
    assert_counts(&b, cb, &[at_b], [1, 0, 0], 1);

    // Over, before and after the event is drained.
    (a.is_paused, b.is_paused) = (true, true);
    a.swarm.finish(at_a).unwrap();
    both(&mut a, &mut b, |a, b| a.swarm.streams_of(ca).next().is_none() && b.swarm.streams_of(cb).next().is_none());
    assert_counts(&a, ca, &[], [1, 0, 1], 1);
    assert_counts(&b, cb, &[], [1, 0, 1], 1);
    assert!(a.swarm.stream(at_a).is_some() && b.swarm.stream(at_b).is_some(), "they can be looked up");
    (a.is_paused, b.is_paused) = (false, false);
    both_told(&mut a, &mut b, 4, 3);
    assert_counts(&a, ca, &[], [1, 0, 1], 1);
    assert_counts(&b, cb, &[], [1, 0, 1], 1);
    shut_down(&mut a, &mut b);
}

#[test]
fn a_closed_stream_counts_until_its_peer_ends_but_no_reset_one() {
    let (mut a, mut b, on @ (ca, cb)) = pair();
    let (reset_a, reset_b) = open(&mut a, &mut b, on);
    let (closed_a, closed_b) = open(&mut a, &mut b, on);
    assert_counts(&a, ca, &[reset_a, closed_a], [2, 0, 0], 2);
    assert_counts(&b, cb, &[reset_b, closed_b], [2, 0, 0], 2);

    b.swarm.reset(reset_b).unwrap();
    assert_counts(&b, cb, &[closed_b], [2, 0, 1], 2);
    both_told(&mut a, &mut b, 5, 4);
    assert_counts(&a, ca, &[closed_a], [2, 0, 1], 2);

    a.swarm.close_stream(closed_a).unwrap();
    both(&mut a, &mut b, |_, b| b.ended.contains(&closed_b));
    assert_counts(&a, ca, &[closed_a], [2, 0, 1], 2);
    assert_counts(&b, cb, &[closed_b], [2, 0, 1], 2);
    b.swarm.finish(closed_b).unwrap();
    both_told(&mut a, &mut b, 6, 5);
    assert_counts(&a, ca, &[], [2, 0, 2], 2);
    assert_counts(&b, cb, &[], [2, 0, 2], 2);
    // The most that were ever open stay so.
    let (last_a, last_b) = open(&mut a, &mut b, on);
    assert_counts(&a, ca, &[last_a], [3, 0, 2], 2);
    assert_counts(&b, cb, &[last_b], [3, 0, 2], 2);
    shut_down(&mut a, &mut b);
}

#[test]
fn a_stream_that_fails_counts_while_it_opens() {
    let (mut a, mut b, (ca, cb)) = pair();
    let unknown = b.swarm.open_stream(cb, &[Protocol::from_static("/unknown/1.0.0")]).unwrap();
    assert_counts(&b, cb, &[unknown], [0, 0, 0], 0);
    both_told(&mut a, &mut b, 3, 2);
    assert_counts(&b, cb, &[], [0, 1, 0], 0);
    assert_counts(&a, ca, &[], [0, 1, 0], 0);
    // Given up by its owner before the peer has heard of it.
    let given_up = b.open(cb);
    b.swarm.reset(given_up).unwrap();
    assert_counts(&b, cb, &[], [0, 2, 0], 0);
    one(&mut b, |b| b.log.len() == 3);
    shut_down(&mut a, &mut b);
    assert_counts(&b, cb, &[], [0, 2, 0], 0);
}

#[test]
fn the_limit_counts_the_living_and_a_connections_end_frees_all() {
    let (mut a, mut b, on @ (ca, cb)) = pair();
    let (first_a, first_b) = open(&mut a, &mut b, on);
    let opening = b.open(cb);
    assert_eq!(b.swarm.open_stream(cb, &[ECHO]), Err(OpenStreamError::Limit), "an opening one has its place");
    assert_counts(&b, cb, &[first_b, opening], [1, 0, 0], 1);
    both_told(&mut a, &mut b, 4, 3);
    let second_a = a.streams(ca).into_iter().find(|stream| *stream != first_a).unwrap();
    assert_counts(&a, ca, &[first_a, second_a], [2, 0, 0], 2);

    // A half-open one keeps its place; with its end there is place at once, drained or not.
    b.swarm.finish(first_b).unwrap();
    both(&mut a, &mut b, |a, _| a.ended.contains(&first_a));
    assert_eq!(b.swarm.open_stream(cb, &[ECHO]), Err(OpenStreamError::Limit));
    b.swarm.reset(first_b).unwrap();
    let third = b.open(cb);
    assert_counts(&b, cb, &[opening, third], [2, 0, 1], 2);
    both_told(&mut a, &mut b, 6, 5);
    let third_a = a.streams(ca).into_iter().find(|stream| ![first_a, second_a].contains(stream)).unwrap();
    assert_counts(&a, ca, &[second_a, third_a], [3, 0, 1], 2);
    assert_counts(&b, cb, &[opening, third], [3, 0, 1], 2);

    b.swarm.abort_connection(cb).unwrap();
    assert_counts(&b, cb, &[], [3, 0, 3], 2);
    both_told(&mut a, &mut b, 9, 8);
    assert_counts(&a, ca, &[], [3, 0, 3], 2);
    assert_counts(&b, cb, &[], [3, 0, 3], 2);
    assert_eq!(b.swarm.open_stream(cb, &[ECHO]), Err(OpenStreamError::Stale));
    shut_down(&mut a, &mut b);
}
