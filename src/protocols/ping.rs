//! The ping protocol, `/ipfs/ping/1.0.0` (libp2p/specs, `ping/ping.md`): it measures the round-trip time to a peer, and
//! finds out whether the peer still answers.
//!
//! [`Ping`] plays both roles. It echoes the payloads of peers. It pings the peer of each connection as soon as the
//! connection is open, again one [`interval`](Config::interval) after each outcome, and whenever its owner [asks for a
//! ping](Ping::ping). [`next_event`](Ping::next_event) returns the outcomes from a bounded queue. Each ping has exactly one
//! outcome, even if its connection ends first. Each outcome is also [emitted](crate::notifee::NotifeeContext::emit) to all
//! notifees, between `connected` and `disconnected` of its connection. There is one exception: if the connection ended
//! before the ping could be sent, only the owner is told.
//!
//! - Times are those that the owner passes to [`drive`](crate::notifee::Notifees::drive). A round-trip time runs from the
//!   turn in which the payload was written to the turn in which the whole echo was read. Its error is therefore at most the
//!   time between two turns of the owner.
//! - With an interval, one stream serves all pings of a connection. If the peer ends or resets the stream between two pings,
//!   the next ping opens another stream. Without an interval, each ping closes its stream at its end. (The specification
//!   describes one stream per peer. If there are several connections to a peer, this service opens a stream on each of them,
//!   since any of them may be broken.)
//! - **A stream that is open, or is opened again and again, keeps its connection from reaching the [idle
//!   timeout](crate::connection::Config::idle_timeout).** This is true for the streams on which we ping and for the streams
//!   on which the peer pings us. If you want connections to end when nobody uses them, set `interval` to `None`, and ask for
//!   pings less often than the idle timeout.
//! - `Ping` never closes a connection whose peer does not answer. The owner decides whether to close it.
//!
//! Two nodes in one process:
//!
#![cfg_attr(feature = "rand", doc = "```")]
#![cfg_attr(not(feature = "rand"), doc = "```ignore")]
//! use core::time::Duration;
//! use libp2p_core::transport::MemoryTransport;
//! use swarm_notify::keys;
//! use swarm_notify::notifee::Notifees;
//! use swarm_notify::protocols::ping::{Config, Event, Ping};
//! use swarm_notify::swarm::{self, Swarm};
//!
//! let node = || -> Result<_, Box<dyn core::error::Error>> {
//!     let identity = keys::generate()?;
//!     let mut swarm = Swarm::from_os_rng((), MemoryTransport::new(), &identity, swarm::Config::default())?;
//!     let mut notifees = Notifees::new();
//!     let ping = notifees.install(&mut swarm, Ping::new(keys::seed()?, Config::default()));
//!     Ok((swarm, notifees, ping))
//! };
//! let (mut server, mut client) = (node()?, node()?);
//! server.0.listen("/memory/4712".parse()?)?;
//! server.0.tick(Duration::ZERO);
//! client.0.dial("/memory/4712".parse()?)?;
//!
//! let pong = 'pong: {
//!     for millisecond in 0.. {
//!         let now = Duration::from_millis(millisecond);
//!         for (swarm, notifees, ping) in [&mut server, &mut client] {
//!             swarm.tick(now);
//!             notifees.drive(swarm, now);
//!             if let Some(event) = notifees.get_mut(*ping).unwrap().next_event() {
//!                 break 'pong event;
//!             }
//!         }
//!     }
//!     unreachable!()
//! };
//! assert!(matches!(pong, Event::Pong { round_trip, .. } if round_trip < Duration::from_millis(10)));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod answer;
mod ask;
mod notifee;

use super::NotConnected;
use super::deadlines::Deadlines;
use super::event_queue::EventQueue;
use crate::connection::Protocol;
use crate::identity::PeerId;
use crate::lifecycle::{ConnectionId, Failure, Limits, StreamId, Table};
use crate::notifee::Node;
use alloc::vec::Vec;
use answer::AnswerStream;
use ask::AskStream;
use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use core::fmt;
use core::time::Duration;

/// The name of the ping protocol.
pub const PROTOCOL: Protocol = Protocol::from_static("/ipfs/ping/1.0.0");

/// The number of bytes of a ping's payload, which the specification fixes: the side that opens the stream sends 32 random
/// bytes, and the other side echoes exactly these bytes.
const PAYLOAD: usize = 32;

/// The minimum interval between two pings. It is not 0, so that time advances from one ping to the next.
const MIN_INTERVAL: Duration = Duration::from_millis(1);

