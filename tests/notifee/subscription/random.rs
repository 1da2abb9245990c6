//! Random lives on two swarms, beside subscribers of every size that receive at random: each notice is the next event
//! of a complete log, each lag says exactly how many are missing, and each snapshot is of exactly its place.

use crate::support::driven::{Driven, Together};
use crate::support::follower::{Follower, Record, open_after};
use crate::support::pipe::Random;
use crate::support::sim::{Cut, ECHO, Host, SINK};
use swarm_notify::lifecycle::{ConnectionId, StreamId};
use swarm_notify::notifee::{Subscription, subscription};

fn act<const EVENTS: usize>(random: &mut Random, node: &mut Driven<EVENTS>, host: Host, other: Host) {
    let swarm = &mut node.swarm;
    let connections: Vec<ConnectionId> = swarm.connections().collect();
    let streams: Vec<StreamId> = connections.iter().flat_map(|id| swarm.streams_of(*id)).collect();
    let connection = connections.get(random.below(connections.len().max(1)));
    let stream = streams.get(random.below(streams.len().max(1)));
    match random.below(12) {
        0 => _ = swarm.listen(host.at([1, 2, 9][random.below(3)])),
        1 => _ = swarm.dial(other.at(1 + random.below(3) as u16)),
        2..=5 => _ = connection.map(|id| swarm.open_stream(*id, &[[ECHO, SINK][random.below(2)].clone()])),
        6 | 7 => _ = stream.map(|id| swarm.reset(*id)),
        8 if random.below(4) == 0 => _ = connection.map(|id| swarm.abort_connection(*id)),
        9 if random.below(4) == 0 => _ = connection.map(|id| swarm.close_connection(*id)),
        10 => {
            let listeners: Vec<_> = swarm.listeners().collect();
            if listeners.len() > 1 {
                let _ = swarm.close_listener(listeners[random.below(listeners.len())]);
            }
        }
        _ => {}
    }
}

#[derive(Default, Debug)]
struct Seen {
    told: usize,
    snapshots: usize,
    missed: u64,
}

fn run<const EVENTS: usize>(seed: u64, seen: &mut Seen) {
    let mut random = Random(seed);
    let mut together = Together::<EVENTS, 2>::new(Cut::Whole);
    let logs = [Record::default(), Record::default()];
    let mut followers: Vec<(usize, Subscription, Follower)> = Vec::new();
    for (node, log) in together.all.iter_mut().zip(&logs) {
        node.notifees.register(log.clone());
        node.swarm.listen(Host(1).at(1)).unwrap();
    }
    let hosts = [Host(1), Host(2)];
    for step in 0..300 {
        if step % 50 == 0 {
            let (of, capacity) = (random.below(2), [0, 1, 2, 3, 8, 64][random.below(6)]);
            let (subscriber, subscription) = subscription(capacity);
            let node = &mut together.all[of];
            match random.below(2) {
                0 => _ = node.notifees.register(subscriber),
                _ => _ = node.notifees.register_and_replay(&mut node.swarm, subscriber),
            }
            let log = logs[of].0.borrow();
            followers.push((of, subscription, Follower::from(log.len(), open_after(&log))));
        }
        let of = random.below(2);
        act(&mut random, &mut together.all[of], hosts[of], hosts[1 - of]);
        match random.below(6) {
            0 => together.settle(),
            1 | 2 => together.turn(),
            // Events alone: no time for a snapshot of its own.
            3 => {
                let Driven { swarm, notifees } = &mut together.all[of];
                notifees.set_events_per_dispatch(1 + random.below(3));
                swarm.tick(together.now);
                notifees.dispatch(swarm);
                notifees.set_events_per_dispatch(1_024);
            }
            _ => {}
        }
        for (of, subscription, follower) in &mut followers {
            for _ in 0..[0, 0, 1, 3, 1_000][random.below(5)] {
                let Ok(notice) = subscription.try_recv() else { break };
                follower.apply(notice, &logs[*of].0.borrow()[follower.place..]);
            }
        }
    }
    for _ in 0..4 {
        together.settle();
        for (of, subscription, follower) in &mut followers {
            while let Ok(notice) = subscription.try_recv() {
                follower.apply(notice, &logs[*of].0.borrow()[follower.place..]);
            }
        }
    }
    for (of, _, follower) in &followers {
        let log = logs[*of].0.borrow();
        assert_eq!(follower.place, log.len(), "it knows of everything");
        assert_eq!(follower.open(), open_after(&log));
        seen.told += follower.told;
        seen.snapshots += follower.snapshots;
        seen.missed += follower.missed;
    }
}

#[test]
fn a_set_that_notices_are_applied_to_has_what_was_open_then() {
    let mut seen = Seen::default();
    for seed in 0..60 {
        run::<1>(seed, &mut seen);
        run::<8>(1_000_000 + seed, &mut seen);
        run::<256>(2_000_000 + seed, &mut seen);
    }
    assert!(seen.told > 5_000 && seen.snapshots > 2_000 && seen.missed > 2_000, "{seen:?}");
}
