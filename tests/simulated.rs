//! The scenario table on a simulated pair: complete logs of both sides, at every size of the event queue, in both roles,
//! however the byte stream is cut.
#![cfg(feature = "swarm")]

#[path = "simulated/connections.rs"]
mod connections;
#[path = "support/pipe.rs"]
#[allow(dead_code, reason = "each test crate uses its part of it")]
mod pipe;
#[path = "support/sim.rs"]
mod sim;
#[path = "simulated/streams.rs"]
mod streams;

use std::time::Duration;

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}
