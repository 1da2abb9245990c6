//! One connection, sans-IO: two ends talk over a pipe of bytes that is cut anywhere, and every fact is looked at.

mod bounds;
mod deadlines;
mod floods;
mod js;
mod limited;
mod negotiation;
mod paced;
mod raw;
mod streams;
mod unnamed;
mod words;

use crate::support::ends;
use ends::{End, Pair, secs};
use swarm_notify::connection::{Error, Fact, ReadError, Role, WriteError, noise, yamux};
use swarm_notify::lifecycle::{Failure, Side, StreamEnd};

/// The muxers that an end offers in the Noise handshake.
const YAMUX: &[&str] = &[yamux::PROTOCOL_NAME];
/// With the muxer named in the Noise handshake, and with it negotiated by multistream-select.
const MUXERS: [&[&str]; 2] = [YAMUX, &[]];
/// Whole runs of bytes, and smaller and smaller pieces of them.
const CUTS: [usize; 4] = [usize::MAX, 7, 2, 1];

fn each(test: impl Fn(Pair)) {
    for muxers in MUXERS {
        for cut in CUTS {
            test(Pair::new(muxers, cut));
        }
    }
}

#[test]
fn both_ends_are_ready_and_know_each_other() {
    each(|mut pair| {
        pair.open();
        assert_eq!(pair.dialer.connection.peer(), Some(pair.listener.peer));
        assert_eq!(pair.listener.connection.peer(), Some(pair.dialer.peer));
    });
}

#[test]
fn no_side_is_told_it_is_open_before_the_dialer_has_permission() {
    each(|mut pair| {
        pair.run();
        assert_eq!(pair.dialer.facts(), [Fact::ReadyToOpen]);
        assert_eq!(pair.listener.facts(), []);
        assert_eq!(pair.dialer.connection.peer(), Some(pair.listener.peer), "whoever permits knows whom");
        // The deadline stands still meanwhile.
        assert_eq!(pair.dialer.poll_at(), None);
    });
}

#[test]
fn a_listener_without_permission_keeps_its_word_on_the_muxer() {
    for cut in CUTS {
        let mut pair = Pair::new(&[], cut);
        pair.run();
        assert_eq!(pair.dialer.facts(), [Fact::ReadyToOpen]);
        assert!(!pair.dialer.permit());
        pair.run();
        assert_eq!((pair.dialer.facts(), pair.listener.facts()), (vec![], vec![Fact::ReadyToOpen]));
        assert!(pair.listener.permit());
        pair.run();
        assert_eq!(pair.dialer.facts(), [Fact::ReadyToOpen]);
        assert!(pair.dialer.permit());
    }
}

#[test]
fn a_stream_is_agreed_by_the_one_and_then_by_the_other() {
    each(|mut pair| {
        pair.open();
        for (opener, taker) in [(0, 1), (1, 0)] {
            let stream = pair.end(opener).open_stream(&["/echo/1.0.0"]);
            assert_eq!(pair.end(opener).write(stream, b"early"), Ok(5));
            assert_eq!(pair.end(opener).finish(stream), Ok(()));
            pair.run();
            let [Fact::StreamReadyToOpen(taken)] = pair.end(taker).facts()[..] else { panic!("the taker is ready") };
            assert_eq!(pair.end(opener).facts(), [], "our word waits for permission");
            assert_eq!(pair.end(taker).read(taken), Err(ReadError::Blocked), "and so does what came with it");
            pair.end(taker).confirm(taken);
            pair.run();
            assert_eq!(pair.end(opener).facts(), [Fact::StreamReadyToOpen(stream)]);
            pair.end(opener).confirm(stream);
            pair.run();
            assert_eq!(pair.end(taker).read(taken), Ok(b"early".to_vec()));
            assert_eq!(pair.end(taker).read(taken), Ok(vec![]));
            assert_eq!(pair.end(taker).write(taken, b"late"), Ok(4));
            assert_eq!(pair.end(taker).finish(taken), Ok(()));
            pair.run();
            let readable = Fact::Readable(taken);
            let mut facts = pair.end(taker).facts();
            facts.retain(|fact| *fact != readable);
            assert_eq!(facts, [Fact::StreamEnded(taken, StreamEnd::Finished)]);
            assert_eq!(pair.end(opener).read(stream), Ok(b"late".to_vec()));
            assert_eq!(pair.end(opener).read(stream), Ok(vec![]));
            let readable = Fact::Readable(stream);
            let mut facts = pair.end(opener).facts();
            facts.retain(|fact| *fact != readable);
            assert_eq!(facts, [Fact::StreamEnded(stream, StreamEnd::Finished)]);
        }
    });
}

