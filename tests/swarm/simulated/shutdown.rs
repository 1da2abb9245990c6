//! Shutting down: everything that lives is told, whatever the peers do, as long as the owner drains.

use crate::simulated::{millis, secs};
use crate::support::sim::{A, B, ECHO, Pair, Shape, everywhere};
use swarm_notify::lifecycle::State;

everywhere! {
    everything_that_is_open_is_told,
    one_event_a_poll_is_enough,
    what_is_not_open_yet_has_failed,
    a_peer_that_does_not_answer_is_cut_off,
    a_peer_that_does_not_read_is_cut_off,
    a_polite_close_of_a_connection_is_cut_off_too,
    both_sides_at_once,
    with_nothing_it_is_over_at_the_next_poll,
    nothing_begins_any_more,
}

const NONE: &[&str] = &[];

/// Two listeners on `a`, two connections, three streams on the first and one on the second.
fn busy<const EVENTS: usize>(shape: Shape) -> Pair<EVENTS> {
    let mut pair = Pair::<EVENTS>::new(shape);
    let address = pair.listens();
    let first = pair.connected_at(&address);
    let second = pair.connected_at(&address);
    pair.a.listen(&A.at(1));
    pair.a.listen(&A.at(2));
    pair.settle();
    pair.a.take_log();
    pair.stream(first);
    pair.stream(second);
    pair.stream(first);
    pair.stream(first);
    pair
}

const STREAMS_OF_FIRST: [&str; 3] = [
    "closed_stream c0.1/s0.1 connection_closed",
    "closed_stream c0.1/s2.1 connection_closed",
    "closed_stream c0.1/s3.1 connection_closed",
];
const STREAM_OF_SECOND: &str = "closed_stream c1.1/s1.1 connection_closed";

/// What the end of [`busy`] looks like from either side.
fn ends(reason: &str) -> Vec<String> {
    let mut lines: Vec<_> = STREAMS_OF_FIRST.map(str::to_owned).into();
    lines.push(format!("disconnected c0.1 {reason}"));
    lines.push(STREAM_OF_SECOND.to_owned());
    lines.push(format!("disconnected c1.1 {reason}"));
    lines
}

fn shutdown_lines(shape: Shape, reason: &str) -> Vec<String> {
    let listeners = if shape.swapped { 3 } else { 2 };
    let mut lines: Vec<_> = (0..listeners).map(|n| format!("listen_close l{n}.1 shutdown")).collect();
    lines.extend(ends(reason));
    lines
}

fn everything_that_is_open_is_told<const EVENTS: usize>(shape: Shape) {
    let mut pair = busy::<EVENTS>(shape);
    pair.a.swarm.shutdown();
    pair.settle();
    assert!(pair.a.swarm.is_shut_down());
    pair.a.expect(&shutdown_lines(shape, "shutdown"));
    pair.b.expect(&ends("remote(go_away(0))"));
    pair.end_with_rest_of_b();
}

fn one_event_a_poll_is_enough<const EVENTS: usize>(shape: Shape) {
    let mut pair = busy::<EVENTS>(shape);
    pair.a.drains = 1;
    pair.a.swarm.shutdown();
    pair.run_until(|pair| pair.a.swarm.is_shut_down());
    pair.settle();
    pair.a.expect(&shutdown_lines(shape, "shutdown"));
    pair.b.expect(&ends("remote(go_away(0))"));
    pair.end_with_rest_of_b();
}

fn what_is_not_open_yet_has_failed<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let (ca, _) = pair.connected();
    pair.b.listen(&B.at(7));
    pair.settle();
    pair.b.take_log();
    let dialed = pair.a.dial(&B.at(7));
    pair.wait(millis(35));
    pair.a.open(ca, &[ECHO]);
    let second = pair.a.dial(&B.at(7));
    let listener = pair.a.listen(&A.at(7));
    pair.a.swarm.shutdown();
    pair.settle();
    let mut expected = vec![format!("listen_failed {listener} shutdown")];
    expected.push(format!("connect_failed {dialed} shutdown"));
    expected.push(format!("connect_failed {second} shutdown"));
    if shape.swapped {
        expected.insert(0, "listen_close l0.1 shutdown".to_owned());
    }
    let log = pair.a.take_log();
    let (streams, mut rest): (Vec<_>, Vec<_>) = log.into_iter().partition(|line| line.starts_with("stream_failed"));
    assert_eq!(streams, ["stream_failed c0.1/s0.1 connection_closed"]);
    assert_eq!(rest.pop().unwrap(), "disconnected c0.1 shutdown");
    // The transport's word on the listener may come behind.
    rest.sort();
    expected.sort();
    assert_eq!(rest, expected);
    pair.end_quietly();
}

