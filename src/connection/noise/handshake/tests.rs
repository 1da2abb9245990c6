//! Tests of handshakes with dishonest peers. The tests use the private fields of a [`Config`] to forge payloads.

mod muxers;
mod weak;

use super::*;
use crate::connection::noise::{NodeKeys, payload::HandshakePayload};
use crate::connection::yamux;
use crate::lifecycle::Failure;
use alloc::string::ToString;
use alloc::vec;
#[cfg(feature = "ecdsa")]
use libp2p_identity::ecdsa;
#[cfg(feature = "secp256k1")]
use libp2p_identity::secp256k1;
use libp2p_identity::{KeyType, Keypair};
use prost::Message;

fn identity(seed: u8) -> Keypair {
    Keypair::ed25519_from_bytes([seed; 32]).unwrap()
}

/// Returns one identity for each type of key that this build supports.
fn identities() -> Vec<Keypair> {
    vec![
        identity(9),
        #[cfg(feature = "ecdsa")]
        ecdsa::Keypair::from(ecdsa::SecretKey::try_from_bytes([9; 32]).unwrap()).into(),
        #[cfg(feature = "rsa")]
        Keypair::rsa_from_pkcs8(&mut include_bytes!("../../../../tests/support/rsa-2048.pk8").clone()).unwrap(),
        #[cfg(feature = "secp256k1")]
        secp256k1::Keypair::from(secp256k1::SecretKey::try_from_bytes([9; 32]).unwrap()).into(),
    ]
}

fn node(identity: &Keypair, seed: u8) -> Config {
    Config::new(identity, [seed + 100; 32], &[yamux::PROTOCOL_NAME]).unwrap()
}

fn honest(seed: u8) -> Config {
    node(&identity(seed), seed)
}

/// Makes a node that sends `payload` instead of a payload that is signed with its own keys.
fn forger(payload: Vec<u8>) -> Config {
    let config = honest(9);
    Config(Arc::new(NodeKeys {
        params: config.0.params.clone(),
        peer: config.0.peer,
        static_key: config.0.static_key.clone(),
        payload,
        muxers: Vec::new(),
    }))
}

fn payload_of(config: &Config) -> HandshakePayload {
    HandshakePayload::decode(&config.0.payload[..]).unwrap()
}

/// Returns the number that stands for the type of the key on the wire.
fn number(identity: &Keypair) -> u8 {
    match identity.key_type() {
        KeyType::RSA => 0,
        KeyType::Ed25519 => 1,
        KeyType::Secp256k1 => 2,
        KeyType::Ecdsa => 3,
    }
}

/// Sends the payload to an honest node in each role, and returns that node's result, which must be the same in both roles.
fn judge(payload: Vec<u8>) -> Result<RemoteIdentity, Error> {
    let (forger, honest) = (forger(payload), honest(1));
    let [as_dialer, as_listener] = [Role::Dialer, Role::Listener].map(|role| {
        let (mut ours, mut theirs) = match role {
            Role::Dialer => {
                (Handshake::new(&honest, role, [1; 32], None), Handshake::new(&forger, Role::Listener, [2; 32], None))
            }
            Role::Listener => {
                (Handshake::new(&honest, role, [1; 32], None), Handshake::new(&forger, Role::Dialer, [2; 32], None))
            }
        };
        let (ours, theirs) = (ours.as_mut().unwrap(), theirs.as_mut().unwrap());
        let mut wire = Vec::new();
        for _ in 0..2 {
            ours.transmit(&mut wire)?;
            theirs.receive(&wire).unwrap();
            wire.clear();
            theirs.transmit(&mut wire).unwrap();
            if let Err(error) = ours.receive(&wire) {
                assert!(!ours.is_authenticated() && !ours.is_finished() && !ours.is_our_turn());
                assert_eq!(ours.receive(&wire), Err(error), "an error is final");
                assert_eq!(ours.transmit(&mut wire), Err(error), "an error is final");
            }
            wire.clear();
        }
        ours.receive(&wire)?;
        Ok(ours.remote().cloned().unwrap())
    });
    assert_eq!(as_dialer, as_listener, "both roles judge alike");
    as_dialer
}

#[test]
fn the_harness_lets_an_honest_payload_through() {
    for identity in identities() {
        let remote = judge(payload_of(&node(&identity, 9)).encode_to_vec()).unwrap();
        assert_eq!(remote.peer, identity.public().to_peer_id());
    }
}

