//! [`catch_panics`]: a notifee whose panics are caught, reported and passed over.
//!
//! A panic of a plain notifee goes on to who drives the registry. [`Notifees`](super::Notifees) loses nothing by that: if
//! the driver catches it, the next call goes on behind the notifee. With [`catch_panics`] nobody but the notifee itself
//! notices: the panic ends its own turn, a report is made, and the next notifee is told in the same call. It stays
//! registered and hears of the next event. An exception in a notifee of py-libp2p is treated so.
//!
//! ```
//! use std::cell::RefCell;
//! use std::rc::Rc;
//! use swarm_notify::lifecycle::{ConnectionId, Direction, Lifecycle, Limits};
//! use swarm_notify::notifee::{CatchPanics, Context, Notifee, Notifees, catch_panics};
//!
//! #[derive(Default)]
//! struct Odd(usize);
//!
//! impl<N> Notifee<N> for Odd {
//!     fn connected(&mut self, _cx: &mut Context<'_, N>, _connection: ConnectionId) {
//!         self.0 += 1;
//!         assert!(self.0 % 2 == 1, "I count {}", self.0);
//!     }
//! }
//!
//! let mut lifecycle = Lifecycle::<8>::new(Limits::default());
//! let mut notifees = Notifees::new();
//! let reports = Rc::new(RefCell::new(Vec::new()));
//! let written = reports.clone();
//! // Or `|panic| log::error!("{panic}")`.
//! let odd = notifees.register(catch_panics(Odd::default(), move |panic| written.borrow_mut().push(panic.to_string())));
//! for _ in 0..3 {
//!     let connection = lifecycle.begin_connection(Direction::Inbound)?;
//!     lifecycle.opened(connection)?;
//! }
//! assert_eq!(notifees.dispatch(&mut lifecycle), 3);
//! assert_eq!(*reports.borrow(), ["the notifee n0 panicked, told connected c1.1: I count 2"]);
//! assert_eq!(notifees.get(odd).unwrap().get_ref().0, 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::{Context, Interest, Notifee, NotifeeId};
use crate::lifecycle::{
    ConnectionEnd, ConnectionId, Event, Failure, Limits, ListenerEnd, ListenerId, StreamEnd, StreamId,
};
#[cfg(feature = "swarm")]
use crate::swarm::{Refusal, RefusedAt};
use alloc::borrow::ToOwned as _;
use alloc::boxed::Box;
use alloc::string::String;
use core::any::Any;
use core::cell::Cell;
use core::fmt;
use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The time for which a notifee has no deadline after its `tick` or `poll_at` has panicked.
const PAUSE: Duration = Duration::from_secs(1);

/// Makes a notifee whose panics are caught. `report` is called with each, on the thread that tells, after the notifee
/// has returned and before the next is told; see [`CatchPanics`].
#[must_use]
pub fn catch_panics<T>(notifee: T, report: impl FnMut(NotifeePanic) + 'static) -> CatchPanics<T> {
    CatchPanics { notifee, report: Box::new(report), poll: Cell::default() }
}

/// A notifee whose panics are caught, reported and passed over: made by [`catch_panics`].
///
/// - **Its state.** A panic leaves the notifee as far as it had come. It is told of the next event all the same, so it has
///   to be fit for that, as behind [`AssertUnwindSafe`]: change your own state last, or repair it in the next
///   notification. What it had asked of the network and of the registry before it panicked is done.
/// - **[`interest`](Notifee::interest)** is asked while it is being registered. A panic there goes on to who registers, and
///   nothing is registered. So it is with `Service::protocols`.
/// - **Time.** A panic in [`poll_at`](Notifee::poll_at) makes a tick due at once, with which it is reported. After a panic in
///   `poll_at` or [`tick`](Notifee::tick) the notifee has no deadline for a second, or until it is told of something else.
///   Otherwise a deadline that the panic has left in the past would make it panic in each turn.
/// - **Not caught** are a panic of `report`, which goes on as one of a plain notifee does, and one while the notifee is
///   dropped.
/// - The panic hook runs first, as for each panic; the standard one prints the message. In a program that is built with
///   `panic = "abort"` nothing can be caught: the process ends.
/// - It can be [installed](super::Notifees::install) if the notifee is a `Service`.
pub struct CatchPanics<T> {
    notifee: T,
    report: Box<dyn FnMut(NotifeePanic)>,
    poll: Cell<Poll>,
}

