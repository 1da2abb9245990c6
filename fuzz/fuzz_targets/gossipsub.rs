//! Any inputs to one router of gossipsub, beside a slow model: see `tests/support/gossipsub_play.rs`.
#![no_main]

#[path = "../../tests/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|data: &[u8]| support::gossipsub_play::run(data));