#[test]
fn a_signature_by_another_key_is_refused() {
    // The signer is another key of the same type, and then one of each other type.
    for named in identities() {
        let signer = identities().into_iter().chain([identity(1)]).filter(|signer| signer.public() != named.public());
        for signer in signer {
            let mut payload = payload_of(&node(&signer, 9));
            payload.identity_key = named.public().encode_protobuf();
            assert_eq!(judge(payload.encode_to_vec()), Err(Error::BadSignature), "{signer:?} for {named:?}");
        }
    }
}

#[test]
fn a_signature_of_another_noise_key_is_refused() {
    for identity in identities() {
        assert_eq!(judge(node(&identity, 77).0.payload.clone()), Err(Error::BadSignature), "{identity:?}");
    }
}

#[test]
fn a_signature_without_the_specifications_prefix_is_refused() {
    let mut payload = payload_of(&honest(9));
    payload.identity_sig = identity(9).sign(honest(9).0.static_key.public()).unwrap();
    assert_eq!(judge(payload.encode_to_vec()), Err(Error::BadSignature));
}

#[test]
fn a_signature_with_any_bit_changed_or_missing_is_refused() {
    for identity in identities() {
        let payload = payload_of(&node(&identity, 9));
        let whole = payload.identity_sig.len();
        for bit in (0..whole * 8).step_by(37) {
            let mut payload = payload.clone();
            payload.identity_sig[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(judge(payload.encode_to_vec()), Err(Error::BadSignature), "{identity:?}, bit {bit}");
        }
        for length in [0, 1, whole - 1] {
            let mut payload = payload.clone();
            payload.identity_sig.truncate(length);
            assert_eq!(judge(payload.encode_to_vec()), Err(Error::BadSignature), "{identity:?}, length {length}");
        }
    }
}

#[test]
fn a_payload_that_is_no_protobuf_is_refused() {
    assert_eq!(judge(vec![0xff; 50]), Err(Error::BadPayload));
    let whole = payload_of(&honest(9)).encode_to_vec();
    // A payload that is cut between two fields is still a valid message: that of a peer which sent no muxers.
    let extensions = payload_of(&honest(9)).extensions.unwrap().encoded_len() + 2;
    for length in 0..whole.len() - 1 {
        let judged = judge(whole[..length].to_vec());
        if length == whole.len() - extensions {
            assert_eq!(judged.unwrap().muxer, None);
        } else {
            assert!(matches!(judged, Err(Error::BadPayload | Error::BadSignature)), "length {length}: {judged:?}");
        }
    }
}

#[test]
fn an_identity_key_that_is_not_one_is_refused() {
    let judge_key = |key: &[u8]| {
        let mut payload = payload_of(&honest(9));
        payload.identity_key = key.to_vec();
        judge(payload.encode_to_vec())
    };
    for key in [&[][..], b"\x08\x01", b"\x08\x01\x12\x01\x00", b"garbage", &[0xff; 36]] {
        assert_eq!(judge_key(key), Err(Error::BadPayload), "{key:?}");
    }
    for identity in identities() {
        let whole = identity.public().encode_protobuf();
        for length in 0..whole.len() {
            assert_eq!(judge_key(&whole[..length]), Err(Error::BadPayload), "{identity:?} cut at {length}");
        }
        // These are the same bytes, labelled as a key of another type.
        for key_type in identities().iter().map(number).filter(|other| *other != number(&identity)) {
            let mut key = whole.clone();
            key[1] = key_type;
            assert_eq!(judge_key(&key), Err(Error::BadPayload), "{identity:?} as {key_type}");
        }
    }
}

#[test]
fn a_changed_bit_in_an_identity_key_makes_nobody_else_of_it() {
    for identity in identities() {
        let payload = payload_of(&node(&identity, 9));
        let bits = (0..payload.identity_key.len() * 8).step_by(5);
        let refused = bits.clone().filter(|bit| {
            let mut payload = payload.clone();
            payload.identity_key[bit / 8] ^= 1 << (bit % 8);
            // Some bits of a key's DER envelope have no meaning: if one of them is changed, the key stays the same.
            judge(payload.encode_to_vec())
                .map(|remote| assert_eq!(remote.peer, identity.public().to_peer_id()))
                .is_err()
        });
        assert!(refused.count() * 10 > bits.count() * 9, "{identity:?}");
    }
}

#[test]
fn an_identity_key_of_an_unknown_type_is_unsupported() {
    // Types 4 and 9 do not exist yet.
    let known: Vec<_> = identities().iter().map(number).collect();
    for key_type in [0, 1, 2, 3, 4, 9].into_iter().filter(|key_type| !known.contains(key_type)) {
        let mut payload = payload_of(&honest(9));
        payload.identity_key[1] = key_type;
        let feature = [(0, "rsa"), (2, "secp256k1"), (3, "ecdsa")].into_iter().find(|(other, _)| *other == key_type);
        let error = Error::UnsupportedKey { feature: feature.map(|(_, feature)| feature) };
        assert_eq!(judge(payload.encode_to_vec()), Err(error), "type {key_type}");
    }
    for feature in [None, Some("ecdsa")] {
        let error = crate::connection::Error::from(Error::UnsupportedKey { feature });
        assert_eq!(error.failure(), Failure::Unsupported);
        assert_eq!(error.to_string().contains("`ecdsa`"), feature.is_some(), "{error}");
    }
}

#[test]
fn unknown_fields_are_skipped_up_to_the_longest_message() {
    let mut payload = payload_of(&honest(9)).encode_to_vec();
    // Field 15 is length-delimited and takes all bytes that are left: the tag takes one of them, and the length two.
    let room = MAX_PAYLOAD - payload.len() - 3;
    payload.extend([0x7a, (room & 0x7f) as u8 | 0x80, (room >> 7) as u8]);
    payload.resize(MAX_PAYLOAD, 0);
    assert_eq!(judge(payload).unwrap().peer, honest(9).peer());
}

/// Encodes a length-delimited field of a protobuf message.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    prost::encode_length_delimiter(bytes.len(), &mut field).unwrap();
    [&field[..], bytes].concat()
}

