//! How streams end: finished, reset, closed, timed out, refused.

use crate::simulated::secs;
use crate::support::sim::{A, ECHO, Pair, SINK, Shape, UNKNOWN, everywhere};
use swarm_notify::lifecycle::State;

everywhere! {
    finished_once_both_ends_are_read,
    half_closed_it_is_open_and_data_goes_on,
    an_end_that_nobody_reads_is_no_end,
    reset_by_the_opener,
    reset_by_the_other_side,
    reset_before_it_is_open,
    closed_by_us_while_the_peer_still_writes,
    closed_while_the_peer_never_ends,
    half_open_with_a_silent_peer,
    half_open_with_a_peer_that_grants_nothing,
    half_open_but_alive,
    half_open_and_unread,
    an_unsupported_protocol,
    a_protocol_that_is_unregistered_while_it_is_negotiated,
    the_first_of_several_that_the_peer_speaks,
    a_negotiation_that_takes_too_long,
    early_data_on_a_lazy_stream,
    an_early_end_waits_for_the_peers_word,
    an_end_before_it_is_open_follows_our_word,
    more_early_data_than_the_window,
    a_write_before_a_choice_of_several_is_told_when_to_go_on,
    what_was_unread_can_be_taken_at_the_connections_end,
    data_crosses_with_the_polite_close_of_a_connection,
    nothing_is_lost_where_two_polite_closes_cross,
}

const NONE: &[&str] = &[];
const FINISHED: &[&str] = &["closed_stream c0.1/s0.1 finished"];
const TIMEOUT: &[&str] = &["closed_stream c0.1/s0.1 timeout"];
const RESET_BY_US: &[&str] = &["closed_stream c0.1/s0.1 reset(local)"];
const RESET_BY_PEER: &[&str] = &["closed_stream c0.1/s0.1 reset(remote)"];

fn finished_once_both_ends_are_read<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.a.send(link.sa, b"there");
    pair.a.finish(link.sa);
    pair.settle();
    assert_eq!((pair.b.received(link.sb), pair.b.has_read_end(link.sb)), (&b"there"[..], true));
    pair.b.send(link.sb, b"and back");
    pair.b.finish(link.sb);
    pair.settle();
    assert_eq!(pair.a.received(link.sa), b"and back");
    pair.a.expect(FINISHED);
    pair.b.expect(FINISHED);
    pair.end_quietly();
}

fn half_closed_it_is_open_and_data_goes_on<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.a.finish(link.sa);
    for _ in 0..5 {
        pair.wait(secs(50));
        pair.b.send(link.sb, b"on");
    }
    pair.settle();
    pair.a.expect(NONE);
    pair.b.expect(NONE);
    assert_eq!((pair.a.received(link.sa), pair.a.has_read_end(link.sa)), (&b"ononononon"[..], false));
    pair.b.finish(link.sb);
    pair.settle();
    pair.a.expect(FINISHED);
    pair.b.expect(FINISHED);
    pair.end_quietly();
}

fn an_end_that_nobody_reads_is_no_end<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.b.reads = false;
    pair.a.send(link.sa, b"there");
    pair.a.finish(link.sa);
    pair.b.finish(link.sb);
    pair.wait(secs(200));
    pair.a.expect(FINISHED);
    pair.b.expect(NONE);
    pair.b.read_all(link.sb);
    pair.settle();
    pair.b.expect(FINISHED);
    assert_eq!(pair.b.received(link.sb), b"there");
    pair.end_quietly();
}

fn reset_by_the_opener<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.b.reads = false;
    pair.a.send(link.sa, b"unread");
    pair.settle();
    pair.a.swarm.reset(link.sa).unwrap();
    pair.settle();
    pair.a.expect(RESET_BY_US);
    pair.b.expect(RESET_BY_PEER);
    assert_eq!(pair.b.received(link.sb), b"unread", "by take_unread");
    pair.end_quietly();
}

fn reset_by_the_other_side<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.b.swarm.reset(link.sb).unwrap();
    pair.settle();
    pair.a.expect(RESET_BY_PEER);
    pair.b.expect(RESET_BY_US);
    pair.end_quietly();
}

