//! [`Transport`]: the encryption and decryption of the messages after the handshake.

use super::Error;
use alloc::vec::Vec;
use core::fmt;

/// The maximum length of a message on the wire in bytes, without its length prefix of two bytes.
pub const MAX_MESSAGE: usize = 65_535;

/// The number of bytes by which an encrypted message is longer than its plaintext: the authentication tag.
pub const TAG: usize = 16;

/// The maximum number of bytes of plaintext in one message.
pub const MAX_PLAINTEXT: usize = MAX_MESSAGE - TAG;

/// The length in bytes of the length prefix before each message.
pub(super) const PREFIX: usize = 2;

/// Returns the number of bytes on the wire for `plain` bytes of plaintext: the encrypted messages with their length
/// prefixes.
#[must_use]
pub const fn sealed_len(plain: usize) -> usize {
    plain.saturating_add(plain.div_ceil(MAX_PLAINTEXT).saturating_mul(PREFIX + TAG))
}

/// The encryption of an authenticated byte pipe in both directions. It takes a few hundred bytes of memory and has no
/// buffer.
///
/// After an error other than [`Error::NoRoom`] the connection is over: the bytes that follow may have been sent by somebody
/// else.
pub struct Transport {
    state: snow::TransportState,
}

// Each idle connection has one.
const _: () = assert!(size_of::<Transport>() <= 256);

/// The result of [`Transport::open`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a message has come whole or it has not")]
pub enum Opened {
    /// The first message of the input has not arrived as a whole; nothing was consumed.
    Incomplete,
    /// One message was decrypted.
    Message {
        /// The number of bytes consumed: the encrypted message and its length prefix.
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
    /// If `plain` has [`MAX_PLAINTEXT`] bytes, every message fits; a message that has arrived as a whole fits in a `plain`
    /// that is as long as the message. The bytes of `plain` after the message's plaintext are unchanged.
    ///
    /// # Errors
    /// [`Error::Truncated`] if the length prefix announces a message that is shorter than its tag; [`Error::Decrypt`] if the
    /// message was changed on its way; [`Error::Exhausted`] if the cipher has no nonce left; [`Error::NoRoom`] if `plain` is
    /// too short, in which case nothing has changed.
    pub fn open(&mut self, bytes: &[u8], plain: &mut [u8]) -> Result<Opened, Error> {
        let Some((length, message)) = split_message(bytes) else { return Ok(Opened::Incomplete) };
        let room = length.checked_sub(TAG).ok_or(Error::Truncated)?;
        let Some(message) = message else { return Ok(Opened::Incomplete) };
        // The length is checked before the decryption, which uses up a nonce: the caller can repeat the call with more room.
        let plain = plain.get_mut(..room).ok_or(Error::NoRoom)?;
        let len = self.state.read_message(message, plain)?;
        Ok(Opened::Message { consumed: length.saturating_add(PREFIX), len })
    }

    /// Encrypts `plain` into as few messages as possible and appends these messages to `out`, which grows by [`sealed_len`]
    /// bytes. An empty `plain` makes no message.
    ///
    /// # Errors
    /// [`Error::Exhausted`] if the cipher has no nonce left; `out` is unchanged then.
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

    /// Fills `room`, which is [`sealed_len`] bytes long, with messages. All messages except the last one have the greatest
    /// size.
    fn seal_into(&mut self, plain: &[u8], room: &mut [u8]) -> Result<(), Error> {
        for (part, message) in plain.chunks(MAX_PLAINTEXT).zip(room.chunks_mut(PREFIX + MAX_MESSAGE)) {
            let (prefix, sealed) = message.split_first_chunk_mut::<PREFIX>().ok_or(Error::NoRoom)?;
            // The length is at most `MAX_MESSAGE`, 65 535.
            *prefix = (sealed.len() as u16).to_be_bytes();
            self.state.write_message(part, sealed)?;
        }
        Ok(())
    }
}

/// Formats the numbers of messages sent and received, and no key.
impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("sent", &self.state.sending_nonce())
            .field("received", &self.state.receiving_nonce())
            .finish_non_exhaustive()
    }
}

/// Returns the length of the first message once its length prefix has arrived, together with the message once it has arrived
/// as a whole. Returns `None` before the length prefix has arrived.
pub(super) fn split_message(bytes: &[u8]) -> Option<(usize, Option<&[u8]>)> {
    let (prefix, rest) = bytes.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes(*prefix));
    Some((length, rest.get(..length)))
}

#[cfg(test)]
mod tests;
