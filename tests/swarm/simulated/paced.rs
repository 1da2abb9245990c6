//! A peer that opens more streams than its rate is paced by itself: it waits, loses nothing, and delays nobody else.

use crate::simulated::{millis, secs};
use crate::support::raw_frames::{RST, SYN, UPDATE, data, frame};
use crate::support::sim::{Cut, ECHO, ECHO_LINES, Mode, Pair, Raw, Shape, everywhere};
use swarm_notify::connection::Rate;
use swarm_notify::lifecycle::ConnectionId;
use swarm_notify::swarm::{Config, Refusal};

everywhere! {
    a_peer_beyond_its_rate_waits_and_loses_nothing,
}

const RATE: Rate = Rate::new(2, 4);
const SHAPE: Shape = Shape { cut: Cut::Whole, mode: Mode::Sleep, swapped: false };
const NONE: &[&str] = &[];

/// The streams that wait, and those that ever have.
fn pace<const EVENTS: usize>(pair: &Pair<EVENTS>, connection: ConnectionId) -> (usize, u32) {
    let view = pair.a.swarm.connection(connection).expect("it is there");
    (view.streams_waiting, view.streams_paced)
}

fn a_peer_beyond_its_rate_waits_and_loses_nothing<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::with(shape, |_| {}, |b| b.connection.openings = RATE);
    let (ca, cb) = pair.connected();
    let begun = pair.now;
    let streams: Vec<_> = (0..9).map(|_| pair.a.open(ca, &[ECHO])).collect();
    pair.settle();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    loop {
        let (on_a, on_b) = (pair.a.take_log(), pair.b.take_log());
        ours.extend(on_a);
        theirs.extend(on_b);
        let most = 2 + 4 * (pair.now - begun).as_millis() / 1_000;
        assert!(theirs.len() as u128 <= most, "{} at {:?}", theirs.len(), pair.now - begun);
        let view = pair.b.swarm.connection(cb).expect("it is open");
        assert_eq!(view.streams_waiting, 9 - view.streams, "the others have ids");
        if theirs.len() == 9 {
            assert_eq!((view.streams_waiting, view.streams_paced), (0, 7));
            break;
        }
        assert!(pair.now - begun < secs(2), "a token is lost: {theirs:?}");
        pair.wait(millis(50));
    }
    let opened = |direction| (0..9).map(move |n| format!("opened_stream c0.1/s{n}.1 {direction} /echo/1.0.0"));
    assert_eq!(ours, opened("outbound").collect::<Vec<_>>());
    assert_eq!(theirs, opened("inbound").collect::<Vec<_>>());
    assert_eq!(pair.b.swarm.counters().streams.inbound.without_id, 0);
    assert_eq!(streams.len(), pair.b.swarm.streams_of(cb).count());
    pair.end_quietly();
}

/// A raw peer of `a`, which has a rate.
fn connected(change: impl FnOnce(&mut Config)) -> (Pair<256>, Raw, ConnectionId) {
    let bounds = |config: &mut Config| {
        config.connection.openings = RATE;
        change(config);
    };
    let mut pair = Pair::with(SHAPE, bounds, |_| {});
    let (raw, connection) = Raw::connect(&mut pair);
    (pair, raw, connection)
}

/// So many streams with proposals, from a number on.
fn open(raw: &mut Raw, from: u32, count: u32) {
    raw.say(&(from..from + count).map(|n| data(SYN, 1 + 2 * n, ECHO_LINES)).collect::<Vec<_>>());
}

#[test]
fn a_paced_connection_slows_no_other_of_the_same_peer() {
    let (mut pair, mut raw, connection) = connected(|_| {});
    open(&mut raw, 0, 50);
    pair.settle();
    assert_eq!((pair.a.take_log().len(), pace(&pair, connection)), (2, (48, 48)));
    let mut other = Raw::connect_again(&mut pair);
    open(&mut other, 0, 2);
    pair.settle();
    assert_eq!(pair.a.take_log().len(), 2, "at once");
    drop((raw, other));
    pair.end_quietly();
}

#[test]
fn streams_that_are_paced_end_with_their_connection_untold() {
    let (mut pair, mut raw, connection) = connected(|_| {});
    open(&mut raw, 0, 10);
    raw.say(&[frame(UPDATE, RST, 7, 0)]);
    pair.settle();
    assert_eq!(pair.a.take_log().len(), 2);
    assert_eq!((pace(&pair, connection), pair.a.swarm.refused(Refusal::StreamUnproposed)), ((7, 8), 1));
    pair.a.drains = 0;
    pair.a.swarm.abort_connection(connection).unwrap();
    pair.a.something_to_drain();
    pair.settle();
    assert_eq!(pace(&pair, connection), (0, 8), "it is looked up until its last event has been handled");
    pair.a.drains = usize::MAX;
    pair.a.something_to_drain();
    pair.settle();
    assert_eq!(pair.a.take_log().len(), 3, "two streams and the connection");
    assert_eq!(pair.a.swarm.refused(Refusal::StreamUnproposed), 8);
    drop(raw);
    pair.end_quietly();
}

#[test]
fn a_stream_that_is_paced_for_too_long_is_a_refusal() {
    let (mut pair, mut raw, connection) = connected(|config| config.connection.negotiation_timeout = secs(2));
    open(&mut raw, 0, 20);
    pair.settle();
    pair.a.take_log();
    pair.wait(secs(3));
    assert_eq!(pair.a.take_log().len(), 8, "4 a second, until the time-out");
    assert_eq!((pace(&pair, connection), pair.a.swarm.refused_at(connection, Refusal::StreamLimit)), ((0, 18), 10));
    assert!((10..20).all(|n| raw.was_reset(1 + 2 * n)) && (0..10).all(|n| !raw.was_reset(1 + 2 * n)));
    drop(raw);
    pair.end_quietly();
}

/// What is sent behind a proposal that waits is held, although nobody can read it yet.
#[test]
fn bytes_on_paced_streams_are_held_and_the_largest_get_no_id() {
    const BUDGET: usize = 1 << 20;
    let (mut pair, mut raw, connection) = connected(|config| config.held_bytes_per_connection = BUDGET);
    open(&mut raw, 0, 22);
    pair.settle();
    pair.a.take_log();
    for n in 2..22 {
        raw.say(&[data(0, 1 + 2 * n, &vec![7; 1_000 * n as usize])]);
        raw.say(&[data(0, 1 + 2 * n, &[7; 60_000])]);
        pair.settle();
        let held = pair.a.swarm.connection(connection).expect("nothing of it is cut").bytes_held;
        assert!(held <= BUDGET / 4 * 5, "{held}");
    }
    let lost = pair.a.swarm.refused_at(connection, Refusal::StreamLimit);
    assert!((3..20).contains(&lost), "{lost}");
    pair.a.expect(NONE);
    pair.wait(secs(5));
    assert_eq!(pair.a.take_log().len() as u64, 20 - lost, "the others open");
    // The first is whole.
    assert!(!raw.was_reset(5));
    pair.a.swarm.abort_connection(connection).unwrap();
    pair.settle();
    assert_eq!(pair.a.swarm.bytes_held(), 0);
    drop(raw);
    pair.end_quietly();
}
