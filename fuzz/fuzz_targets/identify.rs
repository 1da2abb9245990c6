//! Arbitrary messages and records of identify: see `tests/support/identify.rs`.
#![no_main]

#[path = "../../tests/support/identify.rs"]
mod identify;

libfuzzer_sys::fuzz_target!(|data: &[u8]| identify::run(data));
