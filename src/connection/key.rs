//! [`IdentityKey`]: the identity key of a peer, and the only place that verifies a signature.
//!
//! Noise, identify and pub/sub all decode keys and verify signatures here. A key that would prove nothing is refused before
//! its signature is verified, and a key that is built to make verification slow is also refused:
//!
//! - An Ed25519 key of small order: anybody can make a signature that is valid under such a key for nearly every message. An
//!   Ed25519 key that is not encoded canonically is refused, too: one point would otherwise be the key of two peers.
//! - An RSA key of fewer than 2 048 bits, since it can be factored, or of more than 8 192 bits (go-libp2p has both bounds),
//!   or with an exponent other than 65 537. The work of verifying grows with the exponent, and small exponents have lent
//!   themselves to forgeries; no implementation of libp2p makes another exponent.
//!
//! Signatures of Ed25519 are verified strictly: S is below the order of the base point, and R is neither of small order nor
//! encoded in an unusual way. The library underneath computes R from the rest of the signature and compares the encodings,
//! so an unusual encoding fails, and a comparison of bytes is enough to find the eight points of small order. The library's
//! own strict verification would decode R as a point, which takes as many instructions as decoding the key.

mod cost;
#[cfg(feature = "ecdsa")]
mod ecdsa;
#[cfg(feature = "rsa")]
mod rsa;
#[cfg(feature = "secp256k1")]
mod secp256k1;

use alloc::vec::Vec;
#[cfg(any(test, feature = "protocols"))]
use libp2p_identity::PeerId;
use libp2p_identity::{PublicKey, ed25519};
use prost::Message;

/// The `KeyType` of Ed25519 keys in the protobuf message on the wire.
const ED25519: i32 = 1;
/// The `KeyType` of ECDSA keys in the protobuf message on the wire.
#[cfg(feature = "ecdsa")]
const ECDSA: i32 = 3;

/// The maximum length of an encoded key in bytes. An RSA key of 8 192 bits takes 1 065 bytes; the rest is room for other
/// encodings of such a key.
const MAX_LEN: usize = 2_048;

/// The first bytes of the peer id of an Ed25519 key. Such an id contains the whole key in its protobuf form, after the head
/// of a multihash. The bytes are: the code of the identity hash, and the length of its content, 36 bytes; the tag and the
/// value of the key's type; the tag and the length of the key, 32 bytes.
#[cfg(any(test, feature = "protocols"))]
const ED25519_PEER_ID: [u8; 6] = [0, 36, 8, 1, 18, 32];

/// A peer's public key that this crate accepts as proof of an identity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct IdentityKey(KeyByType);

#[derive(Clone, PartialEq, Eq, Debug)]
enum KeyByType {
    Ed25519(ed25519::PublicKey),
    Other { key: PublicKey, cost: u32 },
}

/// The reason why a key cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unusable {
    /// The bytes are not an encoded key.
    Malformed,
    /// This build does not support the type of the key. The value is the feature of this crate that adds the type, or `None`
    /// if no feature does.
    Unsupported(Option<&'static str>),
    /// This crate refuses the key: it proves nothing, or it makes verification slow. See the [module](self).
    Refused,
}

/// The reason why a signature does not prove anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BadSignature {
    /// The signature was not made with this key for this message.
    Wrong,
    /// The signature satisfies the equations of its scheme, but has a form that no honest signer makes: an Ed25519 signature
    /// whose R (its first half) is a point of small order, which can be valid only for a key that has a part of small order;
    /// a secp256k1 signature with the higher of the two possible values of S; or an ECDSA signature that contains more than
    /// R and S. Some implementations accept such signatures.
    Refused,
}

/// A public key as it is encoded on the wire (libp2p/specs, `peer-ids/peer-ids.md`).
#[derive(Clone, PartialEq, Message)]
struct KeyMessage {
    #[prost(int32, optional, tag = "1")]
    key_type: Option<i32>,
    #[prost(bytes = "vec", optional, tag = "2")]
    data: Option<Vec<u8>>,
}

