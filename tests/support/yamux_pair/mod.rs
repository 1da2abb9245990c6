//! The fuzz target `yamux_pair`: two sessions over a pipe that is cut anywhere and delays what it likes, each stream
//! held against a byte-exact model: bytes, ends and windows. `cargo test` runs it over seeded input.

mod calm;

use super::input::Input;
use super::with;
use std::collections::{BTreeMap, BTreeSet};
use swarm_notify::connection::Role;
use swarm_notify::connection::yamux::{
    Config, Fact, INITIAL_WINDOW, OpenError, Pressure, ReadOutcome, Session, Stream,
};

/// One run. Gives whether a window has grown.
pub(crate) fn run(bytes: &[u8]) -> bool {
    bytes.split_first().is_some_and(|(choice, rest)| pair(*choice, rest))
}

/// The byte at a place of one direction of a stream: different for each, so that nothing can be lost, doubled or
/// mixed up unseen.
fn content(id: u32, from_dialer: bool, offset: u64) -> u8 {
    let seed = u64::from(id) * 2 + u64::from(from_dialer);
    (offset.wrapping_add(seed.wrapping_mul(0x9E37_79B9)).wrapping_mul(31) >> 3) as u8
}

/// What the model knows of one end of a stream.
#[derive(Default, Debug)]
struct Seen {
    id: u32,
    written: u64,
    read: u64,
    short: bool,
    finished: bool,
    fin_told: bool,
    ended: bool,
    acknowledged: bool,
    acknowledgement_told: bool,
    discarding: bool,
    reset_by_us: bool,
    reset_by_peer: bool,
}

/// One of the two ends.
struct Side {
    dialer: bool,
    session: Session<u32>,
    streams: BTreeMap<u32, Stream>,
    seen: BTreeMap<u32, Seen>,
    keys: BTreeMap<u32, u32>,
    refused: BTreeSet<u32>,
    /// What has been taken from the session and has not arrived.
    pipe: Vec<u8>,
    pings: Vec<u32>,
    gone: bool,
    /// The streams that were opened before the peer's first frame, apart from those of which it never learns.
    early: u32,
    has_heard: bool,
    /// The number of bytes of frames that have come.
    heard: usize,
}

impl Side {
    fn new(role: Role, config: &Config) -> Self {
        Self {
            dialer: role == Role::Dialer,
            session: Session::new(role, config),
            streams: BTreeMap::new(),
            seen: BTreeMap::new(),
            keys: BTreeMap::new(),
            refused: BTreeSet::new(),
            pipe: Vec::new(),
            pings: vec![0],
            gone: false,
            early: 0,
            has_heard: false,
            heard: 0,
        }
    }

    fn by_id(&self, id: u32) -> Option<&Seen> {
        self.keys.get(&id).map(|key| &self.seen[key])
    }

    fn fresh(&mut self) -> u32 {
        self.seen.len() as u32
    }

    fn open(&mut self, config: &Config) {
        let key = self.fresh();
        let unacknowledged = self.session.unacknowledged();
        match self.session.open(key) {
            Ok(stream) => {
                assert!(unacknowledged < config.ack_backlog);
                assert!(self.has_heard || self.early < config.early_streams);
                self.early += 1;
                let id = stream.wire_id();
                assert_eq!(id % 2 == 1, self.dialer);
                assert!(self.keys.insert(id, key).is_none(), "no id is used twice");
                self.streams.insert(key, stream);
                self.seen.insert(key, Seen { id, acknowledged: true, ..Seen::default() });
            }
            Err(OpenError::AckBacklog) => assert_eq!(unacknowledged, config.ack_backlog),
            Err(OpenError::Unheard) => {
                assert!(!self.has_heard, "streams wait for the first frame only");
                assert_eq!(self.early, config.early_streams);
                self.session.ask_for_first_frame();
            }
            Err(OpenError::GoneAway) => {}
            Err(error) => panic!("{error}"),
        }
    }

