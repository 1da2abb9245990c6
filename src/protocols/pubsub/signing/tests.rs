//! What is signed is taken, and nothing else.

use super::*;
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

/// A changed copy of a signed message.
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
fn what_is_signed_is_verified_and_names_its_author() {
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
    assert!(key(1).public().verify(&signed, &message.signature.unwrap()));
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
    for change in [
        (|message| message.from = None) as fn(&mut wire::Message),
        |message| message.seqno = None,
        |message| message.signature = None,
    ] {
        assert_eq!(check(&changed(change)), Err(Invalid::Missing));
    }
    assert_eq!(check(&changed(|message| message.topic = None)), Err(Invalid::Malformed));
    assert_eq!(check(&changed(|message| message.seqno = Some(vec![0; 7]))), Err(Invalid::BadField));
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

#[test]
fn without_signatures_nothing_may_be_there_that_names_an_author() {
    let policy = Signing::strict_no_sign();
    let (bytes, id) = policy.seal("topic", b"data").unwrap();
    assert_eq!(bytes, b"\x12\x04data\x22\x05topic");
    let claim = policy.open(&bytes).unwrap();
    assert_eq!((claim.verify(&bytes), &claim.id), (Ok(()), &id));
    assert_eq!(claim.message, Message { topic: "topic".into(), source: None, seqno: None, data: b"data".into() });
    for field in [&b"\x0a\x00"[..], b"\x1a\x00", b"\x2a\x00", b"\x32\x00"] {
        assert_eq!(policy.open(&[&bytes[..], field].concat()).unwrap_err(), Invalid::Unexpected);
    }
}
