//! Identity keys as peers send them.

use libp2p_identity::PublicKey;
use prost::Message;

/// The largest public exponent of an RSA key, and the one that nearly all have. The work of verifying grows with the
/// exponent: one of 33 bits, which `ring` allows, takes almost four times as long.
#[cfg(feature = "rsa")]
const MAX_EXPONENT: u32 = 65_537;

/// The reason for which a key cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unusable {
    /// The bytes are no key.
    Malformed,
    /// This build does not know the type. It names the feature of this crate that adds the type, if one does.
    Unsupported(Option<&'static str>),
}

/// The head of a public key: enough to tell an unknown type from bytes that are no key at all.
#[derive(Clone, PartialEq, Message)]
struct Head {
    #[prost(int32, optional, tag = "1")]
    key_type: Option<i32>,
}

/// Decodes a key (libp2p/specs, `peer-ids/peer-ids.md`). An unusable key is logged, with the feature to add. An RSA key whose
/// exponent is larger than [`MAX_EXPONENT`] is one.
pub(crate) fn decode(bytes: &[u8]) -> Result<PublicKey, Unusable> {
    let key = PublicKey::try_decode_protobuf(bytes).map_err(|error| {
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
    })?;
    #[cfg(feature = "rsa")]
    if let Ok(rsa) = key.clone().try_into_rsa()
        && !exponent(&rsa.encode_pkcs1()).is_some_and(|exponent| (3..=MAX_EXPONENT).contains(&exponent))
    {
        log::debug!("a peer's identity key cannot be used: its RSA exponent is none, or larger than {MAX_EXPONENT}");
        return Err(Unusable::Malformed);
    }
    Ok(key)
}

/// Returns the public exponent of an RSA key (RFC 8017, A.1.1), if it has at most 32 bits.
#[cfg(feature = "rsa")]
fn exponent(pkcs1: &[u8]) -> Option<u32> {
    const SEQUENCE: u8 = 0x30;
    const INTEGER: u8 = 2;
    let (sequence, _) = element(SEQUENCE, pkcs1)?;
    let (_modulus, rest) = element(INTEGER, sequence)?;
    let (exponent, _) = element(INTEGER, rest)?;
    exponent.iter().try_fold(0_u32, |value, byte| value.checked_mul(256)?.checked_add(u32::from(*byte)))
}

/// Splits an element of DER with this tag, of less than 64 KiB, into what is in it and what follows it.
#[cfg(feature = "rsa")]
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let ([found, first], rest) = der.split_first_chunk()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81 => rest.split_first().map(|(length, rest)| (usize::from(*length), rest))?,
        0x82 => rest.split_first_chunk().map(|(length, rest)| (usize::from(u16::from_be_bytes(*length)), rest))?,
        _ => return None,
    };
    if *found == tag { rest.split_at_checked(length) } else { None }
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

    /// A key of RSA with 2 048 bits and an exponent, as it stands on the wire: SubjectPublicKeyInfo in a protobuf.
    #[cfg(feature = "rsa")]
    fn rsa(exponent: &[u8]) -> Vec<u8> {
        let element = |tag: u8, value: &[u8]| {
            let length = u16::try_from(value.len()).unwrap().to_be_bytes();
            [&[tag, 0x82], &length[..], value].concat()
        };
        let short = |tag: u8, value: &[u8]| [&[tag, value.len() as u8], value].concat();
        let modulus = element(2, &[&[0, 0xc1][..], &[0x35; 255]].concat());
        let key = element(0x30, &[&modulus[..], &short(2, exponent)].concat());
        let algorithm = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
        let info = element(0x30, &[&algorithm[..], &element(3, &[&[0], &key[..]].concat())].concat());
        let length = info.len();
        [&[8, 0, 18, length as u8 | 0x80, (length >> 7) as u8], &info[..]].concat()
    }

    #[cfg(feature = "rsa")]
    #[test]
    fn an_rsa_key_whose_exponent_is_large_is_refused() {
        for exponent in [&[3][..], &[17], &[1, 0, 1], &[0, 1, 0, 1]] {
            assert!(decode(&rsa(exponent)).is_ok(), "{exponent:?}");
        }
        let large =
            [&[1, 0, 3][..], &[0x7f, 0xff, 0xff, 0xff], &[1, 0xff, 0xff, 0xff, 0xff], &[1, 0, 0, 0, 0, 0, 0, 1]];
        for exponent in large.into_iter().chain([&[][..], &[0], &[1]]) {
            assert_eq!(decode(&rsa(exponent)), Err(Unusable::Malformed), "{exponent:?}");
        }
    }

    #[cfg(feature = "rsa")]
    #[test]
    fn the_exponent_of_a_cut_rsa_key_is_none() {
        let identity = include_bytes!("../../tests/support/rsa-2048.pk8");
        let key = libp2p_identity::Keypair::rsa_from_pkcs8(&mut identity.clone()).unwrap().public();
        assert_eq!(decode(&key.encode_protobuf()).as_ref(), Ok(&key));
        let pkcs1 = key.try_into_rsa().unwrap().encode_pkcs1();
        assert_eq!(exponent(&pkcs1), Some(65_537));
        for length in 0..pkcs1.len() {
            assert_eq!(exponent(&pkcs1[..length]), None, "{length}");
        }
    }

    #[test]
    fn bytes_that_are_no_key_are_malformed() {
        for bytes in [&[][..], &[1, 2, 3], &[18, 0], &[8]] {
            assert_eq!(decode(bytes), Err(Unusable::Malformed), "{bytes:?}");
        }
    }
}
