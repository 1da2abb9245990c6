//! Streams that are reset, several connections, and what each version of the protocol is told.

use crate::service::meshed;
use crate::service::wire::{Rpc, id, signed};
use crate::service::world::{SECOND, World, keypair, peer};
use swarm_notify::protocols::floodsub;
use swarm_notify::protocols::gossipsub::{PROTOCOL_1_0, PROTOCOL_1_1, PROTOCOL_1_2};

/// Report 20: js #456, #398, #3531, jvm #528. A peer that resets our stream is told of its places in meshes again, after our
/// subscriptions.
#[test]
fn a_new_stream_begins_with_subscriptions_and_grafts() {
    let mut world = World::new();
    let raw = world.raw(PROTOCOL_1_2);
    world.pass(2 * SECOND);
    assert_eq!(world.heard(raw), ["+news", "graft news"]);
    world.forget();
    for round in 1..=2 {
        let stream = world.at(raw).inbound.last().unwrap().0;
        world.at(raw).swarm.reset(stream).unwrap();
        world.settle();
        // What is published meanwhile waits for the new stream.
        world.publish("news", b"meanwhile");
        world.pass(5 * SECOND);
        assert_eq!(world.at(raw).inbound.len(), 1 + round);
        assert_eq!(world.heard(raw), ["+news", "graft news", "message meanwhile"]);
    }
    assert_eq!((world.told(), world.mesh("news")), (vec![], vec![raw]));
    assert_eq!(world.service().score(peer(raw)), Some(0.0));
}

/// Report 20. The peer's own stream may end, too: nothing changes, and the next one counts as the old one.
#[test]
fn a_peer_that_opens_its_stream_again_keeps_its_place() {
    let mut world = World::new();
    meshed(&mut world, 2);
    world.at(2).reset();
    world.settle();
    world.send(2, &Rpc::publishing(vec![signed(&keypair(2), 1, &["news"], b"again")]));
    assert_eq!(world.told(), ["message news again via 2"]);
    assert_eq!((world.mesh("news"), world.heard(3)), (vec![2, 3], vec!["message again".to_owned()]));
}

/// Report 21: rust #2702. Whichever of two connections ends, the peer stays in the mesh, and our stream moves to the other.
#[test]
fn either_of_two_connections_may_end() {
    for ends in 0..2 {
        let mut world = World::new();
        meshed(&mut world, 1);
        world.connect(2);
        let connections: Vec<_> = world.at(2).swarm.connections().collect();
        world.at(2).swarm.close_connection(connections[ends]).unwrap();
        world.settle();
        world.publish("news", b"still here");
        world.pass(2 * SECOND);
        assert_eq!((world.told(), world.mesh("news")), (vec![], vec![2]), "connection {ends} ended");
        // Only the connection with our stream takes it along.
        let expected = [&["+news", "graft news", "message still here"][..], &["message still here"]][ends];
        assert_eq!(world.heard(2), expected);
        world.at(2).swarm.close_connection(connections[1 - ends]).unwrap();
        world.settle();
        assert_eq!(world.told(), ["gone 2"]);
    }
}

/// Report 26: go #388. py-libp2p publishes to several topics in one message, and go takes the last.
#[test]
fn the_last_of_several_topics_counts() {
    let mut world = World::new();
    meshed(&mut world, 2);
    world.send(2, &Rpc::publishing(vec![signed(&keypair(2), 1, &["other", "news"], b"taken")]));
    world.send(2, &Rpc::publishing(vec![signed(&keypair(2), 2, &["news", "other"], b"not taken")]));
    assert_eq!(world.told(), ["message news taken via 2"]);
    let counters = world.service().counters();
    assert_eq!((counters.received, counters.unwanted, counters.invalid), (1, 1, 0));
}

/// Report 17: rust #5904, #5908. Peers that speak floodsub only get all messages and no control, however many they are.
#[test]
fn floodsub_peers_get_all_messages_and_no_control() {
    let mut world = World::with(|_| {}, |mesh| mesh.flood_publish = false);
    meshed(&mut world, 3);
    let floods: Vec<_> = (0..20).map(|_| world.raw(floodsub::PROTOCOL)).collect();
    world.pass(3 * SECOND);
    assert_eq!(world.mesh("news"), [2, 3, 4]);
    world.publish("news", b"ours");
    world.send(2, &Rpc::publishing(vec![signed(&keypair(2), 1, &["news"], b"theirs")]));
    // A floodsub peer's control is not read either.
    world.send(floods[0], &Rpc::graft("news"));
    world.send(floods[0], &Rpc::iwant(vec![id(&keypair(2), 1)]));
    world.pass(3 * SECOND);
    for raw in floods {
        assert_eq!(world.heard(raw), ["+news", "message ours", "message theirs"]);
    }
    assert_eq!(world.heard(3), ["message ours", "message theirs"]);
    assert_eq!(world.mesh("news"), [2, 3, 4]);
}

/// IDONTWANT is of version 1.2, and the backoff of 1.1.
#[test]
fn each_version_is_told_what_it_knows() {
    let mut world = World::new();
    let [old, middle, new] = [PROTOCOL_1_0, PROTOCOL_1_1, PROTOCOL_1_2].map(|protocol| world.raw(protocol));
    let sender = world.raw(PROTOCOL_1_2);
    world.pass(2 * SECOND);
    world.forget();
    world.send(sender, &Rpc::publishing(vec![signed(&keypair(sender), 1, &["news"], &[b'x'; 1_000])]));
    world.unsubscribe("news");
    world.settle();
    assert_eq!(world.heard(old), ["message 1000 bytes", "-news", "prune news"]);
    assert_eq!(world.heard(middle), ["message 1000 bytes", "-news", "prune news 10"]);
    assert_eq!(world.heard(new), ["idontwant 1", "message 1000 bytes", "-news", "prune news 10"]);
    assert_eq!(world.heard(sender), ["-news", "prune news 10"]);
}

/// A peer outside the mesh hears of a message by gossip, asks for it and gets it; and so do we.
#[test]
fn gossip_brings_a_message_to_who_is_in_no_mesh() {
    let mut world = World::with(|_| {}, |mesh| mesh.flood_publish = false);
    meshed(&mut world, 2);
    world.send(3, &Rpc::prune("news", 60));
    assert_eq!((world.mesh("news"), world.told()), (vec![2], vec!["pruned 3 news".to_owned()]));
    world.publish("news", b"by gossip");
    world.settle();
    assert_eq!((world.heard(2), world.heard(3)), (vec!["message by gossip".to_owned()], vec![]));
    world.pass(SECOND);
    assert_eq!(world.heard(3), ["ihave news 1"]);
    for _ in 0..4 {
        world.send(3, &Rpc::iwant(vec![id(&keypair(1), 1)]));
    }
    assert_eq!(world.heard(3), ["message by gossip"; 3], "three times, and then no more");
    // The other way: what we have not seen is asked for once, however many have it.
    for raw in [3, 2] {
        world.send(raw, &Rpc::ihave("news", vec![id(&keypair(9), 1), id(&keypair(1), 1)]));
    }
    assert_eq!(world.heard(3), ["iwant 1"]);
    world.send(3, &Rpc::publishing(vec![signed(&keypair(9), 1, &["news"], b"asked for")]));
    assert_eq!(world.told(), ["message news asked for via 3"]);
    assert_eq!(world.heard(2), ["message asked for"]);
    world.pass(5 * SECOND);
    assert_eq!(world.service().router_counters().promises_broken, 0);
}
