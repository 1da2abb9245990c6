//! One connection without I/O of its own (sans-IO): the owner hands in the bytes that have arrived, and gets back the bytes
//! to send. The steps of a connection are Noise, multistream-select and yamux, each usable by itself.
//!
//! A [`Connection`] has no socket, no clock and no randomness. Its owner hands in the bytes that it has read, the time, and
//! the seed of the ephemeral key. The owner writes the output of [`transmit`](Connection::transmit) to the byte pipe, and
//! calls [`handle_timeout`](Connection::handle_timeout) at the time that [`poll_at`](Connection::poll_at) returns. The
//! streams belong to the owner, too: they live in a [`Streams`] table, so that the streams of all connections share one
//! arena.
//!
//! A stream that the peer begins has no id, and no place in that table, until its first whole proposal has arrived: the
//! multistream-select header, and after it a line that names a protocol, supported or not. Until then the connection keeps
//! the stream in a table of its own that is bounded by [`Config::inbound_backlog`] and takes no memory while it is empty. A
//! whole proposal is reported as [`Fact::StreamOffered`]; a stream that ends before its proposal is whole is reported as
//! [`Fact::StreamUnproposed`]. A peer that opens streams faster than [`Config::openings`] allows is paced: the excess
//! streams wait in that table, with their proposals, until [`handle_timeout`](Connection::handle_timeout) offers them.
//!
//! A connection reports one [`Fact`] at a time and queues none, so that an owner that handles each fact before it asks for
//! the next one always knows the current state. A connection asks for its owner's permission in two places. At
//! [`Fact::ReadyToOpen`] and at [`Fact::StreamReadyToOpen`] the two sides have agreed, but we do not confirm the agreement
//! to the peer, and the connection or the stream is not open, until the owner calls [`open`](Connection::open) or
//! [`confirm_stream`](Connection::confirm_stream). While the connection or the stream waits for permission, the deadline of
//! its handshake or negotiation does not run.
//!
//! ```text
//!  bytes read ─▶ receive ─▶ noise ─▶ yamux ─▶ streams ─▶ Fact
//!                              (multistream-select before either, and on each stream)
//!  bytes to write ◀─ transmit ◀─ noise ◀─ yamux ◀─ write, finish, reset, …
//! ```
//!
//! The order of the steps is that of libp2p/specs, `connections/README.md`: the two sides first agree on `/noise`, and then
//! on the muxer. If both sides support it, they agree on the muxer inside the Noise handshake.
//!
//! For contributors: three files decide what a connection is made of. `connection/security.rs` names the security protocol,
//! Noise; `connection/muxer.rs` names the muxer, yamux; `swarm/pipe.rs` names the ordered byte pipe below them. No other
//! file names them, except for their errors and bounds (`error.rs`, `config.rs`). QUIC would replace the three together. A
//! QUIC endpoint reads the datagrams of many connections from one socket, so that no connection has a byte pipe. Our last
//! TLS message could be withheld until the owner's permission only together with our acknowledgements. QUIC's streams need
//! no yamux, and have neither yamux's acknowledgement of a stream nor its go-away. QUIC's resets carry a code of 62 bits,
//! for which an [`Event`](crate::lifecycle::Event) of 24 bytes has no room.
//!
//! The following example runs two ends until both are open, with a `Vec` for the wire between them:
//!
#![cfg_attr(feature = "rand", doc = "```")]
#![cfg_attr(not(feature = "rand"), doc = "```ignore")]
//! use core::time::Duration;
//! use swarm_notify::connection::{Config, Connection, Environment, Fact, Input, Role, Streams, noise, yamux};
//! use swarm_notify::keys;
//!
//! let (config, now) = (Config::default(), Duration::ZERO);
//! let connection = |role| -> Result<Connection, Box<dyn core::error::Error>> {
//!     let noise = noise::Config::new(&keys::generate()?, keys::seed()?, &[yamux::PROTOCOL_NAME])?;
//!     Ok(Connection::new(&noise, role, keys::seed()?, None, &config, now)?)
//! };
//! let mut ends = [connection(Role::Dialer)?, connection(Role::Listener)?];
//! let (mut input, mut streams, mut scratch) = (Input::new(), Streams::new(), Default::default());
//! let mut open = 0;
//! for end in (0..2).cycle().take(12) {
//!     let (streams, scratch) = (&mut streams, &mut scratch);
//!     let mut env = Environment { streams, protocols: &[], config: &config, now: now.into(), scratch };
//!     let mut wire = Vec::new(); // the bytes that one end sends …
//!     ends[end].transmit(&mut wire)?;
//!     while let Some(Fact::ReadyToOpen) = ends[end].written(&mut env) {
//!         open += usize::from(ends[end].open(&config, now)?);
//!     }
//!     let peer = &mut ends[1 - end];
//!     peer.begin_input(&mut input);
//!     input.fill(&wire); // … arrive at the other end
//!     while let Some(Fact::ReadyToOpen) = peer.receive(&mut input, &mut env) {
//!         open += usize::from(peer.open(&config, now)?);
//!         peer.begin_input(&mut input);
//!     }
//! }
//! assert_eq!(open, 2); // authenticated and multiplexed, with permission given each time
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! The following example runs one end against a peer that does not speak Noise. The first bytes on the wire are those of
//! multistream-select:
//!
#![cfg_attr(feature = "rand", doc = "```")]
#![cfg_attr(not(feature = "rand"), doc = "```ignore")]
//! use core::time::Duration;
//! use swarm_notify::connection::{Config, Connection, Environment, Error, Fact, Input, Role, Streams, noise, yamux};
//! use swarm_notify::keys;
//!
//! let (config, now) = (Config::default(), Duration::ZERO);
//! // Whoever knows the key or a seed can read and forge everything: take them from the system's randomness.
//! let noise = noise::Config::new(&keys::generate()?, keys::seed()?, &[yamux::PROTOCOL_NAME])?;
//! let mut connection = Connection::new(&noise, Role::Dialer, keys::seed()?, None, &config, now)?;
//! let (streams, scratch) = (&mut Streams::new(), &mut Default::default()); // shared by all your connections
//! let mut env = Environment { streams, protocols: &[], config: &config, now: now.into(), scratch };
//!
//! let (mut wire, mut input) = (Vec::new(), Input::new());
//! connection.transmit(&mut wire)?; // send these bytes
//! assert!(wire.starts_with(b"\x13/multistream/1.0.0\n\x07/noise\n"));
//! connection.begin_input(&mut input);
//! input.fill(b"\x13/multistream/1.0.0\n\x03na\n"); // the bytes that you have read
//! assert_eq!(connection.receive(&mut input, &mut env), Some(Fact::Failed(Error::Unsupported)));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

