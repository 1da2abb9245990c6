//! What broke in other implementations, and what is right. Each test names its report.

use crate::harness::{Done, NEWS, One, ids, news, peer};
use std::time::Duration;
use swarm_notify::lifecycle::Direction;
use swarm_notify::protocols::floodsub;
use swarm_notify::protocols::gossipsub::{Config, PROTOCOL_1_1, ScoreParams, TopicScoreParams};
use swarm_notify::protocols::pubsub::{Judgement, Router};

const SECOND: Duration = Duration::from_secs(1);

fn config(with: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    with(&mut config);
    config
}

/// Parameters in which each kind of behaviour counts.
fn scored(with: impl FnOnce(&mut TopicScoreParams)) -> Config {
    let mut topic = TopicScoreParams::default();
    with(&mut topic);
    let mut score = ScoreParams::default();
    score.topics.insert(NEWS.into(), topic);
    config(|config| config.score = Some(score))
}

/// Report 1: GHSA-gc42-3jg7-rxr2, GHSA-xqmp-fxgv-xvq5.
#[test]
fn a_huge_backoff_counts_as_an_hour() {
    for backoff in [u64::MAX, u64::MAX / 1_000_000_000, 1 << 40, 3_600] {
        let mut one = One::with_peers(Config::default(), 1);
        one.prune(1, NEWS, Some(backoff));
        one.pass(3_600 * SECOND);
        assert!(one.mesh(NEWS).is_empty(), "{backoff}");
        one.pass(3 * SECOND);
        assert_eq!(one.mesh(NEWS), [1].into(), "{backoff}");
    }
}

/// Report 2: GHSA-g3g5-x568-qvqx, rust #6608.
#[test]
fn a_graft_for_what_the_peer_does_not_subscribe_to_is_dropped() {
    let mut one = One::with_peers(Config::default(), 0);
    one.add(1);
    let held = one.router.held();
    (0..10_000).for_each(|number| one.graft(1, &format!("topic {number}")));
    one.graft(1, NEWS);
    assert_eq!((one.take(), one.router.held(), one.mesh(NEWS).len()), (vec![], held, 0));
    assert_eq!(one.router.counters().grafts_ignored, 10_001);
}

/// Report 3: GHSA-vrx6-jcp8-vm7m.
#[test]
fn a_prune_for_a_topic_that_is_not_joined_stores_nothing() {
    let mut one = One::with_peers(Config::default(), 1);
    let held = one.router.held();
    (0..10_000).for_each(|number| one.prune(1, &format!("topic {number}"), Some(3_600)));
    assert_eq!(one.router.held(), held);
}

/// Report 4: js GHSA-4f8r-922h-2vgv, go #705 and others. The service bounds subscriptions; the router keeps nothing of topics
/// that we do not subscribe to.
#[test]
fn subscriptions_to_other_topics_cost_the_router_nothing() {
    let mut one = One::with_peers(Config::default(), 1);
    let held = one.router.held();
    for number in 0..1_000 {
        one.subscribe(1, &format!("topic {number}"));
    }
    assert_eq!(one.router.held(), held);
    // A topic that we have left is forgotten, once its backoffs are over.
    one.leave(NEWS);
    one.remove(1);
    one.pass(30 * SECOND);
    assert_eq!(one.router.held(), 0);
}

