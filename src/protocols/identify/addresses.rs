//! The decoding of the addresses in a message or a record, with bounds on their number and length.

use crate::swarm::Multiaddr;
use alloc::vec::Vec;

/// The maximum number of addresses that are read from a message, and from a record. Further addresses are ignored.
pub const MAX_ADDRESSES: usize = 128;
/// The maximum length of an address in a message or record, in bytes on the wire. A longer address is ignored.
pub const MAX_ADDRESS: usize = 1_024;

/// Decodes addresses and returns the valid ones in their order, at most [`MAX_ADDRESSES`] of them.
pub(super) fn addresses(said: impl Iterator<Item = Vec<u8>>) -> Vec<Multiaddr> {
    // Malformed addresses are filtered out first, so that they do not use up the number. The capacity of the list counts
    // as memory that is held for the peer.
    let mut addresses: Vec<_> = said.filter_map(address).take(MAX_ADDRESSES).collect();
    addresses.shrink_to_fit();
    addresses
}

/// Decodes an address. Returns `None` if the address is malformed, empty or longer than [`MAX_ADDRESS`].
pub(super) fn address(bytes: Vec<u8>) -> Option<Multiaddr> {
    if bytes.len() > MAX_ADDRESS {
        return None;
    }
    Multiaddr::try_from(bytes).ok().filter(|address| !address.is_empty())
}
