//! A7: signatures cost work, which is bounded in each turn and paid by who has sent them, whatever their number. Work is
//! counted, in signatures of Ed25519, and no clock is looked at.

use crate::floodsub::raw::{publishing, signed};
use crate::floodsub::world::{World, beside_raws};
use crate::support::fake_node::Fake;
use crate::support::floodsub::{keypair, peer};
use crate::support::weak_keys;
use libp2p_identity::{Keypair, PeerId};
use prost::Message as _;
use std::time::Duration;
use swarm_notify::connection::Rate;
use swarm_notify::lifecycle::StreamId;
use swarm_notify::notifee::Notifees;
use swarm_notify::protocols::floodsub::{FloodSub, PROTOCOL};
use swarm_notify::protocols::pubsub::wire::{Message, Rpc};
use swarm_notify::protocols::pubsub::{Config, Signing};

/// The attack was 18 000 of them a second.
const FLOOD: u64 = 18_000;

const NODE: u8 = 1;

/// A message whose signature is another one's.
fn forged(keypair: &Keypair, seqno: u64) -> Vec<u8> {
    let sealed = |data| Signing::strict_sign(keypair.clone(), seqno).seal("t", data).expect("it signs").0;
    let (right, other) = (sealed(b"right"), sealed(b"other"));
    let other = Message::decode(&other[..]).expect("it is a message");
    Message { signature: other.signature, ..Message::decode(&right[..]).expect("it is a message") }.encode_to_vec()
}

/// A message by everybody: its key is of small order.
fn by_a_weak_key(weak: &[u8; 32]) -> Vec<u8> {
    let message = Message {
        from: Some(weak_keys::peer_id(weak)),
        data: Some(b"data".into()),
        seqno: Some(vec![0; 8]),
        topic: Some("t".into()),
        signature: Some(weak_keys::universal().into()),
        key: None,
    };
    message.encode_to_vec()
}

/// Writes as much as there is place for, and lets things go on, until all is written or the stream is gone.
fn floods(world: &mut World, (raw, stream): (u8, StreamId), rpcs: &[Rpc]) {
    let bytes: Vec<u8> = rpcs.iter().flat_map(Rpc::to_frame).collect();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        match world.raw_at(raw).swarm.write(stream, rest) {
            Ok(n) => rest = &rest[n..],
            Err(_) if world.raw_at(raw).swarm.stream(stream).is_none() => return,
            Err(_) => {}
        }
        world.settle();
    }
}

#[test]
fn a_flood_of_wrong_signatures_is_cut_after_21_of_them() {
    let (mut world, raws) = beside_raws(Config::default(), 2);
    let [attacker, (honest, stream)] = raws[..] else { panic!("there are two") };
    let forged = forged(&keypair(9), 1);
    let flood: Vec<_> = (0..FLOOD / 1_000).map(|_| publishing(&vec![forged.clone(); 1_000])).collect();
    let own: Vec<_> = (0..100).map(|seqno| signed(honest, seqno, "t", b"a")).collect();
    world.raw_at(honest).send(stream, &publishing(&own));
    floods(&mut world, attacker, &flood);
    world.settle();
    let counters = world.at(NODE).floodsub().counters();
    assert_eq!((counters.invalid, counters.peers_cut, counters.received), (21, 1, 100));
    assert_eq!(counters.work, 21 + 100, "what comes after costs no work");
    assert_eq!(world.at(NODE).peers(), [honest], "who pays is the attacker");
    let now = world.now;
    assert!(world.at(NODE).swarm.lists().denies_peer(peer(attacker.0), now));
}

#[test]
fn a_flood_that_is_never_cut_takes_its_share_of_a_turn_at_most() {
    let mut config = Config::default();
    config.invalid = Rate::new(u32::MAX, u32::MAX);
    let per_turn = config.messages_per_turn as u64;
    let (mut world, raws) = beside_raws(config, 2);
    let [attacker, (honest, stream)] = raws[..] else { panic!("there are two") };
    let forged = forged(&keypair(9), 1);
    let own: Vec<_> = (0..320).map(|seqno| signed(honest, seqno, "t", b"a")).collect();
    world.raw_at(honest).send(stream, &publishing(&own));
    // As much as its window takes: it is there at once, and lasts longer than what the honest one has.
    world.raw_at(attacker.0).send(attacker.1, &publishing(&vec![forged.clone(); 900]));
    world.settle();
    let node = world.at(NODE);
    assert!(node.work_per_turn.iter().all(|work| *work <= per_turn), "{:?}", node.work_per_turn);
    assert_eq!(node.work_per_turn.iter().sum::<u64>(), 900 + 320);
    // Half of each turn is the honest one's, as long as it has something.
    let (last, full) = node.per_turn.split_last().expect("it was heard");
    assert!(full.iter().all(|turn| turn.len() as u64 >= per_turn / 2), "{:?}", node.per_turn);
    assert_eq!(full.iter().map(Vec::len).sum::<usize>() + last.len(), 320);
    let [theirs, own] =
        [attacker.0, honest].map(|raw| node.floodsub().counters_of(peer(raw)).expect("it is there").work);
    assert_eq!((theirs, own), (900, 320));
}

