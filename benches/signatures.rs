//! The work of verifying one signed message by each type of key, as pub/sub does it. The library counts it in signatures of
//! Ed25519 (`src/connection/key/cost.rs`); the last figure of each line is what it should count.

mod support;

use prost::Message as _;
use support::{amount, compare, rival};
use swarm_notify::identity::{Keypair, ecdsa, secp256k1};
use swarm_notify::protocols::pubsub::Signing;
use swarm_notify::protocols::pubsub::signing::Invalid;
use swarm_notify::protocols::pubsub::wire::Message;

fn sealed(keypair: Keypair) -> Vec<u8> {
    Signing::strict_sign(keypair, 1).seal("t", b"data").expect("it signs").0
}

/// A message with a wrong signature by a key of RSA. It takes as long as a right one.
fn forged_rsa(bits: usize) -> Vec<u8> {
    let element = |tag: u8, value: &[u8]| {
        let length = u16::try_from(value.len()).expect("it is short").to_be_bytes();
        [&[tag, 0x82], &length[..], value].concat()
    };
    let modulus = element(2, &[&[0, 0xc1][..], &vec![0x35; bits / 8 - 1]].concat());
    let key = element(0x30, &[&modulus[..], &[2, 3, 1, 0, 1]].concat());
    let algorithm = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    let info = element(0x30, &[&algorithm[..], &element(3, &[&[0], &key[..]].concat())].concat());
    let length = info.len();
    let key = [&[8, 0, 18, length as u8 | 0x80, (length >> 7) as u8], &info[..]].concat();
    let peer = swarm_notify::identity::PublicKey::try_decode_protobuf(&key).expect("it is a key").to_peer_id();
    let message = Message {
        from: Some(peer.to_bytes()),
        data: Some(b"data".into()),
        seqno: Some(vec![0; 8]),
        topic: Some("t".into()),
        signature: Some(vec![0x10; bits / 8]),
        key: Some(key),
    };
    message.encode_to_vec()
}

fn main() {
    let ecdsa = ecdsa::Keypair::from(ecdsa::SecretKey::try_from_bytes([9; 32]).expect("it is a key"));
    let secp256k1 = secp256k1::Keypair::from(secp256k1::SecretKey::try_from_bytes([9; 32]).expect("it is a key"));
    let messages = [
        ("ed25519", sealed(Keypair::ed25519_from_bytes([9; 32]).expect("it is a key")), Ok(())),
        ("ecdsa", sealed(ecdsa.into()), Ok(())),
        ("secp256k1", sealed(secp256k1.into()), Ok(())),
        ("rsa 2048", forged_rsa(2_048), Err(Invalid::BadSignature)),
        ("rsa 3072", forged_rsa(3_072), Err(Invalid::BadSignature)),
        ("rsa 4096", forged_rsa(4_096), Err(Invalid::BadSignature)),
        ("rsa 8192", forged_rsa(8_192), Err(Invalid::BadSignature)),
    ];
    let policy = Signing::strict_sign(Keypair::ed25519_from_bytes([1; 32]).expect("it is a key"), 1);
    let rivals = messages.iter().map(|(name, message, expected)| {
        let policy = &policy;
        rival(name, move |units| {
            for _ in 0..units {
                let claim = policy.open(message).expect("it is a message");
                assert_eq!(claim.verify(message), *expected, "{name}");
            }
        })
    });
    let told = compare("verify a message", amount(200), rivals.collect());
    let ed25519 = told[0].1;
    for (name, seconds) in told {
        println!("{name}: {:.1} signatures of Ed25519", seconds / ed25519);
    }
}
