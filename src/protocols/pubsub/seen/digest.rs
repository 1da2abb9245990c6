//! [`Digest`]: what stands for a message, an author or a sender in the cache.

use crate::identity::PeerId;
use crate::protocols::pubsub::message::MessageId;
use crate::swarm::AddressGroup;
use ring::digest::{Context, SHA256};

/// The first 16 bytes of a SHA-256 hash: nobody finds another message with the digest of a given one. An entry takes as
/// much memory whatever the length of the id that it stands for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(in crate::protocols::pubsub) struct Digest([u8; 16]);

/// The longest encoding of a peer id: code and length of a hash of 64 bytes.
const PEER: usize = 84;

impl Digest {
    /// Returns what stands for a message.
    pub(in crate::protocols::pubsub) fn of(id: &MessageId) -> Self {
        Self::of_parts(0, id.as_bytes())
    }

    /// Returns what stands for an author.
    pub(in crate::protocols::pubsub) fn of_author(author: PeerId) -> Self {
        Self::of_peer(1, author)
    }

    /// Returns what stands for a sender.
    pub(in crate::protocols::pubsub) fn of_sender(sender: PeerId) -> Self {
        Self::of_peer(2, sender)
    }

    /// Returns what stands for an address.
    pub(in crate::protocols::pubsub) fn of_address(address: AddressGroup) -> Self {
        let (kind, number) = match address {
            AddressGroup::V4(number) => (3, number.into()),
            AddressGroup::Net64(number) => (4, number),
            AddressGroup::Net48(number) => (5, number),
            AddressGroup::Other(number) => (6, number),
        };
        Self::of_parts(kind, &number.to_be_bytes())
    }

    /// Returns what stands for ourselves, where our messages have no author.
    pub(in crate::protocols::pubsub) fn of_ourselves() -> Self {
        Self::of_parts(7, &[])
    }

    /// Returns a part of it, where nothing is lost if two are alike.
    pub(in crate::protocols::pubsub) fn short(&self) -> u64 {
        self.0.first_chunk().copied().map_or(0, u64::from_be_bytes)
    }

    fn of_peer(kind: u8, peer: PeerId) -> Self {
        let mut bytes = [0; PEER];
        let len = peer.as_ref().write(&mut bytes[..]).unwrap_or(PEER);
        Self::of_parts(kind, bytes.get(..len).unwrap_or(&bytes))
    }

    fn of_parts(kind: u8, bytes: &[u8]) -> Self {
        let mut hash = Context::new(&SHA256);
        hash.update(&[kind]);
        hash.update(bytes);
        let hash = hash.finish();
        Self(hash.as_ref().first_chunk().copied().unwrap_or_default())
    }
}
