//! The service with the mesh router, in virtual time and on the wire: what peers are told when streams end, when they read
//! nothing, and when they say too much.

mod control;
mod promises;
mod streams;
mod verdicts;
mod wire;
mod world;

use swarm_notify::protocols::gossipsub::PROTOCOL_1_2;
use wire::{Message, signed};
use world::{World, keypair};

/// A node with so many peers in its mesh, which have forgotten what they were told so far.
fn meshed(world: &mut World, peers: u8) {
    for _ in 0..peers {
        world.raw(PROTOCOL_1_2);
    }
    world.pass(3 * world::SECOND);
    assert_eq!(world.mesh("news").len(), usize::from(peers));
    world.forget();
}

/// A message on `news` by an author who is no peer.
fn by(author: u8, seqno: u64, data: &[u8]) -> Message {
    signed(&keypair(author), seqno, &["news"], data)
}
