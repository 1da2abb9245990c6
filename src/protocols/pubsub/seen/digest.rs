//! [`Digest`]: a hash that identifies a message, an author, a sender or an address in the cache of seen messages.

use crate::identity::PeerId;
use crate::protocols::pubsub::message::MessageId;
use crate::swarm::AddressGroup;
use ring::digest::{Context, SHA256};

/// The first 16 bytes of a SHA-256 hash, which identify a message, an author, a sender or an address. Nobody can make
/// another message with the digest of a given message, which takes about 2^128 attempts. With about 2^64 attempts an author
/// can make two messages of its own with the same digest, of which the second one is then taken for known. A digest takes the
/// same memory whatever the length of the message's id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(in crate::protocols) struct Digest([u8; 16]);

/// The maximum length of an encoded peer id, in bytes. An encoded peer id consists of the code and the length of a hash, and
/// of a hash of at most 64 bytes. The code and the length are varints of at most 10 bytes each.
const PEER: usize = 84;

impl Digest {
    /// Returns the digest of a message with this id.
    pub(in crate::protocols) fn of(id: &MessageId) -> Self {
        Self::of_bytes(id.as_bytes())
    }

    /// Returns the digest of a message whose id has these bytes.
    pub(in crate::protocols) fn of_bytes(id: &[u8]) -> Self {
        Self::of_parts(0, id)
    }

    /// Returns the digest of a peer as the author of messages.
    pub(in crate::protocols::pubsub) fn of_author(author: PeerId) -> Self {
        Self::of_peer(1, author)
    }

    /// Returns the digest of a peer as the sender of messages, which differs from its digest as an author.
    pub(in crate::protocols::pubsub) fn of_sender(sender: PeerId) -> Self {
        Self::of_peer(2, sender)
    }

    /// Returns the digest of an address from which messages are sent.
    pub(in crate::protocols::pubsub) fn of_address(address: AddressGroup) -> Self {
        let (kind, number) = match address {
            AddressGroup::V4(number) => (3, number.into()),
            AddressGroup::Net64(number) => (4, number),
            AddressGroup::Net48(number) => (5, number),
            AddressGroup::Other(number) => (6, number),
        };
        Self::of_parts(kind, &number.to_be_bytes())
    }

    /// Returns the digest of this node as the sender of its own messages.
    pub(in crate::protocols::pubsub) fn of_ourselves() -> Self {
        Self::of_parts(7, &[])
    }

    /// Returns the first 8 bytes of the digest as a number, for uses in which a collision does no harm.
    pub(in crate::protocols) fn short(&self) -> u64 {
        self.0.first_chunk().copied().map_or(0, u64::from_be_bytes)
    }

    fn of_peer(kind: u8, peer: PeerId) -> Self {
        let mut bytes = [0; PEER];
        let len = peer.as_ref().write(&mut bytes[..]).unwrap_or(PEER);
        Self::of_parts(kind, bytes.get(..len).unwrap_or(&bytes))
    }

    fn of_parts(kind: u8, bytes: &[u8]) -> Self {
        let mut hash = Context::new(&SHA256);
        // All accounts are in one table. The kind keeps apart the accounts of one peer as an author and as a sender.
        hash.update(&[kind]);
        hash.update(bytes);
        let hash = hash.finish();
        Self(hash.as_ref().first_chunk().copied().unwrap_or_default())
    }
}
