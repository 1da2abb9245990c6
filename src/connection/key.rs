//! Identity keys as peers send them.

use libp2p_identity::PublicKey;
use prost::Message;

/// The reason for which a key cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unusable {
    /// The bytes are no key.
    Malformed,
    /// This build is without its type; the feature of this crate that adds it, if one does.
    Unsupported(Option<&'static str>),
}

/// The head of a public key: enough to tell an unknown type from bytes that are no key at all.
#[derive(Clone, PartialEq, Message)]
struct Head {
    #[prost(int32, optional, tag = "1")]
    key_type: Option<i32>,
}

/// Decodes a key (libp2p/specs, `peer-ids/peer-ids.md`). What cannot be used is logged, with the feature to add.
pub(crate) fn decode(bytes: &[u8]) -> Result<PublicKey, Unusable> {
    PublicKey::try_decode_protobuf(bytes).map_err(|error| {
        let unusable = match Head::decode(bytes) {
            Ok(Head { key_type: Some(key_type) }) if !is_known(key_type) => Unusable::Unsupported(feature(key_type)),
            Ok(_) | Err(_) => Unusable::Malformed,
        };
        if let Unusable::Unsupported(Some(feature)) = unusable {
            log::debug!("a peer's identity key needs the feature `{feature}` of swarm-notify");
        } else {
            log::debug!("a peer's identity key cannot be used: {error}");
        }
        unusable
    })
}

/// Returns whether this build knows a `KeyType`.
const fn is_known(key_type: i32) -> bool {
    match key_type {
        0 => cfg!(feature = "rsa"),
        1 => true, // Ed25519
        2 => cfg!(feature = "secp256k1"),
        3 => cfg!(feature = "ecdsa"),
        _ => false,
    }
}

/// The feature of this crate that adds a `KeyType`.
const fn feature(key_type: i32) -> Option<&'static str> {
    match key_type {
        0 => Some("rsa"),
        2 => Some("secp256k1"),
        3 => Some("ecdsa"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// A key of a type, which is empty.
    fn key(key_type: u8) -> Vec<u8> {
        [8, key_type, 18, 0].into()
    }

    #[test]
    fn a_key_type_that_is_not_built_in_names_its_feature() {
        let types = [(0, Some("rsa")), (1, None), (2, Some("secp256k1")), (3, Some("ecdsa")), (4, None), (9, None)];
        for (key_type, feature) in types {
            assert_eq!(super::feature(i32::from(key_type)), feature);
            let expected = match is_known(i32::from(key_type)) {
                true => Unusable::Malformed,
                false => Unusable::Unsupported(feature),
            };
            assert_eq!(decode(&key(key_type)), Err(expected), "type {key_type}");
        }
    }

    #[test]
    fn what_is_no_key_is_malformed() {
        for bytes in [&[][..], &[1, 2, 3], &[18, 0], &[8]] {
            assert_eq!(decode(bytes), Err(Unusable::Malformed), "{bytes:?}");
        }
    }
}
