//! Who pays for a message that is not taken: never a peer that has forwarded it as an honest one would.

use crate::floodsub::raw::{publishing, signed};
use crate::floodsub::world::World;
use crate::support::floodsub::peer;
use std::time::Duration;
use swarm_notify::lifecycle::StreamId;
use swarm_notify::protocols::pubsub::{Config, Verdict};

const NODE: u8 = 1;

const RAW: u8 = 2;

/// A node that subscribes to `t`, and a raw peer with a stream to it.
fn with(config: Config) -> (World, StreamId) {
    let mut world = World::new();
    assert_eq!((world.node(config), world.raw(true)), (NODE, RAW));
    world.at(NODE).subscribe("t");
    world.join(RAW, NODE);
    let stream = world.raw_at(RAW).open();
    world.settle();
    world.forget_logs();
    (world, stream)
}

/// Others may take longer RPCs than a small node. Whoever says something so long is not to have it cut all its neighbours, nor
/// to have their streams reset.
#[test]
fn who_forwards_what_is_too_long_is_not_blamed() {
    let (mut world, stream) = with(Config::small());
    for seqno in 0..30 {
        world.raw_at(RAW).send(stream, &publishing(&[signed(9, seqno, "t", &[7; 100_000])]));
        world.raw_at(RAW).send(stream, &publishing(&[signed(8, seqno, "t", b"good")]));
        world.settle();
    }
    let counters = world.at(NODE).floodsub().counters();
    assert_eq!((counters.too_long, counters.received), (30, 30), "what comes behind it is heard");
    assert_eq!((counters.invalid, counters.peers_cut, counters.streams_cut), (0, 0, 0));
    assert_eq!(world.at(NODE).peers(), [RAW]);
    assert!(!world.raw_at(RAW).log.iter().any(|line| line.starts_with("closed")), "its stream lives");
    world.pass(Duration::from_secs(1));
    let log = world.at(NODE).take_log();
    let told: u64 = log.iter().filter_map(|line| line.strip_prefix("refused 2 ")?.parse::<u64>().ok()).sum();
    assert_eq!(told, 30, "each is told");
    assert_eq!(world.at(NODE).floodsub().held().inbound_bytes, 0, "and nothing is kept of it");
}

#[test]
fn who_forwards_what_a_validator_ignores_is_not_blamed() {
    for (verdict, cut) in [(Verdict::Ignore, 0), (Verdict::Reject, 1)] {
        let (mut world, stream) = with(Config::default());
        world.at(NODE).floodsub().set_validator(move |_, _| verdict);
        let messages: Vec<_> = (0..100).map(|seqno| signed(9, seqno, "t", b"dull")).collect();
        world.raw_at(RAW).send(stream, &publishing(&messages));
        world.settle();
        let counters = world.at(NODE).floodsub().counters();
        assert_eq!((counters.peers_cut, counters.received), (cut, 0));
        assert_eq!((counters.ignored, counters.rejected), if cut == 0 { (100, 0) } else { (0, 21) });
    }
}

#[test]
fn the_owner_lifts_a_denial_early() {
    let (mut world, stream) = with(Config::default());
    world.raw_at(RAW).send(stream, &publishing(&vec![b"none".to_vec(); 21]));
    world.settle();
    let is_let_in = |world: &mut World| {
        world.join(RAW, NODE);
        world.at(NODE).peers() == [RAW]
    };
    assert!(!is_let_in(&mut world), "it is denied for a minute");
    let denials: Vec<_> = world.at(NODE).swarm.lists().timed_denials().map(|(peer, _)| peer).collect();
    assert_eq!(denials, [peer(RAW)]);
    assert!(world.at(NODE).swarm.lists_mut().forget_peer(peer(RAW)));
    assert!(is_let_in(&mut world), "its owner lets it in");
}
