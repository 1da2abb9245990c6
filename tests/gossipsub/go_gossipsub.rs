//! Meshes, gossip, direct peers and IDONTWANT, by the names of go's tests of the router that one router can show.

use crate::harness::{Done, NEWS, One, ids, news, peer};
use std::collections::BTreeSet;
use std::time::Duration;
use swarm_notify::lifecycle::Direction;
use swarm_notify::protocols::gossipsub::{Config, PROTOCOL_1_0, PROTOCOL_1_1};
use swarm_notify::protocols::pubsub::{Accepts, Judgement, Router};

const SECOND: Duration = Duration::from_secs(1);

fn config(with: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    with(&mut config);
    config
}

/// Messages of ours go to the same six subscribers of a topic that we do not subscribe to.
#[test]
fn gossipsub_fanout() {
    let mut one = One::new(config(|config| config.flood_publish = false));
    (1..=20).for_each(|number| one.add(number));
    (1..=20).for_each(|number| one.subscribe(number, NEWS));
    let first = one.publish(NEWS, "a");
    assert_eq!((first.len(), one.publish(NEWS, "b")), (6, first.clone()));
    // They are the mesh once we subscribe.
    one.join(NEWS);
    assert_eq!(one.mesh(NEWS), first);
}

#[test]
fn gossipsub_fanout_maintenance() {
    let mut one = One::new(config(|config| config.flood_publish = false));
    (1..=6).for_each(|number| one.add(number));
    (1..=6).for_each(|number| one.subscribe(number, NEWS));
    assert_eq!(one.publish(NEWS, "a").len(), 6);
    one.unsubscribe(1, NEWS);
    one.remove(2);
    assert_eq!(one.publish(NEWS, "b"), [3, 4, 5, 6].into());
    (7..=9).for_each(|number| one.add(number));
    (7..=9).for_each(|number| one.subscribe(number, NEWS));
    // The first turn takes the time of what was published, and the second is the heartbeat.
    one.beats(2);
    let now = one.publish(NEWS, "c");
    assert!(now.len() == 6 && now.is_superset(&[3, 4, 5, 6].into()), "{now:?}");
}

#[test]
fn gossipsub_fanout_expiry() {
    let mut one = One::new(config(|config| (config.flood_publish, config.fanout_ttl) = (false, 3 * SECOND)));
    one.add(1);
    one.subscribe(1, NEWS);
    one.publish(NEWS, "a");
    assert_eq!(one.router.fanout_peers(NEWS).count(), 1);
    one.tick();
    one.pass(2 * SECOND);
    assert_eq!(one.router.fanout_peers(NEWS).count(), 1);
    one.pass(2 * SECOND);
    assert_eq!(one.router.fanout_peers(NEWS).count(), 0);
}

/// Three heartbeats gossip about a message, to a quarter of the peers outside the mesh.
#[test]
fn gossipsub_gossip() {
    let mut one = One::with_peers(config(|config| config.flood_publish = false), 46);
    one.beat();
    let mesh = one.mesh(NEWS);
    assert_eq!(mesh.len(), 6);
    one.deliver(*mesh.first().unwrap(), NEWS, "m");
    one.take();
    for beat in 1..=5 {
        one.beat();
        let told: BTreeSet<_> = one
            .take()
            .into_iter()
            .map(|done| {
                let Done::IHave(peer, topic, told) = done else { panic!("{done:?}") };
                (peer, topic == NEWS && told == ids(&["m"]))
            })
            .collect();
        assert!(told.iter().all(|(peer, is_right)| *is_right && !mesh.contains(peer)), "{told:?}");
        assert_eq!(told.len(), if beat <= 3 { 10 } else { 0 }, "heartbeat {beat}");
    }
}

#[test]
fn gossipsub_prune() {
    let mut one = One::with_peers(Config::default(), 6);
    assert_eq!(one.mesh(NEWS).len(), 6);
    one.prune(3, NEWS, None);
    assert_eq!(one.mesh(NEWS), [1, 2, 4, 5, 6].into());
    assert_eq!(one.take().last(), Some(&Done::Pruned(3, news())));
    // Nobody is told: it was the peer's wish.
    one.beats(5);
    assert_eq!(one.count(|done| matches!(done, Done::Graft(3, _) | Done::Prune(..))), 0);
}