    fn write(&mut self, key: u32, len: usize, config: &Config, whole: bool) {
        let (Some(stream), Some(seen)) = (self.streams.get_mut(&key), self.seen.get_mut(&key)) else { return };
        let data: Vec<u8> = (seen.written..).take(len).map(|at| content(seen.id, self.dialer, at)).collect();
        let (window, before) = (stream.send_window() as usize, self.session.output().len());
        let may = stream.may_write() && !self.gone;
        let room = self.session.write_room(stream);
        let n = if whole {
            len * usize::from(self.session.write_whole(stream, &data))
        } else {
            self.session.write(stream, &data)
        };
        if !may {
            assert_eq!(n, 0);
        } else if whole {
            assert_eq!(n, if len > window { 0 } else { len });
        } else {
            assert!(n <= len.min(window));
            let most = match self.session.pressure() {
                Pressure::None => config.max_output,
                Pressure::Output | Pressure::All | _ => config.max_output.min(4 * 1024),
            };
            assert!(n == len.min(window) || before + n >= most, "short for no reason");
            assert!(n == room.min(len), "as much as it said: {n} of {room}");
            seen.short |= n < len;
        }
        assert_eq!(stream.send_window() as usize, window - n);
        seen.written += n as u64;
    }

    fn finish(&mut self, key: u32) {
        let (Some(stream), Some(seen)) = (self.streams.get_mut(&key), self.seen.get_mut(&key)) else { return };
        seen.finished |= stream.may_write();
        self.session.finish(stream);
        assert!(!stream.may_write());
    }

    fn reset(&mut self, key: u32) {
        let (Some(stream), Some(seen)) = (self.streams.get_mut(&key), self.seen.get_mut(&key)) else { return };
        seen.reset_by_us |= !stream.is_over();
        let before = self.session.output().len();
        let is_over = stream.is_over();
        self.session.reset(stream);
        if !self.gone && !is_over && self.session.output().len() == before {
            self.early -= 1;
        }
        assert!(stream.is_over());
    }

    fn transmit(&mut self) {
        check_flags(self.session.output());
        self.session.take_output(&mut self.pipe);
        assert!(self.session.output().is_empty());
    }

    fn acknowledge(&mut self, key: u32) {
        let (Some(stream), Some(seen)) = (self.streams.get_mut(&key), self.seen.get_mut(&key)) else { return };
        seen.acknowledged = true;
        self.session.acknowledge(stream);
    }

    fn flush(&mut self, key: u32) {
        if let Some(stream) = self.streams.get_mut(&key) {
            self.session.flush(stream);
        }
    }
}

/// Asserts that each frame is right for a peer that handles flags before payload, or only one flag of a frame.
fn check_flags(mut rest: &[u8]) {
    while let Some((header, behind)) = rest.split_first_chunk::<12>() {
        let (kind, flags) = (header[1], u16::from_be_bytes([header[2], header[3]]));
        let length = u32::from_be_bytes(header[8..].try_into().unwrap());
        match flags {
            0..=2 => {}
            4 => assert_eq!((kind, length), (0, 0), "FIN has a frame of its own"),
            8 => assert_eq!((kind, length), (1, 0), "RST has a frame of its own"),
            _ => panic!("a frame carries one flag: {header:?}"),
        }
        rest = &behind[if kind == 0 { length as usize } else { 0 }..];
    }
    assert_eq!(rest, b"", "whole frames");
}

/// Both ends, and what holds between them.
struct Pair {
    config: Config,
    sides: [Side; 2],
    has_grown: bool,
}

fn pair(choice: u8, bytes: &[u8]) -> bool {
    let config = match choice % 4 {
        0 => Config::default(),
        1 => with(Config::default(), |config| {
            config.max_frame = 7;
            config.max_output = 100;
            config.ack_backlog = 2;
            config.early_streams = 1;
            config.max_control = 60;
        }),
        2 => with(Config::default(), |config| {
            config.max_receive_window = 3 * INITIAL_WINDOW;
            config.max_window_growth = INITIAL_WINDOW;
        }),
        _ => with(Config::default(), |config| {
            config.receive_window = INITIAL_WINDOW + 1000;
            config.max_frame = 1000;
            config.ack_backlog = 8;
        }),
    };
    let smaller = [0, 1, 2, 3, 100, 5_000, 65_536, INITIAL_WINDOW - 1];
    let receive_window = match choice {
        0..128 => config.receive_window,
        _ => smaller[usize::from(choice / 4) % smaller.len()],
    };
    let config = with(config, |config| config.receive_window = receive_window);
    let sides = [Role::Dialer, Role::Listener].map(|role| Side::new(role, &config));
    let mut pair = Pair { config, sides, has_grown: false };
    let mut input = Input(bytes);
    let mut work = 0;
    // What one input may cost is bounded, in calls and in bytes.
    while !input.0.is_empty() && work < 1 << 20 {
        work += pair.act(&mut input) + 64;
    }
    pair.settle();
    pair.has_grown
}

