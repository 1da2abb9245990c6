//! What all peers together may make a node keep, each bound at its limit.

use crate::floodsub::raw::{publishing, signed, subscribing};
use crate::floodsub::world::{World, beside_raws};
use crate::support::fake_node::Fake;
use crate::support::floodsub::{keypair, peer};
use std::time::Duration;
use swarm_notify::lifecycle::StreamId;
use swarm_notify::notifee::{NotifeeId, Notifees};
use swarm_notify::protocols::floodsub::{FloodSub, PROTOCOL};
use swarm_notify::protocols::pubsub::wire::{Rpc, SubOpts};
use swarm_notify::protocols::pubsub::{Config, Signing};

const NODE: u8 = 1;

/// What a subscription counts beside its name.
const SUBSCRIPTION: usize = 1_280;

/// What the place of a message costs, and that of each peer that it waits for.
const PLACE: usize = 128;

/// A node that subscribes to `t`, and so many raw peers with a stream each.
fn world(raws: u8, change: impl FnOnce(&mut Config)) -> (World, Vec<(u8, StreamId)>) {
    let mut config = Config::default();
    change(&mut config);
    beside_raws(config, raws)
}

fn topics(world: &mut World, raw: u8) -> Vec<String> {
    world.at(NODE).floodsub().topics_of(peer(raw)).map(|topic| topic.to_string()).collect()
}

#[test]
fn the_topics_of_all_have_a_bound_of_which_each_has_a_share() {
    // A share of one for each of two, and two in common.
    let one = SUBSCRIPTION + 1;
    let (mut world, raws) = world(2, |config| (config.topics_total_bytes, config.peers) = (4 * one, 2));
    let ((a, on_a), (b, on_b)) = (raws[0], raws[1]);
    world.raw_at(a).send(on_a, &subscribing(&["a", "b", "c", "d"]));
    world.settle();
    assert_eq!(topics(&mut world, a), ["a", "b", "c"]);
    // Of a name that is a byte too long it is the same.
    world.raw_at(b).send(on_b, &subscribing(&["ee", "e", "f", "e"]));
    world.settle();
    assert_eq!(topics(&mut world, b), ["e"]);
    assert_eq!(world.at(NODE).floodsub().counters().topics_refused, 3);
    assert_eq!(world.at(NODE).floodsub().held().topics_bytes, 4 * one);
    // What one takes back is there for all.
    let back = Rpc::new(vec![SubOpts::new(false, "b")], vec![]);
    world.raw_at(a).send(on_a, &back);
    world.settle();
    world.raw_at(b).send(on_b, &subscribing(&["f", "g"]));
    world.settle();
    assert_eq!(
        (topics(&mut world, a), topics(&mut world, b)),
        (vec!["a".into(), "c".into()], vec!["e".into(), "f".into()])
    );
    // And what it had, if it goes.
    let connection = world.raw_at(a).connection();
    world.disconnect(a, connection);
    world.settle();
    assert_eq!(world.at(NODE).floodsub().held().topics_bytes, 2 * one);
    world.raw_at(b).send(on_b, &subscribing(&["g", "h"]));
    world.settle();
    assert_eq!(topics(&mut world, b), ["e", "f", "g"]);
}

/// The first bytes of an RPC with one large message, and the rest of it.
fn halves(seqno: u64, first: usize) -> (Vec<u8>, Vec<u8>) {
    let mut bytes = publishing(&[signed(9, seqno, "t", &[7; 20_000])]).to_frame();
    let rest = bytes.split_off(first);
    (bytes, rest)
}

