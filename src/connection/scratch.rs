//! [`Scratch`]: memory that every turn of every connection uses again.

use super::unnamed::Spare;
use super::yamux::Spares;
use alloc::vec::Vec;

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
    /// Memory for streams without an id.
    pub(super) unnamed: Spare,
}

impl Scratch {
    /// An empty one, which allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { lines: Vec::new(), output: Vec::new(), spares: Spares::new(), unnamed: Spare::new() }
    }
}
