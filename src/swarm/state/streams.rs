//! The methods of [`SwarmState`] by which streams begin, end, and are counted for their peers and protocols.

use super::SwarmState;
use crate::connection::{Protocol, Stream};
use crate::lifecycle::{ConnectionId, Direction, Failure, StreamEnd, StreamId};
use crate::swarm::readiness::{Began, StreamReadiness};
use crate::swarm::shares::ProtocolLimits;
use core::time::Duration;

/// The maximum number of streams without an id that one connection may have while such streams are scarce: when all
/// connections together have at least half as many of them as [`Limits::streams`](crate::lifecycle::Limits::streams). When
/// they have as many as `Limits::streams`, no more streams begin.
const UNNAMED_WHEN_SCARCE: usize = 8;

impl<const EVENTS: usize> SwarmState<EVENTS> {
    /// Updates the count of streams without an id on all connections, for one connection. `unnamed` is the connection's
    /// present number of such streams. `counted` is the number that was counted for the connection before, and is set to
    /// `unnamed`.
    #[inline]
    pub(in crate::swarm) fn count_unnamed(&mut self, counted: &mut u32, unnamed: u32) {
        // `Limits::streams` bounds only streams with an id. A connection may have `inbound_backlog` (256) streams without
        // one, so that 16 384 connections could have four million of them. Therefore their total is bounded, too: beyond
        // half of it, each connection may have eight, so that the other half is not filled by fewer than 4 096 connections.
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

    /// Begins a stream that the peer has opened, and returns its id; `None` if the stream would exceed a limit.
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

    /// Returns the time at which a stream began. The id of the stream must not be stale.
    pub(in crate::swarm) fn stream_began(&self, id: StreamId) -> Began {
        self.readiness.get(id).map_or(self.last_began, StreamReadiness::began)
    }

    /// Fails a stream that could not open. If the stream has already ended together with its connection, nothing changes.
    pub(in crate::swarm) fn fail_stream(&mut self, id: StreamId, failure: Failure) {
        self.give_back(id);
        let _ = self.lifecycle.fail(id, failure);
    }

    /// Ends a stream that was open. If the stream has already ended together with its connection, nothing changes.
    pub(in crate::swarm) fn end_stream(&mut self, id: StreamId, end: StreamEnd) {
        self.give_back(id);
        let _ = self.lifecycle.end_stream(id, end);
    }

    /// Removes a stream that is about to end from the counts of its peer and its protocol, if the peer has begun the stream
    /// and it has not ended yet.
    #[inline]
    pub(super) fn give_back(&mut self, id: StreamId) {
        if let Some((connection, Direction::Inbound)) = self.lifecycle.unended(id) {
            self.shares.stream_ends(connection);
            self.shares.speaks_no_more(id);
        }
    }

    /// Returns whether the owner's limits on protocols allow a stream with the protocol that it has chosen. If they do, the
    /// stream is counted.
    pub(in crate::swarm) fn may_speak(&mut self, id: StreamId) -> bool {
        if !self.shares.limits_protocols() {
            return true;
        }
        let Some((connection, Direction::Inbound)) = self.lifecycle.unended(id) else { return true };
        let protocol = self.streams.get(id).and_then(Stream::protocol);
        protocol.is_none_or(|protocol| self.shares.may_speak(connection, id, protocol, false))
    }

    /// Limits the number of streams of a protocol, and counts the streams that already speak this protocol.
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
