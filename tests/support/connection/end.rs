//! [`End`]: one connection, its owner, and what that one has seen of each stream.

use super::super::input::Input as Decisions;
use super::seen::{Seen, State, content};
use std::collections::{BTreeMap, VecDeque};
use std::sync::LazyLock;
use std::time::Duration;
use swarm_notify::connection::yamux::Pressure;
use swarm_notify::connection::{
    Config, Connection, Environment, Fact, Input, Now, Protocol, Rate, ReadError, Role, Scratch, Stream, Streams,
    WriteError, noise, yamux,
};
use swarm_notify::identity::{Keypair, PeerId};
use swarm_notify::lifecycle::{ConnectionId, Direction, Failure, Lifecycle, Limits, StreamEnd, StreamId};

/// How many streams each end may open in one run: half of what each speaks has a number of its own.
pub(super) const STREAMS: u8 = 24;

/// What both speak: a protocol for each stream, so that the two ends of it find each other.
static PROTOCOLS: LazyLock<Vec<Protocol>> =
    LazyLock::new(|| (0..2 * STREAMS).map(|n| Protocol::new(format!("/{n}")).unwrap()).collect());
const UNKNOWN: Protocol = Protocol::from_static("/unknown");
const ALSO_UNKNOWN: Protocol = Protocol::from_static("/also/unknown");

/// The keys of either end, with the muxer named in the Noise handshake and without.
static KEYS: LazyLock<[[noise::Config; 2]; 2]> = LazyLock::new(|| {
    [1, 2].map(|key| {
        let identity = Keypair::ed25519_from_bytes([key; 32]).unwrap();
        [&[][..], &[yamux::PROTOCOL_NAME][..]].map(|muxers| noise::Config::new(&identity, [key; 32], muxers).unwrap())
    })
});

/// Why an end is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Why {
    Failed(swarm_notify::connection::Error),
    GoAway,
    Eof,
    CloseTimeout,
}

/// The streams of the peer's that have ended by a reset for which it is the reason.
#[derive(Default)]
pub(super) struct Resets {
    /// So many for certain, and so many if those that may have timed out have not.
    least: u32,
    pub(super) most: u32,
}

impl Resets {
    pub(super) const fn count(&mut self, is_certain: bool) {
        self.least += is_certain as u32;
        self.most += 1;
    }
}

/// What the peer may still open: a bucket of tokens, in nanoseconds.
pub(super) struct Tokens {
    level: u64,
    at: Duration,
}

impl Tokens {
    const fn full(rate: Rate) -> Self {
        Self { level: rate.burst as u64 * Self::each(rate), at: Duration::ZERO }
    }

    /// What one token costs.
    const fn each(rate: Rate) -> u64 {
        1_000_000_000 / rate.per_second as u64
    }

    /// Returns whether there is a token.
    fn has_one(&mut self, rate: Rate, now: Duration) -> bool {
        let passed = u64::try_from((now - self.at).as_nanos()).unwrap();
        self.level = Self::full(rate).level.min(self.level.saturating_add(passed));
        self.at = now;
        self.level >= Self::each(rate)
    }
}

/// One end.
pub(super) struct End {
    pub(super) connection: Connection,
    pub(super) streams: Streams,
    pub(super) config: Config,
    pub(super) now: Duration,
    ids: Lifecycle<64>,
    id: ConnectionId,
    scratch: Scratch,
    /// Commands take no time: what they begin counts from the next turn.
    untimed: bool,
    pub(super) seen: BTreeMap<StreamId, Seen>,
    pub(super) numbers: BTreeMap<u8, StreamId>,
    is_dialer: bool,
    opened: u8,
    pub(super) refused: usize,
    /// The number of streams that the peer began and that ended without an id.
    pub(super) unproposed: usize,
    /// The time at which the peer began the stream whose proposal has not come, if there is one. A peer sends its proposal
    /// with the stream's first frame, so there is at most one.
    pub(super) unproposed_since: Option<Duration>,
    pub(super) at_gate: bool,
    pub(super) is_open: bool,
    pub(super) closing: bool,
    /// The peer has sent go-away: what lives goes on.
    pub(super) left: bool,
    pub(super) over: Option<Why>,
    pub(super) resets: Resets,
    tokens: Tokens,
    /// Since when streams wait for a token with their proposals, in order. Where one is gone and nobody knows which, those
    /// that are left count as older than they are.
    waiting: VecDeque<Duration>,
    offers: usize,
    /// What is told comes of time that has passed, and not of what has arrived.
    pub(super) is_timeout: bool,
    /// What was transmitted and has not been written: `batch[written..]`, if there is a batch.
    batch: Vec<u8>,
    written: usize,
    has_batch: bool,
    /// What was written and has not arrived; whether nothing will follow.
    pub(super) wire: Vec<u8>,
    pub(super) wire_ended: bool,
}

