//! [`ReceiveWindow`]: what the peer may send on one stream, to the byte (specification, "Flow Control"). [`Growth`]:
//! when a window is made greater, which the specification leaves to both sides.
//!
//! A sender can have one window under way in a round trip, and where half a window is granted at a time it settles at
//! half of it: 128 KiB in 100 ms are 1.3 MB/s on any line. So a window doubles when half of it is read for the second
//! time within two round trips.
//!
//! Round trips are counted, not measured, so that no clock is needed: pings follow each other from a grant until two
//! were answered behind the last grant. Who is quiet is not pinged, and who is slow has more between two grants. A peer
//! that answers late, or never, has windows that grow without need, within the same bounds.
//!
//! ```text
//!             ┌─grant: ping─▶        ┌─pong, not the second since the last grant: ping─┐
//!    Between ─┘              InRound ◀──────────────────────────────────────────────────┘
//!             ◀────────────── the second pong ─┘
//! ```

use super::{Config, INITIAL_WINDOW};
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

/// What our pings carry. An owner's own ping with it would be taken for one of them.
pub(super) const PROBE: u32 = u32::MAX;

/// For how many round trips a grant is remembered.
const MEMORY: u8 = 2;

/// One session's account of round trips, and of what its windows have grown by.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Growth {
    /// How many round trips there were, as far as they are counted. It goes round: a stream that was quiet for 65 536
    /// of them may grow without need.
    round: u16,
    /// How many more pongs are awaited; the ping of the first is under way.
    awaited: u8,
    /// How much greater the windows of all streams are than they began.
    grown: u32,
}

/// Whose pong has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pong {
    /// One that the owner knows of.
    Owners,
    /// Ours: a ping is to be sent.
    Again,
    /// Ours, the last one.
    Last,
}

impl Growth {
    /// What a new stream counts from: no grant can be behind it.
    pub(super) const fn long_ago(&self) -> u16 {
        self.round.wrapping_sub(MEMORY as u16)
    }

    /// Half of a stream's window or more has been read and is about to be granted: makes it greater, if that has
    /// happened a short time ago. `true`: a ping is to be sent.
    /// `since` is the round trip of its last grant.
    pub(super) fn on_grant(&mut self, window: &mut ReceiveWindow, since: &mut u16, config: &Config) -> bool {
        let limit = window.limit();
        let most = config.max_receive_window.saturating_sub(limit).min(limit);
        let by = most.min(config.max_window_growth.saturating_sub(self.grown));
        if by == 0 {
            return false;
        }
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

    /// A stream is over whose window had grown by so much: others may have it.
    pub(super) fn give_back(&mut self, grown: u32) {
        self.grown = self.grown.saturating_sub(grown);
    }
}