#[test]
fn what_has_come_in_part_has_a_bound_of_which_each_has_a_share() {
    // 5 000 bytes for each of two, and 10 000 in common.
    let (mut world, raws) = world(2, |config| (config.inbound_total_bytes, config.peers) = (20_000, 2));
    let ((a, on_a), (b, on_b)) = (raws[0], raws[1]);
    let held = |world: &mut World| world.at(NODE).floodsub().held().inbound_bytes;
    let (most, last) = halves(1, 15_000);
    world.raw_at(a).write(on_a, &most);
    let (share, _) = halves(2, 5_000);
    world.raw_at(b).write(on_b, &share);
    world.settle();
    assert_eq!(held(&mut world), 20_000);
    // One byte more is too much for one that has all that is common, and for one that has its share.
    world.raw_at(b).write(on_b, &[7]);
    world.settle();
    assert_eq!(world.raw_at(b).log.last().unwrap(), "closed outbound reset(remote)");
    assert_eq!(held(&mut world), 15_000);
    world.raw_at(a).write(on_a, &last[..1]);
    world.settle();
    assert_eq!(world.raw_at(a).log.last().unwrap(), "closed outbound reset(remote)");
    let counters = world.at(NODE).floodsub().counters();
    assert_eq!((held(&mut world), counters.streams_cut, counters.invalid), (0, 2, 0));
    // Both begin anew. What is whole is taken and held no longer, and so is what its peer takes with it.
    for (raw, seqno) in [(a, 3), (b, 4)] {
        let (first, rest) = halves(seqno, 7_000);
        let stream = world.raw_at(raw).open();
        world.raw_at(raw).write(stream, &first);
        world.settle();
        world.raw_at(raw).write(stream, &rest[..100]);
        world.settle();
    }
    assert_eq!(held(&mut world), 14_200);
    for (raw, left) in [(a, 7_100), (b, 0)] {
        let connection = world.raw_at(raw).connection();
        world.disconnect(raw, connection);
        world.settle();
        assert_eq!(held(&mut world), left);
    }
    world.at(NODE).expect(&["gone 2", "gone 3"]);
}

#[test]
fn what_is_left_of_streams_that_ended_counts_too() {
    // A message a turn; nine in ten of what comes waits.
    let (mut world, raws) = world(1, |config| {
        (config.messages_per_turn, config.peers, config.inbound_total_bytes) = (1, 1, 2_000);
    });
    let raw = raws[0].0;
    let message = publishing(&[signed(9, 0, "t", &[7; 200])]).to_frame().len();
    // A stream that ends unread holds its messages and its place.
    let fits = 2_000 / (2 * message + 256);
    for n in 0..5 {
        let stream = world.raw_at(raw).open();
        let messages = [2 * n, 2 * n + 1].map(|seqno| publishing(&[signed(9, seqno, "t", &[7; 200])]).to_frame());
        world.raw_at(raw).write(stream, &messages.concat());
    }
    let connection = world.raw_at(raw).connection();
    world.disconnect(raw, connection);
    world.settle();
    let counters = world.at(NODE).floodsub().counters();
    assert_eq!((counters.streams_cut, world.at(NODE).messages.len()), (5 - fits as u64, 2 * fits));
    assert_eq!((world.at(NODE).log.last().unwrap().as_str(), counters.invalid), ("gone 2", 0));
    assert_eq!(world.at(NODE).floodsub().held().inbound_bytes, 0);
}

/// Peers that subscribe to `t` and `t1`, `t2`, … and, but for the last, do not read.
fn slow(raws: u8, total: usize) -> (World, Vec<u8>) {
    let (mut world, raws) = world(raws, |config| config.outbox_total_bytes = total);
    let last = raws[raws.len() - 1].0;
    for (raw, stream) in &raws {
        world.raw_at(*raw).send(*stream, &subscribing(&["t", &format!("t{raw}")]));
        world.settle();
        world.raw_at(*raw).is_deaf = *raw != last;
    }
    world.forget_logs();
    (world, raws.into_iter().map(|(raw, _)| raw).collect())
}

/// Publishes a message of so many bytes, of which each is this.
fn publish(world: &mut World, topic: &str, n: u8, len: usize) {
    world.at(NODE).try_publish(topic, &vec![n; len]).unwrap();
    world.settle();
}

/// So much that what comes next waits for those who do not read.
fn fill(world: &mut World, topic: &str) {
    publish(world, topic, 0, 255 * 1024);
    while world.at(NODE).floodsub().held().outbox_bytes == 0 {
        publish(world, topic, 1, 1_000);
    }
}

