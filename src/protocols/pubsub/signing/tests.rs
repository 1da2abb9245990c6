//! Tests of signing: signed messages are accepted, and all others are refused.

use super::*;
use crate::connection::weak_keys;
use alloc::vec;

fn key(number: u8) -> Keypair {
    Keypair::ed25519_from_bytes([number; 32]).unwrap()
}

fn policy() -> Signing {
    Signing::strict_sign(key(1), 7)
}

fn sealed() -> Vec<u8> {
    policy().seal("topic", b"data").unwrap().0
}

/// Returns the bytes of a signed message whose fields were changed by `change` after signing.
fn changed(change: impl FnOnce(&mut wire::Message)) -> Vec<u8> {
    let mut message = wire::Message::decode(&sealed()[..]).unwrap();
    change(&mut message);
    message.encode_to_vec()
}

fn check(bytes: &[u8]) -> Result<Message, Invalid> {
    let claim = policy().open(bytes)?;
    claim.verify(bytes)?;
    Ok(claim.message)
}

#[test]
fn a_signed_message_is_verified_and_names_its_author() {
    let mut policy = policy();
    for seqno in [7, 8] {
        let (bytes, id) = policy.seal("topic", b"data").unwrap();
        let source = key(1).public().to_peer_id();
        let message = Message { topic: "topic".into(), source: Some(source), seqno: Some(seqno), data: b"data".into() };
        assert_eq!(check(&bytes), Ok(message));
        assert_eq!(policy.open(&bytes).unwrap().id, id);
        assert_eq!(id.as_bytes(), [&source.to_bytes()[..], &u64::to_be_bytes(seqno)].concat());
        policy.advance();
    }
}

#[test]
fn the_signature_is_over_the_bytes_that_the_specification_says() {
    let message = wire::Message::decode(&sealed()[..]).unwrap();
    assert_eq!(message.key, None, "it is in the peer id");
    let unsigned = wire::Message { signature: None, ..message.clone() };
    let signed = [b"libp2p-pubsub:", &unsigned.encode_to_vec()[..]].concat();
    #[allow(clippy::disallowed_methods, reason = "as others do")]
    let is_signed = key(1).public().verify(&signed, &message.signature.unwrap());
    assert!(is_signed);
}

#[test]
fn a_key_beside_the_one_in_the_peer_id_must_be_the_same() {
    assert!(check(&changed(|message| message.key = Some(key(1).public().encode_protobuf()))).is_ok());
    assert_eq!(check(&changed(|message| message.key = Some(key(2).public().encode_protobuf()))), Err(Invalid::BadKey));
    assert_eq!(check(&changed(|message| message.key = Some(vec![1, 2, 3]))), Err(Invalid::BadKey));
}

#[test]
fn a_peer_id_without_its_key_needs_one() {
    // The SHA-256 multihash of something.
    let from = [&[0x12, 32][..], &[5; 32]].concat();
    assert_eq!(check(&changed(|message| message.from = Some(from.clone()))), Err(Invalid::BadKey));
    let with_key = changed(|message| {
        message.from = Some(from);
        message.key = Some(key(1).public().encode_protobuf());
    });
    assert_eq!(check(&with_key), Err(Invalid::BadKey), "it is not that one's");
}

#[test]
fn every_field_is_required() {
    for change in [(|message| message.from = None) as fn(&mut wire::Message), |message| message.signature = None] {
        assert_eq!(check(&changed(change)), Err(Invalid::Missing));
    }
    // go does not require this field.
    assert_eq!(check(&changed(|message| message.seqno = None)), Err(Invalid::Refused));
    assert_eq!(check(&changed(|message| message.topic = None)), Err(Invalid::Malformed));
    assert_eq!(check(&changed(|message| message.seqno = Some(vec![0; 7]))), Err(Invalid::Refused));
    assert_eq!(check(&changed(|message| message.from = Some(vec![1]))), Err(Invalid::BadField));
}

#[test]
fn nothing_can_be_changed() {
    for change in [
        (|message| message.data = Some(b"date".into())) as fn(&mut wire::Message),
        |message| message.data = None,
        |message| message.topic = Some("topics".into()),
        |message| message.seqno = Some(vec![0; 8]),
        |message| message.signature = Some(vec![0; 64]),
        |message| message.signature = Some(vec![]),
        |message| message.from = Some(key(2).public().to_peer_id().to_bytes()),
    ] {
        assert_eq!(check(&changed(change)), Err(Invalid::BadSignature));
    }
}

#[test]
fn any_flipped_bit_is_noticed() {
    let bytes = sealed();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(check(&flipped).is_err(), "bit {bit}");
    }
}

