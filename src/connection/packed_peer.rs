//! [`PackedPeer`]: a peer id in half the memory.

use crate::identity::PeerId;

/// The length of the longest peer id in bytes: the code of its hash, a length, and a key of 42 bytes.
const LONGEST: usize = 44;

/// The bytes of a peer id. A [`PeerId`] has room for hashes of 64 bytes, which no peer id needs. Each idle connection holds
/// two peer ids, so the difference counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct PackedPeer {
    bytes: [u8; LONGEST],
    len: u8,
}

impl PackedPeer {
    /// Packs a peer id. Every id of the current specification fits; `None` means that it is longer.
    pub(crate) fn pack(peer: PeerId) -> Option<Self> {
        let mut bytes = [0; LONGEST];
        let len = peer.as_ref().write(&mut bytes[..]).ok()?;
        Some(Self { bytes, len: u8::try_from(len).ok()? })
    }

    /// Returns the peer id that was packed.
    pub(crate) fn unpack(self) -> Option<PeerId> {
        PeerId::from_bytes(self.bytes.get(..usize::from(self.len))?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Keypair;

    /// Makes an id of the form that RSA and ECDSA keys have: the code of SHA-256, a length, and the hash.
    fn of_long_key() -> PeerId {
        let mut bytes = [7; 34];
        (bytes[0], bytes[1]) = (0x12, 32);
        PeerId::from_bytes(&bytes).unwrap()
    }

    /// Makes an id that holds a key of 42 bytes itself, and not its hash.
    fn of_longest_key() -> PeerId {
        let mut bytes = [7; LONGEST];
        (bytes[0], bytes[1]) = (0, 42);
        PeerId::from_bytes(&bytes).unwrap()
    }

    #[test]
    fn peer_ids_of_all_lengths_survive_packing() {
        let ed25519 = Keypair::ed25519_from_bytes([7; 32]).unwrap().public().to_peer_id();
        for peer in [ed25519, of_long_key(), of_longest_key()] {
            assert_eq!(PackedPeer::pack(peer).and_then(PackedPeer::unpack), Some(peer));
        }
        assert!(2 * size_of::<Option<PackedPeer>>() <= size_of::<PeerId>() + 16);
    }
}
