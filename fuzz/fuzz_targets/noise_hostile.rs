//! Arbitrary bytes against the noise step: see `tests/support/noise_hostile.rs`.
#![no_main]

#[path = "../../tests/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| support::noise_hostile::run(bytes));
