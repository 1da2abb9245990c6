//! Links: [`ListLink`] and [`List`], by which records are threaded into lists without allocation, and what else is kept
//! of a connection and of a stream beside what is kept of all.

use super::event::Direction;
use super::id::ConnectionId;
use core::fmt::Debug;

/// The slot of a record of any kind, or none: two bits of kind and thirty of index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ListLink(u32);

impl ListLink {
    /// Leads nowhere: no kind is 0.
    pub(super) const NONE: Self = Self(0);
    const SHIFT: u32 = 30;
    pub(super) const MASK: u32 = (1 << Self::SHIFT) - 1;

    /// A link to what has this index among those of a kind.
    #[inline]
    pub(super) const fn new(kind: u8, index: usize) -> Self {
        Self((kind as u32) << Self::SHIFT | index as u32)
    }

    pub(super) const fn is_none(self) -> bool {
        self.0 == Self::NONE.0
    }

    /// The index, if it leads to something of this kind; else one beyond every arena, so that the bounds check of the
    /// lookup is that of the kind, too.
    #[inline]
    pub(super) fn index_as(self, kind: u8) -> usize {
        (self.0 ^ u32::from(kind) << Self::SHIFT) as usize
    }
}

/// The ends of a list that is threaded through the `next` of records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct List {
    pub(super) oldest: ListLink,
    pub(super) newest: ListLink,
}

impl List {
    pub(super) const EMPTY: Self = Self { oldest: ListLink::NONE, newest: ListLink::NONE };
}

/// What is kept of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ConnectionLinks {
    pub(super) direction: Direction,
    /// Its streams that have not ended by themselves, oldest first. Once it has ended, those still to be told of.
    pub(super) streams: List,
    /// How many of its streams live, and how many of those are open; 0 once it has ended. What changes in the same
    /// transition is not side by side: compiled to one wide access, it would wait for narrow ones to reach the cache.
    pub(super) live: Numbers,
    pub(super) open: Numbers,
    /// How many of its streams have a record.
    pub(super) held: u32,
    /// The number of its streams that have joined the line of owed events by themselves, during the time that has the
    /// number `owed_time`.
    pub(super) owed: u16,
    pub(super) owed_time: u8,
}

/// How many streams of each direction.
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

    /// One of its streams has joined the line of what is owed, at such a time.
    pub(super) const fn count_owed(&mut self, time: u8) {
        if self.owed_time != time {
            (self.owed, self.owed_time) = (0, time);
        }
        self.owed = self.owed.saturating_add(1);
    }

    /// Returns whether more than `most` of its streams have ended and wait to be told of or handled, or more have
    /// joined the line of what is owed since that was empty. Without the second, those that are paid first would join
    /// it again, and beside many such connections it would never be empty.
    #[inline]
    pub(super) fn is_behind(&self, owed: &List, time: u8, most: u32) -> bool {
        self.ended() > most || !owed.oldest.is_none() && self.owed_time == time && u32::from(self.owed) > most
    }

    /// The number of its streams that have ended and whose last event has not been handled. Those that ended with it
    /// count among them.
    pub(super) const fn ended(&self) -> u32 {
        self.held - self.live.both()
    }
}

/// What is kept of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct StreamLinks {
    pub(super) direction: Direction,
    pub(super) connection: ConnectionId,
    /// The next older one on its connection's list.
    pub(super) previous: ListLink,
}
