//! Shares of connections and streams, over real sockets at the default bounds.

use crate::support::net::{IP4, Node, both, connect, open, peer_id, shut_down};
use swarm_notify::lifecycle::State;
use swarm_notify::swarm::{Config, Multiaddr, Refusal};

/// Returns the number of log lines that begin so and end so.
fn count<const E: usize>(node: &Node<E>, name: &str, end: &str) -> usize {
    node.log.iter().filter(|line| line.starts_with(name) && line.ends_with(end)).count()
}

/// `from` dials until it has so many more connections, or they have ended.
fn dial_many(to: &mut Node, from: &mut Node, address: &Multiaddr, many: usize) {
    let before = from.log.len();
    for _ in 0..many {
        from.dial(address);
    }
    both(to, from, |_, from| from.log.len() >= before + many);
}

#[test]
fn a_ninth_connection_of_a_peer_is_closed_and_others_come_in() {
    let mut a = Node::<256>::new(1, Config::default());
    let mut greedy = Node::<256>::new(2, Config::default());
    let listener = a.listen(IP4);
    both(&mut a, &mut greedy, |a, _| a.log.len() == 1);
    let address = a.address(listener);
    dial_many(&mut a, &mut greedy, &address, 9);
    both(&mut a, &mut greedy, |a, _| count(a, "connect_failed", " limit") == 1);
    assert_eq!(count(&a, "connected", ""), 8);
    assert_eq!(a.swarm.connections_of(peer_id(2)).count(), 8);
    // From the same address: loopback has no share. It has a peer's.
    let mut honest = Node::<256>::new(3, Config::default());
    dial_many(&mut a, &mut honest, &address, 8);
    both(&mut a, &mut honest, |a, _| count(a, "connected", "") == 16);
    // A place is free once its connection has ended.
    let first = greedy.swarm.connections().next().unwrap();
    greedy.swarm.abort_connection(first).unwrap();
    both(&mut a, &mut greedy, |a, _| count(a, "disconnected", "") == 1);
    greedy.dial(&address);
    both(&mut a, &mut greedy, |a, _| count(a, "connected", "") == 17);
    both(&mut a, &mut honest, |_, honest| {
        honest.swarm.shutdown();
        honest.swarm.is_shut_down()
    });
    shut_down(&mut a, &mut greedy);
}

#[test]
fn a_peers_streams_over_its_share_are_reset_and_others_served() {
    let mut a = Node::<256>::new(1, Config::default());
    let mut greedy = Node::<256>::new(2, Config::default());
    let (_, first) = connect(&mut a, &mut greedy, IP4);
    let address = greedy.swarm.connection(first).unwrap().remote.clone();
    let second = greedy.dial(&address);
    both(&mut a, &mut greedy, |a, _| count(a, "connected", "") == 2);
    for _ in 0..10 {
        for connection in [first, second] {
            for _ in 0..60 {
                greedy.open(connection);
            }
        }
        let settled = |greedy: &mut Node| {
            let streams = [first, second].map(|id| greedy.streams(id)).concat();
            streams.iter().all(|id| greedy.swarm.stream(*id).is_some_and(|view| view.state == State::Open))
        };
        both(&mut a, &mut greedy, |_, greedy| settled(greedy));
    }
    assert_eq!(a.swarm.counters().streams.inbound.open, 1_024);
    assert_eq!(a.swarm.refused(Refusal::StreamLimit), 1_200 - 1_024);
    let mut honest = Node::<256>::new(3, Config::default());
    let dialed = honest.dial(&address);
    both(&mut a, &mut honest, |_, honest| count(honest, "connected", "") == 1);
    let accepted = a.swarm.connections_of(peer_id(3)).next();
    both(&mut a, &mut honest, |a, _| a.swarm.connections_of(peer_id(3)).count() == 1);
    let accepted = accepted.or_else(|| a.swarm.connections_of(peer_id(3)).next()).unwrap();
    open(&mut a, &mut honest, (accepted, dialed));
    both(&mut a, &mut honest, |_, honest| {
        honest.swarm.shutdown();
        honest.swarm.is_shut_down()
    });
    shut_down(&mut a, &mut greedy);
}
