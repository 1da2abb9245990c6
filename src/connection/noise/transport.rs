//! [`Transport`]: the encrypted messages after the handshake.

use super::Error;
use alloc::vec::Vec;
use core::fmt;

/// The maximum length of a message on the wire in bytes, without its length prefix of two bytes.
pub const MAX_MESSAGE: usize = 65_535;

/// The number of bytes by which an encrypted message is longer than its plaintext: the authentication tag.
pub const TAG: usize = 16;

/// The maximum number of bytes of plaintext in one message.
pub const MAX_PLAINTEXT: usize = MAX_MESSAGE - TAG;

/// The number of bytes of the length prefix before each message.
pub(super) const PREFIX: usize = 2;

/// Returns the number of bytes that `plain` bytes of plaintext take once they are encrypted, length prefixes included.
#[must_use]
pub const fn sealed_len(plain: usize) -> usize {
    plain.saturating_add(plain.div_ceil(MAX_PLAINTEXT).saturating_mul(PREFIX + TAG))
}

/// An authenticated, encrypted byte pipe in both directions. It takes a few hundred bytes and has no buffer.
///
/// After an error other than [`Error::NoRoom`] the connection is over: the bytes that follow may come from somebody else.
pub struct Transport {
    state: snow::TransportState,
}

const _: () = assert!(size_of::<Transport>() <= 256);

/// The result of [`Transport::open`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opened {
    /// The message at the front has not arrived whole; nothing was consumed.
    Incomplete,
    /// One message was decrypted.
    Message {
        /// The number of bytes consumed: the message and its length prefix.
        consumed: usize,
        /// The number of bytes of plaintext in the message, which may be 0.
        len: usize,
    },
}

impl Transport {
    pub(super) fn new(state: snow::TransportState) -> Self {
        Self { state }
    }

    /// Decrypts one message from the front of `bytes`, the peer's unread bytes, into the front of `plain`.
    ///
    /// If `plain` has [`MAX_PLAINTEXT`] bytes, every message fits; a message that has arrived whole fits in a `plain` as
    /// long as the message. The bytes of `plain` behind the message's plaintext stay as they were.
    ///
    /// # Errors
    /// [`Error::Truncated`] for a message that is too short to be one, which its length prefix alone tells;
    /// [`Error::Decrypt`] if it was changed on the way; [`Error::Exhausted`]; [`Error::NoRoom`] if `plain` is too short, in
    /// which case nothing has changed.
    pub fn open(&mut self, bytes: &[u8], plain: &mut [u8]) -> Result<Opened, Error> {
        let Some((length, message)) = split_message(bytes) else { return Ok(Opened::Incomplete) };
        let room = length.checked_sub(TAG).ok_or(Error::Truncated)?;
        let Some(message) = message else { return Ok(Opened::Incomplete) };
        let plain = plain.get_mut(..room).ok_or(Error::NoRoom)?;
        let len = self.state.read_message(message, plain)?;
        Ok(Opened::Message { consumed: length.saturating_add(PREFIX), len })
    }

    /// Encrypts `plain` into as few messages as possible and appends them to `out`: [`sealed_len`] bytes more. An empty
    /// `plain` makes no message.
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

    /// Fills `room`, which has [`sealed_len`] bytes, with messages. All but the last are of the greatest size.
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

/// Shows the numbers of messages and none of the keys.
impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("sent", &self.state.sending_nonce())
            .field("received", &self.state.receiving_nonce())
            .finish_non_exhaustive()
    }
}

/// Returns the length of the first message, as soon as its prefix has come, and the message, once it has come whole.
pub(super) fn split_message(bytes: &[u8]) -> Option<(usize, Option<&[u8]>)> {
    let (prefix, rest) = bytes.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes(*prefix));
    Some((length, rest.get(..length)))
}

#[cfg(test)]
mod tests;
