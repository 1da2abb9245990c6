//! Observers: a [`Notifee`] is told of the events in which it has declared an interest. A [`Notifees`] is the registry of
//! notifees, and tells them the events one after another.
//!
//! The notifees observe a *network*, which is anything that produces events: a [`Lifecycle`](crate::lifecycle::Lifecycle), a
//! [`Swarm`](crate::swarm::Swarm), or your own type with a swarm inside ([`HasNode`]). A notifee gets access to the network
//! with each notification, so that it needs no shared ownership of the network.
//!
//! - Each event is told to the notifees that have declared an [`Interest`] in its kind, in the order of their registration.
//!   Events of other kinds cost a notifee nothing.
//! - A notifee may give any command to the network, and register and unregister notifees, including itself. The events that
//!   a command causes are told later. For a notifee that is registered inside a notification, the next event is the first
//!   that it is told. A notifee that is unregistered is told nothing more, not even the present event.
//! - Inside a notification the network's `next_event` returns `None`, so that all notifees can still look up the ids of the
//!   present event.
//! - A notifee that is registered late can first be told [what is open already](Notifees::register_and_replay).
//! - A notifee can [emit](NotifeeContext::emit) an event of any type to all other notifees, which are told of it after the
//!   present event. Services report to other notifees in this way.
//! - A slow notifee delays the whole node ([`Notifee`] explains what that costs). [Spawn](mod@spawned) a slow notifee on a
//!   thread of its own, or receive events from a [`subscription`](mod@subscription) in a task or thread of yours.
//! - If a notifee panics and the owner catches the panic, the next [`dispatch`](Notifees::dispatch) continues with the
//!   notifee after that one: all others are told the event, none of them twice. [`catch_panics`](fn@catch_panics) catches
//!   and reports the panics of a single notifee.
//! - A notifee that observes peers, rather than connections, is wrapped in [`Peers`]: it is told when a peer's first
//!   connection opens and when its last one ends.
//! - A notifee that does the same for all nine events implements one method, [`Notifee::event`].
//! - The owner who drives the registry can see each event after all notifees have been told of it: with
//!   [`Notifees::drive_with`], or with [`Notifees::drive_with_ready`] if the owner has streams of its own.
//! - To unregister a notifee costs O(1) on average, however many are registered: 10 000 notifees can unregister themselves
//!   in one event.
//!
//! ```
//! use swarm_notify::lifecycle::{ConnectionId, Direction, Lifecycle, Limits};
//! use swarm_notify::notifee::{Interest, Notifee, NotifeeContext, Notifees};
//!
//! #[derive(Default)]
//! struct Peers(Vec<ConnectionId>);
//!
//! impl<N> Notifee<N> for Peers {
//!     fn interest(&self) -> Interest {
//!         Interest::CONNECTED
//!     }
//!
//!     fn connected(&mut self, _cx: &mut NotifeeContext<'_, N>, connection: ConnectionId) {
//!         self.0.push(connection);
//!     }
//! }
//!
//! let mut lifecycle = Lifecycle::<8>::new(Limits::default());
//! let mut notifees = Notifees::new();
//! let peers = notifees.register(Peers::default());
//!
//! let connection = lifecycle.begin_connection(Direction::Inbound)?;
//! lifecycle.opened(connection)?;
//! notifees.dispatch(&mut lifecycle);
//! assert_eq!(notifees.get(peers).unwrap().0, [connection]);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! This example on a swarm has a notifee that greets each peer, and a subscription for a thread that may be slow:
//!
#![cfg_attr(all(feature = "tcp", feature = "subscription"), doc = "```")]
#![cfg_attr(not(all(feature = "tcp", feature = "subscription")), doc = "```ignore")]
//! use swarm_notify::connection::Protocol;
//! use swarm_notify::lifecycle::ConnectionId;
//! use swarm_notify::notifee::{HasNode, Interest, Notice, Notifee, NotifeeContext, Notifees, subscription};
//!
//! const HELLO: Protocol = Protocol::from_static("/hello/1.0.0");
//!
//! #[derive(Default)]
//! struct Greeter {
//!     greeted: u32,
//! }
//!
//! impl<N: HasNode> Notifee<N> for Greeter {
//!     fn interest(&self) -> Interest {
//!         Interest::CONNECTED // streams come and go at no cost here
//!     }
//!
//!     fn connected(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId) {
//!         let node = cx.network().node_mut();
//!         if let Ok(stream) = node.open_stream(connection, &[HELLO]) { // any command, now; what it causes is told later
//!             self.greeted += u32::from(node.write(stream, b"hello").is_ok() && node.close_stream(stream).is_ok());
//!         }
//!     }
//! }
//!
//! let mut notifees: Notifees<swarm_notify::tcp::Swarm> = Notifees::new();
//! let greeter = notifees.register(Greeter::default()); // an id that knows the type: `get` and `get_mut` lend it
//!
//! let (subscriber, mut notices) = subscription(256); // bounded, and exact about what it missed
//! notifees.register(subscriber);
//! std::thread::spawn(move || {
//!     while let Some(notice) = notices.recv_blocking() {
//!         match notice {
//!             Notice::Snapshot(open) => println!("{} are open", open.len()), // comes first, and after each lag
//!             Notice::Lagged(missed) => println!("{missed} came and went"),
//!             notice => println!("{notice:?}"),
//!         }
//!     }
//! });
//! // Then, after each `swarm.tick(…)`: `notifees.drive(&mut swarm, now)`, instead of draining by hand. A loop that sleeps
//! // sleeps until the earlier of `swarm.poll_at()` and `notifees.poll_at()`.
//! assert_eq!(notifees.get(greeter).map(|greeter| greeter.greeted), Some(0));
//! ```

