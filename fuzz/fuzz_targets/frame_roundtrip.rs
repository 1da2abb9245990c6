//! What is written is what is read, on every layer of the wire: see `tests/support/frame_roundtrip.rs`.
#![no_main]

#[path = "../../tests/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| support::frame_roundtrip::run(bytes));
