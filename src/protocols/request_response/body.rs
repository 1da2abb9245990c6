//! [`Body`]: the single message that the peer sends on a stream.

use super::codec::Framing;
use crate::lifecycle::{Failure, StreamId};
use crate::notifee::Node;
use crate::protocols::frames::Frames;
use alloc::vec::Vec;

/// The maximum number of bytes that one call reads from a stream.
const READ: usize = 16 * 1024;

/// A reader of one message, with the part of the message that has arrived. Each variant is for one form of the message on
/// the stream.
#[derive(Debug)]
pub(super) enum Body {
    WholeSide { bytes: Vec<u8>, max: usize },
    LengthPrefixed(Frames),
}

impl Body {
    /// Creates a reader for one message of at most `max` bytes, not counting its length prefix.
    pub(super) const fn new(framing: Framing, max: usize) -> Self {
        match framing {
            Framing::WholeSide => Self::WholeSide { bytes: Vec::new(), max },
            Framing::LengthPrefixed => Self::LengthPrefixed(Frames::new(max)),
        }
    }

    /// Returns the number of bytes of heap that the arrived part of the message takes.
    pub(super) const fn held(&self) -> usize {
        match self {
            Self::WholeSide { bytes, .. } => bytes.capacity(),
            Self::LengthPrefixed(frames) => frames.held(),
        }
    }

    /// Reads all bytes that have arrived. Returns `None` if the message is not whole and more bytes may arrive. Otherwise
    /// returns the message, or the reason for which it is invalid.
    pub(super) fn read_more(&mut self, node: &mut dyn Node, stream: StreamId) -> Option<Result<Vec<u8>, Failure>> {
        let mut chunk = [0; READ];
        loop {
            match node.read(stream, &mut chunk) {
                Ok(0) => return Some(self.end(Failure::Eof)),
                Ok(n) => {
                    if let Some(message) = self.take(chunk.get(..n).unwrap_or_default()) {
                        return Some(message);
                    }
                }
                // We are notified when there is more to read, and of the end of the stream.
                Err(_) => return None,
            }
        }
    }

    /// Handles the end of the stream; `unread` are the last bytes that arrived. Returns the message if it is whole;
    /// otherwise returns `reason`, the way in which the stream ended.
    pub(super) fn cut(&mut self, unread: &[u8], is_finished: bool, reason: Failure) -> Result<Vec<u8>, Failure> {
        match self.take(unread) {
            Some(message) => message,
            None if is_finished => self.end(Failure::Eof),
            None => Err(reason),
        }
    }

    fn take(&mut self, read: &[u8]) -> Option<Result<Vec<u8>, Failure>> {
        match self {
            // A message without a length is bounded only here: a peer could send for ever and never finish its side.
            Self::WholeSide { bytes, max } if bytes.len().saturating_add(read.len()) > *max => {
                Some(Err(Failure::Protocol))
            }
            Self::WholeSide { bytes, max } => {
                let len = bytes.len();
                if bytes.capacity().saturating_sub(len) < read.len() {
                    // The capacity doubles, up to the length that a message may have.
                    bytes.reserve_exact(read.len().max(len.min(max.saturating_sub(len))));
                }
                bytes.extend_from_slice(read);
                None
            }
            Self::LengthPrefixed(frames) => {
                // Bytes after a whole message are ignored.
                let most = frames.missing().min(read.len());
                frames.extend(read.get(..most).unwrap_or_default());
                frames.next().map(|message| message.map(<[u8]>::to_vec)).map_err(|_| Failure::Protocol).transpose()
            }
        }
    }

    /// Handles the end of the peer's side of the stream. Returns the message, or `reason` if the message is not whole.
    fn end(&mut self, reason: Failure) -> Result<Vec<u8>, Failure> {
        match self {
            Self::WholeSide { bytes, .. } => {
                let mut message = core::mem::take(bytes);
                // From now on the message counts with its length, and no longer with its capacity.
                message.shrink_to_fit();
                Ok(message)
            }
            Self::LengthPrefixed(_) => Err(reason),
        }
    }
}
