//! Control messages: bounds, peers that read nothing, and peers that are not listened to.

use crate::service::wire::{Rpc, id, signed};
use crate::service::world::{SECOND, World, keypair, peer};
use crate::service::{by, meshed};
use swarm_notify::protocols::gossipsub::PROTOCOL_1_2;

/// Has a peer read nothing, and fills its stream, so that further messages wait. Returns the number of messages.
fn deafen(world: &mut World, raw: u8) -> usize {
    world.at(raw).is_deaf = true;
    let mut published = 0;
    while world.service().waiting_for(peer(raw)).messages < 2 {
        world.publish("news", &[b'x'; 50_000]);
        world.settle();
        published += 1;
        assert!(published < 1_000, "the stream takes all");
    }
    published
}

/// What we ask a peer for is bounded by what may wait for it, if it reads nothing; and it goes with the peer.
#[test]
fn iwants_are_bounded_for_a_peer_that_does_not_read() {
    const BOUND: usize = 256 * 1024;
    let mut world = World::with(|bounds| bounds.control_total_bytes = BOUND, |_| {});
    meshed(&mut world, 2);
    deafen(&mut world, 2);
    // We ask for each id, and an id is as long as the peer likes.
    for round in 0..20_u64 {
        let ids = (0..50_u64).map(|n| [&(round * 50 + n).to_be_bytes()[..], &[0; 1_000]].concat());
        world.send(2, &Rpc::ihave("news", ids.collect()));
        assert!(world.service().held().control_bytes <= BOUND);
    }
    let (counters, held) = (world.service().router_counters(), world.service().held());
    assert!(counters.ids_over_bound > 0 && held.control_bytes > BOUND / 3, "{counters:?} {held:?}");
    assert_eq!(world.service().counters().control_dropped, 0, "nothing is asked for in vain");
    // The share of another peer is not touched.
    world.forget();
    world.send(3, &Rpc::ihave("news", vec![vec![7; 40]]));
    assert_eq!(world.heard(3), ["iwant 1"]);
    world.at(2).listen();
    world.settle();
    assert_eq!(world.service().held().control_bytes, 0);
    deafen(&mut world, 2);
    world.send(2, &Rpc::ihave("news", vec![vec![8; 2_000]]));
    assert!(world.service().held().control_bytes >= 2_000);
    let connection = world.at(2).swarm.connections().next().unwrap();
    world.at(2).swarm.abort_connection(connection).unwrap();
    world.settle();
    assert_eq!(world.service().held().control_bytes, 0);
}

/// IDONTWANT is a hint. It is dropped for a peer that reads nothing, once its room is taken, and for no other.
#[test]
fn idontwants_are_dropped_for_a_peer_that_does_not_read() {
    const BOUND: usize = 16 * 1024;
    let mut world = World::with(|bounds| (bounds.control_total_bytes, bounds.peers) = (BOUND, 8), |_| {});
    meshed(&mut world, 3);
    deafen(&mut world, 2);
    world.forget();
    for seqno in 0..200 {
        world.send(3, &Rpc::publishing(vec![by(9, seqno, &[b'x'; 1_000])]));
    }
    // 82 bytes count for each entry, and a half of all bytes is divided among eight peers.
    let (dropped, held) = (world.service().counters().control_dropped, world.service().held().control_bytes);
    assert_eq!((dropped, held), (88, (BOUND / 2 + BOUND / 16) / 82 * 82));
    assert_eq!(world.heard(4).iter().filter(|line| *line == "idontwant 1").count(), 200);
    world.at(2).listen();
    world.settle();
    let told: usize =
        world.heard(2).iter().filter_map(|line| line.strip_prefix("idontwant ")?.parse::<usize>().ok()).sum();
    assert_eq!((told as u64, world.service().held().control_bytes), (200 - dropped, 0));
}

