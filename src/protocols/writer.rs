//! [`Writer`]: bytes that go onto a stream as it takes them.

use crate::arithmetic::Count;
use crate::lifecycle::StreamId;
use crate::notifee::Node;
use alloc::vec::Vec;

/// A message that is written as its stream takes it. It keeps its memory until all is written.
#[derive(Debug)]
pub struct Writer {
    said: Vec<u8>,
    written: usize,
}

impl Writer {
    /// A message, of which nothing is written yet.
    #[must_use]
    pub const fn new(said: Vec<u8>) -> Self {
        Self { said, written: 0 }
    }

    /// Returns the memory that is taken by what is not written yet.
    pub(super) const fn held(&self) -> usize {
        self.said.capacity()
    }

    /// Writes as much as there is place for. Returns true if that was all; then there is nothing left to write, and no
    /// memory is kept. If not, [`stream_ready`](crate::notifee::Notifee::stream_ready) tells when there is place, and
    /// [`closed_stream`](crate::notifee::Notifee::closed_stream) when there never will be.
    pub fn go_on(&mut self, node: &mut dyn Node, stream: StreamId) -> bool {
        while let Some(rest @ [_, ..]) = self.said.get(self.written..) {
            match node.write(stream, rest) {
                Ok(n) => self.written.raise(n),
                // Place is told, and so is the end.
                Err(_) => return false,
            }
        }
        (self.said, self.written) = (Vec::new(), 0);
        true
    }
}
