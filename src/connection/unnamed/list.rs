//! [`SlotList`]: a list that puts streams without an id in an order. The links of the list are fields of the streams
//! themselves, so adding and removing a stream cost O(1) and no memory.

use super::UnnamedStream;
use slab::Slab;

/// A doubly linked list of streams without an id. It consists of the slots of the first and the last stream in the list.
/// Both slots are [`NONE`] if the list is empty.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlotList {
    first: u32,
    last: u32,
}

/// The slots of the two neighbours of a stream in a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Links {
    before: u32,
    after: u32,
}

/// The slot number that stands for the absence of a stream.
const NONE: u32 = u32::MAX;

/// The slot number that stands for both neighbours of a stream that is in no list. No stream has this slot number: each
/// stream takes more than 16 bytes, so there cannot be so many streams.
const OUTSIDE: u32 = u32::MAX - 1;

impl Links {
    /// The links of a stream that is not in the list.
    pub(super) const OUTSIDE: Self = Self { before: OUTSIDE, after: OUTSIDE };

    pub(super) const fn is_inside(self) -> bool {
        self.before != OUTSIDE
    }

    pub(super) const fn before(self) -> u32 {
        self.before
    }
}

impl SlotList {
    pub(super) const EMPTY: Self = Self { first: NONE, last: NONE };

    pub(super) const fn first(self) -> Option<u32> {
        if self.first == NONE { None } else { Some(self.first) }
    }

    pub(super) const fn last(self) -> u32 {
        self.last
    }

    /// Appends a stream that is not in the list. `links` returns the links that a stream has in this list.
    pub(super) fn push(
        &mut self,
        streams: &mut Slab<UnnamedStream>,
        slot: u32,
        links: impl Fn(&mut UnnamedStream) -> &mut Links,
    ) {
        let Some(stream) = streams.get_mut(slot as usize) else { return };
        let before = core::mem::replace(&mut self.last, slot);
        *links(stream) = Links { before, after: NONE };
        match streams.get_mut(before as usize) {
            Some(before) => links(before).after = slot,
            None => self.first = slot,
        }
    }

    /// Removes a stream from the list. `left` contains the links that the stream had in this list, and `links` returns the
    /// links that a stream has in this list.
    pub(super) fn unlink(
        &mut self,
        streams: &mut Slab<UnnamedStream>,
        left: Links,
        links: impl Fn(&mut UnnamedStream) -> &mut Links,
    ) {
        match streams.get_mut(left.before as usize) {
            Some(before) => links(before).after = left.after,
            None => self.first = left.after,
        }
        match streams.get_mut(left.after as usize) {
            Some(after) => links(after).before = left.before,
            None => self.last = left.before,
        }
    }
}
