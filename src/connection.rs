//! One connection, sans-IO: bytes in, bytes out. Noise, multistream-select and yamux, each a step of its own.
//!
//! A [`Connection`] has no socket, no clock and no randomness. Its owner hands in what it has read, what time it is,
//! and the seed of its ephemeral key; it writes what [`transmit`](Connection::transmit) gives, and calls
//! [`handle_timeout`](Connection::handle_timeout) when [`poll_at`](Connection::poll_at) has come. The streams are the
//! owner's, too, in a [`Streams`] table, so that those of all connections share one arena.
//!
//! What happens is said one [`Fact`] at a time, and nothing is queued here: an owner that handles each fact before it
//! asks for the next has always seen the whole truth. Two kinds of fact ask for leave: what is [`Fact::Ready`] or
//! [`Fact::StreamReady`] is agreed with the peer, but neither told to it nor open until the owner says
//! [`open`](Connection::open) or [`confirm_stream`](Connection::confirm_stream). Deadlines stand still meanwhile.
//!
//! ```text
//!  bytes read ─▶ receive ─▶ noise ─▶ yamux ─▶ streams ─▶ Fact
//!                              (multistream-select before either, and on each stream)
//!  bytes to write ◀─ transmit ◀─ noise ◀─ yamux ◀─ write, finish, reset, …
//! ```

mod config;
mod error;
mod handshake;
mod input;
pub mod multistream;
mod negotiate;
pub mod noise;
mod queue;
mod role;
mod scratch;
mod stream;
mod timers;
mod work;
pub mod yamux;

pub use config::Config;
pub use error::Error;
pub use input::Input;
pub use multistream::Protocol;
pub use role::Role;
pub use scratch::Scratch;
pub use stream::{Stream, Streams};
pub use work::{ReadError, WriteError};

use crate::lifecycle::{Failure, StreamEnd, StreamId};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use handshake::{Handshake, Opening};
use input::Kept;
use libp2p_identity::PeerId;
use queue::Queues;
use timers::{Due, Timers};
use yamux::Session;

/// How much a connection that waits for leave to open keeps of what its peer sends already.
const KEPT_AT_GATE: usize = 64 * 1024;

/// The time of what an owner does between two polls, when it does not look at its clock: what begins then counts from
/// the next [`Connection::count_from`].
pub const UNTIMED: Duration = Duration::MAX;

/// One connection, from its first raw byte to its last.
#[derive(Debug)]
pub struct Connection {
    role: Role,
    phase: Phase,
    /// What the handshake has to say.
    out: Vec<u8>,
    kept: Kept,
    timers: Timers,
    queues: Queues,
    /// Outbound streams for which yamux, or the output, has no place yet, oldest first.
    queued: VecDeque<StreamId>,
    /// Inbound streams that are not open yet.
    backlog: u32,
    /// Streams whose end has not been told.
    live: u32,
    /// Something has begun that counts from the next poll.
    is_untimed: bool,
}

#[derive(Debug)]
enum Phase {
    Handshake(Box<Handshake>),
    Open(Box<Open>),
    /// It broke: nothing more is understood or said.
    Over,
}

/// An open connection: what is encrypted is what the session says.
#[derive(Debug)]
struct Open {
    noise: noise::Transport,
    session: Session<StreamId>,
    peer: PeerId,
}

/// What a connection works with in one turn: its owner's things, borrowed.
#[derive(Debug)]
pub struct Turn<'a> {
    /// The streams of all connections of the owner.
    pub streams: &'a mut Streams,
    /// The protocols that inbound streams may choose from.
    pub protocols: &'a [Protocol],
    /// Bounds and time-outs.
    pub config: &'a Config,
    /// The time, on the owner's clock, which must not go backwards; or [`UNTIMED`].
    pub now: Duration,
    /// Memory to work with; what is in it means nothing.
    pub scratch: &'a mut Scratch,
}

/// What happened on a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fact {
    /// The connection waits for leave: [`Connection::open`]. It may say so twice, since a dialer's last message has to
    /// be sent, and its muxer be agreed, in between.
    Ready,
    /// The peer begins a stream. The next call must be [`Connection::accept_stream`] or
    /// [`Connection::refuse_stream`].
    StreamOffered,
    /// A stream's protocol is agreed. It waits for leave: [`Connection::confirm_stream`].
    StreamReady(StreamId),
    /// A stream that was not open ended.
    StreamFailed(StreamId, Failure),
    /// A stream that was open ended.
    StreamEnded(StreamId, StreamEnd),
    /// Something is to be read from an open stream.
    Readable(StreamId),
    /// After a short write, more can be written.
    Writable(StreamId),
    /// The peer ends the connection, with yamux's code.
    GoAway(u32),
    /// The connection has had no stream for [`Config::idle_timeout`].
    Idle,
    /// A polite close has taken [`Config::close_timeout`].
    CloseTimeout,
    /// The connection broke. What is due (yamux's go-away) can still be transmitted; nothing else will come.
    Failed(Error),
}