// In this module, nearly every number depends on bytes that a peer has sent, so the lints against arithmetic and indexing
// that could wrap or panic are switched on.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, clippy::indexing_slicing))]

mod bucket;
mod config;
mod environment;
mod error;
mod fact;
mod handshake;
mod input;
pub(crate) mod key;
mod memory;
#[cfg(all(test, target_os = "linux"))]
#[path = "../tests/support/memory_scan.rs"]
pub(crate) mod memory_scan;
pub mod multistream;
pub(crate) mod muxer;
mod muxer_facts;
mod negotiate;
pub mod noise;
mod now;
mod open_connection;
mod packed_peer;
mod packed_time;
mod receive;
mod round_trip;
pub(crate) mod security;
mod stream;
mod stream_deadlines;
mod stream_ops;
mod stream_steps;
mod timeouts;
mod timers;
mod transmit;
mod unnamed;
mod unnamed_facts;
#[cfg(test)]
#[path = "../tests/support/weak_keys.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
pub(crate) mod weak_keys;
pub mod yamux;

use crate::lifecycle::StreamId;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
#[cfg(feature = "protocols")]
pub(crate) use bucket::Bucket;
pub use bucket::Rate;
pub use config::{Config, Role};
use core::time::Duration;
pub use environment::{Environment, Scratch};
pub use error::{Error, Flood};
pub use fact::Fact;
#[cfg(feature = "swarm")]
pub(crate) use handshake::HandshakeStep;
use handshake::{ConnectionHandshake, Permitted};
pub use input::Input;
use input::Kept;
use libp2p_identity::PeerId;
pub use multistream::Protocol;
pub use now::Now;
use open_connection::OpenConnection;
#[cfg(feature = "swarm")]
pub(crate) use packed_peer::PackedPeer;
#[cfg(not(feature = "swarm"))]
use packed_peer::PackedPeer;
use round_trip::RoundTrip;
pub use stream::{ReadError, Stream, Streams, WriteError};
use stream_deadlines::StreamDeadlines;
use timers::ConnectionTimers;
#[cfg(feature = "swarm")]
pub(crate) use timers::IdleTimes;
use unnamed::Unnamed;
#[cfg(feature = "swarm")]
pub(crate) use unnamed::{MEMORY_OF_ONE as UNNAMED, UnnamedSlot};
use unnamed_facts::Offered;

