//! [`ReceiveWindow`]: the number of bytes that the peer may send on one stream (specification, "Flow Control"). [`Growth`]:
//! the decision to enlarge a window, which the specification leaves to both sides.
//!
//! A sender can have one window of data under way in a round trip. If half a window is granted at a time, the sender is
//! limited to half a window in a round trip: 128 KiB in 100 ms are 1.3 MB/s, however fast the link is. A window therefore
//! doubles when half of it is read for the second time within two round trips.
//!
//! Round trips are counted and not measured, so that no clock is needed: after a grant, one ping follows another until two
//! were answered since the last grant. A quiet peer is not pinged, and a slow peer has more round trips between two grants.
//! A peer that answers late, or never, gets windows that grow without need, within the same bounds. In the following
//! diagram, a session waits for no pong in the state `Between`, and waits for the pong of its last ping in the state
//! `InRound`:
//!
//! ```text
//!             ┌─grant: ping─▶        ┌─pong, not the second since the last grant: ping─┐
//!    Between ─┘              InRound ◀──────────────────────────────────────────────────┘
//!             ◀────────────── the second pong ─┘
//! ```

use super::{Config, INITIAL_WINDOW};
use crate::arithmetic::Count;

/// The number of bytes that the peer may send on one stream, as the receiving side counts them. Between calls
///
/// `left + unread + freed == limit`
///
/// where `left` is the number of bytes that the peer may still send, `unread` is the number of bytes in the stream's buffer,
/// and `freed` is the number of bytes that have been read but not granted again.
///
/// A peer may send [`INITIAL_WINDOW`] bytes before it receives a frame of ours, so a smaller limit cannot hold from the
/// start. Such a stream begins *ahead* of its limit: `left + unread` is greater than the limit, `freed` is zero, and nothing
/// is granted. Each byte that is read lowers the sum by one until the sum reaches the limit; the equation holds from then
/// on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ReceiveWindow {
    left: u32,
    limit: u32,
}

impl ReceiveWindow {
    /// Makes the window of a new stream. The peer assumes [`INITIAL_WINDOW`] at first; if `limit` is greater, the difference
    /// counts as read and not granted yet. A limit of 0 would stop all data, and counts as 1.
    pub(super) const fn new(limit: u32) -> Self {
        Self { left: INITIAL_WINDOW, limit: if limit == 0 { 1 } else { limit } }
    }

    /// Returns the maximum number of unread bytes in the stream's buffer. If the maximum is less than [`INITIAL_WINDOW`],
    /// the buffer of a new stream may contain more at first.
    pub(super) const fn limit(&self) -> u32 {
        self.limit
    }

    /// Returns the maximum number of unread bytes from now on, if the limit does not change. The result is
    /// [`INITIAL_WINDOW`] instead of the limit while the `unread` bytes and the bytes that the peer may still send are
    /// together more than the limit.
    pub(super) const fn most_unread(&self, unread: usize) -> usize {
        let limit = self.limit as usize;
        if unread.saturating_add(self.left as usize) > limit { INITIAL_WINDOW as usize } else { limit }
    }

    /// Raises the limit by `by` bytes. The peer may send these bytes once they are granted.
    pub(super) fn grow(&mut self, by: u32) {
        self.limit = self.limit.saturating_add(by);
    }

    /// Returns whether the peer may send `bytes` more bytes.
    pub(super) const fn allows(&self, bytes: u32) -> bool {
        bytes <= self.left
    }

    /// Returns whether the peer may send any more bytes.
    pub(super) const fn is_open(&self) -> bool {
        self.left > 0
    }

    /// Subtracts bytes that have arrived from the bytes that the peer may send. The whole frame was checked by
    /// [`allows`](Self::allows) before its first byte arrived.
    pub(super) fn arrived(&mut self, bytes: u32) {
        self.left.lower(bytes);
    }

    /// Returns whether half of the window or more has been read and not granted again, so that a grant is worth a frame.
    /// Half of a window of 1 byte counts as 1 byte.
    pub(super) fn is_worth_a_frame(&self, unread: usize) -> bool {
        let half = self.limit / 2;
        self.freed(unread) >= if half == 0 { 1 } else { half }
    }

    /// Grants the peer all bytes that have been read and not granted again, however few, and returns their number.
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
        // The result is at most the limit, which is a `u32`, so the cast loses nothing.
        (self.limit as usize).saturating_sub(outstanding) as u32
    }
}

/// The value of the pings that the session itself sends. An owner's ping with this value cannot be told from a ping of the
/// session.
pub(super) const PROBE: u32 = u32::MAX;

/// The number of round trips within which a second grant makes a window grow.
const MEMORY: u8 = 2;

/// The number of round trips of one session, and the number of bytes by which the windows of the session have grown.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Growth {
    /// The number of round trips that were counted. It wraps: the window of a stream that was quiet for 65 536 round trips
    /// may grow without need.
    round: u16,
    /// The number of pongs that we still wait for. If the number is not 0, the ping for the next of these pongs has been
    /// sent.
    awaited: u8,
    /// The number of bytes by which the windows of all streams have grown.
    grown: u32,
}

/// The kind of a pong that has arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pong {
    /// The pong answers a ping of the owner.
    Owners,
    /// The pong answers a ping of the session, after which another ping is to be sent.
    Again,
    /// The pong answers the last of the session's pings.
    Last,
}

impl Growth {
    /// Returns the number of a round trip for a new stream to start with. That round trip is so long ago that the stream's
    /// first grant does not make its window grow.
    pub(super) const fn long_ago(&self) -> u16 {
        self.round.wrapping_sub(MEMORY as u16)
    }

    /// Handles a window grant to the peer, when half of a stream's window or more has been read: enlarges the window if the
    /// last grant was a short time ago. `since` is the number of the round trip of that last grant. Returns `true` if a ping
    /// is to be sent.
    pub(super) fn on_grant(&mut self, window: &mut ReceiveWindow, since: &mut u16, config: &Config) -> bool {
        let limit = window.limit();
        let most = config.max_receive_window.saturating_sub(limit).min(limit);
        // The window doubles, unless one of the two bounds leaves less.
        let by = most.min(config.max_window_growth.saturating_sub(self.grown));
        if by == 0 {
            return false;
        }
        // While no pong is awaited, no stream was granted window within the last two round trips, and round trips are not
        // counted.
        let is_counting = self.awaited > 0;
        if is_counting && self.round.wrapping_sub(*since) < MEMORY.into() {
            window.grow(by);
            self.grown.raise(by);
        }
        *since = self.round;
        self.awaited = MEMORY;
        !is_counting
    }

    pub(super) fn on_pong(&mut self, opaque: u32) -> Pong {
        if opaque != PROBE || self.awaited == 0 {
            return Pong::Owners;
        }
        self.round = self.round.wrapping_add(1);
        self.awaited.lower(1);
        if self.awaited > 0 { Pong::Again } else { Pong::Last }
    }

    /// Subtracts `grown`, the number of bytes by which the window of a stream that is over had grown, so that other windows
    /// may grow.
    pub(super) fn give_back(&mut self, grown: u32) {
        self.grown = self.grown.saturating_sub(grown);
    }
}