#[cfg(feature = "connection")]
pub mod caught;
mod interest;
mod network;
#[cfg(feature = "subscription")]
mod notice;
#[cfg(feature = "swarm")]
pub mod peers;
mod registry;
#[cfg(feature = "subscription")]
pub mod spawned;
#[cfg(feature = "subscription")]
pub mod subscription;

#[cfg(feature = "connection")]
pub use caught::{CatchPanics, NotifeePanic, Notification, catch_panics};
pub use interest::Interest;
#[cfg(feature = "swarm")]
pub use network::HasNode;
pub use network::Network;
#[cfg(feature = "subscription")]
pub use notice::{ConnectionInfo, ListenerInfo, Notice, RefusalInfo, StreamInfo};
#[cfg(feature = "swarm")]
pub use peers::{PeerNotifee, Peers};
#[cfg(feature = "swarm")]
pub use registry::Occurrence;
#[cfg(feature = "protocols")]
pub use registry::Service;
pub use registry::{NotifeeContext, NotifeeId, Notifees};
#[cfg(feature = "subscription")]
pub use spawned::{BlockingNotifee, ThreadPanic};
#[cfg(feature = "subscription")]
pub use subscription::{Subscriber, Subscription, subscription};

#[cfg(feature = "swarm")]
pub use crate::swarm::Node;

use crate::lifecycle::{
    ConnectionEnd, ConnectionId, Event, Failure, Limits, ListenerEnd, ListenerId, StreamEnd, StreamId,
};
#[cfg(feature = "swarm")]
use crate::swarm::{Refusal, RefusedAt};
use core::any::Any;
use core::time::Duration;

