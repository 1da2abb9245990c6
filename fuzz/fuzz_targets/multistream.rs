//! Arbitrary bytes against the multistream step: see `tests/support/multistream.rs`.
#![no_main]

#[path = "../../tests/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|data: &[u8]| support::multistream::run(data));