/// Report 19: rust #4667, lighthouse #4918, jvm #519. Of a GRAFT and a PRUNE only the last is told, and neither is dropped.
#[test]
fn grafts_and_prunes_that_wait_collapse() {
    let mut world = World::with(|bounds| bounds.control_total_bytes = 0, |mesh| mesh.flood_publish = false);
    meshed(&mut world, 1);
    world.send(2, &Rpc::subscribing(&["a", "b"]));
    let published = deafen(&mut world, 2);
    world.forget();
    for round in 0..3 {
        world.subscribe("a");
        world.pass(SECOND);
        assert_eq!(world.mesh("a"), [2], "round {round}");
        world.unsubscribe("a");
        // The backoff of ten seconds, and a heartbeat more.
        world.pass(13 * SECOND);
    }
    world.subscribe("a");
    world.subscribe("b");
    world.pass(SECOND);
    world.unsubscribe("b");
    world.settle();
    assert_eq!((world.mesh("a"), world.mesh("b")), (vec![2], vec![]));
    world.at(2).listen();
    world.settle();
    let heard = world.heard(2);
    let (messages, others): (Vec<_>, Vec<_>) = heard.into_iter().partition(|line| line.starts_with("message"));
    assert_eq!((messages.len(), others), (published, vec!["+a".into(), "graft a".into(), "prune b 10".into()]));
}

/// Report 16. A message that waits in the outbox of a peer is not written to it once the peer has said that it has it.
#[test]
fn idontwant_passes_over_a_message_that_waits() {
    let mut world = World::new();
    meshed(&mut world, 1);
    let published = deafen(&mut world, 2);
    let wanted = world.publish("news", b"wanted");
    let unwanted = world.publish("news", b"not wanted");
    assert_ne!(wanted, unwanted);
    let waiting = world.service().waiting_for(peer(2)).messages;
    world.send(2, &Rpc::idontwant(vec![unwanted.as_bytes().to_vec()]));
    // The outbox is not searched: the message is passed over when its turn comes.
    assert_eq!(world.service().waiting_for(peer(2)).messages, waiting);
    world.at(2).listen();
    world.settle();
    let heard = world.heard(2);
    assert_eq!((heard.len(), heard.last().map(String::as_str)), (published + 1, Some("message wanted")));
    assert_eq!(world.service().counters_of(peer(2)).unwrap().spared, 1);
    let (waiting, held) = (world.service().waiting_for(peer(2)), world.service().held());
    assert_eq!((waiting.messages, waiting.bytes, held.outbox_bytes), (0, 0, 0));
}

/// A node that has a large message says so before the messages that wait for the peer.
#[test]
fn idontwant_is_told_before_messages_that_wait() {
    let mut world = World::new();
    meshed(&mut world, 2);
    deafen(&mut world, 2);
    world.forget();
    world.send(3, &Rpc::publishing(vec![by(3, 1, &[b'y'; 2_000])]));
    world.at(2).listen();
    world.settle();
    let heard = world.heard(2);
    let last: Vec<_> = heard.iter().rev().take(3).rev().map(String::as_str).collect();
    assert_eq!(last, ["idontwant 1", "message 50000 bytes", "message 2000 bytes"], "one was partly written");
}

/// Report 5: rust #6486, js #3520. Entries, ids and other fields are counted before anything is decoded.
#[test]
fn control_over_its_bound_resets_the_stream() {
    let mut world = World::with(|bounds| bounds.control_per_rpc = 10, |_| {});
    meshed(&mut world, 1);
    let ids = |count: u8| (0..count).map(|n| vec![n; 40]).collect();
    // The entry, its topic and eight ids.
    world.send(2, &Rpc::ihave("news", ids(8)));
    assert_eq!((world.heard(2), world.at(2).resets), (vec!["iwant 8".to_owned()], 0));
    let before = world.service().counters();
    let mut rpc = Rpc::ihave("news", ids(9));
    // Nothing of the RPC is taken.
    rpc.subscriptions = Rpc::subscribing(&["other"]).subscriptions;
    rpc.publish = vec![by(2, 1, b"in vain")];
    world.send(2, &rpc);
    let counters = world.service().counters();
    assert_eq!((world.heard(2), world.told(), world.at(2).resets), (vec![], vec![], 1));
    assert_eq!((counters.invalid, counters.control_entries), (before.invalid + 1, before.control_entries));
    assert_eq!((world.mesh("news"), world.service().peers_of("other").count()), (vec![2], 0));
}