fn got(world: &mut World, raw: u8) -> Vec<u8> {
    world.raw_at(raw).messages().iter().map(|data| data[0]).collect()
}

fn wakes(world: &mut World, raw: u8) {
    world.raw_at(raw).is_deaf = false;
    let streams: Vec<_> = world.raw_at(raw).received.keys().copied().collect();
    streams.into_iter().for_each(|stream| world.raw_at(raw).read(stream));
    world.settle();
}

#[test]
fn what_waits_for_several_counts_once_and_the_most_behind_pays() {
    let (mut world, raws) = slow(4, 600_000);
    let (b, c, fast) = (raws[1], raws[2], raws[3]);
    fill(&mut world, "t");
    let begun = world.at(NODE).floodsub().held().outbox_bytes;
    publish(&mut world, "t", 10, 50_000);
    let shared = world.at(NODE).floodsub().held().outbox_bytes - begun;
    // The message with its fields, for three who do not read.
    assert!((50_000 + 4 * PLACE..50_144 + 4 * PLACE).contains(&shared), "{shared}");
    publish(&mut world, &format!("t{b}"), 11, 50_000);
    for n in 12..30 {
        publish(&mut world, &format!("t{c}"), n, 50_000);
        assert!(world.at(NODE).floodsub().held().outbox_bytes <= 600_000);
    }
    publish(&mut world, "t", 99, 50_000);
    // Who reads has had all that is its own, at once.
    assert_eq!(got(&mut world, fast)[2..], [10, 99]);
    let dropped = world.at(NODE).floodsub().counters().dropped;
    world.go_on(Duration::from_secs(1));
    let log = world.at(NODE).take_log();
    let told: u64 = log.iter().map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!((told, dropped > 0), (dropped, true));
    assert!(log.iter().all(|line| line.starts_with(&format!("dropped {c} "))), "{log:?}");
    // No stream is cut for it.
    for raw in &raws {
        assert!(!world.raw_at(*raw).log.iter().any(|line| line.starts_with("closed")));
    }
    raws.iter().for_each(|raw| wakes(&mut world, *raw));
    world.pass(Duration::from_secs(2));
    assert!(got(&mut world, raws[0]).ends_with(&[10, 99]));
    assert!(got(&mut world, b).ends_with(&[10, 11, 99]));
    let late = got(&mut world, c);
    assert_eq!(late[late.len() - 2..], [29, 99]);
    assert!(late.is_sorted() && !late.contains(&10), "{late:?}");
    assert_eq!(world.at(NODE).floodsub().held().outbox_bytes, 0);
}

#[test]
fn a_message_larger_than_what_may_wait_for_all_is_dropped() {
    let (mut world, raws) = slow(2, 10_000);
    // What stands around the data on the stream.
    let message = Signing::strict_sign(keypair(NODE), 1).seal("t", &[0; 9_000]).unwrap().0;
    let over = publishing(&[message]).to_frame().len() - 9_000;
    let fits = 10_000 - 3 * PLACE - over;
    publish(&mut world, "t", 1, fits + 1);
    world.at(NODE).expect(&["dropped 2 1", "dropped 3 1"]);
    publish(&mut world, "t", 2, fits);
    world.at(NODE).expect(&[]);
    assert_eq!(got(&mut world, raws[1]), [2]);
}

#[test]
fn what_waited_for_a_peer_that_goes_makes_room() {
    let (mut world, raws) = slow(2, 300_000);
    fill(&mut world, "t");
    assert!(world.at(NODE).floodsub().held().outbox_bytes > 0);
    let connection = world.raw_at(raws[0]).connection();
    world.raw_at(raws[0]).swarm.abort_connection(connection).unwrap();
    world.settle();
    assert_eq!(world.at(NODE).floodsub().held().outbox_bytes, 0);
}

