//! A queue left full: nothing becomes open, here or for the peer, everything that is open goes on, and nothing is lost.

use crate::simulated::secs;
use crate::support::sim::{A, B, ECHO, Link, Pair, Shape, everywhere};
use std::time::Duration;
use swarm_notify::lifecycle::State;

everywhere! {
    streams_wait_and_what_is_open_goes_on,
    deadlines_of_what_waits_stand_still,
    what_ends_while_it_waits_has_failed,
    accepting_pauses,
    a_dial_waits_before_its_last_word,
    early_streams_of_a_peer_wait_and_are_not_refused,
    listening_waits,
    closing_is_never_refused,
    what_waits_opens_though_every_poll_brings_ends,
}

const NONE: &[&str] = &[];
const YEAR: Duration = secs(365 * 24 * 3600);

/// A connection with a stream, whose `b` stops draining, and whose `a` has all the time of the world.
fn patient<const EVENTS: usize>(shape: Shape) -> (Pair<EVENTS>, Link) {
    let mut pair = Pair::<EVENTS>::with(
        shape,
        |a| {
            a.connection.negotiation_timeout = YEAR;
            a.connection.handshake_timeout = YEAR;
            // A peer that opens as many as it likes before it has heard a frame.
            a.connection.yamux.early_streams = u32::MAX;
        },
        |_| {},
    );
    let link = pair.link();
    pair.b.drains = 0;
    (pair, link)
}

/// Fills the queue of `b` with the openings of streams.
fn fill<const EVENTS: usize>(pair: &mut Pair<EVENTS>, link: Link) -> Vec<String> {
    for _ in 0..EVENTS {
        pair.a.open(link.ca, &[ECHO]);
    }
    pair.settle();
    let filled: Vec<_> = (1..=EVENTS).map(|n| format!("opened_stream c0.1/s{n}.1 outbound /echo/1.0.0")).collect();
    pair.a.expect(&filled);
    filled.iter().map(|line| line.replace("outbound", "inbound")).collect()
}

/// A peer may have as many streams open that we have not acknowledged, and opens them at once.
fn early_streams_of_a_peer_wait_and_are_not_refused<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = patient::<EVENTS>(shape);
    fill(&mut pair, link);
    for _ in 0..256 {
        pair.a.open(link.ca, &[ECHO]);
    }
    pair.wait(secs(5));
    pair.a.expect(NONE);
    resume(&mut pair);
    for (log, before) in [(pair.a.take_log(), 0), (pair.b.take_log(), EVENTS)] {
        let opened = log.iter().filter(|line| line.contains("opened_stream")).count();
        assert_eq!(opened, 256 + before, "{log:?}");
        assert!(!log.iter().any(|line| line.contains("failed")), "{log:?}");
    }
    pair.end_quietly();
}

fn resume<const EVENTS: usize>(pair: &mut Pair<EVENTS>) {
    pair.b.drains = usize::MAX;
    pair.b.drain(pair.now);
    pair.settle();
}