/// The bounds and durations of a [`Ping`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The time from the outcome of one ping of a connection to the next ping of that connection, at least 1 ms. With
    /// `None`, a ping is sent only when the owner asks for one. Default 15 s.
    pub interval: Option<Duration>,
    /// The maximum duration of a ping. It begins with the opening of the stream if the ping needs a new one. When this
    /// duration has passed, the stream is reset, and the ping fails with [`Failure::Timeout`]. Default 20 s.
    pub timeout: Duration,
    /// The maximum number of streams of one connection on which the peer may ping us. When the peer opens one more such
    /// stream, the stream that has been silent for longest is reset, so that a peer that abandons streams without ending
    /// them is still answered. 0 counts as 1. Default 4: the specification allows an honest peer two streams, and a stream
    /// may end later on our side than on the peer's side.
    pub inbound_streams: usize,
    /// The maximum number of events that are queued for the owner. A further event drops the oldest, and [`Event::Lagged`]
    /// tells the number of dropped events. 0 counts as 1. Default 256.
    pub events: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            // The interval and the timeout are those of rust-libp2p's `ping`.
            interval: Some(Duration::from_secs(15)),
            timeout: Duration::from_secs(20),
            inbound_streams: 4,
            events: 256,
        }
    }
}

impl Config {
    /// Returns the bounds for a small machine: 2 streams of a connection on which the peer may ping us, and 16 queued
    /// events. See [`swarm::Config::small`](crate::swarm::Config::small).
    #[must_use]
    pub fn small() -> Self {
        Self { inbound_streams: 2, events: 16, ..Self::default() }
    }

    /// Returns the maximum number of bytes of heap that a [`Ping`] with these bounds takes in a swarm with these limits.
    #[must_use]
    pub fn memory_bound(&self, limits: &Limits) -> usize {
        // Tables may be a quarter larger than they need to be. Queues and the nodes of the B-tree of deadlines may be half
        // empty.
        let inbound = self.inbound_streams.max(1).saturating_mul(const { 2 * size_of::<StreamId>() });
        let pinged = inbound.saturating_add(const { size_of::<Option<PingedConnection>>() + 16 });
        let pinged = (pinged / 4).saturating_mul(5).saturating_add(const { 4 * size_of::<(Duration, ConnectionId)>() });
        let stream = const { (size_of::<Option<PingStream>>() + 16) / 4 * 5 };
        let parts = [
            (limits.connections as usize, pinged),
            (limits.streams as usize, stream),
            (self.events.max(1), const { 2 * size_of::<Event>() }),
        ];
        parts.iter().map(|(count, each)| count.saturating_mul(*each)).fold(8 * 1024, usize::saturating_add)
    }
}

/// The outcome of a ping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The peer has answered the ping in time.
    Pong {
        /// The connection on which the peer was pinged.
        connection: ConnectionId,
        /// The peer that answered the ping.
        peer: PeerId,
        /// The time from writing the payload to reading the last byte of the peer's echo, on the owner's clock.
        round_trip: Duration,
    },
    /// The peer has not answered the ping, or has answered wrongly.
    Failed {
        /// The connection on which the peer was pinged.
        connection: ConnectionId,
        /// The peer that was pinged.
        peer: PeerId,
        /// The reason: [`Timeout`](Failure::Timeout), [`Unsupported`](Failure::Unsupported) (the peer does not speak the
        /// protocol, and is pinged again only if the owner asks for it), [`Protocol`](Failure::Protocol) (the peer sent
        /// other bytes than our payload), [`Limit`](Failure::Limit) (no further stream was allowed), or the way in which the
        /// stream ended.
        reason: Failure,
    },
    /// An event in place of dropped events: the owner did not take its events in time, so the oldest were dropped. Only the
    /// owner is told.
    Lagged {
        /// The number of dropped events.
        events: u64,
    },
}

/// Formats the event as one line: `ping c0.1 of PEER: 1.234ms`, `ping_failed c0.1 of PEER: timeout`, or `ping_lagged: 3
/// events`.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pong { connection, peer, round_trip } => write!(f, "ping {connection} of {peer}: {round_trip:?}"),
            Self::Failed { connection, peer, reason } => write!(f, "ping_failed {connection} of {peer}: {reason}"),
            Self::Lagged { events } => write!(f, "ping_lagged: {events} events"),
        }
    }
}

/// The ping service. [Install](crate::notifee::Notifees::install) it in the notifees of a swarm. The [module](self)
/// describes what it does.
pub struct Ping {
    config: Config,
    rng: ChaCha20Rng,
    connections: Table<ConnectionId, PingedConnection>,
    streams: Table<StreamId, PingStream>,
    deadlines: Deadlines<ConnectionId>,
    events: EventQueue<Event>,
}

