//! [`KnownAddress`]: an address of a peer, and the source from which the book knows it.

use crate::swarm::Multiaddr;

/// The source from which the book knows an address. The variants are ordered by trust, the least trusted first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum AddressSource {
    /// The peer has sent the address in an unsigned message.
    Said,
    /// The peer has sent the address in a record that it has signed.
    Signed,
    /// A dial to the address has connected to the peer.
    Dialed,
    /// The owner has added the address.
    Owner,
}

/// An address of a peer, with its source and its failures.
#[derive(Clone, Debug)]
pub(super) struct KnownAddress {
    /// The address without `/p2p/…`.
    pub(super) address: Multiaddr,
    pub(super) source: AddressSource,
    /// The number of dials to the address that have failed since a dial to it last connected.
    pub(super) failures: u32,
}
