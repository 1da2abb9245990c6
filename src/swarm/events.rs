//! The methods with which an owner drains events and readiness.

use super::Swarm;
use super::pipe::PipeTransport;
use super::reactor::Reactor;
use super::readiness::Readiness;
use crate::lifecycle::{Event, Id};
use alloc::vec::Vec;

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: PipeTransport,
    R: Reactor,
{
    /// Removes and returns the next event, in the order in which the transitions took place. The call also means that the
    /// owner has handled the previous event: if the previous event was a closing event, its id becomes stale now.
    #[inline]
    pub fn next_event(&mut self) -> Option<Event> {
        if self.state.lifecycle.is_held() {
            return None;
        }
        match self.state.vacate() {
            Some(Id::Listener(id)) => drop(self.listeners.table.remove(id)),
            Some(Id::Connection(id)) => {
                self.remove_link(id);
                // The deadline of the ended connection is outdated now, and is no reason for another turn.
                self.forget_deadlines();
            }
            // Unread bytes of a stream can be taken until its closing event is handled. Only now are they dropped, and no
            // longer count for the connection.
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

    /// Removes and returns the next readiness notice, of a stream, a listener or a refusal, if there is one: see
    /// [`Readiness`].
    pub fn next_ready(&mut self) -> Option<Readiness> {
        if self.state.lifecycle.is_held() {
            return None;
        }
        let listeners = &self.listeners.table;
        self.state.next_ready(|index| listeners.key_at(index))
    }

    /// Returns the opening events of all listeners, connections and streams whose opening event was taken by the owner and
    /// whose closing event was not, for an observer that starts late: see
    /// [`Lifecycle::openings`](crate::lifecycle::Lifecycle::openings).
    #[must_use]
    pub fn openings(&self) -> Vec<Event> {
        self.state.lifecycle.openings()
    }

    /// Returns the number of events that wait to be drained if the event queue has no room for some of these events, and 0
    /// otherwise. As long as the owner drains fewer events than this number in each turn, nothing new opens. See
    /// [`Lifecycle::events_until_room`](crate::lifecycle::Lifecycle::events_until_room).
    #[must_use]
    pub fn events_until_room(&self) -> usize {
        self.state.lifecycle.events_until_room()
    }

    /// Holds the events (`true`) or releases them (`false`). While the events are held, because one is being handled,
    /// [`next_event`](Self::next_event) and [`next_ready`](Self::next_ready) return `None`.
    pub(crate) const fn hold(&mut self, is_held: bool) {
        self.state.lifecycle.hold(is_held);
    }
}
