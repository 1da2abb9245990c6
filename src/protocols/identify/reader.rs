//! [`Reader`]: a stream on which the peer says who it is.

use crate::arithmetic::Count;
use crate::lifecycle::{Failure, StreamId};
use crate::notifee::Node;
use crate::protocols::frames::Frames;
use alloc::vec::Vec;

/// How many messages the peer may say it in, as go has it: it sends its record in one of its own.
const MAX_MESSAGES: usize = 10;

/// More than the lengths of all messages take on the wire.
const SLACK: usize = 8 * MAX_MESSAGES;

/// What has come of what the peer says.
#[derive(Debug)]
pub(super) struct Reader {
    frames: Frames,
    /// The messages, one behind the other: to protobuf, that is one message with the fields of all.
    body: Vec<u8>,
    messages: usize,
    max_bytes: usize,
}

impl Reader {
    pub(super) const fn new(max_bytes: usize) -> Self {
        Self { frames: Frames::new(max_bytes), body: Vec::new(), messages: 0, max_bytes }
    }

    /// Returns the memory that is taken by what has come.
    pub(super) const fn held(&self) -> usize {
        self.frames.held().saturating_add(self.body.capacity())
    }

    /// Reads what is there, and returns all messages behind one another if nothing follows, or the reason for which they are
    /// none; `None` if more has to come.
    pub(super) fn go_on(&mut self, node: &mut dyn Node, stream: StreamId) -> Option<Result<Vec<u8>, Failure>> {
        loop {
            match self.frames.read(node, stream) {
                Ok(true) => {
                    if let Err(reason) = self.absorb() {
                        return Some(Err(reason));
                    }
                }
                Ok(false) => return Some(self.end(Failure::Eof)),
                // More is told, and so is the end.
                Err(_) => return None,
            }
        }
    }

    /// Whether there is a message: the peer may have said it all.
    pub(super) const fn has_message(&self) -> bool {
        self.messages > 0
    }

    /// Returns all messages behind one another, if nothing comes behind `unread`, for `reason`. Whoever has said it all need
    /// not say goodbye.
    pub(super) fn cut(&mut self, unread: &[u8], reason: Failure) -> Result<Vec<u8>, Failure> {
        // More than all messages and one that is not whole: it is not copied.
        if unread.len() > self.max_bytes.saturating_mul(2).saturating_add(SLACK) {
            return Err(Failure::Protocol);
        }
        self.frames.extend(unread);
        self.absorb()?;
        self.end(reason)
    }

    fn absorb(&mut self) -> Result<(), Failure> {
        while let Some(message) = self.frames.next().map_err(|_| Failure::Protocol)? {
            self.messages.raise(1);
            if self.messages > MAX_MESSAGES || self.body.len().saturating_add(message.len()) > self.max_bytes {
                return Err(Failure::Protocol);
            }
            // Most say it in one.
            self.body.reserve_exact(message.len());
            self.body.extend_from_slice(message);
        }
        Ok(())
    }

    fn end(&mut self, reason: Failure) -> Result<Vec<u8>, Failure> {
        if self.messages == 0 || self.frames.is_cut() {
            return Err(reason);
        }
        Ok(core::mem::take(&mut self.body))
    }
}
