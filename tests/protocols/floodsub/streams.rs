//! Our stream to a peer: opened again when it ends, at once elsewhere or after a while, and not for ever.

use crate::floodsub::raw::{publishing, signed, subscribing};
use crate::floodsub::world::World;
use crate::support::floodsub::{FLOODSUB, keypair};
use std::time::Duration;
use swarm_notify::lifecycle::{Direction, StreamId};
use swarm_notify::protocols::pubsub::{Config, Signing};
use swarm_notify::swarm::Config as SwarmConfig;

const SECOND: Duration = Duration::from_secs(1);

/// A node that subscribes to `t`, and a raw peer that does too and is connected with it.
fn joined(config: Config) -> (World, u8, u8, StreamId) {
    let mut world = World::new();
    let (node, raw) = (world.node(config), world.raw(true));
    world.at(node).subscribe("t");
    world.join(raw, node);
    let stream = world.raw_at(raw).open();
    world.raw_at(raw).send(stream, &subscribing(&["t"]));
    world.settle();
    world.at(node).expect(&["added 2", "subscribed 2 t"]);
    (world, node, raw, stream)
}

/// The streams that a raw peer has to read from.
fn inbound(world: &mut World, raw: u8) -> Vec<StreamId> {
    let raw = world.raw_at(raw);
    let lives = |stream: &StreamId| raw.swarm.stream(*stream).is_some();
    raw.received.keys().copied().filter(lives).collect()
}

#[test]
fn a_reset_stream_opens_again_later_and_says_all_that_counts() {
    let (mut world, node, raw, _) = joined(Config::default());
    world.at(node).subscribe("u");
    world.settle();
    let stream = inbound(&mut world, raw)[0];
    world.raw_at(raw).swarm.reset(stream).unwrap();
    world.settle();
    assert_eq!(inbound(&mut world, raw), []);
    // What changes meanwhile, and what is published, waits.
    world.at(node).unsubscribe("u");
    world.at(node).subscribe("v");
    world.at(node).publish("t", "a");
    world.raw_at(raw).received.clear();
    world.pass(SECOND / 2);
    assert_eq!(world.raw_at(raw).received.len(), 0);
    world.pass(SECOND);
    assert_eq!(world.raw_at(raw).announced(), ["+t", "+v", "-u"]);
    assert_eq!(world.raw_at(raw).messages(), [b"a"]);
    world.at(node).expect(&[]);
    assert_eq!(world.at(node).peers(), [raw]);
}

#[test]
fn what_was_taken_back_unheard_is_taken_back_again() {
    let (mut world, node, raw, _) = joined(Config::default());
    world.at(node).subscribe("u");
    world.settle();
    world.raw_at(raw).is_deaf = true;
    world.at(node).unsubscribe("u");
    world.settle();
    let stream = inbound(&mut world, raw)[0];
    world.raw_at(raw).swarm.reset(stream).unwrap();
    world.raw_at(raw).received.clear();
    world.raw_at(raw).is_deaf = false;
    world.pass(2 * SECOND);
    assert_eq!(world.raw_at(raw).announced(), ["+t", "-u"]);
}

#[test]
fn a_message_cut_by_its_streams_end_comes_whole_on_the_next() {
    let mut config = Config::default();
    config.rpc_bytes = 2_000_000;
    let (mut world, node, raw, _) = joined(config);
    world.raw_at(raw).is_deaf = true;
    world.at(node).try_publish("t", &vec![7; 1_000_000]).unwrap();
    world.settle();
    let stream = inbound(&mut world, raw)[0];
    world.raw_at(raw).received.clear();
    world.raw_at(raw).swarm.reset(stream).unwrap();
    world.raw_at(raw).is_deaf = false;
    world.pass(2 * SECOND);
    assert_eq!(world.raw_at(raw).messages(), [vec![7; 1_000_000]]);
}

#[test]
fn it_is_tried_a_number_of_times_at_growing_distances() {
    let mut config = Config::default();
    config.reopen_attempts = 3;
    let (mut world, node, raw, _) = joined(config);
    let opened = |world: &mut World| world.at(node).swarm.counters().streams.outbound.opened;
    for (tried, wait) in [(1, 1), (2, 2), (3, 4)] {
        assert_eq!(opened(&mut world), tried);
        let stream = inbound(&mut world, raw)[0];
        world.raw_at(raw).swarm.reset(stream).unwrap();
        world.pass(wait * SECOND - SECOND / 10);
        assert_eq!(opened(&mut world), tried, "too early");
        world.pass(SECOND / 5);
        assert_eq!(opened(&mut world), tried + 1);
    }
    let stream = inbound(&mut world, raw)[0];
    world.raw_at(raw).swarm.reset(stream).unwrap();
    world.pass(3600 * SECOND);
    assert_eq!(opened(&mut world), 4);
    // It is a peer still, since it talks to us, and one that cannot hear. Another connection is another chance.
    assert_eq!(world.at(node).peers(), [raw]);
    world.join(raw, node);
    assert_eq!(opened(&mut world), 5);
    world.at(node).expect(&[]);
}

