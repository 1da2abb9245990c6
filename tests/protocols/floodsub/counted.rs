//! What has become of each message of a peer, as the counters of that peer say.

use crate::floodsub::raw::{publishing, signed, subscribing};
use crate::floodsub::world::World;
use crate::support::floodsub::{keypair, peer};
use prost::Message as _;
use swarm_notify::lifecycle::StreamId;
use swarm_notify::protocols::pubsub::wire::Message;
use swarm_notify::protocols::pubsub::{Config, PeerCounters, SeqnoValidator, Verdict};

const NODE: u8 = 1;
const RAW: u8 = 2;

/// A node that subscribes to `t`, and a raw peer with a stream to it.
fn with(config: Config) -> (World, StreamId) {
    let mut world = World::new();
    assert_eq!(world.node(config), NODE);
    world.at(NODE).subscribe("t");
    assert_eq!(world.raw(true), RAW);
    world.join(RAW, NODE);
    let stream = world.raw_at(RAW).open();
    world.settle();
    world.forget_logs();
    (world, stream)
}

/// The raw peer says something, and is counted.
fn counted(world: &mut World, stream: StreamId, messages: &[Vec<u8>]) -> PeerCounters {
    world.raw_at(RAW).send(stream, &publishing(messages));
    world.settle();
    world.at(NODE).floodsub().counters_of(peer(RAW)).expect("it is a peer")
}

/// The messages that were looked at.
fn looked_at(counters: &PeerCounters) -> u64 {
    let PeerCounters { received, duplicates, unwanted, denied, invalid, refused, ignored, outdated, .. } = *counters;
    let over_share = counters.author_over_share + counters.sender_over_share;
    received + duplicates + unwanted + denied + invalid + refused + ignored + outdated + over_share
}

#[test]
fn each_message_of_a_peer_is_in_one_of_its_counters() {
    let (mut world, stream) = with(Config::default());
    world.at(NODE).on(|floodsub, swarm| floodsub.deny(swarm, peer(8)));
    world.at(NODE).floodsub().set_seqno_validator(SeqnoValidator::default());
    world.at(NODE).floodsub().set_validator(|_, message| match &message.data[..] {
        b"ignored" => Verdict::Ignore,
        b"rejected" => Verdict::Reject,
        _ => Verdict::Accept,
    });
    // Without a number it is refused here, and its author is somebody else.
    let odd = Message {
        from: Some(keypair(9).public().to_peer_id().to_bytes()),
        data: Some(b"a".into()),
        topic: Some("t".into()),
        ..Message::default()
    };
    let signature = keypair(9).sign(&[&b"libp2p-pubsub:"[..], &odd.encode_to_vec()].concat()).expect("it signs");
    let odd = Message { signature: Some(signature), ..odd }.encode_to_vec();
    let messages = [
        signed(9, 7, "t", b"received"),
        signed(9, 7, "t", b"received"),
        signed(9, 6, "t", b"outdated"),
        signed(9, 8, "u", b"unwanted"),
        signed(8, 1, "t", b"denied"),
        signed(7, 1, "t", b"ignored"),
        signed(7, 2, "t", b"rejected"),
        b"no message".to_vec(),
        odd,
    ];
    let counters = counted(&mut world, stream, &messages);
    let PeerCounters { received, duplicates, repeated, unwanted, denied, .. } = counters;
    assert_eq!((received, duplicates, repeated, unwanted, denied), (1, 1, 1, 1, 1), "{counters:?}");
    let PeerCounters { invalid, refused, ignored, outdated, .. } = counters;
    assert_eq!((invalid, refused, ignored, outdated), (2, 1, 1, 1), "{counters:?}");
    assert_eq!(looked_at(&counters), messages.len() as u64);

    world.raw_at(RAW).send(stream, &subscribing(&[&"x".repeat(2_000)]));
    world.settle();
    let counters = world.at(NODE).floodsub().counters_of(peer(RAW)).expect("it is a peer");
    assert_eq!(counters.topics_refused, 1);
}

#[test]
fn what_is_beyond_a_share_is_counted_of_its_sender() {
    let mut config = Config::default();
    config.seen = 40;
    let (mut world, stream) = with(config);
    let of_one: Vec<_> = (0..30).map(|seqno| signed(9, seqno, "t", b"a")).collect();
    let counters = counted(&mut world, stream, &of_one);
    assert_eq!((counters.received, counters.author_over_share, counters.sender_over_share), (20, 10, 0));
    let of_many: Vec<_> = (10..40).map(|author| signed(author, 1, "t", b"a")).collect();
    let counters = counted(&mut world, stream, &of_many);
    assert!(counters.received > 20 && counters.sender_over_share > 0, "{counters:?}");
    assert_eq!((counters.author_over_share, looked_at(&counters)), (10, 60), "{counters:?}");
    let all = world.at(NODE).floodsub().counters();
    let own = (counters.received, counters.author_over_share, counters.sender_over_share);
    assert_eq!((all.received, all.author_over_share, all.sender_over_share), own);
}
