//! The methods of [`SwarmState`] for ids that wait for room in the event queue.

use super::SwarmState;
use crate::lifecycle::{Id, State};
use crate::pruned_queue::PrunedQueue;
use crate::swarm::opening_queue::OpeningQueue;

impl<const EVENTS: usize> SwarmState<EVENTS> {
    /// Returns whether a turn has nothing to do for output and opening: no connection is queued for output, and either no id
    /// waits to open, or the event queue has no room.
    pub(in crate::swarm) fn is_settled(&self) -> bool {
        self.dirty.is_empty() && (self.opening_queue.is_empty() || self.lifecycle.room() == 0)
    }

    /// Returns whether a connection or stream that is ready now may open at once, without being queued. Since such a stream
    /// opens before its later bytes are handled, the events are the same whether a peer sends a stream, its data and its end
    /// in one packet or in several.
    pub(in crate::swarm) fn may_open_now(&self) -> bool {
        // When each opening was queued, a rust-libp2p node that had expected another peer, and left right behind its
        // handshake, was reported as connected one time in ten, and as failed otherwise: it depended on how its bytes were
        // cut into packets.
        self.lifecycle.room() > 0 && self.opening_queue.is_empty() && !self.is_flushing && !self.is_closing
    }

    /// Stops all opening. Connections and streams that wait to open, or become ready later, end without opening.
    pub(in crate::swarm) fn stop_opening(&mut self) {
        self.is_closing = true;
        self.opening_queue = PrunedQueue::new(OpeningQueue::new());
    }

    /// Adds an id that is ready to open to the end of the opening queue. A stream is added after the waiting streams of its
    /// connection.
    pub(in crate::swarm) fn enqueue_opening(&mut self, id: impl Into<Id>) {
        if self.is_closing {
            return;
        }
        let id = id.into();
        let runs_on = match id {
            Id::Stream(stream) => self.lifecycle.connection_of(stream),
            Id::Listener(_) | Id::Connection(_) => None,
        };
        // While the event queue has no room, no id is removed from the opening queue, so ended ids are pruned here.
        // Otherwise a peer that opens and resets streams would make the opening queue grow without bound.
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
