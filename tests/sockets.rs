//! Swarms on real sockets of this machine: the complete logs of both sides, scenario by scenario.
#![cfg(all(feature = "tcp", unix))]

#[path = "sockets/basics.rs"]
mod basics;
#[path = "sockets/connections.rs"]
mod connections;
#[path = "sockets/dials.rs"]
mod dials;
#[path = "sockets/listeners.rs"]
mod listeners;
#[path = "support/net.rs"]
mod net;
#[path = "sockets/streams.rs"]
mod streams;
