//! [`Environment`]: the things that an owner lends to a connection for one call. [`Scratch`]: the working memory, which is
//! one of these things.

use super::muxer::BufferPool;
use super::unnamed::UnnamedMemory;
use super::{Config, Now, Protocol, Streams};
use alloc::vec::Vec;

/// The data of the owner that a connection borrows during one call: streams, protocols, bounds, the time and working memory.
#[derive(Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "an owner has to lend each of them, and the compiler names what is missing"
)]
pub struct Environment<'a> {
    /// The streams of all connections of the owner.
    pub streams: &'a mut Streams,
    /// The protocols that this node accepts on inbound streams.
    pub protocols: &'a [Protocol],
    /// The bounds and the timeouts of the connection.
    pub config: &'a Config,
    /// The present time on the owner's clock.
    pub now: Now,
    /// The working memory. Between two calls its content has no meaning.
    pub scratch: &'a mut Scratch,
}

/// The number of bytes of output memory that are kept for reuse when a connection ends.
#[cfg(feature = "swarm")]
const OUTPUT_KEPT: usize = 4 * 1024;

/// The working memory of connections. One value serves all connections of an owner, so an idle connection needs no working
/// memory of its own. Between two calls the value contains no data of any connection.
#[derive(Debug)]
pub struct Scratch {
    /// The lines of multistream-select that are being written.
    pub(super) lines: Vec<u8>,
    /// The memory that sessions of the muxer borrow for their output. It is empty between two calls.
    pub(super) output: Vec<u8>,
    /// Spare receive buffers, for streams to reuse.
    pub(super) buffers: BufferPool,
    /// Spare memory for a connection's table of streams without an id.
    pub(super) unnamed: UnnamedMemory,
    /// The maximum number of streams without an id on one connection.
    pub(super) most_unnamed: usize,
    /// The work that handshakes have spent on verifying signatures since the owner last took this count, in units of one
    /// Ed25519 verification.
    pub(super) work: u32,
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Scratch {
    /// Makes an empty working memory. The call allocates nothing.
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

    /// Sets the maximum number of streams without an id on each connection to `most`, for an owner with many connections. A
    /// stream whose proposal arrives with its first frame has an id at once, so this limit does not apply to it.
    #[cfg(feature = "swarm")]
    pub(crate) fn limit_unnamed(&mut self, most: usize) {
        self.most_unnamed = most;
    }

    /// Returns the work that handshakes have spent on verifying signatures since the last [`take_work`](Self::take_work), in
    /// units of one Ed25519 verification.
    #[cfg(feature = "swarm")]
    pub(crate) const fn work(&self) -> u32 {
        self.work
    }

    /// Returns the [`work`](Self::work()) and resets the count to 0.
    #[cfg(feature = "swarm")]
    pub(crate) fn take_work(&mut self) -> u32 {
        core::mem::take(&mut self.work)
    }

    /// Frees the memory above small amounts that are kept for reuse. An owner calls this method when one of its connections
    /// has ended.
    #[cfg(feature = "swarm")]
    pub(crate) fn give_up_memory(&mut self) {
        // Otherwise the memory of the greatest burst of any connection would be kept for ever.
        self.output.shrink_to(OUTPUT_KEPT);
        self.buffers.give_up_large();
        self.unnamed.give_up_large();
    }
}
