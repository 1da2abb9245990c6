//! The methods that query a lifecycle: its listeners, connections and streams, their numbers, and the owed events.

use super::Lifecycle;
use super::counters::Counters;
use super::event::Direction;
use super::id::{ConnectionId, Id, ListenerId, StreamId};
use super::kind::{Kind, Records};
#[cfg(doc)]
use super::limits::Limits;
use super::machine::State;

impl<const EVENTS: usize> Lifecycle<EVENTS> {
    /// Returns whether any event waits to be drained: in the queue, or owed behind a full queue.
    #[must_use]
    pub fn has_events(&self) -> bool {
        !self.queue.is_empty() || !self.records.owed.oldest.is_none()
    }

    /// Returns the number of events that wait to be drained, in the queue or owed behind a full queue. O(1).
    #[must_use]
    pub const fn pending_events(&self) -> usize {
        self.queue.len() + self.records.owed_events
    }

    /// Returns [`pending_events`](Self::pending_events) if some of these events are owed, because the queue has no room for
    /// them; 0 otherwise. Once this number of events has been drained, the queue has room.
    #[must_use]
    pub const fn events_until_room(&self) -> usize {
        if self.records.owed_events == 0 { 0 } else { self.pending_events() }
    }

    /// Returns whether no listener, connection or stream is left and no event waits to be drained. A listener, connection or
    /// stream whose last event is the most recently drained one does not count as left, although its id is valid until that
    /// event has been handled.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == self.handed.is_some() as usize
    }

    /// Returns the number of listeners, connections and streams, including those whose last event has not been handled.
    #[must_use]
    pub const fn len(&self) -> usize {
        let Records { listeners, connections, streams, .. } = &self.records;
        listeners.len() as usize + connections.len() as usize + streams.len() as usize
    }

    /// Returns the state of a listener, connection or stream, or `None` if the id is stale. A stream has ended as soon as
    /// its connection has ended.
    #[must_use]
    pub fn state(&self, id: impl Into<Id>) -> Option<State> {
        match id.into() {
            Id::Listener(id) => self.state_of(id),
            Id::Connection(id) => self.state_of(id),
            Id::Stream(id) => self.state_of(id),
        }
    }

    fn state_of<K: Kind>(&self, id: K) -> Option<State> {
        let record = K::arena(&self.records).get(id)?;
        let on = K::runs_on(&record.links).and_then(|connection| self.records.connections.get(connection));
        let is_over = on.is_some_and(|connection| connection.state == State::Ended);
        Some(if is_over { State::Ended } else { record.state })
    }

    /// Returns the side that began a connection or a stream, or `None` if the id is stale or is the id of a listener.
    #[must_use]
    pub fn direction(&self, id: impl Into<Id>) -> Option<Direction> {
        match id.into() {
            Id::Listener(_) => None,
            Id::Connection(id) => self.records.connections.get(id).map(|record| record.links.direction),
            Id::Stream(id) => self.records.streams.get(id).map(|record| record.links.direction),
        }
    }

    /// Returns the connection that carries a stream, or `None` if the id is stale.
    #[must_use]
    pub fn connection_of(&self, stream: StreamId) -> Option<ConnectionId> {
        self.records.streams.get(stream).map(|record| record.links.connection)
    }

    /// Returns the streams of a connection that have not ended, oldest first. If the id is stale, the iterator is empty.
    pub fn streams_of(&self, connection: ConnectionId) -> impl Iterator<Item = StreamId> {
        let record = self.records.connections.get(connection).filter(|record| record.state != State::Ended);
        let streams = &self.records.streams;
        let first = record.and_then(|record| streams.id_at(record.links.streams.oldest));
        core::iter::successors(first, move |stream| streams.id_at(streams.get(*stream)?.next))
    }

    /// Returns the number of connections that count towards [`Limits::connections`]. A connection counts from its id on,
    /// until its last event has been handled.
    #[cfg(feature = "swarm")]
    pub(crate) const fn held_connections(&self) -> u32 {
        self.records.connections.len()
    }

    /// Returns the number of streams that count towards [`Limits::streams`]. A stream counts from its id on, until its last
    /// event has been handled.
    #[cfg(feature = "swarm")]
    pub(crate) const fn held_streams(&self) -> u32 {
        self.records.streams.len()
    }

    /// Returns the connection and the direction of a stream, or `None` if the id is stale or the stream ended before its
    /// connection did. A stream that ended with its connection is found until the stream's last event is queued.
    #[cfg(feature = "swarm")]
    #[inline]
    pub(crate) fn unended(&self, stream: StreamId) -> Option<(ConnectionId, Direction)> {
        let record = self.records.streams.get(stream).filter(|record| record.state != State::Ended)?;
        Some((record.links.connection, record.links.direction))
    }

    /// Returns the youngest stream that the peer has begun on a connection and that has not ended. It visits all younger
    /// streams that we have begun.
    #[cfg(feature = "swarm")]
    pub(crate) fn youngest_inbound(&self, connection: ConnectionId) -> Option<StreamId> {
        let record = self.records.connections.get(connection).filter(|record| record.state != State::Ended)?;
        let streams = &self.records.streams;
        let newest = streams.id_at(record.links.streams.newest);
        let older = |stream: &StreamId| streams.id_at(streams.get(*stream)?.links.previous);
        core::iter::successors(newest, older).find(|stream| self.direction(*stream) == Some(Direction::Inbound))
    }

    /// Returns the number of streams of a connection that have not ended; 0 if the id is stale. O(1).
    #[must_use]
    pub fn live_streams(&self, connection: ConnectionId) -> usize {
        self.records.connections.get(connection).map_or(0, |record| record.links.live.both() as usize)
    }

    /// Returns whether an open connection refuses a new stream only because as many streams live on it as
    /// [`Limits::streams_per_connection`] allows, so that the connection would accept a new stream if a live stream ended.
    /// O(1).
    #[must_use]
    pub fn is_crowded(&self, connection: ConnectionId) -> bool {
        let limit = self.streams_per_connection;
        self.records.streams.has_room()
            && self.records.connections.get(connection).is_some_and(|record| {
                let held = record.links.held;
                record.state == State::Open
                    && record.links.live.both() >= limit
                    && (limit..limit.saturating_mul(2)).contains(&held)
            })
    }

    /// Returns whether the peer of a connection can begin no stream on it, because the events of the connection's streams
    /// are drained too slowly: more of these events are owed than [`Limits::owed_per_connection`] allows, or more have been
    /// added to the owed events since the queue last had room. O(1).
    #[must_use]
    pub fn is_behind(&self, connection: ConnectionId) -> bool {
        let Records { connections, owed, owed_time, .. } = &self.records;
        let record = connections.get(connection);
        record.is_some_and(|record| record.links.is_behind(owed, *owed_time, self.owed_per_connection))
    }

    /// Returns the ids of the listeners that have not ended, in the order of their indices. It visits every slot, including
    /// vacant ones.
    pub fn listeners(&self) -> impl Iterator<Item = ListenerId> {
        self.records.listeners.iter().filter(|(_, record)| record.state != State::Ended).map(|(id, _)| id)
    }

    /// Returns the ids of the connections that have not ended, in the order of their indices. It visits every slot,
    /// including vacant ones.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionId> {
        self.records.connections.iter().filter(|(_, record)| record.state != State::Ended).map(|(id, _)| id)
    }

    /// Returns the numbers of listeners, connections and streams that have opened, failed and closed since the lifecycle was
    /// made.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.records.counters
    }
}
