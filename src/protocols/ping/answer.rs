//! [`AnswerStream`]: a stream on which the peer pings us.

use super::PAYLOAD;
use crate::arithmetic::Count;
use crate::lifecycle::StreamId;
use crate::notifee::Node;

/// A stream whose payloads are echoed, one at a time. While an echo cannot be written, nothing more is read, so that the
/// receive window fills and the peer has to wait.
#[derive(Debug)]
pub(super) struct AnswerStream {
    payload: [u8; PAYLOAD],
    /// The number of bytes of the payload that have come.
    read: usize,
    /// The number of bytes of the payload that have been sent back. None are sent before the whole payload has come.
    written: usize,
}

impl AnswerStream {
    pub(super) const fn new() -> Self {
        Self { payload: [0; PAYLOAD], read: 0, written: 0 }
    }

    /// Echoes the payloads that are there. If the peer's side has ended, our side is ended too; if it ended in the middle
    /// of a payload, the stream is reset.
    pub(super) fn echo(&mut self, node: &mut dyn Node, stream: StreamId) {
        loop {
            while let Some(rest @ [_, ..]) = self.payload.get_mut(self.read..) {
                match node.read(stream, rest) {
                    Ok(0) => {
                        // Neither call fails: the stream has just been read from.
                        let _ = if self.read == 0 { node.finish(stream).ok() } else { node.reset(stream).ok() };
                        return;
                    }
                    Ok(n) => self.read.raise(n),
                    // We are notified when there is more to read, and of the end of the stream.
                    Err(_) => return,
                }
            }
            while let Some(rest @ [_, ..]) = self.payload.get(self.written..) {
                match node.write(stream, rest) {
                    Ok(n) => self.written.raise(n),
                    // We are notified when there is room again, and of the end of the stream.
                    Err(_) => return,
                }
            }
            (self.read, self.written) = (0, 0);
        }
    }
}
