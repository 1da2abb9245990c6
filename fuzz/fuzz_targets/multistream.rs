//! Arbitrary bytes against the multistream step: see `tests/support/multistream.rs`.
#![no_main]

#[path = "../../tests/support/multistream.rs"]
mod multistream;

libfuzzer_sys::fuzz_target!(|data: &[u8]| multistream::run(data));
