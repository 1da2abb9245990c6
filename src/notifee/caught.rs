//! [`catch_panics`]: an adapter that catches and reports the panics of a notifee.
//!
//! A panic of a plain notifee reaches the caller that drives the registry. [`Notifees`](super::Notifees) loses nothing by
//! it: if the caller catches the panic, the next call goes on behind the notifee. With [`catch_panics`], the panic ends only
//! the notification in which it occurs: it is reported, and the next notifee is told in the same call. The notifee stays
//! registered, and is told of the next event. py-libp2p treats an exception in a notifee in the same way.
//!
//! ```
//! use std::cell::RefCell;
//! use std::rc::Rc;
//! use swarm_notify::lifecycle::{ConnectionId, Direction, Lifecycle, Limits};
//! use swarm_notify::notifee::{CatchPanics, Notifee, NotifeeContext, Notifees, catch_panics};
//!
//! #[derive(Default)]
//! struct Odd(usize);
//!
//! impl<N> Notifee<N> for Odd {
//!     fn connected(&mut self, _cx: &mut NotifeeContext<'_, N>, _connection: ConnectionId) {
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

use super::{Interest, Notifee, NotifeeContext, NotifeeId};
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

/// The time for which a notifee has no deadline after a panic in its `tick` or `poll_at`.
const PAUSE: Duration = Duration::from_secs(1);

/// Wraps a notifee so that its panics are caught. `report` is called with each panic, on the thread that tells, before the
/// next notifee is told; see [`CatchPanics`].
#[must_use]
pub fn catch_panics<T>(notifee: T, report: impl FnMut(NotifeePanic) + 'static) -> CatchPanics<T> {
    CatchPanics { notifee, report: Box::new(report), poll: Cell::default() }
}

/// A notifee whose panics are caught and reported, made by [`catch_panics`].
///
/// - **Its state.** A panic leaves the notifee's state as it was at that moment. Since it is told of the next event
///   nevertheless, its state has to be usable then, as with [`AssertUnwindSafe`]: change your own state last, or repair it
///   in the next notification. Its commands to the network and the registry before the panic are carried out.
/// - **[`interest`](Notifee::interest)** is asked while it is being registered. A panic there reaches the caller that
///   registers, and nothing is registered. The same holds for `Service::protocols`.
/// - **Time.** A panic in [`poll_at`](Notifee::poll_at) makes a tick due at once, in which it is reported. After a panic in
///   `poll_at` or [`tick`](Notifee::tick) the notifee has no deadline for a second, or until it is told something else.
///   Otherwise a deadline that the panic has left in the past would make it panic in every turn.
/// - **Not caught** are a panic of `report`, which has the effect of a panic of a plain notifee, and a panic while the
///   notifee is dropped.
/// - The panic hook runs first, as for any panic; the standard hook prints the message. In a program that is built with
///   `panic = "abort"` no panic can be caught: the process ends.
/// - It can be [installed](super::Notifees::install) if the notifee is a `Service`.
pub struct CatchPanics<T> {
    notifee: T,
    report: Box<dyn FnMut(NotifeePanic)>,
    poll: Cell<DeadlineState>,
}

/// The state of the notifee's `poll_at`.
#[derive(Default)]
enum DeadlineState {
    /// `poll_at` has to be asked.
    #[default]
    Asked,
    /// `poll_at` has panicked with this payload, which the next tick reports.
    Panicked(Box<dyn Any + Send>),
    /// It has no deadline until this time, or until it is told something.
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

