//! Arbitrary messages and records of identify: see `tests/support/identify.rs`.
#![no_main]

#[path = "../../tests/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|data: &[u8]| support::identify::run(data));