/// The state of an open connection, for pings in both directions.
#[derive(Debug)]
struct PingedConnection {
    peer: PeerId,
    ask_stream: AskStream,
    /// True if the owner has asked for a ping and has not been told the outcome of that ping yet.
    is_asked: bool,
    /// The time at which to send the next ping, or at which the ping under way fails.
    deadline: Option<Duration>,
    answers: Vec<StreamId>,
}

/// The purpose of a stream: we ping the peer on it (`Ask`), or the peer pings us on it (`Answer`).
#[derive(Debug)]
enum PingStream {
    Ask(ConnectionId),
    Answer { connection: ConnectionId, answer: AnswerStream, last: Duration },
}

impl Ping {
    /// Creates a service that computes its payloads from `seed`, which must be fresh randomness of the system.
    #[must_use]
    pub fn new(seed: [u8; 32], config: Config) -> Self {
        let events = EventQueue::new(config.events, |events| Event::Lagged { events });
        Self {
            config,
            rng: ChaCha20Rng::from_seed(seed),
            connections: Table::new(),
            streams: Table::new(),
            deadlines: Deadlines::new(),
            events,
        }
    }

    /// Pings the peer of a connection in the next [`drive`](crate::notifee::Notifees::drive); until then
    /// [`poll_at`](crate::notifee::Notifees::poll_at) reports that a drive is due. If a ping of the connection is under way
    /// already, no second ping is sent.
    ///
    /// # Errors
    /// [`NotConnected`] if the connection is not open. Nothing has changed.
    pub fn ping(&mut self, connection: ConnectionId) -> Result<(), NotConnected> {
        let pinged = self.connections.get_mut(connection).ok_or(NotConnected)?;
        pinged.is_asked = true;
        match pinged.ask_stream {
            AskStream::Closed | AskStream::Quiet(_) => {
                // This call has no clock. Zero is due at any time of the owner's clock.
                self.deadlines.set(connection, &mut pinged.deadline, Some(Duration::ZERO));
            }
            AskStream::Opening(_) | AskStream::Asking(..) => {}
        }
        Ok(())
    }

    /// Removes the oldest event from the queue and returns it, or returns `None` if the queue is empty.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// Returns the total number of events that were dropped because the owner did not take them in time. Each of them is
    /// also counted in an [`Event::Lagged`].
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.events.dropped()
    }

    /// Begins to echo the payloads that the peer sends on a new stream. If the connection already has the maximum number of
    /// streams on which the peer pings us, the one that has been silent for longest is reset.
    fn answer(&mut self, node: &mut dyn Node, connection: ConnectionId, stream: StreamId, now: Duration) {
        let Some(pinged) = self.connections.get_mut(connection) else { return };
        if pinged.answers.len() >= self.config.inbound_streams.max(1) {
            // Refusing the new stream instead would leave a peer unanswered for good once it has abandoned as many
            // streams without a FIN or a reset. rust-libp2p also serves the newest stream, the only one of each
            // connection.
            let last = |stream: &StreamId| match self.streams.get(*stream) {
                Some(PingStream::Answer { last, .. }) => Some(*last),
                Some(PingStream::Ask(_)) | None => None,
            };
            let longest = pinged.answers.iter().enumerate().min_by_key(|(_, stream)| last(stream));
            if let Some((place, _)) = longest {
                let silent = pinged.answers.remove(place);
                self.streams.remove(silent);
                // The stream may have ended already.
                let _ = node.reset(silent);
            }
        }
        pinged.answers.push(stream);
        let mut answer = AnswerStream::new();
        // If the stream was open before this service was installed, the news that it can be read may have been told already.
        // If the echo ends the stream at once, the stream is inserted nevertheless: its `closed_stream` removes it from
        // both lists.
        answer.echo(node, stream);
        self.streams.insert(stream, PingStream::Answer { connection, answer, last: now });
    }

    /// Handles the end of a stream, whichever side opened it, and even if it had not opened yet.
    fn stream_ended(&mut self, node: &mut dyn Node, stream: StreamId, reason: Failure, now: Duration) {
        match self.streams.remove(stream) {
            Some(PingStream::Ask(connection)) => {
                // The echo may have arrived just before the end. The stream is out of the table already, since the handling
                // of its end may open another stream.
                let unread = node.take_unread(stream);
                self.asked_is_over(node, connection, &unread, reason, now);
            }
            Some(PingStream::Answer { connection, .. }) => {
                if let Some(pinged) = self.connections.get_mut(connection) {
                    pinged.answers.retain(|other| *other != stream);
                }
            }
            None => {}
        }
    }
}

impl fmt::Debug for Ping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ping").field("config", &self.config).finish_non_exhaustive()
    }
}
