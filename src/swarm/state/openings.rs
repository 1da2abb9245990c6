//! What is ready to open, and waits where the event queue has no room; and the limit of dials under way.

use super::SwarmState;
use crate::lifecycle::{Id, State};
use crate::pruned_queue::PrunedQueue;
use crate::swarm::opening_queue::OpeningQueue;

impl<const EVENTS: usize> SwarmState<EVENTS> {
    /// Whether nothing waits that there is room for, and no connection asks to be driven.
    pub(in crate::swarm) fn is_settled(&self) -> bool {
        self.dirty.is_empty() && (self.opening_queue.is_empty() || self.lifecycle.room() == 0)
    }

    /// Whether what is ready now need not wait in line. It opens at once then: so what a peer says in one breath
    /// (a stream, data on it, its end, or the connection's) is told as it would be if it had come in pieces.
    pub(in crate::swarm) fn may_open_now(&self) -> bool {
        self.lifecycle.room() > 0 && self.opening_queue.is_empty() && !self.is_flushing && !self.is_closing
    }

    /// Lets nothing open any more. Whatever waits in line, or would be put there, ends without opening.
    pub(in crate::swarm) fn stop_opening(&mut self) {
        self.is_closing = true;
        self.opening_queue = PrunedQueue::new(OpeningQueue::new());
    }

    /// Puts what is ready at the end of the line; a stream behind those of its connection.
    pub(in crate::swarm) fn enqueue_opening(&mut self, id: impl Into<Id>) {
        if self.is_closing {
            return;
        }
        let id = id.into();
        let runs_on = match id {
            Id::Stream(stream) => self.lifecycle.connection_of(stream),
            Id::Listener(_) | Id::Connection(_) => None,
        };
        // While more ends than is drained, nobody comes up who could be passed over: a peer that opens and resets
        // would make the line as long as it likes.
        let lifecycle = &self.lifecycle;
        let is_opening = |(id, _): &(Id, _)| lifecycle.state(*id) == Some(State::Opening);
        self.opening_queue.push((id, runs_on), lifecycle.len(), is_opening);
    }

    pub(in crate::swarm) fn is_opening(&self, id: impl Into<Id>) -> bool {
        self.lifecycle.state(id) == Some(State::Opening)
    }

    pub(in crate::swarm) const fn may_dial(&self) -> bool {
        self.dials.count() < self.config.outbound_handshakes
    }
}
