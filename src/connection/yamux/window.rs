//! [`ReceiveWindow`]: what the peer may send on one stream, to the byte (specification, "Flow Control").

use super::INITIAL_WINDOW;

/// The receiving side's account of one stream. Between calls
///
/// `left + unread + freed == limit`
///
/// where `left` is what the peer may still send, `unread` waits in the stream's buffer, and `freed` has been read but
/// not been granted again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ReceiveWindow {
    left: u32,
    limit: u32,
}

impl ReceiveWindow {
    /// A new stream's: the peer assumes [`INITIAL_WINDOW`]; what `limit` is above it counts as freed.
    pub(super) const fn new(limit: u32) -> Self {
        Self { left: INITIAL_WINDOW, limit: if limit > INITIAL_WINDOW { limit } else { INITIAL_WINDOW } }
    }

    /// The most bytes that can be unread.
    pub(super) const fn limit(&self) -> u32 {
        self.limit
    }

    /// So much more can be unread, once it is granted.
    pub(super) fn grow(&mut self, by: u32) {
        self.limit = self.limit.saturating_add(by);
    }

    /// Whether the peer may send so much.
    pub(super) const fn allows(&self, bytes: u32) -> bool {
        bytes <= self.left
    }

    /// Whether the peer may send anything.
    pub(super) const fn is_open(&self) -> bool {
        self.left > 0
    }

    /// Bytes have arrived. The whole frame was checked by [`allows`](Self::allows) before its first byte.
    pub(super) fn arrived(&mut self, bytes: u32) {
        debug_assert!(self.allows(bytes), "a frame is checked against the window before its payload");
        self.left = self.left.saturating_sub(bytes);
    }

    /// Whether granting now is worth a frame: half of the window or more has been read.
    pub(super) fn is_worth_a_frame(&self, unread: usize) -> bool {
        self.freed(unread) >= self.limit / 2
    }

    /// What can be granted now, however little.
    pub(super) fn grant_all(&mut self, unread: usize) -> u32 {
        let freed = self.freed(unread);
        self.left += freed;
        freed
    }

    fn freed(&self, unread: usize) -> u32 {
        debug_assert!(unread + self.left as usize <= self.limit as usize, "the peer was granted more than the limit");
        // Unread bytes were within the window when they came, so they fit.
        (self.limit - self.left).saturating_sub(unread as u32)
    }
}
