//! How connections end: politely by either side, broken, black-holed, idle, at once.

use crate::simulated::{millis, secs};
use crate::support::sim::{A, ECHO, Pair, Shape, everywhere};
use std::time::Duration;
use swarm_notify::swarm::Config;

everywhere! {
    disconnect_by_either_side,
    an_aborted_connection_is_an_end_of_file_to_the_peer,
    a_broken_pipe_ends_a_hundred_streams_oldest_first,
    a_peer_that_vanished_is_told_as_a_timeout,
    a_peer_that_talks_but_reads_nothing_is_told_as_a_timeout,
    another_deadline_on_a_stalled_pipe_ends_no_connection,
    a_pipe_that_takes_something_at_its_deadline_is_given_more,
    a_pipe_that_says_that_it_takes_nothing_is_broken,
    a_connection_without_streams_is_closed_as_idle,
    a_commands_time_outs_count_from_the_poll_after_it,
    an_owner_that_polls_late_does_not_take_its_peer_for_late,
    an_owner_that_was_away_waits_for_what_its_peer_has_said,
    an_owner_that_was_away_puts_its_deadlines_off_once,
    an_owner_that_polls_rarely_hears_of_deadlines_when_it_polls,
    without_lateness_a_deadline_is_judged_when_it_is_found,
}

fn disconnect_by_either_side<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.a.swarm.close_connection(link.ca).unwrap();
    pair.settle();
    pair.a.expect(&["closed_stream c0.1/s0.1 connection_closed", "disconnected c0.1 requested"]);
    pair.b.expect(&["closed_stream c0.1/s0.1 connection_closed", "disconnected c0.1 remote(go_away(0))"]);
    pair.end_with_listener();
}

fn an_aborted_connection_is_an_end_of_file_to_the_peer<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.a.swarm.abort_connection(link.ca).unwrap();
    pair.settle();
    pair.a.expect(&["closed_stream c0.1/s0.1 connection_closed", "disconnected c0.1 requested"]);
    pair.b.expect(&["closed_stream c0.1/s0.1 connection_closed", "disconnected c0.1 remote(eof)"]);
    pair.end_with_listener();
}

fn a_broken_pipe_ends_a_hundred_streams_oldest_first<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let on = pair.connected();
    for _ in 0..100 {
        pair.stream(on);
    }
    pair.network.set(|knobs| knobs.reset(0));
    pair.settle();
    let mut expected: Vec<_> = (0..100).map(|n| format!("closed_stream c0.1/s{n}.1 connection_closed")).collect();
    expected.push("disconnected c0.1 failed(reset)".to_owned());
    pair.a.expect(&expected);
    pair.b.expect(&expected);
    pair.end_with_listener();
}

fn a_peer_that_vanished_is_told_as_a_timeout<const EVENTS: usize>(shape: Shape) {
    let (mut pair, _) = Pair::<EVENTS>::with_stream(shape);
    pair.wait(secs(100));
    pair.a.expect::<&str>(&[]);
    pair.network.set(|knobs| knobs.black_hole(0));
    let gone = pair.now;
    pair.run_until(|pair| pair.a.unexpected() == 2 && pair.b.unexpected() == 2);
    assert!(pair.now > gone + secs(15) && pair.now <= gone + secs(46), "{:?}", pair.now - gone);
    let expected = ["closed_stream c0.1/s0.1 connection_closed", "disconnected c0.1 failed(timeout)"];
    pair.a.expect(&expected);
    pair.b.expect(&expected);
    pair.end_with_listener();
}

