//! A swarm on a transport that does what it likes, against a model: see `tests/support/swarm/mod.rs`.
#![no_main]

#[path = "../../tests/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drop(support::swarm::run(bytes)));
