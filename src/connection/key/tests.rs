//! Tests of decoding good and bad keys, and of verifying good and bad signatures.

use super::*;
use crate::connection::weak_keys::{
    MIXED, MIXED_SIGNATURE, ORDER, SMALL_ORDER, bytes, not_canonical, on_the_wire, peer_id, small_order, universal,
};
use crate::identity::Keypair;
use alloc::string::{String, ToString as _};
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};

/// Encodes a key of the type `key_type` whose content is empty.
fn key(key_type: u8) -> Vec<u8> {
    [8, key_type, 18, 0].into()
}

fn identity() -> Keypair {
    Keypair::ed25519_from_bytes([5; 32]).unwrap()
}

fn decoded(keypair: &Keypair) -> IdentityKey {
    IdentityKey::decode(&keypair.public().encode_protobuf()).unwrap()
}

/// Returns one identity for each type of key that this build supports.
fn identities() -> Vec<Keypair> {
    [
        identity(),
        #[cfg(feature = "ecdsa")]
        libp2p_identity::ecdsa::Keypair::from(libp2p_identity::ecdsa::SecretKey::try_from_bytes([9; 32]).unwrap())
            .into(),
        #[cfg(feature = "rsa")]
        Keypair::rsa_from_pkcs8(&mut include_bytes!("../../../tests/support/rsa-2048.pk8").clone()).unwrap(),
        #[cfg(feature = "rsa")]
        Keypair::rsa_from_pkcs8(&mut include_bytes!("../../../tests/support/rsa-4096.pk8").clone()).unwrap(),
        #[cfg(feature = "secp256k1")]
        libp2p_identity::secp256k1::Keypair::from(
            libp2p_identity::secp256k1::SecretKey::try_from_bytes([9; 32]).unwrap(),
        )
        .into(),
    ]
    .into()
}

#[test]
fn an_honest_signature_of_each_type_is_taken() {
    for identity in identities() {
        let key = decoded(&identity);
        let signature = identity.sign(b"message").unwrap();
        assert_eq!(key.verify(b"message", &signature), Ok(()), "{identity:?}");
        assert_eq!(key.verify(b"massage", &signature), Err(BadSignature::Wrong), "{identity:?}");
        assert_eq!(key.verify(b"message", &signature[1..]), Err(BadSignature::Wrong), "{identity:?}");
        assert_eq!(key.verify(b"message", &[]), Err(BadSignature::Wrong), "{identity:?}");
        let peer = identity.public().to_peer_id();
        assert!(
            key.is_of(&peer) && !key.is_of(&Keypair::ed25519_from_bytes([1; 32]).unwrap().public().to_peer_id()),
            "{identity:?}"
        );
        assert_eq!(key.into_public(), identity.public());
    }
}

/// An Ed25519 signature is a function of the key and the message, so the implementations in Go, Rust, JavaScript and Python
/// make these signatures, too (RFC 8032, 7.1, tests 2 and 3).
#[test]
fn the_signatures_of_rfc_8032_are_taken() {
    let signatures = [
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            &[0x72][..],
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            &[0xaf, 0x82],
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
             18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ];
    for (key, message, signature) in signatures {
        let key = IdentityKey::decode(&on_the_wire(&bytes(key))).unwrap();
        assert_eq!(key.verify(message, &bytes::<64>(signature)), Ok(()));
    }
}

#[test]
fn a_key_that_authenticates_nobody_is_refused() {
    let encodings = small_order();
    assert_eq!(encodings.len(), 14, "8 points, 6 of whose encodings are not canonical");
    for key in &encodings {
        assert!(VerifyingKey::from_bytes(key).unwrap().is_weak(), "{key:x?}");
        assert_eq!(IdentityKey::decode(&on_the_wire(key)), Err(Unusable::Refused), "{key:x?}");
    }
    // The library underneath accepts this key, with one signature for any message.
    let key = PublicKey::try_decode_protobuf(&on_the_wire(&bytes(SMALL_ORDER[0]))).unwrap();
    #[allow(clippy::disallowed_methods, reason = "it shows what others do")]
    let is_taken = key.verify(b"any", &universal()) && key.verify(b"message", &universal());
    assert!(is_taken);
}

