//! [`ListLink`] and [`List`]: links that connect records to lists without allocating memory. [`ConnectionLinks`] and
//! [`StreamLinks`]: the fields that only connections and only streams have.

use super::event::Direction;
use super::id::ConnectionId;
use core::fmt::Debug;

/// A link to the record of a listener, connection or stream, or to nothing. It consists of two bits for the kind of record
/// and thirty bits for the index of its slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ListLink(u32);

impl ListLink {
    /// The link to nothing. No kind of record has the number 0.
    pub(super) const NONE: Self = Self(0);
    const SHIFT: u32 = 30;
    pub(super) const MASK: u32 = (1 << Self::SHIFT) - 1;

    /// Makes a link to the record of this kind in the slot with this index.
    #[inline]
    pub(super) const fn new(kind: u8, index: usize) -> Self {
        Self((kind as u32) << Self::SHIFT | index as u32)
    }

    pub(super) const fn is_none(self) -> bool {
        self.0 == Self::NONE.0
    }

    /// Returns the index of the slot if the link leads to a record of this kind; otherwise an index that is out of bounds in
    /// every arena. So the bounds check of a lookup also checks the kind.
    #[inline]
    pub(super) fn index_as(self, kind: u8) -> usize {
        (self.0 ^ u32::from(kind) << Self::SHIFT) as usize
    }
}

/// The two ends of a linked list of records, each of which has a link to the next younger record in its field `next`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct List {
    pub(super) oldest: ListLink,
    pub(super) newest: ListLink,
}

impl List {
    pub(super) const EMPTY: Self = Self { oldest: ListLink::NONE, newest: ListLink::NONE };
}

/// The fields that only the record of a connection has: its direction, and the list and numbers of its streams.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ConnectionLinks {
    pub(super) direction: Direction,
    /// The list of the connection's streams that have not ended by themselves, oldest first. After the connection has ended,
    /// the list contains the streams whose last events have not been queued yet.
    pub(super) streams: List,
    /// The number of the connection's streams that have not ended, by direction; 0 after the connection has ended. The field
    /// `open` is the number of the connection's streams that are open. Fields that change in the same transition are not
    /// neighbours, because the compiler would read neighbours with one wide access, which would have to wait until the
    /// narrow writes before it reach the cache.
    pub(super) live: Numbers,
    pub(super) open: Numbers,
    /// The number of the connection's streams that have a record, including those that have ended.
    pub(super) held: u32,
    /// The number of the connection's streams that were appended to the list of owed events, in the period with the number
    /// `owed_time`. A period ends when that list becomes empty. Streams that ended with the connection are not counted.
    pub(super) owed: u16,
    pub(super) owed_time: u8,
}

/// Two numbers: the number of streams that the peer began, and the number of streams that we began.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Numbers {
    pub(super) inbound: u32,
    pub(super) outbound: u32,
}

impl Numbers {
    pub(super) const fn of_mut(&mut self, direction: Direction) -> &mut u32 {
        match direction {
            Direction::Inbound => &mut self.inbound,
            Direction::Outbound => &mut self.outbound,
        }
    }

    pub(super) const fn both(self) -> u32 {
        self.inbound + self.outbound
    }
}

impl ConnectionLinks {
    pub(super) fn new(direction: Direction) -> Self {
        let (live, open) = (Numbers::default(), Numbers::default());
        Self { direction, streams: List::EMPTY, live, open, held: 0, owed: 0, owed_time: 0 }
    }

    /// Counts one more stream of the connection in the list of owed events, in the period with the number `time`.
    pub(super) const fn count_owed(&mut self, time: u8) {
        if self.owed_time != time {
            (self.owed, self.owed_time) = (0, time);
        }
        // 16 bits are enough, since a count that stops at 65 535 bounds every smaller limit, and they let the struct fit in
        // 32 bytes.
        self.owed = self.owed.saturating_add(1);
    }

    /// Returns whether more than `most` streams of the connection have ended without their last event having been handled,
    /// or more than `most` were appended to the list of owed events since that list was last empty. Without the second
    /// condition, the connections whose events are queued first could append new streams at once, and with many such
    /// connections the list would never become empty.
    #[inline]
    pub(super) fn is_behind(&self, owed: &List, time: u8, most: u32) -> bool {
        // While there was only the first condition, 64 connections that opened and ended streams without a pause kept every
        // other stream from opening: none opened in 100 000 turns of 256 drained events (`tests/lifecycle/fair.rs`).
        self.ended() > most || !owed.oldest.is_none() && self.owed_time == time && u32::from(self.owed) > most
    }

    /// Returns the number of the connection's streams that have ended and whose last event has not been handled, including
    /// the streams that ended with the connection.
    pub(super) const fn ended(&self) -> u32 {
        self.held - self.live.both()
    }
}

/// The fields that only the record of a stream has: its direction, its connection, and the next older stream of that
/// connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct StreamLinks {
    pub(super) direction: Direction,
    pub(super) connection: ConnectionId,
    /// The link to the next older stream in the list of the connection's streams.
    pub(super) previous: ListLink,
}
