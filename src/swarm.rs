//! The swarm: sockets in, events out. Its owner drives it; it has no task, thread, timer or channel.
//!
//! [`Swarm`] takes raw byte pipes from any [`libp2p_core::Transport`], authenticates and multiplexes each
//! ([`connection`](crate::connection)), and tells its owner of everything that opens and ends
//! ([`lifecycle`](crate::lifecycle)). Everything is owned by it and named by id.
//!
//! One turn of an owner's loop:
//!
//! 1. [`tick`](Swarm::tick), or [`turn`](Swarm::turn) under a budget: hears all that has come, and handles it as far as
//!    the event queue has room;
//! 2. [`next_event`](Swarm::next_event) until there is none: what lives and what has ended. What a closing event names
//!    can be looked up until the next call;
//! 3. [`next_ready`](Swarm::next_ready) until there is none: what can be read and written;
//! 4. [`flush_all`](Swarm::flush_all): your writes leave now, and do not wait for the next turn;
//! 5. sleep: to the end of a frame; or until the swarm's descriptor is readable or [`poll_at`](Swarm::poll_at) has come;
//!    or in [`wait`](Swarm::wait).
//!
//! There are two kinds of swarm. [`with_reactor`](Swarm::with_reactor) takes a transport and the [`Reactor`] that wakes its
//! sockets ([`tcp`](crate::tcp)), which the swarm then drives in its own turns. [`new`](Swarm::new) takes a transport that
//! wakes by itself; an asynchronous owner of such a swarm may [`poll`](Swarm::poll) it with a waker.
//! [`from_os_rng`](Swarm::from_os_rng) and [`with_events`](Swarm::with_events) make either, the one with a seed from the
//! system, the other with a queue of another size.
//!
//! Commands can be given at any time and return at once. They act on what is in memory; the next turn does what they
//! cause on sockets, and their time-outs count from it. A fault of an address, a peer or the network is never a
//! command's error: it is an event.
//!
//! While the event queue is full nothing becomes open: accepting pauses, and what is ready to open waits in line, and
//! so does our answer to its peer. Everything that is open goes on.
//!
//! A connection that comes in has no id, and is told by no event, until its peer is authenticated
//! ([`inbound_handshakes`](Swarm::inbound_handshakes)). So whoever can only reach the port makes an owner hear nothing.
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

// The page of `Swarm` has the methods of these first, in this order.
mod make;

mod listen_and_dial;

mod turn;

mod events;

mod streams;

mod address;
mod address_group;
mod bit_set;
mod budget;
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
mod reactor;
mod readiness;
mod refusals;
mod retry;
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
pub use reactor::Reactor;
pub use readiness::Readiness;
pub use refusals::{Refusal, RefusedAt};
pub use shares::ProtocolLimits;
pub use trim::ProtectError;
pub use turn::Progress;
pub use view::{ConnectionView, ListenerView, StreamView};

use crate::clock::Clock;
use crate::connection::{Input, Protocol, UNTIMED, noise};
use crate::lifecycle::{ConnectionEnd, ConnectionId, Fault, Id, ListenerEnd, ListenerId, State, Table};
use alloc::vec::Vec;
use core::task::{Context, Waker};
use core::time::Duration;
use door::Door;
use enforcing::Enforcing;
use futures_lite::io::{AsyncRead, AsyncWrite};
use libp2p_identity::PeerId;
use listeners::Listeners;
use run_queue::{Closing, RunQueue};
use seeds::Seeds;
use socket_connection::SocketConnection;
use state::SwarmState;
use std::io;
use timers::SwarmTimers;
use trim::Trimming;
use wake::{WakeSet, WakeTarget};

