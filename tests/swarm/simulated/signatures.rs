//! Signatures of newcomers: each turn verifies as many as its bound allows, by their cost, and one address has a quarter
//! while anything else is ready.

use super::budgets::{B, C, Node, deliver};
use crate::support::sim::{A, Network};
use libp2p_identity::Keypair;
use std::time::Duration;
use swarm_notify::swarm::Config;

/// The cost of a signature of 4 096 bits, in signatures of Ed25519.
const RSA_4096: usize = 4;

fn rsa() -> Keypair {
    Keypair::rsa_from_pkcs8(&mut include_bytes!("../../support/rsa-4096.pk8").to_vec()).unwrap()
}

/// A node that listens, and how it is changed.
fn listener(network: &Network, work: u32) -> Node {
    let mut node = Node::new(network, B, |config| {
        config.handshake_work_per_turn = work;
        config.connections_per_peer = 100;
        config.connections_per_address = 100;
    });
    node.swarm.listen(B.at(1)).unwrap();
    node.tick(Duration::ZERO);
    node
}

/// Has these nodes dial so often, and takes their handshakes so far that nothing but their proofs is missing.
fn besiege(network: &Network, now: &mut Duration, node: &mut Node, dialers: &mut [(Node, usize)]) {
    for (dialer, dials) in dialers.iter_mut() {
        (0..*dials).for_each(|_| _ = dialer.swarm.dial(B.at(1)).unwrap());
    }
    // Each step is taken by all before the first of them takes the next: they connect, greet, and send their proofs.
    for _ in 0..3 {
        dialers.iter_mut().for_each(|(dialer, _)| (0..3).for_each(|_| dialer.tick(*now)));
        for _ in 0..3 {
            assert_eq!(node.connections(), 0, "no proof has come");
            if dialers.iter().any(|(dialer, _)| dialer.connections() == 0) {
                deliver(network, now);
                node.tick(*now);
                deliver(network, now);
            }
        }
    }
    assert!(dialers.iter().all(|(dialer, dials)| dialer.connections() == *dials), "each has sent its proof");
    deliver(network, now);
    assert_eq!(node.connections(), 0, "no proof has come");
    deliver(network, now);
}

fn dialer(network: &Network, key: &Keypair, host: crate::support::sim::Host) -> Node {
    Node::of(key, network, host, |config: &mut Config| config.outbound_handshakes = 100)
}

#[test]
fn costly_proofs_wait_for_later_turns_and_others_pass_them() {
    let (network, mut now) = (Network::new(crate::support::sim::Cut::Whole, 7), Duration::ZERO);
    let mut node = listener(&network, 16);
    let ed25519 = Keypair::ed25519_from_bytes([9; 32]).unwrap();
    // The attacker's proofs come first.
    let mut dialers = [(dialer(&network, &rsa(), C), 12), (dialer(&network, &ed25519, A), 1)];
    besiege(&network, &mut now, &mut node, &mut dialers);
    let mut per_turn = Vec::new();
    while node.connections() < 13 {
        let before = node.connections();
        node.tick(now);
        assert!(
            node.swarm.poll_at().is_some_and(|at| at <= now) || node.connections() == 13,
            "the rest is not forgotten"
        );
        per_turn.push(node.connections() - before);
        assert!(per_turn.len() < 100, "{per_turn:?}");
    }
    // 16 is the work of four. The honest proof comes with the second turn, when eight are before it: it is verified behind
    // the first of them, since one address has no more than a quarter while another waits.
    assert_eq!(per_turn, [4, 1 + 1 + 3, 4]);
}

/// At a full address newcomers push out who has stood longest. If that were who waits for our work, an honest peer would pay
/// for its neighbours' handshakes.
#[test]
fn an_address_alone_has_its_proofs_verified_at_once() {
    let (network, mut now) = (Network::new(crate::support::sim::Cut::Whole, 7), Duration::ZERO);
    let mut node = listener(&network, 16);
    let ed25519 = Keypair::ed25519_from_bytes([9; 32]).unwrap();
    besiege(&network, &mut now, &mut node, &mut [(dialer(&network, &ed25519, A), 12)]);
    node.tick(now);
    assert_eq!(node.connections(), 12, "a quarter of 16 is 4");
}

#[test]
fn a_turn_is_asked_for_what_a_signature_costs() {
    let asked = |key: &Keypair| {
        let (network, mut now) = (Network::new(crate::support::sim::Cut::Whole, 7), Duration::ZERO);
        let mut node = listener(&network, 64);
        besiege(&network, &mut now, &mut node, &mut [(dialer(&network, key, A), 1)]);
        let mut asked = 0;
        let _ = node.swarm.turn(now, &mut || {
            asked += 1;
            true
        });
        assert!(node.swarm.next_event().is_some(), "it has come in");
        asked
    };
    let ed25519 = Keypair::ed25519_from_bytes([9; 32]).unwrap();
    assert_eq!(asked(&rsa()) - asked(&ed25519), RSA_4096 - 1);
}

/// A deadline gives a newcomer a last helping. So many at once are not to cost more than a turn may.
#[test]
fn proofs_at_the_deadline_cost_no_more_than_others() {
    let (network, mut now) = (Network::new(crate::support::sim::Cut::Whole, 7), Duration::ZERO);
    let mut node = listener(&network, 16);
    let mut dialers = [(dialer(&network, &rsa(), C), 12), (dialer(&network, &rsa(), A), 12)];
    besiege(&network, &mut now, &mut node, &mut dialers);
    node.tick(Config::default().connection.handshake_timeout + now);
    // A quarter of 16 is one of 4, for each address.
    assert!(node.connections() <= 2, "{}", node.connections());
}