fn streams_wait_and_what_is_open_goes_on<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = patient::<EVENTS>(shape);
    let mut expected = fill(&mut pair, link);
    let more: Vec<_> = (0..10).map(|_| pair.a.open(link.ca, &[ECHO])).collect();
    pair.a.send(more[7], b"early");
    pair.settle();
    // The peer is told of nothing that is not announced here.
    pair.a.expect(NONE);
    let waiting: Vec<_> = pair.b.swarm.streams_of(link.cb).skip(EVENTS + 1).collect();
    assert_eq!(waiting.len(), 10);
    assert!(waiting.iter().all(|id| pair.b.swarm.stream(*id).unwrap().state == State::Opening));
    // Data, windows, ends and pongs go on, for longer than any time-out.
    pair.a.send(link.sa, &[7; 3_000]);
    pair.b.send(link.sb, &[8; 3_000]);
    pair.wait(secs(250));
    assert_eq!((pair.b.received(link.sb).len(), pair.a.received(link.sa).len()), (3_000, 3_000));
    for index in [2, 5] {
        pair.a.swarm.reset(more[index]).unwrap();
    }
    pair.a.finish(link.sa);
    pair.b.finish(link.sb);
    pair.settle();
    let n = |index: usize| EVENTS + 1 + index;
    pair.a.expect(&[
        format!("stream_failed c0.1/s{}.1 requested", n(2)),
        format!("stream_failed c0.1/s{}.1 requested", n(5)),
        "closed_stream c0.1/s0.1 finished".to_owned(),
    ]);
    pair.b.expect(NONE);
    resume(&mut pair);
    // In the order of what has happened: the queue, then what was owed, then what waited.
    expected.extend([2, 5].map(|index| format!("stream_failed c0.1/s{}.1 reset(remote)", n(index))));
    expected.push("closed_stream c0.1/s0.1 finished".to_owned());
    let left = [0, 1, 3, 4, 6, 7, 8, 9];
    expected.extend(left.map(|index| format!("opened_stream c0.1/s{}.1 inbound /echo/1.0.0", n(index))));
    pair.b.expect(&expected);
    pair.a.expect(&left.map(|index| format!("opened_stream c0.1/s{}.1 outbound /echo/1.0.0", n(index))));
    assert_eq!(pair.b.received(waiting[7]), b"early");
    pair.end_quietly();
}

fn deadlines_of_what_waits_stand_still<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = patient::<EVENTS>(shape);
    let mut expected = fill(&mut pair, link);
    pair.a.open(link.ca, &[ECHO]);
    pair.wait(secs(10_000));
    pair.a.expect(NONE);
    resume(&mut pair);
    expected.push(format!("opened_stream c0.1/s{}.1 inbound /echo/1.0.0", EVENTS + 1));
    pair.b.expect(&expected);
    pair.a.expect(&[format!("opened_stream c0.1/s{}.1 outbound /echo/1.0.0", EVENTS + 1)]);
    pair.end_quietly();
}

fn what_ends_while_it_waits_has_failed<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = patient::<EVENTS>(shape);
    let mut expected = fill(&mut pair, link);
    pair.a.open(link.ca, &[ECHO]);
    pair.settle();
    pair.network.set(|knobs| knobs.reset(0));
    pair.settle();
    let last = EVENTS + 1;
    let mut over = vec!["closed_stream c0.1/s0.1 connection_closed".to_owned()];
    over.extend((1..last).map(|n| format!("closed_stream c0.1/s{n}.1 connection_closed")));
    over.push(format!("stream_failed c0.1/s{last}.1 connection_closed"));
    over.push("disconnected c0.1 failed(reset)".to_owned());
    pair.a.expect(&over);
    pair.b.expect(NONE);
    resume(&mut pair);
    expected.extend(over);
    pair.b.expect(&expected);
    pair.end_quietly();
}

fn accepting_pauses<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = patient::<EVENTS>(shape);
    pair.b.drains = 1;
    if shape.swapped {
        pair.b.listen(&B.at(1));
        pair.settle();
        pair.b.expect(&["listen l0.1"]);
    }
    // Of one that came and went nothing more is awaited for which the transport would have to be asked.
    let other = pair.b.listen(&B.at(9));
    pair.settle();
    pair.b.swarm.close_listener(other).unwrap();
    pair.settle();
    pair.b.expect(&[format!("listen {other}"), format!("listen_close {other} requested")]);
    pair.b.drains = 0;
    let mut expected = fill(&mut pair, link);
    let at = if shape.swapped { B.at(1) } else { B.at(4000) };
    pair.a.dial(&at);
    pair.wait(secs(1_000));
    pair.a.expect(NONE);
    assert_eq!(pair.b.swarm.connections().count(), 1, "it is left in the transport's backlog");
    resume(&mut pair);
    pair.a.expect(&["connected c1.1 outbound"]);
    expected.push("connected c1.1 inbound".to_owned());
    pair.b.expect(&expected);
    pair.end_quietly();
}

