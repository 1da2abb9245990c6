//! A stream that the peer begins has no id before its first whole proposal has come, and is told of as far as it goes.

use super::YAMUX;
use super::raw::{HEADER, Raw};
use crate::support::ends::{End, secs};
use crate::support::raw_frames::{ACK, DATA, FIN, PING, RST, SYN, UPDATE, data, frame, go_away};
use swarm_notify::connection::{Fact, Now, Role};
use swarm_notify::lifecycle::{Failure, StreamId};

const LS: &[u8] = b"\x03ls\n";
/// The list of an end with `/sink/1.0.0` and `/echo/1.0.0`.
const LIST: &[u8] = b"\x1b\x0c/sink/1.0.0\n\x0c/echo/1.0.0\n\n";
const NA: &[u8] = b"\x03na\n";
const NONE: &[u8] = b"\x08/none/1\n";
const ECHO: &[u8] = b"\x0c/echo/1.0.0\n";

fn raw() -> Raw {
    let mut raw = Raw::open(End::new(2, Role::Listener, YAMUX));
    raw.end.config.keep_alive_interval = secs(100_000);
    raw.say(&frame(PING, ACK, 0, 0));
    raw
}

fn reset(stream: u32) -> Vec<u8> {
    frame(UPDATE, RST, stream, 0)
}

/// Nothing has been told, and so many streams have no id.
fn waits(raw: &mut Raw, without_id: usize) {
    assert_eq!(raw.end.facts(), []);
    assert!(raw.end.streams.is_empty());
    assert_eq!(raw.end.connection.streams_without_id(), without_id);
}

fn at_gate(raw: &mut Raw) -> StreamId {
    let facts = raw.end.facts();
    let [Fact::StreamReadyToOpen(stream)] = facts[..] else { panic!("{facts:?}") };
    stream
}

#[test]
fn a_stream_has_no_id_before_its_first_whole_proposal() {
    let lines = [HEADER, ECHO].concat();
    for syn_alone in [false, true] {
        for cut in 0..lines.len() {
            let mut raw = raw();
            if syn_alone {
                raw.say(&frame(UPDATE, SYN, 1, 0));
                waits(&mut raw, 1);
            }
            raw.say(&data(if syn_alone { 0 } else { SYN }, 1, &lines[..cut]));
            waits(&mut raw, 1);
            let said = raw.hear();
            let greeting = data(0, 1, HEADER);
            assert_eq!(said, if cut >= HEADER.len() { &greeting[..] } else { &[] }, "some peers wait for our header");
            raw.say(&data(0, 1, &lines[cut..]));
            let stream = at_gate(&mut raw);
            assert_eq!(raw.end.protocol(stream), "/echo/1.0.0");
            assert_eq!(raw.end.connection.streams_without_id(), 0);
        }
    }
}

#[test]
fn a_stream_of_an_unsupported_proposal_fails_with_an_id() {
    for cut in [0, 3, HEADER.len(), HEADER.len() + 4] {
        let mut raw = raw();
        let lines = [HEADER, NONE].concat();
        raw.say(&data(SYN, 1, &lines[..cut]));
        waits(&mut raw, 1);
        raw.say(&data(0, 1, &lines[cut..]));
        assert_eq!((raw.end.facts(), raw.end.streams.len()), (vec![], 1));
        assert!(raw.hear().ends_with(NA));
        raw.say(&reset(1));
        let facts = raw.end.facts();
        assert!(matches!(facts[..], [Fact::StreamFailed(_, Failure::Unsupported)]), "{facts:?}");
    }
}

#[test]
fn a_request_for_a_list_is_answered_and_is_no_proposal() {
    let mut raw = raw();
    raw.say(&data(SYN, 1, &[HEADER, LS].concat()));
    waits(&mut raw, 1);
    assert_eq!(raw.hear(), data(0, 1, &[HEADER, LIST].concat()));
    raw.say(&data(0, 1, LS));
    waits(&mut raw, 1);
    raw.say(&data(0, 1, ECHO));
    at_gate(&mut raw);
}

