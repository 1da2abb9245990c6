//! Observers: a [`Notifee`] is told of the events in which it has an interest, and [`Notifees`] tells all notifees, in
//! order.
//!
//! The network that they observe is anything with events: a [`Lifecycle`](crate::lifecycle::Lifecycle), a
//! [`Swarm`](crate::swarm::Swarm), or your own type with a swarm inside ([`HasNode`]). Each notification gets access to the
//! network, so that a notifee needs no shared ownership to act.
//!
//! - Each event goes to the notifees that have declared an [`Interest`] in its kind, in the order of their registration. For
//!   all other kinds a notifee costs nothing.
//! - A notifee may give any command to the network, and register and unregister notifees, including itself. The events that
//!   a command causes are told later. A notifee that is registered inside a notification is told of the next event first.
//!   One that is unregistered is told nothing more, not even the present event.
//! - Inside a notification the network's `next_event` returns `None`, so that all notifees can still look up the ids of the
//!   present event.
//! - A notifee that is registered late can first be told [what is open already](Notifees::register_and_replay).
//! - A notifee can tell all others something: it [emits](NotifeeContext::emit) an event of any type, which is told after the
//!   present one. Services report to other notifees in this way.
//! - A slow notifee delays everybody ([`Notifee`] says what that costs). [Spawn](mod@spawned) it on a thread of its own, or
//!   give it a [`subscription`](mod@subscription) in a task or thread of yours.
//! - If a notifee panics and the owner catches the panic, the next [`dispatch`](Notifees::dispatch) goes on behind that
//!   notifee: all others are told, none of them twice. [`catch_panics`](fn@catch_panics) catches and reports the panics of a
//!   single notifee.
//! - A notifee that cares about peers, and not about single connections, is wrapped in [`Peers`].
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

#[cfg(feature = "connection")]
pub mod caught;
mod context;
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
pub use context::NotifeeContext;
pub use interest::Interest;
pub use network::Network;
#[cfg(all(feature = "host", unix))]
pub(crate) use network::node_methods;
#[cfg(feature = "swarm")]
pub use network::{HasNode, Node};
#[cfg(feature = "subscription")]
pub use notice::{ConnectionInfo, ListenerInfo, Notice, RefusalInfo, StreamInfo};
#[cfg(feature = "swarm")]
pub use peers::{PeerNotifee, Peers};
#[cfg(feature = "swarm")]
pub use registry::Occurrence;
#[cfg(feature = "protocols")]
pub use registry::Service;
pub use registry::{NotifeeId, Notifees};
#[cfg(feature = "subscription")]
pub use spawned::{BlockingNotifee, ThreadPanic};
#[cfg(feature = "subscription")]
pub use subscription::{Subscriber, Subscription, subscription};

use crate::lifecycle::{
    ConnectionEnd, ConnectionId, Event, Failure, Limits, ListenerEnd, ListenerId, StreamEnd, StreamId,
};
#[cfg(feature = "swarm")]
use crate::swarm::{Refusal, RefusedAt};
use core::any::Any;
use core::time::Duration;

/// An observer of the network `N`. The methods of the nine events have the names of libp2p's notifee interface. By default
/// each of them calls [`event`](Self::event); all other methods are empty by default.
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
/// Readiness and time are for notifees that speak a protocol, and [`emitted`](Self::emitted) for those that listen to such
/// notifees.
///
/// # A slow notifee
///
/// A notifee runs on its owner's thread, and nothing else runs there meanwhile. All notifees behind it are told later, by as
/// long as it takes. The whole node waits, too: no socket is read or written, nothing is accepted, no ping is answered, and
/// no deadline is handled. If it takes
///
/// - **milliseconds**, peers notice latency;
/// - **more than 5 s**, peers that are closing a connection cut it
///   ([`close_timeout`](crate::connection::Config::close_timeout));
/// - **more than 10 s**, peers that are connecting or opening a stream give that up
///   ([`handshake_timeout`](crate::connection::Config::handshake_timeout),
///   [`negotiation_timeout`](crate::connection::Config::negotiation_timeout));
/// - **more than 15 s**, js-libp2p ends connections whose ping was not answered, and peers with this crate end connections
///   that had been silent for 30 s before; **more than 45 s**, peers with this crate end all connections. Each end is told
///   by `disconnected`.
///
/// These are the defaults of this crate at the other end. Our own deadlines are handled after the notifee has returned and
/// all that has arrived meanwhile was read ([`lateness`](crate::swarm::Config::lateness)), so that no peer is blamed for the
/// delay.
///
/// So [spawn](Notifees::spawn) a notifee that may block on a disk, a lock or another service: then only its own notices wait
/// for it. For a task instead of a thread there is [`subscription`](fn@subscription).
#[diagnostic::on_unimplemented(
    note = "a `BlockingNotifee` is given to `Notifees::spawn`",
    note = "a `PeerNotifee` is registered as `Peers::new(…)`"
)]
pub trait Notifee<N> {
    /// Returns the kinds of notification that it wants. The default is [`Interest::ALL`]. The registry asks once, when the
    /// notifee is registered.
    fn interest(&self) -> Interest {
        Interest::ALL
    }

