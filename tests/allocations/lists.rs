//! What lists keep, and what a refused socket leaves behind.

use crate::memory::{Bounds, Node};
use crate::support::heap;
use crate::support::wire::wire;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;
use swarm_notify::identity::Keypair;
use swarm_notify::protocols::{identify, pubsub};
use swarm_notify::swarm::{Config, Lists, Network, Refusal};

/// Full lists, whatever the order in which they were filled, take no more than `memory_bound` states for them.
pub(crate) fn full_lists_take_no_more_than_the_bound_says() {
    const MANY: u32 = 4_096;
    let bound = |change: fn(&mut Config)| {
        let (mut without, mut with) = (Config::default(), Config::default());
        for config in [&mut without, &mut with] {
            (config.listed_peers, config.listed_networks, config.timed_denials) = (0, 0, 0);
        }
        change(&mut with);
        (with.memory_bound() - without.memory_bound(), with)
    };
    let peers: Vec<_> = (0..MANY)
        .map(|n| {
            let mut seed = [0; 32];
            seed[..4].copy_from_slice(&n.to_be_bytes());
            Keypair::ed25519_from_bytes(seed).unwrap().public().to_peer_id()
        })
        .collect();
    let check = |name: &str, (most, config): (usize, Config), fill: &dyn Fn(&mut Lists)| {
        let before = heap::bytes();
        let mut lists = Lists::new(&config);
        fill(&mut lists);
        let taken = heap::bytes() - before;
        println!("measured: {name} {taken} bytes, {most} in the bound");
        assert!(taken <= most && taken * 4 > most, "{name}: {taken} bytes, and {most} in the bound");
    };
    let sorted = |mut peers: Vec<_>| {
        peers.sort();
        peers
    };
    for (order, peers) in [("any order", peers.clone()), ("order", sorted(peers))] {
        check(&format!("peers in {order}"), bound(|with| with.listed_peers = MANY), &|lists| {
            peers.iter().for_each(|peer| lists.deny_peer(*peer).unwrap());
        });
        check(&format!("timed denials in {order}"), bound(|with| with.timed_denials = MANY), &|lists| {
            for (n, peer) in peers.iter().enumerate() {
                assert!(lists.deny_peer_until(*peer, Duration::from_secs(n as u64)));
            }
        });
    }
    check("networks", bound(|with| with.listed_networks = MANY), &|lists| {
        for n in 0..MANY {
            let network = match n % 2 {
                0 => Network::from(Ipv4Addr::from_bits(n)),
                _ => Network::new(Ipv6Addr::from_bits(u128::from(n) << 96).into(), 32 + (n % 97) as u8).unwrap(),
            };
            lists.deny_network(network).unwrap();
        }
    });
}

/// A socket from a denied address is closed without an allocation of the swarm's, and nothing is kept of it but counts.
pub(crate) fn a_refused_socket_allocates_nothing() {
    let bounds = Bounds::new(Config::default(), identify::Config::default(), pubsub::Config::default());
    let (client, at_server) = wire();
    let mut node = Node::new(1, at_server, &bounds);
    node.swarm.lists_mut().deny_network("192.0.2.0/24".parse().unwrap()).unwrap();
    client.seen_as("/ip4/192.0.2.1/tcp/4001".parse().unwrap());
    node.swarm.listen(crate::support::wire::address()).unwrap();
    let mut now = Duration::ZERO;
    let mut come = |node: &mut Node, many: u64| {
        let sockets: Vec<_> = (0..many).map(|_| client.connect()).collect();
        let before = heap::allocations();
        for _ in 0..20 {
            now += Duration::from_millis(1);
            node.turn(now);
        }
        let allocations = heap::allocations() - before;
        drop(sockets);
        allocations
    };
    // The first ones make room for the counts.
    come(&mut node, 100);
    come(&mut node, 100);
    let (few, many) = (come(&mut node, 100), come(&mut node, 1_000));
    assert_eq!(node.swarm.refused(Refusal::ConnectionDenied), 1_300);
    assert_eq!((few, many), (0, 0));
}