/// The limit on the input that a connection keeps while it waits for its owner's permission to open, in bytes. A connection
/// that has kept this number of bytes or more asks its owner to read no more: see [`Connection::wants_input`].
const KEPT_UNTIL_OPEN: usize = 64 * 1024;

/// One connection, from its first raw byte to its last. See the [module](self) for how to drive it.
///
/// The connection is over once it has reported [`Fact::Failed`], or once a method has returned an [`Error`]. Output that is
/// pending then may still be transmitted; nothing else follows. The streams of the connection end with it, without a fact
/// for each stream.
#[derive(Debug)]
pub struct Connection {
    role: Role,
    phase: Phase,
    /// The pending output of the handshake.
    out: Vec<u8>,
    kept: Kept,
    timers: ConnectionTimers,
    round_trip: RoundTrip,
    stream_deadlines: StreamDeadlines,
    /// The outbound streams whose first frame has not been sent yet, because too many of our streams are unacknowledged or
    /// because the output has no room, oldest first.
    queued: VecDeque<StreamId>,
    /// The streams that the peer has begun and that have no id yet.
    unnamed: Unnamed,
    /// The location of the stream that the last [`Fact::StreamOffered`] reported, until the owner accepts or refuses that
    /// stream.
    offered: Option<Offered>,
    /// The number of inbound streams that are not open yet: both streams with an id and streams without one.
    backlog: u32,
    /// The number of streams whose end has not been reported yet: both streams with an id and streams without one.
    live: u32,
    /// The number of streams that wait for the owner's permission to open.
    ready_to_open: u32,
    /// `true` if data or a FIN of a stream has been added to the output and has not been written to the byte pipe
    /// completely.
    has_data_due: bool,
    /// The memory of the streams' receive buffers in bytes, once the connection is over. Before that, the muxer's session
    /// counts these bytes, and this field is 0.
    unread: usize,
    /// `true` if a deadline was started [untimed](Now::Untimed): the time of that deadline starts at the owner's next call
    /// of [`count_from`](Self::count_from).
    is_untimed: bool,
}

#[derive(Debug)]
enum Phase {
    Handshake(Box<ConnectionHandshake>),
    Open(Box<OpenConnection>),
    /// The connection broke: it decodes no more input and produces no more output. `found` is the peer that answered in
    /// place of the expected one; `paced` is the number of the peer's streams that have ever waited for a token of
    /// [`Config::openings`].
    Over {
        found: Option<Box<PeerId>>,
        paced: u32,
    },
}

