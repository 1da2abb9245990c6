//! One stream as its owner sees it: what can be read and written, what was counted, and how it ends.

use crate::support::ends::{End, Pair};
use crate::support::raw_frames::{ACK, DATA, FIN, RST, SYN, UPDATE, data, frame, go_away};
use crate::whole::YAMUX;
use crate::whole::raw::{HEADER, Raw};
use swarm_notify::connection::{Fact, Protocol, ReadError, Role, Stream, WriteError};
use swarm_notify::lifecycle::{Failure, Side, StreamEnd};

/// What may be written into the first window, less what negotiation has said.
const WINDOW: usize = 256 * 1024 - 33;

fn open_pair() -> Pair {
    let mut pair = Pair::new(YAMUX, usize::MAX);
    pair.open();
    pair
}

#[test]
fn a_stream_says_what_it_proposes_in_order_until_one_is_agreed() {
    for proposed in [&["/echo/1.0.0"][..], &["/none/1", "/echo/1.0.0", "/sink/1.0.0"]] {
        let protocols: Vec<_> = proposed.iter().map(|name| Protocol::new(*name).unwrap()).collect();
        let queued = Stream::outbound(&protocols).unwrap();
        assert_eq!(queued.proposed(), protocols, "without a place on the wire");
        let mut pair = open_pair();
        let ours = pair.dialer.open_stream(proposed);
        assert_eq!(pair.dialer.stream(ours).proposed(), protocols);
        pair.run();
        assert_eq!(pair.dialer.facts(), []);
        assert_eq!(pair.dialer.stream(ours).proposed(), protocols, "the peer has not said which");
        let [Fact::StreamReadyToOpen(theirs)] = pair.listener.facts()[..] else { panic!("the listener agrees") };
        pair.listener.confirm(theirs);
        assert_eq!(pair.listener.stream(theirs).proposed(), [], "it is the peer's who proposes");
        pair.run();
        assert_eq!(pair.dialer.facts(), [Fact::StreamReadyToOpen(ours)]);
        assert_eq!(pair.dialer.stream(ours).proposed(), [], "it is agreed");
    }
    assert_eq!(Stream::inbound().proposed(), []);
}

#[test]
fn a_stream_is_readable_while_a_read_gives_bytes_or_the_end() {
    let mut pair = open_pair();
    let stream = pair.dialer.open_stream(&["/echo/1.0.0"]);
    assert_eq!(pair.dialer.write(stream, b"early"), Ok(5));
    pair.run();
    let [Fact::StreamReadyToOpen(taken)] = pair.listener.facts()[..] else { panic!("it is agreed") };
    assert!(!pair.listener.stream(taken).is_readable(), "it is not open");
    pair.listener.confirm(taken);
    assert!(pair.listener.stream(taken).is_readable());
    assert_eq!(pair.listener.read(taken), Ok(b"early".to_vec()));
    assert!(!pair.listener.stream(taken).is_readable());
    assert_eq!(pair.listener.read(taken), Err(ReadError::Blocked));
    pair.run();
    pair.dialer.confirm(stream);
    assert!(!pair.listener.stream(taken).is_remote_finished());
    assert_eq!(pair.dialer.finish(stream), Ok(()));
    pair.run();
    assert!(pair.listener.stream(taken).is_remote_finished());
    assert!(pair.listener.stream(taken).is_readable());
    assert_eq!(pair.listener.read(taken), Ok(vec![]), "the end");
    assert!(!pair.listener.stream(taken).is_readable());
}

#[test]
fn our_side_finishes_at_the_command_and_its_fin_when_written() {
    let mut pair = open_pair();
    let queued = Stream::outbound(&[Protocol::from_static("/echo/1.0.0")]).unwrap();
    assert_eq!((queued.is_local_finished(), queued.is_fin_sent()), (false, false));
    let (ours, theirs) = pair.stream();
    let said = |stream: &Stream| (stream.is_local_finished(), stream.is_fin_sent(), stream.is_remote_finished());
    assert_eq!(pair.dialer.write(ours, b"pending"), Ok(7));
    assert_eq!(said(pair.dialer.stream(ours)), (false, false, false));
    assert_eq!(pair.dialer.finish(ours), Ok(()));
    assert_eq!(said(pair.dialer.stream(ours)), (true, false, false));
    pair.run();
    assert_eq!(said(pair.dialer.stream(ours)), (true, true, false));
    assert_eq!(said(pair.listener.stream(theirs)), (false, false, true));
    pair.listener.reset(theirs);
    assert_eq!(said(pair.listener.stream(theirs)), (false, false, false));
    pair.run();
    assert_eq!(said(pair.dialer.stream(ours)), (false, false, false), "a reset undoes it");
    drop((pair.dialer.facts(), pair.listener.facts()));
    // One that finishes stays so.
    let (ours, theirs) = pair.stream();
    pair.dialer.close_stream(ours);
    pair.listener.close_stream(theirs);
    pair.run();
    assert_eq!(said(pair.dialer.stream(ours)), (true, true, true));
}

