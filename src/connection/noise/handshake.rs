//! [`Handshake`]: the exchange of three messages after which both sides are authenticated.

use super::crypto::Resolver;
use super::transport::{PREFIX, TAG, Transport, split_message};
use super::{Config, Error, payload};
use crate::arithmetic::copy_front;
use crate::connection::Role;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use libp2p_identity::{PeerId, PublicKey};
use zeroize::Zeroizing;

/// The maximum length of a handshake message in bytes, without its length prefix: 4 096. A longer message is refused as soon
/// as its length prefix has arrived.
///
/// An Ed25519 peer that offers yamux needs about 220 bytes; the rest is room for larger keys and for extensions.
pub const MAX_HANDSHAKE_MESSAGE: usize = 4_096;

/// The length in bytes of the second message without its payload: the ephemeral key, the static key, and the authentication
/// tags of the static key and of the payload. The second message is the longest of the three.
const OVERHEAD: usize = 32 + 32 + TAG + TAG;

/// The maximum length of a payload that fits in every handshake message, in bytes.
pub(super) const MAX_PAYLOAD: usize = MAX_HANDSHAKE_MESSAGE - OVERHEAD;

/// The identity that the peer has proved by its signature.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RemoteIdentity {
    /// The peer id, which is derived from the peer's identity key.
    pub peer: PeerId,
    /// The identity key that the peer has proved to own.
    pub public_key: PublicKey,
    /// The muxer that follows from the two lists of muxers: the first one in the dialer's list that is also in the
    /// listener's list. `None` if one side sent no list; then multistream-select agrees on the muxer.
    pub muxer: Option<Arc<str>>,
}

/// A handshake in progress. It keeps no bytes of the peer: the caller keeps the bytes that were not consumed.
///
/// Every error is final: later calls return the same error.
pub struct Handshake {
    state: Box<snow::HandshakeState>,
    config: Config,
    role: Role,
    expected: Option<PeerId>,
    remote: Option<RemoteIdentity>,
    failed: Option<Error>,
    /// The work of verifying the peer's signature, in units of one Ed25519 verification. It is reset to 0 when it is taken.
    work: u32,
}

impl Handshake {
    /// Begins a handshake. `ephemeral_seed` must be 32 fresh random bytes that are used for this handshake alone: two
    /// handshakes with the same seed reveal their secrets. If `expected` is `Some`, no other peer is accepted.
    ///
    /// # Errors
    /// No error that a caller can cause: an [`Error`] can only be returned by the cryptography underneath.
    pub fn new(config: &Config, role: Role, ephemeral_seed: [u8; 32], expected: Option<PeerId>) -> Result<Self, Error> {
        let ephemeral_seed = Zeroizing::new(ephemeral_seed);
        let resolver = Resolver::new(config.0.static_key.clone(), &ephemeral_seed);
        let builder = snow::Builder::with_resolver(config.0.params.clone(), Box::new(resolver))
            .local_private_key(config.0.static_key.secret())?;
        let state = match role {
            Role::Dialer => builder.build_initiator()?,
            Role::Listener => builder.build_responder()?,
        };
        Ok(Self { state: Box::new(state), config: config.clone(), role, expected, remote: None, failed: None, work: 0 })
    }

    /// Reads the peer's next message from the front of `bytes`, which must be all bytes of the peer that were not consumed
    /// yet.
    ///
    /// Returns the number of bytes consumed, and whether they were a message. Nothing is consumed while the message is
    /// incomplete, while it is our turn, and after the end of the handshake, when the bytes that follow are for the
    /// [`Transport`]. A call consumes at most one message, so a caller needs to keep no more than [`MAX_HANDSHAKE_MESSAGE`]
    /// bytes and the length prefix.
    ///
    /// # Errors
    /// The error in the message, which is returned as soon as it is certain: an impossible length is refused at once,
    /// without waiting for the rest of the message.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(usize, bool), Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let read = self.read(bytes);
        self.failed = read.err();
        read
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(usize, bool), Error> {
        if self.state.is_handshake_finished() || self.state.is_my_turn() {
            return Ok((0, false));
        }
        let Some((length, message)) = split_message(bytes) else { return Ok((0, false)) };
        let empty = match self.role {
            Role::Listener if self.is_first() => 32,
            Role::Listener => 32 + TAG + TAG,
            Role::Dialer => OVERHEAD,
        };
        if length < empty {
            return Err(Error::Truncated);
        }
        if length > MAX_HANDSHAKE_MESSAGE {
            return Err(Error::Oversized);
        }
        let Some(message) = message else { return Ok((0, false)) };
        let is_first = self.is_first();
        // The payload is shorter than its message. Most messages are some 220 bytes long, so a buffer of 4 096 bytes would
        // be wasteful.
        let mut payload = alloc::vec![0; message.len()];
        let len = self.state.read_message(message, &mut payload)?;
        let payload = payload.get(..len).ok_or(Error::BadPayload)?;
        if is_first && self.role == Role::Listener {
            // Nothing is encrypted yet, so the first message carries no payload.
            if !payload.is_empty() {
                return Err(Error::BadPayload);
            }
        } else {
            self.remote = Some(self.prove(payload)?);
        }
        Ok((length.saturating_add(PREFIX), true))
    }

    /// Returns `true` until the second message of this handshake has been sent or received.
    fn is_first(&self) -> bool {
        // Payloads are encrypted after the first Diffie-Hellman exchange, which is a part of the second message.
        !self.state.was_write_payload_encrypted()
    }

