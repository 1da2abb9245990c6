//! [`Scratch`]: memory that every turn of every connection uses again.

use super::yamux::Spares;
use alloc::vec::Vec;

/// How much of what frames are made in is kept when a connection goes.
#[cfg(feature = "swarm")]
const OUTPUT_KEPT: usize = 4 * 1024;

/// Memory that a connection works with in its turn. One serves all connections of an owner, so that one that is idle
/// keeps none; nothing of a connection stays in it.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Lines of multistream-select that are being made.
    pub(super) lines: Vec<u8>,
    /// What a session makes frames in. Empty.
    pub(super) output: Vec<u8>,
    /// Receive buffers of streams.
    pub(super) spares: Spares,
}

impl Scratch {
    /// An empty one, which allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { lines: Vec::new(), output: Vec::new(), spares: Spares::new() }
    }

    /// Gives back what is large, for an owner one of whose connections is gone.
    #[cfg(feature = "swarm")]
    pub(crate) fn give_up_memory(&mut self) {
        self.output.shrink_to(OUTPUT_KEPT);
        self.spares.give_up_large();
    }
}
