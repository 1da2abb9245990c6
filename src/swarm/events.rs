//! Events and readiness, which an owner drains.

use super::Swarm;
use super::reactor::Reactor;
use super::readiness::Readiness;
use crate::lifecycle::{Event, Id};
use alloc::vec::Vec;
use futures_lite::io::{AsyncRead, AsyncWrite};
use libp2p_core::Transport;

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: Transport + Unpin,
    T::Output: AsyncRead + AsyncWrite + Unpin,
    T::Error: 'static,
    R: Reactor,
{
    /// Takes the next event, in the order in which the transitions took place. The call also says that the event before it
    /// has been handled: if that was a closing event, its id becomes stale now.
    #[inline]
    pub fn next_event(&mut self) -> Option<Event> {
        if self.state.lifecycle.is_held() {
            return None;
        }
        match self.state.vacate() {
            Some(Id::Listener(id)) => drop(self.listeners.table.remove(id)),
            Some(Id::Connection(id)) => {
                self.remove_link(id);
                // Its deadline is stale now, and no reason for another turn.
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

    /// Takes the next readiness of a stream, a listener or a refusal, if there is one. See [`Readiness`].
    pub fn next_ready(&mut self) -> Option<Readiness> {
        if self.state.lifecycle.is_held() {
            return None;
        }
        let listeners = &self.listeners.table;
        self.state.next_ready(|index| listeners.key_at(index))
    }

    /// Returns the opening events of everything whose opening event was taken and whose closing event was not, for an
    /// observer that starts late. See [`Lifecycle::openings`](crate::lifecycle::Lifecycle::openings).
    #[must_use]
    pub fn openings(&self) -> Vec<Event> {
        self.state.lifecycle.openings()
    }

    /// Returns the number of events that wait, if the queue has no room for some of them; 0 otherwise. As long as an owner
    /// drains fewer events than this a turn, nothing new opens. See
    /// [`Lifecycle::events_until_room`](crate::lifecycle::Lifecycle::events_until_room).
    #[must_use]
    pub fn events_until_room(&self) -> usize {
        self.state.lifecycle.events_until_room()
    }

    /// Holds or releases the events. While they are held, because an event is being handled, there is no next event and no
    /// readiness.
    pub(crate) const fn hold(&mut self, is_held: bool) {
        self.state.lifecycle.hold(is_held);
    }
}
