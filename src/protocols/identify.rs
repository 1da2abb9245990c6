//! The identify protocol, `/ipfs/id/1.0.0` and `/ipfs/id/push/1.0.0` (libp2p/specs, `identify/README.md`): peers send each
//! other their public keys, protocols and addresses.
//!
//! [`Identify`] plays all roles. It asks the peer of each new connection for its information, and the peer of any connection
//! for which the owner calls [`identify`](Identify::identify). It answers the questions of peers. When our own addresses or
//! protocols change, it pushes the changes to all peers that accept pushes, and it accepts the pushes of peers.
//! [`next_event`](Identify::next_event) returns the outcomes from a bounded queue. [`info`](Identify::info) returns the
//! information that the peer of an open connection has sent. Each question has exactly one outcome, even if its connection
//! ends first.
//!
//! Each [`Event`] except [`Lagged`](Event::Lagged) is also [emitted](crate::notifee::NotifeeContext::emit) to all notifees,
//! between `connected` and `disconnected` of its connection, even if nobody drains the queue. There is one more exception:
//! if the connection ended before the question could be asked, only the owner is told. A notifee that is registered later
//! hears the events from then on.
//!
//! - We send the addresses of our listeners and the addresses that the owner [adds](Identify::add_external_address), the
//!   protocols that the node accepts, and the peer's address as we see it. If the service is given our key, it also sends [a
//!   signed record](Identify::with_signed_record) of our addresses.
//! - We accept no information that contradicts a proof. A message with the public key of anybody but the connection's peer
//!   fails with [`Failure::WrongPeer`], and a record that the peer has not signed is dropped. If the peer sends a signed
//!   record, the addresses in the record replace the unsigned addresses. A pushed record that is older than the known record
//!   changes no addresses.
//! - A fault in one address or protocol affects only that address or protocol. All information that is not signed is the
//!   peer's claim, and nobody has verified it.
//!
//! Two nodes in one process:
//!
#![cfg_attr(feature = "rand", doc = "```")]
#![cfg_attr(not(feature = "rand"), doc = "```ignore")]
//! use core::time::Duration;
//! use libp2p_core::transport::MemoryTransport;
//! use swarm_notify::keys;
//! use swarm_notify::notifee::Notifees;
//! use swarm_notify::protocols::identify::{Config, Event, Identify, PROTOCOL};
//! use swarm_notify::swarm::{self, Swarm};
//!
//! let node = || -> Result<_, Box<dyn core::error::Error>> {
//!     let identity = keys::generate()?;
//!     let mut swarm = Swarm::from_os_rng((), MemoryTransport::new(), &identity, swarm::Config::default())?;
//!     let mut notifees = Notifees::new();
//!     let identify = notifees.install(&mut swarm, Identify::new(identity.public(), Config::default()));
//!     Ok((swarm, notifees, identify))
//! };
//! let (mut server, mut client) = (node()?, node()?);
//! server.0.listen("/memory/4713".parse()?)?;
//! server.0.tick(Duration::ZERO);
//! client.0.dial("/memory/4713".parse()?)?;
//!
//! let event = loop {
//!     for (swarm, notifees, _) in [&mut server, &mut client] {
//!         swarm.tick(Duration::ZERO);
//!         notifees.drive(swarm, Duration::ZERO);
//!     }
//!     if let Some(event) = client.1.get_mut(client.2).unwrap().next_event() {
//!         break event;
//!     }
//! };
//! let Event::Identified { peer, info, .. } = event else { panic!("{event:?}") };
//! assert_eq!(peer, server.0.local_peer());
//! assert_eq!(info.listen_addresses, ["/memory/4713".parse()?]);
//! assert!(info.speaks(&PROTOCOL));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! A notifee that closes connections to peers that do not speak our protocol, over TCP:
//!
#![cfg_attr(feature = "rand", doc = "```")]
#![cfg_attr(not(feature = "rand"), doc = "```ignore")]
//! # #[cfg(feature = "tcp")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use core::any::Any;
//! use std::time::{Duration, Instant};
//! use swarm_notify::connection::Protocol;
//! use swarm_notify::keys;
//! use swarm_notify::notifee::{HasNode, Interest, Notifee, NotifeeContext, NotifeeId, Notifees};
//! use swarm_notify::protocols::identify::{Config, Event, Identify};
//! use swarm_notify::swarm::{self, Swarm};
//! use swarm_notify::tcp;
//!
//! const CHAT: Protocol = Protocol::from_static("/chat/1.0.0");
//!
//! #[derive(Default)]
//! struct ChatOnly {
//!     closed: Vec<String>,
//! }
//!
//! impl<N: HasNode> Notifee<N> for ChatOnly {
//!     fn interest(&self) -> Interest {
//!         Interest::EMITTED
//!     }
//!
//!     fn emitted(&mut self, cx: &mut NotifeeContext<'_, N>, _from: NotifeeId, event: &dyn Any) {
//!         // Events of other services are of other types.
//!         let Some(Event::Identified { connection, info, .. }) = event.downcast_ref() else { return };
//!         if !info.speaks(&CHAT) && cx.network().node_mut().close_connection(*connection).is_ok() {
//!             self.closed.extend(info.agent_version.clone());
//!         }
//!     }
//! }
//!
//! let node = || -> Result<_, Box<dyn std::error::Error>> {
//!     let identity = keys::generate()?;
//!     let reactor = tcp::Reactor::new()?;
//!     let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
//!     let mut swarm = Swarm::from_os_rng(reactor, transport, &identity, swarm::Config::default())?;
//!     let mut notifees = Notifees::new();
//!     notifees.install(&mut swarm, Identify::new(identity.public(), Config::default()));
//!     Ok((swarm, notifees))
//! };
//! let (mut server, mut client) = (node()?, node()?);
//! let chat_only = server.1.register(ChatOnly::default());
//! let listener = server.0.listen("/ip4/127.0.0.1/tcp/0".parse()?)?;
//! server.0.tick(Duration::ZERO);
//! client.0.dial(server.0.listener(listener).expect("it listens").addresses[0].clone())?;
//!
//! let start = Instant::now();
//! while server.1.get(chat_only).expect("it is registered").closed.is_empty() {
//!     for (swarm, notifees) in [&mut server, &mut client] {
//!         swarm.wait(start.elapsed(), Some(Duration::from_millis(1)))?;
//!         swarm.tick(start.elapsed());
//!         notifees.drive(swarm, start.elapsed());
//!     }
//! #   assert!(start.elapsed() < Duration::from_secs(60));
//! }
//! # let closed = &server.1.get(chat_only).expect("it is registered").closed;
//! # assert_eq!(*closed, [format!("swarm-notify/{}", env!("CARGO_PKG_VERSION"))]);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "tcp"))]
//! # fn main() {}
//! ```

