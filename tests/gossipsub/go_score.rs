//! The score, by the names of go's tests of it, each with the exact value: P1 to P7, their caps and decays, what is kept of who
//! has gone, and parameters that change.

use crate::harness::{NEWS, One, news, peer};
use std::time::Duration;
use swarm_notify::lifecycle::Direction;
use swarm_notify::protocols::gossipsub::{Config, PROTOCOL_1_1, ScoreParams, TopicScoreParams};
use swarm_notify::protocols::pubsub::Judgement;

const SECOND: Duration = Duration::from_secs(1);
const FIRST: Judgement = Judgement::First;
const AT_ONCE: Judgement = Judgement::Repeated { after: Duration::ZERO };

/// A router with `peers` peers in its mesh, in which only what `with` sets counts, for one topic with a weight of 0.5. Scores
/// decay in each heartbeat.
fn scored(peers: u8, with: impl FnOnce(&mut TopicScoreParams, &mut ScoreParams)) -> One {
    let mut topic = TopicScoreParams::default();
    (topic.topic_weight, topic.invalid_message_deliveries_weight) = (0.5, 0.0);
    let mut score = ScoreParams::default();
    (score.ip_colocation_weight, score.behaviour_penalty_weight) = (0.0, 0.0);
    score.other_topics = None;
    with(&mut topic, &mut score);
    score.topics.insert(NEWS.into(), topic);
    let mut config = Config::default();
    config.score = Some(score);
    let mut one = One::with_peers(config, peers);
    one.beat();
    one
}

#[track_caller]
fn is(got: f64, expected: f64) {
    assert!((got - expected).abs() <= expected.abs() * 1e-9, "{got}, and {expected} is right");
}

fn judge(one: &mut One, number: u8, judgement: Judgement, times: usize) {
    (0..times).for_each(|_| one.judge(number, NEWS, "m", judgement));
}

#[test]
fn time_in_mesh() {
    let mut one = scored(1, |topic, _| {
        (topic.time_in_mesh_weight, topic.time_in_mesh_quantum) = (1.0, Duration::from_millis(250));
    });
    // It was added 0.1 s before the first heartbeat, and each takes place a second after the one before.
    is(one.score(1), 0.0);
    one.beats(20);
    is(one.score(1), 0.5 * 80.0);
}

#[test]
fn time_in_mesh_cap() {
    let mut one = scored(1, |topic, _| {
        (topic.time_in_mesh_weight, topic.time_in_mesh_quantum, topic.time_in_mesh_cap) = (1.0, SECOND, 10.0);
    });
    one.beats(40);
    is(one.score(1), 0.5 * 10.0);
}

#[test]
fn first_message_deliveries() {
    let mut one = scored(1, |topic, _| {
        (topic.first_message_deliveries_weight, topic.first_message_deliveries_decay) = (1.0, 1.0);
    });
    judge(&mut one, 1, FIRST, 100);
    one.beat();
    is(one.score(1), 0.5 * 100.0);
}

#[test]
fn first_message_deliveries_cap() {
    let mut one = scored(1, |topic, _| {
        topic.first_message_deliveries_weight = 1.0;
        (topic.first_message_deliveries_decay, topic.first_message_deliveries_cap) = (1.0, 50.0);
    });
    judge(&mut one, 1, FIRST, 100);
    is(one.score(1), 0.5 * 50.0);
}

#[test]
fn first_message_deliveries_decay() {
    let mut one = scored(1, |topic, _| {
        (topic.first_message_deliveries_weight, topic.first_message_deliveries_decay) = (1.0, 0.9);
    });
    judge(&mut one, 1, FIRST, 100);
    one.beat();
    is(one.score(1), 0.5 * 90.0);
    one.beats(10);
    is(one.score(1), 0.5 * 100.0 * 0.9_f64.powi(11));
    // In the end it is nothing at all.
    one.beats(200);
    assert_eq!(one.score(1), 0.0);
}

