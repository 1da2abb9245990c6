//! Ping (libp2p/specs, `ping/ping.md`), `/ipfs/ping/1.0.0`: how long a peer takes to answer, and whether it does.
//!
//! [`Ping`] plays both roles. It answers what peers ask. It asks each connection from its beginning on, every
//! [`interval`](Config::interval), and whenever its owner [says so](Ping::ping); what came of it stands in a bounded
//! queue of its own, [`next_event`](Ping::next_event). Each ping has exactly one outcome there, also if its connection
//! ends first. Each [`Event`] is also [emitted](crate::notifee::NotifeeContext::emit) to all notifees, between
//! `connected` and `disconnected` of its connection; only a ping whose connection ended before it could be sent is told
//! to the owner alone.
//!
//! - Time is that of the registry's [`drive`](crate::notifee::Notifees::drive): a round-trip time is from the turn in
//!   which the payload was written to the turn in which all of it was back, and as exact as the owner's turns are.
//! - With an interval, one stream is kept for all pings of a connection; one that the peer ends or resets between two
//!   pings is replaced at the next. Without an interval, the stream ends with the ping. (The specification has one stream
//!   a peer; where there are several connections to one, each is asked on its own, since each may be the broken one.)
//! - **A stream that is open, or opened again and again, keeps a connection from its
//!   [idle time-out](crate::connection::Config::idle_timeout).** So does the peer's. Connections that are to end when
//!   nobody uses them are pinged on demand, or less often than that.
//! - Whether a connection whose peer does not answer is to be closed is for the owner to say.
//!
//! Two nodes of one process:
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

/// The protocol's name.
pub const PROTOCOL: Protocol = Protocol::from_static("/ipfs/ping/1.0.0");

/// How many bytes go to and fro.
const PAYLOAD: usize = 32;

/// The shortest interval: so that time moves on from one ping to the next.
const MIN_INTERVAL: Duration = Duration::from_millis(1);

/// The bounds and times of a [`Ping`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// How long after the outcome of one ping a connection is asked the next time, or `None` to ask only when the owner
    /// says so. It is at least 1 ms. Default 15 s.
    pub interval: Option<Duration>,
    /// How long a ping may take, the opening of its stream included. Then the stream is reset, and the ping has failed
    /// of [`Failure::Timeout`]. Default 20 s.
    pub timeout: Duration,
    /// How many streams of one connection the peer may ask on. For one more, the one that has been silent the longest
    /// is reset, so that a peer that lets go of its streams in silence is answered nevertheless. 0 counts as 1. Default
    /// 4: the specification asks for two at most of an honest peer, whose streams may end here later than there.
    pub inbound_streams: usize,
    /// How many events may wait for the owner. One more, and the oldest is lost, which [`Event::Lagged`] tells. 0
    /// counts as 1. Default 256.
    pub events: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interval: Some(Duration::from_secs(15)),
            timeout: Duration::from_secs(20),
            inbound_streams: 4,
            events: 256,
        }
    }
}

impl Config {
    /// The bounds for a small machine: 2 streams of a connection that ask, and 16 events that wait. See
    /// [`swarm::Config::small`](crate::swarm::Config::small).
    #[must_use]
    pub fn small() -> Self {
        Self { inbound_streams: 2, events: 16, ..Self::default() }
    }

    /// Returns the bytes of heap that a [`Ping`] with these bounds takes at worst, in a swarm with these limits.
    #[must_use]
    pub fn memory_bound(&self, limits: &Limits) -> usize {
        // Tables may have a quarter more room than they need, queues be half empty and have outdated deadlines in them.
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

/// What came of a ping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The peer has answered.
    Pong {
        /// The connection that was asked.
        connection: ConnectionId,
        /// Who answered.
        peer: PeerId,
        /// From the payload's writing to its reading, on the owner's clock.
        round_trip: Duration,
    },
    /// The peer has not answered.
    Failed {
        /// The connection that was asked.
        connection: ConnectionId,
        /// Who was asked.
        peer: PeerId,
        /// Why: [`Timeout`](Failure::Timeout), [`Unsupported`](Failure::Unsupported) (the connection is asked again
        /// only if the owner says so), [`Protocol`](Failure::Protocol) (what came back is not what was sent),
        /// [`Limit`](Failure::Limit) (no place for a stream), or how the stream ended without an answer.
        reason: Failure,
    },
    /// Here so many events are missing, the oldest that waited: they were not taken in time. It is told to the owner
    /// alone.
    Lagged {
        /// The number of events that are missing.
        events: u64,
    },
}

/// One line: `ping c0.1 of PEER: 1.234ms`, `ping_failed c0.1 of PEER: timeout`, or `ping_lagged: 3 events`.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pong { connection, peer, round_trip } => write!(f, "ping {connection} of {peer}: {round_trip:?}"),
            Self::Failed { connection, peer, reason } => write!(f, "ping_failed {connection} of {peer}: {reason}"),
            Self::Lagged { events } => write!(f, "ping_lagged: {events} events"),
        }
    }
}

