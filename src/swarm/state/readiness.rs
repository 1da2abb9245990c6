//! The methods of [`SwarmState`] for the readiness notices about streams, listeners and refusals, which the owner drains.

use super::SwarmState;
use crate::connection::Stream;
use crate::lifecycle::{ListenerId, StreamId};
use crate::swarm::readiness::{Readiness, StreamReadiness};
use crate::swarm::refusals::RefusedAt;

impl<const EVENTS: usize> SwarmState<EVENTS> {
    /// Records that a stream has bytes, or its end, to read.
    pub(in crate::swarm) fn mark_readable(&mut self, id: StreamId) {
        self.change_readiness(id, StreamReadiness::readable);
    }

    /// Records that a stream can be written again.
    pub(in crate::swarm) fn mark_writable(&mut self, id: StreamId) {
        self.change_readiness(id, StreamReadiness::writable);
    }

    /// Records that a read of the owner was short, so that the owner waits for more bytes. If the stream's end follows the
    /// bytes that were read, the stream is ready again at once.
    pub(in crate::swarm) fn read_short(&mut self, id: StreamId) {
        let more = self.streams.get(id).is_some_and(Stream::is_readable);
        self.change_readiness(id, |readiness| {
            readiness.read_short();
            // The bytes and the end may have arrived in one packet, for which the stream was reported once. No other report
            // would follow.
            if more {
                readiness.readable();
            }
        });
    }

    /// Records that a write of the owner was short, so that the owner waits until it can write again.
    pub(in crate::swarm) fn write_short(&mut self, id: StreamId) {
        self.change_readiness(id, StreamReadiness::write_short);
    }

    /// Records the number of the output batch that contains the last data written to a stream.
    pub(in crate::swarm) fn note_batch(&mut self, id: StreamId, batch: u32) {
        if let Some(readiness) = self.readiness.get_mut(id) {
            readiness.set_batch(batch);
        }
    }

    /// Returns the number of the output batch that contains the last data written to a stream.
    pub(in crate::swarm) fn last_batch(&self, id: StreamId) -> u32 {
        self.readiness.get(id).map_or(0, StreamReadiness::batch)
    }

    /// Records that the owner waits until the data that it has written to a stream has been sent. Returns `true` if the
    /// owner did not wait for that before. A pending notice that earlier data has been sent is dropped.
    pub(in crate::swarm) fn flush_short(&mut self, id: StreamId) -> bool {
        let mut has_begun = false;
        self.change_readiness(id, |readiness| has_begun = readiness.flush_short());
        has_begun
    }

    /// Records that the data for which the owner waits has been sent.
    pub(in crate::swarm) fn mark_flushed(&mut self, id: StreamId) {
        self.change_readiness(id, StreamReadiness::flushed);
    }

    /// Records that the owner has learnt from the result of `flush` that its data has been sent, so that no notice is
    /// needed.
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

    /// Records that the addresses of an open listener have changed.
    pub(in crate::swarm) fn addresses_changed(&mut self, id: ListenerId) {
        self.changed_listeners.insert(id.index());
    }

    pub(in crate::swarm) fn has_ready(&self) -> bool {
        !self.ready_streams.is_empty() || !self.changed_listeners.is_empty() || self.refusals.is_ready()
    }

    /// Removes and returns the next readiness notice. `listener` turns an index in the table of listeners into the id of the
    /// listener.
    pub(in crate::swarm) fn next_ready(&mut self, listener: impl Fn(usize) -> Option<ListenerId>) -> Option<Readiness> {
        while let Some(index) = self.changed_listeners.take() {
            if let Some(listener) = listener(index) {
                return Some(Readiness::Addresses { listener });
            }
        }
        // Notices about refusals precede those about streams. There is at most one a second for each kind at each connection
        // or listener, so that notices about streams do not wait for long.
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

    /// Starts notices about refusals at a listener or connection whose opening event the owner takes, and stops them if the
    /// event is its last (`is_last`).
    pub(super) fn announce_refusals(&mut self, at: RefusedAt, is_last: bool) {
        match is_last {
            true => self.refusals.end(at),
            false => self.refusals.announce(at),
        }
    }
}
