//! [`ReceiveWindow`]: what the peer may send on one stream, to the byte (specification, "Flow Control").

use super::INITIAL_WINDOW;
use crate::arithmetic::Count;

/// The receiving side's account of one stream. Between calls
///
/// `left + unread + freed == limit`
///
/// where `left` is what the peer may still send, `unread` waits in the stream's buffer, and `freed` has been read but
/// not been granted again.
///
/// A peer may send [`INITIAL_WINDOW`] bytes before it hears of us, so a smaller limit cannot hold from the start. Then
/// the stream begins *ahead* of its limit: `left + unread` is greater, `freed` is zero, and nothing is granted. Each
/// byte that is read brings the sum down by one, until it is at the limit; the equation holds from there on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ReceiveWindow {
    left: u32,
    limit: u32,
}

impl ReceiveWindow {
    /// Makes the window of a new stream. The peer assumes [`INITIAL_WINDOW`]; the part of `limit` above that counts as
    /// freed. A limit of 0 would end all traffic, and counts as 1.
    pub(super) const fn new(limit: u32) -> Self {
        Self { left: INITIAL_WINDOW, limit: if limit == 0 { 1 } else { limit } }
    }

    /// Returns the most bytes that can be unread, unless the stream is still ahead of its limit.
    pub(super) const fn limit(&self) -> u32 {
        self.limit
    }

    /// Returns the most bytes that can be unread from now on, if the limit stays. It goes down once, when a stream that
    /// began ahead of its limit comes down to it.
    pub(super) const fn most_unread(&self, unread: usize) -> usize {
        let limit = self.limit as usize;
        if unread.saturating_add(self.left as usize) > limit { INITIAL_WINDOW as usize } else { limit }
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
        self.left.lower(bytes);
    }

    /// Returns whether a grant is worth a frame: half of the window or more has been read. Half of 1 counts as 1.
    pub(super) fn is_worth_a_frame(&self, unread: usize) -> bool {
        let half = self.limit / 2;
        self.freed(unread) >= if half == 0 { 1 } else { half }
    }

    /// What can be granted now, however little.
    pub(super) fn grant_all(&mut self, unread: usize) -> u32 {
        let freed = self.freed(unread);
        self.left.raise(freed);
        freed
    }

    fn freed(&self, unread: usize) -> u32 {
        let outstanding = unread.saturating_add(self.left as usize);
        debug_assert!(
            outstanding <= self.limit.max(INITIAL_WINDOW) as usize,
            "the peer was granted more than the limit"
        );
        // At most the limit, a u32.
        (self.limit as usize).saturating_sub(outstanding) as u32
    }
}
