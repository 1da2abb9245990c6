//! Arbitrary bytes against the noise step: see `tests/support/noise_hostile.rs`.
#![no_main]

#[path = "../../tests/support/noise_hostile.rs"]
mod noise_hostile;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| noise_hostile::run(bytes));
