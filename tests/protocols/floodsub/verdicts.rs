//! Verdicts that are put off, ids that the owner makes, and messages that reached nobody.

use crate::floodsub::world::World;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use swarm_notify::protocols::pubsub::{Config, MessageId, PublishError, Signing, Verdict};
use swarm_notify::swarm::Config as SwarmConfig;

/// Three nodes in a row that subscribe to `t`. The one in the middle puts each verdict off.
fn undecided(config: Config) -> World {
    let mut world = World::new();
    world.node(Config::default());
    world.node(config);
    world.node(Config::default());
    world.join(1, 2);
    world.join(2, 3);
    (1..=3).for_each(|number| world.at(number).subscribe("t"));
    world.settle();
    world.at(2).floodsub().set_validator(|_, _| Verdict::Later);
    world.forget_logs();
    world
}

fn report(world: &mut World, id: &MessageId, verdict: Verdict) -> bool {
    let is_known = world.at(2).on(|floodsub, swarm| floodsub.report(swarm, id, verdict));
    world.settle();
    is_known
}

#[test]
fn a_message_is_forwarded_once_its_verdict_is_reported() {
    let mut world = undecided(Config::default());
    world.at(1).publish("t", "a");
    world.settle();
    world.at(3).expect(&[]);
    let ids = world.at(2).undecided.clone();
    let [id] = &ids[..] else { panic!("{ids:?}") };
    assert!(world.at(2).floodsub().held().pending_bytes > 0);
    assert!(!report(&mut world, id, Verdict::Later), "that is no verdict");
    assert!(report(&mut world, id, Verdict::Accept) && !report(&mut world, id, Verdict::Accept));
    world.at(3).expect(&["message t 1#1 a via 2"]);
    world.at(2).expect(&["undecided t 1#1 a via 1"]);
    let (counters, held) = (world.at(2).floodsub().counters(), world.at(2).floodsub().held());
    assert_eq!((counters.received, held.pending_bytes), (1, 0));
}

#[test]
fn a_rejected_message_counts_against_its_sender_then() {
    let mut world = undecided(Config::default());
    world.at(1).publish("t", "a");
    world.settle();
    let id = world.at(2).undecided[0].clone();
    world.forget_logs();
    assert!(report(&mut world, &id, Verdict::Reject));
    world.pass(Duration::from_secs(1));
    world.at(2).expect(&["invalid 1 1"]);
    world.at(3).expect(&[]);
}

#[test]
fn a_verdict_that_does_not_come_is_that_of_ignoring() {
    let mut world = undecided(Config::default());
    world.at(1).publish("t", "a");
    world.settle();
    let id = world.at(2).undecided[0].clone();
    world.pass(Config::default().pending_for);
    assert!(!report(&mut world, &id, Verdict::Accept));
    let (counters, held) = (world.at(2).floodsub().counters(), world.at(2).floodsub().held());
    assert_eq!((counters.ignored, held.pending_bytes), (1, 0));
    world.at(3).expect(&[]);
}

#[test]
fn a_peer_leaves_half_of_the_places_for_verdicts() {
    let mut config = Config::default();
    config.pending = 8;
    let mut world = undecided(config);
    for number in 0..6 {
        world.at(1).publish("t", &format!("{number}"));
    }
    world.settle();
    assert_eq!(world.at(2).undecided.len(), 4);
    let counters = world.at(2).floodsub().counters();
    assert_eq!((counters.pending_refused, counters.ignored), (2, 2));
    world.at(3).publish("t", "another peer");
    world.settle();
    assert_eq!(world.at(2).undecided.len(), 5);
    // All of them are free again once the verdicts are known.
    for id in world.at(2).undecided.clone() {
        assert!(report(&mut world, &id, Verdict::Accept));
    }
    world.forget_logs();
    (0..4).for_each(|number| drop(world.at(1).publish("t", &format!("again {number}"))));
    world.settle();
    assert_eq!(world.at(2).floodsub().counters().pending_refused, 2);
}

#[test]
fn a_message_that_reached_nobody_may_be_published_again() {
    let mut world = World::new();
    for _ in 0..2 {
        world.node_with(Config::default(), SwarmConfig::default(), Signing::strict_no_sign());
    }
    world.at(2).subscribe("t");
    world.at(1).publish("t", "a");
    world.join(1, 2);
    world.settle();
    world.forget_logs();
    world.at(1).publish("t", "a");
    world.settle();
    world.at(2).expect(&["message t nobody a via 1"]);
    assert_eq!(world.at(1).try_publish("t", b"a"), Err(PublishError::Duplicate));
}

#[test]
fn ids_that_the_owner_makes_tell_signed_messages_apart() {
    let mut world = World::line(3);
    (1..=3).for_each(|number| world.at(number).subscribe("t"));
    (1..=3).for_each(|number| world.at(number).subscribe("other"));
    world.settle();
    world.forget_logs();
    let asked = Rc::new(RefCell::new(Vec::new()));
    for number in 1..=3 {
        let asked = asked.clone();
        world.at(number).floodsub().set_message_id(Some("t"), move |message| {
            asked.borrow_mut().push(message.seqno);
            message.data.clone().into()
        });
    }
    assert_eq!(world.at(1).try_publish("t", b"same"), Ok(MessageId::from(b"same".to_vec())));
    world.settle();
    world.at(2).expect(&["message t 1#1 same via 1"]);
    world.at(3).expect(&["message t 1#1 same via 2"]);
    assert!(asked.borrow().iter().all(|seqno| *seqno == Some(1)));
    // The content is known, whoever says it.
    assert_eq!(world.at(3).try_publish("t", b"same"), Err(PublishError::Duplicate));
    // Other topics have the ids of the author and the number.
    let id = world.at(1).try_publish("other", b"same").unwrap();
    assert_eq!(id.as_bytes()[id.as_bytes().len() - 8..], 2_u64.to_be_bytes());
}
