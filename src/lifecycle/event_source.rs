//! [`EventSource`]: what events come from, whatever it is: a lifecycle, or a swarm around one.

use super::{Event, Lifecycle};
use alloc::vec::Vec;

/// Something that has events of its own: a [`Lifecycle`] or a swarm. Its methods are those of the same names.
///
/// Sealed: the types of this crate are its only implementors, so that it can get more methods. A type of yours with a
/// lifecycle or a swarm inside is a [`Network`](crate::notifee::Network).
pub trait EventSource: Hold {
    /// Returns the next event. The call says that the one before has been handled. See [`Lifecycle::next_event`].
    fn next_event(&mut self) -> Option<Event>;

    /// Returns the opening events of all that has been told to be open and has not been told to be over. See
    /// [`Lifecycle::openings`].
    fn openings(&self) -> Vec<Event>;

    /// Returns the number of events that wait, if the queue has no room for some of them; 0 otherwise. A dispatch tells them
    /// all, so that something can open afterwards. See [`Lifecycle::events_until_room`].
    fn events_until_room(&self) -> usize;
}

/// Seals [`EventSource`]. It is public for this crate's own tests, and may change in any version.
#[doc(hidden)]
pub trait Hold {
    /// While it is held, `next_event` gives `None`: an event is being handled.
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