/// What the connection works with; a macro, so that the fields are borrowed one by one.
macro_rules! turn {
    ($end:expr) => {
        turn!($end, $end.now)
    };
    ($end:expr, $now:expr) => {
        Environment {
            streams: &mut $end.streams,
            protocols: &PROTOCOLS,
            config: &$end.config,
            now: $now.into(),
            scratch: &mut $end.scratch,
        }
    };
}

// Behind the macro, which it uses.
mod stream_commands;

impl End {
    pub(super) fn new(role: Role, is_early: bool, expected: Option<PeerId>, config: Config, untimed: bool) -> Self {
        let which = usize::from(role == Role::Listener);
        let noise = &KEYS[which][usize::from(is_early)];
        let seed = [which as u8 + 1; 32];
        let connection = Connection::new(noise, role, seed, expected, &config, Duration::ZERO).unwrap();
        let mut ids = Lifecycle::new(Limits::default());
        let id = ids.begin_connection(Direction::Outbound).unwrap();
        ids.opened(id).unwrap();
        let tokens = Tokens::full(config.openings);
        Self {
            connection,
            streams: Streams::new(),
            config,
            now: Duration::ZERO,
            ids,
            id,
            scratch: Scratch::new(),
            untimed,
            seen: BTreeMap::new(),
            numbers: BTreeMap::new(),
            is_dialer: role == Role::Dialer,
            opened: 0,
            refused: 0,
            unproposed: 0,
            unproposed_since: None,
            resets: Resets::default(),
            tokens,
            waiting: VecDeque::new(),
            offers: 0,
            is_timeout: false,
            at_gate: false,
            is_open: false,
            closing: false,
            left: false,
            over: None,
            batch: Vec::new(),
            written: 0,
            has_batch: false,
            wire: Vec::new(),
            wire_ended: false,
        }
    }

    pub(super) fn peer_of(which: usize) -> PeerId {
        KEYS[which][0].peer()
    }

    pub(super) fn by_number(&self, number: u8) -> Option<&Seen> {
        self.numbers.get(&number).map(|id| &self.seen[id])
    }

    fn command_time(&self) -> Now {
        if self.untimed { Now::Untimed } else { self.now.into() }
    }

    /// A turn begins: what commands have begun counts from now.
    fn count(&mut self) {
        self.connection.count_from(&mut turn!(self));
    }

    /// The owner lets go of it: what is due is sent, and then its side of the pipe ends.
    pub(super) fn ends(&mut self, why: Why) {
        self.over = Some(why);
        if !self.has_batch && self.connection.transmit(&mut self.batch).is_ok() {
            self.wire.append(&mut self.batch);
        }
        self.wire_ended = true;
        self.at_gate = false;
        for seen in self.seen.values_mut().filter(|seen| seen.state != State::Over) {
            seen.state = State::Over;
        }
    }

    /// Ends it if the peer has left and nothing lives any more.
    pub(super) fn end_if_spent(&mut self) {
        assert!(self.left || self.over.is_some() || !self.connection.is_spent(), "nobody has left");
        if self.over.is_none() && self.connection.is_spent() {
            assert!(self.seen.values().all(|seen| seen.state == State::Over), "something lives");
            self.ends(Why::GoAway);
        }
    }

    /// Whether something is being written.
    pub(super) fn has_batch(&self) -> bool {
        self.has_batch && self.over.is_none()
    }

    /// Takes a batch to write, if there is none and something is due.
    pub(super) fn say(&mut self) {
        if self.over.is_some() || self.has_batch || !self.connection.is_due() {
            return;
        }
        self.count();
        (self.has_batch, self.written) = (true, 0);
        if let Err(error) = self.connection.transmit(&mut self.batch) {
            self.ends(Why::Failed(error));
        }
        assert!(self.over.is_some() || !self.batch.is_empty(), "something was due");
    }

    /// The byte pipe takes so much. `true`: that was the last of the batch.
    pub(super) fn push(&mut self, n: usize) -> bool {
        if !self.has_batch || self.over.is_some() {
            return false;
        }
        let end = self.batch.len().min(self.written.saturating_add(n));
        self.wire.extend_from_slice(&self.batch[self.written..end]);
        self.written = end;
        if end == self.batch.len() {
            self.batch.clear();
            self.has_batch = false;
        }
        !self.has_batch
    }

    pub(super) fn written(&mut self) -> Option<Fact> {
        self.connection.written(&mut turn!(self))
    }

    /// Reads some of `bytes`, and gives how many.
    pub(super) fn hear(&mut self, input: &mut Input, bytes: &[u8]) -> usize {
        self.count();
        self.connection.begin_input(input);
        let n = input.fill(bytes);
        assert!(n > 0 || bytes.is_empty() || self.at_gate, "there is space for what is wanted");
        n
    }