#[test]
fn the_last_occurrence_of_a_payloads_field_counts() {
    let HandshakePayload { identity_key, identity_sig, .. } = payload_of(&honest(9));
    let other = identity(1).public().encode_protobuf();
    let muxers = |names: &[&[u8]]| field(4, &names.iter().flat_map(|name| field(2, name)).collect::<Vec<_>>());
    let good = [field(1, &identity_key), field(2, &identity_sig)].concat();
    let (yamux, mplex): (&[u8], &[u8]) = (b"/yamux/1.0.0", b"/mplex/6.7.0");
    for (parts, muxer) in [
        (vec![field(1, &other), field(2, b"no signature"), good.clone()], Ok(None)),
        (vec![good.clone(), field(2, &[])], Err(Error::BadSignature)),
        (vec![good.clone(), field(1, &other)], Err(Error::BadSignature)),
        // The parts of the extensions are merged: their lists are concatenated.
        (vec![muxers(&[mplex]), good.clone(), muxers(&[yamux])], Ok(Some("/yamux/1.0.0"))),
        (vec![good.clone(), muxers(&[yamux]), muxers(&[])], Ok(Some("/yamux/1.0.0"))),
        // A name that is not UTF-8 is skipped, and a list of such names does not count as no list.
        (vec![good.clone(), muxers(&[b"/\xff", yamux])], Ok(Some("/yamux/1.0.0"))),
        (vec![good.clone(), muxers(&[b"/\xff"])], Err(Error::NoSharedMuxer)),
        // This is a group with a number in it, within another group.
        (vec![b"\x7b\x7b\x08\x01\x7c\x7c".to_vec(), good.clone()], Ok(None)),
        (vec![good.clone(), b"\x7b".to_vec()], Err(Error::BadPayload)),
        (vec![good.clone(), b"\x00\x00".to_vec()], Err(Error::BadPayload)),
        (vec![good.clone(), b"\x08\x01".to_vec()], Err(Error::BadPayload)),
    ] {
        let judged = judge(parts.concat()).map(|remote| {
            assert_eq!(remote.peer, identity(9).public().to_peer_id());
            remote.muxer
        });
        assert_eq!(judged.as_ref().map(Option::as_deref).map_err(|error| *error), muxer, "{parts:x?}");
    }
}