impl Pair {
    fn act(&mut self, input: &mut Input<'_>) -> usize {
        let op = input.byte();
        let me = usize::from(op & 1);
        let side = &mut self.sides[me];
        let key = match op >> 1 {
            0..8 => 0,
            _ => match input.pick(side.streams.keys()) {
                Some(key) => *key,
                None => return 0,
            },
        };
        match op >> 1 {
            0 => side.open(&self.config),
            1 | 2 => side.transmit(),
            3 => self.written(me),
            4 => {
                let n = input.length();
                self.deliver(me, n, input);
                return n;
            }
            5 => self.deliver(me, usize::MAX, input),
            6 => {
                let opaque = u32::from(input.byte());
                side.pings.push(opaque);
                side.session.ping(opaque);
            }
            7 => {
                // Rarely, since little happens afterwards.
                if input.byte() == 0xA5 {
                    side.session.go_away(0);
                    side.gone = true;
                    assert_eq!(side.session.can_open(), Err(OpenError::GoneAway));
                }
            }
            8..32 => {
                let n = input.length();
                side.write(key, n, &self.config, false);
                return n;
            }
            32..34 => {
                let n = input.length();
                side.write(key, n, &self.config, true);
                return n;
            }
            34..64 => {
                let n = input.length();
                self.read(me, key, n);
                return n;
            }
            64..74 => side.finish(key),
            74..78 => side.reset(key),
            78..88 => side.acknowledge(key),
            88..98 => side.flush(key),
            98..101 => {
                let (Some(stream), Some(seen)) = (side.streams.get_mut(&key), side.seen.get_mut(&key)) else {
                    return 0;
                };
                seen.discarding = true;
                side.session.discard(stream);
                assert!(stream.unread().is_empty());
            }
            101..110 => {
                // As an owner does: not before its end has been told.
                let (stream, seen) = (&side.streams[&key], side.seen.get_mut(&key).unwrap());
                let told = seen.fin_told || seen.reset_by_us || seen.reset_by_peer;
                if told && stream.is_over() && seen.discarding {
                    seen.ended = stream.is_remote_finished();
                    side.streams.remove(&key);
                }
            }
            110..112 => side.session.release(),
            114 => {
                let pressure = [Pressure::None, Pressure::Output, Pressure::All][usize::from(input.byte() % 3)];
                side.session.set_pressure(&mut side.streams, pressure);
                assert!(pressure == Pressure::All || !side.session.withholds());
            }
            112..114 => {
                self.calm();
                self.windows_add_up();
            }
            _ => {
                let n = input.length();
                self.deliver(me, n, input);
                return n;
            }
        }
        0
    }