fn a_peer_that_talks_but_reads_nothing_is_told_as_a_timeout<const EVENTS: usize>(shape: Shape) {
    // The peer never asks whether we are there.
    let mut pair = Pair::<EVENTS>::with(shape, |_| (), |b| b.connection.keep_alive_interval = secs(3_600));
    let link = pair.link();
    let end = pair.end_of(A);
    let stalled = |pair: &Pair<EVENTS>, stalled| pair.network.set(|knobs| knobs.stall(0, end, stalled));
    // A pause is no time-out.
    stalled(&pair, true);
    pair.a.send(link.sa, b"there?");
    for _ in 0..5 {
        pair.wait(secs(10));
        pair.b.send(link.sb, b"here");
    }
    stalled(&pair, false);
    pair.wait(secs(10));
    assert_eq!(pair.b.received(link.sb), b"there?");
    pair.a.expect::<&str>(&[]);
    stalled(&pair, true);
    pair.a.send(link.sa, b"there?");
    let since = pair.now;
    while pair.a.unexpected() == 0 && pair.now < since + secs(120) {
        pair.b.send(link.sb, b"here");
        pair.wait(secs(5));
    }
    assert!(pair.now >= since + secs(60) && pair.now <= since + secs(66), "{:?}", pair.now - since);
    pair.a.expect(&["closed_stream c0.1/s0.1 connection_closed", "disconnected c0.1 failed(timeout)"]);
    pair.run_until(|pair| pair.b.unexpected() == 2);
    pair.b.take_log();
    pair.end_with_listener();
}

fn another_deadline_on_a_stalled_pipe_ends_no_connection<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    let end = pair.end_of(A);
    pair.network.set(|knobs| knobs.stall(0, end, true));
    pair.a.send(link.sa, b"later");
    pair.a.open(link.ca, &[ECHO]);
    pair.wait(secs(15));
    pair.a.expect(&["stream_failed c0.1/s1.1 timeout"]);
    pair.network.set(|knobs| knobs.stall(0, end, false));
    pair.settle();
    assert_eq!(pair.b.received(link.sb), b"later");
    pair.end_quietly();
}

fn a_pipe_that_takes_something_at_its_deadline_is_given_more<const EVENTS: usize>(shape: Shape) {
    let shape = shape.for_much();
    let mut pair = Pair::<EVENTS>::with(shape, |_| (), |b| b.connection.keep_alive_interval = secs(3_600));
    let link = pair.link();
    let end = pair.end_of(A);
    pair.network.set(|knobs| knobs.stall(0, end, true));
    pair.a.send(link.sa, &[7; 100_000]);
    pair.wait(secs(20));
    // There is place again, for less than is due, while our owner is away.
    pair.network.set(|knobs| {
        knobs.capacity(1_000);
        knobs.stall(0, end, false);
    });
    pair.now += secs(100);
    pair.network.advance_to(pair.now);
    pair.a.turn(pair.now);
    pair.settle();
    pair.a.expect::<&str>(&[]);
    assert_eq!(pair.b.received(link.sb).len(), 100_000);
    pair.end_quietly();
}

fn a_pipe_that_says_that_it_takes_nothing_is_broken<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    let end = pair.end_of(A);
    pair.network.set(|knobs| knobs.most(0, end, 0));
    pair.a.send(link.sa, b"data");
    pair.settle();
    pair.a.expect(&["closed_stream c0.1/s0.1 connection_closed", "disconnected c0.1 failed(io)"]);
    pair.end_quietly();
}

fn a_connection_without_streams_is_closed_as_idle<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::with(
        shape,
        |a| a.connection.idle_timeout = Some(secs(100)),
        |b| b.connection.idle_timeout = None,
    );
    let (ca, cb) = pair.connected();
    pair.wait(secs(50));
    let (sa, _) = pair.stream((ca, cb));
    pair.wait(secs(500));
    pair.a.expect::<&str>(&[]);
    pair.a.swarm.reset(sa).unwrap();
    let reset = pair.now;
    pair.wait(secs(99));
    pair.a.expect(&["closed_stream c0.1/s0.1 reset(local)"]);
    pair.b.expect(&["closed_stream c0.1/s0.1 reset(remote)"]);
    pair.wait(secs(2));
    let log = pair.a.take_timed_log();
    assert_eq!(log, [(reset + secs(100) + millis(20), "disconnected c0.1 idle".to_owned())]);
    pair.b.expect(&["disconnected c0.1 remote(go_away(0))"]);
    pair.end_with_listener();
}