#[test]
fn what_ends_before_its_proposal_is_told_without_an_id() {
    let part = [HEADER, &ECHO[..5]].concat();
    // What is said, and whether our reset answers it.
    let cases = [
        ([frame(UPDATE, SYN, 1, 0), reset(1)].concat(), false),
        ([data(SYN, 1, &part), reset(1)].concat(), false),
        (data(SYN | FIN, 1, &[]), true),
        (data(SYN | FIN, 1, &part), true),
        ([data(SYN, 1, &part), frame(DATA, FIN, 1, 0)].concat(), true),
        (data(SYN, 1, b"GET /"), true),
        (data(SYN, 1, &[HEADER, b"\x05a\nb\n\n"].concat()), true),
        (data(SYN, 1, &[HEADER, LS, LS].concat()).into_iter().chain(reset(1)).collect(), false),
        (frame(UPDATE, SYN | RST, 1, 0), false),
        ([frame(DATA, SYN | RST, 1, 0)].concat(), false),
    ];
    for (frames, resets) in cases {
        let mut raw = raw();
        raw.say(&frames);
        assert_eq!(raw.end.facts(), [Fact::StreamUnproposed], "{frames:?}");
        waits(&mut raw, 0);
        assert_eq!(raw.hear().ends_with(&reset(1)), resets, "{frames:?}");
        raw.say(&data(SYN, 3, &[HEADER, ECHO].concat()));
        at_gate(&mut raw);
    }
}

#[test]
fn a_proposals_deadline_counts_from_the_syn_also_with_an_id() {
    let mut raw = raw();
    raw.say(&frame(UPDATE, SYN, 1, 0));
    raw.end.at(secs(1));
    raw.say(&frame(UPDATE, SYN, 3, 0));
    assert_eq!(raw.end.poll_at(), Some(secs(10)));
    raw.end.at(secs(4));
    raw.say(&data(0, 3, &[HEADER, NONE].concat()));
    raw.say(&data(0, 1, HEADER));
    raw.end.at(secs(9));
    assert_eq!(raw.end.facts(), []);
    raw.end.at(secs(10));
    assert_eq!(raw.end.facts(), [Fact::StreamUnproposed]);
    assert!(raw.hear().ends_with(&reset(1)));
    assert_eq!(raw.end.poll_at(), Some(secs(11)), "that of the one with an id");
    raw.end.at(secs(11));
    let facts = raw.end.facts();
    assert!(matches!(facts[..], [Fact::StreamFailed(_, Failure::Unsupported)]), "{facts:?}");
    assert_eq!(raw.hear(), reset(3));
}

#[test]
fn streams_time_out_in_the_order_of_their_syns_not_their_ids() {
    let order = [1, 3, 5, 7, 9];
    for named in [[9, 7, 5, 3, 1], [5, 1, 9, 7, 3], order] {
        let mut raw = raw();
        for (at, stream) in (0..).zip(order) {
            raw.end.at(secs(at));
            raw.say(&frame(UPDATE, SYN, stream, 0));
        }
        for stream in named {
            raw.say(&data(0, stream, &[HEADER, NONE].concat()));
        }
        raw.hear();
        for (at, stream) in (10..).zip(order) {
            assert_eq!(raw.end.poll_at(), Some(secs(at)));
            raw.end.at(secs(at));
            assert_eq!((raw.end.facts().len(), raw.hear()), (1, reset(stream)));
        }
    }
}

#[test]
fn streams_without_an_id_and_those_that_wait_share_one_bound() {
    let mut raw = raw();
    raw.end.config.inbound_backlog = 3;
    raw.say(&data(SYN, 1, &[HEADER, ECHO].concat()));
    let stream = at_gate(&mut raw);
    raw.say(&[frame(UPDATE, SYN, 3, 0), data(SYN, 5, HEADER)].concat());
    assert_eq!(raw.end.facts(), []);
    raw.hear();
    for refused in [frame(UPDATE, SYN, 7, 0), data(SYN, 7, &[HEADER, ECHO].concat())] {
        raw.say(&refused);
        assert_eq!((raw.end.facts(), raw.hear()), (vec![Fact::StreamRefused], reset(7)));
    }
    raw.say(&reset(3));
    assert_eq!(raw.end.facts(), [Fact::StreamUnproposed]);
    raw.say(&frame(UPDATE, SYN, 9, 0));
    assert_eq!(raw.end.facts(), [], "there is a place again");
    raw.end.confirm(stream);
    raw.say(&frame(UPDATE, SYN, 11, 0));
    assert_eq!(raw.end.facts(), [], "one is open, and waits no more");
    raw.say(&frame(UPDATE, SYN, 13, 0));
    assert_eq!(raw.end.facts(), [Fact::StreamRefused]);
}

