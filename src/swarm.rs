//! The swarm, which reads and writes sockets and tells its owner of events. The owner drives the swarm, which has no task,
//! thread, timer or channel of its own.
//!
//! [`Swarm`] accepts raw byte pipes from any [`libp2p_core::Transport`], authenticates and multiplexes each pipe
//! ([`connection`](crate::connection)), and tells its owner of every listener, connection and stream that opens or ends
//! ([`lifecycle`](crate::lifecycle)). The swarm keeps all listeners, connections and streams, and the owner names them by
//! id.
//!
//! One turn of an owner's loop:
//!
//! 1. [`tick`](Swarm::tick), or [`turn`](Swarm::turn) under a budget: reads the bytes that have arrived, and handles them as
//!    far as the event queue has room;
//! 2. [`next_event`](Swarm::next_event) until it returns `None`: each event tells that something has opened, failed or
//!    ended. The id in a closing event can be looked up until the next call;
//! 3. [`next_ready`](Swarm::next_ready) until it returns `None`: it names the streams that can be read or written;
//! 4. [`flush_all`](Swarm::flush_all): sends the bytes that you have written at once, instead of in the next turn;
//! 5. sleep: until the next frame of a game loop; or until the swarm's descriptor is readable or the time of
//!    [`poll_at`](Swarm::poll_at) has come; or in [`wait`](Swarm::wait).
//!
//! There are two kinds of swarm. [`with_reactor`](Swarm::with_reactor) makes a swarm of a transport and of the [`Reactor`]
//! that wakes the transport's sockets ([`tcp`](crate::tcp)); the swarm drives the reactor in its own turns.
//! [`new`](Swarm::new) makes a swarm of a transport that wakes its sockets by other means; an asynchronous owner of such a
//! swarm may [`poll`](Swarm::poll) it with a waker. [`from_os_rng`](Swarm::from_os_rng) and
//! [`with_events`](Swarm::with_events) make a swarm of either kind: `from_os_rng` draws the seed from the system's source of
//! random bytes, and `with_events` makes an event queue of another size.
//!
//! Commands can be given at any time and return at once. A command changes memory only; the next turn does the work that the
//! command causes on sockets, and the timeouts of the command count from that turn. A fault of an address, a peer or the
//! network is never a command's error: it is an event.
//!
//! While the event queue is full, nothing opens: the swarm accepts no connections, and every connection or stream that is
//! ready to open waits in a queue, without an answer to its peer. Whatever is already open goes on.
//!
//! An inbound connection has no id and no event until its peer is authenticated
//! ([`inbound_handshakes`](Swarm::inbound_handshakes)). So a stranger who reaches the port but does not authenticate causes
//! no event.
//!
//! Two swarms of one process, ticked in turn, over a transport in memory:
//!
#![cfg_attr(feature = "rand", doc = "```")]
#![cfg_attr(not(feature = "rand"), doc = "```ignore")]
//! use core::time::Duration;
//! use libp2p_core::transport::MemoryTransport;
//! use swarm_notify::keys;
//! use swarm_notify::connection::Protocol;
//! use swarm_notify::lifecycle::{Event, StreamEnd};
//! use swarm_notify::swarm::{Config, Readiness, Swarm};
//!
//! const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");
//! let swarm = |identity| Swarm::from_os_rng((), MemoryTransport::new(), &identity, Config::default());
//! let (mut server, mut client) = (swarm(keys::generate()?)?, swarm(keys::generate()?)?);
//! server.register_protocol(ECHO);
//! server.listen("/memory/4711".parse()?)?;
//! server.tick(Duration::ZERO);
//! assert!(matches!(server.next_event(), Some(Event::Listen { .. })));
//! client.dial("/memory/4711".parse()?)?;
//!
//! let (mut echo, mut ended) = (Vec::new(), None);
//! while ended.is_none() {
//!     for (swarm, is_client) in [(&mut server, false), (&mut client, true)] {
//!         swarm.tick(Duration::ZERO);
//!         while let Some(event) = swarm.next_event() {
//!             match event {
//!                 Event::Connected { connection } if is_client => {
//!                     let stream = swarm.open_stream(connection, &[ECHO])?;
//!                     swarm.write(stream, b"hello")?; // travels with the proposal
//!                     swarm.finish(stream)?;
//!                 }
//!                 Event::ClosedStream { reason, .. } if is_client => ended = Some(reason),
//!                 _ => {}
//!             }
//!         }
//!         while let Some(ready) = swarm.next_ready() {
//!             let Readiness::Stream { stream, .. } = ready else { continue };
//!             let mut buffer = [0; 64];
//!             while let Ok(n @ 1..) = swarm.read(stream, &mut buffer) {
//!                 match is_client {
//!                     true => echo.extend_from_slice(&buffer[..n]),
//!                     false => assert_eq!(swarm.write(stream, &buffer[..n]), Ok(n)),
//!                 }
//!             }
//!             swarm.finish(stream).ok(); // all of it came in one go here
//!         }
//!     }
//! }
//! assert_eq!((echo.as_slice(), ended), (b"hello".as_slice(), Some(StreamEnd::Finished)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Lists and a gate
//!
//! A swarm has [`Lists`] of peers and networks that it allows or denies. The lists can be changed at any time, and the next
//! turn ends open connections that have become denied. A [`Gate`] is a rule of the owner's own, which is asked after the
//! lists. The pages of [`Lists`] and [`Gate`] say when each is asked and what each question costs; the page `guide::enemy`
//! says what a denied peer sees.
//!
#![cfg_attr(all(feature = "tcp", feature = "rand"), doc = "```")]
#![cfg_attr(not(all(feature = "tcp", feature = "rand")), doc = "```ignore")]
//! use std::time::Duration;
//! use swarm_notify::connection::Protocol;
//! use swarm_notify::identity::PeerId;
//! use swarm_notify::swarm::{Config, Gate, ListRule, Swarm};
//! use swarm_notify::{keys, tcp};
//!
//! /// The owner's own rule: only one peer may speak the admin's protocol.
//! struct OneAdmin(PeerId);
//!
//! impl Gate for OneAdmin {
//!     fn may_speak(&mut self, peer: PeerId, protocol: &Protocol, _now: Duration) -> bool {
//!         protocol.as_str() != "/admin/1.0.0" || peer == self.0
//!     }
//! }
//!
//! # let peer = || keys::generate().map(|key| key.public().to_peer_id());
//! # let (admin, rude, banned) = (peer()?, peer()?, [peer()?, peer()?]);
//! let reactor = tcp::Reactor::new()?;
//! let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
//! let mut swarm = Swarm::from_os_rng(reactor, transport, &keys::generate()?, Config::default())?;
//! swarm.set_gate(Some(Box::new(OneAdmin(admin))));
//!
//! let now = Duration::ZERO;
//! let lists = swarm.lists_mut();
//! lists.deny_network("198.51.100.0/24".parse()?)?; // the smallest network with a rule decides
//! lists.allow_network("198.51.100.7".parse()?)?;
//! lists.replace_peers(banned.map(|peer| (peer, ListRule::Deny)))?; // a whole list at once: these, and no others
//! lists.deny_peer_until(rude, now + Duration::from_secs(600)); // and it may come again after that
//! swarm.tick(now); // what was open and is denied ends as `Denied`
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A notifee reaches the lists by `cx.network().node_mut().lists_mut()`. The owner of a host, with [`Node`] in scope,
//! reaches them by `handle.with(move |_, swarm| swarm.lists_mut().deny_peer(peer))`. Until the next turn has ended the
//! connections of a denied peer, events and data from this peer are still delivered.