#[test]
fn gossipsub_prune_backoff_time() {
    let mut one = One::with_peers(Config::default(), 1);
    one.prune(1, NEWS, Some(5));
    one.pass(5 * SECOND);
    assert!(one.mesh(NEWS).is_empty());
    one.pass(2 * SECOND);
    assert_eq!(one.mesh(NEWS), [1].into(), "the PRUNE's own time counts");
}

#[test]
fn gossipsub_graft() {
    let mut one = One::with_peers(Config::default(), 0);
    one.add(1);
    one.subscribe(1, NEWS);
    one.graft(1, NEWS);
    assert_eq!((one.mesh(NEWS), one.take()), ([1].into(), vec![Done::Grafted(1, news())]));
    one.graft(1, NEWS);
    assert_eq!(one.take(), [], "it is in it already");
}

#[test]
fn gossipsub_remove_peer() {
    let mut one = One::with_peers(Config::default(), 3);
    one.remove(2);
    assert_eq!(one.mesh(NEWS), [1, 3].into());
    assert_eq!(one.publish(NEWS, "m"), [1, 3].into());
}

/// A new stream to a peer is told of all meshes that it is in, since the old stream may have lost a GRAFT.
#[test]
fn gossipsub_graft_prune_retry() {
    let mut one = One::with_peers(Config::default(), 1);
    one.subscribe(1, "other");
    one.join("other");
    one.take();
    one.add(1);
    let told: BTreeSet<_> = one.take().iter().map(|done| format!("{done:?}")).collect();
    let right = [Done::Graft(1, news()), Done::Graft(1, "other".into())];
    assert_eq!(told, right.iter().map(|done| format!("{done:?}")).collect());
}

#[test]
fn gossipsub_multiple_graft_topics() {
    let mut one = One::with_peers(Config::default(), 0);
    one.add(1);
    for topic in ["a", "b", "c"] {
        one.join(topic);
        one.subscribe(1, topic);
        one.graft(1, topic);
    }
    assert!(["a", "b", "c"].iter().all(|topic| one.mesh(topic) == [1].into()));
}

/// In the sixtieth heartbeat, two peers that score above the median enter a mesh whose median is low.
#[test]
fn gossipsub_opportunistic_grafting() {
    let mut one = One::with_peers(Config::default(), 6);
    one.beats(10);
    for number in 7..=20 {
        one.add(number);
        one.subscribe(number, NEWS);
    }
    (7..=9).for_each(|number| assert!(one.router.set_app_score(peer(number), 5.0)));
    one.beats(49);
    assert_eq!(one.mesh(NEWS), (1..=6).collect());
    one.take();
    one.beat();
    let mesh = one.mesh(NEWS);
    assert_eq!(mesh.len(), 8);
    assert!(mesh.difference(&(1..=6).collect()).all(|number| (7..=9).contains(number)), "{mesh:?}");
}

/// A mesh that is too large keeps the four best, and two that we have dialed.
#[test]
fn gossipsub_prune_mesh_correctly() {
    for round in 0..20_u8 {
        let mut one = One::new({
            let mut config = config(|_| {});
            config.mesh_outbound = 2;
            config
        });
        for number in 1..=30 {
            if number % 10 == 0 {
                one.add_outbound(number)
            } else {
                one.add(number)
            };
            one.subscribe(number, NEWS);
            assert!(one.router.set_app_score(peer(number), f64::from((number + round) % 30)));
        }
        one.router.joined(&NEWS.into(), true);
        one.tick();
        // All but those that the mesh has no place for.
        (1..=30).for_each(|number| one.graft(number, NEWS));
        let before = one.mesh(NEWS);
        assert!(before.len() >= 12);
        one.beat();
        let mesh = one.mesh(NEWS);
        if before.len() > 12 {
            assert_eq!(mesh.len(), 6);
            let best: Vec<_> = {
                let mut all: Vec<_> = before.iter().copied().collect();
                all.sort_by_key(|number| std::cmp::Reverse((number + round) % 30));
                all
            };
            assert!(best[..4].iter().filter(|number| mesh.contains(number)).count() >= 2, "{best:?} {mesh:?}");
        }
        assert!(mesh.iter().filter(|number| **number % 10 == 0).count() >= 2, "{mesh:?}");
    }
}

#[test]
fn gossipsub_join_topic() {
    let mut one = One::new(Config::default());
    for number in 1..=3 {
        one.add(number);
        one.subscribe(number, NEWS);
    }
    // One of them pruned us before we had joined; that is not remembered, since we were in no mesh.
    one.prune(1, NEWS, Some(60));
    one.join(NEWS);
    assert_eq!(one.mesh(NEWS), [1, 2, 3].into());
}

