//! What an attacker who has read the source, and an owner who makes mistakes, have tried against limits that an owner sets.

use super::budgets::{B, C, Node, connected, deliver};
use crate::simulated::secs;
use crate::support::sim::{A, Cut, ECHO, Host, Network};
use libp2p_identity::Keypair;
use std::net::Ipv4Addr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use swarm_notify::identity::PeerId;
use swarm_notify::lifecycle::{ConnectionEnd, Direction, Event, Failure};
use swarm_notify::swarm::{Config, Gate, Multiaddr};

const D: Host = Host(4);

fn key(number: u8) -> PeerId {
    Keypair::ed25519_from_bytes([number; 32]).unwrap().public().to_peer_id()
}

/// A node that listens, and so many that have dialed it.
fn crowd(network: &Network, now: &mut Duration, change: impl FnOnce(&mut Config)) -> (Node, Vec<Node>) {
    let mut node = Node::new(network, B, change);
    node.swarm.listen(B.at(1)).unwrap();
    node.tick(*now);
    let mut others: Vec<_> = [A, C, D].map(|host| Node::new(network, host, |_| {})).into();
    for other in &mut others {
        other.swarm.dial(B.at(1)).unwrap();
    }
    meet(network, now, &mut node, &mut others);
    assert_eq!(node.connections(), 3);
    (node, others)
}

fn meet(network: &Network, now: &mut Duration, node: &mut Node, others: &mut [Node]) {
    for _ in 0..20 {
        others.iter_mut().for_each(|other| other.tick(*now));
        node.tick(*now);
        deliver(network, now);
    }
}

/// The connections that were cut since they are denied.
fn denied(node: &Node) -> usize {
    let is_denied = |event: &&Event| matches!(event, Event::Disconnected { reason: ConnectionEnd::Denied, .. });
    node.log.iter().filter(is_denied).count()
}

#[test]
fn a_denial_until_a_time_is_one_on_a_clock_that_was_set_back() {
    let (network, mut now) = (Network::new(Cut::Whole, 7), secs(10_000));
    let (mut node, _others) = crowd(&network, &mut now, |_| {});
    // The owner's clock is set back by two hours.
    let now = now - secs(7_200);
    node.tick(now);
    assert!(node.swarm.lists_mut().deny_peer_until(key(A.0), now + secs(60)));
    assert!(node.swarm.lists().denies_peer(key(A.0), now + secs(59)));
    node.tick(now);
    assert_eq!(denied(&node), 1);
    let dials = |node: &mut Node, now| {
        let address = A.at(9).with(libp2p_core::multiaddr::Protocol::P2p(key(A.0)));
        node.tick(now);
        let id = node.swarm.dial(address).unwrap();
        node.tick(now);
        node.log.iter().any(
            |event| matches!(event, Event::ConnectFailed { connection, reason: Failure::Denied } if *connection == id),
        )
    };
    assert!(dials(&mut node, now + secs(59)));
    assert!(!dials(&mut node, now + secs(60)), "it is over");
}

#[test]
fn at_the_end_of_time_nobody_spins() {
    let (network, mut now) = (Network::new(Cut::Whole, 7), Duration::ZERO);
    let (mut node, _others) =
        crowd(&network, &mut now, |config| (config.high_water, config.low_water) = (Some(0), Some(0)));
    for host in [A, C, D] {
        node.swarm.protect(key(host.0), "friend").unwrap();
    }
    for now in [Duration::MAX, secs(5), Duration::MAX] {
        let mut units = 0;
        let _ = node.swarm.turn(now, &mut || {
            units += 1;
            assert!(units < 10_000, "it spins");
            true
        });
    }
}

/// Panics where it is asked about a peer or a socket, and remembers whom it was asked about.
struct Broken {
    peers: Arc<Mutex<Vec<PeerId>>>,
    accepts: Arc<Mutex<u32>>,
}

