//! Keys: fresh randomness for a swarm, new identities, and files that keep them.
//!
//! A node is known by its identity, so it should keep one for good. A swarm needs a fresh seed at each start, from which
//! its ephemeral keys come; [`Swarm::from_os_rng`](crate::swarm::Swarm::from_os_rng) takes one by itself.
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
//! // The first start makes the file, and all later ones read it.
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

#[cfg(feature = "keys")]
mod error;
#[cfg(feature = "keys")]
mod file;
#[cfg(feature = "keys")]
mod new_file;

#[cfg(feature = "keys")]
pub use error::{Error, Fault, MAX_KEY};
#[cfg(feature = "keys")]
pub use file::KeyFile;

use libp2p_identity::Keypair;
use std::io;
use zeroize::Zeroizing;

/// Makes a new Ed25519 identity, out of the system's randomness.
///
/// # Errors
/// The system's error, if it gives no random bytes.
pub fn generate() -> io::Result<Keypair> {
    let mut secret = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *secret)?;
    Keypair::ed25519_from_bytes(&mut *secret).map_err(io::Error::other)
}

/// Returns fresh randomness of the system: the seed that [`Swarm::new`](crate::swarm::Swarm::new) needs, say.
///
/// # Errors
/// The system's error, if it gives no random bytes.
pub fn seed() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    Ok(seed)
}
