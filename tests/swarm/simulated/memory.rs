//! Bytes held: what is counted, who is withheld window, when it is granted after all, and whose streams are reset.

use crate::support::sim::{A, Cut, ECHO_LINES, Link, Mode, Pair, Shape, everywhere};
use swarm_notify::connection::yamux::INITIAL_WINDOW;
use swarm_notify::lifecycle::StreamId;
use swarm_notify::swarm::Config;

const WINDOW: usize = INITIAL_WINDOW as usize;
/// What the proposal takes of the first window.
const PROPOSAL: usize = ECHO_LINES.len();

/// Bytes that differ from place to place.
fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| ((at * 31) >> 3) as u8).collect()
}

fn what_is_unread_is_held_and_what_is_read_is_not<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape.for_much());
    pair.b.reads = false;
    let rest = pair.b.swarm.bytes_held();
    pair.a.send(link.sa, &content(100_000));
    pair.settle();
    let held = pair.b.swarm.bytes_held() - rest;
    assert!((100_000..=WINDOW + 4_096).contains(&held), "{held}");
    let (peer, view) = (pair.a.swarm.local_peer(), pair.b.swarm.connection(link.cb).unwrap());
    assert_eq!((view.bytes_held, pair.b.swarm.bytes_held_of(peer)), (held + rest, held + rest));
    pair.b.read_all(link.sb);
    assert_eq!(pair.b.received(link.sb), content(100_000));
    pair.settle();
    assert!(pair.b.swarm.bytes_held() <= 8_192, "{}", pair.b.swarm.bytes_held());
    pair.end_quietly();
}

/// The budget is less than what four full windows take. Three of them are never read.
fn a_withheld_window_is_granted_once_its_bytes_are_read<const EVENTS: usize>(shape: Shape) {
    let config = |b: &mut Config| b.held_bytes_per_connection = 4 * (WINDOW - PROPOSAL) - 1;
    let mut pair = Pair::<EVENTS>::with(shape.for_much(), |_| {}, config);
    let Link { ca, cb, sa, sb } = pair.link();
    pair.b.reads = false;
    for _ in 0..3 {
        let (on_a, _) = pair.stream((ca, cb));
        pair.a.send(on_a, &content(WINDOW));
    }
    let sent = content(6 * WINDOW);
    pair.a.send(sa, &sent);
    for round in 1..=6 {
        pair.settle();
        let held = pair.b.swarm.connection(cb).unwrap().bytes_held;
        assert!(held >= 4 * (WINDOW - PROPOSAL), "the windows are full in round {round}: {held}");
        pair.b.read_all(sb);
        assert_eq!(pair.b.received(sb).len(), round * WINDOW - PROPOSAL, "no window has grown");
    }
    pair.settle();
    pair.b.read_all(sb);
    assert_eq!(pair.b.received(sb), sent);
    pair.end_quietly();
}

/// One connection is read, and withheld from for what another one of its peer holds.
fn a_window_is_granted_when_the_peers_other_connection_is_read<const EVENTS: usize>(shape: Shape) {
    const BUDGET: usize = 8 * (WINDOW - PROPOSAL) - 1;
    let mut pair = Pair::<EVENTS>::with(shape.for_much(), |_| {}, |b| b.held_bytes_per_peer = BUDGET);
    let address = pair.listens();
    let (first, second) = (pair.connected_at(&address), pair.connected_at(&address));
    pair.b.reads = false;
    let (read_a, read_b) = pair.stream(first);
    let others: Vec<_> = (0..8).map(|_| pair.stream(second)).collect();
    for (on_a, _) in &others {
        pair.a.send(*on_a, &content(WINDOW));
    }
    pair.settle();
    let sent = content(3 * WINDOW);
    pair.a.send(read_a, &sent[..WINDOW / 2]);
    pair.settle();
    let peer = pair.a.swarm.local_peer();
    assert!(pair.b.swarm.bytes_held_of(peer) > BUDGET);
    for part in [WINDOW / 2..WINDOW, WINDOW..3 * WINDOW] {
        pair.b.read_all(read_b);
        pair.a.send(read_a, &sent[part]);
        pair.settle();
    }
    pair.b.read_all(read_b);
    pair.settle();
    let before = pair.b.received(read_b).len();
    assert!(before <= WINDOW, "nothing is granted while the other connection holds so much: {before}");
    pair.b.read_all(others[0].1);
    while pair.b.received(read_b).len() < sent.len() {
        let before = pair.b.received(read_b).len();
        pair.settle();
        pair.b.read_all(read_b);
        assert!(pair.b.received(read_b).len() > before, "it stalls at {before}");
    }
    assert_eq!(pair.b.received(read_b), sent);
    pair.end_quietly();
}