#[test]
fn fields_that_we_do_not_know_are_signed_and_kept() {
    let message = wire::Message { signature: None, ..wire::Message::decode(&sealed()[..]).unwrap() };
    let unknown = [message.encode_to_vec(), vec![0x3a, 1, 9]].concat();
    let signature = key(1).sign(&[DOMAIN, &unknown[..]].concat()).unwrap();
    let bytes = [&unknown[..], &[0x2a, 64], &signature].concat();
    assert!(check(&bytes).is_ok());
    assert_eq!(check(&[bytes, vec![0x3a, 1, 9]].concat()), Err(Invalid::BadSignature));
}

/// Returns the encoded fields of a message by the first key: those before the topic, and the topic `t`.
fn head_and_topic() -> (Vec<u8>, Vec<u8>) {
    let from = Some(key(1).public().to_peer_id().to_bytes());
    let seqno = Some(7u64.to_be_bytes().into());
    let head = wire::Message { from, data: Some(b"data".into()), seqno, ..Default::default() };
    (head.encode_to_vec(), b"\x22\x01t".into())
}

/// Returns the encoded fields, followed by a signature of the first key over exactly these bytes.
fn signed_as_it_stands(fields: &[u8]) -> Vec<u8> {
    let signature = key(1).sign(&[DOMAIN, fields].concat()).unwrap();
    [fields, &[0x2a, 64], &signature].concat()
}

/// Returns whether a message, which must have a valid signature, may be forwarded.
#[track_caller]
fn is_forwardable(bytes: &[u8]) -> bool {
    let claim = policy().open(bytes).unwrap();
    assert_eq!(claim.verify(bytes), Ok(()));
    assert_eq!((&*claim.message.topic, &claim.message.data[..], claim.message.seqno), ("t", &b"data"[..], Some(7)));
    claim.is_forwardable
}

#[test]
fn a_repeated_field_is_verified_as_it_stands_and_not_forwarded() {
    let (head, topic) = head_and_topic();
    let once = signed_as_it_stands(&[&head[..], &topic].concat());
    assert!(is_forwardable(&once));
    let earlier: [&[u8]; 4] = [b"\x0a\x01x", b"\x12\x05other", b"\x1a\x01x", b"\x22\x01a"];
    for earlier in earlier {
        let twice = signed_as_it_stands(&[earlier, &head, &topic].concat());
        assert!(!is_forwardable(&twice), "{earlier:x?}");
        // The signature covers the first occurrence, too.
        let mut bent = twice.clone();
        bent[2] ^= 1;
        assert_eq!(check(&bent), Err(Invalid::BadSignature), "{earlier:x?}");
        // A signature over the message as others decode it does not fit.
        assert_eq!(check(&[earlier, &once].concat()), Err(Invalid::BadSignature), "{earlier:x?}");
    }
    // The last signature and the last key count. Neither is covered by the signature.
    let key_field = [&[0x32, 36][..], &key(1).public().encode_protobuf()].concat();
    for (unsigned, is_good) in [
        ([&[0x2a, 1, 9][..], &once].concat(), true),
        ([&once[..], &[0x2a, 1, 9]].concat(), false),
        ([&once[..], b"\x32\x01x", &key_field].concat(), true),
        ([&once[..], &key_field, b"\x32\x01x"].concat(), false),
    ] {
        assert_eq!(check(&unsigned).is_ok(), is_good, "{unsigned:x?}");
        assert!(!policy().open(&unsigned).unwrap().is_forwardable);
    }
}

#[test]
fn an_empty_key_is_none_and_is_not_forwarded() {
    let (head, topic) = head_and_topic();
    let bytes = signed_as_it_stands(&[head, topic].concat());
    assert!(!is_forwardable(&[&bytes[..], b"\x32\x00"].concat()));
    assert!(is_forwardable(&[&bytes[..], &[0x32, 36], &key(1).public().encode_protobuf()].concat()));
    // A peer id that does not contain its key needs the field.
    let from = [&[0x12, 32][..], &[5; 32]].concat();
    let change = |message: &mut wire::Message| (message.from, message.key) = (Some(from), Some(vec![]));
    assert_eq!(check(&changed(change)), Err(Invalid::BadKey));
}

#[test]
fn a_message_in_an_unusual_form_is_not_forwarded() {
    let (head, topic) = head_and_topic();
    for fields in [
        [&topic[..], &head].concat(),               // not in order
        [&head[..], b"\x22\x81\x00t"].concat(),     // a length of two bytes
        [&head[..], &topic, b"\x3a\x01x"].concat(), // an unknown field
        [&head[..], &topic, b"\x3b\x3c"].concat(),  // a group
    ] {
        assert!(!is_forwardable(&signed_as_it_stands(&fields)), "{fields:x?}");
    }
}

