//! The fuzz target `yamux_hostile`: arbitrary frames into one session. `cargo test` runs it over seeded input.
//!
//! No panic, no more said than was heard, the same outcome wherever the bytes are cut; what breaks the protocol, as an
//! obvious referee has it, and nothing else is answered by a go-away; and the heap stays under the stated bound,
//! whether the peer reads or not. Since it counts the heap, nothing else may run in its process.

use super::heap;
use super::input::Input;
use super::raw_frames::frame;
use super::with;
use super::yamux_referee::Referee;
use std::collections::BTreeMap;
use swarm_notify::connection::Role;
use swarm_notify::connection::yamux::{Config, Fact, INITIAL_WINDOW, Session, Stream, Violation};

/// The go-away that answers a peer that breaks the protocol.
const PROTOCOL_ERROR: [u8; 12] = [0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// How much comes in one run: more than a window.
const MOST: usize = 300_000;
/// How many streams of the peer's our owner takes.
const TAKEN: usize = 12;

/// One run.
pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    let role = if input.byte() % 2 == 0 { Role::Dialer } else { Role::Listener };
    let choice = input.byte();
    let mut wire = Vec::new();
    while !input.is_empty() && wire.len() < MOST {
        attack(&mut input, &mut wire);
    }
    let whole = suffer(role, choice, u32::MAX, wire.chunks(wire.len().max(1)));
    // Not byte by byte if it is much.
    let (limit, piece) = (1 + u32::from(choice % 4), (1 + usize::from(choice) * 7).max(wire.len() / 1000));
    let cut = suffer(role, choice, limit, wire.chunks(piece));
    assert_eq!(whole, cut, "neither where the bytes are cut nor a limit of frames changes anything");
    let mut referee = Referee::new(role, config(choice).max_empty_frames, (0..OURS).map(|key| finishes(choice, key)));
    let verdict = referee.judge(&wire, |taken| takes(choice, OURS as usize + taken));
    assert_eq!(whole.violation, verdict, "what breaks the protocol, and nothing else, is told so");
    endure(role, choice, &wire);
}

/// How many streams we have opened.
const OURS: u32 = 3;

/// Whether we have finished one of ours.
fn finishes(choice: u8, key: u32) -> bool {
    choice & 1 << key != 0
}

/// Whether a stream of the peer's is taken, when there are so many already.
fn takes(choice: u8, streams: usize) -> bool {
    streams < OURS as usize + TAKEN && (choice & 8 == 0 || streams % 4 != 3)
}

/// A frame to attack with, or raw bytes.
fn attack(input: &mut Input<'_>, wire: &mut Vec<u8>) {
    let choice = input.byte();
    if choice >= 250 {
        let n = usize::from(input.byte());
        wire.extend((0..n).map(|_| input.byte()));
        return;
    }
    let flags = match input.byte() {
        strange @ 250.. => u16::from(strange) << 4,
        flags => u16::from(flags % 16),
    };
    let id = match input.byte() {
        high @ 250.. => u32::MAX - u32::from(high - 250),
        id => u32::from(id % 8),
    };
    let length = match input.byte() {
        n @ 0..200 => u32::from(n),
        n @ 200..240 => u32::from(n - 200) << 14,
        n => u32::MAX - u32::from(n - 240),
    };
    // Often many times over: a flood.
    let times = if (224..240).contains(&choice) && length < 200 { 1 << (choice % 12) } else { 1 };
    for _ in 0..times {
        let version = u8::from(choice == 249);
        let kind = if choice >= 240 { choice } else { choice % 4 };
        wire.push(version);
        wire.extend_from_slice(&frame(kind, flags, id, length)[1..]);
        if choice.is_multiple_of(4) {
            // The payload comes, or not quite, or only its length.
            let payload = if length < 1 << 20 { length as usize } else { 0 };
            let missing = if times == 1 { payload.min(usize::from(input.byte() / 128)) } else { 0 };
            wire.resize(wire.len() + payload - missing, 0x55);
        }
    }
}

/// What came of hostile bytes.
#[derive(PartialEq, Debug)]
struct Outcome {
    facts: Vec<Fact<u32>>,
    violation: Option<Violation>,
    output: Vec<u8>,
    unread: Vec<(u32, usize, bool, bool, u32)>,
}

/// Nothing is ever read, so a smaller window changes nothing: what every peer assumes is what it may send.
fn config(choice: u8) -> Config {
    let receive_window = if choice & 32 == 0 { INITIAL_WINDOW } else { u32::from(choice) };
    let max_empty_frames = if choice & 64 == 0 { 4_096 } else { u32::from(choice % 32) };
    with(Config::default(), |config| {
        config.receive_window = receive_window;
        config.max_output = 2_000;
        config.max_control = 1_000;
        config.max_empty_frames = max_empty_frames;
    })
}