mod addresses;
mod config;
mod local;
mod message;
mod notifee;
mod record;
mod streams;

use super::NotConnected;
use super::deadlines::Deadlines;
use super::event_queue::EventQueue;
use super::held_memory::HeldMemory;
use crate::connection::Protocol;
use crate::identity::{Keypair, PeerId, PublicKey};
use crate::lifecycle::{ConnectionId, Failure, StreamId, Table};
use crate::notifee::{HasNode, NotifeeContext};
use crate::swarm::Multiaddr;
use crate::text::for_log;
pub use addresses::{MAX_ADDRESS, MAX_ADDRESSES};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
pub use config::Config;
use core::fmt;
use core::time::Duration;
use local::LocalInfo;
pub use message::{DecodeError, Info, MAX_PROTOCOLS, decode, encode};
pub use record::PeerRecord;
use streams::{IdentifyStream, Item, KnownConnection};

/// The name of the protocol in which one side asks for information and the other side answers.
pub const PROTOCOL: Protocol = Protocol::from_static("/ipfs/id/1.0.0");
/// The name of the protocol in which a peer sends its changed information without being asked.
pub const PUSH_PROTOCOL: Protocol = Protocol::from_static("/ipfs/id/push/1.0.0");

/// The outcome of asking a peer for its information, or of a push that a peer has begun.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The peer has answered our question and has sent its information.
    Identified {
        /// The connection on which the peer was asked for its information.
        connection: ConnectionId,
        /// The peer that answered our question.
        peer: PeerId,
        /// The information in the peer's answer.
        info: Arc<Info>,
    },
    /// The peer has pushed its changed information.
    Pushed {
        /// The connection on which the peer pushed its information.
        connection: ConnectionId,
        /// The peer that pushed its information.
        peer: PeerId,
        /// All information that is now known of the peer, including the changes that it pushed.
        info: Arc<Info>,
    },
    /// The peer has not answered our question, or its answer is invalid. The information that was known of the peer remains.
    Failed {
        /// The connection on which the peer was asked for its information.
        connection: ConnectionId,
        /// The peer that was asked for its information.
        peer: PeerId,
        /// The reason: [`Unsupported`](Failure::Unsupported), [`Timeout`](Failure::Timeout), [`Protocol`](Failure::Protocol)
        /// (the answer is too long, or is not an identify message), [`WrongPeer`](Failure::WrongPeer) (the answer contains
        /// another peer's key), [`Limit`](Failure::Limit) (no further stream was allowed, or a bound of [`Config`] was
        /// exceeded), or the way in which the stream ended.
        reason: Failure,
    },
    /// The peer began a push that failed. The information that was known of the peer remains.
    PushFailed {
        /// The connection on which the peer began the push.
        connection: ConnectionId,
        /// The peer that began the push.
        peer: PeerId,
        /// The reason: one of the reasons that [`Failed`](Self::Failed) lists.
        reason: Failure,
    },
    /// An event in place of dropped events: the owner did not take its events in time, so the oldest were dropped. Only the
    /// owner is told. [`Identify::info`] still returns the information of each connected peer, unless it was dropped to free
    /// memory.
    Lagged {
        /// The number of dropped events.
        events: u64,
    },
}

