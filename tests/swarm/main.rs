//! The swarm without sockets: on the simulated network in virtual time, and over other transports in memory.
#![cfg(feature = "swarm")]

mod addresses;
mod memory_transport;
mod script;
#[cfg(unix)]
mod seam;
mod simulated;
mod soak;
#[path = "../support/mod.rs"]
mod support;