/// An observer of the network `N`: of a lifecycle, a swarm, or a type that contains one of them. The methods of the nine
/// events have the names of libp2p's notifee interface. By default each of these nine methods calls [`event`](Self::event);
/// all other methods are empty by default.
///
/// A notifee that forwards all events takes three lines:
///
/// ```
/// use std::sync::mpsc::{Sender, channel};
/// use swarm_notify::lifecycle::{Direction, Event, Lifecycle, Limits};
/// use swarm_notify::notifee::{Notifee, NotifeeContext, Notifees};
///
/// struct Forward(Sender<Event>);
///
/// impl<N> Notifee<N> for Forward {
///     fn event(&mut self, _cx: &mut NotifeeContext<'_, N>, event: Event) {
///         let _ = self.0.send(event); // nobody may listen any more
///     }
/// }
///
/// let (sender, events) = channel();
/// let mut lifecycle = Lifecycle::<8>::new(Limits::default());
/// let mut notifees = Notifees::new();
/// notifees.register(Forward(sender));
/// let connection = lifecycle.begin_connection(Direction::Inbound)?;
/// lifecycle.opened(connection)?;
/// notifees.dispatch(&mut lifecycle);
/// assert_eq!(events.try_recv()?, Event::Connected { connection });
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
///
/// The methods of readiness ([`stream_ready`](Self::stream_ready), [`addresses_changed`](Self::addresses_changed)) and of
/// time ([`poll_at`](Self::poll_at), [`tick`](Self::tick)) are for notifees that speak a protocol, and
/// [`emitted`](Self::emitted) is for notifees that receive the events which other notifees emit.
///
/// # A slow notifee
///
/// A notifee runs on the thread of the swarm's owner, and nothing else runs there meanwhile. All notifees after it have to
/// wait until it returns. The whole node waits, too: no socket is read or written, no connection is accepted, no ping is
/// answered, and no deadline is handled. If a notifee takes
///
/// - **milliseconds**, peers notice latency;
/// - **more than 5 s**, peers that are closing a connection politely give up waiting and cut it
///   ([`close_timeout`](crate::connection::Config::close_timeout));
/// - **more than 10 s**, peers that are connecting or opening a stream give up
///   ([`handshake_timeout`](crate::connection::Config::handshake_timeout),
///   [`negotiation_timeout`](crate::connection::Config::negotiation_timeout));
/// - **more than 15 s**, js-libp2p ends connections whose ping was not answered, and peers with this crate end connections
///   that had been silent for 30 s before; **more than 45 s**, peers with this crate end all connections. Each end is told
///   by `disconnected`.
///
/// These durations are the defaults of this crate, at the peer. Our own deadlines are handled after the notifee has returned
/// and all that has arrived meanwhile was read ([`lateness`](crate::swarm::Config::lateness)), so that no peer is blamed for
/// the delay.
///
/// So [spawn](Notifees::spawn) a notifee that may block on a disk, a lock or another service on a thread of its own: then
/// only its own notices wait for it. To handle events in a task instead of a thread, use a
/// [`subscription`](fn@subscription).
#[diagnostic::on_unimplemented(
    note = "a `BlockingNotifee` is given to `Notifees::spawn`",
    note = "a `PeerNotifee` is registered as `Peers::new(…)`"
)]
pub trait Notifee<N> {
    /// Returns the kinds of notification that the notifee wants. The default is [`Interest::ALL`]. The registry calls this
    /// method once, when the notifee is registered.
    fn interest(&self) -> Interest {
        Interest::ALL
    }

