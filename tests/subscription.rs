//! P9: a subscriber that is slow, dead or elsewhere delays nobody, learns what it has missed, and ends with exactly
//! what is open.
#![cfg(feature = "subscription")]
#![allow(clippy::wildcard_enum_match_arm, reason = "notices may be of more kinds one day")]

#[path = "subscription/basics.rs"]
mod basics;
#[path = "support/driven.rs"]
mod driven;
#[path = "support/each_event.rs"]
mod each_event;
#[path = "subscription/elsewhere.rs"]
mod elsewhere;
#[path = "subscription/follower.rs"]
mod follower;
#[path = "support/pipe.rs"]
#[allow(dead_code, reason = "each test crate uses its part of it")]
mod pipe;
#[path = "subscription/random.rs"]
mod random;
#[path = "support/sim.rs"]
mod sim;
