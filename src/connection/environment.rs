//! [`Environment`]: what an owner lends to a connection for one call. [`Scratch`]: the memory among it.

use super::muxer::BufferPool;
use super::unnamed::UnnamedMemory;
use super::{Config, Now, Protocol, Streams};
use alloc::vec::Vec;

/// The things of its owner that a connection works with in one turn, borrowed.
#[derive(Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "an owner has to lend each of them, and the compiler names what is missing"
)]
pub struct Environment<'a> {
    /// The streams of all connections of the owner.
    pub streams: &'a mut Streams,
    /// The protocols that inbound streams may choose from.
    pub protocols: &'a [Protocol],
    /// Bounds and time-outs.
    pub config: &'a Config,
    /// The time.
    pub now: Now,
    /// Memory to work with; what is in it means nothing.
    pub scratch: &'a mut Scratch,
}

/// How much of what frames are made in is kept when a connection goes.
#[cfg(feature = "swarm")]
const OUTPUT_KEPT: usize = 4 * 1024;

/// Memory that a connection works with in its turn. One serves all connections of an owner, so that one that is idle
/// keeps none; nothing of a connection stays in it.
#[derive(Debug)]
pub struct Scratch {
    /// Lines of multistream-select that are being made.
    pub(super) lines: Vec<u8>,
    /// What a session makes frames in. Empty.
    pub(super) output: Vec<u8>,
    /// Receive buffers of streams.
    pub(super) buffers: BufferPool,
    /// Memory for streams without an id.
    pub(super) unnamed: UnnamedMemory,
    /// The most streams without an id that one connection may have now.
    pub(super) most_unnamed: usize,
    /// The work of signatures that was done in handshakes since it was last taken, in signatures of Ed25519.
    pub(super) work: u32,
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Scratch {
    /// An empty one, which allocates nothing.
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
    /// proposal comes with its first frame has an id at once, and is not limited by this.
    #[cfg(feature = "swarm")]
    pub(crate) fn limit_unnamed(&mut self, most: usize) {
        self.most_unnamed = most;
    }

    /// Returns the work of signatures that was done in handshakes and not taken yet.
    #[cfg(feature = "swarm")]
    pub(crate) const fn work(&self) -> u32 {
        self.work
    }

    /// Takes it.
    #[cfg(feature = "swarm")]
    pub(crate) fn take_work(&mut self) -> u32 {
        core::mem::take(&mut self.work)
    }

    /// Gives back what is large, for an owner one of whose connections is gone.
    #[cfg(feature = "swarm")]
    pub(crate) fn give_up_memory(&mut self) {
        self.output.shrink_to(OUTPUT_KEPT);
        self.buffers.give_up_large();
        self.unnamed.give_up_large();
    }
}