    fn prove(&mut self, payload: &[u8]) -> Result<RemoteIdentity, Error> {
        // In each message that contains a payload, the peer's static key is before the payload.
        let static_key = self.state.get_remote_static().and_then(<[u8]>::first_chunk).ok_or(Error::NotFinished)?;
        // The signature is verified even if the peer is not the expected one: `wrong_peer` names only a peer that has proved
        // its identity.
        let proved = payload::verify(payload, static_key, &mut self.work)?;
        let peer = proved.public_key.to_peer_id();
        if self.expected.is_some_and(|expected| expected != peer) {
            self.remote = Some(RemoteIdentity { peer, public_key: proved.public_key, muxer: None });
            return Err(Error::WrongPeer);
        }
        let muxer = self.settle(&proved.muxers)?;
        Ok(RemoteIdentity { peer, public_key: proved.public_key, muxer })
    }

    /// Returns the first muxer in the dialer's list that is also in the listener's list, or `None` if one of the lists is
    /// empty.
    fn settle(&self, theirs: &[String]) -> Result<Option<Arc<str>>, Error> {
        let ours = &self.config.0.muxers;
        if ours.is_empty() || theirs.is_empty() {
            return Ok(None);
        }
        let shared = match self.role {
            Role::Dialer => ours.iter().find(|our| theirs.iter().any(|their| ***our == **their)),
            Role::Listener => theirs.iter().find_map(|their| ours.iter().find(|our| ***our == **their)),
        };
        shared.cloned().map(Some).ok_or(Error::NoSharedMuxer)
    }

    /// Appends our next message to `out` if it is our turn, and returns whether a message was appended. The listener learns
    /// the dialer's identity from the third message: a dialer that may not want to reveal its identity delays the call that
    /// makes this message.
    ///
    /// # Errors
    /// The error that [`receive`](Self::receive) returned before, or [`Error::WeakKey`] for the key in the peer's last
    /// message; `out` is unchanged then.
    pub fn transmit(&mut self, out: &mut Vec<u8>) -> Result<bool, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if !self.is_our_turn() {
            return Ok(false);
        }
        let payload: &[u8] = if self.role == Role::Dialer && self.is_first() { &[] } else { &self.config.0.payload };
        let start = out.len();
        let written = Self::write(&mut self.state, payload, out);
        if let Err(error) = written {
            out.truncate(start);
            self.failed = Some(error);
        }
        written.map(|()| true)
    }

    fn write(state: &mut snow::HandshakeState, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let start = out.len().saturating_add(PREFIX);
        // `Config::new` refuses a payload that does not fit in a message of the greatest length.
        out.resize(start.saturating_add(payload.len()).saturating_add(OVERHEAD), 0);
        let len = state.write_message(payload, out.get_mut(start..).unwrap_or_default())?;
        if let Some(prefix) = start.checked_sub(PREFIX).and_then(|prefix| out.get_mut(prefix..start)) {
            copy_front(&(len as u16).to_be_bytes(), prefix);
        }
        out.truncate(start.saturating_add(len));
        Ok(())
    }

    /// Returns whether it is our turn to send a message, with [`transmit`](Self::transmit).
    #[must_use]
    pub fn is_our_turn(&self) -> bool {
        self.failed.is_none() && !self.state.is_handshake_finished() && self.state.is_my_turn()
    }

    /// Returns whether the peer is authenticated: for a dialer after the second message, for a listener after the third.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.remote().is_some()
    }

    /// Returns whether all three messages have been exchanged without an error.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.state.is_handshake_finished() && self.remote().is_some()
    }

    /// Returns the work of verifying the peer's signature, in units of one Ed25519 verification, and resets it to 0.
    pub(in crate::connection) const fn take_work(&mut self) -> u32 {
        core::mem::replace(&mut self.work, 0)
    }

    /// Returns the identity of the peer once the peer is authenticated. Returns `None` before that, and if the peer is not
    /// the expected one.
    #[must_use]
    pub fn remote(&self) -> Option<&RemoteIdentity> {
        self.remote.as_ref().filter(|_| self.failed != Some(Error::WrongPeer))
    }

    /// Returns the id of the peer that answered in place of the expected one, after [`Error::WrongPeer`]. That peer has
    /// proved its identity.
    #[must_use]
    pub fn wrong_peer(&self) -> Option<PeerId> {
        let remote = self.remote.as_ref().filter(|_| self.failed == Some(Error::WrongPeer));
        remote.map(|remote| remote.peer)
    }

    /// Returns a hash of the handshake's transcript, between the second and the third message. The hash is the same on both
    /// sides.
    #[cfg(feature = "swarm")]
    pub(in crate::connection) fn transcript(&self) -> Option<[u8; 32]> {
        let is_between = !self.is_first() && !self.state.is_handshake_finished();
        self.state.get_handshake_hash().first_chunk().copied().filter(|_| is_between)
    }

    /// Ends the handshake and returns the transport and the peer's identity.
    ///
    /// # Errors
    /// [`Error::NotFinished`] if messages of the handshake are still to be exchanged; the error of the handshake if it
    /// failed.
    pub fn finish(self) -> Result<(Transport, RemoteIdentity), Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let remote = self.remote.ok_or(Error::NotFinished)?;
        Ok((Transport::new(self.state.into_transport_mode()?), remote))
    }
}

/// Formats the handshake without its keys, so that they do not appear in logs.
impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("role", &self.role)
            .field("remote", &self.remote)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