impl Connection {
    /// Begins a connection on a fresh byte pipe. `seed` is the ephemeral key: it must be fresh randomness that is used for
    /// this connection alone. If `expected` is `Some`, no other peer is accepted. The time of [`Config::handshake_timeout`]
    /// starts at `now`.
    ///
    /// # Errors
    /// [`Error::Noise`] if the handshake cannot begin. No argument that a caller passes can cause this error.
    pub fn new(
        security: &security::Config,
        role: Role,
        seed: [u8; 32],
        expected: Option<PeerId>,
        config: &Config,
        now: Duration,
    ) -> Result<Self, Error> {
        let mut out = Vec::new();
        let handshake = ConnectionHandshake::new(security, role, seed, expected, &mut out)?;
        Ok(Self {
            role,
            phase: Phase::Handshake(Box::new(handshake)),
            out,
            kept: Kept::default(),
            timers: ConnectionTimers::new(config, now),
            round_trip: RoundTrip::new(),
            stream_deadlines: StreamDeadlines::new(),
            queued: VecDeque::new(),
            unnamed: Unnamed::new(),
            offered: None,
            backlog: 0,
            live: 0,
            ready_to_open: 0,
            has_data_due: false,
            unread: 0,
            is_untimed: false,
        })
    }

    /// Returns the id of the peer, from the peer's authentication until the connection is over. The id may be our own: a
    /// swarm refuses such a connection at the first [`Fact::ReadyToOpen`].
    #[must_use]
    pub fn peer(&self) -> Option<PeerId> {
        match &self.phase {
            Phase::Handshake(handshake) => handshake.remote().map(|remote| remote.peer),
            Phase::Open(open) => open.peer.and_then(PackedPeer::unpack),
            Phase::Over { .. } => None,
        }
    }

    /// Returns the peer that answered in place of the expected one, once the connection has failed with
    /// [`noise::Error::WrongPeer`]. That peer has proved its identity.
    #[must_use]
    pub fn wrong_peer(&self) -> Option<PeerId> {
        match &self.phase {
            Phase::Over { found, .. } => found.as_deref().copied(),
            Phase::Handshake(_) | Phase::Open(_) => None,
        }
    }

    /// Returns a hash of the Noise handshake's transcript, between the second and the third message. At that time the
    /// listener does not know its peer's id yet, and the hash identifies the connection at both ends.
    #[cfg(feature = "swarm")]
    pub(crate) fn transcript(&self) -> Option<[u8; 32]> {
        match &self.phase {
            Phase::Handshake(handshake) => handshake.transcript(),
            Phase::Open(_) | Phase::Over { .. } => None,
        }
    }

    /// Returns the step that the handshake of a listener has reached.
    #[cfg(feature = "swarm")]
    pub(crate) fn handshake_step(&self) -> HandshakeStep {
        match &self.phase {
            Phase::Handshake(handshake) => handshake.listener_step(),
            Phase::Open(_) => HandshakeStep::Authenticated,
            Phase::Over { .. } => HandshakeStep::Security,
        }
    }

    /// Gives the connection permission to open, after [`Fact::ReadyToOpen`].
    ///
    /// Returns `true` if the connection is open now; input that followed the handshake then waits to be
    /// [received](Self::receive). Returns `false` if our next message has to be written, or answered by the peer, before the
    /// connection opens; another [`Fact::ReadyToOpen`] follows. At any other time the call changes nothing and returns
    /// whether the connection is open.
    ///
    /// # Errors
    /// The error that broke the connection. The connection is over, and no [`Fact::Failed`] follows.
    pub fn open(&mut self, config: &Config, now: Duration) -> Result<bool, Error> {
        let Phase::Handshake(handshake) = &mut self.phase else { return Ok(matches!(self.phase, Phase::Open(_))) };
        match handshake.open(&mut self.out) {
            Err(error) => {
                self.fail(error);
                Err(error)
            }
            Ok(Permitted::GoesOn) => {
                self.timers.resume(now);
                Ok(false)
            }
            Ok(Permitted::Opened(secured, muxer)) => {
                let session = muxer.session(self.role, config);
                self.timers.opened(now);
                // The last message of the handshake gets no answer, so no round trip is measured from it.
                self.round_trip.forget();
                self.phase = Phase::Open(Box::new(OpenConnection::new(*secured, session)));
                Ok(true)
            }
        }
    }

