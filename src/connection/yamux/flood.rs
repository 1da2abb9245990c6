//! [`Costs`]: an account of the work that the peer causes without moving data: frames without payload, pings, resets.
//!
//! None of these breaks the protocol, but large numbers of them harm us. The peer earns frames without payload by sending
//! payload and opening streams, and the number of frames that are not earned is limited here. Pings and resets are only
//! counted here: their limits are rates, and a session has no clock.

use super::fact::Violation;
use super::frame::{ACK, FrameType, Header};
use crate::arithmetic::Count;

/// The number of frames without payload that the peer earns with each stream of either side. The peer needs these frames for
/// SYN, ACK, FIN, RST and a few window updates.
const PER_STREAM: u32 = 16;

/// The number of bytes of payload with which the peer earns one frame without payload. Each frame with payload also earns
/// the peer one frame without payload.
const BYTES_PER_FRAME: u32 = 64;

/// The number of bytes of our payload for which the peer may ping us once. This crate, among others, measures round trips by
/// pings while it grants window: at most two pings for each half of a window.
const BYTES_PER_PING: u64 = 64 * 1024;

/// The maximum number of pings that the peer can have earned with our payload and not sent yet.
const MAX_EARNED_PINGS: u64 = 1_024;

/// The numbers of the peer's resets and pings since the last [`Session::take_tally`](super::Session::take_tally).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Tally {
    /// The number of streams that the peer opened and that ended by a reset which the peer has caused: its own reset; our
    /// reset after [`Session::reset_for_peer`](super::Session::reset_for_peer); our reset because the peer sent data after
    /// its FIN; and our reset of a stream that the peer opened after its go-away.
    pub resets: u32,
    /// The number of the peer's pings that our payload has not earned. Each 64 KiB of our payload earn the peer one ping.
    pub pings: u32,
}

impl Tally {
    /// Returns whether both numbers are 0.
    #[inline]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.resets | self.pings == 0
    }
}

/// The account of the work that one session's peer causes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Costs {
    /// The number of frames without payload that have arrived, minus the number of such frames that the peer has earned. The
    /// difference never falls below 0.
    unearned: u32,
    /// The number of bytes of our payload for which no window update has arrived. A window update for some of these bytes
    /// does not count as a frame without payload.
    outstanding: u64,
    /// The number of bytes of our payload that have not yet been counted for a ping of the peer.
    unpinged: u64,
    pub(super) tally: Tally,
}

impl Costs {
    pub(super) const fn new() -> Self {
        Self { unearned: 0, outstanding: 0, unpinged: 0, tally: Tally { resets: 0, pings: 0 } }
    }

    /// Counts a frame of the peer. `most` is the maximum number of frames without payload that the peer has not earned.
    ///
    /// # Errors
    /// [`Violation::EmptyFrames`] if the frame exceeds this limit.
    #[inline]
    pub(super) fn frame(&mut self, header: &Header, most: u32) -> Result<(), Violation> {
        let length = header.length;
        // Two kinds of frames can be honest in any number. py-libp2p grants window after each read, and reads the length of
        // a message byte by byte; so a window update is free as long as it grants no more than we have sent. A reader that
        // measures round trips pings us again and again; so our payload earns pings. All other frames without payload are
        // limited here, since no window limits them, and their sender pays 12 bytes for each.
        match header.kind {
            FrameType::Data if length > 0 => self.earn((length / BYTES_PER_FRAME).saturating_add(1)),
            FrameType::Ping if !header.has(ACK) => self.ping(),
            FrameType::WindowUpdate if length > 0 && u64::from(length) <= self.outstanding => {
                self.outstanding.lower(length.into());
            }
            FrameType::Data | FrameType::WindowUpdate | FrameType::Ping | FrameType::GoAway => {
                if self.unearned >= most {
                    return Err(Violation::EmptyFrames);
                }
                self.unearned.raise(1);
            }
        }
        Ok(())
    }

    fn ping(&mut self) {
        // Without the maximum, a peer that has downloaded for hours could send all the pings that it has earned at once.
        match self.unpinged.min(MAX_EARNED_PINGS * BYTES_PER_PING).checked_sub(BYTES_PER_PING) {
            Some(left) => self.unpinged = left,
            None => self.tally.pings.raise(1),
        }
    }

    /// Counts the reset of a stream that the peer opened, if the peer has caused the reset.
    #[inline]
    pub(super) fn reset(&mut self) {
        self.tally.resets.raise(1);
    }

    /// Counts the beginning of a stream of either side.
    #[inline]
    pub(super) fn stream(&mut self) {
        self.earn(PER_STREAM);
    }

    /// Counts a ping that we send. The peer thereby earns one frame, for its answer.
    pub(super) fn pinged(&mut self) {
        self.earn(1);
    }

    /// Counts payload that we send, in bytes.
    #[inline]
    pub(super) fn sent(&mut self, bytes: usize) {
        self.outstanding.raise(bytes as u64);
        self.unpinged.raise(bytes as u64);
    }

    #[inline]
    fn earn(&mut self, frames: u32) {
        // The count stops at 0, so that nothing is earned in advance: a flood after a long transfer is found as soon as any
        // other.
        self.unearned = self.unearned.saturating_sub(frames);
    }
}
