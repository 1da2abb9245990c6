//! [`Kind`]: the interface that lets one function make the transitions of listeners, connections and streams. [`Records`]:
//! all parts of a lifecycle except its event queue.

use super::arena::{Arena, LastEvent, Record};
use super::counters::Counters;
use super::ends::{ConnectionEnd, ListenerEnd, StreamEnd};
use super::entity::Entity;
use super::event::{Direction, Event};
use super::id::{ConnectionId, ListenerId, StreamId};
use super::links::{ConnectionLinks, List, ListLink, StreamLinks};
use super::machine::State;
use core::fmt::Debug;

/// The records of all listeners, connections and streams, the counters, and the list of owed events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Records {
    pub(super) listeners: Arena<ListenerId>,
    pub(super) connections: Arena<ConnectionId>,
    pub(super) streams: Arena<StreamId>,
    pub(super) counters: Counters,
    /// The list of the entities that have ended and whose last event is owed, that is, not queued yet. The oldest comes
    /// first. The entry of a connection also represents the streams that ended with the connection.
    pub(super) owed: List,
    /// The number of owed events: one for each entity in the list `owed`, and one for each stream that the entry of its
    /// connection represents.
    pub(super) owed_events: usize,
    /// The number of the present period. A period ends when the list of owed events becomes empty. The number after 255 is
    /// 0.
    pub(super) owed_time: u8,
}

/// The parts of [`Records`] that a transition changes, borrowed at the same time.
pub(super) struct Split<'a, K: Kind> {
    pub(super) arena: &'a mut Arena<K>,
    /// The arena of connections if the transition is that of a stream, since it also changes the record of the stream's
    /// connection; otherwise `None`.
    pub(super) connections: Option<&'a mut Arena<ConnectionId>>,
    pub(super) counters: &'a mut Counters,
}

/// A type of id ([`ListenerId`], [`ConnectionId`] or [`StreamId`]), with the functions in which the transitions of
/// listeners, connections and streams differ.
pub(super) trait Kind: Entity {
    /// A reference to the record of the stream's connection; `()` for listeners and connections.
    type On<'a>;

    fn arena(records: &Records) -> &Arena<Self>;
    fn arena_mut(records: &mut Records) -> &mut Arena<Self>;
    /// Borrows, at the same time, all parts that a transition changes, so that each record is looked up only once.
    fn split(records: &mut Records) -> Split<'_, Self>;
    fn told_opened(self, links: &Self::Links) -> Event;
    fn told_ended(self, links: &Self::Links, outcome: LastEvent<Self::End>) -> Event;

    /// Returns the connection of a stream, or `None` for a listener or a connection.
    fn runs_on(_links: &Self::Links) -> Option<ConnectionId> {
        None
    }

