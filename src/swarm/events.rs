//! Events and readiness, which an owner drains.

use super::Swarm;
use super::reactor::Reactor;
use super::readiness::Readiness;
use crate::lifecycle::{Event, Id};
use crate::swarm::SwarmTransport;
use alloc::vec::Vec;

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: SwarmTransport,
    R: Reactor,
{
    /// The next event, in the order in which the transitions took place. The call says that the one before has been
    /// handled: what that closed is vacated.
    #[inline]
    pub fn next_event(&mut self) -> Option<Event> {
        if self.state.lifecycle.is_held() {
            return None;
        }
        match self.state.vacate() {
            Some(Id::Listener(id)) => drop(self.listeners.table.remove(id)),
            Some(Id::Connection(id)) => {
                self.remove_link(id);
                // Its deadline is nobody's now, and no reason to come.
                self.forget_deadlines();
            }
            Some(Id::Stream(_)) => {
                if let Some((connection, held)) = self.state.dropped.take()
                    && let Some(conn) = self.connections.get_mut(connection)
                {
                    conn.uncount(&mut self.state, held);
                }
            }
            None => {}
        }
        self.state.next_event()
    }

    /// The next stream or listener that is ready, if one is. See [`Readiness`].
    pub fn next_ready(&mut self) -> Option<Readiness> {
        if self.state.lifecycle.is_held() {
            return None;
        }
        let listeners = &self.listeners.table;
        self.state.next_ready(|index| listeners.key_at(index))
    }

    /// The opening events of all that has been told to be open and has not been told to be over, for an observer that
    /// comes late. See [`Lifecycle::openings`](crate::lifecycle::Lifecycle::openings).
    #[must_use]
    pub fn openings(&self) -> Vec<Event> {
        self.state.lifecycle.openings()
    }

    /// Returns the number of events that wait, if the queue has no room for some of them; 0 otherwise. An owner who drains
    /// fewer than that keeps what is ready to open waiting. See
    /// [`Lifecycle::events_until_room`](crate::lifecycle::Lifecycle::events_until_room).
    #[must_use]
    pub fn events_until_room(&self) -> usize {
        self.state.lifecycle.events_until_room()
    }

    /// While it is held, there is no next event and nothing is ready: an event is being handled.
    pub(crate) const fn hold(&mut self, is_held: bool) {
        self.state.lifecycle.hold(is_held);
    }
}
