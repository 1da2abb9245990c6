//! [`Writer`]: a stream on which we say who we are.

use crate::lifecycle::StreamId;
use crate::notifee::Node;
use alloc::vec::Vec;

/// What is to be said, and how much of it has been.
#[derive(Debug)]
pub(super) struct Writer {
    said: Vec<u8>,
    written: usize,
}

impl Writer {
    pub(super) const fn new(said: Vec<u8>) -> Self {
        Self { said, written: 0 }
    }

    /// Writes as much as there is place for. `true`: that was all.
    pub(super) fn go_on(&mut self, node: &mut dyn Node, stream: StreamId) -> bool {
        while self.written < self.said.len() {
            match node.write(stream, &self.said[self.written..]) {
                Ok(n) => self.written += n,
                // Place is told, and so is the end.
                Err(_) => return false,
            }
        }
        true
    }
}
