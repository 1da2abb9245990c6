//! Arbitrary RPCs and messages of pub/sub: see `tests/support/pubsub_rpc.rs`.
#![no_main]

#[path = "../../tests/support/pubsub_rpc.rs"]
mod pubsub_rpc;

libfuzzer_sys::fuzz_target!(|data: &[u8]| pubsub_rpc::run(data));
