//! [`AnswerStream`]: one stream on which the peer asks.

use super::PAYLOAD;
use crate::arithmetic::Count;
use crate::lifecycle::StreamId;
use crate::notifee::Node;

/// Echoes a payload at a time. While one cannot be written, nothing more is read: the peer's window says so to it.
#[derive(Debug)]
pub(super) struct AnswerStream {
    payload: [u8; PAYLOAD],
    /// How much of the payload has come.
    read: usize,
    /// How much of it has gone back: nothing before all of it has come.
    written: usize,
}

impl AnswerStream {
    pub(super) const fn new() -> Self {
        Self { payload: [0; PAYLOAD], read: 0, written: 0 }
    }

    /// Echoes what is there, and ends our side behind the peer's. A peer that ends in the middle of a payload has no
    /// end to wait for.
    pub(super) fn echo(&mut self, node: &mut dyn Node, stream: StreamId) {
        loop {
            while let Some(rest @ [_, ..]) = self.payload.get_mut(self.read..) {
                match node.read(stream, rest) {
                    Ok(0) => {
                        // Neither fails: it has just been read from.
                        let _ = if self.read == 0 { node.finish(stream).ok() } else { node.reset(stream).ok() };
                        return;
                    }
                    Ok(n) => self.read.raise(n),
                    // More is told, and so is the end.
                    Err(_) => return,
                }
            }
            while let Some(rest @ [_, ..]) = self.payload.get(self.written..) {
                match node.write(stream, rest) {
                    Ok(n) => self.written.raise(n),
                    // Place is told, and so is the end.
                    Err(_) => return,
                }
            }
            (self.read, self.written) = (0, 0);
        }
    }
}
