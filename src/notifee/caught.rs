//! [`catch_panics`]: an adapter that catches and reports the panics of a notifee.
//!
//! A panic of a plain notifee reaches the caller that drives the registry. [`Notifees`](super::Notifees) loses no events by
//! such a panic: if the caller catches it, the next call continues with the notifee after the one that panicked. With
//! [`catch_panics`], a panic ends only the notification in which it occurs: it is reported, and the next notifee is told in
//! the same call. The notifee that panicked stays registered, and is told of the next event. py-libp2p treats an exception
//! in a notifee in the same way.
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

/// The duration for which a notifee gets no `tick` after a panic in its `tick` or `poll_at`.
const PAUSE: Duration = Duration::from_secs(1);

/// Wraps a notifee so that its panics are caught. `report` is called with each panic, on the thread on which the notifee is
/// told, before the next notifee is told; see [`CatchPanics`].
#[must_use]
pub fn catch_panics<T>(notifee: T, report: impl FnMut(NotifeePanic) + 'static) -> CatchPanics<T> {
    CatchPanics { notifee, report: Box::new(report), poll: Cell::default() }
}

/// A notifee whose panics are caught and reported, made by [`catch_panics`].
///
/// - **Its state.** A panic leaves the notifee's state as it was at that moment. Since the notifee is told of the next event
///   nevertheless, its state has to be usable then, as with [`AssertUnwindSafe`]: change the state last in each method, or
///   repair it in the next notification. Commands that the notifee gave to the network and the registry before the panic are
///   carried out.
/// - **[`interest`](Notifee::interest)** is called while the notifee is being registered. A panic in it is not caught: it
///   reaches the caller that registers, and nothing is registered. The same applies to `Service::protocols`.
/// - **Time.** A panic in [`poll_at`](Notifee::poll_at) is reported in the next tick, which becomes due at once. After a
///   panic in `poll_at` or [`tick`](Notifee::tick) the notifee has no deadline for a second, or until it is told something
///   else. Without this pause, a deadline that stays in the past because of the panic could make the notifee panic in every
///   turn.
/// - **Not caught** are a panic of `report`, which has the effect of a panic of a plain notifee, and a panic while the
///   notifee is dropped.
/// - The panic hook runs first, as for any panic; the standard hook prints the message. In a program that is built with
///   `panic = "abort"` no panic can be caught: the process ends.
/// - A `CatchPanics` can be [installed](super::Notifees::install) if the notifee inside is a `Service`.
pub struct CatchPanics<T> {
    notifee: T,
    report: Box<dyn FnMut(NotifeePanic)>,
    poll: Cell<DeadlineState>,
}

/// The state of a [`CatchPanics`] that decides whether the `poll_at` of its notifee is called.
#[derive(Default)]
enum DeadlineState {
    /// The notifee's `poll_at` is called each time that the registry asks the [`CatchPanics`] for its next deadline.
    #[default]
    Asked,
    /// The notifee's `poll_at` has panicked with this payload, which the next tick reports.
    Panicked(Box<dyn Any + Send>),
    /// The notifee's `poll_at` is not called until this time has come or the notifee has been told something.
    Spared(Duration),
}

impl<T> CatchPanics<T> {
    /// Returns the notifee that this adapter wraps.
    #[must_use]
    pub const fn get_ref(&self) -> &T {
        &self.notifee
    }

    /// Returns the notifee that this adapter wraps, mutably.
    #[must_use]
    pub const fn get_mut(&mut self) -> &mut T {
        &mut self.notifee
    }

    /// Unwraps the notifee, whose panics are not caught any more.
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
        // A notification may have mended the state that made `poll_at` or `tick` panic.
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

/// Implements the methods of the nine events for `CatchPanics`.
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
        // `poll_at` has no context, and cannot call `report` with `&self`. So the payload is kept, and zero asks at once for
        // a tick, which reports it.
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
            // The notifee's `poll_at` is called again from now on. The notifee may have no deadline any more.
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

/// A panic of a notifee that [`CatchPanics`] has caught.
#[derive(Debug)]
#[non_exhaustive]
pub struct NotifeePanic {
    /// The notifee that panicked.
    pub notifee: NotifeeId,
    /// The call in which the notifee panicked.
    pub told: Notification,
    /// The panic message, if the payload is a string; otherwise a remark that there is no message.
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

/// A call of one of a notifee's methods, with its arguments. The methods of the nine events share the variant
/// [`Event`](Self::Event).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Notification {
    /// A call of the method of one of the nine events.
    Event(Event),
    /// A call of [`Notifee::stream_ready`]: a stream can be read or written.
    StreamReady {
        /// The stream.
        stream: StreamId,
        /// `true` if the stream can be read.
        readable: bool,
        /// `true` if the stream can be written.
        writable: bool,
    },
    /// A call of [`Notifee::addresses_changed`]: the addresses of a listener have changed.
    AddressesChanged {
        /// The listener.
        listener: ListenerId,
    },
    /// A call of [`Notifee::refused`]: peers were refused something.
    #[cfg(feature = "swarm")]
    Refused {
        /// The connection or listener at which something was refused.
        at: RefusedAt,
        /// The kind of refusal.
        refusal: Refusal,
        /// The number of refusals since the last call for the same connection or listener and kind.
        count: u64,
    },
    /// A call of [`Notifee::emitted`]: another notifee has emitted an event.
    Emitted {
        /// The notifee that emitted the event.
        from: NotifeeId,
    },
    /// A call of [`Notifee::poll_at`], which returns the notifee's next deadline.
    PollAt,
    /// A call of [`Notifee::tick`]: the notifee's deadline has come.
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

/// Returns the message in a panic's payload, or a remark that the panic has no message.
pub(super) fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}
