//! The account of listeners, connections and streams: transitions in, [`Event`]s out.
//!
//! A [`Lifecycle`] keeps account of listeners, connections and streams. The driver of the real ones (sockets, a simulation,
//! a test) gets an id for each, reports its transitions, and drains events. Each id gets exactly one event that it opened or
//! failed to open, and, if it opened, exactly one event that it closed. The events come in the order of the transitions, and
//! those of streams between the events of their connection.
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
//! in the queue of `EVENTS` events, and is refused without it. An end is never refused: events that do not fit in the queue
//! are owed, in order, and there is no room for openings until all of them have been paid, that is, moved into the queue.
//! Ending a connection costs O(1), however many streams it has: they end in the same moment, and are walked when their
//! events are paid.
//!
//! Nothing is allocated once the arenas have reached the greatest number that ever lived at the same time. There is no
//! clock, no randomness and no global state: the same calls give the same results.
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
use heapless::Deque;
#[cfg(feature = "connection")]
pub(crate) use id::from_parts;
pub use id::{ConnectionId, EntityId, Id, ListenerId, StreamId};
use kind::Records;
pub use limits::{BeginError, Limits};
use links::{ConnectionLinks, List, StreamLinks};
use machine::Transition;
pub use machine::{Refused, State};
pub use reason::Reason;
pub use table::Table;
use transitions::CalledBy;

/// The account of all listeners, connections and streams, with a queue of `EVENTS` events, at least 1.
///
/// It holds no values of its owner: those live in the owner's own [`Table`]s. Two lifecycles are equal if every query gives
/// the same result on both, now and after equal calls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lifecycle<const EVENTS: usize = 256> {
    records: Records,
    queue: Deque<Event, EVENTS>,
    /// The id that the last event has named, if it was that id's last event and has not been handled.
    handed: Option<Id>,
    /// Set while an event is being handled by code that must not take the next one: see [`hold`](Self::hold).
    is_held: bool,
    streams_per_connection: u32,
    owed_per_connection: u32,
}

impl<const EVENTS: usize> Lifecycle<EVENTS> {
    /// Makes an empty account. It allocates when something begins.
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

    /// Returns the number of openings that can be announced now; 0 while anything is owed.
    #[must_use]
    pub const fn room(&self) -> usize {
        if self.records.owed.oldest.is_none() { EVENTS - self.queue.len() } else { 0 }
    }

    /// Gives an id to a listener that is to open.
    ///
    /// # Errors
    /// [`BeginError::Limit`] if there are as many as [`Limits::listeners`] allows. Nothing has changed.
    pub fn begin_listener(&mut self) -> Result<ListenerId, BeginError> {
        self.records.listeners.begin(()).ok_or(BeginError::Limit)
    }

    /// Gives an id to a connection that is to open: one that is dialed, or one that was accepted and is to be announced.
    ///
    /// # Errors
    /// [`BeginError::Limit`] if there are as many as [`Limits::connections`] allows. Nothing has changed.
    pub fn begin_connection(&mut self, direction: Direction) -> Result<ConnectionId, BeginError> {
        self.records.connections.begin(ConnectionLinks::new(direction)).ok_or(BeginError::Limit)
    }

    /// Gives an id to a stream that is to open on an open connection, as the youngest of its streams. A peer's stream also
    /// gets an id on a connection that is leaving, since it may have begun on the wire before: the owner decides what to do
    /// with it.
    ///
    /// # Errors
    /// [`BeginError::Stale`], [`BeginError::NotOpen`] and [`BeginError::Closing`] name the fault of the connection.
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
        // Each live stream has a record, so while few records are held, few streams live.
        if links.held >= limit && (links.live.both() >= limit || links.held >= limit.saturating_mul(2)) {
            return Err(BeginError::Limit);
        }
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

    /// Counts a stream of a peer's that was refused, or that ended, before it had an id:
    /// [`Counts::without_id`](Counts::without_id).
    pub fn count_stream_without_id(&mut self) {
        self.records.counters.streams.inbound.count_without_id();
    }

    /// Reports that a listener, connection or stream is open. Its event is `Listen`, `Connected` or `OpenedStream`.
    ///
    /// # Errors
    /// [`Refused::NoRoom`] while [`room`](Self::room) is 0. [`Refused::Stale`], [`Refused::AlreadyOpen`] and
    /// [`Refused::Ended`] take precedence, since draining does not help there. Nothing has changed.
    #[inline]
    pub fn opened(&mut self, id: impl Into<Id>) -> Result<(), Refused> {
        match id.into() {
            Id::Listener(id) => self.apply(id, Transition::Opened, CalledBy::Owner),
            Id::Connection(id) => self.apply(id, Transition::Opened, CalledBy::Owner),
            Id::Stream(id) => self.apply(id, Transition::Opened, CalledBy::Owner),
        }
    }

