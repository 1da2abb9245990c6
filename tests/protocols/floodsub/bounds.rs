//! Every bound at its limit that has no better place.

use crate::floodsub::raw::{publishing, signed, subscribing};
use crate::floodsub::world::World;
use std::time::Duration;
use swarm_notify::protocols::pubsub::Config;
use swarm_notify::protocols::pubsub::wire::Rpc;

fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    change(&mut config);
    config
}

#[test]
fn an_rpc_may_be_as_long_as_the_bound_and_no_longer() {
    for (more, told) in [(0, "message t 9#1 5000 bytes via 2"), (1, "refused 2 1")] {
        let rpc = publishing(&[signed(9, 1, "t", &[0; 5_000])]);
        let len = rpc.to_frame().len() - 2;
        let mut world = World::new();
        let (node, raw) = (world.node(config(|config| config.rpc_bytes = len - more)), world.raw(true));
        world.at(node).subscribe("t");
        world.join(raw, node);
        let stream = world.raw_at(raw).open();
        world.raw_at(raw).send(stream, &rpc);
        world.settle();
        world.at(node).expect(&["added 2", told]);
    }
}

#[test]
fn an_rpc_may_carry_as_many_messages_as_the_bound_and_no_more() {
    let mut world = World::new();
    let (node, raw) = (world.node(config(|config| config.messages_per_rpc = 3)), world.raw(true));
    world.at(node).subscribe("t");
    world.join(raw, node);
    let stream = world.raw_at(raw).open();
    let messages: Vec<_> = (1..=4).map(|seqno| signed(9, seqno, "t", b"a")).collect();
    world.raw_at(raw).send(stream, &publishing(&messages[..3]));
    world.settle();
    assert_eq!(world.at(node).messages.len(), 3);
    world.raw_at(raw).send(stream, &publishing(&messages));
    world.settle();
    assert_eq!(world.at(node).messages.len(), 3);
    assert_eq!(world.at(node).log.last().unwrap(), "invalid 2 1");
}

#[test]
fn there_are_as_many_peers_as_the_bound() {
    let mut world = World::new();
    let node = world.node(config(|config| config.peers = 2));
    let others: Vec<_> = (0..3).map(|_| world.node(Config::default())).collect();
    // Who has said something keeps its place.
    others.iter().for_each(|other| world.at(*other).subscribe("t"));
    let connections: Vec<_> = others.iter().map(|other| world.join(*other, node)).collect();
    world.at(node).expect(&["added 2", "subscribed 2 t", "added 3", "subscribed 3 t"]);
    let counters = world.at(node).floodsub().counters();
    // At its connection, and at the stream that it opens.
    assert_eq!((counters.peers_refused, counters.streams_refused), (2, 1));
    assert_eq!(world.at(node).peers(), [2, 3]);
    // Who leaves makes room; who was refused is a peer once it opens its stream again.
    world.disconnect(2, connections[0]);
    world.settle();
    world.at(node).expect(&["gone 2"]);
    world.pass(std::time::Duration::from_secs(5));
    world.at(node).expect(&["added 4", "subscribed 4 t"]);
    assert_eq!(world.at(node).peers(), [3, 4]);
}

#[test]
fn those_who_do_not_speak_it_take_no_place() {
    let mut world = World::new();
    let node = world.node(config(|config| config.peers = 1));
    for _ in 0..3 {
        let raw = world.raw(false);
        world.join(node, raw);
    }
    let other = world.node(Config::default());
    world.join(node, other);
    assert_eq!(world.at(node).peers(), [other]);
}

#[test]
fn of_too_many_streams_of_a_peer_the_oldest_is_reset() {
    let mut world = World::new();
    let (node, raw) = (world.node(config(|config| config.inbound_streams = 2)), world.raw(true));
    world.join(raw, node);
    let streams: Vec<_> = (0..3).map(|_| world.raw_at(raw).open()).collect();
    world.settle();
    for (stream, topic) in streams.iter().zip(["a", "b", "c"]).skip(1) {
        world.raw_at(raw).send(*stream, &subscribing(&[topic]));
    }
    world.settle();
    world.at(node).expect(&["added 2", "subscribed 2 b", "subscribed 2 c"]);
    assert_eq!(world.at(node).streams(), (2, 1));
    assert!(world.raw_at(raw).swarm.stream(streams[0]).is_none());
    assert_eq!(world.at(node).floodsub().counters().streams_refused, 1);
}

#[test]
fn remembered_messages_are_bounded_and_none_goes_for_another() {
    let mut world = World::new();
    let (node, raw) = (world.node(config(|config| config.seen = 4)), world.raw(true));
    world.at(node).subscribe("t");
    world.join(raw, node);
    let stream = world.raw_at(raw).open();
    let by = |author| signed(author, 1, "t", b"a");
    // Of another author each, so that the peer alone has its share: as many as fewer than four times what is left.
    world.raw_at(raw).send(stream, &publishing(&(8..16).map(by).collect::<Vec<_>>()));
    world.settle();
    assert_eq!(world.at(node).messages.len(), 4);
    world.raw_at(raw).send(stream, &publishing(&(8..16).map(by).collect::<Vec<_>>()));
    world.settle();
    assert_eq!(world.at(node).messages.len(), 4, "the first is known still");
    let counters = world.at(node).floodsub().counters();
    assert_eq!((counters.repeated, counters.author_over_share), (4, 8));
}

