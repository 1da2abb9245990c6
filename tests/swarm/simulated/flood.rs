//! A1: peers that begin streams and reset them as fast as they can, beside one that opens a few. That one is served within
//! a stated number of the victim's turns.

use crate::support::raw_frames::{FIN, RST, SYN, UPDATE, data, frame};
use crate::support::sim::{A, Cut, ECHO, ECHO_LINES, Mode, Pair, Raw, Shape};
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId, Fault, State, StreamId};
use swarm_notify::swarm::Config;

/// The turns of the victim within which an echo comes back on a stream of an old connection, and of a new one, beside one
/// that floods.
const BESIDE_ONE: [usize; 2] = [4, 8];

/// The same beside 64 that flood. The simulated poller names twelve sockets a turn, so that all have their turn in six.
const BESIDE_64: [usize; 2] = [8, 16];

/// The same beside one whose streams open and end: events of them fill the queue, and are drained 256 a turn.
const BESIDE_POLITE: [usize; 2] = [8, 12];

/// The same beside 64 that flood where 256 events are drained a turn. It takes 18 turns until nothing is owed, as the page of
/// `Limits` has it. The old connection needs room once, for its stream; the new one twice.
const BESIDE_64_SLOWLY: [usize; 2] = [2 * 18, 3 * 18];

/// What the peer does with a stream of the flood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    /// It begins the stream and resets it.
    Syn,
    /// The same behind a proposal that nobody supports.
    Unsupported,
    /// The same behind a proposal that is supported.
    Supported,
    /// It begins the stream and ends it at once.
    SynFin,
    /// The same behind a proposal that nobody supports.
    UnsupportedFin,
    /// It has the node reset the stream by data after the end.
    DataAfterFin,
    /// It proposes what is supported, and ends its side: what an honest peer may do as often as it likes.
    Polite,
    /// It keeps the stream, so that one after the other is beyond a limit.
    Kept,
}

const UNSUPPORTED_LINES: &[u8] = b"\x13/multistream/1.0.0\n\x08/none/1\n";

impl Form {
    fn frames(self, id: u32) -> Vec<Vec<u8>> {
        let reset = frame(UPDATE, RST, id, 0);
        match self {
            Self::Syn => vec![frame(UPDATE, SYN, id, 0), reset],
            Self::Unsupported => vec![data(SYN, id, UNSUPPORTED_LINES), reset],
            Self::Supported => vec![data(SYN, id, ECHO_LINES), reset],
            Self::SynFin => vec![data(SYN | FIN, id, b"")],
            Self::UnsupportedFin => vec![data(SYN | FIN, id, UNSUPPORTED_LINES)],
            Self::DataAfterFin => vec![data(SYN | FIN, id, ECHO_LINES), data(0, id, b"x")],
            Self::Polite => vec![data(SYN | FIN, id, ECHO_LINES)],
            Self::Kept => vec![data(SYN, id, ECHO_LINES)],
        }
    }
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
            frames.extend(form.frames(id));
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
            let view = pair.a.swarm.stream(stream).expect("it lives");
            if view.state == State::Open && view.is_remote_finished {
                let _ = pair.a.swarm.close_stream(stream);
            }
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
    match form {
        Form::Syn | Form::SynFin => {
            assert_eq!((counts.failed, counts.opened), (0, 2), "nobody is told of a stream without a proposal");
        }
        Form::Unsupported | Form::Supported | Form::UnsupportedFin => {}
        Form::DataAfterFin | Form::Polite | Form::Kept => assert!(counts.opened > 2, "{counts:?}"),
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
fn an_honest_peer_is_served_beside_unsupported_streams_and_rst() {
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
fn an_honest_peer_is_served_beside_64_with_unsupported_and_rst() {
    beside_64(Form::Unsupported);
}

#[test]
fn an_honest_peer_is_served_beside_64_with_supported_and_rst() {
    beside_64(Form::Supported);
}

#[test]
fn an_honest_peer_is_served_beside_streams_that_end_at_once() {
    beside_one(Form::SynFin);
    beside_64(Form::SynFin);
}

#[test]
fn an_honest_peer_is_served_beside_unsupported_streams_and_fin() {
    beside_one(Form::UnsupportedFin);
    beside_64(Form::UnsupportedFin);
}

#[test]
fn an_honest_peer_is_served_beside_data_after_fin() {
    beside_one(Form::DataAfterFin);
    beside_64(Form::DataAfterFin);
}

/// These have no budget, since an honest peer may do the same. What bounds them is that they wait for their turn.
#[test]
fn an_honest_peer_is_served_beside_streams_that_end_politely() {
    an_honest_peer_is_served(Form::Polite, 1, 1_000, 256, BESIDE_POLITE);
    beside_64(Form::Polite);
}

#[test]
fn an_honest_peer_is_served_beside_streams_beyond_a_limit() {
    beside_one(Form::Kept);
    beside_64(Form::Kept);
}

/// Lets a peer do something with streams, as many at a time as it likes, and returns how many there were until it was cut,
/// or `None` if it was not.
fn streams_until_cut(form: Form, most: u32) -> Option<u32> {
    let mut pair = Pair::<256>::new(Shape { cut: Cut::Whole, mode: Mode::Sleep, swapped: false });
    let (mut raw, connection) = Raw::connect(&mut pair);
    for begun in (0..most).step_by(100) {
        raw.try_say(&(begun..begun + 100).flat_map(|number| form.frames(2 * number + 1)).collect::<Vec<_>>());
        pair.settle();
        raw.hear();
        if let Some(view) = pair.a.swarm.connection(connection).filter(|view| view.state == State::Open) {
            assert_eq!(view.error, None);
            let streams: Vec<_> = pair.a.swarm.streams_of(connection).collect();
            for stream in streams {
                let _ = pair.a.swarm.close_stream(stream);
            }
            continue;
        }
        let end = ConnectionEnd::Failed(Fault::Flood);
        let told = format!("disconnected {connection} {end}");
        let log = pair.a.take_log();
        assert!(log.last().is_some_and(|last| *last == told), "{form:?}: {:?}, not {told:?}", log.last());
        return Some(begun + 100);
    }
    None
}

/// Whoever sends the reset (CVE-2023-44487, CVE-2025-8671).
#[test]
fn a_peer_that_resets_streams_or_has_them_reset_is_cut() {
    for form in [Form::Syn, Form::Unsupported, Form::Supported, Form::SynFin, Form::UnsupportedFin, Form::DataAfterFin]
    {
        // Those that are refused, since events are owed, take nothing: 65 of 100 have an id.
        let most = 100 * 1_000_u32.div_ceil(65) + 100;
        let streams = streams_until_cut(form, 5_000);
        assert!(streams.is_some_and(|streams| streams > 1_000 && streams <= most), "{form:?}: {streams:?} of {most}");
    }
}

#[test]
fn a_peer_that_ends_streams_politely_is_not_cut() {
    assert_eq!(streams_until_cut(Form::Polite, 5_000), None);
}

#[test]
fn a_peer_that_opens_more_streams_than_it_may_is_not_cut() {
    assert_eq!(streams_until_cut(Form::Kept, 5_000), None);
}

/// The owner that drains little. Before, those that had been told of some events owed others at once, and no stream opened.
#[test]
fn an_honest_peer_is_served_beside_64_with_few_events_drained() {
    for form in [Form::UnsupportedFin, Form::Supported, Form::Polite] {
        an_honest_peer_is_served(form, 64, 100, 256, BESIDE_64_SLOWLY);
    }
}
