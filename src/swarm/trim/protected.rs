//! [`Protected`]: the peers that are protected from trimming, with the tags under which they are protected.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use core::error::Error;
use core::fmt;
use libp2p_identity::PeerId;

/// The maximum length of a tag, in bytes.
const LONGEST_TAG: usize = 64;

/// The maximum number of bytes of memory that one protection uses: its entry in a tree that may be half empty, and its tag.
pub(in crate::swarm) const PROTECTION: usize = 2 * size_of::<(PeerId, Box<str>)>() + 32 + LONGEST_TAG;

/// The reason why [`protect`](crate::swarm::Swarm::protect) was refused. The call has changed nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ProtectError {
    /// The number of pairs of a peer and a tag has reached [`Config::protections`](crate::swarm::Config::protections).
    Limit,
    /// The tag is longer than 64 bytes.
    LongTag,
}

impl Error for ProtectError {}

impl fmt::Display for ProtectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Limit => "there are as many protections as the limit allows",
            Self::LongTag => "the tag is longer than 64 bytes",
        })
    }
}

/// The protections: pairs of a peer and a tag, ordered by peer.
#[derive(Debug, Default)]
pub(super) struct Protected(BTreeSet<(PeerId, Box<str>)>);

impl Protected {
    pub(super) fn insert(&mut self, peer: PeerId, tag: &str, most: u32) -> Result<(), ProtectError> {
        if tag.len() > LONGEST_TAG {
            return Err(ProtectError::LongTag);
        }
        let entry = (peer, Box::from(tag));
        // A protection that exists is granted again at the limit: a second call with the same tag changes nothing.
        if self.0.len() >= most as usize && !self.0.contains(&entry) {
            return Err(ProtectError::Limit);
        }
        self.0.insert(entry);
        Ok(())
    }

    pub(super) fn remove(&mut self, peer: PeerId, tag: &str) {
        self.0.remove(&(peer, Box::from(tag)));
    }

    pub(super) fn contains(&self, peer: PeerId) -> bool {
        !self.0.is_empty() && self.tags(peer).next().is_some()
    }

    /// Returns the tags that protect a peer, in the order of their bytes.
    pub(super) fn tags(&self, peer: PeerId) -> impl Iterator<Item = &str> {
        // An empty tag sorts before all others, and an empty box takes no memory.
        let entries = self.0.range((peer, Box::default())..);
        entries.take_while(move |(other, _)| *other == peer).map(|(_, tag)| &**tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn peer(n: u8) -> PeerId {
        libp2p_identity::Keypair::ed25519_from_bytes([n; 32]).unwrap().public().to_peer_id()
    }

    #[test]
    fn each_tag_protects_by_itself_within_the_bounds() {
        let mut protected = Protected::default();
        for (n, tag) in [(1, "b"), (1, ""), (2, "b"), (1, "b")] {
            assert_eq!(protected.insert(peer(n), tag, 3), Ok(()));
        }
        assert_eq!(protected.insert(peer(2), "c", 3), Err(ProtectError::Limit));
        assert_eq!(protected.insert(peer(2), "b", 3), Ok(()), "it is there already");
        let long = "x".repeat(LONGEST_TAG + 1);
        assert_eq!(protected.insert(peer(2), &long, 9), Err(ProtectError::LongTag));
        assert_eq!(protected.insert(peer(2), &long[1..], 9), Ok(()));
        assert_eq!(protected.tags(peer(1)).collect::<Vec<_>>(), ["", "b"]);
        protected.remove(peer(1), "b");
        protected.remove(peer(1), "c");
        assert!(protected.contains(peer(1)) && protected.contains(peer(2)) && !protected.contains(peer(3)));
        protected.remove(peer(1), "");
        assert!(!protected.contains(peer(1)));
    }
}