/// Three peers: one delivers first, one within the window, one too late.
#[test]
fn mesh_message_deliveries() {
    let mut one = scored(3, |topic, _| {
        topic.mesh_message_deliveries_weight = -1.0;
        (topic.mesh_message_deliveries_decay, topic.mesh_message_deliveries_threshold) = (1.0, 20.0);
        (topic.mesh_message_deliveries_activation, topic.mesh_message_deliveries_cap) = (SECOND, 100.0);
        topic.mesh_message_deliveries_window = Duration::from_millis(10);
        (topic.mesh_failure_penalty_weight, topic.mesh_failure_penalty_decay) = (-1.0, 1.0);
    });
    assert_eq!(one.mesh(NEWS).len(), 3);
    // It does not count before it is active.
    (1..=3).for_each(|number| assert_eq!(one.score(number), 0.0));
    for _ in 0..100 {
        one.judge(1, NEWS, "m", FIRST);
        one.judge(2, NEWS, "m", Judgement::Repeated { after: Duration::from_millis(10) });
        one.judge(3, NEWS, "m", Judgement::Repeated { after: Duration::from_micros(10_001) });
    }
    one.pass(SECOND);
    assert_eq!([one.score(1), one.score(2)], [0.0, 0.0]);
    // Whoever has a negative score is removed in the same heartbeat. What it lacked (P3) is kept as P3b.
    is(one.score(3), -0.5 * 20.0 * 20.0);
    assert_eq!(one.mesh(NEWS), [1, 2].into());
}

#[test]
fn mesh_message_deliveries_decay() {
    let mut one = scored(1, |topic, _| {
        topic.mesh_message_deliveries_weight = -1.0;
        (topic.mesh_message_deliveries_decay, topic.mesh_message_deliveries_threshold) = (0.9, 20.0);
        topic.mesh_message_deliveries_activation = SECOND;
        (topic.mesh_failure_penalty_weight, topic.mesh_failure_penalty_decay) = (-1.0, 1.0);
    });
    judge(&mut one, 1, AT_ONCE, 40);
    one.beat();
    assert_eq!(one.score(1), 0.0);
    // 40 decay to 19.1 with the seventh decay.
    one.beats(5);
    assert_eq!(one.score(1), 0.0);
    one.beat();
    is(one.score(1), -0.5 * (20.0 - 40.0 * 0.9_f64.powi(7)).powi(2));
}

#[test]
fn mesh_failure_penalty() {
    let mut one = scored(2, |topic, _| {
        topic.mesh_message_deliveries_threshold = 20.0;
        topic.mesh_message_deliveries_activation = Duration::ZERO;
        (topic.mesh_failure_penalty_weight, topic.mesh_failure_penalty_decay) = (-1.0, 1.0);
    });
    one.beat();
    // P3 has no weight, so that both have a score of 0 as long as they are in the mesh.
    assert_eq!([one.score(1), one.score(2)], [0.0, 0.0]);
    one.prune(1, NEWS, Some(60));
    is(one.score(1), -0.5 * 400.0);
    assert_eq!(one.score(2), 0.0);
}

#[test]
fn invalid_message_deliveries() {
    let mut one = scored(1, |topic, _| {
        (topic.invalid_message_deliveries_weight, topic.invalid_message_deliveries_decay) = (-1.0, 1.0);
    });
    judge(&mut one, 1, Judgement::Rejected, 100);
    is(one.score(1), -0.5 * 10_000.0);
}

#[test]
fn invalid_message_deliveries_decay() {
    let mut one = scored(1, |topic, _| {
        (topic.invalid_message_deliveries_weight, topic.invalid_message_deliveries_decay) = (-1.0, 0.9);
    });
    judge(&mut one, 1, Judgement::Rejected, 100);
    one.beat();
    is(one.score(1), -0.5 * 90.0 * 90.0);
    one.beats(10);
    is(one.score(1), -0.5 * (100.0 * 0.9_f64.powi(11)).powi(2));
}

/// What is ignored counts for nobody; what is rejected counts for each who has sent it.
#[test]
fn reject_message_deliveries() {
    let mut one = scored(2, |topic, _| {
        (topic.invalid_message_deliveries_weight, topic.invalid_message_deliveries_decay) = (-1.0, 1.0);
    });
    (1..=2).for_each(|number| judge(&mut one, number, Judgement::Ignored, 5));
    assert_eq!([one.score(1), one.score(2)], [0.0, 0.0]);
    (1..=2).for_each(|number| judge(&mut one, number, Judgement::Rejected, 1));
    (1..=2).for_each(|number| is(one.score(number), -0.5));
}

#[test]
fn application_score() {
    let mut one = scored(1, |_, score| score.app_specific_weight = 0.5);
    for given in -100_i32..100 {
        assert!(one.router.set_app_score(peer(1), given.into()));
        is(one.score(1), 0.5 * f64::from(given));
    }
    assert!(!one.router.set_app_score(peer(9), 1.0), "it is no peer");
}

fn colocated(exempt: &[&str]) -> One {
    let mut one = scored(0, |_, score| {
        (score.ip_colocation_weight, score.ip_colocation_threshold) = (-1.0, 1);
        score.ip_colocation_exempt = exempt.iter().map(|network| network.parse().unwrap()).collect();
    });
    for (number, address) in [
        (1, "/ip4/192.0.2.1/tcp/1"),
        (2, "/ip4/192.0.2.2/tcp/1"),
        (3, "/ip4/192.0.2.2/tcp/2"),
        (4, "/ip4/192.0.2.2/tcp/3"),
    ] {
        one.add_as(number, &PROTOCOL_1_1, Direction::Inbound, Some(address));
    }
    one
}