    /// Bytes from `me` arrive at the other.
    fn deliver(&mut self, me: usize, n: usize, input: &mut Input<'_>) {
        let n = n.min(self.sides[me].pipe.len());
        let bytes: Vec<u8> = self.sides[me].pipe.drain(..n).collect();
        let other = &mut self.sides[1 - me];
        other.heard += bytes.len();
        other.has_heard = other.heard >= 12;
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let side = &mut self.sides[1 - me];
            let (consumed, fact) = side.session.receive(&mut side.streams, rest).expect("both are honest");
            assert!(fact.is_some() || consumed == rest.len());
            rest = &rest[consumed..];
            if let Some(fact) = fact {
                self.told(1 - me, fact, input);
            }
        }
    }

    fn written(&mut self, me: usize) {
        loop {
            let side = &mut self.sides[me];
            let Some(fact) = side.session.written(&mut side.streams) else { return };
            self.told(me, fact, &mut Input(&[]));
        }
    }

    fn told(&mut self, me: usize, fact: Fact<u32>, input: &mut Input<'_>) {
        let [a, b] = &mut self.sides;
        let (side, other) = if me == 0 { (a, &*b) } else { (b, &*a) };
        match fact {
            Fact::Inbound if input.byte() % 16 == 15 => {
                side.session.refuse();
                let id = other.seen.values().map(|seen| seen.id).filter(|id| !side.keys.contains_key(id));
                // Which one it is cannot be asked; it is one of those that were opened and have not been seen.
                side.refused.extend(id);
            }
            Fact::Inbound => {
                let key = side.fresh();
                let stream = side.session.accept(key).unwrap();
                let id = stream.wire_id();
                assert!(other.keys.contains_key(&id), "the peer has opened it");
                assert!(side.keys.insert(id, key).is_none(), "once");
                side.streams.insert(key, stream);
                side.seen.insert(key, Seen { id, ..Seen::default() });
            }
            Fact::Readable(key) => {
                let (stream, seen) = (&side.streams[&key], &side.seen[&key]);
                assert!(!stream.unread().is_empty() || stream.is_remote_finished());
                assert!(!seen.discarding || stream.is_remote_finished());
            }
            Fact::Writable(key) => {
                let seen = side.seen.get_mut(&key).unwrap();
                assert!(seen.short, "no write was short");
                seen.short = false;
                assert!(side.streams[&key].may_write() && side.streams[&key].send_window() > 0);
            }
            Fact::Window(key) => {
                // Where the window is greater than every peer assumes, the first frame says so.
                let theirs = other.by_id(side.seen[&key].id).expect("it is open there, too");
                let is_great = other.streams.values().any(|stream| stream.receive_window() > 256 * 1024);
                assert!(theirs.read > 0 || theirs.discarding || is_great, "what has been read was granted");
            }
            Fact::FinSent(key) => {
                let seen = side.seen.get_mut(&key).unwrap();
                assert!(seen.finished && !seen.fin_told && !seen.reset_by_us && !seen.reset_by_peer);
                seen.fin_told = true;
            }
            Fact::Reset(key) => {
                let seen = side.seen.get_mut(&key).unwrap();
                assert!(!seen.reset_by_us && !seen.reset_by_peer);
                seen.reset_by_peer = true;
                assert!(side.streams[&key].is_over() && side.streams[&key].is_reset());
                match other.by_id(seen.id) {
                    Some(theirs) => {
                        assert!(theirs.reset_by_us);
                        let arrived = seen.read + side.streams[&key].unread().len() as u64;
                        assert!(seen.discarding || arrived == theirs.written, "all that was written came before");
                    }
                    None => assert!(other.refused.contains(&seen.id)),
                }
            }
            Fact::Acknowledged(key) => {
                let seen = side.seen.get_mut(&key).unwrap();
                assert!(!seen.acknowledgement_told);
                seen.acknowledgement_told = true;
                assert!(other.by_id(seen.id).unwrap().acknowledged);
            }
            Fact::Pong(opaque) => assert!(side.pings.contains(&opaque)),
            Fact::GoAway(code) => assert!(code == 0 && other.gone),
            Fact::Heard => assert_eq!(side.early, self.config.early_streams),
        }
    }

    fn read(&mut self, me: usize, key: u32, n: usize) -> ReadOutcome {
        let [a, b] = &mut self.sides;
        let (side, other) = if me == 0 { (a, &*b) } else { (b, &*a) };
        let (stream, seen) = (side.streams.get_mut(&key).unwrap(), side.seen.get_mut(&key).unwrap());
        let theirs = other.by_id(seen.id);
        let mut buf = vec![0; n];
        let window = stream.receive_window();
        let read = side.session.read(stream, &mut buf);
        let has_grown = stream.receive_window() > window;
        assert!(!has_grown || side.session.pressure() != Pressure::All, "no window grows while memory is scarce");
        self.has_grown |= has_grown;
        // What is held is what the buffers take, and these take no more than their windows.
        assert_eq!(side.session.unread_held(), side.streams.values().map(Stream::held).sum::<usize>());
        let windows = |stream: &Stream| (stream.receive_window().max(INITIAL_WINDOW) as usize).max(64);
        assert!(side.streams.values().all(|stream| stream.held() <= windows(stream)));
        assert!(side.streams.values().all(|stream| stream.held() >= stream.unread().len()));
        match read {
            ReadOutcome::Bytes(n) => {
                for (at, byte) in (seen.read..).zip(&buf[..n]) {
                    assert_eq!(*byte, content(seen.id, !side.dialer, at), "the bytes are right");
                }
                seen.read += n as u64;
                assert!(seen.read <= theirs.unwrap().written);
            }
            ReadOutcome::Blocked => {}
            ReadOutcome::End => {
                let theirs = theirs.unwrap();
                assert!(theirs.finished && (seen.discarding || seen.read == theirs.written), "it is the end");
                seen.ended = true;
            }
            ReadOutcome::Reset => assert!(seen.reset_by_us || seen.reset_by_peer),
        }
        read
    }
}
