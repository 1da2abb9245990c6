//! A1: peers that begin streams and reset them as fast as they can, beside one that opens a few. That one is served within
//! a stated number of the victim's turns.

use crate::support::raw_frames::{RST, SYN, UPDATE, data, frame};
use crate::support::sim::{A, Cut, ECHO, ECHO_LINES, Mode, Pair, Raw, Shape};
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionId, State, StreamId};
use swarm_notify::swarm::Config;

/// The turns of the victim within which an echo comes back on a stream of an old connection, and of a new one, beside one
/// that floods.
const BESIDE_ONE: [usize; 2] = [4, 8];

/// The same beside 64 that flood. The simulated poller names twelve sockets a turn, so that all have their turn in six.
const BESIDE_64: [usize; 2] = [8, 16];

/// How a stream of the flood begins before it is reset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Syn,
    Unsupported,
    Supported,
}

/// A peer that floods.
struct Flooder {
    raw: Raw,
    next: u32,
}

impl Flooder {
    fn floods(&mut self, form: Form, streams: u32) {
        let mut frames = Vec::new();
        for id in (self.next..).step_by(2).take(streams as usize) {
            frames.push(match form {
                Form::Syn => frame(UPDATE, SYN, id, 0),
                Form::Unsupported => data(SYN, id, b"\x13/multistream/1.0.0\n\x08/none/1\n"),
                Form::Supported => data(SYN, id, ECHO_LINES),
            });
            frames.push(frame(UPDATE, RST, id, 0));
        }
        self.next += 2 * streams;
        self.raw.say(&frames);
        self.raw.hear();
    }
}

/// A victim, `a`, that is flooded; and an honest peer of it, `b`.
struct Flooded {
    pair: Pair<256>,
    flooders: Vec<Flooder>,
    form: Form,
    /// The streams that each flooder begins between two turns of the victim.
    streams: u32,
    echoed: Vec<StreamId>,
}

impl Flooded {
    fn new(form: Form, flooders: usize, streams: u32, drains: usize) -> (Self, ConnectionId) {
        let shape = Shape { cut: Cut::Whole, mode: Mode::Sleep, swapped: true };
        // How often a peer may reset, and how many connections it may have, is another matter.
        let bounds = |a: &mut Config| {
            a.connection.resets.burst = u32::MAX;
            a.connection.yamux.max_empty_frames = u32::MAX;
            (a.connections_per_peer, a.connections_per_address) = (100, 100);
        };
        let mut pair = Pair::with(shape, bounds, |_| {});
        let (_, old) = pair.connected();
        pair.network.set(|knobs| knobs.latency(Duration::ZERO));
        let (first, _) = Raw::connect(&mut pair);
        let mut raws = vec![first];
        raws.extend((1..flooders).map(|_| Raw::connect_again(&mut pair)));
        pair.a.drains = drains;
        let flooders = raws.into_iter().map(|raw| Flooder { raw, next: 1 }).collect();
        (Self { pair, flooders, form, streams, echoed: Vec::new() }, old)
    }

    /// One turn of the victim, and one of the honest peer.
    fn turn(&mut self) {
        for flooder in &mut self.flooders {
            flooder.floods(self.form, self.streams);
        }
        let pair = &mut self.pair;
        pair.now += Duration::from_millis(1);
        pair.network.advance_to(pair.now);
        while pair.network.deliver(pair.now) {}
        pair.a.turn(pair.now);
        while pair.network.deliver(pair.now) {}
        pair.b.turn(pair.now);
        let connections = pair.a.swarm.connections();
        let streams: Vec<_> = connections.flat_map(|id| pair.a.swarm.streams_of(id).collect::<Vec<_>>()).collect();
        for stream in streams {
            if pair.a.received(stream) == b"hello" && !self.echoed.contains(&stream) {
                self.echoed.push(stream);
                pair.a.send(stream, b"hello");
            }
        }
    }

    fn says_hello(&mut self, on: ConnectionId) -> StreamId {
        let stream = self.pair.b.open(on, &[ECHO]);
        self.pair.b.send(stream, b"hello");
        stream
    }

    /// Returns the turns until an echo comes back on an old connection and on a new one, and how many there were within
    /// `most` turns.
    fn turns_until_echoed(&mut self, old: ConnectionId, most: usize) -> [Option<usize>; 2] {
        for _ in 0..8 {
            self.turn();
        }
        let new = self.pair.b.dial(&A.at(4000));
        let mut streams = [Some(self.says_hello(old)), None];
        let mut turns = [None; 2];
        for turn in 1..=most {
            self.turn();
            let is_open = self.pair.b.swarm.connection(new).is_some_and(|view| view.state == State::Open);
            if is_open && streams[1].is_none() {
                streams[1] = Some(self.says_hello(new));
            }
            for (stream, turns) in streams.iter().zip(&mut turns) {
                if turns.is_none() && stream.is_some_and(|stream| self.pair.b.received(stream) == b"hello") {
                    *turns = Some(turn);
                }
            }
            if turns.iter().all(Option::is_some) {
                break;
            }
        }
        turns
    }
}

fn an_honest_peer_is_served(form: Form, flooders: usize, streams: u32, drains: usize, most: [usize; 2]) {
    let (mut flooded, old) = Flooded::new(form, flooders, streams, drains);
    let turns = flooded.turns_until_echoed(old, 100);
    println!("{form:?}, {flooders} flooders of {streams} streams a turn: {turns:?}");
    for (turns, most) in turns.into_iter().zip(most) {
        assert!(turns.is_some_and(|turns| turns <= most), "{form:?}: {turns:?} turns, {most} at most");
    }
    let counts = flooded.pair.a.swarm.counters().streams.inbound;
    assert!(counts.without_id > 0, "{counts:?}");
    if form == Form::Syn {
        assert_eq!((counts.failed, counts.opened), (0, 2), "nobody is told of a stream without a proposal");
    }
    flooded.pair.a.drains = usize::MAX;
    drop(flooded.flooders);
    flooded.pair.a.something_to_drain();
    flooded.pair.settle();
    flooded.pair.end_quietly();
}

fn beside_one(form: Form) {
    an_honest_peer_is_served(form, 1, 1_000, 256, BESIDE_ONE);
}

fn beside_64(form: Form) {
    an_honest_peer_is_served(form, 64, 100, usize::MAX, BESIDE_64);
}

#[test]
fn an_honest_peer_is_served_beside_syn_and_rst() {
    beside_one(Form::Syn);
}

#[test]
fn an_honest_peer_is_served_beside_unsupported_proposals_and_rst() {
    beside_one(Form::Unsupported);
}

#[test]
fn an_honest_peer_is_served_beside_supported_proposals_and_rst() {
    beside_one(Form::Supported);
}

#[test]
fn an_honest_peer_is_served_beside_64_with_syn_and_rst() {
    beside_64(Form::Syn);
}

#[test]
fn an_honest_peer_is_served_beside_64_with_unsupported_proposals_and_rst() {
    beside_64(Form::Unsupported);
}

#[test]
fn an_honest_peer_is_served_beside_64_with_supported_proposals_and_rst() {
    beside_64(Form::Supported);
}
