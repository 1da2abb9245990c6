//! How streams end: finished, reset, closed, timed out.

use crate::sim::{Pair, Shape, everywhere};

everywhere! {
    a_stream_is_finished_once_both_ends_are_read,
    reset_by_the_opener,
    reset_by_the_other_side,
}

fn a_stream_is_finished_once_both_ends_are_read<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.a.send(link.sa, b"there");
    pair.a.finish(link.sa);
    pair.settle();
    assert_eq!((pair.b.received(link.sb), pair.b.has_read_end(link.sb)), (&b"there"[..], true));
    // Half-closed, it is still open.
    pair.a.expect::<&str>(&[]);
    pair.b.expect::<&str>(&[]);
    pair.b.send(link.sb, b"and back");
    pair.settle();
    assert_eq!((pair.a.received(link.sa), pair.a.has_read_end(link.sa)), (&b"and back"[..], false));
    pair.b.finish(link.sb);
    pair.settle();
    pair.a.expect(&["closed_stream c0.1/s0.1 finished"]);
    pair.b.expect(&["closed_stream c0.1/s0.1 finished"]);
    pair.a.swarm.close_connection(link.ca).unwrap();
    pair.settle();
    pair.a.expect(&["disconnected c0.1 requested"]);
    pair.b.expect(&["disconnected c0.1 remote(go_away(0))"]);
    pair.end_with_listener();
}

fn reset_by_the_opener<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.b.reads = false;
    pair.a.send(link.sa, b"unread");
    pair.settle();
    pair.a.swarm.reset(link.sa).unwrap();
    pair.settle();
    pair.a.expect(&["closed_stream c0.1/s0.1 reset(local)"]);
    pair.b.expect(&["closed_stream c0.1/s0.1 reset(remote)"]);
    assert_eq!(pair.b.received(link.sb), b"unread", "by take_unread");
    pair.end_quietly();
}

fn reset_by_the_other_side<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.b.swarm.reset(link.sb).unwrap();
    pair.settle();
    pair.a.expect(&["closed_stream c0.1/s0.1 reset(remote)"]);
    pair.b.expect(&["closed_stream c0.1/s0.1 reset(local)"]);
    pair.end_quietly();
}