/// Formats the event as one line, such as `identified c0.1 of PEER: go-libp2p/0.40.0` or `identify_failed c0.1 of PEER:
/// timeout`. Text that the peer has chosen is shortened and escaped, so that it cannot control a terminal or begin a new
/// line.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, connection, peer) = match self {
            Self::Lagged { events } => return write!(f, "identify_lagged: {events} events"),
            Self::Identified { connection, peer, .. } => ("identified", connection, peer),
            Self::Pushed { connection, peer, .. } => ("identify_pushed", connection, peer),
            Self::Failed { connection, peer, .. } => ("identify_failed", connection, peer),
            Self::PushFailed { connection, peer, .. } => ("identify_push_failed", connection, peer),
        };
        write!(f, "{name} {connection} of {peer}")?;
        match self {
            Self::Identified { info, .. } | Self::Pushed { info, .. } => match &info.agent_version {
                Some(agent) => write!(f, ": {}", for_log(agent)),
                None => Ok(()),
            },
            Self::Failed { reason, .. } | Self::PushFailed { reason, .. } => write!(f, ": {reason}"),
            Self::Lagged { .. } => Ok(()),
        }
    }
}

/// The identify service. [Install](crate::notifee::Notifees::install) it in the notifees of a swarm. The [module](self)
/// describes what it does.
pub struct Identify {
    config: Config,
    local: LocalInfo,
    /// True if our addresses or protocols may have changed since the service last read them from the node.
    is_dirty: bool,
    connections: Table<ConnectionId, KnownConnection>,
    streams: Table<StreamId, IdentifyStream>,
    deadlines: Deadlines<StreamId>,
    /// The connections whose peers are asked in the next drive.
    to_ask: VecDeque<ConnectionId>,
    /// The connections on which a push waits until [`Config::outbound_pushes`] allows it, oldest first. Some may have ended.
    to_push: VecDeque<ConnectionId>,
    pushes: usize,
    /// The connections on which a push waits because a bound of the swarm or a rate allowed no stream. All of them are tried
    /// again at `push_again_at`.
    to_push_again: Vec<ConnectionId>,
    push_again_at: Option<Duration>,
    events: EventQueue<Event>,
    /// The accounts of the bytes of heap that are held for the peer of each connection.
    held: HeldMemory<ConnectionId, Item>,
    /// The number of times that the information of a connected peer was dropped to free memory.
    forgotten: u64,
    /// The number of bytes of heap that the information in events takes, counted from the beginning of the present tick.
    said_bytes: usize,
}

impl Event {
    /// Returns the number of bytes of heap that the information in the event takes.
    fn memory(&self) -> usize {
        match self {
            Self::Identified { info, .. } | Self::Pushed { info, .. } => info.memory(),
            Self::Failed { .. } | Self::PushFailed { .. } | Self::Lagged { .. } => 0,
        }
    }
}