    /// Reports that something open is being closed politely: it stays open until it ends, and a connection takes no new
    /// streams of ours. There is no event; a second call changes nothing.
    ///
    /// # Errors
    /// [`Refused::Stale`], [`Refused::NotOpen`], [`Refused::Ended`]. Nothing has changed.
    #[inline]
    pub fn leave(&mut self, id: impl Into<Id>) -> Result<(), Refused> {
        match id.into() {
            Id::Listener(id) => self.apply(id, Transition::Leave, CalledBy::Owner),
            Id::Connection(id) => self.apply(id, Transition::Leave, CalledBy::Owner),
            Id::Stream(id) => self.apply(id, Transition::Leave, CalledBy::Owner),
        }
    }

    /// Reports that a listener, connection or stream could not open. Its event is `ListenFailed`, `ConnectFailed` or
    /// `StreamFailed`. It never needs room.
    ///
    /// # Errors
    /// [`Refused::Stale`], [`Refused::AlreadyOpen`], [`Refused::Ended`]. Nothing has changed.
    #[inline]
    pub fn fail(&mut self, id: impl Into<Id>, failure: Failure) -> Result<(), Refused> {
        match id.into() {
            Id::Listener(id) => self.apply(id, Transition::Fail(failure), CalledBy::Owner),
            Id::Connection(id) => self.apply(id, Transition::Fail(failure), CalledBy::Owner),
            Id::Stream(id) => self.apply(id, Transition::Fail(failure), CalledBy::Owner),
        }
    }

    /// Counts an inbound connection that ended before it had an id, in [`Counts::without_id`](Counts::without_id): an
    /// accepted socket whose peer was not authenticated, for example. There is no event.
    pub const fn count_connection_without_id(&mut self) {
        self.records.counters.connections.of_mut(Direction::Inbound).count_without_id();
    }

    /// Reports that a listener has ended. Its event is `ListenClose`, or `ListenFailed` if it was not open yet. It never
    /// needs room; a second call changes nothing.
    ///
    /// # Errors
    /// [`Refused::Stale`]. Nothing has changed.
    #[inline]
    pub fn end_listener(&mut self, id: ListenerId, end: ListenerEnd) -> Result<(), Refused> {
        self.apply(id, Transition::End(end, end.into()), CalledBy::Owner)
    }

    /// Reports that a connection has ended, and with it, in this moment, all its streams. The events are `ClosedStream` for
    /// each stream that was open and `StreamFailed` for each that was not, oldest first, with `ConnectionClosed` as the
    /// reason; then `Disconnected`, or `ConnectFailed` if the connection was not open yet. It costs O(1) and never needs
    /// room; a second call changes nothing.
    ///
    /// # Errors
    /// [`Refused::Stale`]. Nothing has changed.
    #[inline]
    pub fn end_connection(&mut self, id: ConnectionId, end: ConnectionEnd) -> Result<(), Refused> {
        self.apply(id, Transition::End(end, end.into()), CalledBy::Owner)
    }

    /// Reports that a stream has ended. Its event is `ClosedStream`, or `StreamFailed` if it was not open yet. It never
    /// needs room; a second call changes nothing.
    ///
    /// # Errors
    /// [`Refused::Stale`]. Nothing has changed.
    #[inline]
    pub fn end_stream(&mut self, id: StreamId, end: StreamEnd) -> Result<(), Refused> {
        self.apply(id, Transition::End(end, end.into()), CalledBy::Owner)
    }

    /// Returns the next event, in the order of the transitions.
    ///
    /// The call means that the event before has been handled: if that was the last event of its id, [`vacate`](Self::vacate)
    /// is done first, even where `None` follows.
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

    /// Gives back the slot of the id that the last event named, if that was the id's last event. Returns the id, which is
    /// stale from now on: this is the moment for the owner to drop the values that it keeps under the id. Returns `None` if
    /// there is nothing to give back, for example in a second call.
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

    /// Frees the memory of slots if most are vacant, keeping at least 8 slots of connections and 256 of streams. It is for
    /// an owner that has just vacated a connection.
    #[cfg(feature = "swarm")]
    pub(crate) fn give_up_slots(&mut self) {
        self.records.connections.give_up_slots(8);
        self.records.streams.give_up_slots(256);
    }

    /// Returns the id that [`vacate`](Self::vacate) would give back.
    #[cfg(feature = "swarm")]
    pub(crate) const fn handed(&self) -> Option<Id> {
        self.handed
    }

    /// Holds events back or lets them go. While they are held, `next_event` and `vacate` do nothing: the last event is still
    /// being handled.
    pub(crate) const fn hold(&mut self, is_held: bool) {
        self.is_held = is_held;
    }

    /// Returns whether events are [held](Self::hold).
    #[cfg(feature = "swarm")]
    pub(crate) const fn is_held(&self) -> bool {
        self.is_held
    }

    /// Gives back a slot. A function of its own, so that `next_event` is short where there is none to give back.
    #[inline(never)]
    fn vacate_handed(&mut self, id: Id) {
        let handled = match id {
            Id::Listener(id) => self.apply(id, Transition::Handled, CalledBy::Owner),
            Id::Connection(id) => self.apply(id, Transition::Handled, CalledBy::Owner),
            Id::Stream(id) => self.apply(id, Transition::Handled, CalledBy::Owner),
        };
        debug_assert!(handled.is_ok(), "What was told of last has ended and was not vacated yet.");
    }
}