fn a_peer_that_does_not_answer_is_cut_off<const EVENTS: usize>(shape: Shape) {
    let mut pair = busy::<EVENTS>(shape);
    pair.network.set(|knobs| (0..2).for_each(|pipe| knobs.black_hole(pipe)));
    pair.a.swarm.shutdown();
    let begun = pair.now;
    pair.run_until(|pair| pair.a.swarm.is_shut_down());
    assert_eq!(pair.now - begun, secs(5));
    pair.a.expect(&shutdown_lines(shape, "shutdown"));
    pair.b.expect(NONE);
    pair.wait(secs(60));
    // The second was heard of last a little earlier.
    let mut expected = ends("failed(timeout)");
    expected.rotate_right(2);
    pair.b.expect(&expected);
    pair.end_with_rest_of_b();
}

fn a_peer_that_does_not_read_is_cut_off<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    let end = pair.end_of(A);
    pair.network.set(|knobs| knobs.stall(0, end, true));
    pair.a.send(link.sa, b"stuck");
    pair.settle();
    pair.a.swarm.shutdown();
    let begun = pair.now;
    pair.run_until(|pair| pair.a.swarm.is_shut_down());
    assert_eq!(pair.now - begun, secs(5));
    pair.settle();
    let (a, _) = pair.only_listener();
    let over = ["closed_stream c0.1/s0.1 connection_closed", "disconnected c0.1 shutdown"];
    pair.a.expect(&[a, &over].concat());
    pair.b.expect(&["closed_stream c0.1/s0.1 connection_closed", "disconnected c0.1 remote(eof)"]);
    pair.end_with_rest_of_b();
}

fn a_polite_close_of_a_connection_is_cut_off_too<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.network.set(|knobs| knobs.black_hole(0));
    pair.a.swarm.close_connection(link.ca).unwrap();
    pair.wait(millis(4_999));
    pair.a.expect(NONE);
    assert_eq!(pair.a.swarm.connection(link.ca).unwrap().state, State::Leaving);
    pair.wait(millis(1));
    pair.a.expect(&["closed_stream c0.1/s0.1 connection_closed", "disconnected c0.1 requested"]);
    pair.end_quietly();
}

fn both_sides_at_once<const EVENTS: usize>(shape: Shape) {
    let (mut pair, _) = Pair::<EVENTS>::with_stream(shape);
    pair.a.swarm.shutdown();
    pair.b.swarm.shutdown();
    pair.settle();
    assert!(pair.a.swarm.is_shut_down() && pair.b.swarm.is_shut_down());
    let over: &[&str] = &["closed_stream c0.1/s0.1 connection_closed", "disconnected c0.1 shutdown"];
    let (a, b) = pair.only_listener();
    pair.a.expect(&[a, over].concat());
    pair.b.expect(&[b, over].concat());
    pair.end_quietly();
}

fn with_nothing_it_is_over_at_the_next_poll<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.settle();
    assert!(!pair.a.swarm.is_shut_down());
    pair.a.swarm.shutdown();
    pair.settle();
    assert!(pair.a.swarm.is_shut_down());
    pair.end(NONE, NONE);
}

fn nothing_begins_any_more<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.a.swarm.shutdown();
    assert!(pair.a.swarm.listen(A.at(9)).is_err());
    assert!(pair.a.swarm.dial(B.at(9)).is_err());
    assert!(pair.a.swarm.open_stream(link.ca, &[ECHO]).is_err());
    // Nor does what the peer begins.
    pair.b.open(link.cb, &[ECHO]);
    pair.settle();
    let (a, _) = pair.only_listener();
    let over: &[&str] = &["closed_stream c0.1/s0.1 connection_closed", "disconnected c0.1 shutdown"];
    pair.a.expect(&[a, over].concat());
    pair.b.expect(&[
        "closed_stream c0.1/s0.1 connection_closed",
        "stream_failed c0.1/s1.1 connection_closed",
        "disconnected c0.1 remote(go_away(0))",
    ]);
    pair.end_with_rest_of_b();
}

impl<const EVENTS: usize> Pair<EVENTS> {
    /// Ends when `a` is over: of `b` the listener may be left.
    #[track_caller]
    fn end_with_rest_of_b(self) {
        let (_, b) = self.only_listener();
        self.end(NONE, b);
    }
}
