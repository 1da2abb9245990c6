//! The scenario table on a simulated pair: complete logs of both sides, at every size of the event queue, in both
//! roles, however the byte stream is cut.
#![cfg(feature = "swarm")]

#[path = "simulated/budgets.rs"]
mod budgets;
#[path = "simulated/by_hand.rs"]
mod by_hand;
#[path = "simulated/connections.rs"]
mod connections;
#[path = "simulated/dials.rs"]
mod dials;
#[path = "simulated/flush.rs"]
mod flush;
#[path = "simulated/full_queue.rs"]
mod full_queue;
#[path = "simulated/go_away.rs"]
mod go_away;
#[path = "simulated/half_open.rs"]
mod half_open;
#[path = "simulated/idle.rs"]
mod idle;
#[path = "simulated/limits.rs"]
mod limits;
#[path = "simulated/listeners.rs"]
mod listeners;
#[path = "simulated/long_line.rs"]
mod long_line;
#[path = "simulated/many.rs"]
mod many;
#[path = "simulated/owners.rs"]
mod owners;
#[path = "support/pipe.rs"]
#[allow(dead_code, reason = "each test crate uses its part of it")]
mod pipe;
#[path = "simulated/random.rs"]
mod random;
#[path = "simulated/ready.rs"]
mod ready;
#[path = "simulated/reentrant.rs"]
mod reentrant;
#[path = "simulated/shutdown.rs"]
mod shutdown;
#[path = "support/sim.rs"]
mod sim;
#[path = "simulated/stale.rs"]
mod stale;
#[path = "simulated/streams.rs"]
mod streams;
#[path = "simulated/waking.rs"]
mod waking;

use std::time::Duration;

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}
