//! [`Body`]: the single message that the peer sends on a stream.

use super::codec::Framing;
use crate::lifecycle::{Failure, StreamId};
use crate::notifee::Node;
use crate::protocols::frames::Frames;
use alloc::vec::Vec;

/// The maximum number of bytes per read.
const READ: usize = 16 * 1024;

/// The part of the message that has arrived.
#[derive(Debug)]
pub(super) enum Body {
    WholeSide { bytes: Vec<u8>, max: usize },
    LengthPrefixed(Frames),
}

impl Body {
    /// Creates a reader for a message of at most `max` bytes.
    pub(super) const fn new(framing: Framing, max: usize) -> Self {
        match framing {
            Framing::WholeSide => Self::WholeSide { bytes: Vec::new(), max },
            Framing::LengthPrefixed => Self::LengthPrefixed(Frames::new(max)),
        }
    }

    /// Returns the number of bytes of heap that the message takes.
    pub(super) const fn held(&self) -> usize {
        match self {
            Self::WholeSide { bytes, .. } => bytes.capacity(),
            Self::LengthPrefixed(frames) => frames.held(),
        }
    }

    /// Reads all that is there. Returns the message once it is whole, or the reason for which there will be none. Returns
    /// `None` if more may come.
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

    /// Returns the message, or the reason for which it is not whole. Nothing comes after `unread`, since the stream has
    /// ended for `reason`.
    pub(super) fn cut(&mut self, unread: &[u8], is_finished: bool, reason: Failure) -> Result<Vec<u8>, Failure> {
        match self.take(unread) {
            Some(message) => message,
            None if is_finished => self.end(Failure::Eof),
            None => Err(reason),
        }
    }

    fn take(&mut self, read: &[u8]) -> Option<Result<Vec<u8>, Failure>> {
        match self {
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

    /// Returns the message when the peer's side has ended, or `reason` if it is not whole.
    fn end(&mut self, reason: Failure) -> Result<Vec<u8>, Failure> {
        match self {
            Self::WholeSide { bytes, .. } => {
                let mut message = core::mem::take(bytes);
                message.shrink_to_fit();
                Ok(message)
            }
            Self::LengthPrefixed(_) => Err(reason),
        }
    }
}