fn a_commands_time_outs_count_from_the_poll_after_it<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    // Nothing has a deadline: the owner sleeps for a minute, is asked to dial, and only then polls.
    let address = pair.listens();
    pair.wait(secs(60));
    let (ca, cb) = pair.connected_at(&address);
    // The streams, too.
    pair.wait(secs(25));
    let (sa, sb) = pair.stream((ca, cb));
    pair.wait(secs(25));
    // And the closes: the peer has four seconds of the five.
    pair.a.swarm.close_stream(sa).unwrap();
    pair.wait(secs(4));
    pair.b.finish(sb);
    pair.settle();
    pair.a.expect(&["closed_stream c0.1/s0.1 finished"]);
    pair.b.expect(&["closed_stream c0.1/s0.1 finished"]);
    pair.wait(secs(25));
    pair.network.set(|knobs| knobs.latency(millis(2_000)));
    pair.a.swarm.close_connection(ca).unwrap();
    pair.settle();
    pair.a.expect(&["disconnected c0.1 requested"]);
    pair.b.expect(&["disconnected c0.1 remote(go_away(0))"]);
    pair.end_with_listener();
}

fn an_owner_that_polls_late_does_not_take_its_peer_for_late<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let (ca, _) = pair.connected();
    pair.a.open(ca, &[ECHO]);
    pair.a.turn(pair.now);
    // The peer answers in time, while our owner is away.
    while let Some(arrival) = pair.network.next_arrival() {
        pair.now = arrival;
        pair.network.advance_to(arrival);
        while pair.network.deliver(arrival) {}
        pair.b.turn(arrival);
    }
    pair.now += secs(1000);
    pair.network.advance_to(pair.now);
    pair.a.turn(pair.now);
    pair.settle();
    pair.a.expect(&["opened_stream c0.1/s0.1 outbound /echo/1.0.0"]);
    pair.b.expect(&["opened_stream c0.1/s0.1 inbound /echo/1.0.0"]);
    pair.end_quietly();
}

/// `a` pings and gets no answer, and its owner goes away until long after the answer was due.
fn away<const EVENTS: usize>(shape: Shape, change: impl FnOnce(&mut Config)) -> Pair<EVENTS> {
    let mut pair = Pair::<EVENTS>::with(shape, change, |b| b.connection.idle_timeout = None);
    pair.connected();
    pair.network.set(|knobs| knobs.black_hole(0));
    pair.wait(secs(31));
    pair.now += secs(1_000);
    pair.network.advance_to(pair.now);
    pair
}

fn an_owner_that_was_away_waits_for_what_its_peer_has_said<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let (ca, _) = pair.connected();
    pair.a.open(ca, &[ECHO]);
    pair.a.turn(pair.now);
    pair.now += secs(1_000);
    pair.network.advance_to(pair.now);
    // What the peer has said reaches our socket after this.
    pair.a.turn(pair.now);
    pair.settle();
    pair.a.expect(&["opened_stream c0.1/s0.1 outbound /echo/1.0.0"]);
    pair.b.expect(&["opened_stream c0.1/s0.1 inbound /echo/1.0.0"]);
    pair.end_quietly();
}

fn an_owner_that_was_away_puts_its_deadlines_off_once<const EVENTS: usize>(shape: Shape) {
    let mut pair = away::<EVENTS>(shape, |_| ());
    let back = pair.now;
    pair.wait(secs(10));
    let log = pair.a.take_timed_log();
    assert_eq!(log, [(back + secs(1), "disconnected c0.1 failed(timeout)".to_owned())]);
    pair.b.take_log();
    pair.end_with_listener();
}

fn an_owner_that_polls_rarely_hears_of_deadlines_when_it_polls<const EVENTS: usize>(shape: Shape) {
    let mut pair = away::<EVENTS>(shape, |_| ());
    pair.a.turn(pair.now);
    pair.a.expect::<&str>(&[]);
    pair.now += secs(10);
    pair.network.advance_to(pair.now);
    pair.a.turn(pair.now);
    pair.a.expect(&["disconnected c0.1 failed(timeout)"]);
    pair.end_quietly();
}

fn without_lateness_a_deadline_is_judged_when_it_is_found<const EVENTS: usize>(shape: Shape) {
    let mut pair = away::<EVENTS>(shape, |config| config.lateness = Duration::ZERO);
    pair.a.turn(pair.now);
    pair.a.expect(&["disconnected c0.1 failed(timeout)"]);
    pair.end_quietly();
}
