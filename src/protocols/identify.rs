//! Identify (libp2p/specs, `identify/README.md`), `/ipfs/id/1.0.0` and `/ipfs/id/push/1.0.0`: what peers are, speak and
//! where they listen.
//!
//! [`Identify`] plays all roles. It asks each new connection, and whenever its owner [says so](Identify::identify); it
//! answers what peers ask; it pushes what has changed here to all peers that take it, and hears their pushes. What came
//! of it stands in a bounded queue of its own, [`next_event`](Identify::next_event); what is known of the peer of a
//! connection can be looked up as long as that lives, [`info`](Identify::info). Each question has exactly one outcome,
//! also if its connection ends first.
//!
//! Each [`Event`] is also [emitted](crate::notifee::NotifeeContext::emit) to all notifees, whether or not anybody
//! drains the queue, between `connected` and `disconnected` of its connection. Only a question whose connection ended
//! before it could be asked is told to the owner alone. A notifee that comes late is told from then on.
//!
//! - We say where our listeners listen and what the owner [adds](Identify::add_external_address), which protocols the
//!   node accepts, and where the peer seems to be. Given our key, [a signed record](Identify::with_signed_record) too.
//! - Of the peer we believe nothing that contradicts what is proven: a public key that is not that of the connection's
//!   peer is [`Failure::WrongPeer`], and a record is dropped unless the peer has signed it. One that it has signed is
//!   where its addresses are taken from, and a pushed one that is older than what is known changes nothing.
//! - What is wrong with one address or protocol costs that one. All the rest is the peer's word: nobody has checked it.
//!
//! Two nodes of one process:
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
//! A notifee that closes connections to peers that do not speak our protocol, on sockets:
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

/// The name of the protocol in which a peer is asked.
pub const PROTOCOL: Protocol = Protocol::from_static("/ipfs/id/1.0.0");
/// The name of the protocol in which a peer is told unasked.
pub const PUSH_PROTOCOL: Protocol = Protocol::from_static("/ipfs/id/push/1.0.0");

/// What was heard of a peer.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The peer has answered.
    Identified {
        /// The connection that was asked.
        connection: ConnectionId,
        /// Who answered.
        peer: PeerId,
        /// What it says of itself.
        info: Arc<Info>,
    },
    /// The peer has said what has changed.
    Pushed {
        /// The connection on which it did.
        connection: ConnectionId,
        /// Who did.
        peer: PeerId,
        /// All that is known of it by now.
        info: Arc<Info>,
    },
    /// The peer has not answered. What was known of it stays.
    Failed {
        /// The connection that was asked.
        connection: ConnectionId,
        /// Who was asked.
        peer: PeerId,
        /// Why: [`Unsupported`](Failure::Unsupported), [`Timeout`](Failure::Timeout), [`Protocol`](Failure::Protocol)
        /// (too long, or no such message), [`WrongPeer`](Failure::WrongPeer) (another peer's key),
        /// [`Limit`](Failure::Limit) (no place for a stream), or how the stream ended before.
        reason: Failure,
    },
    /// The peer began a push that came to nothing. What was known of it stays.
    PushFailed {
        /// The connection on which it did.
        connection: ConnectionId,
        /// Who did.
        peer: PeerId,
        /// Why, in the words of [`Failed`](Self::Failed).
        reason: Failure,
    },
    /// Here so many events are missing, the oldest that waited: they were not taken in time. It is told to the owner
    /// alone. What is known of a peer can be [looked up](Identify::info).
    Lagged {
        /// The number of events that are missing.
        events: u64,
    },
}

/// One line, such as `identified c0.1 of PEER: go-libp2p/0.40.0` or `identify_failed c0.1 of PEER: timeout`. What the peer has
/// chosen is short and escaped, so that it commands no terminal and begins no line.
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