/// The rest of a frame's payload is the stream's, although the frame began before it had its id.
#[test]
fn what_follows_the_proposal_in_its_frame_is_the_streams() {
    let payload = [HEADER, ECHO, &[7; 100]].concat();
    let proposed = HEADER.len() + ECHO.len();
    for (cut, then) in
        [(1, 30), (5, proposed), (HEADER.len() + 3, proposed + 1), (proposed - 1, proposed + 50), (proposed, 90)]
    {
        let mut raw = raw();
        let frames = data(SYN, 1, &payload);
        for piece in [&frames[..12 + cut], &frames[12 + cut..12 + then], &frames[12 + then..]] {
            raw.say(piece);
        }
        let stream = at_gate(&mut raw);
        raw.end.confirm(stream);
        let mut heard = Vec::new();
        while let Ok(bytes) = raw.end.read(stream) {
            heard.extend(bytes);
        }
        assert_eq!(heard, [7; 100], "cut at {cut}");
    }
}

#[test]
fn a_connection_is_not_idle_or_spent_while_a_stream_has_no_id() {
    let mut raw = raw();
    raw.end.config.idle_timeout = Some(secs(5));
    raw.say(&frame(UPDATE, SYN, 1, 0));
    raw.end.at(secs(9));
    assert_eq!(raw.end.facts(), []);
    raw.say(&go_away());
    assert_eq!(raw.end.facts(), [Fact::GoAway(0)]);
    assert!(!raw.end.connection.is_spent());
    raw.say(&data(0, 1, &[HEADER, ECHO].concat()));
    at_gate(&mut raw);

    let mut raw = self::raw();
    raw.end.config.idle_timeout = Some(secs(5));
    raw.end.at(secs(1));
    raw.say(&[frame(UPDATE, SYN, 1, 0), reset(1)].concat());
    assert_eq!((raw.end.facts(), raw.end.poll_at()), (vec![Fact::StreamUnproposed], Some(secs(6))));
    raw.end.at(secs(6));
    assert_eq!(raw.end.facts(), [Fact::Idle]);
}

#[test]
fn a_stream_begun_without_a_time_counts_from_the_next_turn() {
    let mut raw = raw();
    raw.end.now = Now::Untimed;
    raw.say(&[frame(UPDATE, SYN, 1, 0), data(SYN, 3, HEADER)].concat());
    raw.end.count_from(secs(5));
    assert_eq!(raw.end.poll_at(), Some(secs(15)));
    raw.end.at(secs(15));
    assert_eq!(raw.end.facts(), [Fact::StreamUnproposed; 2]);
}

#[test]
fn an_owner_that_refuses_a_proposal_resets_it() {
    for cut in [0, HEADER.len() + ECHO.len()] {
        let mut raw = raw();
        raw.end.refuses = true;
        let lines = [HEADER, ECHO].concat();
        raw.say(&[data(SYN, 1, &lines[..cut]), data(0, 1, &lines[cut..])].concat());
        waits(&mut raw, 0);
        assert_eq!(raw.hear(), reset(1));
        raw.end.refuses = false;
        raw.say(&data(SYN, 3, &lines));
        at_gate(&mut raw);
    }
}

/// A wire id is free again after its stream; its slot is, too.
#[test]
fn streams_without_an_id_that_come_and_go_keep_each_other_apart() {
    let mut raw = raw();
    raw.say(&(0..8).flat_map(|n| frame(UPDATE, SYN, 1 + 2 * n, 0)).collect::<Vec<_>>());
    raw.say(&[reset(5), reset(9), frame(UPDATE, SYN, 21, 0), frame(UPDATE, SYN, 5, 0)].concat());
    assert_eq!(raw.end.facts(), [Fact::StreamUnproposed; 2]);
    raw.say(&[data(0, 9, HEADER), reset(9)].concat());
    assert_eq!(raw.end.facts(), [], "it is gone");
    for stream in [21, 1, 15, 5, 3, 13, 11, 7] {
        raw.say(&data(0, stream, &[HEADER, ECHO].concat()));
        let taken = at_gate(&mut raw);
        raw.end.confirm(taken);
        assert_eq!(raw.hear(), data(ACK, stream, &[HEADER, ECHO].concat()));
    }
    assert_eq!(raw.end.connection.streams_without_id(), 0);
}
