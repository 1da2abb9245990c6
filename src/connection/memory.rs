//! The memory that a connection's pending bytes take, and the connection's behaviour when memory is scarce.
//!
//! Bytes are counted as memory: the capacity of a buffer, not the length of its content, since the capacity is the memory
//! that the system has allocated. A buffer of which half has been read therefore counts as a whole until it is empty or
//! shrinks.

use super::muxer::{self, Pressure};
use super::unnamed::AllStreams;
#[cfg(feature = "swarm")]
use super::unnamed::UnnamedSlot;
use super::{Connection, Environment, Phase};
use crate::arithmetic::memory_in_all;
use crate::lifecycle::StreamId;

impl Connection {
    /// Returns the number of bytes of memory that pending data takes: unread bytes of streams, output that was not
    /// [transmitted](Self::transmit), and input that was kept. O(1).
    #[must_use]
    pub fn bytes_held(&self) -> usize {
        let open = match &self.phase {
            Phase::Open(open) => open.held(),
            Phase::Handshake(_) | Phase::Over { .. } => self.unread,
        };
        memory_in_all([open, self.out.capacity(), self.kept.held(), self.unnamed.held()])
    }

    /// Returns the part of [`bytes_held`](Self::bytes_held) that the receive buffers of streams take, in bytes. The streams
    /// outlive the connection, so this memory is taken until the owner drops the streams.
    #[must_use]
    pub fn unread_held(&self) -> usize {
        match &self.phase {
            Phase::Open(open) => open.session.unread_held(),
            Phase::Handshake(_) | Phase::Over { .. } => self.unread,
        }
    }

    /// Returns the part of [`unread_held`](Self::unread_held) that belongs to streams without an id, in bytes. These streams
    /// end with the connection. The call visits each of these streams.
    #[must_use]
    pub fn unread_held_without_id(&self) -> usize {
        self.unnamed.unread().map(|(held, _)| held).fold(0, usize::saturating_add)
    }

    /// Returns the streams without an id that have a receive buffer, each with its part of
    /// [`unread_held_without_id`](Self::unread_held_without_id) in bytes.
    #[cfg(feature = "swarm")]
    pub(crate) fn holders_without_id(&self) -> impl Iterator<Item = (usize, UnnamedSlot)> {
        self.unnamed.unread().filter(|(held, _)| *held > 0)
    }

    /// Resets a stream without an id, for an owner that is short of memory. Returns `false` if no stream has this slot.
    #[cfg(feature = "swarm")]
    pub(crate) fn reset_without_id(&mut self, slot: UnnamedSlot, env: &mut Environment<'_>) -> bool {
        self.give_up_unnamed(slot, env).is_some()
    }

    /// Subtracts `held` bytes of memory of a stream's receive buffer ([`Stream::bytes_held`](super::Stream::bytes_held))
    /// from the connection's count. The owner calls this method when it has moved these bytes out of the stream or has
    /// dropped the stream.
    pub fn uncount(&mut self, held: usize) {
        match &mut self.phase {
            Phase::Open(open) => open.session.uncount(held),
            // The number comes from the owner. `Count::lower` would take one that is too great for a defect of this crate.
            Phase::Handshake(_) | Phase::Over { .. } => self.unread = self.unread.saturating_sub(held),
        }
    }

    /// Sets how scarce memory is from now on. The call can make output [pending](Self::is_due): window grants to the peer
    /// that were withheld while memory was scarcer.
    pub fn set_pressure(&mut self, pressure: Pressure, env: &mut Environment<'_>) {
        if let Phase::Open(open) = &mut self.phase {
            let streams = &mut AllStreams { ids: env.streams, unnamed: &mut self.unnamed };
            open.session.set_pressure(streams, pressure);
        }
    }

    /// Returns the pressure that [`set_pressure`](Self::set_pressure) set last. Returns `None` for a connection that is not
    /// open, because `set_pressure` changes nothing there.
    #[must_use]
    pub fn pressure(&self) -> Option<Pressure> {
        match &self.phase {
            Phase::Open(open) => Some(open.session.pressure()),
            Phase::Handshake(_) | Phase::Over { .. } => None,
        }
    }

    /// Returns whether window is withheld from the peer because the pressure is [`Pressure::All`].
    #[must_use]
    pub fn withholds(&self) -> bool {
        match &self.phase {
            Phase::Open(open) => open.session.withholds(),
            Phase::Handshake(_) | Phase::Over { .. } => false,
        }
    }

    /// Shrinks the output buffer to twice the bytes that wait in it, or to 4 KiB if that is more. The method is for an owner
    /// whose byte pipe accepts no more output.
    pub fn trim(&mut self) {
        if let Phase::Open(open) = &mut self.phase {
            open.session.trim_output();
        }
    }

    /// Returns the number of bytes that [`write`](Self::write) would accept now, or 0 for a stream that cannot be written
    /// to.
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
    /// Returns the memory of the stream's receive buffer in bytes: the buffer's capacity, not the number of unread bytes.
    #[must_use]
    pub fn bytes_held(&self) -> usize {
        self.muxed.as_ref().map_or(0, muxer::Stream::held)
    }

    /// Drops the unread bytes and frees their memory. Returns the number of bytes of memory that were freed; the owner
    /// passes this number to [`Connection::uncount`].
    pub fn drop_unread(&mut self) -> usize {
        let held = self.bytes_held();
        if let Some(muxed) = &mut self.muxed {
            drop(muxed.take_unread());
        }
        held
    }
}
