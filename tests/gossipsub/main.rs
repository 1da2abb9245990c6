//! Tests of gossipsub's router: by itself, in a simulated network, and in the service.
#![cfg(feature = "protocols")]
#![allow(clippy::wildcard_enum_match_arm, reason = "tests look at some of what is told")]

mod figures;
mod found;
mod fuzzed;
mod go_gossipsub;
mod go_score;
mod go_spam;
mod harness;
mod offered;
mod reports;
mod service;
mod sim;
#[cfg(all(feature = "tcp", unix))]
mod sockets;
#[path = "../support/mod.rs"]
mod support;