    /// Looks up the record of a stream's connection, which exists for as long as the stream's own record.
    fn on<'a>(connections: Option<&'a mut Arena<ConnectionId>>, links: &Self::Links) -> Option<Self::On<'a>>;

    /// Returns whether the entity is a stream whose connection has ended, so that the stream has ended, too. The record of
    /// the stream still contains an older state until its last event is queued.
    fn is_over(_on: &Self::On<'_>) -> bool {
        false
    }

    /// Returns whether the last event of the entity has to wait for the last events of other entities: the last event of a
    /// connection waits for the last events of its streams.
    fn comes_last(_links: &Self::Links) -> bool {
        false
    }

    /// Returns the number of events that the end of the entity causes, calculated from its links before the end.
    fn events_of_end(_links: &Self::Links) -> usize {
        1
    }

    /// Counts the entity, which has opened, in `counters` and in the record of its connection.
    fn count_opened(counters: &mut Counters, on: Self::On<'_>, links: &Self::Links);
    /// Counts the entity as ended. If the entity is a connection, also counts the streams that end with the connection.
    fn count_ended(
        counters: &mut Counters,
        on: &mut Self::On<'_>,
        links: &mut Self::Links,
        outcome: LastEvent<Self::End>,
    );

    /// Removes a stream that has ended from the list of its connection's streams. For listeners and connections, the call
    /// does nothing.
    fn unlink(_arena: &mut Arena<Self>, _on: Self::On<'_>, _links: &Self::Links, _next: ListLink) {}
    /// Subtracts 1 from the number of records of a connection's streams, after the slot of one of these streams was freed.
    /// For listeners and connections, the call does nothing.
    fn released(_on: Self::On<'_>) {}
    /// Checks the invariants that only this kind of entity has.
    fn check_links(_books: &Records, _id: Self, _record: &Record<Self>) {}
}

impl Kind for ListenerId {
    type On<'a> = ();

    #[inline]
    fn arena(records: &Records) -> &Arena<Self> {
        &records.listeners
    }

    #[inline]
    fn arena_mut(records: &mut Records) -> &mut Arena<Self> {
        &mut records.listeners
    }

    #[inline]
    fn split(records: &mut Records) -> Split<'_, Self> {
        Split { arena: &mut records.listeners, connections: None, counters: &mut records.counters }
    }

    #[inline]
    fn on(_: Option<&mut Arena<ConnectionId>>, _: &()) -> Option<()> {
        Some(())
    }

    #[inline]
    fn told_opened(self, (): &()) -> Event {
        Event::Listen { listener: self }
    }

    #[inline]
    fn told_ended(self, (): &(), outcome: LastEvent<ListenerEnd>) -> Event {
        match outcome {
            LastEvent::Failed(reason) => Event::ListenFailed { listener: self, reason },
            LastEvent::Closed(reason) => Event::ListenClose { listener: self, reason },
        }
    }

    #[inline]
    fn count_opened(counters: &mut Counters, (): (), (): &()) {
        counters.listeners.count_opened();
    }

    #[inline]
    fn count_ended(counters: &mut Counters, (): &mut (), (): &mut (), outcome: LastEvent<ListenerEnd>) {
        match outcome {
            LastEvent::Failed(_) => counters.listeners.count_failed(1),
            LastEvent::Closed(_) => counters.listeners.count_closed(1),
        }
    }
}

// There is one such value for each connection, idle or not.
const _: () = assert!(size_of::<ConnectionLinks>() == 32);

impl Kind for ConnectionId {
    type On<'a> = ();

    #[inline]
    fn arena(records: &Records) -> &Arena<Self> {
        &records.connections
    }

    #[inline]
    fn arena_mut(records: &mut Records) -> &mut Arena<Self> {
        &mut records.connections
    }

    #[inline]
    fn split(records: &mut Records) -> Split<'_, Self> {
        Split { arena: &mut records.connections, connections: None, counters: &mut records.counters }
    }

    #[inline]
    fn on(_: Option<&mut Arena<ConnectionId>>, _: &ConnectionLinks) -> Option<()> {
        Some(())
    }

    #[inline]
    fn told_opened(self, _: &ConnectionLinks) -> Event {
        Event::Connected { connection: self }
    }

    #[inline]
    fn told_ended(self, _: &ConnectionLinks, outcome: LastEvent<ConnectionEnd>) -> Event {
        match outcome {
            LastEvent::Failed(reason) => Event::ConnectFailed { connection: self, reason },
            LastEvent::Closed(reason) => Event::Disconnected { connection: self, reason },
        }
    }

    fn check_links(records: &Records, _id: Self, record: &Record<Self>) {
        records.check_connection(record);
    }

    #[inline]
    fn comes_last(links: &ConnectionLinks) -> bool {
        !links.streams.oldest.is_none()
    }

    #[inline]
    fn events_of_end(links: &ConnectionLinks) -> usize {
        1 + links.live.both() as usize
    }

    #[inline]
    fn count_opened(counters: &mut Counters, (): (), links: &ConnectionLinks) {
        counters.connections.of_mut(links.direction).count_opened();
    }

    #[inline]
    fn count_ended(
        counters: &mut Counters,
        (): &mut (),
        links: &mut ConnectionLinks,
        outcome: LastEvent<ConnectionEnd>,
    ) {
        let counts = counters.connections.of_mut(links.direction);
        match outcome {
            LastEvent::Failed(_) => counts.count_failed(1),
            LastEvent::Closed(_) => counts.count_closed(1),
        }
        // The streams that end with the connection are counted here, from two numbers for each direction. Their records are
        // visited only when their events are queued, so the end of a connection costs O(1).
        for direction in [Direction::Inbound, Direction::Outbound] {
            let live = core::mem::take(links.live.of_mut(direction));
            let open = core::mem::take(links.open.of_mut(direction));
            let counts = counters.streams.of_mut(direction);
            counts.count_failed(live - open);
            counts.count_closed(open);
        }
    }
}