fn a_dial_waits_before_its_last_word<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::with(shape, |a| a.connection.handshake_timeout = YEAR, |_| {});
    let link = pair.link();
    pair.a.listen(&A.at(1));
    pair.settle();
    pair.a.take_log();
    pair.b.drains = 0;
    let mut expected = fill(&mut pair, link);
    let dialed = pair.b.dial(&A.at(1));
    pair.wait(secs(1_000));
    // The peer waits for the last message of the handshake.
    pair.a.expect(NONE);
    pair.b.expect(NONE);
    assert_eq!(pair.b.swarm.connection(dialed).unwrap().peer, Some(pair.a.swarm.local_peer()));
    resume(&mut pair);
    pair.a.expect(&["connected c1.1 inbound"]);
    expected.push("connected c1.1 outbound".to_owned());
    pair.b.expect(&expected);
    pair.end_quietly();
}

fn listening_waits<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = patient::<EVENTS>(shape);
    let mut expected = fill(&mut pair, link);
    let id = pair.b.listen(&B.at(7));
    pair.settle();
    pair.a.dial(&B.at(7));
    pair.settle();
    pair.a.expect(&["connect_failed c1.1 refused"]);
    resume(&mut pair);
    expected.push(format!("listen {id}"));
    pair.b.expect(&expected);
    pair.end_quietly();
}

fn closing_is_never_refused<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = patient::<EVENTS>(shape);
    let mut expected = fill(&mut pair, link);
    pair.b.swarm.reset(link.sb).unwrap();
    pair.b.swarm.close_connection(link.cb).unwrap();
    pair.settle();
    let mut over = vec!["closed_stream c0.1/s0.1 reset(remote)".to_owned()];
    over.extend((1..=EVENTS).map(|n| format!("closed_stream c0.1/s{n}.1 connection_closed")));
    over.push("disconnected c0.1 remote(go_away(0))".to_owned());
    pair.a.expect(&over);
    pair.b.expect(NONE);
    resume(&mut pair);
    expected.push("closed_stream c0.1/s0.1 reset(local)".to_owned());
    expected.extend((1..=EVENTS).map(|n| format!("closed_stream c0.1/s{n}.1 connection_closed")));
    expected.push("disconnected c0.1 requested".to_owned());
    pair.b.expect(&expected);
    pair.end_quietly();
}

/// The peer's ends fill the queue at each poll, and the owner drains it each time.
fn what_waits_opens_though_every_poll_brings_ends<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::with(
        shape,
        |a| {
            (a.connection.negotiation_timeout, a.connection.yamux.ack_backlog) = (YEAR, 4_000);
            a.limits.streams_per_connection = 4_000;
        },
        |b| {
            b.connection.inbound_backlog = 4_000;
            (b.limits.streams_per_connection, b.streams_per_peer) = (4_000, 4_000);
        },
    );
    let link = pair.link();
    pair.b.drains = 0;
    let expected = fill(&mut pair, link);
    pair.a.open(link.ca, &[ECHO]);
    let behind: Vec<_> = (0..4 * EVENTS).map(|_| pair.a.open(link.ca, &[ECHO])).collect();
    pair.settle();
    pair.b.drains = usize::MAX;
    for some in behind.chunks(EVENTS) {
        some.iter().for_each(|id| pair.a.swarm.reset(*id).unwrap());
        pair.a.turn(pair.now);
        while let Some(arrival) = pair.network.next_arrival() {
            pair.now = arrival;
            pair.network.advance_to(arrival);
            pair.network.deliver(arrival);
        }
        pair.b.turn(pair.now);
    }
    let log = pair.b.take_log();
    assert_eq!(log[..EVENTS], expected);
    let first = format!("opened_stream c0.1/s{}.1 inbound /echo/1.0.0", EVENTS + 1);
    let place = log.iter().position(|line| *line == first);
    // Behind what was queued, and what was owed when there was room again.
    assert!(place.is_some_and(|place| place <= 2 * EVENTS), "{log:?}");
    pair.end_quietly();
}
