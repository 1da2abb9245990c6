//! The readiness of streams, listeners and refusals, which an owner drains.

use super::SwarmState;
use crate::connection::Stream;
use crate::lifecycle::{ListenerId, StreamId};
use crate::swarm::readiness::{Readiness, StreamReadiness};
use crate::swarm::refusals::RefusedAt;

impl<const EVENTS: usize> SwarmState<EVENTS> {
    /// Something is to be read.
    pub(in crate::swarm) fn mark_readable(&mut self, id: StreamId) {
        self.change_readiness(id, StreamReadiness::readable);
    }

    /// Something can be written again.
    pub(in crate::swarm) fn mark_writable(&mut self, id: StreamId) {
        self.change_readiness(id, StreamReadiness::writable);
    }

    /// The owner has read all there was, or found nothing; `more` is at once the case again if the end is behind it.
    pub(in crate::swarm) fn read_short(&mut self, id: StreamId) {
        let more = self.streams.get(id).is_some_and(Stream::is_readable);
        self.change_readiness(id, |readiness| {
            readiness.read_short();
            if more {
                readiness.readable();
            }
        });
    }

    /// The owner could not write all it wanted.
    pub(in crate::swarm) fn write_short(&mut self, id: StreamId) {
        self.change_readiness(id, StreamReadiness::write_short);
    }

    /// What the owner has written is in this batch.
    pub(in crate::swarm) fn note_batch(&mut self, id: StreamId, batch: u32) {
        if let Some(readiness) = self.readiness.get_mut(id) {
            readiness.set_batch(batch);
        }
    }

    /// The batch that has what was written last.
    pub(in crate::swarm) fn last_batch(&self, id: StreamId) -> u32 {
        self.readiness.get(id).map_or(0, StreamReadiness::batch)
    }

    /// The owner waits until what was written has been sent. `true`: it did not wait for that yet. That what it wrote
    /// before has been sent is no news any more.
    pub(in crate::swarm) fn flush_short(&mut self, id: StreamId) -> bool {
        let mut has_begun = false;
        self.change_readiness(id, |readiness| has_begun = readiness.flush_short());
        has_begun
    }

    /// What the owner has written and waits for has been sent.
    pub(in crate::swarm) fn mark_flushed(&mut self, id: StreamId) {
        self.change_readiness(id, StreamReadiness::flushed);
    }

    /// The owner knows that what it has written has been sent.
    pub(in crate::swarm) fn knows_flushed(&mut self, id: StreamId) {
        self.change_readiness(id, StreamReadiness::knows_flushed);
    }

    pub(super) fn change_readiness(&mut self, id: StreamId, change: impl FnOnce(&mut StreamReadiness)) {
        let Some(readiness) = self.readiness.get_mut(id) else { return };
        change(readiness);
        match readiness.is_due() {
            true => self.ready_streams.insert(id.index()),
            false => self.ready_streams.remove(id.index()),
        }
    }

    /// The addresses of an open listener have changed.
    pub(in crate::swarm) fn addresses_changed(&mut self, id: ListenerId) {
        self.changed_listeners.insert(id.index());
    }

    pub(in crate::swarm) fn has_ready(&self) -> bool {
        !self.ready_streams.is_empty() || !self.changed_listeners.is_empty() || self.refusals.is_ready()
    }

    /// The next stream or listener that is ready. `listener` gives the listener of a slot.
    pub(in crate::swarm) fn next_ready(&mut self, listener: impl Fn(usize) -> Option<ListenerId>) -> Option<Readiness> {
        while let Some(index) = self.changed_listeners.take() {
            if let Some(listener) = listener(index) {
                return Some(Readiness::Addresses { listener });
            }
        }
        // Each place has its turn at most once a second, so that streams do not wait for long.
        if let Some((of, kind, count)) = self.refusals.next() {
            return Some(Readiness::Refused { of, kind, count });
        }
        while let Some(index) = self.ready_streams.take() {
            let Some(stream) = self.readiness.key_at(index) else { continue };
            if let Some((readable, writable)) = self.readiness.get_mut(stream).map(StreamReadiness::take) {
                return Some(Readiness::Stream { stream, readable, writable });
            }
        }
        None
    }

    /// Refusals at a listener or a connection are told from its opening event on, and not after its last one.
    pub(super) fn announce_refusals(&mut self, at: RefusedAt, is_last: bool) {
        match is_last {
            true => self.refusals.end(at),
            false => self.refusals.announce(at),
        }
    }
}