#[test]
fn a_stream_finished_before_it_is_open_ends_behind_our_word() {
    for at_gate in [false, true] {
        each(|mut pair| {
            pair.open();
            let stream = pair.dialer.open_stream(&["/none/1", "/echo/1.0.0"]);
            if at_gate {
                pair.run();
                assert!(matches!(pair.listener.facts()[..], [Fact::StreamReadyToOpen(_)]));
            } else {
                let proposal = pair.dialer.say();
                pair.listener.hear(&proposal, usize::MAX);
            }
            let taken = pair.listener.streams.iter().next().expect("it was offered").0;
            assert_eq!(pair.listener.finish(taken), Ok(()));
            pair.run();
            assert_eq!(pair.dialer.facts(), [], "our word waits for permission");
            pair.listener.confirm(taken);
            pair.run();
            assert_eq!(pair.dialer.facts(), [Fact::StreamReadyToOpen(stream)]);
            pair.dialer.confirm(stream);
            assert_eq!(pair.dialer.read(stream), Ok(vec![]), "the end");
        });
    }
}

#[test]
fn permission_for_a_stream_that_has_failed_changes_nothing() {
    each(|mut pair| {
        pair.open();
        let stream = pair.dialer.open_stream(&["/echo/1.0.0"]);
        pair.run();
        let [Fact::StreamReadyToOpen(taken)] = pair.listener.facts()[..] else { panic!("it is agreed") };
        pair.dialer.reset(stream);
        pair.run();
        assert_eq!(pair.listener.facts(), [Fact::StreamFailed(taken, Failure::Reset(Side::Remote))]);
        pair.listener.confirm(taken);
        assert_eq!(pair.listener.say(), b"", "nobody is told");
        assert_eq!(pair.listener.read(taken), Err(ReadError::Ended));
        pair.stream();
    });
}

#[test]
fn a_read_into_an_empty_buffer_does_not_read_the_end() {
    each(|mut pair| {
        pair.open();
        let (ours, theirs) = pair.stream();
        assert_eq!((pair.dialer.finish(ours), pair.listener.finish(theirs)), (Ok(()), Ok(())));
        pair.run();
        assert_eq!(pair.dialer.facts(), [Fact::Readable(ours)]);
        assert_eq!((pair.dialer.read_up_to(0, ours), pair.dialer.facts()), (Ok(vec![]), vec![]));
        assert_eq!(pair.dialer.read(ours), Ok(vec![]));
        assert_eq!(pair.dialer.facts(), [Fact::StreamEnded(ours, StreamEnd::Finished)]);
    });
}

#[test]
fn the_first_preference_that_the_peer_speaks_is_taken() {
    each(|mut pair| {
        pair.open();
        let stream = pair.dialer.open_stream(&["/none/1", "/echo/1.0.0", "/sink/1.0.0"]);
        assert_eq!(pair.dialer.write(stream, b"x"), Err(WriteError::Blocked), "no one knows the protocol yet");
        pair.run();
        let [Fact::StreamReadyToOpen(taken)] = pair.listener.facts()[..] else { panic!("it is agreed") };
        assert_eq!(pair.listener.protocol(taken), "/echo/1.0.0");
        pair.listener.confirm(taken);
        pair.run();
        assert_eq!(pair.dialer.facts(), [Fact::StreamReadyToOpen(stream)]);
        assert_eq!(pair.dialer.protocol(stream), "/echo/1.0.0");
    });
}

#[test]
fn a_protocol_that_nobody_speaks_fails_both_ends_despite_data() {
    each(|mut pair| {
        pair.open();
        let stream = pair.dialer.open_stream(&["/none/1"]);
        assert_eq!(pair.dialer.write(stream, &[b'?'; 300]), Ok(300));
        pair.run();
        assert_eq!(pair.dialer.facts(), [Fact::StreamFailed(stream, Failure::Unsupported)]);
        let [Fact::StreamFailed(_, Failure::Unsupported)] = pair.listener.facts()[..] else { panic!("so it is") };
    });
}

#[test]
fn a_reset_reaches_the_other_end_and_what_came_before_is_kept() {
    each(|mut pair| {
        pair.open();
        let (ours, theirs) = pair.stream();
        assert_eq!(pair.dialer.write(ours, b"last words"), Ok(10));
        pair.dialer.reset(ours);
        pair.run();
        assert_eq!(pair.listener.facts().last(), Some(&Fact::StreamEnded(theirs, StreamEnd::Reset(Side::Remote))));
        assert_eq!(pair.listener.read(theirs), Err(ReadError::Ended));
        assert_eq!(pair.listener.streams.get_mut(theirs).unwrap().take_unread(), b"last words");
        assert_eq!(pair.dialer.facts(), [], "who resets knows");
    });
}