/// The state of the notifee's `poll_at`.
#[derive(Default)]
enum Poll {
    /// It is to be asked.
    #[default]
    Asked,
    /// It has panicked with this, which the next tick reports.
    Panicked(Box<dyn Any + Send>),
    /// It has no deadline until then, or until it is told something.
    Spared(Duration),
}

impl<T> CatchPanics<T> {
    /// The notifee inside.
    #[must_use]
    pub const fn get_ref(&self) -> &T {
        &self.notifee
    }

    /// The notifee inside.
    #[must_use]
    pub const fn get_mut(&mut self) -> &mut T {
        &mut self.notifee
    }

    /// The notifee inside, whose panics are not caught any more.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.notifee
    }

    fn tell<N>(&mut self, cx: &mut Context<'_, N>, told: Notification, tell: impl FnOnce(&mut T, &mut Context<'_, N>)) {
        if let Poll::Spared(_) = self.poll.get_mut() {
            *self.poll.get_mut() = Poll::Asked;
        }
        let notifee = &mut self.notifee;
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| tell(notifee, cx))) {
            self.report(cx, told, payload);
        }
    }

    fn report<N>(&mut self, cx: &Context<'_, N>, told: Notification, payload: Box<dyn Any + Send>) {
        if let Notification::Tick | Notification::PollAt = told {
            *self.poll.get_mut() = Poll::Spared(cx.now().saturating_add(PAUSE));
        }
        (self.report)(NotifeePanic { notifee: cx.this(), told, message: message(&*payload), payload });
    }
}

impl<T: fmt::Debug> fmt::Debug for CatchPanics<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CatchPanics").field(&self.notifee).finish()
    }
}

/// Writes the methods that name an event.
macro_rules! events {
    ($($method:ident($($arg:ident: $type:ty),*) => $event:ident,)*) => {
        $(fn $method(&mut self, cx: &mut Context<'_, N>, $($arg: $type),*) {
            let event = Notification::Event(Event::$event { $($arg),* });
            self.tell(cx, event, |notifee, cx| notifee.$method(cx, $($arg),*));
        })*
    };
}

impl<N, T: Notifee<N>> Notifee<N> for CatchPanics<T> {
    fn interest(&self) -> Interest {
        self.notifee.interest()
    }

    fn memory_bound(&self, limits: &Limits) -> usize {
        self.notifee.memory_bound(limits)
    }

    events! {
        listen(listener: ListenerId) => Listen,
        listen_failed(listener: ListenerId, reason: Failure) => ListenFailed,
        listen_close(listener: ListenerId, reason: ListenerEnd) => ListenClose,
        connected(connection: ConnectionId) => Connected,
        connect_failed(connection: ConnectionId, reason: Failure) => ConnectFailed,
        disconnected(connection: ConnectionId, reason: ConnectionEnd) => Disconnected,
        opened_stream(connection: ConnectionId, stream: StreamId) => OpenedStream,
        stream_failed(connection: ConnectionId, stream: StreamId, reason: Failure) => StreamFailed,
        closed_stream(connection: ConnectionId, stream: StreamId, reason: StreamEnd) => ClosedStream,
    }

    fn stream_ready(&mut self, cx: &mut Context<'_, N>, stream: StreamId, readable: bool, writable: bool) {
        let told = Notification::StreamReady { stream, readable, writable };
        self.tell(cx, told, |notifee, cx| notifee.stream_ready(cx, stream, readable, writable));
    }

    fn addresses_changed(&mut self, cx: &mut Context<'_, N>, listener: ListenerId) {
        let told = Notification::AddressesChanged { listener };
        self.tell(cx, told, |notifee, cx| notifee.addresses_changed(cx, listener));
    }

