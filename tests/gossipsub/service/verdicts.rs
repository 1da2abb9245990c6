//! Verdicts that are put off, beside a mesh: what is told to peers meanwhile, and who has a part in the blame.

use crate::service::wire::{Rpc, id};
use crate::service::world::{SECOND, World, keypair, peer};
use crate::service::{by, meshed};
use swarm_notify::protocols::pubsub::{Config, Verdict};

/// A node with three peers in its mesh, which puts each verdict off.
fn undecided(bounds: impl FnOnce(&mut Config)) -> World {
    let mut world = World::with(bounds, |_| {});
    meshed(&mut world, 3);
    world.service().set_validator(|_, _| Verdict::Later);
    world
}

fn report(world: &mut World, verdict: Verdict) -> bool {
    let id = world.undecided.last().unwrap().clone();
    let is_known = world.on(|service, swarm| service.report(swarm, &id, verdict));
    world.settle();
    is_known
}

fn score(world: &mut World, raw: u8) -> f64 {
    world.service().score(peer(raw)).unwrap()
}

#[test]
fn nobody_hears_of_a_message_before_its_verdict() {
    let mut world = undecided(|_| {});
    world.send(2, &Rpc::publishing(vec![by(9, 1, b"a")]));
    assert_eq!(world.told(), ["undecided a via 2"]);
    // No gossip, and no answer to who asks.
    world.send(3, &Rpc::prune("news", 60));
    world.send(3, &Rpc::iwant(vec![id(&keypair(9), 1)]));
    world.pass(2 * SECOND);
    assert_eq!((world.heard(2), world.heard(3), world.heard(4)), (vec![], vec![], vec![]));
    assert!(report(&mut world, Verdict::Accept));
    world.pass(SECOND);
    assert_eq!((world.heard(2), world.heard(4)), (vec![], vec!["message a".to_owned()]));
    assert_eq!(world.heard(3), ["ihave news 1"]);
    assert_eq!(world.told(), ["pruned 3 news"], "the owner has the message already");
}

/// The mesh is told at once that we need no further copy.
#[test]
fn idontwant_does_not_wait_for_the_verdict() {
    let mut world = undecided(|_| {});
    world.send(2, &Rpc::publishing(vec![by(9, 1, &[b'x'; 2_000])]));
    assert_eq!((world.heard(2), world.heard(3)), (vec![], vec!["idontwant 1".to_owned()]));
    // Copies that come nevertheless are not forwarded, and the validator is not asked again.
    world.send(3, &Rpc::publishing(vec![by(9, 1, &[b'x'; 2_000])]));
    assert_eq!(world.undecided.len(), 1);
    assert!(report(&mut world, Verdict::Accept));
    assert_eq!((world.heard(2), world.heard(4)), (vec![], vec!["idontwant 1".into(), "message 2000 bytes".into()]));
}

/// P4 counts for everybody who has sent what is rejected: the first, who came before the verdict, and who comes after it.
#[test]
fn a_rejected_message_counts_against_all_who_sent_it() {
    let mut world = undecided(|_| {});
    for raw in [2, 3] {
        world.send(raw, &Rpc::publishing(vec![by(9, 1, b"bad")]));
    }
    assert_eq!([2, 3, 4].map(|raw| score(&mut world, raw)), [0.0; 3]);
    assert!(report(&mut world, Verdict::Reject) && !report(&mut world, Verdict::Accept));
    world.send(4, &Rpc::publishing(vec![by(9, 1, b"bad")]));
    assert_eq!([2, 3, 4].map(|raw| score(&mut world, raw)), [-1.0; 3]);
    // The same peer again counts as a repetition, not as another invalid message.
    world.send(4, &Rpc::publishing(vec![by(9, 1, b"bad")]));
    assert_eq!(score(&mut world, 4), -1.0);
    world.pass(2 * SECOND);
    assert!(world.mesh("news").is_empty());
    assert_eq!(world.service().held().pending_bytes, 0);
}

#[test]
fn a_verdict_that_does_not_come_counts_against_nobody() {
    let mut world = undecided(|bounds| bounds.pending_for = 5 * SECOND);
    world.send(2, &Rpc::publishing(vec![by(9, 1, b"a")]));
    assert!(world.service().held().pending_bytes > 0);
    world.pass(6 * SECOND);
    assert!(!report(&mut world, Verdict::Reject));
    let (counters, held) = (world.service().counters(), world.service().held());
    assert_eq!((counters.ignored, held.pending_bytes, score(&mut world, 2)), (1, 0, 0.0));
    // It is known, and remains ignored.
    world.send(3, &Rpc::publishing(vec![by(9, 1, b"a")]));
    assert_eq!((world.undecided.len(), score(&mut world, 3), world.heard(4)), (1, 0.0, vec![]));
}

/// One peer takes half of the places at most, and what there is no place for counts against nobody.
#[test]
fn a_peer_leaves_places_for_verdicts_to_others() {
    let mut world = undecided(|bounds| bounds.pending = 8);
    for seqno in 0..8 {
        world.send(2, &Rpc::publishing(vec![by(9, seqno, b"many")]));
    }
    world.send(3, &Rpc::publishing(vec![by(8, 1, b"one")]));
    let counters = world.service().counters();
    assert_eq!((world.undecided.len(), counters.pending_refused, score(&mut world, 2)), (5, 4, 0.0));
}

/// The bytes of the messages that wait are bounded, too.
#[test]
fn the_bytes_that_wait_for_verdicts_are_bounded() {
    let mut world = undecided(|bounds| bounds.pending_bytes = 100_000);
    for seqno in 0..8 {
        world.send(2, &Rpc::publishing(vec![by(9, seqno, &[b'x'; 10_000])]));
    }
    let (counters, held) = (world.service().counters(), world.service().held());
    assert_eq!((world.undecided.len(), counters.pending_refused), (4, 4));
    assert!((80_000..=100_000).contains(&held.pending_bytes), "{held:?}");
}

/// A peer that leaves takes no verdict along: the message is forwarded, and the blame finds nobody.
#[test]
fn the_sender_of_a_message_may_leave_before_the_verdict() {
    for verdict in [Verdict::Accept, Verdict::Reject] {
        let mut world = undecided(|_| {});
        world.send(2, &Rpc::publishing(vec![by(9, 1, b"a")]));
        let connection = world.at(2).swarm.connections().next().unwrap();
        world.at(2).swarm.close_connection(connection).unwrap();
        world.settle();
        assert!(report(&mut world, verdict));
        let expected = if verdict == Verdict::Accept { vec!["message a".to_owned()] } else { vec![] };
        assert_eq!((world.heard(3), world.heard(4)), (expected.clone(), expected));
    }
}
