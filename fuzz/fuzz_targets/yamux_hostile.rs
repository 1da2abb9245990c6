//! Hostile frames into one yamux session: see `tests/support/yamux_hostile.rs`.
#![no_main]

#[path = "../../tests/support/yamux_hostile.rs"]
mod yamux_hostile;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| yamux_hostile::run(bytes));