#[test]
fn a_key_in_another_encoding_is_refused() {
    let all = (0..19).flat_map(not_canonical);
    let points: Vec<_> = all.filter(|bytes| VerifyingKey::from_bytes(bytes).is_ok()).collect();
    assert!(points.iter().filter(|bytes| !VerifyingKey::from_bytes(bytes).unwrap().is_weak()).count() > 10);
    for point in points {
        assert_eq!(IdentityKey::decode(&on_the_wire(&point)), Err(Unusable::Refused), "{point:x?}");
    }
    // The greatest y, p - 1, belongs to a point of small order. No point has the y coordinate p - 2, and a point has p - 3.
    for (first, expected) in [(0xeb, Err(Unusable::Malformed)), (0xea, Ok(()))] {
        let mut largest = [0xff; 32];
        (largest[0], largest[31]) = (first, 0x7f);
        assert_eq!(IdentityKey::decode(&on_the_wire(&largest)).map(drop), expected, "{first:x}");
    }
}

#[test]
fn a_signature_whose_s_is_not_reduced_is_wrong() {
    let (key, order) = (decoded(&identity()), bytes::<32>(ORDER));
    let mut signature = identity().sign(b"message").unwrap();
    assert_eq!(key.verify(b"message", &signature), Ok(()));
    let mut carry = 0;
    for (digit, more) in signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*digit) + u16::from(more) + carry;
        (*digit, carry) = (sum as u8, sum >> 8);
    }
    assert_eq!((carry, key.verify(b"message", &signature)), (0, Err(BadSignature::Wrong)));
}

#[test]
fn a_signature_whose_r_is_of_small_order_is_refused() {
    let (bytes_of_key, signature) = (bytes::<32>(MIXED), bytes::<64>(MIXED_SIGNATURE));
    // The signature is valid by the equation that go-libp2p and rust-libp2p check.
    let lax = VerifyingKey::from_bytes(&bytes_of_key).unwrap();
    assert!(lax.verify(b"message 0", &Signature::from_bytes(&signature)).is_ok());
    let key = IdentityKey::decode(&on_the_wire(&bytes_of_key)).unwrap();
    assert_eq!(key.verify(b"message 0", &signature), Err(BadSignature::Refused));
    // A signature that is not valid is wrong, whatever its R.
    assert_eq!(key.verify(b"message 1", &signature), Err(BadSignature::Wrong));
    for r in small_order() {
        let forged = [&r[..], &signature[32..]].concat();
        let expected = if r[..] == signature[..32] { BadSignature::Refused } else { BadSignature::Wrong };
        assert_eq!(key.verify(b"message 0", &forged), Err(expected), "{r:x?}");
        assert_eq!(decoded(&identity()).verify(b"message 0", &forged), Err(BadSignature::Wrong), "{r:x?}");
    }
}

#[test]
fn a_peer_id_is_that_of_the_key() {
    let identity = identity();
    let key = decoded(&identity);
    let id = identity.public().to_peer_id();
    assert!(key.is_of(&id));
    let bytes_of_key = identity.public().try_into_ed25519().unwrap().to_bytes();
    assert_eq!(id.to_bytes(), peer_id(&bytes_of_key));
    assert!(!key.is_of(&PeerId::from_bytes(&peer_id(&bytes(MIXED))).unwrap()));
}

#[cfg(feature = "secp256k1")]
#[test]
fn the_other_form_of_a_secp256k1_signature_is_refused() {
    let secret = libp2p_identity::secp256k1::SecretKey::try_from_bytes([9; 32]).unwrap();
    let identity: Keypair = libp2p_identity::secp256k1::Keypair::from(secret).into();
    let key = decoded(&identity);
    for message in 0..50_u8 {
        let signature = identity.sign(&[message]).unwrap();
        let high = secp256k1::lower(&signature).unwrap();
        assert_eq!(secp256k1::lower(&high).as_ref(), Some(&signature), "each is the other's other");
        assert_eq!(key.verify(&[message], &signature), Ok(()));
        assert_eq!(key.verify(&[message], &high), Err(BadSignature::Refused));
        assert_eq!(key.verify(b"other", &high), Err(BadSignature::Wrong));
        for cut in 0..signature.len() {
            assert_eq!(key.verify(&[message], &high[..cut.min(high.len() - 1)]), Err(BadSignature::Wrong), "{cut}");
        }
    }
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
        assert_eq!(IdentityKey::decode(&key(key_type)), Err(expected), "type {key_type}");
    }
}