#[test]
fn gossipsub_leave_topic() {
    let mut one = One::with_peers(Config::default(), 2);
    one.leave(NEWS);
    let prunes = one.count(|done| matches!(done, Done::Prune(_, _, Some(10), _)));
    assert_eq!((prunes, one.mesh(NEWS).len()), (2, 0));
    // A GRAFT that crosses the PRUNE is not answered.
    one.take();
    one.graft(1, NEWS);
    assert_eq!((one.take(), one.score(1)), (vec![], 0.0));
}

/// A PRUNE of version 1.0 has no backoff.
#[test]
fn a_peer_of_the_first_version_is_told_no_backoff() {
    let mut one = One::with_peers(Config::default(), 0);
    one.add_as(1, &PROTOCOL_1_0, Direction::Inbound, None);
    one.subscribe(1, NEWS);
    one.graft(1, NEWS);
    one.leave(NEWS);
    assert_eq!(one.take().last(), Some(&Done::Prune(1, news(), None, vec![])));
}

#[test]
fn gossipsub_direct_peers() {
    let mut one = One::with_peers(config(|config| config.flood_publish = false), 8);
    one.router.add_direct_peer(peer(8), Vec::new());
    one.beats(2);
    assert!(!one.mesh(NEWS).contains(&8));
    // It gets all messages, and its own are accepted whatever its score.
    let from = *one.mesh(NEWS).first().unwrap();
    assert!(one.deliver(from, NEWS, "a").contains(&8) && one.publish(NEWS, "b").contains(&8));
    assert!(one.router.set_app_score(peer(8), -1_000.0));
    assert_eq!(one.router.accepts(peer(8)), Accepts::All);
    assert!(one.publish(NEWS, "c").contains(&8));
    one.take();
    one.graft(8, NEWS);
    assert_eq!(one.take(), [Done::Prune(8, news(), Some(60), vec![])], "it belongs to no mesh");
}

/// A direct peer that is not connected is dialed at once, and every 300 heartbeats.
#[test]
fn gossipsub_dynamic_direct_peers() {
    let mut one = One::with_peers(Config::default(), 1);
    let address: swarm_notify::swarm::Multiaddr = "/ip4/192.0.2.1/tcp/1".parse().unwrap();
    one.router.add_direct_peer(peer(9), vec![address.clone()]);
    one.beat();
    assert_eq!(one.count(|done| *done == Done::Dial(address.clone())), 1);
    one.beats(299);
    assert_eq!(one.count(|done| *done == Done::Dial(address.clone())), 1);
    one.beat();
    assert_eq!(one.count(|done| *done == Done::Dial(address.clone())), 2);
    one.add(9);
    one.beats(600);
    assert_eq!(one.count(|done| *done == Done::Dial(address.clone())), 2);
    assert!(one.router.remove_direct_peer(peer(9)) && !one.router.remove_direct_peer(peer(9)));
}

#[test]
fn gossipsub_direct_peers_fanout() {
    let mut one = One::new(config(|config| config.flood_publish = false));
    (1..=10).for_each(|number| one.add(number));
    (1..=10).for_each(|number| one.subscribe(number, NEWS));
    one.router.add_direct_peer(peer(10), Vec::new());
    let to = one.publish(NEWS, "m");
    assert!(to.len() == 7 && to.contains(&10), "{to:?}");
    assert!(!one.router.fanout_peers(NEWS).any(|id| id == peer(10)));
}

#[test]
fn gossipsub_negative_score() {
    let mut one = One::with_peers(Config::default(), 4);
    assert!(one.router.set_app_score(peer(1), -1.0));
    one.beat();
    assert_eq!(one.mesh(NEWS), [2, 3, 4].into());
    one.take();
    one.graft(1, NEWS);
    assert_eq!(one.take(), [Done::Prune(1, news(), Some(60), vec![])]);
    // That was within the backoff, which counts until it has decayed.
    one.pass(100 * SECOND);
    // Below the thresholds: no gossip, then none of our messages, then nothing is accepted.
    for (score, has_gossip, gets_ours, accepts) in [
        (-10.0, true, true, true),
        (-11.0, false, true, true),
        (-51.0, false, false, true),
        (-81.0, false, false, false),
    ] {
        let id = format!("{score}");
        assert!(one.router.set_app_score(peer(1), score));
        one.take();
        one.ihave(1, NEWS, &[&format!("unknown at {score}")]);
        let asked = one.count(|done| matches!(done, Done::IWant(1, _))) == 1;
        let right = (has_gossip, gets_ours, if accepts { Accepts::All } else { Accepts::Subscriptions });
        assert_eq!((asked, one.publish(NEWS, &id).contains(&1), one.router.accepts(peer(1))), right, "at {score}");
        one.beats(4);
    }
}