// rustdoc lists the methods of `Swarm` in the order of these modules, the ones that an owner needs first.
mod make;

mod listen_and_dial;

mod turn;

mod events;

mod streams;

mod address;
mod address_group;
mod bit_set;
mod budget;
mod close_and_shut_down;
mod config;
mod dials;
mod door;
mod drive;
mod enforcing;
mod error;
mod eviction;
mod gate;
mod held_bytes;
mod listeners;
mod lists;
mod memory_bound;
mod memory_relief;
mod node;
mod opening_queue;
mod own_dial;
mod peers;
mod pipe;
mod reactor;
mod readiness;
mod refusals;
mod run_queue;
mod seeds;
mod shares;
mod socket_connection;
mod state;
mod timers;
mod trim;
mod view;
mod wake;

#[cfg(feature = "protocols")]
pub(crate) use address::plain_address;
#[cfg(feature = "protocols")]
pub(crate) use address_group::leads_here;
#[cfg(feature = "protocols")]
pub(crate) use address_group::{AddressGroup, is_loopback};
pub use config::Config;
pub use error::{CloseError, DialError, ListenError, NewSwarmError, OpenStreamError};
pub use gate::Gate;
pub use libp2p_core::{Multiaddr, Transport, multiaddr};
pub use lists::{ListFull, ListRule, Lists, Network, NetworkError};
pub use node::Node;
#[cfg(all(feature = "host", unix))]
pub(crate) use node::node_methods;
pub use pipe::PipeTransport;
pub use reactor::Reactor;
pub use readiness::Readiness;
pub use refusals::{Refusal, RefusedAt};
pub use shares::ProtocolLimits;
pub use trim::ProtectError;
pub use turn::Progress;
pub use view::{ConnectionView, ListenerView, StreamView};

