//! What is idle costs nothing: connections that are not ready are not polled. And two connections to one peer.

use crate::simulated::secs;
use crate::support::sim::{ECHO, Pair, Shape, everywhere};
use swarm_notify::lifecycle::ConnectionId;
use swarm_notify::swarm::Config;

everywhere! {
    idle_connections_are_not_polled_beside_a_busy_one,
    two_connections_to_one_peer,
}

const IDLE: usize = 20;

fn idle_connections_are_not_polled_beside_a_busy_one<const EVENTS: usize>(shape: Shape) {
    let many = |config: &mut Config| (config.connections_per_peer, config.connections_per_address) = (100, 100);
    let mut pair = Pair::<EVENTS>::with(shape, many, many);
    let address = pair.listens();
    for _ in 0..IDLE {
        pair.connected_at(&address);
    }
    let on = pair.connected_at(&address);
    let calls = |pair: &Pair<EVENTS>| -> Vec<_> {
        (0..IDLE).flat_map(|pipe| [0, 1].map(|end| pair.network.calls(pipe, end))).collect()
    };
    let (idle, busy) = (calls(&pair), pair.network.calls(IDLE, 0));
    for _ in 0..10 {
        let (sa, sb) = pair.stream(on);
        pair.a.send(sa, &[7; 1_000]);
        pair.a.finish(sa);
        pair.b.finish(sb);
        pair.wait(secs(1));
        pair.a.take_log();
        pair.b.take_log();
    }
    assert_eq!(calls(&pair), idle);
    assert!(pair.network.calls(IDLE, 0) > busy + 30);
    pair.end_quietly();
}

fn two_connections_to_one_peer<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let address = pair.listens();
    let first = pair.connected_at(&address);
    let second = pair.connected_at(&address);
    let (peer_a, peer_b) = (pair.a.swarm.local_peer(), pair.b.swarm.local_peer());
    let of = |pair: &Pair<EVENTS>| -> (Vec<ConnectionId>, Vec<ConnectionId>) {
        (pair.a.swarm.connections_of(peer_b).collect(), pair.b.swarm.connections_of(peer_a).collect())
    };
    assert_eq!(of(&pair), (vec![first.0, second.0], vec![first.1, second.1]));
    assert_eq!(pair.a.swarm.connections_of(peer_a).count(), 0);
    pair.stream(first);
    pair.stream(second);
    pair.a.swarm.close_connection(first.0).unwrap();
    pair.settle();
    pair.a.expect(&["closed_stream c0.1/s0.1 connection_closed", "disconnected c0.1 requested"]);
    pair.b.expect(&["closed_stream c0.1/s0.1 connection_closed", "disconnected c0.1 remote(go_away(0))"]);
    assert_eq!(of(&pair), (vec![second.0], vec![second.1]));
    pair.a.open(second.0, &[ECHO]);
    pair.settle();
    assert_eq!(pair.a.unexpected(), 1);
    pair.end_quietly();
}