/// A session with streams of ours on it.
fn session(role: Role, choice: u8) -> (Session<u32>, BTreeMap<u32, Stream>) {
    let mut session = Session::new(role, &config(choice));
    let mut streams = BTreeMap::<u32, Stream>::new();
    for key in 0..OURS {
        let mut stream = session.open(key).unwrap();
        session.write(&mut stream, &[1; 10]);
        if finishes(choice, key) {
            session.finish(&mut stream);
        }
        streams.insert(key, stream);
    }
    (session, streams)
}

fn decide(session: &mut Session<u32>, streams: &mut BTreeMap<u32, Stream>, choice: u8) {
    let key = streams.len();
    if takes(choice, key) {
        streams.insert(key as u32, session.accept(key as u32).unwrap());
    } else {
        session.refuse();
    }
}

/// `limit`: so many frames are handled before the session is asked to go on.
fn suffer<'a>(role: Role, choice: u8, limit: u32, parts: impl Iterator<Item = &'a [u8]>) -> Outcome {
    let (mut session, mut streams) = session(role, choice);
    let mut fed = session.output().len();
    let mut outcome = Outcome { facts: Vec::new(), violation: None, output: Vec::new(), unread: Vec::new() };
    for part in parts {
        let mut rest = part;
        fed += part.len();
        while !rest.is_empty() {
            if session.frames_left() == 0 || limit < session.frames_left() {
                session.limit_frames(limit);
            }
            match session.receive(&mut streams, rest) {
                Ok((n, fact)) => {
                    assert_eq!(outcome.violation, None, "nothing is received after a violation");
                    assert!(n > 0 || fact.is_some(), "each call gets on");
                    rest = &rest[n..];
                    if fact == Some(Fact::Inbound) {
                        decide(&mut session, &mut streams, choice);
                    }
                    // How often it is told that there is something to read depends on the cuts.
                    if fact != outcome.facts.last().copied() || !matches!(fact, Some(Fact::Readable(_))) {
                        outcome.facts.extend(fact);
                    }
                }
                Err(error) => {
                    assert_eq!(*outcome.violation.get_or_insert(error), error, "it stays the same one");
                    assert!(session.has_gone_away() && session.output().ends_with(&PROTOCOL_ERROR));
                    rest = &[];
                }
            }
            // 12 for the go-away: nothing else may be said beyond what was heard.
            assert!(session.output().len() <= fed + 12);
        }
    }
    outcome.output = session.output().to_vec();
    for (key, stream) in &streams {
        assert!(stream.unread().len() <= INITIAL_WINDOW as usize);
        let (finished, reset) = (stream.is_remote_finished(), stream.is_reset());
        outcome.unread.push((*key, stream.unread().len(), finished, reset, stream.send_window()));
    }
    outcome
}

/// The same bytes to an owner who heeds what he is told to: he reads no more from a peer that does not read, and takes
/// a bounded number of streams. Whatever comes, the heap stays bounded.
fn endure(role: Role, choice: u8, wire: &[u8]) {
    let before = heap::bytes();
    let config = config(choice);
    let (mut session, mut streams) = session(role, choice);
    let peer_reads = choice & 16 != 0;
    let piece = (1 + usize::from(choice) * 16).max(wire.len() / 1000);
    let mut sent = Vec::with_capacity(64 * 1024);
    for part in wire.chunks(piece) {
        if session.is_clogged() {
            if !peer_reads {
                break;
            }
            session.take_output(&mut sent);
            sent.clear();
            while session.written(&mut streams).is_some() {}
            assert!(!session.is_clogged(), "what the peer has read is not held against it");
        }
        let mut rest = part;
        while !rest.is_empty() {
            let Ok((n, fact)) = session.receive(&mut streams, rest) else { break };
            rest = &rest[n..];
            if fact == Some(Fact::Inbound) {
                decide(&mut session, &mut streams, choice);
            }
        }
        let said = config.max_output + config.max_control + piece + 2 * 12;
        assert!(session.output().len() <= said, "{} bytes are to be sent", session.output().len());
        // A window for each buffer; a few hundred bytes for each stream's record, in two maps. The output may be half
        // empty.
        // All of it that waits is counted, and no more than the bound of each.
        assert_eq!(session.unread_held(), streams.values().map(Stream::held).sum::<usize>());
        assert!(session.held() <= streams.len() * INITIAL_WINDOW as usize + 2 * said, "{}", session.held());
        let bound = streams.len() * (INITIAL_WINDOW as usize + 512) + 2 * said + sent.capacity() + 4096;
        let used = heap::bytes().saturating_sub(before);
        assert!(used <= bound, "{used} bytes of heap, of {bound}, for {} streams", streams.len());
    }
}
