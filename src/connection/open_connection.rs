//! [`OpenConnection`]: the parts of a connection that is open, and the encryption of its frames into Noise messages.

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
    /// The frames that were moved out of the session because they do not fit in one Noise message. Empty if the frames fit.
    taken: Vec<u8>,
    /// The number of Noise messages into which the front of `taken` has been encrypted. Each of these messages has the
    /// greatest size.
    messages_sealed: u32,
    // A limit on the number of live streams does not stop a peer that opens streams and resets them at once, which is the
    // attack on HTTP/2 of CVE-2023-44487: its streams are over before they count. A rate does.
    resets: Bucket,
    pings: Bucket,
    /// The tokens that limit the rate of the streams that the peer opens.
    openings: Bucket,
    /// The number of the peer's streams that have ever waited for a token of `openings`.
    pub(super) paced: u32,
    /// `true` if wrong or too many frames of the peer have ended the connection. Only our go-away is still sent.
    pub(super) is_broken: bool,
}

impl OpenConnection {
    /// Makes an open connection from a finished handshake and a new session of the muxer.
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

    /// Takes tokens from the peer's buckets for the peer's resets and pings since the last call.
    ///
    /// # Errors
    /// The rate that the peer has exceeded.
    #[inline]
    pub(super) fn charge(&mut self, config: &Config, now: Now) -> Result<(), Flood> {
        let tally = self.session.take_tally();
        // This runs for each Noise message and after each fact, and nearly always there is nothing to charge.
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

    /// Takes a token for a stream that the peer opens. Returns `false` if there is no token, so that the stream has to wait.
    #[inline]
    pub(super) fn take_opening(&mut self, config: &Config, now: Now) -> bool {
        self.openings.try_take(config.openings, now)
    }

    /// Returns to the bucket the token of a stream that the owner has refused. The token must have been taken at the same
    /// `now`.
    pub(super) fn put_back_opening(&mut self, config: &Config, now: Now) {
        self.openings.put_back(config.openings, now);
    }

    /// Returns the earliest time at which there is a token for another stream. This time may be in the past.
    pub(super) const fn next_opening_at(&self, config: &Config) -> Duration {
        self.openings.next_at(config.openings)
    }

    /// Returns the bytes of memory that the frames to be sent and the unread data of streams take.
    pub(super) fn held(&self) -> usize {
        memory_in_all([self.session.held(), self.taken.capacity()])
    }

    /// Returns whether [`seal`](Self::seal) has encrypted some, but not all, of the frames that do not fit in one Noise
    /// message.
    pub(super) fn is_part_sealed(&self) -> bool {
        self.taken.len() > self.bytes_sealed()
    }

    /// Returns the number of bytes of `taken` that have been encrypted. The last message, which may be shorter than the
    /// others, empties `taken`.
    const fn bytes_sealed(&self) -> usize {
        (self.messages_sealed as usize).saturating_mul(security::MAX_PLAINTEXT)
    }

    /// Encrypts pending output into the next Noise message and appends the message to `out`. Appends nothing if no output is
    /// pending.
    pub(super) fn seal(&mut self, out: &mut Vec<u8>) -> Result<(), security::Error> {
        if self.taken.is_empty() {
            // Output that fits in one message is encrypted from the session's own buffer, without a move into `taken`.
            if self.session.output().len() <= security::MAX_PLAINTEXT {
                out.reserve_exact(security::sealed_len(self.session.output().len()));
                self.security.seal(self.session.output(), out)?;
                self.session.output_taken();
                return Ok(());
            }
            self.session.swap_output(&mut self.taken);
        }
        // A call makes one message, so that an owner with many connections can write at most 64 KiB of one of them before it
        // looks at the next.
        let rest = self.taken.get(self.bytes_sealed()..).unwrap_or_default();
        let part = rest.chunks(security::MAX_PLAINTEXT).next().unwrap_or_default();
        out.reserve_exact(security::sealed_len(part.len()));
        self.security.seal(part, out)?;
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