/// A large message: the mesh is told at once that no further copy is needed, but for the sender.
#[test]
fn gossipsub_idontwant_send() {
    let mut one = One::with_peers(Config::default(), 4);
    one.take();
    one.arrive(2, NEWS, "m", 1_024);
    let told: BTreeSet<_> = one
        .take()
        .into_iter()
        .map(|done| {
            let Done::DontWant(peer, what) = done else { panic!("{done:?}") };
            assert_eq!(what, ids(&["m"]));
            peer
        })
        .collect();
    assert_eq!(told, [1, 3, 4].into());
}

#[test]
fn gossipsub_idontwant_receive() {
    let mut one = One::with_peers(Config::default(), 4);
    one.idontwant(3, &["m"]);
    assert_eq!(one.deliver(1, NEWS, "m"), [2, 4].into());
}

#[test]
fn gossipsub_idontwant_non_mesh() {
    let mut one = One::with_peers(Config::default(), 20);
    one.beat();
    one.take();
    let mesh = one.mesh(NEWS);
    one.arrive(*mesh.first().unwrap(), NEWS, "m", 5_000);
    assert_eq!(one.count(|done| matches!(done, Done::DontWant(peer, _) if !mesh.contains(peer))), 0);
    assert_eq!(one.count(|done| matches!(done, Done::DontWant(..))), mesh.len() - 1);
}

#[test]
fn gossipsub_idontwant_incompat() {
    let mut one = One::with_peers(Config::default(), 1);
    one.add_as(2, &PROTOCOL_1_1, Direction::Inbound, None);
    one.subscribe(2, NEWS);
    one.graft(2, NEWS);
    one.take();
    one.arrive(1, NEWS, "m", 5_000);
    assert_eq!(one.take(), [], "a peer of version 1.1 does not know it");
}

#[test]
fn gossipsub_idontwant_small_message() {
    let mut one = One::with_peers(Config::default(), 4);
    one.take();
    one.arrive(2, NEWS, "m", 1_023);
    assert_eq!(one.take(), []);
}

#[test]
fn gossipsub_idontwant_before_iwant() {
    let mut one = One::with_peers(Config::default(), 2);
    one.publish(NEWS, "m");
    one.idontwant(1, &["m"]);
    one.take();
    one.iwant(1, &["m"]);
    one.iwant(2, &["m"]);
    assert_eq!(one.take(), [Done::Send(2, "m".into())]);
}

#[test]
fn gossipsub_idontwant_clear() {
    let mut one = One::with_peers(Config::default(), 1);
    one.idontwant(1, &["m"]);
    one.beats(4);
    assert_eq!(one.deliver(1, NEWS, "other"), [].into());
    assert_eq!(one.publish(NEWS, "m"), [1].into());
}

#[test]
fn no_idontwant_to_message_sender() {
    let mut one = One::with_peers(Config::default(), 1);
    one.take();
    one.arrive(1, NEWS, "m", 5_000);
    assert_eq!(one.take(), []);
}

#[test]
fn idontwant_before_first_publish() {
    let mut one = One::with_peers(Config::default(), 2);
    one.idontwant(1, &["m"]);
    assert_eq!(one.publish(NEWS, "m"), [2].into());
}

/// Peers that come and go leave nothing behind but a backoff or a bad score, for as long as these last.
#[test]
fn no_leak_from_disconnected_peer() {
    let mut one = One::with_peers(Config::default(), 0);
    let held = one.router.held();
    for number in 1..=200 {
        one.add(number);
        one.subscribe(number, NEWS);
        one.graft(number, NEWS);
        one.idontwant(number, &["a", "b"]);
        one.judge(number, NEWS, "m", Judgement::First);
        one.remove(number);
    }
    one.beats(2);
    assert_eq!((one.mesh(NEWS).len(), one.router.retained_peers()), (0, 0));
    assert!(one.router.held() <= held + 4_096, "{held} before, {} after", one.router.held());
}