    /// Returns the number of streams that the peer has begun and that have no id, because their proposal is not complete or
    /// because they are [paced](Self::streams_waiting). When the connection ends, these streams end with it, without a fact
    /// for each stream.
    #[must_use]
    pub fn streams_without_id(&self) -> usize {
        self.unnamed.len()
    }

    /// Returns the number of streams without an id that have a whole proposal and wait for a token, because the peer opens
    /// streams faster than [`Config::openings`] allows.
    #[must_use]
    pub fn streams_waiting(&self) -> usize {
        self.unnamed.waiting()
    }

    /// Returns the number of streams that have ever waited for a token of [`Config::openings`] on this connection. The count
    /// stops at [`u32::MAX`].
    #[must_use]
    pub const fn streams_paced(&self) -> u32 {
        match &self.phase {
            Phase::Handshake(_) => 0,
            Phase::Open(open) => open.paced,
            Phase::Over { paced, .. } => *paced,
        }
    }

    /// Returns whether the peer has sent go-away and no stream is left. Nothing more can happen on such a connection: its
    /// owner [closes](Self::close) the connection once no output [is pending](Self::is_due).
    #[must_use]
    pub const fn is_spent(&self) -> bool {
        match &self.phase {
            Phase::Open(open) => open.session.has_peer_gone_away() && self.live == 0,
            Phase::Handshake(_) | Phase::Over { .. } => false,
        }
    }

    /// Returns the latest known round-trip time, or `None` before the first answer. At first it is the time from our message
    /// of the Noise handshake to the peer's answer; later, the time from our last answered ping to its answer. A peer that
    /// sends nothing for [`Config::keep_alive_interval`] is pinged. The time is measured on the clock of
    /// [`Environment::now`], so an answer that the owner hands in late counts as late.
    #[must_use]
    pub const fn round_trip(&self) -> Option<Duration> {
        self.round_trip.last()
    }

    /// Replaces the latest round-trip time by one that another component has measured.
    #[cfg(feature = "swarm")]
    pub(crate) fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip.set(round_trip);
    }

    /// Closes an open connection politely: data that was written is still sent, followed by yamux's go-away as our last
    /// frame, and the peer's data is still read. Once no output [is pending](Self::is_due), the owner ends its side of the
    /// byte pipe, and waits for the peer's end of the pipe or for [`Fact::CloseTimeout`]. A second call changes nothing.
    ///
    /// A connection that is not open has nothing to send to its peer: the owner drops the connection instead.
    pub fn close(&mut self, config: &Config, now: impl Into<Now>) {
        let now = now.into();
        if let Phase::Open(open) = &mut self.phase {
            // The owner waits for the peer's end of the byte pipe, because a window update that meets a closed socket makes
            // our system throw away what it has not sent yet: of an answer of 250 000 bytes to a peer that granted window
            // while it read, nothing arrived.
            open.session.go_away(0);
        }
        self.is_untimed |= now.is_untimed();
        self.timers.closing(config, now);
    }

    /// Tells the peer of an open connection that the peer is to blame for the connection's end: sends a go-away with the
    /// code of a protocol error. The owner closes the socket next.
    #[cfg(feature = "swarm")]
    pub(crate) fn blame(&mut self) {
        if let Phase::Open(open) = &mut self.phase {
            open.session.go_away(muxer::PROTOCOL_ERROR);
        }
    }

    fn fail(&mut self, error: Error) -> Fact {
        // The count is taken over before the phase is replaced, since the session that has it is dropped with the phase.
        self.unread = self.unread_held();
        self.phase = Phase::Over { found: None, paced: self.streams_paced() };
        // Pending output of the handshake is dropped. Otherwise a dialer whose handshake timed out would still send its last
        // message, and the listener would call the connection open.
        self.out = Vec::new();
        Fact::Failed(error)
    }
}
