//! Keys: new identities, files that keep identities, and random seeds for swarms.
//!
//! Peers recognize a node by its identity, which is a key pair, so a node should use the same identity at every start. A
//! swarm also needs a fresh random seed at every start, from which it derives its ephemeral keys;
//! [`Swarm::from_os_rng`](crate::swarm::Swarm::from_os_rng) gets the seed from the system.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use swarm_notify::keys;
//!
//! let identity = keys::generate()?;
//! println!("for this run we are {}", identity.public().to_peer_id());
//! # Ok(())
//! # }
//! ```
//!
//! With feature `keys`, [`KeyFile`] keeps an identity in a file:
//!
#![cfg_attr(feature = "keys", doc = "```")]
#![cfg_attr(not(feature = "keys"), doc = "```ignore")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("swarm-notify-keys-{}", std::process::id()));
//! # std::fs::create_dir(&folder)?;
//! # let path = folder.join("node.key");
//! use swarm_notify::keys::KeyFile;
//!
//! // The first start makes the file, and each later one reads it.
//! let first = KeyFile::load_or_create(&path)?;
//! let later = KeyFile::load_or_create(&path)?;
//! assert_eq!(first.key.public(), later.key.public());
//! assert!(first.is_new && !later.is_new);
//! if let Some(mode) = later.exposed {
//!     eprintln!("others of this machine can read or change the key file (mode {mode:03o})");
//! }
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # }
//! ```
//!
//! # Secrets in memory
//!
//! When secrets are dropped, this crate wipes them: the seed and the random generator of a swarm, the static Noise key, the
//! ephemeral key of each handshake, the keys of each session, and the bytes of key files. Safe code cannot wipe the
//! following copies:
//!
//! - the copies that remain on the stack when a value is moved;
//! - the chaining key of a Noise handshake, which `snow` 0.10 keeps and does not wipe. Until its memory is reused, the keys
//!   of the session can be derived from the chaining key;
//! - the copies of keys and hashes that `ring` 0.17 leaves on the stack;
//! - the identity itself. Ed25519, ECDSA and secp256k1 keys of `libp2p-identity` 0.3 wipe themselves when they are dropped,
//!   but making a key pair from an Ed25519 secret leaves a copy on the stack. An RSA key, which is a type of `ring`, is
//!   never wiped. Reading the file of a key of another type than Ed25519 also leaves a copy, which `prost` 0.14 makes when
//!   it decodes the key.

#[cfg(feature = "keys")]
mod error;
#[cfg(feature = "keys")]
mod file;
#[cfg(feature = "keys")]
mod new_file;

#[cfg(feature = "keys")]
pub use error::{Error, KeyFault, MAX_KEY};
#[cfg(feature = "keys")]
pub use file::KeyFile;

use libp2p_identity::Keypair;
use std::io;
use zeroize::Zeroizing;

/// Makes a new Ed25519 identity from the system's randomness.
///
/// # Errors
/// The system's error, if the system returns no random bytes.
pub fn generate() -> io::Result<Keypair> {
    let mut secret = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *secret)?;
    Keypair::ed25519_from_bytes(&mut *secret).map_err(io::Error::other)
}

/// Returns 32 new random bytes from the system, for example for the seed that [`Swarm::new`](crate::swarm::Swarm::new)
/// needs.
///
/// # Errors
/// The system's error, if the system returns no random bytes.
pub fn seed() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    Ok(seed)
}