/// The service. [Install](crate::notifee::Notifees::install) it. See the [module](self) for what it does.
pub struct Identify {
    config: Config,
    local: LocalInfo,
    /// Something that we say may have changed.
    is_dirty: bool,
    connections: Table<ConnectionId, KnownConnection>,
    streams: Table<StreamId, IdentifyStream>,
    deadlines: Deadlines<StreamId>,
    /// Connections to be asked in the next turn.
    to_ask: VecDeque<ConnectionId>,
    /// Connections to be pushed to, as far as [`Config::outbound_pushes`] lets them. Some may have ended.
    to_push: VecDeque<ConnectionId>,
    pushes: usize,
    /// Connections to be pushed to that had no place for a stream; all of them are tried again at a time.
    to_push_again: Vec<ConnectionId>,
    push_again_at: Option<Duration>,
    events: EventQueue<Event>,
    /// The memory that is taken for each connection.
    held: HeldMemory<ConnectionId, Item>,
    /// The number of times that what a peer has said was forgotten.
    forgotten: u64,
    /// The memory of what was told of in this tick.
    said_bytes: usize,
}

impl Event {
    /// Returns the bytes of heap of what it tells.
    fn memory(&self) -> usize {
        match self {
            Self::Identified { info, .. } | Self::Pushed { info, .. } => info.memory(),
            Self::Failed { .. } | Self::PushFailed { .. } | Self::Lagged { .. } => 0,
        }
    }
}

impl Identify {
    /// A service of the node whose public key this is.
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
            events: EventQueue::with_bytes(config.events, config.held_bytes / 4, Event::memory, |events| {
                Event::Lagged { events }
            }),
            held: HeldMemory::new(),
            forgotten: 0,
            said_bytes: 0,
            config,
        }
    }

    /// Signs our addresses too. `key` is the node's. `sequence` is the number of the first record, and grows by one
    /// whenever our addresses change: it has to be greater than that of any record of a run before, as the seconds
    /// since 1970 are.
    #[must_use]
    pub fn with_signed_record(mut self, key: Keypair, sequence: u64) -> Self {
        self.local.sign(key, sequence);
        self
    }

    /// Asks a connection in the next [`drive`](crate::notifee::Notifees::drive), for which
    /// [`poll_at`](crate::notifee::Notifees::poll_at) asks at once. While it is being asked, this asks for nothing
    /// more. Peers with this crate's defaults end a connection on which they are asked more often than 20 times at once and
    /// once a second.
    ///
    /// # Errors
    /// [`NotConnected`]; nothing has changed.
    pub fn identify(&mut self, connection: ConnectionId) -> Result<(), NotConnected> {
        let entry = self.connections.get_mut(connection).ok_or(NotConnected)?;
        if !core::mem::replace(&mut entry.is_asked, true) {
            self.to_ask.push_back(connection);
        }
        Ok(())
    }

    /// Says all connections what we are, in the next drives: after the node has registered a protocol, for instance.
    /// Those whose peers are known not to take pushes are left out.
    pub fn push(&mut self) {
        for (connection, entry) in self.connections.iter_mut() {
            if !core::mem::replace(&mut entry.wants_push, true) && entry.push.is_none() {
                self.to_push.push_back(connection);
            }
        }
    }

    /// Adds an address at which we can be reached and do not listen: that of a router before us, for instance. Of our
    /// addresses, those of listeners first, [`MAX_ADDRESSES`] are said.
    pub fn add_external_address(&mut self, address: Multiaddr) {
        self.is_dirty |= self.local.add(address);
    }

    /// Takes such an address back.
    pub fn remove_external_address(&mut self, address: &Multiaddr) {
        self.is_dirty |= self.local.remove(address);
    }

    /// What the peer of an open connection has said of itself there, if it has, and as long as that takes no more memory than
    /// [there is](Config::held_bytes).
    #[must_use]
    pub fn info(&self, connection: ConnectionId) -> Option<&Info> {
        self.connections.get(connection)?.info.as_deref()
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

    /// Returns how often what a peer has said of itself was forgotten while it was connected, since all together said more
    /// than [`held_bytes`](Config::held_bytes).
    #[must_use]
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Returns the memory that counts against [`held_bytes`](Config::held_bytes).
    #[must_use]
    pub const fn bytes_held(&self) -> usize {
        self.held.all()
    }

    /// Keeps the memory within its bound, and tells what there is to tell.
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
