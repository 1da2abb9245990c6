//! [`KnownAddress`]: an address of a peer, and who says that it is one.

use crate::swarm::Multiaddr;

/// The source of an address. The order is that of trust, the least trusted first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum AddressSource {
    /// The peer has said it, unsigned.
    Said,
    /// The peer has said it in a record that it has signed.
    Signed,
    /// A dial to the address has connected.
    Dialed,
    /// The owner has added it.
    Owner,
}

/// An address of a peer.
#[derive(Clone, Debug)]
pub(super) struct KnownAddress {
    /// The address without `/p2p/…`.
    pub(super) address: Multiaddr,
    pub(super) source: AddressSource,
    /// The number of failed dials since the last one that connected.
    pub(super) failures: u32,
}