    pub(super) fn understand(&mut self, input: &mut Input) -> Option<Fact> {
        let fact = self.connection.receive(input, &mut turn!(self));
        let (without_id, waiting) = (self.connection.streams_without_id(), self.connection.streams_waiting());
        assert!(without_id + self.backlog() <= self.config.inbound_backlog as usize, "no more may wait");
        self.is_timeout = false;
        // The proposal comes with the stream, so that only one that waits can be reset before it is offered.
        let is_lost = fact == Some(Fact::StreamUnproposed);
        while self.waiting.len() < waiting + usize::from(is_lost) {
            self.waiting.push_back(self.unproposed_since.take().unwrap_or(self.now));
        }
        if is_lost {
            self.waiting.pop_back();
        }
        assert!(without_id <= 1 + waiting, "all but the last proposal have come as a whole");
        if without_id == 1 + waiting {
            self.unproposed_since.get_or_insert(self.now);
        }
        fact
    }

    /// A stream without an id has timed out. Returns the least time at which it began.
    pub(super) fn timed_out(&mut self, was_waiting: bool) -> Duration {
        let since = if was_waiting { self.waiting.pop_front() } else { self.unproposed_since.take() };
        since.expect("it began")
    }

    /// Nobody waits who has a token, and nobody has waited who is gone.
    pub(super) fn check_tokens(&mut self) {
        if self.over.is_none() {
            let waiting = self.connection.streams_waiting();
            assert_eq!(waiting, self.waiting.len());
            assert!(waiting == 0 || !self.tokens.has_one(self.config.openings, self.now), "it has a token");
        }
    }

    /// The number of inbound streams that have an id and are not open.
    pub(super) fn backlog(&self) -> usize {
        let waits = |seen: &&Seen| !seen.is_outbound && matches!(seen.state, State::Opening | State::ReadyToOpen);
        self.seen.values().filter(waits).count()
    }

    pub(super) fn set_pressure(&mut self, number: usize) {
        let pressure = [Pressure::None, Pressure::Output, Pressure::All][number];
        self.connection.set_pressure(pressure, &mut turn!(self));
        assert!(pressure == Pressure::All || !self.connection.withholds());
    }

    /// What is held of streams is what their buffers take up, those that have broken off with their connection too.
    pub(super) fn check_held(&self) {
        let of_streams: usize = self.streams.iter().map(|(_, stream)| stream.bytes_held()).sum();
        assert_eq!(self.connection.unread_held(), of_streams + self.connection.unread_held_without_id());
        assert!(self.connection.bytes_held() >= of_streams);
    }

    /// No more of the peer's streams are reset than its budget allows, and the one for which the connection ends next.
    pub(super) fn check_resets(&self) {
        let rate = self.config.resets;
        let earned = self.now.as_secs() * u64::from(rate.per_second);
        assert!(u64::from(self.resets.least) <= u64::from(rate.burst) + earned + 1, "it floods");
    }

    pub(super) fn timeout(&mut self) -> Option<Fact> {
        self.is_timeout = true;
        self.connection.handle_timeout(&mut turn!(self))
    }

    pub(super) fn poll_at(&self) -> Option<Duration> {
        self.connection.poll_at(&self.streams, &self.config)
    }

    pub(super) fn time(&mut self, now: Duration) {
        self.count();
        self.now = now;
    }

    /// The peer proposes a protocol on a new stream. The fact is what its first proposals come to.
    pub(super) fn offered(&mut self, decisions: &mut Decisions<'_>) -> Option<Fact> {
        assert!(self.tokens.has_one(self.config.openings, self.now), "the peer opens more than it may");
        self.tokens.level -= Tokens::each(self.config.openings);
        assert!(self.is_timeout || self.waiting.is_empty(), "others wait");
        let since = if self.is_timeout { self.waiting.pop_front() } else { self.unproposed_since.take() };
        let began = since.unwrap_or(self.now);
        self.offers += 1;
        if self.closing || decisions.once_in(16) {
            self.refused += 1;
            // It has taken no token.
            self.tokens.level += Tokens::each(self.config.openings);
            self.connection.refuse_stream(&mut turn!(self));
            return None;
        }
        let id = self.ids.begin_stream(self.id, Direction::Inbound).unwrap();
        self.streams.insert(id, Stream::inbound());
        self.seen.insert(id, Seen { order: self.offers, ..Seen::new(None, false, true, began) });
        self.connection.accept_stream(id, &mut turn!(self))
    }

    /// What the peer has begun, and what of it this end has heard, as it should be.
    pub(super) fn heard_of(&self) -> usize {
        let with_id = self.seen.values().filter(|seen| !seen.is_outbound).count();
        with_id + self.refused + self.unproposed + self.connection.streams_without_id()
    }

    pub(super) fn opened(&self) -> usize {
        usize::from(self.opened)
    }

    /// Gives permission to open the connection. The error is what it breaks of.
    pub(super) fn permit(&mut self) {
        self.at_gate = false;
        match self.connection.open(&self.config, self.now) {
            Ok(open) => self.is_open = open,
            Err(error) => self.ends(Why::Failed(error)),
        }
    }

    pub(super) fn close(&mut self) {
        if self.is_open && self.over.is_none() {
            self.closing = true;
            let now = self.command_time();
            self.connection.close(&self.config, now);
        }
    }
}