fn reset_before_it_is_open<const EVENTS: usize>(shape: Shape) {
    for close in [false, true] {
        let mut pair = Pair::<EVENTS>::new(shape);
        let (ca, _) = pair.connected();
        let sa = pair.a.open(ca, &[ECHO]);
        pair.wait(crate::simulated::millis(5));
        match close {
            true => pair.a.swarm.close_stream(sa).unwrap(),
            false => pair.a.swarm.reset(sa).unwrap(),
        }
        pair.settle();
        pair.a.expect(&["stream_failed c0.1/s0.1 requested"]);
        pair.b.expect(&["opened_stream c0.1/s0.1 inbound /echo/1.0.0", "closed_stream c0.1/s0.1 reset(remote)"]);
        // One that the peer never hears of.
        let sa = pair.a.open(ca, &[ECHO]);
        pair.a.swarm.reset(sa).unwrap();
        pair.settle();
        pair.a.expect(&["stream_failed c0.1/s0.2 requested"]);
        pair.b.take_log();
        pair.end_quietly();
    }
}

fn closed_by_us_while_the_peer_still_writes<const EVENTS: usize>(shape: Shape) {
    let shape = shape.for_much();
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.a.reads = false;
    // More than a window, so that window has to be granted for it to end.
    pair.b.send(link.sb, &[7; 300_000]);
    pair.b.finish(link.sb);
    pair.settle();
    pair.a.swarm.close_stream(link.sa).unwrap();
    pair.settle();
    pair.a.expect(FINISHED);
    pair.b.expect(FINISHED);
    assert_eq!(pair.a.received(link.sa).len(), 0, "it was dropped");
    pair.end_quietly();
}

fn closed_while_the_peer_never_ends<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.a.swarm.close_stream(link.sa).unwrap();
    for _ in 0..4 {
        pair.wait(secs(1));
        pair.b.send(link.sb, b"on");
        pair.a.swarm.close_stream(link.sa).unwrap();
    }
    pair.settle();
    pair.a.expect(NONE);
    pair.b.expect(NONE);
    pair.wait(secs(2));
    pair.a.expect(TIMEOUT);
    pair.b.expect(RESET_BY_PEER);
    pair.end_quietly();
}

fn half_open_with_a_silent_peer<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.a.finish(link.sa);
    pair.wait(secs(599));
    pair.a.expect(NONE);
    pair.wait(secs(2));
    pair.a.expect(TIMEOUT);
    pair.b.expect(RESET_BY_PEER);
    pair.end_quietly();
}

fn half_open_with_a_peer_that_grants_nothing<const EVENTS: usize>(shape: Shape) {
    let shape = shape.for_much();
    for write_first in [false, true] {
        let mut pair = Pair::<EVENTS>::with(shape, |a| a.connection.half_open_timeout = None, |_| {});
        let link = pair.link();
        pair.a.reads = false;
        if write_first {
            pair.b.send(link.sb, &[7; 300_000]);
            pair.settle();
        }
        pair.a.finish(link.sa);
        pair.settle();
        if !write_first {
            pair.b.send(link.sb, &[7; 300_000]);
        }
        pair.wait(secs(599));
        pair.b.expect(NONE);
        pair.wait(secs(2));
        pair.b.expect(TIMEOUT);
        pair.a.expect(RESET_BY_PEER);
        // All of the window but for the words of the negotiation.
        assert_eq!(pair.a.received(link.sa).len(), 256 * 1024 - 33);
        pair.end_quietly();
    }
}

fn half_open_but_alive<const EVENTS: usize>(shape: Shape) {
    let shape = shape.for_much();
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.a.reads = false;
    pair.a.finish(link.sa);
    pair.b.send(link.sb, &[7; 300_000]);
    pair.b.finish(link.sb);
    pair.wait(secs(590));
    // The window that is granted now starts the clock again.
    pair.a.read_all(link.sa);
    pair.a.reads = true;
    pair.settle();
    pair.a.expect(FINISHED);
    pair.b.expect(FINISHED);
    assert_eq!(pair.a.received(link.sa).len(), 300_000);
    pair.end_quietly();
}

