//! [`OpenConnection`]: the parts of an open connection, and the way from its frames to Noise messages.

use super::PackedPeer;
use super::bucket::Bucket;
use super::error::Flood;
use super::handshake::Secured;
use super::unnamed::StreamKey;
use super::yamux::{Session, Tally};
use super::{Config, noise};
use crate::arithmetic::{Count, memory_in_all};
use alloc::vec::Vec;
use core::time::Duration;

/// The Noise transport and the yamux session of an open connection.
#[derive(Debug)]
pub(super) struct OpenConnection {
    pub(super) noise: noise::Transport,
    pub(super) session: Session<StreamKey>,
    pub(super) peer: Option<PackedPeer>,
    /// Frames that were taken from the session because they do not fit in one Noise message. Empty otherwise.
    taken: Vec<u8>,
    /// Number of messages into which the front of `taken` has been encrypted, each of the greatest size.
    messages_sealed: u32,
    resets: Bucket,
    pings: Bucket,
    /// The tokens for the streams that the peer opens.
    openings: Bucket,
    /// Number of the peer's streams that have ever waited for a token.
    pub(super) paced: u32,
    /// The peer's frames have ended the connection: only our go-away is still sent.
    pub(super) is_broken: bool,
}

impl OpenConnection {
    /// Makes an open connection of a finished handshake and a new session.
    pub(super) fn new(secured: Secured, session: Session<StreamKey>) -> Self {
        let (noise, peer) = (secured.transport, PackedPeer::pack(secured.remote.peer));
        Self {
            noise,
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

    /// Charges the peer's budgets for what it has done since the last call.
    ///
    /// # Errors
    /// The budget that is exceeded.
    #[inline]
    pub(super) fn charge(&mut self, config: &Config, now: Duration) -> Result<(), Flood> {
        let tally = self.session.take_tally();
        if tally.is_empty() { Ok(()) } else { self.charge_tally(tally, config, now) }
    }

    #[inline(never)]
    fn charge_tally(&mut self, tally: Tally, config: &Config, now: Duration) -> Result<(), Flood> {
        if !self.resets.take(tally.resets, config.resets, now) {
            return Err(Flood::Resets);
        }
        if !self.pings.take(tally.pings, config.pings, now) {
            return Err(Flood::Pings);
        }
        Ok(())
    }

    /// Takes a token for a stream that the peer opens. Returns `false` if there is none, so that the stream has to wait.
    #[inline]
    pub(super) fn take_opening(&mut self, config: &Config, now: Duration) -> bool {
        self.openings.try_take(config.openings, now)
    }

    /// Gives back the token of a stream that the owner has refused. It was taken at the same `now`.
    pub(super) fn put_back_opening(&mut self, config: &Config, now: Duration) {
        self.openings.put_back(config.openings, now);
    }

    /// Returns the time from which on there is a token for another stream. It may be in the past.
    pub(super) const fn next_opening_at(&self, config: &Config) -> Duration {
        self.openings.next_at(config.openings)
    }

    /// Returns the bytes of memory of the frames that wait to be sent and of the unread data of streams.
    pub(super) fn held(&self) -> usize {
        memory_in_all([self.session.held(), self.taken.capacity()])
    }

    /// Returns whether [`seal`](Self::seal) has begun with frames that do not fit in one message, and has not finished them.
    pub(super) fn is_part_sealed(&self) -> bool {
        self.taken.len() > self.bytes_sealed()
    }

    /// Returns the number of bytes of `taken` that have been encrypted. The last message, which may be shorter, empties
    /// `taken`.
    const fn bytes_sealed(&self) -> usize {
        (self.messages_sealed as usize).saturating_mul(noise::MAX_PLAINTEXT)
    }

    /// Appends the next Noise message of pending output to `out`. Appends nothing if no output is pending.
    pub(super) fn seal(&mut self, out: &mut Vec<u8>) -> Result<(), noise::Error> {
        if self.taken.is_empty() {
            // Output that fits in one message is encrypted where it lies, without a move into `taken`.
            if self.session.output().len() <= noise::MAX_PLAINTEXT {
                out.reserve_exact(noise::sealed_len(self.session.output().len()));
                self.noise.seal(self.session.output(), out)?;
                self.session.output_taken();
                return Ok(());
            }
            self.session.swap_output(&mut self.taken);
        }
        let rest = self.taken.get(self.bytes_sealed()..).unwrap_or_default();
        let part = rest.chunks(noise::MAX_PLAINTEXT).next().unwrap_or_default();
        out.reserve_exact(noise::sealed_len(part.len()));
        self.noise.seal(part, out)?;
        self.messages_sealed.raise(1);
        if self.bytes_sealed() >= self.taken.len() {
            // The session takes the memory back, unless it has allocated other memory by now.
            self.messages_sealed = 0;
            self.taken.clear();
            self.session.borrow_output(&mut self.taken);
            self.taken = Vec::new();
        }
        Ok(())
    }
}
