//! Who is to blame for a message that we have asked for and do not get: nobody who has sent it, and nobody who was not asked.

use crate::service::wire::{Rpc, id};
use crate::service::world::{SECOND, World, keypair, peer};
use crate::service::{by, meshed};
use swarm_notify::protocols::pubsub::SeqnoValidator;

/// Has peer 2 advertise the message `seqno` of author 9, and send it when it is asked.
fn advertise_and_send(world: &mut World, seqno: u64) {
    world.send(2, &Rpc::ihave("news", vec![id(&keypair(9), seqno)]));
    assert_eq!(world.heard(2), ["iwant 1"]);
    world.send(2, &Rpc::publishing(vec![by(9, seqno, b"asked for")]));
}

/// Peer 2 is blamed for nothing, and nobody is asked for the message once more before the time for it is over.
fn expect_no_blame(world: &mut World, seqno: u64) {
    world.send(3, &Rpc::ihave("news", vec![id(&keypair(9), seqno)]));
    assert_eq!(world.heard(3), [""; 0]);
    world.pass(5 * SECOND);
    assert_eq!(world.service().router_counters().promises_broken, 0);
    assert_eq!(world.service().score(peer(2)), Some(0.0));
}

#[test]
fn a_promise_is_kept_by_a_message_whose_author_is_denied() {
    let mut world = World::new();
    meshed(&mut world, 2);
    world.on(|service, swarm| service.deny(swarm, peer(9)));
    advertise_and_send(&mut world, 1);
    assert_eq!(world.service().counters().denied, 1);
    expect_no_blame(&mut world, 1);
}

#[test]
fn a_promise_is_kept_by_a_message_that_is_outdated() {
    let mut world = World::new();
    meshed(&mut world, 2);
    world.service().set_seqno_validator(SeqnoValidator::default());
    world.send(2, &Rpc::publishing(vec![by(9, 5, b"newer")]));
    world.forget();
    advertise_and_send(&mut world, 4);
    assert_eq!(world.service().counters().outdated, 1);
    expect_no_blame(&mut world, 4);
}

#[test]
fn a_promise_is_kept_by_a_message_for_which_there_is_no_room() {
    let mut world = World::with(|bounds| bounds.seen = 2, |_| {});
    meshed(&mut world, 2);
    world.send(2, &Rpc::publishing(vec![by(9, 1, b"first")]));
    world.forget();
    advertise_and_send(&mut world, 2);
    assert_eq!(world.service().counters().author_over_share, 1);
    expect_no_blame(&mut world, 2);
}

#[test]
fn a_promise_is_kept_by_a_message_of_a_topic_that_was_left() {
    let mut world = World::new();
    meshed(&mut world, 2);
    world.send(2, &Rpc::ihave("news", vec![id(&keypair(9), 1)]));
    world.unsubscribe("news");
    world.settle();
    world.send(2, &Rpc::publishing(vec![by(9, 1, b"asked for")]));
    assert_eq!(world.service().counters().unwanted, 1);
    world.pass(5 * SECOND);
    assert_eq!(world.service().router_counters().promises_broken, 0);
}

/// Our own message that exceeded our share of the cache comes back to us.
#[test]
fn a_promise_is_kept_by_our_own_message() {
    let mut world = World::with(|bounds| bounds.seen = 2, |_| {});
    meshed(&mut world, 1);
    (0..2).for_each(|_| drop(world.publish("news", b"ours")));
    world.settle();
    world.forget();
    world.send(2, &Rpc::ihave("news", vec![id(&keypair(1), 2)]));
    world.send(2, &Rpc::publishing(vec![by(1, 2, b"ours")]));
    world.pass(5 * SECOND);
    assert_eq!(world.service().router_counters().promises_broken, 0);
    assert_eq!(world.service().score(peer(2)), Some(0.0));
}

/// A message with a wrong signature keeps no promise, and counts as invalid besides.
#[test]
fn a_promise_is_not_kept_by_a_forged_message() {
    let mut world = World::new();
    meshed(&mut world, 1);
    world.send(2, &Rpc::ihave("news", vec![id(&keypair(9), 1)]));
    let mut message = by(9, 1, b"genuine");
    message.data = Some(b"forged".to_vec());
    world.send(2, &Rpc::publishing(vec![message]));
    world.pass(5 * SECOND);
    assert_eq!(world.service().router_counters().promises_broken, 1);
}

/// Ids for which an IWANT has no room are not asked for, and so nobody has to send them: neither is the peer blamed, nor is
/// another kept from being asked.
#[test]
fn a_peer_is_not_blamed_for_what_it_was_not_asked() {
    let mut world = World::with(|bounds| bounds.control_total_bytes = 20_000, |_| {});
    meshed(&mut world, 2);
    let ids: Vec<_> = (0..100_u8).map(|n| vec![n; 1_000]).collect();
    world.send(2, &Rpc::ihave("news", ids.clone()));
    let heard = world.heard(2);
    assert!(!heard.is_empty() && !heard.contains(&"iwant 100".to_owned()), "{heard:?}");
    assert_eq!(world.service().counters().control_dropped, 0);
    let asked = world.service().router_counters().iwant_ids;
    assert!(asked < 20, "as many as fit: {asked}");
    world.send(3, &Rpc::ihave("news", ids[90..].to_vec()));
    assert_eq!(world.service().router_counters().iwant_ids, asked + 10);
}
