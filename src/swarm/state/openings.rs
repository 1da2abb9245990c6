//! Opening: the line of ids that wait for room in the event queue.

use super::{SPARE, SwarmState};
use crate::lifecycle::{Id, State};
use crate::swarm::opening_queue::OpeningQueue;

impl<const EVENTS: usize> SwarmState<EVENTS> {
    /// Returns whether nothing waits for which there is room, and no connection has to be driven.
    pub(in crate::swarm) fn is_settled(&self) -> bool {
        self.dirty.is_empty() && (self.opening_queue.is_empty() || self.lifecycle.room() == 0)
    }

    /// Returns whether something that is ready now may open at once, without waiting in line. So events are the same whether
    /// a peer sends a stream, its data and its end in one packet or in several.
    pub(in crate::swarm) fn may_open_now(&self) -> bool {
        self.lifecycle.room() > 0 && self.opening_queue.is_empty() && !self.is_flushing && !self.is_closing
    }

    /// Stops opening: ids in line, and all that would be put there, end without opening.
    pub(in crate::swarm) fn stop_opening(&mut self) {
        self.is_closing = true;
        self.opening_queue = OpeningQueue::new();
    }

    /// Puts an id that is ready at the end of the line; a stream behind the other streams of its connection.
    pub(in crate::swarm) fn enqueue_opening(&mut self, id: impl Into<Id>) {
        if self.is_closing {
            return;
        }
        // With no room the line is never popped, so that ended ids are pruned here; otherwise a peer that opens and resets
        // streams would make it grow without bound. An id that is opening is in line at most once, so that a sweep removes
        // at least as many entries as were added since the last one.
        if self.opening_queue.len() > SPARE + 2 * self.lifecycle.len() {
            let lifecycle = &self.lifecycle;
            self.opening_queue.retain(|id| lifecycle.state(id) == Some(State::Opening));
        }
        let id = id.into();
        let runs_on = match id {
            Id::Stream(stream) => self.lifecycle.connection_of(stream),
            Id::Listener(_) | Id::Connection(_) => None,
        };
        self.opening_queue.push(id, runs_on);
    }

    pub(in crate::swarm) fn is_opening(&self, id: impl Into<Id>) -> bool {
        self.lifecycle.state(id) == Some(State::Opening)
    }

    pub(in crate::swarm) const fn may_dial(&self) -> bool {
        self.dials.count() < self.config.outbound_handshakes
    }
}
