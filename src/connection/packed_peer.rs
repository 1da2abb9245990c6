//! [`PackedPeer`]: a peer id in half the memory of a [`PeerId`].

use crate::identity::PeerId;

/// The length of the longest peer id in bytes: the code of its hash, a length, and an encoded key of 42 bytes. The id of a
/// longer key contains a hash of the key, and takes 34 bytes (libp2p/specs, `peer-ids/peer-ids.md`).
const LONGEST: usize = 44;

/// The bytes of a peer id. A [`PeerId`] has room for hashes of 64 bytes, which no peer id needs. Each idle connection holds
/// two peer ids, so the difference in memory matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct PackedPeer {
    bytes: [u8; LONGEST],
    len: u8,
}

impl PackedPeer {
    /// Packs a peer id. Returns `None` if the id is longer than [`LONGEST`]; every id of the current specification fits.
    pub(crate) fn pack(peer: PeerId) -> Option<Self> {
        let mut bytes = [0; LONGEST];
        let len = peer.as_ref().write(&mut bytes[..]).ok()?;
        Some(Self { bytes, len: u8::try_from(len).ok()? })
    }

    /// Returns the peer id that was packed. The result is never `None` for a value that [`pack`](Self::pack) returned.
    pub(crate) fn unpack(self) -> Option<PeerId> {
        PeerId::from_bytes(self.bytes.get(..usize::from(self.len))?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Keypair;

    /// Makes an id in the form that the ids of RSA and ECDSA keys have: the code of SHA-256, a length, and the hash.
    fn of_long_key() -> PeerId {
        let mut bytes = [7; 34];
        (bytes[0], bytes[1]) = (0x12, 32);
        PeerId::from_bytes(&bytes).unwrap()
    }

    /// Makes an id that contains a whole key of 42 bytes, instead of a hash of the key.
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
