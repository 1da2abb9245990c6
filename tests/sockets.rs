//! Swarms on real sockets of this machine: the complete logs of both sides, scenario by scenario.
#![cfg(all(feature = "tcp", unix))]

#[path = "sockets/basics.rs"]
mod basics;
#[cfg(all(feature = "cli", target_os = "linux"))]
#[path = "support/command.rs"]
mod command;
#[path = "sockets/connections.rs"]
mod connections;
#[path = "sockets/descriptors.rs"]
mod descriptors;
#[path = "sockets/dials.rs"]
mod dials;
#[path = "sockets/full.rs"]
mod full;
#[path = "sockets/go_away.rs"]
mod go_away;
#[path = "sockets/listeners.rs"]
mod listeners;
#[path = "sockets/mute.rs"]
mod mute;
#[path = "support/net.rs"]
mod net;
#[cfg(all(feature = "cli", target_os = "linux"))]
#[path = "sockets/processes.rs"]
mod processes;
#[path = "support/raw_frames.rs"]
mod raw_frames;
#[path = "support/raw_peer.rs"]
mod raw_peer;
#[path = "sockets/shutdown.rs"]
mod shutdown;
#[path = "support/sleep.rs"]
mod sleep;
#[path = "sockets/streams.rs"]
mod streams;
