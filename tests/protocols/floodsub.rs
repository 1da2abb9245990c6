//! Floodsub: what is on the wire by itself, and nodes on the simulated network in virtual time, hostile and slow peers among them, on real sockets, and a hundred
//! nodes that come and go.

mod blame;
mod bounds;
mod churn;
mod counted;
mod deny;
mod fair;
mod hostile;
mod messages;
mod peers;
mod raw;
mod seen;
mod slow;
mod sockets;
mod streams;
mod totals;
mod turns;
mod verdicts;
mod work;
mod world;

use crate::support::corpus;
use crate::support::pubsub_rpc as fuzz_target;

#[test]
fn the_fuzz_target_holds_over_seeded_input() {
    corpus::seeded(3_000, 400, fuzz_target::run);
}

#[test]
fn the_fuzz_target_holds_over_its_corpus() {
    corpus::replay("pubsub_rpc", fuzz_target::run);
}
