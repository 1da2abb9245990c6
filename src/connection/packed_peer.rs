//! [`PackedPeer`]: a peer id in half the memory.

use crate::identity::PeerId;

/// The longest peer id: the code of its hash, its length, and a key of 42 bytes.
const LONGEST: usize = 44;

/// The bytes of a peer id. A [`PeerId`] has room for hashes of 64 bytes, which none has, and there are two of them for each
/// idle connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct PackedPeer {
    bytes: [u8; LONGEST],
    len: u8,
}

impl PackedPeer {
    /// Packs a peer id. Each fits; `None` if a later version of the specification has a longer one.
    pub(crate) fn pack(peer: PeerId) -> Option<Self> {
        let mut bytes = [0; LONGEST];
        let len = peer.as_ref().write(&mut bytes[..]).ok()?;
        Some(Self { bytes, len: u8::try_from(len).ok()? })
    }

    /// The peer id that was packed.
    pub(crate) fn unpack(self) -> Option<PeerId> {
        PeerId::from_bytes(self.bytes.get(..usize::from(self.len))?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Keypair;

    /// The code of a hash by SHA-256, its length, and the hash: the id of an RSA or ECDSA key.
    fn of_long_key() -> PeerId {
        let mut bytes = [7; 34];
        (bytes[0], bytes[1]) = (0x12, 32);
        PeerId::from_bytes(&bytes).unwrap()
    }

    /// A key of 42 bytes, which stands there as it is.
    fn of_longest_key() -> PeerId {
        let mut bytes = [7; LONGEST];
        (bytes[0], bytes[1]) = (0, 42);
        PeerId::from_bytes(&bytes).unwrap()
    }

    #[test]
    fn peers_of_all_lengths_come_out_as_they_went_in() {
        let ed25519 = Keypair::ed25519_from_bytes([7; 32]).unwrap().public().to_peer_id();
        for peer in [ed25519, of_long_key(), of_longest_key()] {
            assert_eq!(PackedPeer::pack(peer).and_then(PackedPeer::unpack), Some(peer));
        }
        assert!(2 * size_of::<Option<PackedPeer>>() <= size_of::<PeerId>() + 16);
    }
}