impl Identify {
    /// Creates a service for the node whose public key is `public_key`.
    #[must_use]
    pub fn new(public_key: PublicKey, config: Config) -> Self {
        Self {
            local: LocalInfo::new(public_key, &config.protocol_version, &config.agent_version),
            is_dirty: false,
            connections: Table::new(),
            streams: Table::new(),
            deadlines: Deadlines::new(),
            to_ask: VecDeque::new(),
            to_push: VecDeque::new(),
            pushes: 0,
            to_push_again: Vec::new(),
            push_again_at: None,
            // While a connection is open, its newest event shares the information with `info`. The part of the budget
            // is for what the queue alone keeps: the information before a push, and that of peers that have left.
            events: EventQueue::with_bytes(config.events, config.held_bytes / 4, Event::memory, |events| {
                Event::Lagged { events }
            }),
            held: HeldMemory::new(),
            forgotten: 0,
            said_bytes: 0,
            config,
        }
    }

    /// Adds a signed record of our addresses to our messages. `key` is the node's key. `sequence` is the number of the first
    /// record; the number grows by one whenever our addresses change. `sequence` has to be greater than the number of any
    /// record of an earlier run of the node, so the number of seconds since 1970 is a good choice.
    #[must_use]
    pub fn with_signed_record(mut self, key: Keypair, sequence: u64) -> Self {
        self.local.sign(key, sequence);
        self
    }

    /// Asks the peer of a connection for its information in the next [`drive`](crate::notifee::Notifees::drive); until then
    /// [`poll_at`](crate::notifee::Notifees::poll_at) reports that a drive is due. If the peer is being asked already, the
    /// call has no effect. A peer with this crate's defaults ends a connection on which it receives more than 20 questions
    /// at once and 1 a second in the long run.
    ///
    /// # Errors
    /// [`NotConnected`] if the connection is not open. Nothing has changed.
    pub fn identify(&mut self, connection: ConnectionId) -> Result<(), NotConnected> {
        let entry = self.connections.get_mut(connection).ok_or(NotConnected)?;
        if !core::mem::replace(&mut entry.is_asked, true) {
            self.to_ask.push_back(connection);
        }
        Ok(())
    }

    /// Pushes our addresses and protocols to the peers of all connections, in the next drives. Peers that are known not to
    /// accept pushes are left out. Call this method after the node has registered a protocol, for instance.
    pub fn push(&mut self) {
        for (connection, entry) in self.connections.iter_mut() {
            // If a push is under way, `take_out` queues the connection at its end.
            if !core::mem::replace(&mut entry.wants_push, true) && entry.push.is_none() {
                self.to_push.push_back(connection);
            }
        }
    }

    /// Adds an address at which we can be reached although we do not listen on it, such as the address of a router in front
    /// of us. At most [`MAX_ADDRESSES`] of our addresses are sent, the addresses of listeners first.
    pub fn add_external_address(&mut self, address: Multiaddr) {
        self.is_dirty |= self.local.add(address);
    }

    /// Removes an address that was added with [`add_external_address`](Self::add_external_address). An unknown address is
    /// ignored.
    pub fn remove_external_address(&mut self, address: &Multiaddr) {
        self.is_dirty |= self.local.remove(address);
    }

    /// Returns the information that the peer of an open connection has sent on that connection. Returns `None` if the peer
    /// has not sent its information yet, or if the information was dropped because of the bound on
    /// [memory](Config::held_bytes).
    #[must_use]
    pub fn info(&self, connection: ConnectionId) -> Option<&Info> {
        self.connections.get(connection)?.info.as_deref()
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

    /// Returns the number of times that the information of a connected peer was dropped because the information of all peers
    /// together took more than [`held_bytes`](Config::held_bytes).
    #[must_use]
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Returns the number of bytes of heap that count against [`held_bytes`](Config::held_bytes).
    #[must_use]
    pub const fn bytes_held(&self) -> usize {
        self.held.all()
    }

    /// Frees memory while more than [`Config::held_bytes`] are held, and then publishes the events of the present
    /// notification.
    fn tell<N: HasNode>(&mut self, cx: &mut NotifeeContext<'_, N>) {
        self.relieve(cx.network().node_mut());
        self.events.publish(cx);
    }

    fn may_push(&self) -> bool {
        self.pushes < self.config.outbound_pushes.max(1)
    }
}

impl fmt::Debug for Identify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identify").field("config", &self.config).finish_non_exhaustive()
    }
}
