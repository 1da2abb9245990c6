//! Streams and their ends.

use crate::support::net::{ECHO, IP4, Node, Reading, both, both_told, connect, one, open, shut_down};
use std::time::Duration;
use swarm_notify::connection::{Protocol, WriteError};
use swarm_notify::lifecycle::{ConnectionId, Event, Side, StreamEnd, StreamId};
use swarm_notify::swarm::Config;

struct Pair {
    a: Node,
    b: Node,
    connections: (ConnectionId, ConnectionId),
    /// The stream at either side.
    at_a: StreamId,
    at_b: StreamId,
}

/// Two nodes with a connection and a stream that both have been told of.
fn pair() -> Pair {
    let (mut a, mut b) = (Node::new(1, Config::default()), Node::new(2, Config::default()));
    let connections = connect(&mut a, &mut b, IP4);
    let (at_a, at_b) = open(&mut a, &mut b, connections);
    Pair { a, b, connections, at_a, at_b }
}

impl Pair {
    /// The logs from the stream's opening to the end of everything.
    #[track_caller]
    fn assert_logs<const A: usize, const B: usize>(mut self, of_a: [&str; A], of_b: [&str; B]) {
        shut_down(&mut self.a, &mut self.b);
        let around_a = ["listen l0.1", "connected c0.1 inbound", "opened_stream s0.1 inbound /echo/1.0.0"];
        let end_a = ["disconnected c0.1 remote(go_away(0))", "listen_close l0.1 shutdown"];
        self.a.assert_log(around_a.into_iter().chain(of_a).chain(end_a));
        let around_b = ["connected c0.1 outbound", "opened_stream s0.1 outbound /echo/1.0.0"];
        self.b.assert_log(around_b.into_iter().chain(of_b).chain(["disconnected c0.1 shutdown"]));
    }
}

#[test]
fn a_stream_is_finished_once_each_side_has_read_the_others_end() {
    let mut pair = pair();
    let Pair { a, b, at_a, at_b, .. } = &mut pair;
    b.write(*at_b, b"question");
    b.swarm.finish(*at_b).unwrap();
    assert_eq!(b.swarm.write(*at_b, b"more"), Err(WriteError::Closed));
    both(a, b, |a, _| a.ended.contains(at_a));
    a.write(*at_a, b"answer");
    a.swarm.finish(*at_a).unwrap();
    both_told(a, b, 4, 3);
    assert_eq!((&a.received[at_a][..], &b.received[at_b][..]), (&b"question"[..], &b"answer"[..]));
    pair.assert_logs(["closed_stream s0.1 finished"], ["closed_stream s0.1 finished"]);
}

#[test]
fn a_half_closed_stream_is_open_still() {
    let mut pair = pair();
    let Pair { a, b, at_a, at_b, .. } = &mut pair;
    b.swarm.finish(*at_b).unwrap();
    both(a, b, |a, _| a.ended.contains(at_a));
    for word in [&b"one"[..], b"onetwo"] {
        a.write(*at_a, &word[word.len() - 3..]);
        both(a, b, |_, b| b.has_received(*at_b, word));
    }
    // It ends with its connection.
    pair.assert_logs(["closed_stream s0.1 connection_closed"], ["closed_stream s0.1 connection_closed"]);
}

#[test]
fn a_finished_stream_whose_end_nobody_has_read_is_not_over() {
    let mut pair = pair();
    let Pair { a, b, connections, at_a, at_b } = &mut pair;
    a.reading = Reading::Leave;
    b.write(*at_b, b"unread");
    b.swarm.finish(*at_b).unwrap();
    a.swarm.finish(*at_a).unwrap();
    both_told(a, b, 3, 3);
    // Its peer is done with it; here it lives until it is read.
    let (other_a, other_b) = open(a, b, *connections);
    b.write(other_b, b"x");
    both(a, b, |a, _| a.swarm.read(other_a, &mut [0; 8]) == Ok(1));
    assert_eq!(a.log.len(), 4);
    let mut buffer = [0; 16];
    assert_eq!(a.swarm.read(*at_a, &mut buffer), Ok(6));
    assert_eq!(a.swarm.read(*at_a, &mut buffer), Ok(0));
    both_told(a, b, 5, 4);
    pair.assert_logs(
        [
            "opened_stream s1.1 inbound /echo/1.0.0",
            "closed_stream s0.1 finished",
            "closed_stream s1.1 connection_closed",
        ],
        [
            "closed_stream s0.1 finished",
            "opened_stream s0.2 outbound /echo/1.0.0",
            "closed_stream s0.2 connection_closed",
        ],
    );
}

