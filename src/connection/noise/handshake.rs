//! Three messages after which both sides know each other: [`Handshake`].

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

/// A handshake message longer than this is refused by its length prefix: 4 096 bytes, without the prefix.
///
/// An Ed25519 peer that offers yamux needs about 220; the room is for larger keys and for extensions.
pub const MAX_HANDSHAKE_MESSAGE: usize = 4_096;

/// What the second message, the longer one, holds beside its payload: e, s, and the tags of s and of the payload.
const OVERHEAD: usize = 32 + 32 + TAG + TAG;

/// The longest payload that fits in every handshake message.
pub(super) const MAX_PAYLOAD: usize = MAX_HANDSHAKE_MESSAGE - OVERHEAD;

/// Who is at the other end, proved by its signature.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RemoteIdentity {
    /// The peer's id, which is made from its key.
    pub peer: PeerId,
    /// The key it has proved to hold.
    pub public_key: PublicKey,
    /// The muxer that the two lists settle on: the first of the dialer's that the listener has. `None` if one of the
    /// sides sent no list; then multistream-select agrees on it.
    pub muxer: Option<Arc<str>>,
}

/// A handshake under way. It holds no bytes of the peer's: the caller keeps what was not consumed.
///
/// An error is final: every later call gives the same one.
pub struct Handshake {
    state: Box<snow::HandshakeState>,
    config: Config,
    role: Role,
    expected: Option<PeerId>,
    remote: Option<RemoteIdentity>,
    failed: Option<Error>,
    /// The work of the peer's signature, in signatures of Ed25519, until it is taken.
    work: u32,
}

impl Handshake {
    /// Begins a handshake. `ephemeral_seed` is 32 fresh random bytes, for this handshake alone: two handshakes with one
    /// seed give their secrets away. With `expected`, nobody else is accepted.
    ///
    /// # Errors
    /// None that a caller can bring about; the type is what the cryptography underneath gives.
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

    /// Reads the peer's next message from the front of `bytes`, the peer's unread bytes from the first one on.
    ///
    /// Gives how many bytes were consumed, and whether they were a message: nothing is consumed while the message is
    /// incomplete, while it is our turn, and after the end, when what follows is for the [`Transport`]. At most one
    /// message is consumed, so a caller needs to keep no more than [`MAX_HANDSHAKE_MESSAGE`] and the prefix.
    ///
    /// # Errors
    /// Whatever is wrong with the message, as early as it can be known: a length that cannot be is refused without
    /// waiting for the rest.
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
        // It is shorter than its message, which is some 220 bytes long and not 4 096.
        let mut payload = alloc::vec![0; message.len()];
        let len = self.state.read_message(message, &mut payload)?;
        let payload = payload.get(..len).ok_or(Error::BadPayload)?;
        if is_first && self.role == Role::Listener {
            // Nothing is encrypted yet, so nothing can be said yet.
            if !payload.is_empty() {
                return Err(Error::BadPayload);
            }
        } else {
            self.remote = Some(self.prove(payload)?);
        }
        Ok((length.saturating_add(PREFIX), true))
    }

    /// Whether nothing has been said yet in this handshake.
    fn is_first(&self) -> bool {
        // The hash has no key before the first Diffie-Hellman, which comes with the second message.
        !self.state.was_write_payload_encrypted()
    }

    fn prove(&mut self, payload: &[u8]) -> Result<RemoteIdentity, Error> {
        // Both messages that carry a payload have brought the peer's static key before it.
        let static_key = self.state.get_remote_static().and_then(<[u8]>::first_chunk).ok_or(Error::NotFinished)?;
        let proved = payload::verify(payload, static_key, &mut self.work)?;
        let peer = proved.public_key.to_peer_id();
        if self.expected.is_some_and(|expected| expected != peer) {
            self.remote = Some(RemoteIdentity { peer, public_key: proved.public_key, muxer: None });
            return Err(Error::WrongPeer);
        }
        let muxer = self.settle(&proved.muxers)?;
        Ok(RemoteIdentity { peer, public_key: proved.public_key, muxer })
    }

    /// The first of the dialer's muxers that the listener has.
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

    /// Appends our next message to `out` if it is our turn, and gives whether it did. A dialer that wants to think it
    /// over before the listener learns who it is leaves out the call for the third message.
    ///
    /// # Errors
    /// What [`receive`](Self::receive) gave before, and [`Error::WeakKey`] for the key in the peer's last message;
    /// `out` is as it was.
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

    /// Whether [`transmit`](Self::transmit) has something to say.
    #[must_use]
    pub fn is_our_turn(&self) -> bool {
        self.failed.is_none() && !self.state.is_handshake_finished() && self.state.is_my_turn()
    }

    /// Whether the peer has proved who it is: for a dialer after the second message, for a listener after the third.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.remote().is_some()
    }

    /// Whether all three messages have been read or written, and none was wrong.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.state.is_handshake_finished() && self.remote().is_some()
    }

    /// Takes the work of the peer's signature, in signatures of Ed25519.
    pub(in crate::connection) const fn take_work(&mut self) -> u32 {
        core::mem::replace(&mut self.work, 0)
    }

    /// Who is at the other end, once that is proved. `None` if it is another peer than the expected one.
    #[must_use]
    pub fn remote(&self) -> Option<&RemoteIdentity> {
        self.remote.as_ref().filter(|_| self.failed != Some(Error::WrongPeer))
    }

    /// Returns the peer that has answered in the place of the expected one, after [`Error::WrongPeer`]. It has proved who it
    /// is.
    #[must_use]
    pub fn wrong_peer(&self) -> Option<PeerId> {
        let remote = self.remote.as_ref().filter(|_| self.failed == Some(Error::WrongPeer));
        remote.map(|remote| remote.peer)
    }

    /// Returns a hash of the transcript, which is the same on both sides, between the second and the third message.
    #[cfg(feature = "swarm")]
    pub(in crate::connection) fn transcript(&self) -> Option<[u8; 32]> {
        let is_between = !self.is_first() && !self.state.is_handshake_finished();
        self.state.get_handshake_hash().first_chunk().copied().filter(|_| is_between)
    }

    /// Ends the handshake and begins what it was for.
    ///
    /// # Errors
    /// [`Error::NotFinished`] before the end, and what went wrong if something did.
    pub fn finish(self) -> Result<(Transport, RemoteIdentity), Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let remote = self.remote.ok_or(Error::NotFinished)?;
        Ok((Transport::new(self.state.into_transport_mode()?), remote))
    }
}

/// Without the keys.
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