#[test]
fn a_stream_is_writable_while_it_has_window_and_is_not_over() {
    let mut pair = open_pair();
    let many = pair.dialer.open_stream(&["/none/1", "/echo/1.0.0"]);
    assert!(!pair.dialer.stream(many).is_writable(), "nobody knows the protocol");
    pair.dialer.reset(many);
    pair.run();
    pair.listener.facts();
    let (ours, theirs) = pair.stream();
    assert!(pair.dialer.stream(ours).is_writable());
    assert_eq!(pair.dialer.write(ours, &vec![0; WINDOW]), Ok(WINDOW));
    assert!(!pair.dialer.stream(ours).is_writable());
    assert_eq!((pair.dialer.write(ours, b""), pair.dialer.write(ours, b"x")), (Ok(0), Err(WriteError::Blocked)));
    assert_eq!(pair.listener.finish(theirs), Ok(()));
    assert!(!pair.listener.stream(theirs).is_writable(), "it has finished");
    pair = open_pair();
    let (ours, _) = pair.stream();
    pair.dialer.reset(ours);
    assert!(!pair.dialer.stream(ours).is_writable(), "it is over");
}

#[test]
fn after_a_short_write_the_owner_is_told_of_window_again() {
    let mut pair = open_pair();
    let (ours, theirs) = pair.stream();
    assert_eq!(pair.dialer.write(ours, &vec![0; WINDOW + 1]), Ok(WINDOW));
    pair.run();
    assert_eq!(pair.dialer.facts(), []);
    while pair.listener.read_up_to(WINDOW, theirs).is_ok() {}
    pair.run();
    assert_eq!(pair.dialer.facts(), [Fact::Writable(ours)]);
}

#[test]
fn who_has_finished_is_not_told_of_window() {
    let mut pair = open_pair();
    let (ours, theirs) = pair.stream();
    assert_eq!(pair.dialer.write(ours, &vec![0; WINDOW + 1]), Ok(WINDOW));
    assert_eq!(pair.dialer.finish(ours), Ok(()));
    pair.run();
    while pair.listener.read_up_to(WINDOW, theirs).is_ok_and(|read| !read.is_empty()) {}
    pair.run();
    assert_eq!(pair.dialer.facts(), []);
}

#[test]
fn who_finishes_before_the_peer_answers_is_not_told_of_window() {
    let mut raw = Raw::open(End::new(2, Role::Listener, YAMUX));
    let stream = raw.end.open_stream(&["/echo/1.0.0"]);
    assert_eq!(raw.end.write(stream, &[0; WINDOW + 1]), Ok(WINDOW));
    assert_eq!(raw.end.finish(stream), Ok(()));
    raw.hear();
    raw.say(&frame(UPDATE, ACK, 2, 1_000));
    assert_eq!(raw.end.facts(), []);
}

#[test]
fn bytes_of_data_are_counted_and_those_of_negotiation_are_not() {
    let mut pair = open_pair();
    let (ours, theirs) = pair.stream();
    assert_eq!((pair.dialer.stream(ours).sent(), pair.listener.stream(theirs).received()), (0, 0));
    for (piece, sent) in [(&b"three"[..], 5), (b"more", 9)] {
        assert_eq!(pair.dialer.write(ours, piece), Ok(piece.len()));
        assert_eq!(pair.dialer.stream(ours).sent(), sent);
        pair.run();
        assert_eq!(pair.listener.read(theirs), Ok(piece.to_vec()));
        assert_eq!(pair.listener.stream(theirs).received(), sent);
    }
    assert_eq!((pair.dialer.stream(ours).received(), pair.listener.stream(theirs).sent()), (0, 0));
}

#[test]
fn what_comes_for_a_closed_stream_is_dropped_but_not_its_end() {
    let mut pair = open_pair();
    let (ours, theirs) = pair.stream();
    pair.dialer.close_stream(ours);
    pair.dialer.close_stream(ours);
    for _ in 0..3 {
        assert_eq!(pair.listener.write(theirs, &vec![0; WINDOW / 2]), Ok(WINDOW / 2), "window is granted");
        pair.run();
        assert_eq!(pair.dialer.facts(), []);
        assert!(!pair.dialer.stream(ours).is_readable());
        assert_eq!(pair.dialer.read(ours), Err(ReadError::Closed));
    }
    assert_eq!(pair.listener.finish(theirs), Ok(()));
    pair.run();
    assert_eq!(pair.dialer.facts(), [Fact::StreamEnded(ours, StreamEnd::Finished)]);
}

