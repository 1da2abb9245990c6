//! [`Body`]: the one message that the peer says on a stream.

use super::codec::Framing;
use crate::lifecycle::{Failure, StreamId};
use crate::notifee::Node;
use crate::protocols::frames::Frames;
use alloc::vec::Vec;

/// The number of bytes that are read at a time.
const READ: usize = 16 * 1024;

/// The part of a message that has come.
#[derive(Debug)]
pub(super) enum Body {
    WholeSide { bytes: Vec<u8>, max: usize },
    LengthPrefixed(Frames),
}

impl Body {
    /// A message of at most `max` bytes of which nothing has come.
    pub(super) const fn new(framing: Framing, max: usize) -> Self {
        match framing {
            Framing::WholeSide => Self::WholeSide { bytes: Vec::new(), max },
            Framing::LengthPrefixed => Self::LengthPrefixed(Frames::new(max)),
        }
    }

    /// Returns the memory that is taken by what has come.
    pub(super) const fn held(&self) -> usize {
        match self {
            Self::WholeSide { bytes, .. } => bytes.capacity(),
            Self::LengthPrefixed(frames) => frames.held(),
        }
    }

    /// Reads what is there: the message if it is whole, or the reason for which there will be none; `None` if more has to
    /// come.
    pub(super) fn go_on(&mut self, node: &mut dyn Node, stream: StreamId) -> Option<Result<Vec<u8>, Failure>> {
        let mut chunk = [0; READ];
        loop {
            match node.read(stream, &mut chunk) {
                Ok(0) => return Some(self.end(Failure::Eof)),
                Ok(n) => {
                    if let Some(message) = self.take(chunk.get(..n).unwrap_or_default()) {
                        return Some(message);
                    }
                }
                // More is told, and so is the end.
                Err(_) => return None,
            }
        }
    }

    /// Says what came of the message where nothing comes behind `unread`, for `reason`.
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
                    // Twice as much, and never more than a message may have.
                    bytes.reserve_exact(read.len().max(len.min(max.saturating_sub(len))));
                }
                bytes.extend_from_slice(read);
                None
            }
            Self::LengthPrefixed(frames) => {
                // What follows a whole message is not looked at.
                let most = frames.missing().min(read.len());
                frames.extend(read.get(..most).unwrap_or_default());
                frames.next().map(|message| message.map(<[u8]>::to_vec)).map_err(|_| Failure::Protocol).transpose()
            }
        }
    }

    /// The peer's side has ended.
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
