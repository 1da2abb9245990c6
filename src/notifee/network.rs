//! What notifees observe: [`Network`], and what protocols need of it, [`Node`].

use crate::lifecycle::{Event, Lifecycle};
use alloc::vec::Vec;

#[cfg(feature = "swarm")]
mod node;
#[cfg(all(feature = "host", unix))]
pub(crate) use node::node_methods;
#[cfg(feature = "swarm")]
pub use node::{HasNode, Node};

/// Anything that has events. A world with a [`Lifecycle`] or a swarm inside passes each call on to it.
/// See `HasNode` for one with a swarm.
pub trait Network {
    /// The next event. The call says that the one before has been handled.
    fn next_event(&mut self) -> Option<Event>;

    /// While it is held, `next_event` gives `None`: an event is being handled.
    fn hold(&mut self, is_held: bool);

    /// The opening events of all that has been told to be open and has not been told to be over. See
    /// [`Lifecycle::openings`].
    fn openings(&self) -> Vec<Event>;

    /// The number of events that wait, if the queue has no room for some of them; 0 otherwise. A dispatch tells them all,
    /// so that something can open afterwards. See [`Lifecycle::events_until_room`].
    fn events_until_room(&self) -> usize;
}

impl<const EVENTS: usize> Network for Lifecycle<EVENTS> {
    #[inline]
    fn next_event(&mut self) -> Option<Event> {
        Self::next_event(self)
    }

    #[inline]
    fn hold(&mut self, is_held: bool) {
        Self::hold(self, is_held);
    }

    fn openings(&self) -> Vec<Event> {
        Self::openings(self)
    }

    #[inline]
    fn events_until_room(&self) -> usize {
        Self::events_until_room(self)
    }
}
