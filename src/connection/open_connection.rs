//! [`OpenConnection`]: what an open connection is made of, and how its frames become Noise messages.

use super::Now;
use super::PackedPeer;
use super::bucket::Bucket;
use super::error::Flood;
use super::handshake::Secured;
use super::muxer::{Session, Tally};
use super::unnamed::StreamKey;
use super::{Config, security};
use crate::arithmetic::{Count, memory_in_all};
use alloc::vec::Vec;
use core::time::Duration;

/// The Noise transport and the yamux session of an open connection.
#[derive(Debug)]
pub(super) struct OpenConnection {
    pub(super) security: security::Transport,
    pub(super) session: Session<StreamKey>,
    pub(super) peer: Option<PackedPeer>,
    /// Frames that were taken from the session because they do not fit in one Noise message. Empty otherwise.
    taken: Vec<u8>,
    /// The number of messages into which the first of them have been encrypted, each as long as a message may be.
    messages_sealed: u32,
    resets: Bucket,
    pings: Bucket,
    /// The streams that the peer opens.
    openings: Bucket,
    /// The number of the peer's streams that have waited for a token.
    pub(super) paced: u32,
    /// The peer's frames have ended it: what is left is our go-away.
    pub(super) is_broken: bool,
}

impl OpenConnection {
    /// Puts a finished handshake together with a new session.
    pub(super) fn new(secured: Secured, session: Session<StreamKey>) -> Self {
        let (security, peer) = (secured.transport, PackedPeer::pack(secured.remote.peer));
        Self {
            security,
            session,
            peer,
            taken: Vec::new(),
            messages_sealed: 0,
            resets: Bucket::default(),
            pings: Bucket::default(),
            openings: Bucket::default(),
            paced: 0,
            is_broken: false,
        }
    }

    /// Takes what the peer has done since the last call out of its budgets.
    ///
    /// # Errors
    /// The budget that does not allow for it.
    #[inline]
    pub(super) fn charge(&mut self, config: &Config, now: Now) -> Result<(), Flood> {
        let tally = self.session.take_tally();
        if tally.is_empty() { Ok(()) } else { self.charge_tally(tally, config, now) }
    }

    #[inline(never)]
    fn charge_tally(&mut self, tally: Tally, config: &Config, now: Now) -> Result<(), Flood> {
        if !self.resets.take(tally.resets, config.resets, now) {
            return Err(Flood::Resets);
        }
        if !self.pings.take(tally.pings, config.pings, now) {
            return Err(Flood::Pings);
        }
        Ok(())
    }

    /// Takes a stream that the peer opens out of its budget. `false`: the stream has to wait.
    #[inline]
    pub(super) fn take_opening(&mut self, config: &Config, now: Now) -> bool {
        self.openings.try_take(config.openings, now)
    }

    /// Puts back a stream that was taken out at the same time, and that its owner has refused.
    pub(super) fn put_back_opening(&mut self, config: &Config, now: Now) {
        self.openings.put_back(config.openings, now);
    }

    /// Returns the time from which on that budget has a stream again.
    pub(super) const fn next_opening_at(&self, config: &Config) -> Duration {
        self.openings.next_at(config.openings)
    }

    /// Returns the bytes of memory of its frames: those that wait, and those of streams that are unread.
    pub(super) fn held(&self) -> usize {
        memory_in_all([self.session.held(), self.taken.capacity()])
    }

    /// Returns whether [`seal`](Self::seal) has begun with frames that do not fit in one message, and has not come to
    /// their end.
    pub(super) fn is_part_sealed(&self) -> bool {
        self.taken.len() > self.bytes_sealed()
    }

    /// Returns how many bytes of `taken` have been encrypted. The last message, which may be shorter, empties it.
    const fn bytes_sealed(&self) -> usize {
        (self.messages_sealed as usize).saturating_mul(security::MAX_PLAINTEXT)
    }

    /// Appends the next Noise message of pending output to `out`. Appends nothing if no output is pending.
    pub(super) fn seal(&mut self, out: &mut Vec<u8>) -> Result<(), security::Error> {
        if self.taken.is_empty() {
            if self.session.output().len() <= security::MAX_PLAINTEXT {
                out.reserve_exact(security::sealed_len(self.session.output().len()));
                self.security.seal(self.session.output(), out)?;
                self.session.output_taken();
                return Ok(());
            }
            self.session.swap_output(&mut self.taken);
        }
        let rest = self.taken.get(self.bytes_sealed()..).unwrap_or_default();
        let part = rest.chunks(security::MAX_PLAINTEXT).next().unwrap_or_default();
        out.reserve_exact(security::sealed_len(part.len()));
        self.security.seal(part, out)?;
        self.messages_sealed.raise(1);
        if self.bytes_sealed() >= self.taken.len() {
            // The session takes its memory back, unless it has other memory by now.
            self.messages_sealed = 0;
            self.taken.clear();
            self.session.borrow_output(&mut self.taken);
            self.taken = Vec::new();
        }
        Ok(())
    }
}
