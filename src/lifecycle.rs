//! The account of listeners, connections and streams: its owner reports their transitions, and drains [`Event`]s.
//!
//! A [`Lifecycle`] keeps account of listeners, connections and streams. Its owner, who drives the real ones (sockets, a
//! simulation, a test), gets an id for each, reports their transitions, and drains events. Each id gets exactly one event
//! which tells that its listener, connection or stream opened or failed to open, and, if it opened, exactly one event which
//! tells that it closed. The events are in the order of the transitions, and the events of a stream are between those of its
//! connection.
//!
//! ```text
//!        begin             opened            leave              end                 last event handled
//! vacant ─────▶ Opening ───────────▶ Open ─────────▶ Leaving ─────────────▶ Ended ────────────────────▶ vacant
//!                  │   told: opened   │  told: nothing;   told: closed,      ▲
//!                  │                  │  no new streams   its streams first  │
//!                  │                  └─────────────── end ──────────────────┤
//!                  └──────────────────────────── end or fail, told: failed ──┘
//! ```
//!
//! A transition that cannot be announced does not happen yet: [`opened`](Lifecycle::opened) needs [`room`](Lifecycle::room)
//! in the queue of `EVENTS` events, and is refused while there is none. An end is never refused: if its event does not fit
//! in the queue, the event is owed. Owed events are paid in order, that is, moved into the queue as events are drained, and
//! there is no room for openings until all of them have been paid. Ending a connection costs O(1), however many streams it
//! has: the streams end at the same moment, and their records are updated one by one as their events are paid.
//!
//! Memory is allocated only when more listeners, connections or streams live at the same time than ever before. There is no
//! clock, no randomness and no global state: the same calls return the same results.
//!
//! ```
//! use swarm_notify::lifecycle::{ConnectionEnd, Direction, Event, Lifecycle, Limits, StreamEnd};
//!
//! # fn main() -> Result<(), Box<dyn core::error::Error>> {
//! let mut lifecycle = Lifecycle::<8>::new(Limits::default());
//! let connection = lifecycle.begin_connection(Direction::Outbound)?;
//! lifecycle.opened(connection)?;
//! let stream = lifecycle.begin_stream(connection, Direction::Inbound)?;
//! lifecycle.opened(stream)?;
//! lifecycle.end_connection(connection, ConnectionEnd::Idle)?;
//!
//! assert_eq!(lifecycle.next_event(), Some(Event::Connected { connection }));
//! assert_eq!(lifecycle.next_event(), Some(Event::OpenedStream { connection, stream }));
//! let reason = StreamEnd::ConnectionClosed;
//! assert_eq!(lifecycle.next_event(), Some(Event::ClosedStream { connection, stream, reason }));
//! assert_eq!(lifecycle.next_event(), Some(Event::Disconnected { connection, reason: ConnectionEnd::Idle }));
//! assert!(lifecycle.state(connection).is_some(), "it can be looked up while its last event is handled");
//! assert_eq!(lifecycle.next_event(), None);
//! assert!(lifecycle.state(connection).is_none());
//! # Ok(())
//! # }
//! ```

mod arena;
mod counters;
mod ends;
mod entity;
mod event;
mod event_source;
mod id;
mod invariants;
mod kind;
mod limits;
mod links;
mod machine;
mod openings;
mod queries;
mod reason;
mod table;
#[cfg(test)]
mod tests;
mod transitions;

use arena::Arena;
pub use counters::{Counters, Counts, Directions};
pub use ends::{ConnectionEnd, Failure, Fault, ListenerEnd, RemoteEnd, Side, StreamEnd};
use entity::Entity;
pub use event::{Direction, Event};
pub use event_source::EventSource;
#[doc(hidden)]
pub use event_source::Hold;
use heapless::Deque;
#[cfg(feature = "connection")]
pub(crate) use id::from_parts;
pub use id::{ConnectionId, EntityId, Id, ListenerId, StreamId};
use kind::Records;
pub use limits::{BeginError, Limits};
use links::{ConnectionLinks, List, StreamLinks};
use machine::Trigger;
pub use machine::{Refused, State};
pub use reason::Reason;
pub use table::Table;
use transitions::CalledBy;