#[test]
fn one_that_has_lived_for_long_begins_anew() {
    let mut config = Config::default();
    (config.reopen_attempts, config.reopen_at_most_after) = (1, 10 * SECOND);
    let (mut world, node, raw, _) = joined(config);
    for _ in 0..3 {
        world.pass(10 * SECOND);
        let stream = inbound(&mut world, raw)[0];
        world.raw_at(raw).swarm.reset(stream).unwrap();
        world.pass(2 * SECOND);
        assert_eq!(inbound(&mut world, raw).len(), 1);
    }
    let stream = inbound(&mut world, raw)[0];
    world.raw_at(raw).swarm.reset(stream).unwrap();
    world.pass(60 * SECOND);
    assert_eq!(inbound(&mut world, raw), [], "it had lived for 8 s");
    assert_eq!(world.at(node).peers(), [raw]);
}

#[test]
fn one_that_is_finished_by_the_peer_stays() {
    let (mut world, node, raw, _) = joined(Config::default());
    let stream = inbound(&mut world, raw)[0];
    // Its side was never used.
    world.raw_at(raw).swarm.finish(stream).unwrap();
    world.settle();
    world.at(node).publish("t", "a");
    world.settle();
    assert_eq!(world.raw_at(raw).messages(), [b"a"]);
    assert_eq!(world.at(node).streams(), (1, 1));
}

#[test]
fn what_comes_on_it_is_not_looked_at() {
    let (mut world, node, raw, _) = joined(Config::default());
    let stream = inbound(&mut world, raw)[0];
    for _ in 0..8 {
        // More than a window in all, so that it has to be read.
        world.raw_at(raw).write(stream, &[0xff; 60_000]);
        world.settle();
    }
    world.at(node).publish("t", "a");
    world.settle();
    assert_eq!(world.raw_at(raw).messages(), [b"a"]);
    world.at(node).expect(&[]);
    assert_eq!(world.at(node).floodsub().counters().invalid, 0);
}

#[test]
fn with_its_connection_it_moves_to_another_at_once() {
    let mut world = World::of(2);
    let first = world.join(1, 2);
    world.join(1, 2);
    (1..=2).for_each(|number| world.at(number).subscribe("t"));
    world.settle();
    world.forget_logs();
    let since = world.now;
    world.disconnect(1, first);
    world.at(2).publish("t", "a");
    world.at(1).publish("t", "b");
    world.settle();
    assert!(world.now - since < SECOND / 2, "no wait");
    assert_eq!((world.at(1).streams(), world.at(2).streams()), ((1, 1), (1, 1)));
    world.at(1).publish("t", "c");
    world.at(2).publish("t", "d");
    world.settle();
    world.at(1).expect(&["message t 2#1 a via 2", "message t 2#2 d via 2"]);
    world.at(2).expect(&["message t 1#1 b via 1", "message t 1#2 c via 1"]);
}

#[test]
fn what_arrived_before_its_connection_ended_is_not_lost() {
    let (mut world, node, raw, stream) = joined(Config::default());
    let message = publishing(&[signed(raw, 1, "t", b"last words")]);
    world.raw_at(raw).send(stream, &message);
    let connection = world.raw_at(raw).connection();
    world.disconnect(raw, connection);
    world.settle();
    world.at(node).expect(&["message t 2#1 last words via 2", "gone 2"]);
}

#[test]
fn where_the_limits_leave_no_place_for_it_it_is_tried_again() {
    let mut config = SwarmConfig::default();
    config.limits.streams_per_connection = 1;
    let mut world = World::of(1);
    let node = world.node_with(Config::default(), config, Signing::strict_no_sign());
    let other = world.raw(true);
    world.join(other, node);
    // The peer's stream is there first, and ours has no place beside it.
    let connections: Vec<_> = world.at(node).swarm.connections().collect();
    let ours: Vec<_> = world.at(node).swarm.streams_of(connections[0]).collect();
    assert_eq!(ours.len(), 1);
    assert_eq!(world.at(node).swarm.stream(ours[0]).unwrap().direction, Direction::Outbound);
    world.at(node).swarm.reset(ours[0]).unwrap();
    let stream = world.raw_at(other).open();
    world.settle();
    assert_eq!(world.at(node).streams(), (1, 0));
    world.pass(5 * SECOND);
    assert_eq!(world.at(node).streams(), (1, 0));
    world.raw_at(other).swarm.reset(stream).unwrap();
    world.pass(10 * SECOND);
    assert_eq!(world.at(node).streams(), (0, 1));
    assert_eq!(world.at(node).peers(), [other]);
}

#[test]
fn who_takes_the_only_place_there_is_for_a_stream_is_heard() {
    let (mut config, mut bounds) = (SwarmConfig::default(), Config::default());
    config.limits.streams_per_connection = 1;
    bounds.reopen_attempts = 0;
    let mut world = World::new();
    let node = world.node_with(bounds, config, Signing::strict_sign(keypair(1), 1));
    let raw = world.raw(false);
    world.at(node).subscribe("t");
    world.join(raw, node);
    // It has said that it does not speak it, and does from now on.
    world.raw_at(raw).swarm.register_protocol(FLOODSUB);
    let stream = world.raw_at(raw).open();
    world.raw_at(raw).send(stream, &publishing(&[signed(9, 1, "t", b"a")]));
    world.settle();
    world.at(node).expect(&["added 2", "message t 9#1 a via 2"]);
    assert_eq!(world.at(node).streams(), (1, 0));
    world.raw_at(raw).swarm.finish(stream).unwrap();
    world.settle();
    world.at(node).expect(&["gone 2"]);
}