fn above_a_budget_by_a_quarter_the_largest_stream_is_reset<const EVENTS: usize>(shape: Shape) {
    let config = |b: &mut Config| b.held_bytes_per_connection = 2 * WINDOW - 50_000;
    let mut pair = Pair::<EVENTS>::with(shape.for_much(), |_| {}, config);
    let link @ Link { ca, cb, .. } = pair.link();
    let (sa, sb) = pair.stream((ca, cb));
    let (small_a, small_b) = pair.stream((ca, cb));
    pair.b.reads = false;
    pair.a.send(small_a, &content(1_000));
    pair.a.send(link.sa, &content(WINDOW - 100));
    pair.settle();
    pair.b.expect::<&str>(&[]);
    pair.a.send(sa, &content(WINDOW - 100));
    pair.settle();
    pair.b.expect::<&str>(&[]);
    assert!(pair.b.swarm.bytes_held() > 2 * WINDOW - 50_000, "above the budget, and not by a quarter");
    let fourth = pair.stream((ca, cb));
    pair.a.send(fourth.0, &content(WINDOW - 100));
    pair.settle();
    let told = pair.b.take_log();
    let is_reset = |stream: StreamId| told.contains(&format!("closed_stream {cb}/{stream} limit"));
    let reset: Vec<_> = [link.sb, sb, fourth.1].into_iter().filter(|stream| is_reset(*stream)).collect();
    assert!(!reset.is_empty() && reset.len() == told.len(), "{told:?}");
    assert!(reset.iter().all(|stream| pair.b.received(*stream).is_empty()), "what was unread of them is gone");
    assert!(pair.b.swarm.bytes_held() <= (2 * WINDOW - 50_000) / 4 * 5);
    pair.b.read_all(small_b);
    assert_eq!(pair.b.received(small_b), content(1_000), "who holds little keeps it");
    let told = pair.a.take_log();
    let told = told.iter().filter(|line| line.ends_with("reset by the peer") || line.contains("reset")).count();
    assert_eq!(told, reset.len());
    pair.end_quietly();
}

/// What waits for a peer that does not read is in no stream that could be reset.
fn above_a_budget_by_a_quarter_in_output_the_connection_ends<const EVENTS: usize>(shape: Shape) {
    let config = |a: &mut Config| a.held_bytes_per_connection = 16 * 1024;
    let mut pair = Pair::<EVENTS>::with(shape.for_much(), config, |_| {});
    let Link { ca, sa, .. } = pair.link();
    let end = pair.end_of(A);
    pair.network.set(|knobs| knobs.stall(0, end, true));
    pair.a.send(sa, &content(60_000));
    pair.settle();
    let told = [format!("closed_stream {ca}/{sa} connection_closed"), format!("disconnected {ca} failed(flood)")];
    pair.a.expect(&told);
    pair.end_quietly();
}

/// Streams of a peer that ended are not told of yet, and what they hold is dropped first if it is more.
fn what_ended_unread_is_held_until_its_last_event_is_handled<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape.for_much());
    pair.b.reads = false;
    pair.a.send(link.sa, &content(50_000));
    pair.settle();
    pair.b.drains = 0;
    pair.a.swarm.reset(link.sa).unwrap();
    pair.settle();
    assert!(pair.b.swarm.bytes_held() >= 50_000);
    pair.b.drains = usize::MAX;
    pair.b.something_to_drain();
    pair.settle();
    assert_eq!(pair.b.received(link.sb), content(50_000));
    assert!(pair.b.swarm.bytes_held() < 8_192);
    pair.end_quietly();
}

everywhere! {
    above_a_budget_by_a_quarter_in_output_the_connection_ends,
    what_is_unread_is_held_and_what_is_read_is_not,
    a_withheld_window_is_granted_once_its_bytes_are_read,
    above_a_budget_by_a_quarter_the_largest_stream_is_reset,
    what_ended_unread_is_held_until_its_last_event_is_handled,
}

#[test]
fn a_window_is_granted_when_another_connection_is_read() {
    for mode in [Mode::Sleep, Mode::Tick] {
        let shape = Shape { cut: Cut::Whole, mode, swapped: false };
        a_window_is_granted_when_the_peers_other_connection_is_read::<256>(shape);
    }
}

/// Its owner drains the event and takes nothing.
#[test]
fn what_a_stream_held_that_was_reset_goes_with_its_last_event() {
    let shape = Shape { cut: Cut::Whole, mode: Mode::Sleep, swapped: false };
    let (mut pair, link) = Pair::<256>::with_stream(shape);
    (pair.b.reads, pair.b.drains) = (false, 0);
    pair.a.send(link.sa, &content(50_000));
    pair.settle();
    pair.a.swarm.reset(link.sa).unwrap();
    pair.settle();
    assert!(pair.b.swarm.next_event().is_some());
    assert!(pair.b.swarm.bytes_held() >= 50_000, "it can still be taken");
    assert!(pair.b.swarm.next_event().is_none());
    assert!(pair.b.swarm.bytes_held() < 8_192, "{}", pair.b.swarm.bytes_held());
    assert_eq!(pair.b.swarm.connection(link.cb).unwrap().bytes_held, pair.b.swarm.bytes_held());
}

#[test]
fn the_documented_bound_is_what_the_config_reckons() {
    let mib = Config::default().memory_bound().div_ceil(1024 * 1024);
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(&format!("{mib} MiB of it for the swarm")), "README.md does not say: {mib} MiB");
}
