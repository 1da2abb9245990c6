//! Mistakes that the fuzz target has found, and what is right.

use crate::harness::{NEWS, One, peer};
use swarm_notify::protocols::gossipsub::Config;

#[test]
fn a_fanout_peer_that_becomes_a_direct_peer_gets_a_message_once() {
    let mut config = Config::default();
    config.flood_publish = false;
    let mut one = One::new(config);
    (1..=2).for_each(|number| one.add(number));
    (1..=2).for_each(|number| one.subscribe(number, NEWS));
    assert_eq!(one.publish(NEWS, "a"), [1, 2].into());
    one.router.add_direct_peer(peer(1), Vec::new());
    // `publish` fails if a peer is named twice.
    assert_eq!(one.publish(NEWS, "b"), [1, 2].into());
}