#[test]
fn ip_colocation() {
    let mut one = colocated(&[]);
    assert_eq!([1, 2, 3, 4].map(|number| one.score(number)), [0.0, -4.0, -4.0, -4.0]);
    one.remove(4);
    assert_eq!([1, 2, 3].map(|number| one.score(number)), [0.0, -1.0, -1.0]);
    // All of a /64 are one address.
    for number in 5..8 {
        let address = format!("/ip6/2001:db8::{number}/tcp/1");
        one.add_as(number, &PROTOCOL_1_1, Direction::Inbound, Some(&address));
    }
    assert_eq!([5, 6, 7].map(|number| one.score(number)), [-4.0; 3]);
}

#[test]
fn ip_colocation_whitelist() {
    let mut one = colocated(&["192.0.2.0/24"]);
    assert_eq!([1, 2, 3, 4].map(|number| one.score(number)), [0.0; 4]);
}

#[test]
fn behaviour_penalty() {
    let mut one = scored(1, |_, score| {
        (score.behaviour_penalty_weight, score.behaviour_penalty_decay) = (-1.0, 0.99);
    });
    // A GRAFT soon after a PRUNE counts twice.
    one.prune(1, NEWS, Some(60));
    one.graft(1, NEWS);
    is(one.score(1), -4.0);
    one.beat();
    is(one.score(1), -(2.0 * 0.99_f64).powi(2));
    // A late one counts once.
    one.pass(Duration::from_secs(30));
    let before = (-one.score(1)).sqrt();
    one.graft(1, NEWS);
    is(one.score(1), -(before + 1.0).powi(2));
}

#[test]
fn retention() {
    let mut one = scored(2, |_, score| {
        (score.app_specific_weight, score.retain_score) = (1.0, Duration::from_secs(10));
    });
    assert!(one.router.set_app_score(peer(1), -1_000.0) && one.router.set_app_score(peer(2), 1_000.0));
    (1..=2).for_each(|number| one.remove(number));
    assert_eq!(one.router.retained_peers(), 1, "a good score is not kept");
    one.pass(Duration::from_secs(5));
    one.add(1);
    is(one.score(1), -1_000.0);
    one.remove(1);
    one.pass(Duration::from_secs(11));
    assert_eq!(one.router.retained_peers(), 0);
    one.add(1);
    assert_eq!(one.score(1), 0.0);
}

#[test]
fn the_worst_scores_are_kept_if_there_is_no_room() {
    let mut one = One::new({
        let mut config = Config::default();
        config.retained_peers = 4;
        config
    });
    for number in 1..=10 {
        one.add(number);
        assert!(one.router.set_app_score(peer(number), -f64::from(number)));
        one.remove(number);
    }
    assert_eq!(one.router.retained_peers(), 4);
    (1..=10).for_each(|number| one.add(number));
    let kept: Vec<_> = (1..=10).filter(|number| one.score(*number) < 0.0).collect();
    assert_eq!(kept, [7, 8, 9, 10]);
}

#[test]
fn recap_topic_params() {
    let mut one = scored(2, |topic, _| {
        (topic.first_message_deliveries_weight, topic.first_message_deliveries_decay) = (10.0, 1.0);
        (topic.first_message_deliveries_cap, topic.topic_weight) = (10.0, 1.0);
    });
    judge(&mut one, 1, FIRST, 100);
    is(one.score(1), 100.0);
    let mut params = TopicScoreParams::default();
    (params.first_message_deliveries_weight, params.first_message_deliveries_cap) = (10.0, 5.0);
    params.first_message_deliveries_decay = 1.0;
    one.router.set_topic_score_params(&news(), params);
    is(one.score(1), 50.0);
    judge(&mut one, 2, FIRST, 100);
    is(one.score(2), 50.0);
}

#[test]
fn reset_topic_params() {
    let mut one = scored(1, |topic, _| {
        (topic.invalid_message_deliveries_weight, topic.invalid_message_deliveries_decay) = (-10.0, 1.0);
        topic.topic_weight = 1.0;
    });
    judge(&mut one, 1, Judgement::Rejected, 1);
    is(one.score(1), -10.0);
    let mut params = TopicScoreParams::default();
    params.invalid_message_deliveries_weight = -50.0;
    one.router.set_topic_score_params(NEWS, params);
    is(one.score(1), -50.0);
}
