//! The addresses that a message or a record says: so many, and so long, and no more.

use crate::swarm::Multiaddr;
use alloc::vec::Vec;

/// How many addresses are taken of a message, and of a record; the rest is ignored.
pub const MAX_ADDRESSES: usize = 128;
/// The longest address that is taken of a message, and of a record, in bytes on the wire; a longer one is ignored.
pub const MAX_ADDRESS: usize = 1_024;

/// The addresses that say something, at most so many.
pub(super) fn addresses(said: impl Iterator<Item = Vec<u8>>) -> Vec<Multiaddr> {
    let mut addresses: Vec<_> = said.filter_map(address).take(MAX_ADDRESSES).collect();
    addresses.shrink_to_fit();
    addresses
}

/// An address that says something.
pub(super) fn address(bytes: Vec<u8>) -> Option<Multiaddr> {
    if bytes.len() > MAX_ADDRESS {
        return None;
    }
    Multiaddr::try_from(bytes).ok().filter(|address| !address.is_empty())
}
