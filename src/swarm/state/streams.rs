//! The streams of a swarm: they begin, end, and are counted for their peers and protocols.

use super::SwarmState;
use crate::connection::{Protocol, Stream};
use crate::lifecycle::{ConnectionId, Direction, Failure, StreamEnd, StreamId};
use crate::swarm::readiness::{Began, StreamReadiness};
use crate::swarm::shares::ProtocolLimits;
use core::time::Duration;

/// The most streams without an id that one connection may have once all connections together have half as many as
/// [`Limits::streams`](crate::lifecycle::Limits::streams). Once they have as many as that limit, no more begin.
const UNNAMED_WHEN_SCARCE: usize = 8;

impl<const EVENTS: usize> SwarmState<EVENTS> {
    /// Counts the streams without an id of a connection, of which `counted` were counted before.
    #[inline]
    pub(in crate::swarm) fn count_unnamed(&mut self, counted: &mut u32, unnamed: u32) {
        if *counted != unnamed {
            let before = core::mem::replace(counted, unnamed);
            self.unnamed = self.unnamed + unnamed as usize - before as usize;
            self.limit_unnamed();
        }
    }

    #[inline(never)]
    fn limit_unnamed(&mut self) {
        let limit = self.config.limits.streams as usize;
        self.scratch.limit_unnamed(match self.unnamed {
            taken if taken >= limit => 0,
            taken if taken >= limit / 2 => UNNAMED_WHEN_SCARCE,
            _ => usize::MAX,
        });
    }

    /// Begins a stream that the peer offers; `None` if there is no place for it.
    pub(in crate::swarm) fn begin_offered_stream(
        &mut self,
        connection: ConnectionId,
        now: Duration,
    ) -> Option<StreamId> {
        let taken = self.lifecycle.held_streams();
        if !self.shares.may_begin_stream(connection, taken) {
            return None;
        }
        let id = self.lifecycle.begin_stream(connection, Direction::Inbound).ok()?;
        self.shares.stream_begins(connection, taken);
        self.insert_stream(id, Stream::inbound(), now);
        Some(id)
    }

    pub(in crate::swarm) fn insert_stream(&mut self, id: StreamId, stream: Stream, now: Duration) {
        self.streams.insert(id, stream);
        self.readiness.insert(id, StreamReadiness::new(now));
    }

    /// Returns the time at which a stream began. The stream must be one that can still be looked up.
    pub(in crate::swarm) fn stream_began(&self, id: StreamId) -> Began {
        self.readiness.get(id).map_or(self.last_began, StreamReadiness::began)
    }

    /// Fails a stream that could not open. If it has ended with its connection already, nothing changes.
    pub(in crate::swarm) fn fail_stream(&mut self, id: StreamId, failure: Failure) {
        self.give_back(id);
        let _ = self.lifecycle.fail(id, failure);
    }

    /// Ends a stream that was open. If it has ended with its connection already, nothing changes.
    pub(in crate::swarm) fn end_stream(&mut self, id: StreamId, end: StreamEnd) {
        self.give_back(id);
        let _ = self.lifecycle.end_stream(id, end);
    }

    /// Takes a stream that is about to end off its peer's share, if the peer has begun it and it has not ended yet.
    #[inline]
    pub(super) fn give_back(&mut self, id: StreamId) {
        if let Some((connection, Direction::Inbound)) = self.lifecycle.unended(id) {
            self.shares.stream_ends(connection);
            self.shares.speaks_no_more(id);
        }
    }

    /// Returns whether a stream may speak the protocol that it has chosen, and counts it if so.
    pub(in crate::swarm) fn may_speak(&mut self, id: StreamId) -> bool {
        if !self.shares.limits_protocols() {
            return true;
        }
        let Some((connection, Direction::Inbound)) = self.lifecycle.unended(id) else { return true };
        let protocol = self.streams.get(id).and_then(Stream::protocol);
        protocol.is_none_or(|protocol| self.shares.may_speak(connection, id, protocol, false))
    }

    /// Limits the streams of a protocol, and counts those that speak it already.
    pub(in crate::swarm) fn limit_protocol(&mut self, protocol: &Protocol, limits: ProtocolLimits) {
        if !self.shares.limit_protocol(protocol, limits) {
            return;
        }
        let Self { lifecycle, streams, shares, .. } = self;
        for connection in lifecycle.connections() {
            for id in lifecycle.streams_of(connection) {
                let is_inbound = lifecycle.direction(id) == Some(Direction::Inbound);
                if is_inbound && streams.get(id).and_then(Stream::protocol) == Some(protocol) {
                    shares.may_speak(connection, id, protocol, true);
                }
            }
        }
    }
}