#[test]
fn an_owner_that_does_not_drain_is_told_what_it_has_missed() {
    let mut world = World::new();
    let node = world.node(config(|config| config.events = 3));
    let other = world.node(Config::default());
    world.at(node).is_paused = true;
    world.at(node).subscribe("t");
    world.join(other, node);
    for n in 0..10 {
        world.at(other).publish("t", &n.to_string());
    }
    world.settle();
    world.at(node).drain();
    world.at(node).expect(&["lagged 8", "message t 2#8 7 via 2", "message t 2#9 8 via 2", "message t 2#10 9 via 2"]);
    assert_eq!(world.at(node).floodsub().counters().events_lost, 8);
    assert_eq!(world.at(node).floodsub().counters().received, 10);
    world.at(other).publish("t", "x");
    world.settle();
    world.at(node).drain();
    world.at(node).expect(&["message t 2#11 x via 2"]);
}

#[test]
fn the_bytes_of_what_is_not_drained_are_bounded() {
    let mut world = World::new();
    let node = world.node(config(|config| config.event_bytes = 201));
    let other = world.node(Config::default());
    world.at(node).is_paused = true;
    world.at(node).subscribe("t");
    world.join(other, node);
    for len in [100, 99, 1] {
        world.at(other).publish("t", &"x".repeat(len));
    }
    world.settle();
    world.at(node).drain();
    world.at(node).expect(&["lagged 2", "message t 2#2 99 bytes via 2", "message t 2#3 x via 2"]);
}

/// Whatever an owner writes into a field, nothing panics, and nothing takes the memory that it stands for before it is used.
#[test]
fn no_bound_is_too_small_or_too_large() {
    type Change = fn(&mut Config, usize);
    let fields: [(&str, Change); 24] = [
        ("rpc_bytes", |config, n| config.rpc_bytes = n),
        ("messages_per_rpc", |config, n| config.messages_per_rpc = n),
        ("subscriptions_per_rpc", |config, n| config.subscriptions_per_rpc = n),
        ("messages_per_turn", |config, n| config.messages_per_turn = n),
        ("entries_per_turn", |config, n| config.entries_per_turn = n),
        ("peers", |config, n| config.peers = n),
        ("topics_per_peer", |config, n| config.topics_per_peer = n),
        ("subscriptions", |config, n| config.subscriptions = n),
        ("topics_total_bytes", |config, n| config.topics_total_bytes = n),
        ("topic_bytes", |config, n| config.topic_bytes = n),
        ("inbound_streams", |config, n| config.inbound_streams = n),
        ("inbound_total_bytes", |config, n| config.inbound_total_bytes = n),
        ("outbox_total_bytes", |config, n| config.outbox_total_bytes = n),
        ("outbox_bytes", |config, n| config.outbox_bytes = n),
        ("seen_ttl", |config, n| config.seen_ttl = if n == 0 { Duration::ZERO } else { Duration::MAX }),
        ("seen", |config, n| config.seen = n),
        ("seen_author_share", |config, n| config.seen_author_share = n),
        ("seen_sender_share", |config, n| config.seen_sender_share = n),
        ("seen_address_share", |config, n| config.seen_address_share = n),
        ("denied_for", |config, n| config.denied_for = if n == 0 { Duration::ZERO } else { Duration::MAX }),
        ("events", |config, n| config.events = n),
        ("event_bytes", |config, n| config.event_bytes = n),
        ("reopen_after", |config, n| config.reopen_after = if n == 0 { Duration::ZERO } else { Duration::MAX }),
        ("reopen_at_most_after", |config, n| {
            config.reopen_at_most_after = if n == 0 { Duration::ZERO } else { Duration::MAX };
        }),
    ];
    for (name, change) in fields {
        for n in [0, usize::MAX] {
            println!("{name} = {n}");
            let mut config = Config::default();
            change(&mut config, n);
            assert!(config.memory_bound() > 0);
            let mut world = World::new();
            let node = world.node(config);
            // It may be beyond a bound.
            let _ = world.at(node).on(|floodsub, swarm| floodsub.subscribe(swarm, "t"));
            let raw = world.raw(true);
            world.join(raw, node);
            let stream = world.raw_at(raw).open();
            world.settle();
            // It may be cut meanwhile.
            let mut send = |rpc| _ = world.raw_at(raw).swarm.write(stream, &Rpc::to_frame(&rpc));
            send(subscribing(&["t", "u"]));
            let mut forged = signed(9, 2, "t", b"data");
            forged.push(0xff);
            for message in [&signed(9, 1, "t", b"data"), &signed(9, 1, "t", b"data"), &forged] {
                for _ in 0..25 {
                    send(publishing(std::slice::from_ref(message)));
                }
            }
            world.pass(Duration::from_secs(1));
            world.pass(Duration::from_secs(300));
        }
    }
}
