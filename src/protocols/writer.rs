//! [`Writer`]: a message that is written to a stream as fast as the stream takes it.

use crate::arithmetic::Count;
use crate::lifecycle::StreamId;
use crate::notifee::Node;
use alloc::vec::Vec;

/// A message that is written to a stream, as much at a time as the stream takes. It keeps all of its memory until all of
/// it is written.
#[derive(Debug)]
pub struct Writer {
    said: Vec<u8>,
    written: usize,
}

impl Writer {
    /// Creates a writer for a message of which nothing is written yet.
    #[must_use]
    pub const fn new(said: Vec<u8>) -> Self {
        Self { said, written: 0 }
    }

    /// Returns the number of bytes of heap that the message takes; 0 once all is written.
    pub(super) const fn held(&self) -> usize {
        self.said.capacity()
    }

    /// Writes as much as the stream has room for. Returns true if nothing is left to write; then the memory is freed. If
    /// it returns false, [`stream_ready`](crate::notifee::Notifee::stream_ready) is called when there is room again, and
    /// [`closed_stream`](crate::notifee::Notifee::closed_stream) when there never will be.
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
