//! [`Writer`]: a message that is written to a stream in parts, whenever the stream has room.

use crate::arithmetic::Count;
use crate::lifecycle::StreamId;
use crate::notifee::Node;
use alloc::vec::Vec;

/// A message that is written to a stream in parts, whenever the stream has room. The memory of the whole message is kept
/// until all of the message is written.
#[derive(Debug)]
pub struct Writer {
    said: Vec<u8>,
    written: usize,
}

impl Writer {
    /// Creates a writer for the message `said`, of which no byte is written yet.
    #[must_use]
    pub const fn new(said: Vec<u8>) -> Self {
        Self { said, written: 0 }
    }

    /// Returns the number of bytes of heap that the message takes; 0 once the whole message is written.
    pub(super) const fn held(&self) -> usize {
        self.said.capacity()
    }

    /// Writes as much of the message as the stream has room for. Once the whole message is written, frees its memory and
    /// returns true. After the result false, the notifee's method [`stream_ready`](crate::notifee::Notifee::stream_ready) is
    /// called when the stream has room again, or [`closed_stream`](crate::notifee::Notifee::closed_stream) when the stream
    /// has ended.
    pub fn write_more(&mut self, node: &mut dyn Node, stream: StreamId) -> bool {
        while let Some(rest @ [_, ..]) = self.said.get(self.written..) {
            match node.write(stream, rest) {
                Ok(n) => self.written.raise(n),
                // We are notified when there is room again, and of the end of the stream.
                Err(_) => return false,
            }
        }
        (self.said, self.written) = (Vec::new(), 0);
        true
    }
}