    #[cfg(feature = "swarm")]
    fn refused(&mut self, cx: &mut Context<'_, N>, at: RefusedAt, refusal: Refusal, count: u64) {
        let told = Notification::Refused { at, refusal, count };
        self.tell(cx, told, |notifee, cx| notifee.refused(cx, at, refusal, count));
    }

    fn emitted(&mut self, cx: &mut Context<'_, N>, from: NotifeeId, event: &dyn Any) {
        self.tell(cx, Notification::Emitted { from }, |notifee, cx| notifee.emitted(cx, from, event));
    }

    fn poll_at(&self) -> Option<Duration> {
        let (poll, at) = match self.poll.take() {
            Poll::Asked => match catch_unwind(AssertUnwindSafe(|| self.notifee.poll_at())) {
                Ok(at) => (Poll::Asked, at),
                Err(payload) => (Poll::Panicked(payload), Some(Duration::ZERO)),
            },
            Poll::Panicked(payload) => (Poll::Panicked(payload), Some(Duration::ZERO)),
            Poll::Spared(until) => (Poll::Spared(until), Some(until)),
        };
        self.poll.set(poll);
        at
    }

    fn tick(&mut self, cx: &mut Context<'_, N>) {
        match core::mem::take(self.poll.get_mut()) {
            Poll::Panicked(payload) => self.report(cx, Notification::PollAt, payload),
            // It is to be asked again, and may have no deadline now.
            Poll::Spared(_) => {}
            Poll::Asked => self.tell(cx, Notification::Tick, Notifee::tick),
        }
    }
}

#[cfg(feature = "protocols")]
impl<N, T: crate::protocols::Service<N>> crate::protocols::Service<N> for CatchPanics<T> {
    fn protocols(&self) -> alloc::vec::Vec<crate::connection::Protocol> {
        self.notifee.protocols()
    }
}

/// A panic of a notifee that was caught.
#[derive(Debug)]
#[non_exhaustive]
pub struct NotifeePanic {
    /// The notifee that panicked.
    pub notifee: NotifeeId,
    /// The notification in which it panicked.
    pub told: Notification,
    /// The message, if the payload is one; a remark that there is none otherwise.
    pub message: String,
    /// The payload of the panic, for [`resume_unwind`](std::panic::resume_unwind) or a downcast.
    pub payload: Box<dyn Any + Send>,
}

impl fmt::Display for NotifeePanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { notifee, told, message, .. } = self;
        write!(f, "the notifee {notifee} panicked, told {told}: {message}")
    }
}

/// A kind of call to a notifee: one for each method of [`Notifee`] but `interest`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Notification {
    /// One of the nine events.
    Event(Event),
    /// [`Notifee::stream_ready`]
    StreamReady {
        /// The stream.
        stream: StreamId,
        /// True if it can be read.
        readable: bool,
        /// True if it can be written.
        writable: bool,
    },
    /// [`Notifee::addresses_changed`]
    AddressesChanged {
        /// The listener.
        listener: ListenerId,
    },
    /// [`Notifee::refused`]
    #[cfg(feature = "swarm")]
    Refused {
        /// The connection or listener.
        at: RefusedAt,
        /// The kind of refusal.
        refusal: Refusal,
        /// The number since this was told last.
        count: u64,
    },
    /// [`Notifee::emitted`]
    Emitted {
        /// The notifee that emitted the event.
        from: NotifeeId,
    },
    /// [`Notifee::poll_at`]
    PollAt,
    /// [`Notifee::tick`]
    Tick,
}

impl fmt::Display for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(event) => write!(f, "{} {}", event.name(), event.id()),
            Self::StreamReady { stream, .. } => write!(f, "stream_ready {stream}"),
            Self::AddressesChanged { listener } => write!(f, "addresses_changed {listener}"),
            #[cfg(feature = "swarm")]
            Self::Refused { at, refusal, count } => write!(f, "refused {at}: {count} of {refusal}"),
            Self::Emitted { from } => write!(f, "what {from} emitted"),
            Self::PollAt => f.write_str("poll_at"),
            Self::Tick => f.write_str("tick"),
        }
    }
}

/// The text of a panic's payload.
pub(super) fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}