    /// Handles any of the nine events: the defaults of their methods call this one. So this one method is enough for a
    /// notifee that forwards, prints or counts events.
    ///
    /// The registry calls the nine methods, and never this one, so that a notifee that does not implement it pays nothing
    /// for it. To hand an event to another notifee, whichever of the methods that implements, call [`Event::tell`].
    fn event(&mut self, _cx: &mut NotifeeContext<'_, N>, _event: Event) {}

    /// A listener has its first address.
    fn listen(&mut self, cx: &mut NotifeeContext<'_, N>, listener: ListenerId) {
        self.event(cx, Event::Listen { listener });
    }

    /// A listener could not open.
    fn listen_failed(&mut self, cx: &mut NotifeeContext<'_, N>, listener: ListenerId, reason: Failure) {
        self.event(cx, Event::ListenFailed { listener, reason });
    }

    /// An open listener has ended.
    fn listen_close(&mut self, cx: &mut NotifeeContext<'_, N>, listener: ListenerId, reason: ListenerEnd) {
        self.event(cx, Event::ListenClose { listener, reason });
    }

    /// A connection is up.
    fn connected(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId) {
        self.event(cx, Event::Connected { connection });
    }

    /// A connection could not open.
    fn connect_failed(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId, reason: Failure) {
        self.event(cx, Event::ConnectFailed { connection, reason });
    }

    /// An open connection has ended.
    fn disconnected(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId, reason: ConnectionEnd) {
        self.event(cx, Event::Disconnected { connection, reason });
    }

    /// A stream is up.
    fn opened_stream(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId, stream: StreamId) {
        self.event(cx, Event::OpenedStream { connection, stream });
    }

    /// A stream could not open.
    fn stream_failed(
        &mut self,
        cx: &mut NotifeeContext<'_, N>,
        connection: ConnectionId,
        stream: StreamId,
        reason: Failure,
    ) {
        self.event(cx, Event::StreamFailed { connection, stream, reason });
    }

    /// An open stream has ended.
    fn closed_stream(
        &mut self,
        cx: &mut NotifeeContext<'_, N>,
        connection: ConnectionId,
        stream: StreamId,
        reason: StreamEnd,
    ) {
        self.event(cx, Event::ClosedStream { connection, stream, reason });
    }

    /// A stream can be read or written. It may be a stream of another notifee or of the owner, so check whether it is yours.
    /// `swarm::Readiness` says when a stream is named again.
    fn stream_ready(&mut self, _cx: &mut NotifeeContext<'_, N>, _stream: StreamId, _readable: bool, _writable: bool) {}

    /// The addresses of an open listener have changed.
    fn addresses_changed(&mut self, _cx: &mut NotifeeContext<'_, N>, _listener: ListenerId) {}

    /// Something was refused to a peer, or ended before it had an id: `count` such things since the last call for this place
    /// and kind. It is called at most once a second for each connection or listener and kind: see
    /// [`Readiness::Refused`](crate::swarm::Readiness::Refused).
    #[cfg(feature = "swarm")]
    fn refused(&mut self, _cx: &mut NotifeeContext<'_, N>, _at: RefusedAt, _refusal: Refusal, _count: u64) {}

    /// Returns the time of its next [`tick`](Self::tick), on the clock of the network's owner; `None` stands for never. It
    /// is asked only if its interest contains [`Interest::TIME`].
    fn poll_at(&self) -> Option<Duration> {
        None
    }

    /// The time of [`poll_at`](Self::poll_at) has come.
    fn tick(&mut self, _cx: &mut NotifeeContext<'_, N>) {}

    /// Returns the most bytes of heap that it can take, besides its own value, in a network with these limits.
    /// [`Notifees::memory_bound`] adds up the numbers of all notifees. The default is 0: implement it if you keep something
    /// for each connection or stream. The services of this crate return the bound of their `Config`.
    fn memory_bound(&self, _limits: &Limits) -> usize {
        0
    }

    /// Another notifee, a service for instance, has [emitted](NotifeeContext::emit) an event. `event.downcast_ref()` returns
    /// it as a certain type, if it is of that type.
    fn emitted(&mut self, _cx: &mut NotifeeContext<'_, N>, _from: NotifeeId, _event: &dyn Any) {}
}

impl Event {
    /// Tells a notifee of this event: calls the method of the event's [name](Self::name). It is for notifees that wrap
    /// others.
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
