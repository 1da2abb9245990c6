//! The identities of the plays of pub/sub, by number.

use libp2p_identity::{Keypair, PeerId};
use std::sync::OnceLock;

/// The most authors of a play.
const AUTHORS: usize = 6;

/// The keys of an author. We are the first one.
pub(crate) fn author(number: usize) -> &'static Keypair {
    static KEYS: OnceLock<[Keypair; AUTHORS]> = OnceLock::new();
    &KEYS.get_or_init(|| core::array::from_fn(|number| keypair(number + 1)))[number]
}

/// Who sends messages.
pub(crate) fn peer(number: usize) -> PeerId {
    keypair(number + 100).public().to_peer_id()
}

fn keypair(number: usize) -> Keypair {
    Keypair::ed25519_from_bytes([number as u8; 32]).expect("any 32 bytes are a secret key")
}
