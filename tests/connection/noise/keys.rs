//! Identities of every type that this build knows: handshakes between two of ours, and the peer ids.

use super::{YAMUX, pair, shake};
use crate::support::identities::identities;
use swarm_notify::connection::noise::Config;

#[test]
fn each_side_learns_the_others_key_and_peer_id_of_any_type() {
    for (alice, alice_peer) in identities() {
        for (bob, bob_peer) in identities() {
            let dialer = Config::new(&alice, [101; 32], &[YAMUX]).unwrap();
            let listener = Config::new(&bob, [102; 32], &[YAMUX]).unwrap();
            assert_eq!((dialer.peer(), listener.peer()), (alice_peer, bob_peer));
            let [(_, seen_by_dialer), (_, seen_by_listener)] = shake(pair(&dialer, &listener));
            assert_eq!((seen_by_dialer.peer, seen_by_dialer.public_key), (bob_peer, bob.public()));
            assert_eq!((seen_by_listener.peer, seen_by_listener.public_key), (alice_peer, alice.public()));
        }
    }
}