/// The peer has said all that its window allows: it waits for us, and its time does not run.
fn half_open_and_unread<const EVENTS: usize>(shape: Shape) {
    let shape = shape.for_much();
    let mut pair = Pair::<EVENTS>::with(shape, |_| {}, |b| b.connection.half_open_timeout = None);
    let link = pair.link();
    pair.a.reads = false;
    pair.a.finish(link.sa);
    pair.b.send(link.sb, &[7; 300_000]);
    pair.wait(secs(1_000));
    pair.a.expect(NONE);
    pair.a.read_all(link.sa);
    pair.a.reads = true;
    pair.settle();
    assert_eq!(pair.a.received(link.sa).len(), 300_000);
    // Now we wait for the peer again.
    pair.wait(secs(599));
    pair.a.expect(NONE);
    pair.wait(secs(2));
    pair.a.expect(TIMEOUT);
    pair.b.expect(RESET_BY_PEER);
    pair.end_quietly();
}

fn an_unsupported_protocol<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let (ca, _) = pair.connected();
    pair.a.open(ca, &[UNKNOWN]);
    pair.settle();
    pair.a.expect(&["stream_failed c0.1/s0.1 unsupported"]);
    pair.b.expect(&["stream_failed c0.1/s0.1 unsupported"]);
    // With data behind the proposal.
    let sa = pair.a.open(ca, &[UNKNOWN]);
    pair.a.send(sa, b"\x80\x80\x80no line of multistream");
    pair.settle();
    pair.a.expect(&["stream_failed c0.1/s0.2 unsupported"]);
    pair.b.expect(&["stream_failed c0.1/s0.2 unsupported"]);
    // The words of a negotiation that came to nothing are no data.
    assert_eq!(pair.b.all_received().flatten().count(), 0);
    pair.b.swarm.unregister_protocol(&ECHO);
    pair.a.open(ca, &[UNKNOWN, ECHO]);
    pair.settle();
    pair.a.expect(&["stream_failed c0.1/s0.3 unsupported"]);
    pair.b.expect(&["stream_failed c0.1/s0.3 unsupported"]);
    pair.end_quietly();
}

fn a_protocol_that_is_unregistered_while_it_is_negotiated<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let (ca, cb) = pair.connected();
    // One proposal has been answered, and the next is on its way; or the only one is. One way takes 10 ms.
    pair.a.open(ca, &[UNKNOWN, ECHO]);
    pair.wait(secs(1) / 66);
    assert_eq!(pair.b.swarm.streams_of(cb).count(), 1);
    pair.a.open(ca, &[ECHO]);
    pair.wait(secs(1) / 500);
    assert_eq!(pair.b.swarm.streams_of(cb).count(), 1);
    pair.b.swarm.unregister_protocol(&ECHO);
    pair.settle();
    let refused = ["stream_failed c0.1/s0.1 unsupported", "stream_failed c0.1/s1.1 unsupported"];
    for log in [pair.a.take_log(), pair.b.take_log()] {
        let mut log = log;
        log.sort();
        assert_eq!(log, refused);
    }
    // One that has chosen it and waits for room to be told opens.
    pair.b.swarm.register_protocol(ECHO);
    pair.b.drains = 0;
    let opened: Vec<_> = (0..EVENTS + 1).map(|_| pair.a.open(ca, &[ECHO])).collect();
    pair.settle();
    pair.b.swarm.unregister_protocol(&ECHO);
    pair.a.open(ca, &[ECHO]);
    pair.settle();
    pair.b.drains = usize::MAX;
    pair.b.drain(pair.now);
    pair.settle();
    let count = |log: Vec<String>, word| log.iter().filter(|line| line.starts_with(word)).count();
    let told = pair.a.take_log();
    assert_eq!((count(told.clone(), "opened"), count(told, "stream_failed")), (opened.len(), 1));
    pair.end_quietly();
}

fn the_first_of_several_that_the_peer_speaks<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let (ca, _) = pair.connected();
    pair.a.open(ca, &[UNKNOWN, SINK, ECHO]);
    pair.settle();
    pair.a.expect(&["opened_stream c0.1/s0.1 outbound /sink/1.0.0"]);
    pair.b.expect(&["opened_stream c0.1/s0.1 inbound /sink/1.0.0"]);
    pair.a.open(ca, &[ECHO, SINK]);
    pair.settle();
    pair.a.expect(&["opened_stream c0.1/s1.1 outbound /echo/1.0.0"]);
    pair.b.expect(&["opened_stream c0.1/s1.1 inbound /echo/1.0.0"]);
    pair.end_quietly();
}

