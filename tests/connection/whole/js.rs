//! Peers that read frames as js-libp2p does: flags before payload, and few streams before their upgrade is through.

use super::YAMUX;
use super::raw::{HEADER, Raw};
use crate::support::ends::End;
use crate::support::raw_frames::{ACK, FIN, Frame, PING, RST, SYN, UPDATE, data, frame};
use std::collections::BTreeSet;
use swarm_notify::connection::{Fact, ReadError, Role};
use swarm_notify::lifecycle::{StreamEnd, StreamId};

const ECHO: &[u8] = b"\x0c/echo/1.0.0\n";
/// js-libp2p's `maxEarlyStreams`.
const MOST_EARLY: usize = 10;

/// One stream of a peer that handles a frame's flags before its payload, and drops the payload once both sides of the
/// stream have ended.
struct FlagsFirst {
    id: u32,
    has_finished: bool,
    is_closed: bool,
    got: Vec<u8>,
}

impl FlagsFirst {
    fn read(&mut self, run: &[u8]) {
        for frame in Frame::decode_all(run) {
            assert_eq!(frame.id, self.id);
            self.is_closed |= frame.flags & FIN != 0 && self.has_finished;
            if !self.is_closed {
                self.got.extend(frame.payload);
            }
        }
    }
}

/// Echoes what has come on a stream of the peer's, and ends it after that.
fn echo(end: &mut End, stream: StreamId) {
    loop {
        match end.read(stream) {
            Ok(bytes) if bytes.is_empty() => break,
            Ok(bytes) => assert_eq!(end.write(stream, &bytes), Ok(bytes.len())),
            Err(error) => panic!("all has come: {error}"),
        }
    }
    assert_eq!(end.finish(stream), Ok(()));
}

#[test]
fn a_half_closed_echo_reaches_a_peer_that_reads_flags_first() {
    let lengths = [0, 1, 32, 3_000, 100_000];
    for (length, is_confirmed_before) in lengths.into_iter().flat_map(|length| [(length, false), (length, true)]) {
        let mut raw = Raw::open(End::new(2, Role::Listener, YAMUX));
        let sent: Vec<u8> = (0..length).map(|n| n as u8).collect();
        let mut stream = FlagsFirst { id: 1, has_finished: true, is_closed: false, got: Vec::new() };
        let proposal = [HEADER, ECHO].concat();
        raw.say(&data(SYN, 1, &proposal));
        sent.chunks(30_000).for_each(|part| raw.say(&data(0, 1, part)));
        raw.say(&frame(UPDATE, FIN, 1, 0));
        let [Fact::StreamReadyToOpen(ours), ..] = raw.end.facts()[..] else { panic!("it is agreed") };
        raw.end.confirm(ours);
        if is_confirmed_before {
            stream.read(&raw.hear());
        }
        echo(&mut raw.end, ours);
        // All of it leaves in one run, FIN behind the last of it.
        let mut run = Vec::new();
        while raw.end.connection.is_due() {
            run.extend(raw.hear());
        }
        stream.read(&run);
        let (got, all) = (stream.got.len(), proposal.len() + sent.len());
        assert!(stream.got == [proposal, sent].concat(), "{got} of {all}");
        assert!(stream.is_closed);
        assert!(matches!(raw.end.facts()[..], [Fact::StreamEnded(_, StreamEnd::Finished)]));
    }
}

/// A listener that aborts its connection when more than [`MOST_EARLY`] streams have come before it has said anything.
struct Upgrading {
    raw: Raw,
    streams: BTreeSet<u32>,
    pings: u32,
    has_answered: bool,
}

impl Upgrading {
    fn new(dialer: End) -> Self {
        Self { raw: Raw::accept(dialer), streams: BTreeSet::new(), pings: 0, has_answered: false }
    }

