//! What a peer begins and never proposes a protocol on: no id, no event, a deadline and a count. And a connection that owes
//! so much that its peer begins nothing more.

use crate::simulated::secs;
use crate::support::raw_frames::{RST, SYN, UPDATE, data, frame};
use crate::support::sim::{ACK, Cut, ECHO_LINES, Mode, PING, Pair, Raw, Shape};
use swarm_notify::lifecycle::ConnectionId;

const NONE: &[&str] = &[];
const HEADER: &[u8] = b"\x13/multistream/1.0.0\n";

fn connected() -> (Pair<256>, Raw, ConnectionId) {
    let mut pair = Pair::new(Shape { cut: Cut::Whole, mode: Mode::Sleep, swapped: false });
    let (raw, connection) = Raw::connect(&mut pair);
    (pair, raw, connection)
}

fn without_id(pair: &Pair<256>) -> u64 {
    pair.a.swarm.counters().streams.inbound.without_id
}

#[test]
fn a_stream_without_a_proposal_times_out_untold() {
    let (mut pair, mut raw, connection) = connected();
    raw.say(&[frame(UPDATE, SYN, 1, 0), data(SYN, 3, HEADER)]);
    pair.wait(secs(9));
    assert!(!raw.was_reset(1) && !raw.was_reset(3));
    assert_eq!(pair.a.swarm.streams_of(connection).count(), 0);
    pair.wait(secs(2));
    assert!(raw.was_reset(1) && raw.was_reset(3));
    assert_eq!(without_id(&pair), 2);
    pair.a.expect(NONE);
    drop(raw);
    pair.end_quietly();
}

#[test]
fn streams_without_a_proposal_end_with_their_connection_untold() {
    for closes in [false, true] {
        let (mut pair, mut raw, connection) = connected();
        raw.say(&[frame(UPDATE, SYN, 1, 0), data(SYN, 3, HEADER), data(SYN, 5, ECHO_LINES)]);
        pair.settle();
        let told = pair.a.take_log();
        assert_eq!(told, [format!("opened_stream {connection}/s0.1 inbound /echo/1.0.0")]);
        let raw = Some(raw).filter(|_| closes);
        if closes {
            pair.a.swarm.abort_connection(connection).unwrap();
        }
        pair.settle();
        assert_eq!((pair.a.take_log().len(), without_id(&pair)), (2, 2), "its stream and it");
        drop(raw);
        pair.end_quietly();
    }
}

#[test]
fn one_that_owes_much_has_new_streams_reset_and_is_still_read() {
    let (mut pair, mut raw, connection) = connected();
    raw.say(&[data(SYN, 1, ECHO_LINES)]);
    pair.settle();
    let stream = pair.a.swarm.streams_of(connection).next().unwrap();
    pair.a.take_log();
    // It drains no event, and reads nevertheless.
    pair.a.drains = 0;
    let flood: Vec<_> =
        (1..=100).flat_map(|n| [data(SYN, 1 + 2 * n, ECHO_LINES), frame(UPDATE, RST, 1 + 2 * n, 0)]).collect();
    raw.say(&flood);
    pair.settle();
    assert_eq!(without_id(&pair), 100 - 65, "64 may be owed, and one more ends");
    raw.say(&[data(0, 1, b"hello"), frame(PING, SYN, 0, 7), data(SYN, 301, ECHO_LINES)]);
    pair.settle();
    assert!(raw.was_reset(301));
    assert!(raw.frames.heard.iter().any(|frame| frame.kind == PING && frame.flags == ACK && frame.length == 7));
    assert_eq!(pair.a.received(stream), b"hello");
    let ours = pair.a.try_open(connection, &[crate::support::sim::ECHO]);
    assert!(ours.is_ok(), "the owner opens what it likes");
    pair.a.drains = usize::MAX;
    pair.a.something_to_drain();
    pair.settle();
    pair.a.take_log();
    raw.say(&[data(SYN, 401, ECHO_LINES)]);
    pair.settle();
    assert_eq!(pair.a.take_log().len(), 1, "it opens");
    drop(raw);
    pair.end_quietly();
}