#[test]
fn a_reset_by_the_dialer_is_told_on_both_sides() {
    let mut pair = pair();
    let Pair { a, b, at_b, .. } = &mut pair;
    b.write(*at_b, b"lost or not");
    b.swarm.reset(*at_b).unwrap();
    both_told(a, b, 4, 3);
    pair.assert_logs(["closed_stream s0.1 reset(remote)"], ["closed_stream s0.1 reset(local)"]);
}

#[test]
fn a_reset_by_the_listener_is_told_on_both_sides() {
    let mut pair = pair();
    let Pair { a, b, at_a, .. } = &mut pair;
    a.swarm.reset(*at_a).unwrap();
    both_told(a, b, 4, 3);
    pair.assert_logs(["closed_stream s0.1 reset(local)"], ["closed_stream s0.1 reset(remote)"]);
}

#[test]
fn a_reset_after_the_end_of_one_side_is_a_reset() {
    let mut pair = pair();
    let Pair { a, b, at_a, at_b, .. } = &mut pair;
    b.swarm.finish(*at_b).unwrap();
    both(a, b, |a, _| a.ended.contains(at_a));
    a.swarm.reset(*at_a).unwrap();
    both_told(a, b, 4, 3);
    pair.assert_logs(["closed_stream s0.1 reset(local)"], ["closed_stream s0.1 reset(remote)"]);
}

#[test]
fn a_reset_is_told_without_a_reader_and_what_came_can_be_taken() {
    let mut pair = pair();
    let Pair { a, b, at_a, at_b, .. } = &mut pair;
    a.reading = Reading::Leave;
    b.write(*at_b, b"before the reset");
    both(a, b, |a, _| a.swarm.read(*at_a, &mut [0; 1]) == Ok(1));
    b.swarm.reset(*at_b).unwrap();
    a.is_paused = true;
    both(a, b, |a, _| !a.swarm.take_unread(*at_a).is_empty());
    a.is_paused = false;
    both_told(a, b, 4, 3);
    pair.assert_logs(["closed_stream s0.1 reset(remote)"], ["closed_stream s0.1 reset(local)"]);
}

#[test]
fn what_has_ended_is_not_ready_any_more() {
    let mut pair = pair();
    let Pair { a, b, at_a, at_b, .. } = &mut pair;
    b.write(*at_b, b"unread");
    b.swarm.reset(*at_b).unwrap();
    one(b, |b| b.log.len() == 3);
    let event = loop {
        a.swarm.tick(Duration::ZERO);
        if let Some(event) = a.swarm.next_event() {
            break event;
        }
    };
    let connection = a.swarm.connections().next().unwrap();
    assert_eq!(event, Event::ClosedStream { connection, stream: *at_a, reason: StreamEnd::Reset(Side::Remote) });
    assert_eq!(a.swarm.next_ready(), None);
    assert_eq!(a.swarm.take_unread(*at_a), b"unread");
    assert_eq!(a.swarm.next_event(), None);
    assert_eq!(a.swarm.take_unread(*at_a), b"");
    assert!(a.swarm.stream(*at_a).is_none());
    pair.assert_logs([], ["closed_stream s0.1 reset(local)"]);
}