    /// Reads all that has been said; tells whether it has aborted.
    fn read(&mut self) -> bool {
        let mut run = Vec::new();
        while self.raw.end.connection.is_due() {
            run.extend(self.raw.hear());
        }
        for Frame { kind, flags, id, .. } in Frame::decode_all(&run) {
            self.pings += u32::from(kind == PING && flags & SYN != 0);
            if flags & SYN != 0 && kind != PING {
                assert!(self.streams.insert(id), "an id is used once");
            }
        }
        if !self.has_answered && self.streams.len() > MOST_EARLY {
            let resets = self.streams.iter().map(|id| frame(UPDATE, RST, *id, 0));
            let resets: Vec<u8> = resets.flatten().collect();
            self.raw.say(&resets);
            return true;
        }
        false
    }

    fn say(&mut self, frames: &[u8]) {
        self.has_answered = true;
        self.raw.say(frames);
    }
}

fn dialer() -> End {
    End::new(1, Role::Dialer, YAMUX)
}

#[test]
fn twenty_streams_at_once_open_to_a_peer_that_takes_ten_early() {
    let agreed = [HEADER, ECHO].concat();
    let answers = [
        frame(PING, ACK, 0, 0),
        frame(UPDATE, ACK, 1, 0),
        data(ACK, 1, &agreed),
        frame(UPDATE, RST, 15, 0),
        frame(PING, SYN, 0, 5),
    ];
    for answer in answers {
        let mut peer = Upgrading::new(dialer());
        let streams: Vec<_> = (0..20).map(|_| peer.raw.end.open_stream(&["/echo/1.0.0"])).collect();
        assert!(!peer.read(), "it has aborted");
        assert_eq!((peer.streams.len(), peer.pings), (8, 1));
        assert!(!peer.read(), "nothing more comes by itself");
        peer.say(&answer);
        assert!(!peer.read());
        assert_eq!((peer.streams.len(), peer.pings), (20, 1));
        peer.raw.end.facts();
        for id in peer.streams.clone() {
            peer.say(&data(ACK, id, &agreed));
        }
        let open = peer.raw.end.facts().iter().filter(|fact| matches!(fact, Fact::StreamReadyToOpen(_))).count();
        // One of them was reset, or had been agreed before.
        assert!(open >= 19, "{open} of {}", streams.len());
    }
}

#[test]
fn up_to_eight_streams_leave_at_once_and_nothing_is_asked() {
    for n in 1..=8 {
        let mut peer = Upgrading::new(dialer());
        for _ in 0..n {
            peer.raw.end.open_stream(&["/echo/1.0.0"]);
        }
        assert!(!peer.read());
        assert_eq!((peer.streams.len(), peer.pings), (n, 0));
        peer.say(&frame(UPDATE, ACK, 1, 0));
        for _ in 0..30 {
            peer.raw.end.open_stream(&["/echo/1.0.0"]);
        }
        assert!(!peer.read());
        assert_eq!((peer.streams.len(), peer.pings), (n + 30, 0), "the bound does not hold any more");
    }
}

#[test]
fn streams_that_are_given_up_still_count_as_early() {
    let mut peer = Upgrading::new(dialer());
    for _ in 0..30 {
        let stream = peer.raw.end.open_stream(&["/echo/1.0.0"]);
        peer.raw.end.reset(stream);
        assert!(!peer.read(), "it has aborted");
    }
    let last = peer.raw.end.open_stream(&["/echo/1.0.0"]);
    assert!(!peer.read());
    assert_eq!((peer.streams.len(), peer.pings), (8, 1));
    peer.say(&frame(PING, ACK, 0, 0));
    assert!(!peer.read());
    assert_eq!(peer.streams.len(), 9);
    assert_eq!(peer.raw.end.read(last), Err(ReadError::Blocked));
}

#[test]
fn the_peer_is_asked_even_if_streams_waited_for_room_first() {
    let mut end = dialer();
    end.config.yamux.max_control = 0;
    let mut peer = Upgrading::new(end);
    for _ in 0..9 {
        peer.raw.end.open_stream(&["/echo/1.0.0"]);
    }
    assert!(!peer.read());
    assert_eq!((peer.streams.len(), peer.pings), (8, 1));
}