#[cfg(feature = "rsa")]
#[test]
fn costly_signatures_count_as_what_they_cost() {
    let mut config = Config::default();
    config.invalid = Rate::new(u32::MAX, u32::MAX);
    config.messages_per_turn = 16;
    let (mut world, raws) = beside_raws(config, 2);
    let [attacker, (honest, stream)] = raws[..] else { panic!("there are two") };
    // Of 4 096 bits: each costs 4.
    let rsa = Keypair::rsa_from_pkcs8(&mut include_bytes!("../../support/rsa-4096.pk8").to_vec()).expect("it is a key");
    world.raw_at(attacker.0).send(attacker.1, &publishing(&vec![forged(&rsa, 1); 60]));
    let own: Vec<_> = (0..80).map(|seqno| signed(honest, seqno, "t", b"a")).collect();
    world.raw_at(honest).send(stream, &publishing(&own));
    world.settle();
    let node = world.at(NODE);
    assert_eq!(node.work_per_turn.iter().sum::<u64>(), 60 * 4 + 80);
    // A turn that has one unit left may still spend four.
    assert!(node.work_per_turn.iter().all(|work| *work <= 16 + 3), "{:?}", node.work_per_turn);
    let (_, full) = node.per_turn.split_last().expect("it was heard");
    assert!(full.iter().all(|turn| turn.len() >= 6), "about half of the work: {:?}", node.per_turn);
}

/// An honest peer forwards messages that are refused here alone: they are counted, and it is heard as before.
fn is_not_blamed_for(all: &[Vec<u8>]) {
    let (mut world, raws) = beside_raws(Config::default(), 1);
    let [(honest, stream)] = raws[..] else { panic!("there is one") };
    world.raw_at(honest).send(stream, &publishing(all));
    world.raw_at(honest).send(stream, &publishing(&[signed(9, 1, "t", b"good")]));
    world.settle();
    let counters = world.at(NODE).floodsub().counters();
    assert_eq!((counters.refused, counters.invalid, counters.peers_cut), (all.len() as u64, 0, 0));
    assert_eq!((counters.received, world.at(NODE).peers()), (1, vec![honest]), "it is heard as before");
    world.at(NODE).expect(&["message t 9#1 good via 2"]);
}

/// go-libp2p takes such messages, and forwards them. Whoever crafts them is not to have us cut all who are honest.
#[test]
fn who_forwards_what_is_refused_here_alone_is_not_blamed() {
    let mut refused: Vec<_> = weak_keys::small_order().iter().map(by_a_weak_key).collect();
    // A key of a type that nobody knows yet.
    let unknown = Message { key: Some(vec![8, 77, 18, 1, 0]), ..Message::decode(&refused[0][..]).expect("it is one") };
    refused.push(unknown.encode_to_vec());
    is_not_blamed_for(&vec![refused; 10].concat());
}

/// Such a peer does not come in. If one did, it would be blamed for its own.
#[test]
fn an_author_is_blamed_for_what_is_refused_here_alone() {
    let weak = weak_keys::bytes(weak_keys::SMALL_ORDER[0]);
    let [ours, author] =
        [keypair(1).public().to_peer_id(), PeerId::from_bytes(&weak_keys::peer_id(&weak)).expect("it is one")];
    let mut node = Fake::new(ours);
    let mut service = FloodSub::new(Signing::strict_sign(keypair(1), 1), Config::default());
    service.subscribe(&mut node, "t").expect("there is place");
    let mut notifees = Notifees::new();
    let floodsub = notifees.install(&mut node, service);
    let connection = node.connect(author).expect("there is room");
    let mut turn = |node: &mut Fake| {
        node.poll();
        notifees.drive(node, Duration::from_secs(1));
        notifees.get(floodsub).expect("it is installed").counters()
    };
    turn(&mut node);
    let stream = node.accept(connection, PROTOCOL).expect("there is room");
    turn(&mut node);
    node.send(stream, &publishing(&vec![by_a_weak_key(&weak); 30]).to_frame(), 0);
    turn(&mut node);
    let counters = turn(&mut node);
    assert_eq!((counters.refused, counters.invalid, counters.peers_cut), (0, 21, 1));
}

/// A message of an author that go-libp2p takes and forwards: it has the signature of what it says, made by `keypair`.
fn sealed_as(keypair: &Keypair, from: Vec<u8>, seqno: Option<Vec<u8>>) -> Vec<u8> {
    let mut message =
        Message { from: Some(from), data: Some(b"data".into()), seqno, topic: Some("t".into()), ..Message::default() };
    let signed = [&b"libp2p-pubsub:"[..], &message.encode_to_vec()].concat();
    message.signature = Some(keypair.sign(&signed).expect("it signs"));
    message.encode_to_vec()
}

