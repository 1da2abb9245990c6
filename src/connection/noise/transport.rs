//! Messages after the handshake: [`Transport`].

use super::Error;
use alloc::vec::Vec;
use core::fmt;

/// The longest message on the wire, without its two bytes of length.
pub const MAX_MESSAGE: usize = 65_535;

/// How much longer a sealed message is than its plaintext.
pub const TAG: usize = 16;

/// The most plaintext that one message holds.
pub const MAX_PLAINTEXT: usize = MAX_MESSAGE - TAG;

/// The length of a message comes before it, in so many bytes.
pub(super) const PREFIX: usize = 2;

/// How many bytes `plain` bytes are once they are sealed, length prefixes included.
#[must_use]
pub const fn sealed_len(plain: usize) -> usize {
    plain.saturating_add(plain.div_ceil(MAX_PLAINTEXT).saturating_mul(PREFIX + TAG))
}

/// An authenticated, encrypted byte pipe in both directions: a few hundred bytes, and no buffer.
///
/// An error other than [`Error::NoRoom`] means that the connection is over: what follows cannot be told from what
/// somebody else wrote.
pub struct Transport {
    state: snow::TransportState,
}

const _: () = assert!(size_of::<Transport>() <= 256);

/// What [`Transport::open`] found at the front of the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a message has come whole or it has not")]
pub enum Opened {
    /// A message has not arrived whole: nothing was consumed.
    Incomplete,
    /// One message.
    Message {
        /// How many of the bytes it was, its length prefix included.
        consumed: usize,
        /// How many bytes of plaintext it held; it may be none.
        len: usize,
    },
}

impl Transport {
    pub(super) fn new(state: snow::TransportState) -> Self {
        Self { state }
    }

    /// Opens one message from the front of `bytes`, the peer's unread bytes, into the front of `plain`.
    ///
    /// With [`MAX_PLAINTEXT`] bytes of room every message fits; a message that is already whole fits in as many bytes
    /// as it has. What lies in `plain` behind the message's plaintext stays as it was.
    ///
    /// # Errors
    /// [`Error::Truncated`] for a message too short to be one, told by its length prefix at once; [`Error::Decrypt`] if
    /// it was changed on the way; [`Error::Exhausted`]; [`Error::NoRoom`] if `plain` is too short, when nothing has
    /// changed.
    pub fn open(&mut self, bytes: &[u8], plain: &mut [u8]) -> Result<Opened, Error> {
        let Some((length, message)) = split_message(bytes) else { return Ok(Opened::Incomplete) };
        let room = length.checked_sub(TAG).ok_or(Error::Truncated)?;
        let Some(message) = message else { return Ok(Opened::Incomplete) };
        let plain = plain.get_mut(..room).ok_or(Error::NoRoom)?;
        let len = self.state.read_message(message, plain)?;
        Ok(Opened::Message { consumed: length.saturating_add(PREFIX), len })
    }

    /// Seals `plain` into as few messages as it fits in and appends them to `out`: [`sealed_len`] bytes more. Nothing
    /// makes no message.
    ///
    /// # Errors
    /// [`Error::Exhausted`]; `out` is as it was.
    pub fn seal(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let start = out.len();
        out.resize(start.saturating_add(sealed_len(plain.len())), 0);
        let (_, room) = out.split_at_mut(start);
        let sealed = self.seal_into(plain, room);
        if sealed.is_err() {
            out.truncate(start);
        }
        sealed
    }

    /// Fills `room`, of [`sealed_len`] bytes, with messages. All but the last are of the greatest size.
    fn seal_into(&mut self, plain: &[u8], room: &mut [u8]) -> Result<(), Error> {
        for (part, message) in plain.chunks(MAX_PLAINTEXT).zip(room.chunks_mut(PREFIX + MAX_MESSAGE)) {
            let (prefix, sealed) = message.split_first_chunk_mut::<PREFIX>().ok_or(Error::NoRoom)?;
            // At most MAX_MESSAGE, 65 535.
            *prefix = (sealed.len() as u16).to_be_bytes();
            self.state.write_message(part, sealed)?;
        }
        Ok(())
    }
}

/// Without the keys.
impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("sent", &self.state.sending_nonce())
            .field("received", &self.state.receiving_nonce())
            .finish_non_exhaustive()
    }
}

/// The first message's length, as soon as its prefix is there, and the message, once it is there whole.
pub(super) fn split_message(bytes: &[u8]) -> Option<(usize, Option<&[u8]>)> {
    let (prefix, rest) = bytes.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes(*prefix));
    Some((length, rest.get(..length)))
}

#[cfg(test)]
mod tests;