#[test]
fn a_stream_that_is_closed_before_it_is_open_is_given_up() {
    let mut pair = open_pair();
    let ours = pair.dialer.open_stream(&["/echo/1.0.0"]);
    pair.run();
    let [Fact::StreamReadyToOpen(theirs)] = pair.listener.facts()[..] else { panic!("the listener agrees") };
    pair.listener.close_stream(theirs);
    assert_eq!(pair.listener.facts(), [Fact::StreamFailed(theirs, Failure::Requested)]);
    pair.run();
    assert_eq!(pair.dialer.facts(), [Fact::StreamFailed(ours, Failure::Reset(Side::Remote))]);
    for protocols in [&["/echo/1.0.0"][..], &["/none/1", "/echo/1.0.0"]] {
        let ours = pair.dialer.open_stream(protocols);
        pair.dialer.close_stream(ours);
        assert_eq!(pair.dialer.facts(), [Fact::StreamFailed(ours, Failure::Requested)]);
        pair.dialer.close_stream(ours);
        pair.run();
        assert_eq!(pair.dialer.facts(), [], "told once");
        pair.listener.facts();
    }
}

#[test]
fn a_stream_finished_by_its_peer_ends_with_its_close_and_fin() {
    for fin_first in [false, true] {
        let mut pair = open_pair();
        let (ours, theirs) = pair.stream();
        assert_eq!(pair.listener.finish(theirs), Ok(()));
        pair.run();
        assert_eq!(pair.dialer.facts(), [Fact::Readable(ours)]);
        if fin_first {
            assert_eq!(pair.dialer.finish(ours), Ok(()));
            pair.run();
        }
        pair.dialer.close_stream(ours);
        pair.run();
        assert_eq!(pair.dialer.facts(), [Fact::StreamEnded(ours, StreamEnd::Finished)]);
        pair.dialer.close_stream(ours);
        assert_eq!(pair.dialer.facts(), [], "told once");
    }
}

#[test]
fn a_peers_stream_fails_of_what_came_before_its_protocol_did() {
    let none: &[u8] = b"\x08/none/1\n";
    let reset = frame(DATA, RST, 1, 0);
    let proposal: &[u8] = b"\x0c/echo/1.0.0\n";
    let cases = [
        (data(SYN | FIN, 1, &[HEADER, none].concat()), Failure::Unsupported),
        ([data(SYN, 1, &[HEADER, none].concat()), reset.clone()].concat(), Failure::Unsupported),
        ([data(SYN, 1, &[HEADER, none, b"\x03a\nb"].concat())].concat(), Failure::Unsupported),
        ([data(SYN, 1, &[HEADER, proposal].concat()), reset].concat(), Failure::Reset(Side::Remote)),
    ];
    for (frames, failure) in cases {
        let mut raw = Raw::open(End::new(2, Role::Listener, YAMUX));
        raw.say(&frames);
        let facts = raw.end.facts();
        let [.., Fact::StreamFailed(_, failed)] = facts[..] else { panic!("{facts:?}") };
        assert_eq!(failed, failure, "{frames:?}");
    }
}

#[test]
fn a_peers_stream_may_name_its_protocol_piece_by_piece() {
    let mut raw = Raw::open(End::new(2, Role::Listener, YAMUX));
    raw.say(&data(SYN, 1, HEADER));
    assert_eq!(raw.end.facts(), []);
    raw.say(&data(0, 1, b"\x0c/echo/1"));
    assert_eq!(raw.end.facts(), []);
    raw.say(&data(FIN, 1, b".0.0\nhello"));
    let [Fact::StreamReadyToOpen(taken)] = raw.end.facts()[..] else { panic!("it is agreed") };
    raw.end.confirm(taken);
    assert_eq!(raw.end.read(taken), Ok(b"hello".to_vec()));
    assert_eq!(raw.end.read(taken), Ok(vec![]), "the end");
}

#[test]
fn a_stream_begun_after_the_peers_go_away_is_reset_untold() {
    let mut raw = Raw::open(End::new(2, Role::Listener, YAMUX));
    raw.say(&[data(SYN, 1, HEADER), go_away(), data(SYN, 3, HEADER), data(0, 3, b"more")].concat());
    assert_eq!(raw.end.facts(), [Fact::GoAway(0)]);
    let said = raw.hear();
    assert!(said.ends_with(&frame(UPDATE, RST, 3, 0)), "{said:?}");
    assert!(!raw.end.connection.is_spent(), "the first one lives");
}
