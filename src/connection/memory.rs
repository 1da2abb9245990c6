//! The bytes that a connection holds, and what it does when memory is scarce.
//!
//! Bytes are counted as memory: the capacity of a buffer, not what is in it, since that is what the system has given. So a
//! buffer of which half has been read counts as a whole until it is empty or shrinks.

use super::muxer::{self, Pressure};
use super::unnamed::AllStreams;
#[cfg(feature = "swarm")]
use super::unnamed::UnnamedSlot;
use super::{Connection, Environment, Phase};
use crate::arithmetic::memory_in_all;
use crate::lifecycle::StreamId;

impl Connection {
    /// Returns the bytes of memory that wait for somebody: bytes of streams that have come and were not read, output that
    /// was not [transmitted](Self::transmit), and input that was kept. It costs O(1).
    #[must_use]
    pub fn bytes_held(&self) -> usize {
        let open = match &self.phase {
            Phase::Open(open) => open.held(),
            Phase::Handshake(_) | Phase::Over { .. } => self.unread,
        };
        memory_in_all([open, self.out.capacity(), self.kept.held(), self.unnamed.held()])
    }

    /// Returns the part of [`bytes_held`](Self::bytes_held) that is receive buffers of streams. It outlives the connection,
    /// as the streams do, until their owner drops them.
    #[must_use]
    pub fn unread_held(&self) -> usize {
        match &self.phase {
            Phase::Open(open) => open.session.unread_held(),
            Phase::Handshake(_) | Phase::Over { .. } => self.unread,
        }
    }

    /// Returns the part of [`unread_held`](Self::unread_held) that is held by streams without an id, which go with the
    /// connection. It walks them.
    #[must_use]
    pub fn unread_held_without_id(&self) -> usize {
        self.unnamed.unread().map(|(held, _)| held).fold(0, usize::saturating_add)
    }

    /// Returns the streams without an id that hold bytes, each with its part of
    /// [`unread_held_without_id`](Self::unread_held_without_id).
    #[cfg(feature = "swarm")]
    pub(crate) fn holders_without_id(&self) -> impl Iterator<Item = (usize, UnnamedSlot)> {
        self.unnamed.unread().filter(|(held, _)| *held > 0)
    }

    /// Resets a stream without an id, for an owner that is short of memory. Returns whether there was one.
    #[cfg(feature = "swarm")]
    pub(crate) fn reset_without_id(&mut self, slot: UnnamedSlot, env: &mut Environment<'_>) -> bool {
        self.give_up_unnamed(slot, env).is_some()
    }

    /// Takes note that its owner has dropped so many [held](super::Stream::bytes_held) bytes of a stream: taken, or with the
    /// stream itself.
    pub fn uncount(&mut self, held: usize) {
        match &mut self.phase {
            Phase::Open(open) => open.session.uncount(held),
            Phase::Handshake(_) | Phase::Over { .. } => self.unread = self.unread.saturating_sub(held),
        }
    }

    /// Says how scarce memory is from now on. It can make output [due](Self::is_due): window that is no longer withheld.
    pub fn set_pressure(&mut self, pressure: Pressure, env: &mut Environment<'_>) {
        if let Phase::Open(open) = &mut self.phase {
            let streams = &mut AllStreams { ids: env.streams, unnamed: &mut self.unnamed };
            open.session.set_pressure(streams, pressure);
        }
    }

    /// Returns what [`set_pressure`](Self::set_pressure) said last; `None` for a connection that is not open, which hears
    /// nothing of it.
    #[must_use]
    pub fn pressure(&self) -> Option<Pressure> {
        match &self.phase {
            Phase::Open(open) => Some(open.session.pressure()),
            Phase::Handshake(_) | Phase::Over { .. } => None,
        }
    }

    /// Returns whether window is withheld from the peer because of [`Pressure::All`].
    #[must_use]
    pub fn withholds(&self) -> bool {
        match &self.phase {
            Phase::Open(open) => open.session.withholds(),
            Phase::Handshake(_) | Phase::Over { .. } => false,
        }
    }

    /// Gives back memory in which nothing waits, for an owner whose byte pipe takes nothing.
    pub fn trim(&mut self) {
        if let Phase::Open(open) = &mut self.phase {
            open.session.trim_output();
        }
    }

    /// Returns the number of bytes that [`write`](Self::write) would take now; 0 for a stream that takes none.
    #[must_use]
    pub fn write_room(&self, id: StreamId, env: &Environment<'_>) -> usize {
        let (Phase::Open(open), Some(stream)) = (&self.phase, env.streams.get(id)) else { return 0 };
        if stream.may_write().is_err() {
            return 0;
        }
        stream.muxed.as_ref().map_or(0, |muxed| open.session.write_room(muxed))
    }
}

impl super::Stream {
    /// Returns the memory of its receive buffer in bytes: what the buffer could hold, not what is unread in it.
    #[must_use]
    pub fn bytes_held(&self) -> usize {
        self.muxed.as_ref().map_or(0, muxer::Stream::held)
    }

    /// Drops what is unread, and gives its memory back. Returns how many bytes of memory that were, for
    /// [`Connection::uncount`].
    pub fn drop_unread(&mut self) -> usize {
        let held = self.bytes_held();
        if let Some(muxed) = &mut self.muxed {
            drop(muxed.take_unread());
        }
        held
    }
}
