//! The scenario table on a simulated pair: complete logs of both sides, at every size of the event queue, in both
//! roles, however the byte stream is cut.

mod any_frames;
mod attacked;
mod budgets;
mod by_hand;
mod connections;
mod denied;
mod dials;
mod disconnect_peer;
mod door;
mod fair;
mod flood;
mod flush;
mod full_queue;
mod gate;
mod go_away;
mod half_open;
mod idle;
mod limits;
mod listeners;
mod long_line;
mod many;
mod memory;
mod owners;
mod paced;
mod panicking;
mod random;
mod ready;
mod reentrant;
mod refusals;
mod shares;
mod shutdown;
#[cfg(feature = "rsa")]
mod signatures;
mod stale;
mod streams;
mod views;
mod waking;
mod without_id;

use std::time::Duration;

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}
