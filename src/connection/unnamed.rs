//! [`Unnamed`]: the streams of one connection that its peer has begun and that have no id yet, because no whole proposal has
//! arrived on them, or because the peer opens streams faster than its rate allows. [`StreamKey`]: the muxer's name of a
//! stream, with an id or without.
//!
//! A peer can begin a stream with 12 bytes. The owner is therefore not told of a stream, and keeps nothing for it, before
//! the peer has proposed a protocol and has a token for the stream. All streams without an id have the same timeout, so the
//! stream that began first is always the next to be given up.

mod list;

use super::Now;
use super::multistream::ListenerSelect;
use super::muxer;
use super::packed_time::PackedTime;
use super::stream::Streams;
use crate::arithmetic::Count;
use crate::lifecycle::{StreamId, from_parts};
use alloc::boxed::Box;
use core::num::NonZeroU32;
use core::time::Duration;
use list::{Links, SlotList};
use slab::Slab;

/// The muxer's name of a stream: the id under which its owner keeps the stream, or the stream's slot among the streams
/// without an id.
///
/// A key has the size of an id, and a niche, since the muxer keeps a key for each stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct StreamKey {
    /// The index of the stream's id, which has 30 bits; or the slot of a stream without an id, with the bit [`UNNAMED`] set.
    place: u32,
    generation: NonZeroU32,
}

// This is an entry in the muxer's map of wire ids, which has one for each stream.
const _: () = assert!(size_of::<(u32, Option<StreamKey>)>() == 12);

/// The bit that marks a number as the slot of a stream without an id. The index of an id never has this bit.
const UNNAMED: u32 = 1 << 31;

/// The slot of a stream in the table of streams without an id. It is valid until the stream gets an id or ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct UnnamedSlot(u32);