fn a_negotiation_that_takes_too_long<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let (ca, _) = pair.connected();
    // The peer's answers get stuck.
    let end = 1 - pair.end_of(A);
    pair.network.set(|knobs| knobs.stall(0, end, true));
    pair.a.open(ca, &[ECHO]);
    pair.wait(secs(11));
    pair.a.expect(&["stream_failed c0.1/s0.1 timeout"]);
    pair.b.expect(&["opened_stream c0.1/s0.1 inbound /echo/1.0.0", "closed_stream c0.1/s0.1 reset(remote)"]);
    pair.network.set(|knobs| knobs.stall(0, end, false));
    pair.settle();
    pair.stream((ca, ca));
    pair.end_quietly();
}

fn early_data_on_a_lazy_stream<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let (ca, cb) = pair.connected();
    let sa = pair.a.open(ca, &[ECHO]);
    pair.a.send(sa, b"early");
    pair.wait(crate::simulated::millis(10));
    // It has come with the proposal, half a round trip after the command.
    pair.b.expect(&["opened_stream c0.1/s0.1 inbound /echo/1.0.0"]);
    let sb = pair.b.swarm.streams_of(cb).next().unwrap();
    assert_eq!(pair.b.received(sb), b"early");
    pair.a.expect(NONE);
    pair.settle();
    pair.a.expect(&["opened_stream c0.1/s0.1 outbound /echo/1.0.0"]);
    assert_eq!(pair.a.swarm.stream(sa).unwrap().sent, 5);
    pair.end_quietly();
}

fn an_early_end_waits_for_the_peers_word<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let (ca, cb) = pair.connected();
    let ends = (pair.end_of(A), 1 - pair.end_of(A));
    pair.network.set(|knobs| knobs.stall(0, ends.1, true));
    let sa = pair.a.open(ca, &[ECHO]);
    pair.a.send(sa, b"early");
    pair.settle();
    let sent = pair.network.sent(0, ends.0);
    pair.a.finish(sa);
    pair.settle();
    assert_eq!(pair.network.sent(0, ends.0), sent, "no FIN yet");
    let sb = pair.b.swarm.streams_of(cb).next().unwrap();
    assert!(!pair.b.has_read_end(sb));
    pair.network.set(|knobs| knobs.stall(0, ends.1, false));
    pair.settle();
    assert!(pair.b.has_read_end(sb));
    pair.b.finish(sb);
    pair.settle();
    pair.a.expect(&["opened_stream c0.1/s0.1 outbound /echo/1.0.0", FINISHED[0]]);
    pair.b.expect(&["opened_stream c0.1/s0.1 inbound /echo/1.0.0", FINISHED[0]]);
    pair.end_quietly();
}

/// The one whom a stream was opened to can name it before it is told of it: by its connection.
fn an_end_before_it_is_open_follows_our_word<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let (ca, cb) = pair.connected();
    // While its protocol is being chosen.
    let sa = pair.a.open(ca, &[UNKNOWN, ECHO]);
    pair.wait(crate::simulated::millis(15));
    let sb = pair.b.swarm.streams_of(cb).next().unwrap();
    assert_eq!(pair.b.swarm.stream(sb).unwrap().protocol, None);
    pair.b.swarm.finish(sb).unwrap();
    pair.settle();
    pair.b.expect(&["opened_stream c0.1/s0.1 inbound /echo/1.0.0"]);
    pair.a.expect(&["opened_stream c0.1/s0.1 outbound /echo/1.0.0"]);
    assert!(pair.a.has_read_end(sa));
    pair.a.finish(sa);
    pair.settle();
    pair.a.expect(FINISHED);
    pair.b.expect(FINISHED);
    // While it waits for room.
    pair.b.drains = 0;
    let opened: Vec<_> = (0..=EVENTS).map(|_| pair.a.open(ca, &[ECHO])).collect();
    pair.settle();
    let last = pair.b.swarm.streams_of(cb).last().unwrap();
    assert_eq!(pair.b.swarm.stream(last).unwrap().state, State::Opening);
    pair.b.swarm.finish(last).unwrap();
    pair.settle();
    assert!(!pair.a.has_read_end(opened[EVENTS]));
    pair.b.drains = usize::MAX;
    pair.b.drain(pair.now);
    pair.settle();
    assert!(pair.a.has_read_end(opened[EVENTS]));
    pair.end_quietly();
}

