//! [`Unnamed`]: the streams of one connection that its peer has begun and that have no id yet, since no whole proposal has
//! come on them. [`Key`]: how the muxer names those beside the streams that have one.
//!
//! A peer can begin a stream with 12 bytes. So its owner hears nothing of one, and keeps nothing under an id, before the
//! peer has said what it wants. All of these streams have the same time for it, so that the one that began first is always
//! the next to be given up.

use super::UNTIMED;
use super::multistream::Listener;
use super::stream::Streams;
use super::yamux;
use crate::lifecycle::{StreamId, from_parts};
use alloc::boxed::Box;
use core::num::NonZeroU32;
use core::time::Duration;
use slab::Slab;

/// The name by which the muxer has a stream: the id that its owner has for it, or its slot among those without one.
///
/// It has the size of an id, and a niche, since the muxer keeps one for each stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Key {
    /// The index of the id, which has 30 bits; or [`UNNAMED`] and a slot.
    place: u32,
    generation: NonZeroU32,
}

const _: () = assert!(size_of::<(u32, Option<Key>)>() == 12);

/// The bit that no index of an id has.
const UNNAMED: u32 = 1 << 31;

/// The slot of a stream without an id, until it gets one or ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Slot(u32);

/// What a [`Key`] names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Named {
    Id(StreamId),
    Slot(Slot),
}

impl Key {
    #[inline]
    pub(super) fn named(self) -> Named {
        match self.place & UNNAMED {
            0 => Named::Id(from_parts(self.place, self.generation)),
            _ => Named::Slot(Slot(self.place & !UNNAMED)),
        }
    }
}

impl From<StreamId> for Key {
    #[inline]
    fn from(id: StreamId) -> Self {
        // An index has 30 bits.
        Self { place: id.index() as u32, generation: id.generation() }
    }
}

impl From<Slot> for Key {
    #[inline]
    fn from(Slot(slot): Slot) -> Self {
        // A slot that another stream has taken is told apart by the id on the wire.
        Self { place: slot | UNNAMED, generation: NonZeroU32::MIN }
    }
}

/// The streams of a connection without an id, in the order in which they began. It has no memory while it is empty.
#[derive(Debug, Default)]
pub(super) struct Unnamed(Option<Box<Begun>>);

/// Memory for the streams without an id of one connection, which an owner keeps for the next one that needs it. So a stream
/// whose proposal comes with its first bytes costs no allocation.
#[derive(Debug, Default)]
pub(super) struct Spare(Option<Box<Begun>>);

/// The greatest number of slots that a [`Spare`] keeps memory for: 18 KiB.
const MOST_SPARE: usize = 256;

/// The number of slots for which memory is kept when a connection goes.
#[cfg(feature = "swarm")]
const FEW: usize = 16;

#[derive(Debug)]
struct Begun {
    streams: Slab<Beginner>,
    /// The ends of the list that goes through the streams, or [`NONE`].
    oldest: u32,
    youngest: u32,
}

/// The slot of no stream.
const NONE: u32 = u32::MAX;

/// A stream without an id.
#[derive(Debug)]
pub(super) struct Beginner {
    pub(super) yamux: yamux::Stream,
    pub(super) listener: Listener,
    /// The time at which it began.
    pub(super) since: Duration,
    older: u32,
    younger: u32,
}

/// The memory of one stream without an id, in bytes.
pub(crate) const BEGUN: usize = size_of::<Beginner>() + 8;

impl Unnamed {
    pub(super) const fn new() -> Self {
        Self(None)
    }

    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |begun| begun.streams.len())
    }

    /// Returns the memory that it takes, in bytes.
    pub(super) fn held(&self) -> usize {
        self.0.as_ref().map_or(0, |begun| begun.streams.capacity().saturating_mul(BEGUN))
    }

    /// Begins the stream that `accept` makes for a key. `None`: it made none.
    pub(super) fn begin(
        &mut self,
        since: Duration,
        spare: &mut Spare,
        accept: impl FnOnce(Key) -> Option<yamux::Stream>,
    ) -> Option<()> {
        let begun = self.0.get_or_insert_with(|| spare.0.take().unwrap_or_default());
        let slot = begun.streams.vacant_key() as u32;
        let accepted = accept(Slot(slot).into());
        if let Some(yamux) = accepted {
            let older = core::mem::replace(&mut begun.youngest, slot);
            begun.streams.insert(Beginner { yamux, listener: Listener::new(), since, older, younger: NONE });
            match begun.streams.get_mut(older as usize) {
                Some(older) => older.younger = slot,
                None => begun.oldest = slot,
            }
            return Some(());
        }
        self.give_back(spare);
        None
    }

    #[inline]
    pub(super) fn get_mut(&mut self, Slot(slot): Slot) -> Option<&mut Beginner> {
        self.0.as_mut()?.streams.get_mut(slot as usize)
    }

    /// Takes a stream out.
    pub(super) fn remove(&mut self, Slot(slot): Slot, spare: &mut Spare) -> Option<Beginner> {
        let begun = self.0.as_mut()?;
        let gone = begun.streams.try_remove(slot as usize)?;
        match begun.streams.get_mut(gone.older as usize) {
            Some(older) => older.younger = gone.younger,
            None => begun.oldest = gone.younger,
        }
        match begun.streams.get_mut(gone.younger as usize) {
            Some(younger) => younger.older = gone.older,
            None => begun.youngest = gone.older,
        }
        self.give_back(spare);
        Some(gone)
    }

    /// The stream that began first, and when that was.
    pub(super) fn oldest(&self) -> Option<(Duration, Slot)> {
        let begun = self.0.as_ref()?;
        begun.streams.get(begun.oldest as usize).map(|stream| (stream.since, Slot(begun.oldest)))
    }

    /// Streams that began without a time begin now. They are the youngest.
    pub(super) fn count_from(&mut self, now: Duration) {
        let Some(begun) = &mut self.0 else { return };
        let mut next = begun.youngest;
        while let Some(stream) = begun.streams.get_mut(next as usize).filter(|stream| stream.since == UNTIMED) {
            stream.since = now;
            next = stream.older;
        }
    }

    /// Gives the memory back once it is empty.
    fn give_back(&mut self, spare: &mut Spare) {
        if let Some(begun) = self.0.take_if(|begun| begun.streams.is_empty())
            && spare.0.is_none()
            && begun.streams.capacity() <= MOST_SPARE
        {
            spare.0 = Some(begun);
        }
    }
}

impl Spare {
    pub(super) const fn new() -> Self {
        Self(None)
    }

    /// Gives memory for many streams back.
    #[cfg(feature = "swarm")]
    pub(super) fn give_up_large(&mut self) {
        self.0.take_if(|begun| begun.streams.capacity() > FEW);
    }
}

impl Default for Begun {
    fn default() -> Self {
        Self { streams: Slab::new(), oldest: NONE, youngest: NONE }
    }
}

/// All streams of a connection, for its muxer: those of its owner's table, and those without an id.
pub(super) struct Both<'a> {
    pub(super) ids: &'a mut Streams,
    pub(super) unnamed: &'a mut Unnamed,
}

impl yamux::Streams<Key> for Both<'_> {
    #[inline]
    fn stream_mut(&mut self, key: Key) -> Option<&mut yamux::Stream> {
        match key.named() {
            Named::Id(id) => self.ids.get_mut(id)?.yamux.as_mut(),
            Named::Slot(slot) => self.unnamed.get_mut(slot).map(|stream| &mut stream.yamux),
        }
    }
}