impl UnnamedSlot {
    /// Returns the number of the slot.
    #[cfg(feature = "swarm")]
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The stream that a [`StreamKey`] names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Named {
    Id(StreamId),
    Slot(UnnamedSlot),
}

impl StreamKey {
    #[inline]
    pub(super) fn named(self) -> Named {
        match self.place & UNNAMED {
            0 => Named::Id(from_parts(self.place, self.generation)),
            _ => Named::Slot(UnnamedSlot(self.place & !UNNAMED)),
        }
    }
}

impl From<StreamId> for StreamKey {
    #[inline]
    fn from(id: StreamId) -> Self {
        // An index has 30 bits.
        Self { place: id.index() as u32, generation: id.generation() }
    }
}

impl From<UnnamedSlot> for StreamKey {
    #[inline]
    fn from(UnnamedSlot(slot): UnnamedSlot) -> Self {
        // The generation need not differ between two streams of one slot: the muxer compares the stream's id on the wire.
        Self { place: slot | UNNAMED, generation: NonZeroU32::MIN }
    }
}

/// The streams of one connection that have no id, in the order in which they began. The table takes no memory while it is
/// empty.
#[derive(Debug, Default)]
pub(super) struct Unnamed(Option<Box<UnnamedList>>);

/// Spare memory for the streams without an id of one connection, which an owner keeps for the next connection that needs it.
/// Because of this memory, a stream whose proposal does not arrive with its first frame mostly costs no allocation.
#[derive(Debug, Default)]
pub(super) struct UnnamedMemory(Option<Box<UnnamedList>>);

/// The maximum number of slots of an [`UnnamedMemory`] that is kept for reuse. 256 slots take 20 KiB.
const MOST_KEPT: usize = 256;

/// The maximum number of slots in spare memory that is kept when a connection ends.
#[cfg(feature = "swarm")]
const FEW: usize = 16;

#[derive(Debug)]
struct UnnamedList {
    streams: Slab<UnnamedStream>,
    /// All streams without an id, in the order in which they began.
    all: SlotList,
    /// The streams that have a whole proposal and wait for a token of [`Config::openings`](super::Config::openings), in the
    /// order of their proposals.
    proposed: SlotList,
    /// The number of streams in `proposed`.
    waiting: usize,
}

/// A stream without an id: the peer has begun the stream, and the owner has not been told of it yet.
#[derive(Debug)]
pub(super) struct UnnamedStream {
    pub(super) muxed: muxer::Stream,
    pub(super) listener: ListenerSelect,
    /// The time at which the peer began the stream.
    pub(super) since: PackedTime,
    in_all: Links,
    in_proposed: Links,
}

const fn in_all(stream: &mut UnnamedStream) -> &mut Links {
    &mut stream.in_all
}

const fn in_proposed(stream: &mut UnnamedStream) -> &mut Links {
    &mut stream.in_proposed
}

/// The memory of one stream without an id, in bytes. It includes the tag of the stream's entry in the slab.
pub(crate) const MEMORY_OF_ONE: usize = size_of::<UnnamedStream>() + 8;

impl Unnamed {
    pub(super) const fn new() -> Self {
        Self(None)
    }

    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |begun| begun.streams.len())
    }

    /// Returns the number of bytes of memory that the table takes, without the receive buffers of the streams.
    pub(super) fn held(&self) -> usize {
        self.0.as_ref().map_or(0, |begun| begun.streams.capacity().saturating_mul(MEMORY_OF_ONE))
    }

    /// Adds a stream that began at `since`. `accept` makes the muxer's part of the stream from the stream's key. Returns
    /// `None` if `accept` returns `None`, and then adds nothing.
    pub(super) fn begin(
        &mut self,
        since: Now,
        spare: &mut UnnamedMemory,
        accept: impl FnOnce(StreamKey) -> Option<muxer::Stream>,
    ) -> Option<()> {
        // A stream could get its id with its SYN, as it once did. A peer that sent SYN and RST as fast as it could, 24 bytes
        // for each stream, then caused 3.4 million events in 20 s, and nobody else opened a stream. Now such a stream takes
        // 80 bytes here until its reset arrives, and causes no event.
        let begun = self.0.get_or_insert_with(|| spare.0.take().unwrap_or_default());
        let slot = begun.streams.vacant_key() as u32;
        if let Some(muxed) = accept(UnnamedSlot(slot).into()) {
            let (since, outside) = (PackedTime::new(since), Links::OUTSIDE);
            let (listener, in_proposed) = (ListenerSelect::new(), outside);
            begun.streams.insert(UnnamedStream { muxed, listener, since, in_all: outside, in_proposed });
            begun.all.push(&mut begun.streams, slot, in_all);
            return Some(());
        }
        self.give_back(spare);
        None
    }

    #[inline]
    pub(super) fn get_mut(&mut self, UnnamedSlot(slot): UnnamedSlot) -> Option<&mut UnnamedStream> {
        self.0.as_mut()?.streams.get_mut(slot as usize)
    }

    /// Removes a stream from the table and returns it.
    pub(super) fn remove(
        &mut self,
        UnnamedSlot(slot): UnnamedSlot,
        spare: &mut UnnamedMemory,
    ) -> Option<UnnamedStream> {
        let begun = self.0.as_mut()?;
        let gone = begun.streams.try_remove(slot as usize)?;
        begun.all.unlink(&mut begun.streams, gone.in_all, in_all);
        if gone.in_proposed.is_inside() {
            begun.proposed.unlink(&mut begun.streams, gone.in_proposed, in_proposed);
            begun.waiting.lower(1);
        }
        self.give_back(spare);
        Some(gone)
    }

    /// Returns the stream that began first, and the time at which it began.
    pub(super) fn oldest(&self) -> Option<(Duration, UnnamedSlot)> {
        let begun = self.0.as_ref()?;
        let slot = begun.all.first()?;
        begun.streams.get(slot as usize).map(|stream| (stream.since.time().or_never(), UnnamedSlot(slot)))
    }

    /// Records that a stream has a whole proposal and waits for a token of [`Config::openings`](super::Config::openings)
    /// from now on.
    pub(super) fn wait(&mut self, UnnamedSlot(slot): UnnamedSlot) {
        let Some(begun) = &mut self.0 else { return };
        begun.proposed.push(&mut begun.streams, slot, in_proposed);
        begun.waiting.raise(1);
    }

    /// Returns whether a stream has a whole proposal and waits for a token of [`Config::openings`](super::Config::openings).
    pub(super) fn waits(&self, UnnamedSlot(slot): UnnamedSlot) -> bool {
        let stream = self.0.as_ref().and_then(|begun| begun.streams.get(slot as usize));
        stream.is_some_and(|stream| stream.in_proposed.is_inside())
    }

    /// Returns the number of streams that wait for a token of [`Config::openings`](super::Config::openings).
    pub(super) fn waiting(&self) -> usize {
        self.0.as_ref().map_or(0, |begun| begun.waiting)
    }

    /// Ends the wait of the stream that has waited longest for a token of [`Config::openings`](super::Config::openings), and
    /// returns the slot of that stream.
    pub(super) fn end_wait(&mut self) -> Option<UnnamedSlot> {
        let begun = self.0.as_mut()?;
        let slot = begun.proposed.first()?;
        let stream = begun.streams.get_mut(slot as usize)?;
        let left = core::mem::replace(&mut stream.in_proposed, Links::OUTSIDE);
        begun.proposed.unlink(&mut begun.streams, left, in_proposed);
        begun.waiting.lower(1);
        Some(UnnamedSlot(slot))
    }

    /// Returns each stream without an id, with the bytes of memory that its receive buffer takes.
    pub(super) fn unread(&self) -> impl Iterator<Item = (usize, UnnamedSlot)> {
        let streams = self.0.iter().flat_map(|begun| begun.streams.iter());
        streams.map(|(slot, stream)| (stream.muxed.held(), UnnamedSlot(slot as u32)))
    }

    /// Starts the time of the streams that began without a time: they count as begun at `now`. These streams are the
    /// youngest streams of the table.
    pub(super) fn count_from(&mut self, now: Duration) {
        let Some(begun) = &mut self.0 else { return };
        let (now, mut next) = (PackedTime::new(now.into()), begun.all.last());
        while let Some(stream) = begun.streams.get_mut(next as usize).filter(|stream| stream.since.is_untimed()) {
            stream.since = now;
            next = stream.in_all.before();
        }
    }

    /// Returns the memory of the table to `spare` once no stream is left in it.
    fn give_back(&mut self, spare: &mut UnnamedMemory) {
        if let Some(begun) = self.0.take_if(|begun| begun.streams.is_empty())
            && spare.0.is_none()
            && begun.streams.capacity() <= MOST_KEPT
        {
            spare.0 = Some(begun);
        }
    }
}

impl UnnamedMemory {
    pub(super) const fn new() -> Self {
        Self(None)
    }

    /// Frees the spare memory if it has room for more than [`FEW`] streams.
    #[cfg(feature = "swarm")]
    pub(super) fn give_up_large(&mut self) {
        self.0.take_if(|begun| begun.streams.capacity() > FEW);
    }
}

impl Default for UnnamedList {
    fn default() -> Self {
        Self { streams: Slab::new(), all: SlotList::EMPTY, proposed: SlotList::EMPTY, waiting: 0 }
    }
}

/// All streams of a connection, for its muxer: the streams in the owner's table, and the streams without an id.
pub(super) struct AllStreams<'a> {
    pub(super) ids: &'a mut Streams,
    pub(super) unnamed: &'a mut Unnamed,
}

impl muxer::Streams<StreamKey> for AllStreams<'_> {
    #[inline]
    fn stream_mut(&mut self, key: StreamKey) -> Option<&mut muxer::Stream> {
        match key.named() {
            Named::Id(id) => self.ids.get_mut(id)?.muxed.as_mut(),
            Named::Slot(slot) => self.unnamed.get_mut(slot).map(|stream| &mut stream.muxed),
        }
    }
}
