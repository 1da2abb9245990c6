//! Arbitrary RPCs and messages of pub/sub: see `tests/support/pubsub_rpc.rs`.
#![no_main]

#[path = "../../tests/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|data: &[u8]| support::pubsub_rpc::run(data));
