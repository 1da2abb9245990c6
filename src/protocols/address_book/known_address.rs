//! [`KnownAddress`]: an address of a peer, and who says that it is one.

use crate::swarm::Multiaddr;

/// The source of an address, the least trusted first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum AddressSource {
    /// The peer says so.
    Said,
    /// The peer says so, in a record that it has signed.
    Signed,
    /// A dial to it has connected.
    Dialed,
    /// The owner says so.
    Owner,
}

/// An address of a peer.
#[derive(Clone, Debug)]
pub(super) struct KnownAddress {
    /// Without `/p2p/…`.
    pub(super) address: Multiaddr,
    pub(super) source: AddressSource,
    /// The number of failures since it connected the last time.
    pub(super) failures: u32,
}