impl Connection {
    /// Begins a connection on a fresh byte pipe. `seed` must be fresh randomness: it is the ephemeral key. A dialer
    /// that `expected` a peer accepts no other.
    ///
    /// # Errors
    /// [`Error::Noise`] if the handshake cannot begin.
    pub fn new(
        noise: &noise::Config,
        role: Role,
        seed: [u8; 32],
        expected: Option<PeerId>,
        config: &Config,
        now: Duration,
    ) -> Result<Self, Error> {
        let mut out = Vec::new();
        let handshake = Handshake::new(noise, role, seed, expected, &mut out)?;
        Ok(Self {
            role,
            phase: Phase::Handshake(Box::new(handshake)),
            out,
            kept: Kept::default(),
            timers: Timers::new(config, now),
            queues: Queues::new(),
            queued: VecDeque::new(),
            backlog: 0,
            live: 0,
            is_untimed: false,
        })
    }

    /// Who the peer is, as soon as it is authenticated.
    #[must_use]
    pub fn peer(&self) -> Option<PeerId> {
        match &self.phase {
            Phase::Handshake(handshake) => handshake.remote().map(|remote| remote.peer),
            Phase::Open(open) => Some(open.peer),
            Phase::Over => None,
        }
    }

    /// Whether it is worth reading from the byte pipe: not while the peer does not read what it makes us say, nor
    /// when enough has come for a connection that waits for leave to open.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        match &self.phase {
            Phase::Handshake(_) => self.kept.len() < KEPT_AT_GATE,
            Phase::Open(open) => !open.session.is_clogged(),
            Phase::Over => false,
        }
    }

    /// Makes `input` this connection's, before bytes are read into it.
    pub fn begin_input(&mut self, input: &mut Input) {
        input.begin(&mut self.kept);
    }

    /// Decodes `input` up to the next fact. `None`: all of it has been decoded or is kept; read again.
    #[must_use]
    pub fn receive(&mut self, input: &mut Input, turn: &mut Turn<'_>) -> Option<Fact> {
        if input.take_fresh() {
            self.timers.heard(turn.now);
        }
        let fact = match &mut self.phase {
            Phase::Handshake(handshake) if handshake.is_at_gate() => None,
            Phase::Handshake(handshake) => match handshake.receive(input, &mut self.out) {
                Ok(true) => {
                    self.timers.pause(turn.now);
                    Some(Fact::Ready)
                }
                Ok(false) => None,
                Err(error) => Some(self.broke(error)),
            },
            Phase::Open(_) => self.receive_frames(input, turn),
            Phase::Over => None,
        };
        if fact.is_none() {
            input.end(&mut self.kept);
        }
        fact
    }

    fn receive_frames(&mut self, input: &mut Input, turn: &mut Turn<'_>) -> Option<Fact> {
        loop {
            let Phase::Open(open) = &mut self.phase else { return None };
            if input.plain().is_empty() {
                match input.decrypt(&mut open.noise) {
                    Ok(true) => continue,
                    Ok(false) => return None,
                    Err(error) => return Some(self.broke(error.into())),
                }
            }
            match open.session.receive_with(turn.streams, input.plain(), &mut turn.scratch.spares) {
                Ok((consumed, said)) => {
                    input.consume_plain(consumed);
                    if let Some(fact) = said.and_then(|said| self.understand(said, turn)) {
                        return Some(fact);
                    }
                }
                // The session has its go-away ready to be sent, so the phase stays.
                Err(violation) => {
                    input.consume_plain(input.plain().len());
                    return Some(Fact::Failed(violation.into()));
                }
            }
        }
    }

    /// Leave to open. `true`: the connection is open now. `false`: its last message has to be sent, or answered, and
    /// another [`Fact::Ready`] follows.
    ///
    /// # Errors
    /// The connection broke.
    pub fn open(&mut self, config: &Config, now: Duration) -> Result<bool, Error> {
        let Phase::Handshake(handshake) = &mut self.phase else { return Ok(matches!(self.phase, Phase::Open(_))) };
        match handshake.open(&mut self.out) {
            Err(error) => {
                self.broke(error);
                Err(error)
            }
            Ok(Opening::GoesOn) => {
                self.timers.resume(now);
                Ok(false)
            }
            Ok(Opening::Opened(secured)) => {
                let session = Session::new(self.role, &config.yamux);
                self.timers.opened(now);
                self.phase =
                    Phase::Open(Box::new(Open { noise: secured.transport, session, peer: secured.remote.peer }));
                Ok(true)
            }
        }
    }

    /// Whether [`transmit`](Self::transmit) would append something.
    #[must_use]
    pub fn is_due(&self) -> bool {
        let said = match &self.phase {
            Phase::Open(open) => !open.session.output().is_empty(),
            Phase::Handshake(_) | Phase::Over => false,
        };
        said || !self.out.is_empty()
    }

    /// Appends everything that is due to `out`, as one run of bytes in as few Noise messages as fit. Once all of it
    /// has been written, call [`written`](Self::written); call this no second time before.
    ///
    /// # Errors
    /// The connection broke.
    pub fn transmit(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        if !self.out.is_empty() {
            out.append(&mut self.out);
            self.out = Vec::new();
        }
        if let Phase::Open(open) = &mut self.phase {
            let sealed = open.noise.seal(open.session.output(), out);
            open.session.output_taken();
            if let Err(error) = sealed {
                self.broke(error.into());
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// All that was transmitted has been written to the byte pipe. Call it until it has nothing more to say.
    #[must_use]
    pub fn written(&mut self, turn: &mut Turn<'_>) -> Option<Fact> {
        match &mut self.phase {
            Phase::Handshake(handshake) => handshake.written().then(|| {
                self.timers.pause(turn.now);
                Fact::Ready
            }),
            Phase::Open(_) => loop {
                let Phase::Open(open) = &mut self.phase else { return None };
                let Some(said) = open.session.written(turn.streams) else {
                    self.open_queued(turn);
                    if let Phase::Open(open) = &mut self.phase {
                        open.session.give_output(&mut turn.scratch.output);
                    }
                    return None;
                };
                if let Some(fact) = self.understand(said, turn) {
                    return Some(fact);
                }
            },
            Phase::Over => None,
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called, if nothing happens before. It may change with
    /// every call of another method. Too early does no harm.
    #[must_use]
    pub fn poll_at(&self, streams: &Streams, config: &Config) -> Option<Duration> {
        let stream = self.queues.first(streams).map(|(deadline, _)| deadline);
        [self.timers.poll_at(config), stream].into_iter().flatten().min()
    }

    /// Says what has timed out by now, one fact a call, until there is nothing more.
    #[must_use]
    pub fn handle_timeout(&mut self, turn: &mut Turn<'_>) -> Option<Fact> {
        while let Some(due) = self.timers.take_due(turn.config, turn.now) {
            match due {
                Due::Handshake => return Some(self.broke(Error::HandshakeTimeout)),
                Due::Silence => return Some(self.broke(Error::Silence)),
                Due::Idle => return Some(Fact::Idle),
                Due::Close => return Some(Fact::CloseTimeout),
                Due::Ping => {
                    if let Phase::Open(open) = &mut self.phase {
                        open.session.ping(0);
                    }
                }
            }
        }
        let (_, id) = self.queues.first(turn.streams).filter(|(deadline, _)| *deadline <= turn.now)?;
        self.stream_timeout(id, turn)
    }

    /// Says what time it is for what has begun [`UNTIMED`].
    pub fn count_from(&mut self, turn: &mut Turn<'_>) {
        if core::mem::take(&mut self.is_untimed) {
            self.timers.count_from(turn.config, turn.now);
            self.queues.count_from(turn.streams, turn.config, turn.now);
        }
    }

    /// When something that begins now will have taken `time`.
    fn deadline(&mut self, now: Duration, time: Duration) -> Duration {
        self.is_untimed |= now == UNTIMED;
        now.saturating_add(time)
    }

    /// Closes politely: what has been written is still sent, with yamux's go-away as our last frame, and what the peer
    /// has sent is still read. The owner then ends its side of the byte pipe and waits for the peer's end, or for
    /// [`Fact::CloseTimeout`].
    pub fn close(&mut self, config: &Config, now: Duration) {
        if let Phase::Open(open) = &mut self.phase {
            open.session.go_away(0);
        }
        self.is_untimed |= now == UNTIMED;
        self.timers.closing(config, now);
    }

    fn broke(&mut self, error: Error) -> Fact {
        self.phase = Phase::Over;
        // A handshake that was not over in time does not end with our last message after all.
        self.out = Vec::new();
        Fact::Failed(error)
    }
}