use crate::clock::Clock;
use crate::connection::{Input, Protocol, security};
use crate::lifecycle::{ConnectionId, Table};
use alloc::vec::Vec;
use core::task::Waker;
use core::time::Duration;
use door::Door;
use enforcing::Enforcing;
use libp2p_identity::PeerId;
use listeners::Listeners;
use run_queue::{Closing, RunQueue};
use seeds::Seeds;
use socket_connection::SocketConnection;
use state::SwarmState;
use std::io;
use timers::SwarmTimers;
use trim::Trimming;
use wake::WakeSet;

/// A libp2p swarm that its owner drives. The page of the [module](self) explains how.
///
/// `EVENTS` is the capacity of the event queue, in events; 1 is enough. Dropping a swarm closes all its sockets at once,
/// without events. To close connections politely, call [`shutdown`](Self::shutdown) first.
///
/// A swarm is [`Send`] if its reactor and its transport are [`Send`], including the transport's sockets
/// ([`Transport::Output`]), dials and upgrades. A swarm over this crate's TCP is `Send`: it can be made in one thread and
/// driven in another. Every method that changes the swarm needs `&mut self`, so that the swarm contains no locks. Other
/// threads send their requests to the owner, through a channel for example, and then call the [`waker`](Self::waker) so that
/// the owner does a turn. [`Notifees`](crate::notifee::Notifees) stay in the thread that made them.
pub struct Swarm<T: Transport, const EVENTS: usize = 256, R = ()> {
    transport: T,
    security: security::Config,
    seeds: Seeds,
    state: SwarmState<EVENTS>,
    listeners: Listeners,
    connections: Table<ConnectionId, SocketConnection<T>>,
    door: Door<T>,
    timers: SwarmTimers,
    trimming: Trimming,
    wakers: WakeSet,
    queue: RunQueue,
    /// `true` if the transport may have events that the swarm has not polled for, because the event queue had no room to
    /// open a connection.
    is_transport_due: bool,
    is_shutting_down: bool,
    /// The position that a shutdown has reached in the tables of listeners and connections; `None` if there is no shutdown,
    /// or if it has nothing left to close.
    closing: Option<Closing>,
    /// The position that the check of all open connections has reached. A change of the lists or the gate starts this check.
    /// `None` if no check is under way.
    enforcing: Option<Enforcing>,
    clock: Clock,
    /// The latest time that the owner has passed to the swarm.
    now: Duration,
    /// `true` if the owner's waker was called before the last turn.
    is_called: bool,
    /// `true` if [`wait`](Self::wait) has polled the reactor since the last turn.
    has_waited: bool,
    /// `true` if the last poll of the reactor filled its buffer, so that more sockets may be ready.
    hears_more: bool,
    last_error: Option<io::Error>,
    /// The buffer for bytes that are read from byte pipes; every turn uses it again. The field `output` is the buffer for
    /// bytes that are written to byte pipes.
    input: Input,
    output: Vec<u8>,
    /// The reactor. It is the last field because fields are dropped in order: the sockets have to deregister before the
    /// reactor's poller is dropped.
    reactor: R,
}

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: PipeTransport,
    R: Reactor,
{
    /// Returns our own peer id, which is derived from the identity key of this swarm.
    #[must_use]
    pub const fn local_peer(&self) -> PeerId {
        self.state.local_peer
    }

    /// Lets inbound streams choose `protocol`, from now on. Registering a protocol again changes nothing. The number of
    /// registered protocols has no limit, since only the owner registers protocols.
    pub fn register_protocol(&mut self, protocol: Protocol) {
        if !self.state.protocols.contains(&protocol) {
            self.state.protocols.push(protocol);
        }
    }

    /// Stops inbound streams from choosing `protocol`. The peer of a stream that is still negotiating is answered that the
    /// protocol is not spoken. A stream that has already chosen the protocol is kept, whether the stream is open or waits to
    /// open. If `protocol` was not registered, nothing changes.
    pub fn unregister_protocol(&mut self, protocol: &Protocol) {
        self.state.protocols.retain(|other| other != protocol);
    }

    /// Limits the number of streams of a protocol that peers may have open: the streams of one peer, and the streams of all
    /// peers together. A stream that chooses the protocol beyond a limit is reset, and fails with
    /// [`Failure::Limit`](crate::lifecycle::Failure::Limit), so that its peer can try again later. The stream is not
    /// answered with "protocol not supported", since peers remember that answer.
    ///
    /// Streams that are open at the time of the call count towards the limits, and are kept even beyond them. Streams that
    /// we open do not count. A second call replaces the limits; [`ProtocolLimits::default`] removes them. The limits outlive
    /// [`unregister_protocol`](Self::unregister_protocol).
    ///
    /// ```
    /// use swarm_notify::connection::Protocol;
    /// use swarm_notify::swarm::ProtocolLimits;
    /// # use libp2p_core::transport::MemoryTransport;
    /// # use swarm_notify::identity::Keypair;
    /// # use swarm_notify::swarm::{Config, Swarm};
    /// # let key = Keypair::ed25519_from_bytes([1; 32]).unwrap();
    /// # let mut swarm = Swarm::new(MemoryTransport::new(), &key, [1; 32], Config::default())?;
    /// const FILES: Protocol = Protocol::from_static("/files/1.0.0");
    /// swarm.register_protocol(FILES);
    /// swarm.limit_protocol(&FILES, ProtocolLimits::new().with_per_peer(4).with_total(100));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn limit_protocol(&mut self, protocol: &Protocol, limits: ProtocolLimits) {
        self.state.limit_protocol(protocol, limits);
    }

    /// Adds `count` to the refusals of a connection. Authors of protocols call this when their protocol has refused
    /// something that has no id, such as messages, which arrived on that connection. [`Readiness::Refused`] tells the owner
    /// the numbers, so that a protocol need not keep or report them itself. If the connection is not open, only the totals
    /// change.
    ///
    /// ```
    /// use swarm_notify::lifecycle::{ConnectionId, Fault};
    /// use swarm_notify::notifee::Node;
    /// use swarm_notify::swarm::Refusal;
    ///
    /// /// What a protocol does with a message that it cannot decode: beyond a hundred, the connection ends.
    /// fn malformed(node: &mut dyn Node, connection: ConnectionId, so_far: u64) {
    ///     node.count_refusals(connection, Refusal::MessageInvalid, 1);
    ///     if so_far > 100 {
    ///         // It may have ended already.
    ///         let _ = node.fail_connection(connection, Fault::Protocol);
    ///     }
    /// }
    /// ```
    pub fn count_refusals(&mut self, connection: ConnectionId, refusal: Refusal, count: u64) {
        self.state.count_refusals(connection.into(), refusal, count);
    }

    /// Returns a waker with which any thread can ask the owner for a turn. In a swarm with a reactor, the waker ends a
    /// [`wait`](Self::wait) and makes the descriptor readable; in a swarm without a reactor, it makes [`poll`](Swarm::poll)
    /// ready. The next turn clears the call, so look for messages from the other thread after that turn, not before it.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.wakers.caller()
    }
}
