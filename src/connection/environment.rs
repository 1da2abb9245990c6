//! [`Environment`]: the things that an owner lends to a connection for one call. [`Scratch`]: the memory among them.

use super::unnamed::UnnamedMemory;
use super::yamux::BufferPool;
use super::{Config, Protocol, Streams};
use alloc::vec::Vec;
use core::time::Duration;

/// The owner's things that a connection works with during one call, borrowed.
#[derive(Debug)]
pub struct Environment<'a> {
    /// The streams of all connections of the owner.
    pub streams: &'a mut Streams,
    /// The protocols that inbound streams may choose from.
    pub protocols: &'a [Protocol],
    /// Bounds and time-outs.
    pub config: &'a Config,
    /// The time on the owner's clock, which must not go backwards; or [`UNTIMED`](super::UNTIMED).
    pub now: Duration,
    /// Working memory. Its content carries no meaning from one call to the next.
    pub scratch: &'a mut Scratch,
}

/// The number of bytes of output memory that are kept when a connection ends.
#[cfg(feature = "swarm")]
const OUTPUT_KEPT: usize = 4 * 1024;

/// Working memory of connections. One value serves all connections of an owner, so that an idle connection keeps none of it.
/// It holds nothing of a connection between two calls.
#[derive(Debug)]
pub struct Scratch {
    /// Lines of multistream-select that are being written.
    pub(super) lines: Vec<u8>,
    /// Memory that sessions borrow for their output. It is empty.
    pub(super) output: Vec<u8>,
    /// Spare receive buffers of streams.
    pub(super) buffers: BufferPool,
    /// Spare memory for streams without an id.
    pub(super) unnamed: UnnamedMemory,
    /// The maximum number of streams without an id of one connection.
    pub(super) most_unnamed: usize,
    /// The work that handshakes have spent on signatures since it was last taken, in units of one Ed25519 verification.
    pub(super) work: u32,
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Scratch {
    /// Makes an empty value, which allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            lines: Vec::new(),
            output: Vec::new(),
            buffers: BufferPool::new(),
            unnamed: UnnamedMemory::new(),
            most_unnamed: usize::MAX,
            work: 0,
        }
    }

    /// Limits the streams without an id of each connection from now on, for an owner with many connections. A stream whose
    /// proposal comes with its first frame has an id at once, so this limit does not apply to it.
    #[cfg(feature = "swarm")]
    pub(crate) fn limit_unnamed(&mut self, most: usize) {
        self.most_unnamed = most;
    }

    /// Returns the work that handshakes have spent on signatures since it was last taken, in units of one Ed25519
    /// verification.
    #[cfg(feature = "swarm")]
    pub(crate) const fn work(&self) -> u32 {
        self.work
    }

    /// Returns the [`work`](Self::work()) and resets it to 0.
    #[cfg(feature = "swarm")]
    pub(crate) fn take_work(&mut self) -> u32 {
        core::mem::take(&mut self.work)
    }

    /// Frees the large part of the memory. An owner calls it when one of its connections has ended.
    #[cfg(feature = "swarm")]
    pub(crate) fn give_up_memory(&mut self) {
        self.output.shrink_to(OUTPUT_KEPT);
        self.buffers.give_up_large();
        self.unnamed.give_up_large();
    }
}
