//! The Noise step of a connection (libp2p/specs, `noise/README.md`): `Noise_XX_25519_ChaChaPoly_SHA256`.
//!
//! A node makes one [`Config`]. A [`Handshake`] answers the peer's bytes with ours until both sides are authenticated, and
//! then becomes a [`Transport`], which encrypts and decrypts messages. Nothing here reads a socket, a clock or a random
//! number generator: the caller passes the seeds, so the same seeds and the same bytes give the same run. The handshake
//! consists of the following three messages, in the notation of the Noise specification, where e is the sender's ephemeral
//! key, s is its static key, and two letters stand for a Diffie-Hellman exchange:
//!
//! ```text
//! dialer                                         listener
//!    │ 1  e                                    ─▶ │
//!    │ ◀─                  e, ee, s, es, payload 2│    now the dialer knows who the listener is
//!    │ 3  s, se, payload                       ─▶ │    now the listener knows who the dialer is
//! ```
//!
//! The crate `snow` implements the handshake and the encryption of messages. The rest is our own, since `libp2p-noise` wraps
//! a socket, and keeps 16 KiB of buffers for a connection that is idle.
//!
//! The payload of a handshake message contains the sender's identity key, its signature over the sender's Noise key, and the
//! muxers that the sender speaks (libp2p/specs, `connections/inlined-muxer-negotiation.md`). Both sides agree on the first
//! muxer in the dialer's list that is also in the listener's list. If a peer sends no list, multistream-select agrees on the
//! muxer later.
//!
//! Identity keys, ours and the peer's, may always be Ed25519 keys, and also ECDSA (P-256), RSA (2 048 to 8 192 bits) and
//! Secp256k1 keys with the features `ecdsa`, `rsa` and `secp256k1`. A peer whose key is of another type is refused with
//! [`Error::UnsupportedKey`], which names the feature to add. An Ed25519 key of small order, or one that is not encoded
//! canonically, is refused with [`Error::RefusedKey`], and an RSA key with an exponent other than 65 537 is refused with the
//! same error. Signatures of Ed25519 are verified strictly: R may not be of small order, and S must be below the order of
//! the base point.
//!
//! ```
//! use swarm_notify::connection::{Role, noise::{Config, Handshake}, yamux};
//! # use libp2p_identity::Keypair;
//! # let alice = Keypair::ed25519_from_bytes([1; 32])?;
//! # let bob = Keypair::ed25519_from_bytes([2; 32])?;
//! # let (seed_a, seed_b, seed_c, seed_d) = ([3; 32], [4; 32], [5; 32], [6; 32]);
//! let alice = Config::new(&alice, seed_a, &[yamux::PROTOCOL_NAME])?;
//! let bob = Config::new(&bob, seed_b, &[yamux::PROTOCOL_NAME])?;
//! let mut dialer = Handshake::new(&alice, Role::Dialer, seed_c, None)?;
//! let mut listener = Handshake::new(&bob, Role::Listener, seed_d, None)?;
//!
//! let mut wire = Vec::new();
//! while !(dialer.is_finished() && listener.is_finished()) {
//!     dialer.transmit(&mut wire)?;
//!     listener.receive(&wire)?;
//!     wire.clear();
//!     listener.transmit(&mut wire)?;
//!     dialer.receive(&wire)?;
//!     wire.clear();
//! }
//! let (_transport, remote) = dialer.finish()?;
//! assert_eq!(remote.peer, bob.peer());
//! assert_eq!(remote.muxer.as_deref(), Some(yamux::PROTOCOL_NAME));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod crypto;
mod error;
mod handshake;
mod payload;
mod transport;

pub use error::Error;
pub use handshake::{Handshake, MAX_HANDSHAKE_MESSAGE, RemoteIdentity};
pub use transport::{MAX_MESSAGE, MAX_PLAINTEXT, Opened, TAG, Transport, sealed_len};

use super::muxer::Muxer;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use crypto::StaticKey;
use libp2p_identity::{Keypair, PeerId};
use snow::params::NoiseParams;
use zeroize::Zeroizing;

/// The name by which peers agree on Noise.
pub const PROTOCOL_NAME: &str = "/noise";

/// The part of a handshake that is the same in all handshakes of a node: its static Noise key, the payload that proves that
/// this key belongs to the node, and the muxers that the node offers. A node makes one such value; a clone shares the
/// content of the original.
#[derive(Clone)]
pub struct Config(Arc<NodeKeys>);

struct NodeKeys {
    params: NoiseParams,
    peer: PeerId,
    static_key: Arc<StaticKey>,
    /// The signed payload in its encoded form. It is the same in every handshake.
    payload: Vec<u8>,
    muxers: Vec<Arc<str>>,
}

impl Config {
    /// Makes the static key from `static_seed`, and signs it with `identity`. The seed must be 32 bytes that nobody else
    /// knows and that are used for nothing else.
    ///
    /// `muxers` is offered in the `stream_muxers` extension, the preferred muxer first. Only a muxer that a
    /// [`Connection`](super::Connection) speaks may be offered, which is
    /// [`yamux::PROTOCOL_NAME`](super::yamux::PROTOCOL_NAME). An empty list sends no extension, and then multistream-select
    /// has to agree on the muxer.
    ///
    /// # Errors
    /// [`Error::UnknownMuxer`] if the list names another muxer, since the peer could choose that muxer;
    /// [`Error::UnsupportedKey`] if the identity cannot sign; [`Error::RefusedKey`] if peers that use this crate would
    /// refuse the identity; [`Error::Oversized`] if the list is so long that the handshake's messages would exceed
    /// [`MAX_HANDSHAKE_MESSAGE`].
    pub fn new(identity: &Keypair, static_seed: [u8; 32], muxers: &[&str]) -> Result<Self, Error> {
        if muxers.iter().any(|muxer| Muxer::named(muxer).is_none()) {
            return Err(Error::UnknownMuxer);
        }
        Self::offering(identity, &Zeroizing::new(static_seed), muxers)
    }

    /// Makes a config that offers any muxers, even those that this crate does not speak. Tests use such a config for the
    /// peer.
    fn offering(identity: &Keypair, static_seed: &[u8; 32], muxers: &[&str]) -> Result<Self, Error> {
        let static_key = StaticKey::new(static_seed);
        // Signed once for all handshakes: a config of `libp2p-noise` that is made anew for each connection makes and signs a
        // key each time, which takes 0.13 ms.
        let payload = payload::sign(identity, static_key.public(), muxers)?;
        if payload.len() > handshake::MAX_PAYLOAD {
            return Err(Error::Oversized);
        }
        Ok(Self(Arc::new(NodeKeys {
            params: "Noise_XX_25519_ChaChaPoly_SHA256".parse()?,
            peer: identity.public().to_peer_id(),
            static_key: Arc::new(static_key),
            payload,
            muxers: muxers.iter().map(|muxer| Arc::from(*muxer)).collect(),
        })))
    }

    /// Returns the peer id that belongs to our identity key.
    #[must_use]
    pub fn peer(&self) -> PeerId {
        self.0.peer
    }
}

/// Formats the config without its keys, so that they do not appear in logs.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("peer", &self.0.peer).field("muxers", &self.0.muxers).finish_non_exhaustive()
    }
}