    /// Returns the notifee inside. Its panics are not caught any more.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.notifee
    }

    fn tell<N>(
        &mut self,
        cx: &mut NotifeeContext<'_, N>,
        told: Notification,
        tell: impl FnOnce(&mut T, &mut NotifeeContext<'_, N>),
    ) {
        if let DeadlineState::Spared(_) = self.poll.get_mut() {
            *self.poll.get_mut() = DeadlineState::Asked;
        }
        let notifee = &mut self.notifee;
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| tell(notifee, cx))) {
            self.report(cx, told, payload);
        }
    }

    fn report<N>(&mut self, cx: &NotifeeContext<'_, N>, told: Notification, payload: Box<dyn Any + Send>) {
        if let Notification::Tick | Notification::PollAt = told {
            *self.poll.get_mut() = DeadlineState::Spared(cx.now().saturating_add(PAUSE));
        }
        (self.report)(NotifeePanic { notifee: cx.this(), told, message: message(&*payload), payload });
    }
}

impl<T: fmt::Debug> fmt::Debug for CatchPanics<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CatchPanics").field(&self.notifee).finish()
    }
}

/// Implements the methods of the nine events.
macro_rules! events {
    ($($method:ident($($arg:ident: $type:ty),*) => $event:ident,)*) => {
        $(fn $method(&mut self, cx: &mut NotifeeContext<'_, N>, $($arg: $type),*) {
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

    fn stream_ready(&mut self, cx: &mut NotifeeContext<'_, N>, stream: StreamId, readable: bool, writable: bool) {
        let told = Notification::StreamReady { stream, readable, writable };
        self.tell(cx, told, |notifee, cx| notifee.stream_ready(cx, stream, readable, writable));
    }

    fn addresses_changed(&mut self, cx: &mut NotifeeContext<'_, N>, listener: ListenerId) {
        let told = Notification::AddressesChanged { listener };
        self.tell(cx, told, |notifee, cx| notifee.addresses_changed(cx, listener));
    }

    #[cfg(feature = "swarm")]
    fn refused(&mut self, cx: &mut NotifeeContext<'_, N>, at: RefusedAt, refusal: Refusal, count: u64) {
        let told = Notification::Refused { at, refusal, count };
        self.tell(cx, told, |notifee, cx| notifee.refused(cx, at, refusal, count));
    }

    fn emitted(&mut self, cx: &mut NotifeeContext<'_, N>, from: NotifeeId, event: &dyn Any) {
        self.tell(cx, Notification::Emitted { from }, |notifee, cx| notifee.emitted(cx, from, event));
    }

    fn poll_at(&self) -> Option<Duration> {
        let (poll, at) = match self.poll.take() {
            DeadlineState::Asked => match catch_unwind(AssertUnwindSafe(|| self.notifee.poll_at())) {
                Ok(at) => (DeadlineState::Asked, at),
                Err(payload) => (DeadlineState::Panicked(payload), Some(Duration::ZERO)),
            },
            DeadlineState::Panicked(payload) => (DeadlineState::Panicked(payload), Some(Duration::ZERO)),
            DeadlineState::Spared(until) => (DeadlineState::Spared(until), Some(until)),
        };
        self.poll.set(poll);
        at
    }

    fn tick(&mut self, cx: &mut NotifeeContext<'_, N>) {
        match core::mem::take(self.poll.get_mut()) {
            DeadlineState::Panicked(payload) => self.report(cx, Notification::PollAt, payload),
            // It is asked again, and may have no deadline by now.
            DeadlineState::Spared(_) => {}
            DeadlineState::Asked => self.tell(cx, Notification::Tick, Notifee::tick),
        }
    }
}

#[cfg(feature = "protocols")]
impl<N, T: crate::protocols::Service<N>> crate::protocols::Service<N> for CatchPanics<T> {
    fn protocols(&self) -> alloc::vec::Vec<crate::connection::Protocol> {
        self.notifee.protocols()
    }
}

/// A caught panic of a notifee.
#[derive(Debug)]
#[non_exhaustive]
pub struct NotifeePanic {
    /// The notifee that panicked.
    pub notifee: NotifeeId,
    /// The notification in which it panicked.
    pub told: Notification,
    /// The message, if the payload is a string; otherwise a remark that there is none.
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

/// A call to a notifee, with its arguments: one variant for each method of [`Notifee`] that tells something.
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
        /// The number since the last call.
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

/// Returns the text of a panic's payload.
pub(super) fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}