/// A libp2p swarm that its owner drives. See the [module](self) for how.
///
/// `EVENTS` is the size of its event queue; 1 is enough. Dropping a swarm closes all its sockets at once, and tells of
/// nothing: [`shutdown`](Self::shutdown) is the way to end in good order.
///
/// It is [`Send`] if its transport is, with its sockets ([`Transport::Output`]), dials and upgrades, and its reactor: a swarm
/// over our TCP is, and may be made in one thread and driven in another. All that changes it takes `&mut self`, so that
/// nothing in it is locked. Other threads leave what they want with its owner, in a channel, say, and call it for a turn with
/// the [`waker`](Self::waker). [`Notifees`](crate::notifee::Notifees) stay in the thread that made them.
pub struct Swarm<T: Transport, const EVENTS: usize = 256, R = ()> {
    transport: T,
    noise: noise::Config,
    seeds: Seeds,
    state: SwarmState<EVENTS>,
    listeners: Listeners,
    connections: Table<ConnectionId, SocketConnection<T>>,
    door: Door<T>,
    timers: SwarmTimers,
    trimming: Trimming,
    wakers: WakeSet,
    queue: RunQueue,
    /// The transport may have something to say that there was no room for.
    is_transport_due: bool,
    is_shutting_down: bool,
    /// The rest of a shutdown, while it has not begun to close everything.
    closing: Option<Closing>,
    /// The rest of the look at what is open, since the lists have changed.
    enforcing: Option<Enforcing>,
    clock: Clock,
    /// The time of the clock.
    now: Duration,
    /// The owner's waker was used before the last turn.
    is_called: bool,
    /// A wait has polled the reactor since the last turn.
    has_waited: bool,
    /// The reactor's buffer came back full, so that more sockets may be ready.
    hears_more: bool,
    last_error: Option<io::Error>,
    /// Memory that every turn uses again.
    input: Input,
    output: Vec<u8>,
    /// The last field, since fields are dropped in order: sockets deregister before the poller is gone.
    reactor: R,
}

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: Transport + Unpin,
    T::Output: AsyncRead + AsyncWrite + Unpin,
    T::Error: 'static,
    R: Reactor,
{
    /// Who we are to our peers.
    #[must_use]
    pub const fn local_peer(&self) -> PeerId {
        self.state.local_peer
    }

    /// Lets inbound streams choose `protocol`, from now on. Repeating it changes nothing. How many there are is for the
    /// owner to bound.
    pub fn register_protocol(&mut self, protocol: Protocol) {
        if !self.state.protocols.contains(&protocol) {
            self.state.protocols.push(protocol);
        }
    }

    /// Lets no more inbound streams choose `protocol`: one whose negotiation is under way finds that it is not spoken.
    /// Those that have chosen it stay, open or waiting to be. `protocol` was not registered: nothing changes.
    pub fn unregister_protocol(&mut self, protocol: &Protocol) {
        self.state.protocols.retain(|other| other != protocol);
    }

    /// Limits the streams of a protocol that peers may have open: those of one peer, and those of all together. A stream
    /// that chooses the protocol beyond a limit is reset and has failed of
    /// [`Failure::Limit`](crate::lifecycle::Failure::Limit), so that its peer can try again later. It does not hear that the
    /// protocol is not spoken, since peers remember that.
    ///
    /// Streams that are open already count, and stay. Streams that we open do not count. Repeating it replaces the limits;
    /// [`ProtocolLimits::default`] takes them back. The limits outlive
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

    /// Closes a listener. Its connections stay. Repeating it before its last event changes nothing.
    ///
    /// # Events
    /// [`ListenClose`](crate::lifecycle::Event::ListenClose) once its socket is closed, or
    /// [`ListenFailed`](crate::lifecycle::Event::ListenFailed) with
    /// [`Failure::Requested`](crate::lifecycle::Failure::Requested) if it was not open yet.
    ///
    /// # Errors
    /// [`CloseError`]; nothing has changed.
    pub fn close_listener(&mut self, id: ListenerId) -> Result<(), CloseError> {
        self.closable(id)?;
        self.end_listener(id, ListenerEnd::Requested);
        Ok(())
    }

    /// Closes a connection politely: what was written is sent, then yamux's go-away, then our side of the byte pipe
    /// ends, and what the peer has sent is read until it ends its side too or
    /// [`close_timeout`](crate::connection::Config::close_timeout) has passed. One that is not open yet is given up at
    /// once. Never refused for lack of room. Repeating it changes nothing.
    ///
    /// Wait for your answers first. The peer hears the go-away and the end of our side together, and most
    /// implementations end all streams at once then, answered or not. Whatever comes nevertheless can be read until the
    /// socket is closed.
    ///
    /// A connection that the peer is leaving by go-away 0 goes on with the streams that live. This ends it without them:
    /// what was written is sent, and the reason stays [`RemoteEnd::GoAway`](crate::lifecycle::RemoteEnd::GoAway).
    ///
    /// # Events
    /// Once the socket is closed, the last events of the streams that it still has, oldest first, then
    /// [`Disconnected`](crate::lifecycle::Event::Disconnected); or
    /// [`ConnectFailed`](crate::lifecycle::Event::ConnectFailed) with
    /// [`Failure::Requested`](crate::lifecycle::Failure::Requested) if it was not open yet.
    ///
    /// # Errors
    /// [`CloseError`]; nothing has changed.
    pub fn close_connection(&mut self, id: ConnectionId) -> Result<(), CloseError> {
        self.closable(id)?;
        if let Some(conn) = self.connections.get_mut(id) {
            conn.close(&mut self.state, ConnectionEnd::Requested, UNTIMED);
            conn.mark_commanded(&mut self.state);
        }
        Ok(())
    }

    /// Closes a connection at once: its socket is closed before this returns, and what was not sent is lost.
    ///
    /// # Events
    /// As for [`close_connection`](Self::close_connection).
    ///
    /// # Errors
    /// [`CloseError`]; nothing has changed.
    pub fn abort_connection(&mut self, id: ConnectionId) -> Result<(), CloseError> {
        self.closable(id)?;
        if let Some(conn) = self.connections.get_mut(id) {
            conn.cut(&mut self.state);
            conn.mark_dirty(&mut self.state);
        }
        Ok(())
    }

    /// Ends a connection at once, and blames its peer. Call it when the peer breaks a protocol of yours
    /// ([`Fault::Protocol`]) or asks for too much ([`Fault::Flood`]).
    ///
    /// The peer is sent yamux's go-away 1, if its socket takes that at once. The socket is closed before this returns;
    /// whatever else was not sent is lost. The peer may connect again at once. A connection that is being closed already keeps
    /// the reason of that close.
    ///
    /// # Events
    /// As for [`close_connection`](Self::close_connection), with
    /// [`ConnectionEnd::Failed`] and this fault.
    ///
    /// # Errors
    /// [`CloseError`]; nothing has changed.
    pub fn fail_connection(&mut self, id: ConnectionId, fault: Fault) -> Result<(), CloseError> {
        self.closable(id)?;
        let waker = self.wakers.waker(WakeTarget::of(id));
        if let Some(conn) = self.connections.get_mut(id) {
            conn.blame(&mut self.state, &mut Context::from_waker(&waker), fault);
            conn.mark_dirty(&mut self.state);
        }
        Ok(())
    }

    /// Counts so many things of a peer's that a protocol has refused and that have no id, at the connection on which they
    /// came: it is for authors of protocols. The owner is told by [`Readiness::Refused`], and a protocol need not keep
    /// or tell the numbers itself. Of a connection that is not open, nothing is kept but the totals.
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

    /// Closes everything: listeners at once, connections politely, as [`close_connection`](Self::close_connection) does,
    /// so that streams end, answered or not. Accepted connections whose peers are not authenticated are closed at once, by
    /// the next turns. From now on nothing new begins, and every command that would is refused. It costs O(1) here; what it
    /// causes is told as the owner keeps polling and draining, and
    /// is over when [`is_shut_down`](Self::is_shut_down) says so, at the latest a
    /// [`close_timeout`](crate::connection::Config::close_timeout) later.
    pub fn shutdown(&mut self) {
        if !core::mem::replace(&mut self.is_shutting_down, true) {
            self.closing = Some(Closing::default());
            self.state.stop_opening();
        }
    }

    /// Returns whether nothing lives any more and all events have been drained, after a [`shutdown`](Self::shutdown).
    /// [`Notifees::drive`](crate::notifee::Notifees::drive) says when notifees have heard everything, too.
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        self.is_shutting_down && self.closing.is_none() && self.state.lifecycle.is_empty()
    }

    /// Returns a waker that calls the owner for a turn, from any thread. With a reactor it ends a [`wait`](Self::wait) and
    /// makes the descriptor readable; without one it makes [`poll`](Swarm::poll) ready. The next turn takes the call as
    /// heard: look at what the other thread has left for you after that turn.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.wakers.caller()
    }

    fn closable(&self, id: impl Into<Id>) -> Result<(), CloseError> {
        match self.state.lifecycle.state(id) {
            Some(State::Opening | State::Open | State::Leaving) => Ok(()),
            Some(State::Ended) => Err(CloseError::Ended),
            None => Err(CloseError::Stale),
        }
    }
}