/// go-libp2p can also generate ECDSA keys on curves other than P-256.
#[cfg(feature = "ecdsa")]
#[test]
fn an_ecdsa_key_on_another_curve_is_unsupported() {
    let head = [0x30, 78, 0x30, 16, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    let p_224 = [&head[..], &[6, 5, 0x2b, 0x81, 4, 0, 0x21, 3, 58, 0, 4], &[7; 56]].concat();
    let wire = [&[8, 3, 18, p_224.len() as u8][..], &p_224].concat();
    assert_eq!(IdentityKey::decode(&wire), Err(Unusable::Unsupported(None)));
}

/// Encodes an RSA key with this modulus and exponent in the form that is sent on the wire: a SubjectPublicKeyInfo in a
/// protobuf message.
#[cfg(feature = "rsa")]
fn rsa_key(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let element = |tag: u8, value: &[u8]| {
        let [high, low] = u16::try_from(value.len()).unwrap().to_be_bytes();
        let head: &[u8] = match (high, low) {
            (0, 0..=0x7f) => &[tag, low],
            (0, _) => &[tag, 0x81, low],
            _ => &[tag, 0x82, high, low],
        };
        [head, value].concat()
    };
    let short = |tag: u8, value: &[u8]| [&[tag, value.len() as u8], value].concat();
    let modulus = element(2, modulus);
    let key = element(0x30, &[&modulus[..], &short(2, exponent)].concat());
    let algorithm = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    let info = element(0x30, &[&algorithm[..], &element(3, &[&[0], &key[..]].concat())].concat());
    let length = info.len();
    let head: &[u8] = match length {
        0..=0x7f => &[8, 0, 18, length as u8],
        _ => &[8, 0, 18, length as u8 | 0x80, (length >> 7) as u8],
    };
    [head, &info].concat()
}

/// Returns a modulus with a length of `bits` bits.
#[cfg(feature = "rsa")]
fn modulus(bits: usize) -> Vec<u8> {
    let mut modulus = [&[0][..], &alloc::vec![0x35; bits.div_ceil(8)]].concat();
    modulus[1] = 1 << ((bits - 1) % 8);
    modulus
}

#[cfg(feature = "rsa")]
#[test]
fn an_rsa_exponent_other_than_65537_is_refused() {
    for exponent in [&[1, 0, 1][..], &[0, 1, 0, 1]] {
        assert!(IdentityKey::decode(&rsa_key(&modulus(2_048), exponent)).is_ok(), "{exponent:?}");
    }
    let others = [&[3][..], &[17], &[1, 0, 0], &[1, 0, 3], &[0x7f, 0xff, 0xff, 0xff], &[1, 0xff, 0xff, 0xff, 0xff]];
    let long = [&[1, 0, 0, 0, 0, 0, 0, 1][..], &[], &[0], &[1]];
    for exponent in others.into_iter().chain(long) {
        assert_eq!(IdentityKey::decode(&rsa_key(&modulus(2_048), exponent)), Err(Unusable::Refused), "{exponent:?}");
    }
}

#[cfg(feature = "rsa")]
#[test]
fn an_rsa_modulus_out_of_bounds_is_refused() {
    for bits in [2_048, 2_049, 3_072, 4_096, 8_191, 8_192] {
        assert!(IdentityKey::decode(&rsa_key(&modulus(bits), &[1, 0, 1])).is_ok(), "{bits}");
    }
    for bits in [512, 1_024, 2_047, 8_193, 10_000, 16_384] {
        assert_eq!(IdentityKey::decode(&rsa_key(&modulus(bits), &[1, 0, 1])), Err(Unusable::Refused), "{bits}");
    }
}

#[test]
fn a_key_that_is_too_long_is_refused_unread() {
    for key_type in 0..5 {
        let long = [&key(key_type)[..2], &[18, 0x80, 0x80, 1], &[0; 1 << 14][..]].concat();
        assert_eq!(IdentityKey::decode(&long), Err(Unusable::Refused), "type {key_type}");
    }
}

#[cfg(feature = "rsa")]
#[test]
fn a_truncated_rsa_key_is_malformed() {
    let identity = include_bytes!("../../../tests/support/rsa-2048.pk8");
    let keypair = Keypair::rsa_from_pkcs8(&mut identity.clone()).unwrap();
    let pkcs1 = keypair.public().try_into_rsa().unwrap().encode_pkcs1();
    assert_eq!((rsa::check(&pkcs1), rsa::modulus_bits(&pkcs1)), (Ok(()), 2_048));
    for length in 0..pkcs1.len() {
        assert_eq!(rsa::check(&pkcs1[..length]), Err(Unusable::Malformed), "{length}");
    }
}

#[test]
fn bytes_that_are_no_key_are_malformed() {
    for bytes in [&[][..], &[1, 2, 3], &[18, 0], &[8]] {
        assert_eq!(IdentityKey::decode(bytes), Err(Unusable::Malformed), "{bytes:?}");
    }
}

#[test]
fn a_signature_costs_what_its_type_and_length_cost() {
    let types = identities();
    let costs: Vec<_> = types.iter().map(|identity| decoded(identity).cost()).collect();
    let of = |identity: &Keypair| match identity.key_type() {
        libp2p_identity::KeyType::Ed25519 => 1,
        libp2p_identity::KeyType::Secp256k1 => 2,
        libp2p_identity::KeyType::Ecdsa => 9,
        libp2p_identity::KeyType::RSA => {
            if identity.public().encode_protobuf().len() > 512 {
                4
            } else {
                1
            }
        }
    };
    assert_eq!(costs, types.iter().map(of).collect::<Vec<_>>());
    #[cfg(feature = "rsa")]
    for (bits, cost) in [(2_048, 1), (2_049, 2), (3_072, 2), (4_096, 4), (8_192, 13)] {
        assert_eq!(IdentityKey::decode(&rsa_key(&modulus(bits), &[1, 0, 1])).unwrap().cost(), cost, "{bits}");
    }
}

/// Code that verifies signatures without [`IdentityKey`] would accept weak keys. Clippy refuses the verifying methods of the
/// libraries, too (`clippy.toml`); this test reads the sources, so it does not need clippy.
#[test]
fn nothing_else_in_the_library_verifies_a_signature() {
    use std::fs;
    use std::path::{Path, PathBuf};
    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.path() {
                path if path.is_dir() => sources(&path, found),
                path => found.push(path),
            }
        }
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&folder, &mut files);
    let is_test = |path: &Path| path.components().any(|part| part.as_os_str().to_string_lossy().starts_with("tests"));
    let mut verifying = Vec::new();
    for path in files.iter().filter(|path| !is_test(path)) {
        let text = fs::read_to_string(path).unwrap();
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
            let verifies =
                [".verify(", ".verify_strict(", "payload_and_signing_key", "from_signed_envelope", "UnparsedPublicKey"]
                    .iter()
                    .any(|call| line.contains(call));
            if verifies {
                verifying.push((path.strip_prefix(&folder).unwrap().display().to_string(), String::from(line)));
            }
        }
    }
    // These three go through `IdentityKey`, as their types show: in each line, `key` is a result of `IdentityKey::decode`.
    let users = ["connection/noise/payload.rs", "protocols/identify/record.rs", "protocols/pubsub/signing.rs"];
    for user in users {
        let lines: Vec<_> = verifying.iter().filter(|(path, _)| path == user).collect();
        assert!(lines.len() == 1 && lines[0].1.contains("key.verify("), "{lines:?}");
        assert!(fs::read_to_string(folder.join(user)).unwrap().contains("Key::decode("));
    }
    verifying.retain(|(path, _)| path != "connection/key.rs" && !users.contains(&&**path));
    assert_eq!(verifying, []);
}
