//! A peer that does not read delays nobody, and what is dropped for it is told.

use crate::floodsub::raw::{publishing, signed, subscribing};
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

/// A peer that did not read takes what there is.
fn wake(world: &mut World, raw: u8) {
    world.raw_at(raw).is_deaf = false;
    let streams: Vec<_> = world.raw_at(raw).received.keys().copied().collect();
    streams.into_iter().for_each(|stream| world.raw_at(raw).read(stream));
    world.settle();
}

fn publish(node: &mut Node<SimTransport>, n: u8) {
    node.try_publish("t", &vec![n; 50_000]).unwrap();
}

#[test]
fn a_slow_peer_delays_nobody_and_loses_what_finds_no_place() {
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
    wake(&mut world, raw);
    publish(world.at(node), 99);
    world.settle();
    // Of what waited the oldest has gone, but for the one that was begun.
    let got: Vec<_> = world.raw_at(raw).messages().iter().map(|data| data[0]).collect();
    assert_eq!(got, [0, 1, 2, 3, 4, 5, 58, 59, 99]);
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
fn subscriptions_that_change_meanwhile_come_as_the_difference() {
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
    wake(&mut world, raw);
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

#[test]
fn who_says_much_costs_others_nothing_at_a_slow_peer() {
    use arbitrary::{Arbitrary as _, Unstructured};
    crate::support::corpus::seeded(200, 900, |bytes| {
        if let Ok(play) = crate::support::pubsub_line::LinePlay::arbitrary_take_rest(Unstructured::new(bytes)) {
            play.run();
        }
    });
}

/// A forwarder sends so many messages of one author, and so few of another one between them.
fn by_two(world: &mut World, forwarder: u8, loud: u64, quiet: u64) {
    let stream = world.raw_at(forwarder).open();
    let message = |author: u8, seqno: u64| publishing(&[signed(author, seqno, "t", &vec![author; 10_000])]);
    for seqno in 0..loud {
        world.raw_at(forwarder).send(stream, &message(100, seqno));
        if seqno % (loud / quiet) == 0 {
            world.raw_at(forwarder).send(stream, &message(101, seqno));
        }
        world.settle();
    }
}

#[test]
fn an_author_beside_one_that_fills_the_line_loses_nothing() {
    let (mut world, node, raw, _) = world(200_000);
    world.at(node).subscribe("t");
    let forwarder = world.raw(true);
    world.join(forwarder, node);
    world.settle();
    by_two(&mut world, forwarder, 200, 8);
    wake(&mut world, raw);
    let messages = world.raw_at(raw).messages();
    let of = |author: u8| messages.iter().filter(|data| data[0] == author).count();
    assert_eq!(of(101), 8, "the quiet one");
    assert!((30..50).contains(&of(100)), "{}", of(100));
    assert_eq!(world.at(node).floodsub().counters().dropped, 200 - of(100) as u64);
}