impl Gate for Broken {
    fn may_accept(&mut self, _: &Multiaddr, _: Duration) -> bool {
        let mut accepts = self.accepts.lock().unwrap();
        *accepts += 1;
        let is_first = *accepts == 1;
        drop(accepts);
        assert!(!is_first, "a gate that is broken");
        true
    }

    fn may_connect(&mut self, peer: PeerId, direction: Direction, _: &Multiaddr, _: Duration) -> bool {
        let mut peers = self.peers.lock().unwrap();
        peers.push(peer);
        let is_first = peers.len() == 1;
        drop(peers);
        assert!(!is_first, "a gate that is broken");
        direction == Direction::Outbound
    }
}

#[test]
fn a_gate_that_panics_is_asked_about_the_others() {
    let (network, mut now) = (Network::new(Cut::Whole, 7), Duration::ZERO);
    let (mut node, _others) = crowd(&network, &mut now, |_| {});
    let peers = Arc::default();
    node.swarm.set_gate(Some(Box::new(Broken { peers: Arc::clone(&peers), accepts: Arc::default() })));
    node.swarm.ask_gate_again();
    let panics = (0..5).filter(|_| catch_unwind(AssertUnwindSafe(|| node.tick(now))).is_err()).count();
    assert_eq!((panics, peers.lock().unwrap().len(), denied(&node)), (1, 3, 3), "and all are cut");
    now += secs(1);
    node.tick(now);
    assert!(node.swarm.poll_at().is_none_or(|at| at > now), "and all is done");
}

#[test]
fn a_gate_that_panics_about_a_socket_loses_that_one_alone() {
    let (network, mut now) = (Network::new(Cut::Whole, 7), Duration::ZERO);
    let mut node = Node::new(&network, B, |_| {});
    node.swarm.listen(B.at(1)).unwrap();
    node.tick(now);
    let accepts = Arc::default();
    node.swarm
        .set_gate(Some(Box::new(Broken { peers: Arc::new(Mutex::new(vec![key(1)])), accepts: Arc::clone(&accepts) })));
    let mut others: Vec<_> = [A, C, D].map(|host| Node::new(&network, host, |_| {})).into();
    for other in &mut others {
        other.swarm.dial(B.at(1)).unwrap();
        other.tick(now);
    }
    deliver(&network, &mut now);
    let panics = (0..9).filter(|_| {
        let panics = catch_unwind(AssertUnwindSafe(|| node.tick(now))).is_err();
        deliver(&network, &mut now);
        panics
    });
    assert_eq!(panics.count(), 1);
    assert_eq!(*accepts.lock().unwrap(), 3, "the others have come in");
}

