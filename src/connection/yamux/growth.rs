//! [`Growth`]: when a receive window is made greater (specification, "Flow Control", leaves it to both sides).
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

use super::Config;
use super::stream::Stream;
use crate::arithmetic::Count;

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
    pub(super) fn on_grant(&mut self, stream: &mut Stream, config: &Config) -> bool {
        let window = stream.receive_window();
        let most = config.max_receive_window.saturating_sub(window).min(window);
        let by = most.min(config.max_window_growth.saturating_sub(self.grown));
        if by == 0 {
            return false;
        }
        let is_counting = self.awaited > 0;
        if is_counting && self.round.wrapping_sub(stream.round) < MEMORY.into() {
            stream.window.grow(by);
            self.grown.raise(by);
        }
        stream.round = self.round;
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