/// Figure 7. Below the graylist threshold neither messages nor control are looked at, and no signature is verified.
#[test]
fn a_graylisted_peer_costs_no_signature() {
    let mut world = World::new();
    meshed(&mut world, 2);
    // Nine invalid messages count 81, and are below the rate that cuts a peer off.
    for seqno in 1..=9 {
        let mut message = by(2, seqno, b"forged");
        message.data = Some(b"other".to_vec());
        world.send(2, &Rpc::publishing(vec![message]));
    }
    assert_eq!(world.service().score(peer(2)), Some(-81.0));
    let before = world.service().counters();
    assert_eq!((before.work, before.invalid), (9, 9));
    let messages = (0..100).map(|seqno| by(2, seqno, b"good"));
    world.send(2, &Rpc::publishing(messages.collect()));
    world.send(2, &Rpc::ihave("news", vec![vec![1; 40]]));
    world.send(2, &Rpc::subscribing(&["still read"]));
    let counters = world.service().counters();
    assert_eq!((counters.work, counters.invalid, counters.received), (9, 9, 0));
    assert_eq!(counters.control_entries, before.control_entries);
    assert_eq!(world.service().peers_of("still read").count(), 1);
    assert_eq!(world.service().router_counters().graylisted, 101);
    // Others are not affected, even if they send the very messages.
    world.forget();
    world.send(3, &Rpc::publishing(vec![by(2, 1, b"good")]));
    assert_eq!(world.told(), ["message news good via 3"]);
    world.pass(2 * SECOND);
    assert_eq!(world.mesh("news"), [3], "the next heartbeat prunes it");
}

/// What is held for peers is counted where it is: kept messages, control that waits, and messages without a verdict.
#[test]
fn held_bytes_of_the_history_are_counted_and_given_back() {
    let mut world = World::new();
    meshed(&mut world, 1);
    let before = world.service().held().router_bytes;
    world.publish("news", &[b'x'; 10_000]);
    let held = world.service().held().router_bytes - before;
    assert!((10_000..11_000).contains(&held), "{held}");
    // What a peer does not want is remembered for three heartbeats.
    let ids = (0..100).map(|seqno| id(&keypair(7), seqno));
    world.send(2, &Rpc::idontwant(ids.collect()));
    let more = world.service().held().router_bytes - before - held;
    assert!((2_400..10_000).contains(&more), "{more}");
    world.pass(6 * SECOND);
    assert_eq!(world.service().held().router_bytes, before);
}

/// The history drops the oldest message of the author with the most bytes, and says so.
#[test]
fn the_history_is_bounded_in_bytes() {
    let mut world = World::with(|_| {}, |mesh| mesh.history_bytes = 50_000);
    meshed(&mut world, 1);
    world.send(2, &Rpc::publishing(vec![signed(&keypair(8), 1, &["news"], b"of a quiet author")]));
    for _ in 0..20 {
        world.publish("news", &[b'x'; 10_000]);
    }
    world.settle();
    assert!(world.service().router_counters().history_dropped >= 16);
    world.forget();
    world.send(2, &Rpc::iwant(vec![id(&keypair(8), 1), id(&keypair(1), 1), id(&keypair(1), 20)]));
    assert_eq!(world.heard(2), ["message of a quiet author", "message 10000 bytes"]);
}

/// A peer that unsubscribes leaves the mesh at once, and gets nothing more.
#[test]
fn who_unsubscribes_is_in_no_mesh() {
    let mut world = World::new();
    meshed(&mut world, 2);
    let mut rpc = Rpc::subscribing(&["news"]);
    rpc.subscriptions[0].subscribe = Some(false);
    world.send(2, &rpc);
    assert_eq!(world.told(), ["pruned 2 news", "unsubscribed 2 news"]);
    world.publish("news", b"for the other");
    world.settle();
    assert_eq!((world.heard(2), world.heard(3)), (vec![], vec!["message for the other".to_owned()]));
    let raw = world.raw(PROTOCOL_1_2);
    world.pass(2 * SECOND);
    assert_eq!(world.mesh("news"), [3, raw]);
}
