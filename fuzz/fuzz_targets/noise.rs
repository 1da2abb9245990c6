//! Arbitrary bytes against the noise step: see `tests/support/noise.rs`.
#![no_main]

#[path = "../../tests/support/noise.rs"]
mod noise;

libfuzzer_sys::fuzz_target!(|data: &[u8]| noise::run(data));