impl IdentityKey {
    /// Decodes a key in its protobuf form. If the key cannot be used, logs the reason, or the feature of this crate that
    /// adds the type of the key.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Unusable> {
        let decoded = Self::try_decode(bytes);
        match decoded {
            Err(Unusable::Unsupported(Some(feature))) => {
                log::debug!("a peer's identity key needs the feature `{feature}` of swarm-notify");
            }
            Err(unusable) => log::debug!("a peer's identity key cannot be used: {unusable:?}"),
            Ok(_) => {}
        }
        decoded
    }

    fn try_decode(bytes: &[u8]) -> Result<Self, Unusable> {
        // The bound comes first, so that nothing is parsed of a key that is too long.
        if bytes.len() > MAX_LEN {
            return Err(Unusable::Refused);
        }
        let wire = KeyMessage::decode(bytes).map_err(|_| Unusable::Malformed)?;
        match wire {
            KeyMessage { key_type: Some(ED25519), data } => Self::ed25519(&data.unwrap_or_default()),
            KeyMessage { key_type: Some(key_type), .. } if !is_known(key_type) => {
                Err(Unusable::Unsupported(feature(key_type)))
            }
            wire => other(bytes, &wire),
        }
    }

    fn ed25519(data: &[u8]) -> Result<Self, Unusable> {
        let bytes: &[u8; 32] = data.try_into().map_err(|_| Unusable::Malformed)?;
        let key = ed25519::PublicKey::try_from_bytes(bytes).map_err(|_| Unusable::Malformed)?;
        // An encoding whose sign is wrong belongs to a point of small order, which is refused before, so `is_below_p` need
        // not look at the sign.
        match is_small_order(bytes) || !is_below_p(bytes) {
            true => Err(Unusable::Refused),
            false => Ok(Self(KeyByType::Ed25519(key))),
        }
    }

    /// Returns the work of [`verify`](Self::verify) with this key, in units of one Ed25519 verification.
    pub(crate) const fn cost(&self) -> u32 {
        match self.0 {
            KeyByType::Ed25519(_) => cost::ED25519,
            KeyByType::Other { cost, .. } => cost,
        }
    }

    /// Returns whether `peer` is the peer id of this key.
    #[cfg(any(test, feature = "protocols"))]
    pub(crate) fn is_of(&self, peer: &PeerId) -> bool {
        match &self.0 {
            KeyByType::Ed25519(key) => {
                peer.to_bytes().strip_prefix(&ED25519_PEER_ID).is_some_and(|rest| rest == key.to_bytes())
            }
            KeyByType::Other { key, .. } => key.to_peer_id() == *peer,
        }
    }

    /// Returns the key as a value of the crate `libp2p_identity`.
    pub(crate) fn into_public(self) -> PublicKey {
        match self.0 {
            KeyByType::Ed25519(key) => key.into(),
            KeyByType::Other { key, .. } => key,
        }
    }

    /// Verifies that `signature` was made with this key for `message`.
    #[expect(clippy::disallowed_methods, reason = "this is the place that verifies")]
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        match &self.0 {
            KeyByType::Ed25519(key) => verify_ed25519(key, message, signature),
            KeyByType::Other { key, .. } if key.verify(message, signature) => Ok(()),
            #[cfg(feature = "secp256k1")]
            KeyByType::Other { key, .. } if key.key_type() == libp2p_identity::KeyType::Secp256k1 => {
                let is_right = secp256k1::lower(signature).is_some_and(|lower| key.verify(message, &lower));
                Err(if is_right { BadSignature::Refused } else { BadSignature::Wrong })
            }
            #[cfg(feature = "ecdsa")]
            KeyByType::Other { key, .. } if key.key_type() == libp2p_identity::KeyType::Ecdsa => {
                // The library rejects a signature in an unusual form before it computes anything, so this second
                // verification does not double the cost.
                let is_right = ecdsa::usual(signature).is_some_and(|usual| key.verify(message, &usual));
                Err(if is_right { BadSignature::Refused } else { BadSignature::Wrong })
            }
            KeyByType::Other { .. } => Err(BadSignature::Wrong),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the place that verifies")]
fn verify_ed25519(key: &ed25519::PublicKey, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
    let Some(r) = signature.first_chunk() else { return Err(BadSignature::Wrong) };
    match key.verify(message, signature) {
        // R is judged only once the signature is known to be valid: what is not valid is wrong, whatever its R. The
        // difference matters in pub/sub, where a peer is not to blame for forwarding a signature that other implementations
        // accept.
        true if is_small_order(r) => Err(BadSignature::Refused),
        true => Ok(()),
        false => Err(BadSignature::Wrong),
    }
}

/// Decodes a key whose type is known and is not Ed25519. `bytes` is the whole encoded key, and `wire` is the same key split
/// into its fields.
fn other(bytes: &[u8], wire: &KeyMessage) -> Result<IdentityKey, Unusable> {
    let Ok(key) = PublicKey::try_decode_protobuf(bytes) else {
        // go-libp2p accepts such keys, so a peer that has one, or forwards messages of one, keeps to the protocol.
        let is_unknown = is_on_another_curve(wire) || is_hybrid(wire);
        return Err(if is_unknown { Unusable::Unsupported(None) } else { Unusable::Malformed });
    };
    #[cfg(feature = "rsa")]
    if let Ok(key) = key.clone().try_into_rsa() {
        rsa::check(&key.encode_pkcs1())?;
    }
    let cost = cost::of(&key);
    Ok(IdentityKey(KeyByType::Other { key, cost }))
}

/// Returns whether the key is an ECDSA key on a curve other than P-256. go-libp2p accepts keys on other curves, and this
/// crate does not support them.
#[cfg(feature = "ecdsa")]
fn is_on_another_curve(wire: &KeyMessage) -> bool {
    /// The object identifier `ecPublicKey` in DER (RFC 5480, 2.1.1). `P_256` is the object identifier of the curve P-256,
    /// which is called `secp256r1` there.
    const EC_PUBLIC_KEY: [u8; 9] = [6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    const P_256: [u8; 10] = [6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    let data = wire.data.as_deref().unwrap_or_default();
    let has = |part: &[u8]| data.windows(part.len()).any(|bytes| bytes == part);
    wire.key_type == Some(ECDSA) && has(&EC_PUBLIC_KEY) && !has(&P_256)
}

#[cfg(not(feature = "ecdsa"))]
fn is_on_another_curve(_wire: &KeyMessage) -> bool {
    false
}

/// Returns whether the key is a secp256k1 key in the hybrid form, which contains both coordinates and the sign of one of
/// them (ANSI X9.62, 4.3.6). go-libp2p accepts the hybrid form, and this crate does not support it.
fn is_hybrid(wire: &KeyMessage) -> bool {
    const SECP256K1: i32 = 2;
    wire.key_type == Some(SECP256K1) && matches!(wire.data.as_deref(), Some([6 | 7, point @ ..]) if point.len() == 64)
}

/// Returns whether y is encoded canonically, which means that it is less than p = 2²⁵⁵ - 19. y is the coordinate that an
/// encoded point contains; the last bit of the encoding is the sign of x, the other coordinate.
fn is_below_p(bytes: &[u8; 32]) -> bool {
    let [first, middle @ .., last] = bytes;
    *first < 0xed || last & 0x7f != 0x7f || middle.iter().any(|byte| *byte != 0xff)
}

/// The y coordinates of the points of small order: 0, 1, -1 and the two of order 8. Each y belongs to at most two points,
/// whose x differ in their sign; these are all eight points.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, //
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, //
        0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, //
        0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

/// Returns whether the encoded point is of small order, whatever the sign of its x. Its y must be encoded canonically.
fn is_small_order(bytes: &[u8; 32]) -> bool {
    let [rest @ .., last] = bytes;
    SMALL_ORDER.iter().any(|[small @ .., end]| rest == small && last & 0x7f == *end)
}

/// Returns whether this build supports keys of this type, given as its number on the wire.
const fn is_known(key_type: i32) -> bool {
    key_type == ED25519
        || cfg!(feature = "rsa") && key_type == 0
        || cfg!(feature = "secp256k1") && key_type == 2
        || cfg!(feature = "ecdsa") && key_type == 3
}

/// Returns the feature of this crate that adds support for keys of this type, given as its number on the wire. Returns
/// `None` if no feature does.
const fn feature(key_type: i32) -> Option<&'static str> {
    match key_type {
        0 => Some("rsa"),
        2 => Some("secp256k1"),
        3 => Some("ecdsa"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
#[cfg(all(test, feature = "swarm", feature = "ecdsa", feature = "rsa", feature = "secp256k1"))]
mod tests_of_lints;