/// Report 6: leanSpec #931.
#[test]
fn ids_and_replies_to_iwant_are_capped() {
    let mut one = One::with_peers(config(|config| (config.iwant_ids, config.iwant_bytes) = (50, 450)), 1);
    (0..20).for_each(|number| drop(one.publish(NEWS, &format!("m{number}"))));
    one.take();
    // One id that is asked for again and again is sent three times.
    one.iwant(1, &["m0"; 10]);
    assert_eq!(one.take(), vec![Done::Send(1, "m0".into()); 3]);
    // 450 bytes, in messages of 100.
    let all: Vec<_> = (1..20).map(|number| format!("m{number}")).collect();
    one.iwant(1, &all.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(one.take().len(), 2);
    one.beat();
    one.take();
    // Unknown ids count, too.
    one.iwant(1, &["unknown"; 50]);
    one.iwant(1, &["m1"]);
    assert_eq!(one.take(), []);
}

/// Report 7: rust #6183, #6184.
#[test]
fn a_mesh_above_its_bound_shrinks_to_its_size() {
    let mut one = One::with_peers(Config::default(), 0);
    for number in 1..=30 {
        one.add_outbound(number);
        one.subscribe(number, NEWS);
        one.graft(number, NEWS);
    }
    assert_eq!(one.mesh(NEWS).len(), 30, "peers that we have dialed are always accepted");
    one.take();
    one.beat();
    assert_eq!(one.mesh(NEWS).len(), 6);
    assert_eq!(one.count(|done| matches!(done, Done::Prune(..))), 24);
}

/// Report 8: rust #6095.
#[test]
fn without_a_history_messages_are_still_sent() {
    let mut one = One::with_peers(config(|config| config.history_length = 0), 3);
    one.beat();
    one.take();
    assert_eq!(one.publish(NEWS, "m"), [1, 2, 3].into());
    one.iwant(1, &["m"]);
    one.beats(3);
    assert_eq!(one.count(|done| matches!(done, Done::Send(..) | Done::IHave(..))), 0);
}

/// Report 8, second part.
#[test]
fn the_fanout_has_no_peer_below_the_publish_threshold() {
    let mut one = One::new(config(|config| config.flood_publish = false));
    for number in 1..=4 {
        one.add(number);
        one.subscribe(number, NEWS);
    }
    assert!(one.router.set_app_score(peer(2), -51.0));
    assert_eq!(one.publish(NEWS, "a"), [1, 3, 4].into());
    // A peer whose score falls later is replaced in the heartbeat.
    assert!(one.router.set_app_score(peer(2), 0.0) && one.router.set_app_score(peer(3), -51.0));
    one.beats(2);
    assert_eq!(one.publish(NEWS, "b"), [1, 2, 4].into());
}

/// Report 9: rust #6100.
#[test]
fn joining_without_peers_still_makes_the_mesh() {
    let mut one = One::with_peers(Config::default(), 0);
    one.add(1);
    one.subscribe(1, NEWS);
    one.graft(1, NEWS);
    assert_eq!(one.mesh(NEWS), [1].into());
}

/// Report 10: rust #5928, js #526.
#[test]
fn publishing_what_was_asked_for_keeps_the_promise() {
    let mut one = One::with_peers(Config::default(), 1);
    one.ihave(1, NEWS, &["same"]);
    assert_eq!(one.take().last(), Some(&Done::IWant(1, ids(&["same"]))));
    one.publish(NEWS, "same");
    one.pass(10 * SECOND);
    assert_eq!((one.score(1), one.router.counters().promises_broken), (0.0, 0));
}

/// Report 11: rust #6112.
#[test]
fn duplicates_of_our_own_message_are_no_misbehaviour() {
    let mut one = One::with_peers(Config::default(), 2);
    one.publish(NEWS, "same");
    for _ in 0..10 {
        one.judge(1, NEWS, "same", Judgement::Ignored);
    }
    assert_eq!(one.score(1), 0.0);
}

/// Report 12: rust #6097.
#[test]
fn weights_of_zero_have_no_effect() {
    let mut config = scored(|topic| {
        topic.mesh_message_deliveries_weight = 0.0;
        topic.mesh_message_deliveries_threshold = f64::INFINITY;
        topic.mesh_message_deliveries_activation = Duration::ZERO;
    });
    let score = config.score.as_mut().unwrap();
    (score.ip_colocation_weight, score.ip_colocation_threshold) = (0.0, 0);
    let mut one = One::with_peers(config, 0);
    for number in 1..=3 {
        one.add_as(number, &PROTOCOL_1_1, Direction::Inbound, Some("/ip4/192.0.2.1/tcp/1"));
        one.subscribe(number, NEWS);
    }
    one.pass(100 * SECOND);
    assert_eq!((one.score(1), one.mesh(NEWS).len()), (0.0, 3));
}

/// Report 13: js #211.
#[test]
fn a_pruned_peer_lacks_no_further_deliveries() {
    let mut one = One::with_peers(
        scored(|topic| {
            topic.mesh_message_deliveries_weight = -1.0;
            topic.mesh_message_deliveries_activation = SECOND;
        }),
        1,
    );
    one.pass(SECOND);
    assert_eq!((one.mesh(NEWS), one.score(1)), ([1].into(), 0.0));
    one.prune(1, NEWS, Some(60));
    one.pass(30 * SECOND);
    assert_eq!(one.score(1), 0.0);
}

/// Report 14: jvm #472, go #368.
#[test]
fn subscribing_again_waits_for_the_backoff_and_some_slack() {
    let mut one = One::with_peers(Config::default(), 1);
    one.leave(NEWS);
    assert_eq!(one.take().last(), Some(&Done::Prune(1, news(), Some(10), vec![])));
    one.join(NEWS);
    one.pass(10 * SECOND);
    assert_eq!(one.count(|done| matches!(done, Done::Graft(..))), 0);
    one.pass(2 * SECOND);
    assert_eq!(one.count(|done| matches!(done, Done::Graft(..))), 1);
    // A peer that unsubscribes and subscribes again has said in its PRUNE how long to wait.
    one.unsubscribe(1, NEWS);
    one.prune(1, NEWS, Some(20));
    one.subscribe(1, NEWS);
    one.take();
    one.pass(20 * SECOND);
    assert_eq!(one.count(|done| matches!(done, Done::Graft(..))), 0);
    one.pass(2 * SECOND);
    assert_eq!(one.count(|done| matches!(done, Done::Graft(..))), 1);
}

/// Report 15: rust #5690, #6124.
#[test]
fn leaving_ends_the_mesh_with_a_backoff_of_its_own() {
    let mut one = One::with_peers(Config::default(), 5);
    assert_eq!(one.mesh(NEWS).len(), 5);
    one.take();
    one.leave(NEWS);
    let prunes = one.count(|done| matches!(done, Done::Prune(_, _, Some(10), _)));
    assert_eq!((prunes, one.mesh(NEWS).len()), (5, 0));
    // Messages are flooded then, and nothing is left of a fanout.
    assert_eq!((one.publish(NEWS, "m").len(), one.router.fanout_peers(NEWS).count()), (5, 0));
}

/// Report 16: rust #5901, go #553, js #498.
#[test]
fn idontwant_spares_replies_is_bounded_and_goes_with_the_peer() {
    let mut one = One::with_peers(config(|config| config.idontwant_ids = 4), 2);
    one.publish(NEWS, "m");
    one.idontwant(1, &["m", "a", "b", "c", "d", "e"]);
    one.take();
    one.iwant(1, &["m"]);
    assert_eq!(one.take(), [], "it has got it from somebody else");
    assert_eq!(one.router.counters().idontwants_ignored, 1);
    assert_eq!([one.publish(NEWS, "c"), one.publish(NEWS, "d")], [[2].into(), [1, 2].into()], "four are remembered");
    one.remove(1);
    one.add(1);
    one.subscribe(1, NEWS);
    assert_eq!(one.publish(NEWS, "a"), [1, 2].into());
}

/// Report 17: rust #5904, #5908.
#[test]
fn peers_with_floodsub_get_all_of_their_topics() {
    let mut one = One::with_peers(config(|config| config.flood_publish = false), 20);
    one.beat();
    for number in 21..=24 {
        one.add_as(number, &floodsub::PROTOCOL, Direction::Inbound, None);
    }
    (21..=23).for_each(|number| one.subscribe(number, NEWS));
    one.subscribe(24, "other");
    one.beat();
    let mesh = one.mesh(NEWS);
    assert!(mesh.len() == 6 && mesh.iter().all(|number| *number <= 20));
    let flooded = |to: std::collections::BTreeSet<u8>| to.into_iter().filter(|number| *number > 20).collect::<Vec<_>>();
    assert_eq!(flooded(one.publish(NEWS, "ours")), [21, 22, 23]);
    assert_eq!(flooded(one.deliver(1, NEWS, "forwarded")), [21, 22, 23]);
    assert_eq!(flooded(one.publish("other", "outside")), [24]);
    one.take();
    one.beats(3);
    assert_eq!(one.count(|done| matches!(done, Done::IHave(21.., ..) | Done::Graft(21.., _))), 0);
}

/// Report 22: js #162, rust #2327.
#[test]
fn one_iwant_is_in_flight_for_an_id() {
    let mut one = One::with_peers(Config::default(), 3);
    one.take();
    one.ihave(1, NEWS, &["a", "b"]);
    one.ihave(2, NEWS, &["b", "c"]);
    one.ihave(3, NEWS, &["a", "b", "c"]);
    assert_eq!(one.take(), [Done::IWant(1, ids(&["a", "b"])), Done::IWant(2, ids(&["c"]))]);
    one.deliver(1, NEWS, "a");
    one.pass(4 * SECOND);
    one.take();
    // What has not come in time is asked for again, and what has come is not.
    one.ihave(3, NEWS, &["a", "b", "c"]);
    assert_eq!(one.take(), [Done::IWant(3, ids(&["b", "c"]))]);
}

/// Report 25: js #256. A heartbeat is a walk through arrays; its time is measured in the benches.
#[test]
fn a_heartbeat_without_news_asks_for_nothing() {
    let mut one = One::with_peers(Config::default(), 50);
    one.beats(2);
    one.take();
    one.beats(10);
    assert_eq!(one.take(), []);
}