impl Kind for StreamId {
    type On<'a> = &'a mut Record<ConnectionId>;

    #[inline]
    fn arena(records: &Records) -> &Arena<Self> {
        &records.streams
    }

    #[inline]
    fn arena_mut(records: &mut Records) -> &mut Arena<Self> {
        &mut records.streams
    }

    #[inline]
    fn split(records: &mut Records) -> Split<'_, Self> {
        let Records { connections, streams, counters, .. } = records;
        Split { arena: streams, connections: Some(connections), counters }
    }

    #[inline]
    fn runs_on(links: &StreamLinks) -> Option<ConnectionId> {
        Some(links.connection)
    }

    #[inline]
    fn on<'a>(connections: Option<&'a mut Arena<ConnectionId>>, links: &StreamLinks) -> Option<Self::On<'a>> {
        connections?.living_mut(links.connection)
    }

    #[inline]
    fn is_over(on: &Self::On<'_>) -> bool {
        on.state == State::Ended
    }

    #[inline]
    fn told_opened(self, links: &StreamLinks) -> Event {
        Event::OpenedStream { connection: links.connection, stream: self }
    }

    #[inline]
    fn told_ended(self, links: &StreamLinks, outcome: LastEvent<StreamEnd>) -> Event {
        let (connection, stream) = (links.connection, self);
        match outcome {
            LastEvent::Failed(reason) => Event::StreamFailed { connection, stream, reason },
            LastEvent::Closed(reason) => Event::ClosedStream { connection, stream, reason },
        }
    }

    #[inline]
    fn count_opened(counters: &mut Counters, on: Self::On<'_>, links: &StreamLinks) {
        counters.streams.of_mut(links.direction).count_opened();
        *on.links.open.of_mut(links.direction) += 1;
    }

    #[inline]
    fn count_ended(
        counters: &mut Counters,
        on: &mut Self::On<'_>,
        links: &mut StreamLinks,
        outcome: LastEvent<StreamEnd>,
    ) {
        let counts = counters.streams.of_mut(links.direction);
        *on.links.live.of_mut(links.direction) -= 1;
        match outcome {
            LastEvent::Failed(_) => counts.count_failed(1),
            LastEvent::Closed(_) => {
                *on.links.open.of_mut(links.direction) -= 1;
                counts.count_closed(1);
            }
        }
    }

    #[inline]
    fn unlink(streams: &mut Arena<Self>, on: Self::On<'_>, links: &StreamLinks, next: ListLink) {
        let list = &mut on.links.streams;
        match streams.at_mut(links.previous) {
            Some(older) => older.next = next,
            None => list.oldest = next,
        }
        match streams.at_mut(next) {
            Some(younger) => younger.links.previous = links.previous,
            None => list.newest = links.previous,
        }
    }

    fn check_links(records: &Records, id: Self, record: &Record<Self>) {
        records.check_stream(id, record);
    }

    #[inline]
    fn released(on: Self::On<'_>) {
        on.links.held -= 1;
    }
}