/// The account of all listeners, connections and streams, with a queue of at most `EVENTS` events. `EVENTS` must be at least
/// 1; a lifecycle with 0 does not compile.
///
/// A lifecycle stores no data of its owner, who keeps such data in [`Table`]s. Two lifecycles are equal if every query
/// returns the same result on both and the next listener, connection or stream gets the same id. The order in which further
/// vacant slots are used again is not compared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lifecycle<const EVENTS: usize = 256> {
    records: Records,
    queue: Deque<Event, EVENTS>,
    /// The id in the most recently drained event, if that event was the last one of its id and has not been handled yet.
    handed: Option<Id>,
    /// `true` while an event is being handled by code that must not drain the next event: see [`hold`](Self::hold).
    is_held: bool,
    streams_per_connection: u32,
    owed_per_connection: u32,
}

impl<const EVENTS: usize> Lifecycle<EVENTS> {
    /// Makes an empty account with these limits. No memory is allocated before a listener, connection or stream begins.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        const { assert!(EVENTS > 0, "an event queue has at least one place") };
        let records = Records {
            listeners: Arena::new(limits.listeners),
            connections: Arena::new(limits.connections),
            streams: Arena::new(limits.streams),
            counters: Counters::new(),
            owed: List::EMPTY,
            owed_events: 0,
            owed_time: 0,
        };
        let Limits { streams_per_connection, owed_per_connection, .. } = limits;
        Self { records, queue: Deque::new(), handed: None, is_held: false, streams_per_connection, owed_per_connection }
    }

    /// Returns the number of openings that can be announced now: the number of free places in the event queue, or 0 while
    /// any event is owed.
    #[must_use]
    pub const fn room(&self) -> usize {
        if self.records.owed.oldest.is_none() { EVENTS - self.queue.len() } else { 0 }
    }

    /// Begins a listener, and returns its id. The listener is not open yet.
    ///
    /// # Errors
    /// [`BeginError::Limit`] if there are as many listeners as [`Limits::listeners`] allows. Nothing has changed in this
    /// case.
    pub fn begin_listener(&mut self) -> Result<ListenerId, BeginError> {
        self.records.listeners.begin(()).ok_or(BeginError::Limit)
    }

    /// Begins a connection, and returns its id. The connection is being dialed, or was accepted and is about to open. It is
    /// not open yet.
    ///
    /// # Errors
    /// [`BeginError::Limit`] if there are as many connections as [`Limits::connections`] allows. Nothing has changed in this
    /// case.
    pub fn begin_connection(&mut self, direction: Direction) -> Result<ConnectionId, BeginError> {
        self.records.connections.begin(ConnectionLinks::new(direction)).ok_or(BeginError::Limit)
    }

    /// Begins a stream on an open connection, and returns the stream's id. The stream is not open yet, and is the youngest
    /// of the connection. A stream of the peer can also begin on a connection that is leaving, since the peer may have sent
    /// its first frame before: the owner decides what to do with that stream.
    ///
    /// # Errors
    /// [`BeginError::Stale`], [`BeginError::NotOpen`] and [`BeginError::Closing`] say what is wrong with the connection.
    /// [`BeginError::Limit`] means that there are as many streams as [`Limits::streams`] allows, or as
    /// [`Limits::streams_per_connection`] allows on this connection; or that the peer begins the stream and the connection
    /// owes more events than [`Limits::owed_per_connection`]. Nothing has changed.
    #[inline]
    pub fn begin_stream(&mut self, connection: ConnectionId, direction: Direction) -> Result<StreamId, BeginError> {
        let Records { connections, streams, owed, owed_time, .. } = &mut self.records;
        let record = connections.get_mut(connection).ok_or(BeginError::Stale)?;
        match record.state {
            State::Opening => return Err(BeginError::NotOpen),
            State::Open => {}
            State::Leaving if matches!(direction, Direction::Inbound) => {}
            State::Leaving | State::Ended => return Err(BeginError::Closing),
        }
        let links = &mut record.links;
        let limit = self.streams_per_connection;
        // Each live stream has a record, so the number of live streams matters only once the number of records has reached
        // the limit.
        // Records of ended streams do not count at first, so that an owner that drains late can still open streams. But the
        // bound is twice the limit, since a record outlives its stream until its last event is handled, and an owner may
        // never drain.
        if links.held >= limit && (links.live.both() >= limit || links.held >= limit.saturating_mul(2)) {
            return Err(BeginError::Limit);
        }
        // A peer can open and reset a stream with 24 bytes. The events of such streams soon do not fit in the queue and are
        // owed, and nothing opens while any event is owed. Without this limit, one such peer kept all others from opening
        // anything for as long as it went on. Our own streams are exempt, because our owner paces itself.
        if matches!(direction, Direction::Inbound) && links.is_behind(owed, *owed_time, self.owed_per_connection) {
            return Err(BeginError::Limit);
        }
        let previous = links.streams.newest;
        let stream = streams.begin(StreamLinks { direction, connection, previous }).ok_or(BeginError::Limit)?;
        match streams.at_mut(previous) {
            Some(older) => older.next = stream.link(),
            None => links.streams.oldest = stream.link(),
        }
        links.streams.newest = stream.link();
        links.held += 1;
        *links.live.of_mut(direction) += 1;
        #[cfg(debug_assertions)]
        self.check_around(stream);
        Ok(stream)
    }

    /// Counts a stream that a peer began and that was refused, or ended, before it had an id, in
    /// [`Counts::without_id`](Counts::without_id). There is no event.
    pub fn count_stream_without_id(&mut self) {
        self.records.counters.streams.inbound.count_without_id();
    }

    /// Reports that a listener, connection or stream is open. The event of this transition is `Listen`, `Connected` or
    /// `OpenedStream`.
    ///
    /// # Errors
    /// [`Refused::NoRoom`] while [`room`](Self::room) is 0. If [`Refused::Stale`], [`Refused::AlreadyOpen`] or
    /// [`Refused::Ended`] applies, that error is returned instead, since draining events would not help. After an error,
    /// nothing has changed.
    #[inline]
    pub fn opened(&mut self, id: impl Into<Id>) -> Result<(), Refused> {
        match id.into() {
            Id::Listener(id) => self.apply(id, Trigger::Opened, CalledBy::Owner),
            Id::Connection(id) => self.apply(id, Trigger::Opened, CalledBy::Owner),
            Id::Stream(id) => self.apply(id, Trigger::Opened, CalledBy::Owner),
        }
    }

    /// Reports that an open listener, connection or stream is being closed politely: it stays open until it ends, but we
    /// cannot open new streams on a connection that is being closed. There is no event. A second call changes nothing.
    ///
    /// # Errors
    /// [`Refused::Stale`], [`Refused::NotOpen`], [`Refused::Ended`]. After an error, nothing has changed.
    #[inline]
    pub fn leave(&mut self, id: impl Into<Id>) -> Result<(), Refused> {
        match id.into() {
            Id::Listener(id) => self.apply(id, Trigger::Leave, CalledBy::Owner),
            Id::Connection(id) => self.apply(id, Trigger::Leave, CalledBy::Owner),
            Id::Stream(id) => self.apply(id, Trigger::Leave, CalledBy::Owner),
        }
    }

    /// Reports that a listener, connection or stream could not open. The event of this transition is `ListenFailed`,
    /// `ConnectFailed` or `StreamFailed`. The call never needs room in the event queue.
    ///
    /// # Errors
    /// [`Refused::Stale`], [`Refused::AlreadyOpen`], [`Refused::Ended`]. After an error, nothing has changed.
    #[inline]
    pub fn fail(&mut self, id: impl Into<Id>, failure: Failure) -> Result<(), Refused> {
        match id.into() {
            Id::Listener(id) => self.apply(id, Trigger::Fail(failure), CalledBy::Owner),
            Id::Connection(id) => self.apply(id, Trigger::Fail(failure), CalledBy::Owner),
            Id::Stream(id) => self.apply(id, Trigger::Fail(failure), CalledBy::Owner),
        }
    }

    /// Counts an inbound connection that ended before it had an id, in [`Counts::without_id`](Counts::without_id): an
    /// accepted socket whose peer was not authenticated, for example. There is no event.
    pub const fn count_connection_without_id(&mut self) {
        self.records.counters.connections.of_mut(Direction::Inbound).count_without_id();
    }

    /// Reports that a listener has ended. The event of this transition is `ListenClose`, or `ListenFailed` if the listener
    /// was not open yet. The call never needs room in the event queue. A second call changes nothing.
    ///
    /// # Errors
    /// [`Refused::Stale`] if the id is stale. Nothing has changed in this case.
    #[inline]
    pub fn end_listener(&mut self, id: ListenerId, end: ListenerEnd) -> Result<(), Refused> {
        self.apply(id, Trigger::End(end, end.into()), CalledBy::Owner)
    }

    /// Reports that a connection has ended, and that all its streams have ended with it, at the same moment. The events are
    /// `ClosedStream` for each stream that was open and `StreamFailed` for each stream that was not, oldest stream first,
    /// with `ConnectionClosed` as the reason; then `Disconnected`, or `ConnectFailed` if the connection was not open yet.
    /// The call costs O(1), and never needs room in the event queue. A second call changes nothing.
    ///
    /// # Errors
    /// [`Refused::Stale`] if the id is stale. Nothing has changed in this case.
    #[inline]
    pub fn end_connection(&mut self, id: ConnectionId, end: ConnectionEnd) -> Result<(), Refused> {
        self.apply(id, Trigger::End(end, end.into()), CalledBy::Owner)
    }

    /// Reports that a stream has ended. The event of this transition is `ClosedStream`, or `StreamFailed` if the stream was
    /// not open yet. The call never needs room in the event queue. A second call changes nothing.
    ///
    /// # Errors
    /// [`Refused::Stale`] if the id is stale. Nothing has changed in this case.
    #[inline]
    pub fn end_stream(&mut self, id: StreamId, end: StreamEnd) -> Result<(), Refused> {
        self.apply(id, Trigger::End(end, end.into()), CalledBy::Owner)
    }

    /// Returns the next event, in the order of the transitions.
    ///
    /// The call also says that the event before has been handled: if that event was the last one of its id, the id becomes
    /// stale before the next event is returned, and also if this call returns `None`. [`vacate`](Self::vacate) does the same
    /// earlier.
    #[inline]
    pub fn next_event(&mut self) -> Option<Event> {
        if self.is_held {
            return None;
        }
        self.vacate();
        self.pay();
        let event = self.queue.pop_front()?;
        if event.is_last() {
            self.handed = Some(event.id());
        }
        Some(event)
    }

    /// Frees the slot of the id in the most recently drained event, if that event was the last one of its id. Returns the
    /// id, which is stale from now on, so that the owner can drop the values that it keeps under the id. Returns `None` if
    /// there is no slot to free, for example in a second call.
    #[inline]
    pub fn vacate(&mut self) -> Option<Id> {
        if self.is_held {
            return None;
        }
        let id = self.handed?;
        self.handed = None;
        self.vacate_handed(id);
        Some(id)
    }

    /// Frees memory of vacant slots if most slots are vacant, but keeps at least 8 slots of connections and 256 of streams.
    /// Call this after a connection was vacated.
    #[cfg(feature = "swarm")]
    pub(crate) fn give_up_slots(&mut self) {
        // Memory that peers made a node take comes back when they leave. Without this call, the greatest number of
        // connections and streams that ever lived at the same time would decide how much memory the records take from then
        // on.
        self.records.connections.give_up_slots(8);
        self.records.streams.give_up_slots(256);
    }

    /// Returns the id whose slot [`vacate`](Self::vacate) would free now, if there is one.
    #[cfg(feature = "swarm")]
    pub(crate) const fn handed(&self) -> Option<Id> {
        self.handed
    }

    /// Holds events back while `is_held` is `true`: until a call with `false`, `next_event` and `vacate` do nothing and
    /// return `None`, because the most recently drained event is still being handled.
    pub(crate) const fn hold(&mut self, is_held: bool) {
        // A notifee gets the whole network while it handles an event, so that it can give commands. If it could drain the
        // next event, the other notifees would miss that event.
        self.is_held = is_held;
    }

    /// Returns whether events are [held back](Self::hold), because one of them is still being handled.
    #[cfg(feature = "swarm")]
    pub(crate) const fn is_held(&self) -> bool {
        self.is_held
    }

    /// Frees the slot of an id whose last event has been handled. This code is a separate function, so that the usual path
    /// of `next_event`, with no slot to free, stays short.
    #[inline(never)]
    fn vacate_handed(&mut self, id: Id) {
        let handled = match id {
            Id::Listener(id) => self.apply(id, Trigger::Handled, CalledBy::Owner),
            Id::Connection(id) => self.apply(id, Trigger::Handled, CalledBy::Owner),
            Id::Stream(id) => self.apply(id, Trigger::Handled, CalledBy::Owner),
        };
        debug_assert!(handled.is_ok(), "What was told of last has ended and was not vacated yet.");
    }
}