#[test]
fn a_closed_stream_ends_when_the_peer_that_still_writes_is_done() {
    const MORE: usize = 1_000_000;
    let mut pair = pair();
    let Pair { a, b, at_a, at_b, .. } = &mut pair;
    a.reading = Reading::Leave;
    b.write(*at_b, b"first");
    both(a, b, |a, _| a.swarm.read(*at_a, &mut [0; 5]) == Ok(5));
    a.swarm.close_stream(*at_a).unwrap();
    a.swarm.close_stream(*at_a).unwrap();
    // The window is granted on, beyond what one holds.
    let mut sent = 0;
    both(a, b, |_, b| {
        while sent < MORE {
            match b.swarm.write(*at_b, &[1; 10_000]) {
                Ok(n) => sent += n,
                Err(error) => {
                    assert_eq!(error, WriteError::Blocked);
                    return false;
                }
            }
        }
        true
    });
    assert_eq!((a.log.len(), b.log.len()), (3, 2));
    b.swarm.finish(*at_b).unwrap();
    both_told(a, b, 4, 3);
    pair.assert_logs(["closed_stream s0.1 finished"], ["closed_stream s0.1 finished"]);
}

#[test]
fn a_protocol_the_peer_does_not_speak_fails_on_both_sides() {
    const UNKNOWN: Protocol = Protocol::from_static("/unknown/1.0.0");
    let mut pair = pair();
    let Pair { a, b, connections, .. } = &mut pair;
    // Data travels with the proposal; it is no line that could be understood.
    let stream = b.swarm.open_stream(connections.1, &[UNKNOWN]).unwrap();
    b.write(stream, &[0xFF; 1000]);
    both_told(a, b, 4, 3);
    // In order of preference, the peer speaks the second.
    b.swarm.open_stream(connections.1, &[UNKNOWN, ECHO]).unwrap();
    both_told(a, b, 5, 4);
    pair.assert_logs(
        [
            "stream_failed s1.1 unsupported",
            "opened_stream s1.2 inbound /echo/1.0.0",
            "closed_stream s0.1 connection_closed",
            "closed_stream s1.2 connection_closed",
        ],
        [
            "stream_failed s1.1 unsupported",
            "opened_stream s1.2 outbound /echo/1.0.0",
            "closed_stream s0.1 connection_closed",
            "closed_stream s1.2 connection_closed",
        ],
    );
}

#[test]
fn a_stream_over_the_peers_limit_is_reset_and_over_ours_refused() {
    let mut config = Config::default();
    config.limits.streams_per_connection = 1;
    let (mut a, mut b) = (Node::<256>::new(1, config), Node::<256>::new(2, Config::default()));
    let connections = connect(&mut a, &mut b, IP4);
    let (_, first) = open(&mut a, &mut b, connections);
    b.open(connections.1);
    both_told(&mut a, &mut b, 3, 3);
    let refused = a.swarm.open_stream(connections.0, &[ECHO]);
    assert_eq!(refused, Err(swarm_notify::swarm::OpenStreamError::Limit));
    // Once the first is over, there is place again.
    b.swarm.reset(first).unwrap();
    both_told(&mut a, &mut b, 4, 4);
    let third = b.open(connections.1);
    both_told(&mut a, &mut b, 5, 5);
    b.swarm.reset(third).unwrap();
    both_told(&mut a, &mut b, 6, 6);
    shut_down(&mut a, &mut b);
    a.assert_log([
        "listen l0.1",
        "connected c0.1 inbound",
        "opened_stream s0.1 inbound /echo/1.0.0",
        "closed_stream s0.1 reset(remote)",
        "opened_stream s0.2 inbound /echo/1.0.0",
        "closed_stream s0.2 reset(remote)",
        "disconnected c0.1 remote(go_away(0))",
        "listen_close l0.1 shutdown",
    ]);
    b.assert_log([
        "connected c0.1 outbound",
        "opened_stream s0.1 outbound /echo/1.0.0",
        "stream_failed s1.1 reset(remote)",
        "closed_stream s0.1 reset(local)",
        "opened_stream s0.2 outbound /echo/1.0.0",
        "closed_stream s0.2 reset(local)",
        "disconnected c0.1 shutdown",
    ]);
}
