//! [`ListLink`] and [`List`]: links that thread records into lists without allocation. [`ConnectionLinks`] and
//! [`StreamLinks`]: the fields that only connections and only streams have.

use super::event::Direction;
use super::id::ConnectionId;
use core::fmt::Debug;

/// The slot of a record of any kind, or none: two bits of kind and thirty bits of index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ListLink(u32);

impl ListLink {
    /// The link to nothing, since no kind has the number 0.
    pub(super) const NONE: Self = Self(0);
    const SHIFT: u32 = 30;
    pub(super) const MASK: u32 = (1 << Self::SHIFT) - 1;

    /// Makes a link to the entity with this index among those of a kind.
    #[inline]
    pub(super) const fn new(kind: u8, index: usize) -> Self {
        Self((kind as u32) << Self::SHIFT | index as u32)
    }

    pub(super) const fn is_none(self) -> bool {
        self.0 == Self::NONE.0
    }

    /// Returns the index, if the link leads to an entity of this kind; otherwise an index beyond every arena. So the bounds
    /// check of the lookup checks the kind, too.
    #[inline]
    pub(super) fn index_as(self, kind: u8) -> usize {
        (self.0 ^ u32::from(kind) << Self::SHIFT) as usize
    }
}

/// The ends of a list that is threaded through the `next` fields of records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct List {
    pub(super) oldest: ListLink,
    pub(super) newest: ListLink,
}

impl List {
    pub(super) const EMPTY: Self = Self { oldest: ListLink::NONE, newest: ListLink::NONE };
}

/// The fields of a record that only a connection has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ConnectionLinks {
    pub(super) direction: Direction,
    /// Its streams that have not ended by themselves, oldest first. Once the connection has ended, these are the streams
    /// whose last events are still to be paid.
    pub(super) streams: List,
    /// Number of its streams that live; 0 once the connection has ended. `open`, below, is the number of those that are
    /// open. The fields that change in the same transition are not side by side: the compiler would read them with one wide
    /// access, which would wait for the narrow writes to reach the cache.
    pub(super) live: Numbers,
    pub(super) open: Numbers,
    /// Number of its streams that have a record.
    pub(super) held: u32,
    /// Number of its streams that have joined the list of owed events by themselves, in the period with the number
    /// `owed_time`.
    pub(super) owed: u16,
    pub(super) owed_time: u8,
}

/// Numbers of streams by direction.
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

    /// Counts one of its streams that has joined the list of owed events, in the period with the number `time`.
    pub(super) const fn count_owed(&mut self, time: u8) {
        if self.owed_time != time {
            (self.owed, self.owed_time) = (0, time);
        }
        self.owed = self.owed.saturating_add(1);
    }

    /// Returns whether more than `most` of its streams have ended and wait for their last event to be handled, or have
    /// joined the list of owed events since that was last empty. Without the second condition, streams of the connections
    /// that are paid first would join the list again, and beside many such connections the list would never be empty.
    #[inline]
    pub(super) fn is_behind(&self, owed: &List, time: u8, most: u32) -> bool {
        self.ended() > most || !owed.oldest.is_none() && self.owed_time == time && u32::from(self.owed) > most
    }

    /// Returns the number of its streams that have ended and whose last event has not been handled. Streams that ended with
    /// the connection count among them.
    pub(super) const fn ended(&self) -> u32 {
        self.held - self.live.both()
    }
}

/// The fields of a record that only a stream has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct StreamLinks {
    pub(super) direction: Direction,
    pub(super) connection: ConnectionId,
    /// The next older stream on its connection's list.
    pub(super) previous: ListLink,
}
