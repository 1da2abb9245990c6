//! [`EventSource`]: the common interface of the two types that produce events, a lifecycle and a swarm.

use super::{Event, Lifecycle};
use alloc::vec::Vec;

/// A type that produces events: a [`Lifecycle`] or a swarm. Each method calls the method of the same name on the lifecycle
/// or swarm.
///
/// The trait is sealed: only types of this crate implement it, so that it can get more methods. If a type of yours contains
/// a lifecycle or a swarm, implement [`Network`](crate::notifee::Network) for your type.
pub trait EventSource: Hold {
    /// Returns the next event. The call also says that the event before has been handled: see [`Lifecycle::next_event`].
    fn next_event(&mut self) -> Option<Event>;

    /// Returns the opening events of all listeners, connections and streams whose opening event has been drained and whose
    /// closing event has not: see [`Lifecycle::openings`].
    fn openings(&self) -> Vec<Event>;

    /// Returns the number of events that wait to be drained, if the queue has no room for some of them; otherwise 0. Once
    /// that many events have been drained, connections and streams can open again: see [`Lifecycle::events_until_room`].
    fn events_until_room(&self) -> usize;
}

/// The trait that seals [`EventSource`]. It is public for this crate's own tests, and may change in any version.
#[doc(hidden)]
pub trait Hold {
    /// Holds events back while `is_held` is `true`: until a call with `false`, `next_event` returns `None`, because the
    /// event before is still being handled.
    fn hold(&mut self, is_held: bool);
}

impl<const EVENTS: usize> Hold for Lifecycle<EVENTS> {
    #[inline]
    fn hold(&mut self, is_held: bool) {
        Self::hold(self, is_held);
    }
}

impl<const EVENTS: usize> EventSource for Lifecycle<EVENTS> {
    #[inline]
    fn next_event(&mut self) -> Option<Event> {
        Self::next_event(self)
    }

    fn openings(&self) -> Vec<Event> {
        Self::openings(self)
    }

    #[inline]
    fn events_until_room(&self) -> usize {
        Self::events_until_room(self)
    }
}