#[test]
fn a_stream_that_opens_too_long_times_out_and_the_peer_hears() {
    each(|mut pair| {
        pair.open();
        let stream = pair.dialer.open_stream(&["/echo/1.0.0"]);
        pair.run();
        // The listener's owner has no room: its clock stands still, the dialer's does not.
        let [Fact::StreamReadyToOpen(taken)] = pair.listener.facts()[..] else { panic!("it is agreed") };
        pair.at(secs(9));
        assert_eq!((pair.dialer.facts(), pair.listener.facts()), (vec![], vec![]));
        pair.at(secs(10));
        assert_eq!(pair.dialer.facts(), [Fact::StreamFailed(stream, Failure::Timeout)]);
        pair.run();
        assert_eq!(pair.listener.facts(), [Fact::StreamFailed(taken, Failure::Reset(Side::Remote))]);
    });
}

#[test]
fn a_peer_that_lets_go_in_silence_after_our_fin_is_given_up() {
    each(|mut pair| {
        pair.open();
        let (ours, theirs) = pair.stream();
        assert_eq!(pair.dialer.finish(ours), Ok(()));
        pair.run();
        pair.at(secs(50));
        assert_eq!(pair.listener.write(theirs, b"not yet"), Ok(7));
        pair.run();
        // A word of the peer's starts the time again.
        pair.at(secs(640));
        assert_eq!(pair.dialer.facts(), [Fact::Readable(ours)]);
        pair.at(secs(650));
        assert_eq!(pair.dialer.facts(), [Fact::StreamEnded(ours, StreamEnd::Timeout)]);
    });
}

#[test]
fn garbage_in_place_of_a_handshake_is_an_error_and_not_a_wait() {
    for role in [Role::Dialer, Role::Listener] {
        let mut end = End::new(1, role, YAMUX);
        end.hear(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: a browser that has lost its way\r\n\r\n",
            usize::MAX,
        );
        let [Fact::Failed(error)] = end.facts()[..] else { panic!("it breaks") };
        assert!(matches!(error, Error::Multistream(_)), "{error}");
        assert_eq!(error.failure(), Failure::Protocol);
    }
}

#[test]
fn one_flipped_byte_after_the_handshake_breaks_the_connection() {
    let mut pair = Pair::new(YAMUX, usize::MAX);
    pair.open();
    let (ours, _) = pair.stream();
    assert_eq!(pair.dialer.write(ours, b"hello"), Ok(5));
    let mut wire = pair.dialer.say();
    let middle = wire.len() / 2;
    wire[middle] ^= 1;
    pair.listener.hear(&wire, usize::MAX);
    assert_eq!(pair.listener.facts(), [Fact::Failed(Error::Noise(noise::Error::Decrypt))]);
}

#[test]
fn a_handshake_that_takes_too_long_has_timed_out() {
    for role in [Role::Dialer, Role::Listener] {
        let mut end = End::new(1, role, YAMUX);
        assert_eq!(end.poll_at(), Some(secs(10)));
        end.at(secs(10));
        assert_eq!(end.facts(), [Fact::Failed(Error::HandshakeTimeout)]);
    }
}

#[test]
fn a_handshake_that_timed_out_does_not_send_its_last_message() {
    for muxers in MUXERS {
        let mut pair = Pair::new(muxers, usize::MAX);
        pair.run();
        assert_eq!(pair.dialer.facts(), [Fact::ReadyToOpen]);
        assert!(!pair.dialer.permit());
        assert!(pair.dialer.connection.is_due(), "the last message waits to be sent");
        pair.dialer.at(secs(10));
        assert_eq!(pair.dialer.facts(), [Fact::Failed(Error::HandshakeTimeout)]);
        assert_eq!(pair.dialer.say(), b"");
    }
}

#[test]
fn our_go_away_is_the_last_word_behind_what_was_written() {
    each(|mut pair| {
        pair.open();
        let (ours, theirs) = pair.stream();
        assert_eq!(pair.dialer.write(ours, b"before"), Ok(6));
        pair.dialer.close();
        assert_eq!(pair.dialer.write(ours, b"after"), Err(WriteError::Closed));
        pair.run();
        let facts = pair.listener.facts();
        assert_eq!(facts.first(), Some(&Fact::Readable(theirs)));
        assert_eq!(facts.last(), Some(&Fact::GoAway(0)));
        assert_eq!(pair.listener.read(theirs), Ok(b"before".to_vec()));
        pair.at(secs(5));
        assert_eq!(pair.dialer.facts(), [Fact::CloseTimeout]);
    });
}