/// go-libp2p looks neither at the length of a sequence number nor at the encoding of a key in a peer id.
#[test]
fn who_forwards_odd_numbers_and_odd_names_is_not_blamed() {
    let (author, peer_id) = (keypair(9), keypair(9).public().to_peer_id().to_bytes());
    // A field behind the key that nobody knows: in an id that is short enough to be one, and in one that is not.
    let odd =
        |rest: &[u8]| [&[0, u8::try_from(36 + rest.len()).expect("it is short")][..], &peer_id[2..], rest].concat();
    let of = [
        (peer_id.clone(), None),
        (peer_id.clone(), Some(vec![])),
        (peer_id.clone(), Some(vec![1, 2, 3])),
        (peer_id.clone(), Some(vec![1; 9])),
        (odd(&[0x18, 1]), Some(vec![0; 8])),
        (odd(&[0x1a, 6, 0, 0, 0, 0, 0, 0]), Some(vec![0; 8])),
    ];
    let all: Vec<_> = of.into_iter().map(|(from, seqno)| sealed_as(&author, from, seqno)).collect();
    is_not_blamed_for(&vec![all; 10].concat());
}

/// go-libp2p passes over what stands behind R and S of a signature.
#[cfg(feature = "ecdsa")]
#[test]
fn who_forwards_a_signature_with_a_rest_is_not_blamed() {
    let (mut world, raws) = beside_raws(Config::default(), 1);
    let [(honest, stream)] = raws[..] else { panic!("there is one") };
    let secret = libp2p_identity::ecdsa::SecretKey::try_from_bytes([9; 32]).expect("it is a key");
    let author: Keypair = libp2p_identity::ecdsa::Keypair::from(secret).into();
    let sealed = Signing::strict_sign(author, 1).seal("t", b"data").expect("it signs").0;
    let with = |change: fn(Vec<u8>) -> Vec<u8>| {
        let message = Message::decode(&sealed[..]).expect("it is a message");
        Message { signature: message.signature.map(change), ..message }.encode_to_vec()
    };
    let behind = with(|signature| [&signature[..], &[0]].concat());
    let within = with(|signature| [&[0x30, signature[1] + 2][..], &signature[2..], &[5, 0]].concat());
    let long = with(|signature| {
        [&[0x30, 0x81, 0x80][..], &signature[2..], &[4, 126 - signature[1]], &[0; 126][usize::from(signature[1])..]]
            .concat()
    });
    let all = vec![[behind, within, long]; 20].concat();
    world.raw_at(honest).send(stream, &publishing(&all));
    world.settle();
    let counters = world.at(NODE).floodsub().counters();
    assert_eq!((counters.refused, counters.invalid, counters.peers_cut), (all.len() as u64, 0, 0));
    // A wrong one is wrong whatever its form.
    let forged = with(|mut signature| {
        signature[10] ^= 1;
        signature.push(0);
        signature
    });
    world.raw_at(honest).send(stream, &publishing(&[forged]));
    world.settle();
    assert_eq!(world.at(NODE).floodsub().counters().invalid, 1);
}

/// go-libp2p takes a key of secp256k1 with both coordinates and the sign of one, by an author whose peer id has the usual form.
#[cfg(feature = "secp256k1")]
#[test]
fn who_forwards_a_key_in_hybrid_form_is_not_blamed() {
    let (mut world, raws) = beside_raws(Config::default(), 1);
    let [(honest, stream)] = raws[..] else { panic!("there is one") };
    let secret = libp2p_identity::secp256k1::SecretKey::try_from_bytes([9; 32]).expect("it is a key");
    let pair = libp2p_identity::secp256k1::Keypair::from(secret);
    let mut hybrid = pair.public().to_bytes_uncompressed();
    hybrid[0] = 6 | hybrid[64] & 1;
    let sealed = Signing::strict_sign(pair.into(), 1).seal("t", b"data").expect("it signs").0;
    let of_key = |key: &[u8]| {
        let key = [&[8, 2, 18, u8::try_from(key.len()).expect("it is short")][..], key].concat();
        Message { key: Some(key), ..Message::decode(&sealed[..]).expect("it is a message") }.encode_to_vec()
    };
    world.raw_at(honest).send(stream, &publishing(&vec![of_key(&hybrid); 30]));
    world.settle();
    let counters = world.at(NODE).floodsub().counters();
    assert_eq!((counters.refused, counters.invalid, counters.peers_cut), (30, 0, 0));
    // One that is no key is wrong, as it is for go.
    hybrid[0] = 5;
    world.raw_at(honest).send(stream, &publishing(&[of_key(&hybrid)]));
    world.settle();
    assert_eq!((world.at(NODE).floodsub().counters().invalid, world.at(NODE).peers()), (1, vec![honest]));
}