#[test]
fn the_peer_id_is_that_of_the_key_encoded_anew() {
    for named in identities() {
        let key = named.public().encode_protobuf();
        let (key_type, data) = (&key[..2], &key[2..]);
        let with = |identity_key: Vec<u8>| {
            judge(HandshakePayload { identity_key, ..payload_of(&node(&named, 9)) }.encode_to_vec())
        };
        // In order: an unknown type before the type, other data before the data, the fields in another order, a longer
        // varint, and other fields and groups.
        let longer = [0x08, number(&named) | 0x80, 0];
        for identity_key in [
            [&[0x08, 9][..], &key].concat(),
            [&field(2, b"data"), &key[..]].concat(),
            [data, key_type].concat(),
            [&longer[..], data].concat(),
            [&key[..], &field(3, b"x"), &[0x23, 0x24]].concat(),
        ] {
            let remote = with(identity_key.clone()).unwrap();
            assert_eq!(remote.peer, named.public().to_peer_id(), "{identity_key:x?}");
            assert_eq!(remote.public_key, named.public());
        }
        assert_eq!(with([&key[..], &field(2, b"data")].concat()), Err(Error::BadPayload), "{named:?}");
        assert_eq!(with([&key[..], &[0x08, 9]].concat()), Err(Error::UnsupportedKey { feature: None }), "{named:?}");
    }
}

#[test]
fn a_handshake_message_that_is_too_long_is_refused_at_once() {
    let mut dialer = Handshake::new(&honest(1), Role::Dialer, [1; 32], None).unwrap();
    dialer.transmit(&mut Vec::new()).unwrap();
    let mut at_the_limit = Handshake::new(&honest(1), Role::Dialer, [1; 32], None).unwrap();
    at_the_limit.transmit(&mut Vec::new()).unwrap();
    let length = MAX_HANDSHAKE_MESSAGE as u16;
    assert_eq!(at_the_limit.receive(&length.to_be_bytes()), Ok((0, false)));
    assert_eq!(dialer.receive(&(length + 1).to_be_bytes()), Err(Error::Oversized));

    let mut listener = Handshake::new(&honest(1), Role::Listener, [1; 32], None).unwrap();
    assert_eq!(listener.receive(&(length + 1).to_be_bytes()), Err(Error::Oversized));
}

#[test]
fn a_handshake_message_that_is_too_short_is_refused_at_once() {
    let config = honest(1);
    for (before, shortest) in [(0, 32), (1, 96), (2, 64)] {
        for (length, expected) in [(shortest - 1, Err(Error::Truncated)), (shortest, Ok((0, false)))] {
            let mut dialer = Handshake::new(&config, Role::Dialer, [1; 32], None).unwrap();
            let mut listener = Handshake::new(&config, Role::Listener, [2; 32], None).unwrap();
            let mut wire = Vec::new();
            dialer.transmit(&mut wire).unwrap();
            if before == 2 {
                listener.receive(&wire).unwrap();
                listener.transmit(&mut Vec::new()).unwrap();
            }
            let reader = if before == 1 { &mut dialer } else { &mut listener };
            assert_eq!(reader.receive(&u16::to_be_bytes(length)), expected, "message {}", before + 1);
        }
    }
}

#[test]
fn a_first_message_with_a_payload_is_refused() {
    let mut listener = Handshake::new(&honest(1), Role::Listener, [1; 32], None).unwrap();
    let mut message = vec![0, 33];
    message.extend([9; 33]);
    assert_eq!(listener.receive(&message), Err(Error::BadPayload));
}

#[test]
fn a_diffie_hellman_key_of_low_order_is_refused() {
    let mut listener = Handshake::new(&honest(1), Role::Listener, [1; 32], None).unwrap();
    let mut message = vec![0, 32];
    message.extend([0; 32]);
    assert_eq!(listener.receive(&message), Ok((34, true)));
    let mut out = vec![1, 2, 3];
    assert_eq!(listener.transmit(&mut out), Err(Error::WeakKey));
    assert_eq!(out, [1, 2, 3]);

    let mut dialer = Handshake::new(&honest(1), Role::Dialer, [1; 32], None).unwrap();
    dialer.transmit(&mut Vec::new()).unwrap();
    let mut message = vec![0, 96];
    message.extend([0; 96]);
    assert_eq!(dialer.receive(&message), Err(Error::WeakKey));
}