/// Whatever an owner writes into a field, nothing panics, spins, or takes the memory that it stands for before it is used.
#[test]
fn no_bound_is_too_small_or_too_large() {
    type Change = fn(&mut Config, u32);
    const fn time(n: u32) -> Duration {
        if n == u32::MAX { Duration::MAX } else { Duration::from_secs(n as u64) }
    }
    const fn size(n: u32) -> usize {
        if n == u32::MAX { usize::MAX } else { n as usize }
    }
    let fields: [(&str, Change); 30] = [
        ("inbound_handshakes", |config, n| config.inbound_handshakes = n),
        ("handshakes_per_address", |config, n| config.handshakes_per_address = n),
        ("handshakes_per_site", |config, n| config.handshakes_per_site = n),
        ("handshake_work_per_turn", |config, n| config.handshake_work_per_turn = n),
        ("first_byte_timeout", |config, n| config.first_byte_timeout = time(n)),
        ("connections_per_address", |config, n| config.connections_per_address = n),
        ("connections_per_peer", |config, n| config.connections_per_peer = n),
        ("high_water", |config, n| config.high_water = Some(n)),
        ("low_water", |config, n| (config.high_water, config.low_water) = (Some(2), Some(n))),
        ("low_water", |config, n| (config.high_water, config.low_water) = (Some(0), Some(n))),
        ("trim_grace", |config, n| (config.high_water, config.trim_grace) = (Some(1), time(n))),
        ("protections", |config, n| config.protections = n),
        ("descriptor_reserve", |config, n| config.descriptor_reserve = n),
        ("streams_per_peer", |config, n| config.streams_per_peer = n),
        ("outbound_handshakes", |config, n| config.outbound_handshakes = n),
        ("reads_per_poll", |config, n| config.reads_per_poll = n),
        ("held_bytes", |config, n| config.held_bytes = size(n)),
        ("held_bytes_per_peer", |config, n| config.held_bytes_per_peer = size(n)),
        ("held_bytes_per_connection", |config, n| config.held_bytes_per_connection = size(n)),
        ("write_timeout", |config, n| config.write_timeout = time(n)),
        ("lateness", |config, n| config.lateness = time(n)),
        ("listed_peers", |config, n| config.listed_peers = n),
        ("listed_networks", |config, n| config.listed_networks = n),
        ("timed_denials", |config, n| config.timed_denials = n),
        ("connections", |config, n| config.limits.connections = n),
        ("streams", |config, n| config.limits.streams = n),
        ("listeners", |config, n| config.limits.listeners = n),
        ("owed_per_connection", |config, n| config.limits.owed_per_connection = n),
        ("handshake_timeout", |config, n| config.connection.handshake_timeout = time(n)),
        ("keep_alive_interval", |config, n| config.connection.keep_alive_interval = time(n)),
    ];
    for (name, change) in fields {
        for n in [0, 1, u32::MAX] {
            println!("{name} = {n}");
            let (network, mut now) = (Network::new(Cut::Whole, 7), Duration::ZERO);
            let mut node = Node::new(&network, B, |config| change(config, n));
            let _ = node.swarm.listen(B.at(1));
            node.tick(now);
            let mut others: Vec<_> = [A, C, D].map(|host| Node::new(&network, host, |_| {})).into();
            for other in &mut others {
                let dialed = other.swarm.dial(B.at(1)).unwrap();
                meet(&network, &mut now, &mut node, std::slice::from_mut(other));
                let _ = other.swarm.open_stream(dialed, &[ECHO]);
            }
            meet(&network, &mut now, &mut node, &mut others);
            let _ = node.swarm.protect(key(A.0), "friend");
            let lists = node.swarm.lists_mut();
            let _ = lists.deny_network("192.0.2.0/24".parse().unwrap());
            let _ = (lists.deny_peer(key(C.0)), lists.deny_peer_for(key(D.0), time(n)));
            let _ = node.swarm.dial(A.at(9));
            for seconds in [0, 1, 12, 60, 7_200] {
                now += secs(seconds);
                meet(&network, &mut now, &mut node, &mut others);
            }
            for clock in [Duration::MAX, Duration::ZERO, secs(5)] {
                let mut units = 0;
                let _ = node.swarm.turn(clock, &mut || {
                    units += 1;
                    assert!(units < 10_000, "it spins");
                    true
                });
            }
            node.swarm.shutdown();
            meet(&network, &mut now, &mut node, &mut others);
        }
    }
}

#[test]
fn lists_that_change_in_each_turn_do_not_put_a_shutdown_off() {
    let (network, mut a, mut b, _, mut now) = connected(5);
    b.swarm.shutdown();
    let mut turns = 0_u32;
    while b.swarm.connections().next().is_some() {
        let elsewhere = swarm_notify::swarm::Network::from(Ipv4Addr::from_bits(turns));
        b.swarm.lists_mut().deny_network(elsewhere).unwrap();
        let _ = b.turn(now, 1);
        a.tick(now);
        if turns.is_multiple_of(10) {
            deliver(&network, &mut now);
        }
        turns += 1;
        assert!(turns < 1_000, "{} are left", b.swarm.connections().count());
    }
}