/// What waits before and after a message for four, three of whose lines are full until room is made for the fourth.
fn with_full_lines(total: usize) -> [usize; 2] {
    let mut config = Config::default();
    (config.outbox_total_bytes, config.outbox_bytes) = (total, 500);
    let (mut node, mut notifees) = (Fake::new(peer(99)), Notifees::new());
    let id = notifees.install(&mut node, FloodSub::new(Signing::strict_no_sign(), config));
    let turns = |node: &mut Fake, notifees: &mut Notifees<Fake>| {
        for _ in 0..4 {
            node.poll();
            notifees.drive(node, Duration::ZERO);
        }
    };
    let topics: [&[&str]; 6] = [&["full", "all"], &["full", "all"], &["full", "all"], &["all"], &["y"], &["z"]];
    for (topics, number) in topics.iter().zip(1..) {
        let connection = node.connect(peer(number)).unwrap();
        turns(&mut node, &mut notifees);
        let stream = node.accept(connection, PROTOCOL).unwrap();
        turns(&mut node, &mut notifees);
        node.send(stream, &subscribing(topics).to_frame(), 0);
        turns(&mut node, &mut notifees);
    }
    let mut publish = |topic: &str, len| {
        let floodsub = notifees.get_mut::<FloodSub>(id).unwrap();
        floodsub.publish(&mut node, topic, &vec![0; len]).unwrap();
        floodsub.held().outbox_bytes
    };
    publish("full", 440);
    publish("y", 470);
    [publish("z", 470), publish("all", 440)]
}

#[test]
fn a_peer_with_a_full_line_takes_no_room_that_was_not_made() {
    let [full, _] = with_full_lines(usize::MAX);
    let [before, after] = with_full_lines(full);
    assert_eq!(before, full);
    assert!(after <= full, "{after} of {full}");
}

/// Peers that subscribe to `t`, all of whom take nothing from then on; and the one more that does.
fn beside_a_crowd(crowd: u8, total: usize) -> (Fake, Notifees<Fake>, NotifeeId<FloodSub>) {
    let mut config = Config::default();
    config.outbox_total_bytes = total;
    let (mut node, mut notifees) = (Fake::new(peer(99)), Notifees::new());
    let id = notifees.install(&mut node, FloodSub::new(Signing::strict_no_sign(), config));
    for number in 1..=crowd + 1 {
        let connection = node.connect(peer(number)).expect("there is room");
        for _ in 0..4 {
            node.poll();
            notifees.drive(&mut node, Duration::ZERO);
        }
        let stream = node.accept(connection, PROTOCOL).expect("there is room");
        node.send(stream, &subscribing(&["t"]).to_frame(), 0);
        for _ in 0..4 {
            node.poll();
            notifees.drive(&mut node, Duration::ZERO);
        }
    }
    (node, notifees, id)
}

#[test]
fn a_crowd_that_takes_nothing_costs_nobody_who_takes_what_comes() {
    const CROWD: u8 = 50;
    let (mut node, mut notifees, id) = beside_a_crowd(CROWD, 100_000);
    let honest = peer(CROWD + 1);
    let mut waited = 0;
    for n in 0..2_000_u32 {
        let floodsub = notifees.get_mut(id).expect("it is installed");
        floodsub.publish(&mut node, "t", &n.to_be_bytes()).expect("it is small");
        assert!(floodsub.held().outbox_bytes <= 100_000);
        waited = waited.max(floodsub.waiting_for(honest).messages);
        // It takes nothing for a time, then all that has come.
        if n == 10 || n % 300 == 299 {
            node.takes(honest, 1_000_000);
            node.poll();
            notifees.drive(&mut node, Duration::ZERO);
            assert_eq!(notifees.get(id).expect("it is installed").waiting_for(honest).messages, 0);
            node.place.insert(honest, 0);
        }
    }
    assert_eq!(waited, 300, "it waited");
    let floodsub = notifees.get(id).expect("it is installed");
    let dropped = |number| floodsub.counters_of(peer(number)).expect("it is there").dropped;
    assert_eq!(dropped(CROWD + 1), 0, "who takes what comes loses nothing");
    assert!((1..=CROWD).all(|number| dropped(number) > 1_000), "the crowd pays");
    let resets = node.lifecycle.counters().streams.outbound.closed;
    assert_eq!(resets, 0, "no stream ends for it");
}
