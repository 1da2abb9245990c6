//! A swarm on a transport that does what it likes, against a model: see `tests/support/swarm.rs`.
#![no_main]

#[path = "../../tests/support/swarm.rs"]
mod swarm;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drop(swarm::run(bytes)));
