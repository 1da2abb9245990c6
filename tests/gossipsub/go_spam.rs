//! Attackers by control messages, by the names of go's tests of them, with exact counts.

use crate::harness::{Done, NEWS, One, ids, news};
use std::time::Duration;
use swarm_notify::protocols::gossipsub::Config;
use swarm_notify::protocols::pubsub::{Accepts, Judgement, Router};

const SECOND: Duration = Duration::from_secs(1);

/// A peer asks for one message again and again: it is sent three times.
#[test]
fn attack_spam_iwant() {
    let mut one = One::with_peers(Config::default(), 1);
    one.publish(NEWS, "m");
    one.take();
    (0..100).for_each(|_| one.iwant(1, &["m"]));
    assert_eq!(one.take(), vec![Done::Send(1, "m".into()); 3]);
}

/// A peer advertises messages that there are not: it is asked for as many as the bounds allow, and has a bad score in the end.
#[test]
fn attack_spam_ihave() {
    let mut config = Config::default();
    (config.ihave_ids, config.ihave_rpcs) = (50, 10);
    let mut one = One::with_peers(config, 1);
    one.beat();
    one.take();
    let asked = |one: &mut One| {
        one.take().into_iter().map(|done| if let Done::IWant(1, ids) = done { ids.len() } else { 0 }).sum::<usize>()
    };
    // Ten RPCs of ten ids: fifty ids are asked for.
    for rpc in 0..20 {
        let fake: Vec<_> = (0..10).map(|number| format!("fake {rpc} {number}")).collect();
        one.ihave(1, NEWS, &fake.iter().map(String::as_str).collect::<Vec<_>>());
    }
    assert_eq!(asked(&mut one), 50);
    one.beat();
    // The bound counts anew after a heartbeat: of RPCs with one id, ten are read.
    (0..20).for_each(|number| one.ihave(1, NEWS, &[&format!("more {number}")]));
    assert_eq!(asked(&mut one), 10);
    // Each IWANT had a promise, five of the first RPCs and ten of the others. They have three seconds.
    assert_eq!(one.score(1), 0.0);
    one.beats(4);
    assert_eq!(one.router.counters().promises_broken, 15);
    assert!(one.score(1) < -100.0 && one.mesh(NEWS).is_empty());
    assert_eq!(one.router.accepts(crate::harness::peer(1)), Accepts::Subscriptions);
}

#[test]
fn attack_graft_non_existent_topic() {
    let mut one = One::with_peers(Config::default(), 1);
    one.take();
    let held = one.router.held();
    (0..1_000).for_each(|number| one.graft(1, &format!("{number}")));
    assert_eq!((one.take(), one.router.held(), one.score(1)), (vec![], held, 0.0));
}

/// GRAFTs within the backoff are answered with a PRUNE, each renews the backoff, and each counts.
#[test]
fn attack_graft_during_backoff() {
    let mut one = One::with_peers(Config::default(), 1);
    one.prune(1, NEWS, Some(60));
    one.take();
    one.graft(1, NEWS);
    // Within ten seconds of the PRUNE it counts twice.
    assert_eq!((one.take(), one.score(1)), (vec![Done::Prune(1, news(), Some(60), vec![])], -40.0));
    one.pass(59 * SECOND);
    one.take();
    assert_eq!(one.score(1), 0.0, "it has decayed");
    one.graft(1, NEWS);
    assert_eq!((one.take(), one.score(1)), (vec![Done::Prune(1, news(), Some(60), vec![])], -10.0));
    one.pass(58 * SECOND);
    assert!(one.mesh(NEWS).is_empty(), "the second GRAFT has renewed the backoff");
}

#[test]
fn attack_invalid_message_spam() {
    let mut one = One::with_peers(Config::default(), 1);
    one.beat();
    for number in 0..9 {
        assert_eq!(one.router.accepts(crate::harness::peer(1)), Accepts::All, "after {number}");
        one.judge(1, NEWS, "m", Judgement::Rejected);
    }
    assert_eq!((one.score(1), one.router.accepts(crate::harness::peer(1))), (-81.0, Accepts::Subscriptions));
    one.beat();
    assert!(one.mesh(NEWS).is_empty());
}

/// A peer says of many messages that it does not want them: as many are remembered as the bound says.
#[test]
fn attack_spam_idontwant() {
    let mut config = Config::default();
    (config.idontwant_ids, config.idontwant_rpcs) = (100, 1_000);
    let mut one = One::with_peers(config, 1);
    let held = one.router.held();
    for rpc in 0..100 {
        let many: Vec<_> = (0..50).map(|number| format!("{rpc} {number}")).collect();
        one.idontwant(1, &many.iter().map(String::as_str).collect::<Vec<_>>());
    }
    assert!(one.router.held() - held <= 100 * 64, "{}", one.router.held() - held);
    assert_eq!(one.publish(NEWS, "1 49"), [].into(), "the hundredth");
    assert_eq!(one.publish(NEWS, "2 0"), [1].into());
}

/// Of too many RPCs with IDONTWANT the later ones are ignored, until the next heartbeat.
#[test]
fn handle_idontwant_spam() {
    let mut config = Config::default();
    config.idontwant_rpcs = 10;
    let mut one = One::with_peers(config, 1);
    (0..20).for_each(|number| one.idontwant(1, &[&format!("m{number}")]));
    assert_eq!((one.publish(NEWS, "m9"), one.publish(NEWS, "m10")), ([].into(), [1].into()));
    one.beat();
    one.idontwant(1, &["m11"]);
    assert_eq!(one.publish(NEWS, "m11"), [].into());
}

/// What a peer does not want is forgotten after three heartbeats.
#[test]
fn idontwant_unwanted_cleanup() {
    let mut one = One::with_peers(Config::default(), 1);
    one.beat();
    let held = one.router.held();
    one.idontwant(1, &["a", "b"]);
    assert!(one.router.held() > held);
    one.beats(2);
    assert_eq!(one.publish(NEWS, "a"), [].into());
    one.beat();
    assert_eq!(one.publish(NEWS, "b"), [1].into());
    one.beats(6);
    assert_eq!(one.router.held(), held);
}

/// Not one of go's: who asks first has the answer on the way, and the bound on all that is asked for has a share for each.
#[test]
fn a_peer_leaves_half_of_what_can_be_asked_for_to_others() {
    let mut config = Config::default();
    config.asked_ids = 16;
    let mut one = One::with_peers(config, 2);
    one.take();
    let many: Vec<_> = (0..16).map(|number| format!("fake {number}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    one.ihave(1, NEWS, &many);
    one.ihave(1, NEWS, &many);
    one.ihave(1, NEWS, &many);
    one.take();
    one.ihave(2, NEWS, &["true"]);
    assert_eq!(one.take(), [], "the first call took all that were free");
    one.beats(5);
    one.ihave(2, NEWS, &["true"]);
    assert_eq!(one.take().last(), Some(&Done::IWant(2, ids(&["true"]))));
}