    /// Handles any of the nine events: the default implementations of the nine methods call this method. So it is the only
    /// method that a notifee needs in order to forward, print or count events.
    ///
    /// The registry itself calls only the nine methods, so a notifee that does not implement this method pays nothing for
    /// it. To pass an event on to another notifee, whichever of its methods that notifee implements, call [`Event::tell`].
    fn event(&mut self, _cx: &mut NotifeeContext<'_, N>, _event: Event) {}

    /// Handles the event that a listener has opened, that is, has its first address.
    fn listen(&mut self, cx: &mut NotifeeContext<'_, N>, listener: ListenerId) {
        self.event(cx, Event::Listen { listener });
    }

    /// Handles the event that a listener could not open.
    fn listen_failed(&mut self, cx: &mut NotifeeContext<'_, N>, listener: ListenerId, reason: Failure) {
        self.event(cx, Event::ListenFailed { listener, reason });
    }

    /// Handles the event that an open listener has ended.
    fn listen_close(&mut self, cx: &mut NotifeeContext<'_, N>, listener: ListenerId, reason: ListenerEnd) {
        self.event(cx, Event::ListenClose { listener, reason });
    }

    /// Handles the event that a connection has opened.
    fn connected(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId) {
        self.event(cx, Event::Connected { connection });
    }

    /// Handles the event that a connection could not open.
    fn connect_failed(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId, reason: Failure) {
        self.event(cx, Event::ConnectFailed { connection, reason });
    }

    /// Handles the event that an open connection has ended.
    fn disconnected(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId, reason: ConnectionEnd) {
        self.event(cx, Event::Disconnected { connection, reason });
    }

    /// Handles the event that a stream has opened.
    fn opened_stream(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId, stream: StreamId) {
        self.event(cx, Event::OpenedStream { connection, stream });
    }

    /// Handles the event that a stream could not open.
    fn stream_failed(
        &mut self,
        cx: &mut NotifeeContext<'_, N>,
        connection: ConnectionId,
        stream: StreamId,
        reason: Failure,
    ) {
        self.event(cx, Event::StreamFailed { connection, stream, reason });
    }

    /// Handles the event that an open stream has ended.
    fn closed_stream(
        &mut self,
        cx: &mut NotifeeContext<'_, N>,
        connection: ConnectionId,
        stream: StreamId,
        reason: StreamEnd,
    ) {
        self.event(cx, Event::ClosedStream { connection, stream, reason });
    }

    /// Handles the news that a stream can be read (`readable`) or written (`writable`). The stream may belong to another
    /// notifee or to the owner, so check whether it is yours. The page of `swarm::Readiness` explains when this method is
    /// called again for a stream.
    fn stream_ready(&mut self, _cx: &mut NotifeeContext<'_, N>, _stream: StreamId, _readable: bool, _writable: bool) {}

    /// Handles the news that the addresses of an open listener have changed.
    fn addresses_changed(&mut self, _cx: &mut NotifeeContext<'_, N>, _listener: ListenerId) {}

    /// Handles the news of refusals: peers were refused something, or connections or streams of theirs ended before they had
    /// an id. `at` is the connection or listener, `refusal` is the kind, and `count` is the number of refusals since the
    /// last call with the same `at` and `refusal`. There is at most one such call a second: see
    /// [`Readiness::Refused`](crate::swarm::Readiness::Refused).
    #[cfg(feature = "swarm")]
    fn refused(&mut self, _cx: &mut NotifeeContext<'_, N>, _at: RefusedAt, _refusal: Refusal, _count: u64) {}

    /// Returns the time at which the notifee's next [`tick`](Self::tick) is due, on the clock of the network's owner, or
    /// `None` for no tick. The registry calls this method only if the notifee's interest contains [`Interest::TIME`].
    fn poll_at(&self) -> Option<Duration> {
        None
    }

    /// Handles a deadline: the time that [`poll_at`](Self::poll_at) returned has come.
    fn tick(&mut self, _cx: &mut NotifeeContext<'_, N>) {}

    /// Returns the maximum number of bytes that the notifee can have allocated on the heap, besides its own value, in a
    /// network with these limits. [`Notifees::memory_bound`] adds up the numbers of all notifees. The default is 0:
    /// implement this method if your notifee stores something for each connection or stream. The services of this crate
    /// return the bound of their `Config`.
    fn memory_bound(&self, _limits: &Limits) -> usize {
        0
    }

    /// Handles an event that another notifee, `from`, has [emitted](NotifeeContext::emit). The emitting notifee is often a
    /// service. `event.downcast_ref()` returns the event if it is of the requested type.
    fn emitted(&mut self, _cx: &mut NotifeeContext<'_, N>, _from: NotifeeId, _event: &dyn Any) {}
}

impl Event {
    /// Tells a notifee of this event, by calling the method that has the event's [name](Self::name). This method is for
    /// notifees that wrap other notifees.
    ///
    /// ```
    /// use swarm_notify::lifecycle::Event;
    /// use swarm_notify::notifee::{Interest, Notifee, NotifeeContext};
    ///
    /// /// Tells the notifee inside, if it is switched on.
    /// struct Switch<T>(bool, T);
    ///
    /// impl<N, T: Notifee<N>> Notifee<N> for Switch<T> {
    ///     fn interest(&self) -> Interest {
    ///         self.1.interest() & Interest::EVENTS
    ///     }
    ///
    ///     fn event(&mut self, cx: &mut NotifeeContext<'_, N>, event: Event) {
    ///         if self.0 {
    ///             event.tell(&mut self.1, cx);
    ///         }
    ///     }
    /// }
    /// ```
    pub fn tell<N>(self, notifee: &mut (impl Notifee<N> + ?Sized), cx: &mut NotifeeContext<'_, N>) {
        match self {
            Self::Listen { listener } => notifee.listen(cx, listener),
            Self::ListenFailed { listener, reason } => notifee.listen_failed(cx, listener, reason),
            Self::ListenClose { listener, reason } => notifee.listen_close(cx, listener, reason),
            Self::Connected { connection } => notifee.connected(cx, connection),
            Self::ConnectFailed { connection, reason } => notifee.connect_failed(cx, connection, reason),
            Self::Disconnected { connection, reason } => notifee.disconnected(cx, connection, reason),
            Self::OpenedStream { connection, stream } => notifee.opened_stream(cx, connection, stream),
            Self::StreamFailed { connection, stream, reason } => notifee.stream_failed(cx, connection, stream, reason),
            Self::ClosedStream { connection, stream, reason } => notifee.closed_stream(cx, connection, stream, reason),
        }
    }
}