#[test]
fn without_signatures_no_field_may_name_an_author() {
    let policy = Signing::strict_no_sign();
    let (bytes, id) = policy.seal("topic", b"data").unwrap();
    assert_eq!(bytes, b"\x12\x04data\x22\x05topic");
    let claim = policy.open(&bytes).unwrap();
    assert_eq!((claim.verify(&bytes), &claim.id), (Ok(()), &id));
    assert_eq!(claim.message, Message { topic: "topic".into(), source: None, seqno: None, data: b"data".into() });
    assert!(claim.is_forwardable);
    // Without signatures nobody can be blamed for one, but py takes two topics for two messages.
    for (bytes, is_forwardable) in [
        (&b"\x22\x01t\x12\x01d\x3a\x00"[..], true),
        (b"\x22\x01a\x22\x01t", false),
        (b"\x12\x00\x12\x01d\x22\x01t", false),
    ] {
        let claim = policy.open(bytes).unwrap();
        assert_eq!((&*claim.message.topic, claim.is_forwardable), ("t", is_forwardable), "{bytes:x?}");
    }
    for field in [&b"\x0a\x00"[..], b"\x1a\x00", b"\x2a\x00", b"\x32\x00"] {
        assert_eq!(policy.open(&[&bytes[..], field].concat()).unwrap_err(), Invalid::Unexpected);
    }
}

/// Returns an encoded message with this key, author and signature, and with `len` bytes of data.
fn crafted(key: &[u8], source: &[u8], signature: &[u8], len: usize) -> Vec<u8> {
    let message = wire::Message {
        from: Some(source.to_vec()),
        data: Some(vec![7; len]),
        seqno: Some(1_u64.to_be_bytes().into()),
        topic: Some("t".into()),
        signature: Some(signature.to_vec()),
        key: Some(key.to_vec()),
    };
    message.encode_to_vec()
}

#[test]
fn a_check_costs_its_signature_and_its_length() {
    let cost = |keypair: Keypair, len| {
        let signing = Signing::strict_sign(keypair, 1);
        let bytes = signing.seal("t", &vec![7; len]).unwrap().0;
        let Checked { cost, verdict } = signing.open(&bytes).unwrap().check(&bytes);
        assert_eq!(verdict, Ok(()));
        // A wrong signature costs as much.
        let mut forged = bytes;
        let at = forged.windows(3).position(|bytes| bytes == [0x22, 1, b't']).unwrap() + 2;
        forged[at] = b'u';
        let wrong = signing.open(&forged).unwrap().check(&forged);
        assert_eq!((wrong.cost, wrong.verdict), (cost, Err(Invalid::BadSignature)));
        cost
    };
    assert_eq!([0, 15 * 1024, 17 * 1024, 1 << 20].map(|len| cost(key(1), len)), [1, 1, 2, 65], "all of it is hashed");
    #[cfg(feature = "rsa")]
    {
        let rsa = include_bytes!("../../../../tests/support/rsa-4096.pk8");
        assert_eq!(cost(Keypair::rsa_from_pkcs8(&mut rsa.clone()).unwrap(), 0), 4);
    }
    #[cfg(feature = "ecdsa")]
    {
        let secret = libp2p_identity::ecdsa::SecretKey::try_from_bytes([9; 32]).unwrap();
        assert_eq!(cost(libp2p_identity::ecdsa::Keypair::from(secret).into(), 0), 9);
    }
}

#[test]
fn a_message_by_a_key_of_small_order_is_refused() {
    for weak in weak_keys::small_order() {
        let (key, source) = (weak_keys::on_the_wire(&weak), weak_keys::peer_id(&weak));
        for key in [&key[..], &[]] {
            let bytes = crafted(key, &source, &weak_keys::universal(), 4);
            assert_eq!(check(&bytes), Err(Invalid::Refused), "{weak:x?}");
        }
    }
}

#[test]
fn a_refused_key_is_told_from_a_wrong_one() {
    let source = key(1).public().to_peer_id().to_bytes();
    // A key of an unknown type, an RSA key that is too long, and one that is cut.
    for (key, verdict) in [
        (&[8, 9, 18, 1, 0][..], Invalid::Refused),
        (&[&[8, 0, 18, 0x80, 0x20][..], &[0; 4_096]].concat(), Invalid::Refused),
        (&[8, 1, 18, 1, 0], Invalid::BadKey),
    ] {
        let bytes = crafted(key, &source, &[0; 64], 4);
        assert_eq!(check(&bytes), Err(verdict), "{key:x?}");
        assert_eq!(policy().open(&bytes).unwrap().check(&bytes).cost, 1, "nothing is computed");
    }
}