/// The service. [Install](crate::notifee::Notifees::install) it. See the [module](self) for what it does.
pub struct Ping {
    config: Config,
    rng: ChaCha20Rng,
    connections: Table<ConnectionId, PingedConnection>,
    streams: Table<StreamId, PingStream>,
    deadlines: Deadlines<ConnectionId>,
    events: EventQueue<Event>,
}

/// What is known of a connection.
#[derive(Debug)]
struct PingedConnection {
    peer: PeerId,
    ask_stream: AskStream,
    /// The owner waits for an outcome.
    is_asked: bool,
    /// When to ask, or to wait no longer.
    deadline: Option<Duration>,
    answers: Vec<StreamId>,
}

/// What one of our streams is for.
#[derive(Debug)]
enum PingStream {
    Ask(ConnectionId),
    Answer { connection: ConnectionId, answer: AnswerStream, last: Duration },
}

impl Ping {
    /// A service that draws its payloads from `seed`, which must be fresh randomness of the system's.
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

    /// Asks a connection in the next [`drive`](crate::notifee::Notifees::drive), for which
    /// [`poll_at`](crate::notifee::Notifees::poll_at) asks at once. While it is being asked, this asks for nothing
    /// more.
    ///
    /// # Errors
    /// [`NotConnected`]; nothing has changed.
    pub fn ping(&mut self, connection: ConnectionId) -> Result<(), NotConnected> {
        let pinged = self.connections.get_mut(connection).ok_or(NotConnected)?;
        pinged.is_asked = true;
        match pinged.ask_stream {
            AskStream::Closed | AskStream::Quiet(_) => {
                self.deadlines.set(connection, &mut pinged.deadline, Some(Duration::ZERO));
            }
            AskStream::Opening(_) | AskStream::Asking(..) => {}
        }
        Ok(())
    }

    /// The next event, if there is one.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// How many events were lost because their owner did not take them in time: all that [`Event::Lagged`] tells of.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.events.dropped()
    }

    /// The peer asks on a stream. It has place for this one, if need be in another's stead.
    fn answer(&mut self, node: &mut dyn Node, connection: ConnectionId, stream: StreamId, now: Duration) {
        let Some(pinged) = self.connections.get_mut(connection) else { return };
        if pinged.answers.len() >= self.config.inbound_streams.max(1) {
            let last = |stream: &StreamId| match self.streams.get(*stream) {
                Some(PingStream::Answer { last, .. }) => Some(*last),
                Some(PingStream::Ask(_)) | None => None,
            };
            let longest = pinged.answers.iter().enumerate().min_by_key(|(_, stream)| last(stream));
            if let Some((place, _)) = longest {
                let silent = pinged.answers.remove(place);
                self.streams.remove(silent);
                // It may have ended already.
                let _ = node.reset(silent);
            }
        }
        pinged.answers.push(stream);
        let mut answer = AnswerStream::new();
        // If it was open before this was installed, somebody may have been told that it is ready.
        answer.echo(node, stream);
        self.streams.insert(stream, PingStream::Answer { connection, answer, last: now });
    }

    /// A stream is over, ours or the peer's, open or not.
    fn stream_ended(&mut self, node: &mut dyn Node, stream: StreamId, reason: Failure, now: Duration) {
        match self.streams.remove(stream) {
            Some(PingStream::Ask(connection)) => {
                // The answer may have come just before.
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
