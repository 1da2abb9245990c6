//! A peer that does not read delays nobody, and what is dropped for it is told.

use crate::floodsub::raw::subscribing;
use crate::floodsub::world::World;
use crate::support::floodsub::{Node, peer};
use crate::support::sim::SimTransport;
use std::time::Duration;
use swarm_notify::protocols::pubsub::Config;

/// A node with a peer that does not read, and one that does.
fn world(outbox: usize) -> (World, u8, u8, u8) {
    let mut world = World::new();
    let mut config = Config::default();
    config.outbox_bytes = outbox;
    let (node, raw, other) = (world.node(config), world.raw(true), world.node(Config::default()));
    world.at(other).subscribe("t");
    world.join(raw, node);
    world.join(other, node);
    let stream = world.raw_at(raw).open();
    world.raw_at(raw).send(stream, &subscribing(&["t"]));
    world.settle();
    world.forget_logs();
    world.raw_at(raw).is_deaf = true;
    (world, node, raw, other)
}

/// Publishes so much that no more leaves for somebody who does not read.
fn clog(world: &mut World, node: u8, count: u8) {
    for n in 0..count {
        publish(world.at(node), n);
        world.settle();
    }
}

fn publish(node: &mut Node<SimTransport>, n: u8) {
    node.try_publish("t", &vec![n; 50_000]).unwrap();
}

#[test]
fn a_slow_peer_delays_nobody_and_loses_what_there_is_no_place_for() {
    let (mut world, node, raw, other) = world(200_000);
    clog(&mut world, node, 60);
    assert_eq!(world.at(other).messages.len(), 60);
    let dropped = world.at(node).floodsub().counters().dropped;
    // Its window of 256 KiB takes five and a part; in line are the one that has left in part and two more.
    assert_eq!(dropped, 60 - 5 - 3);
    let waiting = |world: &mut World, number| {
        let waiting = world.at(node).floodsub().waiting_for(peer(number));
        (waiting.messages, waiting.bytes / 50_000)
    };
    assert_eq!(
        [waiting(&mut world, raw), waiting(&mut world, other), waiting(&mut world, 99)],
        [(3, 3), (0, 0), (0, 0)]
    );
    // What was dropped within a second of the first word of it is told at its end.
    world.pass(Duration::from_secs(1));
    let log = world.at(node).take_log();
    let told: u64 = log.iter().map(|line| line.strip_prefix("dropped 2 ").unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(told, dropped);
    // It wakes up, and gets what was in line, whole and in order, and what comes from now on.
    world.raw_at(raw).is_deaf = false;
    let streams: Vec<_> = world.raw_at(raw).received.keys().copied().collect();
    streams.into_iter().for_each(|stream| world.raw_at(raw).read(stream));
    world.settle();
    publish(world.at(node), 99);
    world.settle();
    let got: Vec<_> = world.raw_at(raw).messages().iter().map(|data| data[0]).collect();
    assert_eq!(got, [0, 1, 2, 3, 4, 5, 6, 7, 99]);
    world.at(node).expect(&[]);
}

#[test]
fn what_is_dropped_while_nobody_drains_is_told_as_one() {
    let (mut world, node, _, _) = world(0);
    world.at(node).is_paused = true;
    clog(&mut world, node, 30);
    world.pass(Duration::from_secs(1));
    world.at(node).drain();
    world.at(node).expect(&["dropped 2 30", "dropped 3 30"]);
}

#[test]
fn subscriptions_that_change_meanwhile_are_announced_as_the_difference() {
    let (mut world, node, raw, _) = world(2_000_000);
    world.at(node).subscribe("before");
    world.settle();
    clog(&mut world, node, 20);
    for n in 0..100 {
        world.at(node).subscribe(&n.to_string());
        world.at(node).unsubscribe(&n.to_string());
    }
    world.at(node).subscribe("kept");
    world.at(node).unsubscribe("before");
    world.settle();
    world.raw_at(raw).is_deaf = false;
    let streams: Vec<_> = world.raw_at(raw).received.keys().copied().collect();
    streams.into_iter().for_each(|stream| world.raw_at(raw).read(stream));
    world.settle();
    assert_eq!(world.raw_at(raw).announced(), ["+before", "+kept", "-before"]);
    assert_eq!(world.raw_at(raw).messages().len(), 20);
}

#[test]
fn what_waits_for_a_slow_peer_goes_with_it() {
    let (mut world, node, raw, other) = world(200_000);
    clog(&mut world, node, 20);
    let connection = world.raw_at(raw).connection();
    world.raw_at(raw).swarm.abort_connection(connection).unwrap();
    world.settle();
    assert_eq!(world.at(node).peers(), [other]);
    world.at(node).take_log();
    clog(&mut world, node, 20);
    world.at(node).expect(&[]);
}
