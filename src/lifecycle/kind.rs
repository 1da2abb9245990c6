//! [`Kind`]: what the machinery needs to know to treat listeners, connections and streams alike, and [`Records`],
//! everything a lifecycle keeps besides its queue.

use super::arena::{Arena, LastEvent, Record};
use super::counters::Counters;
use super::ends::{ConnectionEnd, ListenerEnd, StreamEnd};
use super::entity::Entity;
use super::event::{Direction, Event};
use super::id::{ConnectionId, ListenerId, StreamId};
use super::links::{ConnectionLinks, List, ListLink, StreamLinks};
use super::machine::State;
use core::fmt::Debug;

/// The records, the counters, and the line of what is owed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Records {
    pub(super) listeners: Arena<ListenerId>,
    pub(super) connections: Arena<ConnectionId>,
    pub(super) streams: Arena<StreamId>,
    pub(super) counters: Counters,
    /// What has ended and whose last event found no room in the queue, oldest first. A connection stands there for
    /// its streams, too.
    pub(super) owed: List,
    /// The number of events in that line: one for each that stands there, and one for each stream to be swept before it.
    pub(super) owed_events: usize,
    /// Which of the times it is that something is owed, or the one before the next. It counts from 0 again after 255.
    pub(super) owed_time: u8,
}

/// What a transition changes, borrowed side by side.
pub(super) struct Split<'a, K: Kind> {
    pub(super) arena: &'a mut Arena<K>,
    /// Where what it runs on is, if that is another arena.
    pub(super) connections: Option<&'a mut Arena<ConnectionId>>,
    pub(super) counters: &'a mut Counters,
}

/// One of the three kinds.
pub(super) trait Kind: Entity {
    /// The record of the connection it runs on; nothing if it is no stream.
    type On<'a>;

    fn arena(records: &Records) -> &Arena<Self>;
    fn arena_mut(records: &mut Records) -> &mut Arena<Self>;
    /// What a transition changes, side by side, so that each record is looked up once.
    fn split(records: &mut Records) -> Split<'_, Self>;
    fn told_opened(self, links: &Self::Links) -> Event;
    fn told_ended(self, links: &Self::Links, outcome: LastEvent<Self::End>) -> Event;

    /// The connection it runs on.
    fn runs_on(_links: &Self::Links) -> Option<ConnectionId> {
        None
    }

    /// Looks up the record of what it runs on, which outlives its own.
    fn on<'a>(connections: Option<&'a mut Arena<ConnectionId>>, links: &Self::Links) -> Option<Self::On<'a>>;

    /// Whether it is over because what it runs on is: at once, although its own record is only written when its turn to
    /// be told of comes.
    fn is_over(_on: &Self::On<'_>) -> bool {
        false
    }

    /// Whether others are to be told of before it.
    fn comes_last(_links: &Self::Links) -> bool {
        false
    }

    /// The number of events that its end causes, as its links were before.
    fn events_of_end(_links: &Self::Links) -> usize {
        1
    }

    /// Counts it as open.
    fn count_opened(counters: &mut Counters, on: Self::On<'_>, links: &Self::Links);
    /// Counts it, and what ends with it, as over.
    fn count_ended(
        counters: &mut Counters,
        on: &mut Self::On<'_>,
        links: &mut Self::Links,
        outcome: LastEvent<Self::End>,
    );

    /// Takes it off the list it hangs on while it has not ended.
    fn unlink(_arena: &mut Arena<Self>, _on: Self::On<'_>, _links: &Self::Links, _next: ListLink) {}
    /// Lets go of what it was counted in until it was vacated.
    fn released(_on: Self::On<'_>) {}
    /// The invariants of what only this kind has.
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

// There is one for each idle connection.
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
