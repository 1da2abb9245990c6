//! Secrets are not left in memory once those that had them are gone. `snow` keeps a chaining key, which is not wiped and is
//! not looked for here.

use super::{config, shake};
use crate::support::memory_scan::Secret;
use swarm_notify::connection::Role;
use swarm_notify::connection::noise::{Config, Handshake};

#[test]
fn the_secret_of_a_handshake_is_not_left_in_memory() {
    let secret = Secret::new(3);
    let (alice, bob) = (config(1, &[]), config(2, &[]));
    let dialer = Handshake::new(&alice, Role::Dialer, secret.bytes(), None).unwrap();
    let listener = Handshake::new(&bob, Role::Listener, [8; 32], None).unwrap();
    assert!(secret.count() > 0, "the search finds it");
    let ends = shake((dialer, listener));
    assert_eq!(secret.count(), 0, "the sessions go on without it");
    drop(ends);
    // A handshake that is given up leaves nothing, either.
    let mut given_up = Handshake::new(&alice, Role::Dialer, secret.bytes(), None).unwrap();
    given_up.transmit(&mut Vec::new()).unwrap();
    assert!(secret.count() > 0);
    drop(given_up);
    assert_eq!(secret.count(), 0);
}

#[test]
fn the_static_key_of_a_node_is_not_left_in_memory() {
    let secret = Secret::new(4);
    let identity = libp2p_identity::Keypair::ed25519_from_bytes([1; 32]).unwrap();
    let node = Config::new(&identity, secret.bytes(), &[]).unwrap();
    let handshake = Handshake::new(&node, Role::Listener, [7; 32], None).unwrap();
    assert!(secret.count() > 0, "the search finds it");
    drop((node, handshake));
    assert_eq!(secret.count(), 0);
}

#[cfg(feature = "swarm")]
#[test]
fn a_swarm_keeps_nothing_of_its_seed() {
    use libp2p_core::transport::MemoryTransport;
    use swarm_notify::swarm::{Config, Swarm};
    let secret = Secret::new(5);
    let identity = libp2p_identity::Keypair::ed25519_from_bytes([1; 32]).unwrap();
    let swarm = Swarm::new(MemoryTransport::new(), &identity, secret.bytes(), Config::default()).unwrap();
    let swarm = Box::new(swarm);
    assert_eq!(secret.count(), 0, "the generator has gone on to a seed of its own");
    drop(swarm);
}
