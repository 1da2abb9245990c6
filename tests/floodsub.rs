//! Floodsub: what is on the wire by itself, and nodes on the simulated network in virtual time, hostile and slow peers among them, on real sockets, and a hundred
//! nodes that come and go.
#![cfg(all(feature = "tcp", feature = "protocols", unix))]

#[path = "floodsub/bounds.rs"]
mod bounds;
#[path = "floodsub/churn.rs"]
mod churn;
#[path = "support/corpus.rs"]
mod corpus;
#[path = "floodsub/deny.rs"]
mod deny;
#[path = "support/pubsub_rpc.rs"]
mod fuzz_target;
#[path = "floodsub/hostile.rs"]
mod hostile;
#[path = "floodsub/messages.rs"]
mod messages;
#[path = "support/floodsub.rs"]
mod node;
#[path = "floodsub/peers.rs"]
mod peers;
#[path = "support/pipe.rs"]
#[allow(dead_code, reason = "each test crate uses its part of it")]
mod pipe;
#[path = "floodsub/raw.rs"]
mod raw;
#[path = "support/sim.rs"]
mod sim;
#[path = "support/sleep.rs"]
mod sleep;
#[path = "floodsub/slow.rs"]
mod slow;
#[path = "floodsub/sockets.rs"]
mod sockets;
#[path = "floodsub/streams.rs"]
mod streams;
#[path = "floodsub/totals.rs"]
mod totals;
#[path = "floodsub/turns.rs"]
mod turns;
#[path = "floodsub/world.rs"]
mod world;

#[test]
fn the_fuzz_target_holds_over_seeded_input() {
    corpus::seeded(3_000, 400, fuzz_target::run);
}

#[test]
fn the_fuzz_target_holds_over_its_corpus() {
    corpus::replay("pubsub_rpc", fuzz_target::run);
}