fn more_early_data_than_the_window<const EVENTS: usize>(shape: Shape) {
    let shape = shape.for_much();
    let mut pair = Pair::<EVENTS>::new(shape);
    let (ca, cb) = pair.connected();
    let sa = pair.a.open(ca, &[ECHO]);
    pair.a.send(sa, &[7; 300_000]);
    pair.a.finish(sa);
    pair.settle();
    let sb = pair.b.swarm.streams_of(cb).next().unwrap();
    assert_eq!((pair.b.received(sb).len(), pair.b.has_read_end(sb)), (300_000, true));
    pair.end_quietly();
}

fn a_write_before_a_choice_of_several_is_told_when_to_go_on<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let (ca, cb) = pair.connected();
    let sa = pair.a.open(ca, &[UNKNOWN, ECHO]);
    pair.a.send(sa, b"as soon as can be");
    pair.a.finish(sa);
    pair.settle();
    let sb = pair.b.swarm.streams_of(cb).next().unwrap();
    assert_eq!((pair.b.received(sb), pair.b.has_read_end(sb)), (&b"as soon as can be"[..], true));
    pair.end_quietly();
}

fn what_was_unread_can_be_taken_at_the_connections_end<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.b.reads = false;
    pair.a.send(link.sa, b"last words");
    pair.a.finish(link.sa);
    pair.settle();
    pair.network.set(|knobs| knobs.reset(0));
    pair.settle();
    pair.b.expect(&["closed_stream c0.1/s0.1 connection_closed", "disconnected c0.1 failed(reset)"]);
    assert_eq!(pair.b.received(link.sb), b"last words");
    pair.end_quietly();
}

fn data_crosses_with_the_polite_close_of_a_connection<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.a.send(link.sa, b"last");
    pair.a.swarm.close_connection(link.ca).unwrap();
    pair.b.send(link.sb, b"crossing");
    pair.settle();
    assert_eq!((pair.a.received(link.sa), pair.b.received(link.sb)), (&b"crossing"[..], &b"last"[..]));
    pair.a.expect(&["closed_stream c0.1/s0.1 connection_closed", "disconnected c0.1 requested"]);
    pair.b.expect(&["closed_stream c0.1/s0.1 connection_closed", "disconnected c0.1 remote(go_away(0))"]);
    pair.end_with_listener();
}

fn nothing_is_lost_where_two_polite_closes_cross<const EVENTS: usize>(shape: Shape) {
    // What is written and closed in one breath, on both sides.
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.a.send(link.sa, b"last of a");
    pair.b.send(link.sb, b"last of b");
    pair.a.swarm.close_connection(link.ca).unwrap();
    pair.b.swarm.close_connection(link.cb).unwrap();
    pair.settle();
    let ends = ["closed_stream c0.1/s0.1 connection_closed", "disconnected c0.1 requested"];
    assert_eq!((pair.a.received(link.sa), pair.b.received(link.sb)), (&b"last of b"[..], &b"last of a"[..]));
    pair.a.expect(&ends);
    pair.b.expect(&ends);
    pair.end_with_listener();
    // What the network does not take before the other's last word is there.
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    let end = pair.end_of(A);
    pair.network.set(|knobs| knobs.stall(0, end, true));
    pair.a.send(link.sa, b"late");
    pair.a.swarm.close_connection(link.ca).unwrap();
    pair.b.swarm.close_connection(link.cb).unwrap();
    pair.wait(secs(1));
    assert_eq!((pair.a.unexpected(), pair.b.unexpected()), (0, 0));
    pair.network.set(|knobs| knobs.stall(0, end, false));
    pair.settle();
    assert_eq!(pair.b.received(link.sb), b"late");
    pair.a.expect(&ends);
    pair.b.expect(&ends);
    pair.end_with_listener();
}
