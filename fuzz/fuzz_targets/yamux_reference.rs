//! Our yamux session against the `yamux` crate: see `tests/support/yamux_reference.rs`.
#![no_main]

#[path = "../../tests/support/yamux_reference.rs"]
mod yamux_reference;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| yamux_reference::run(bytes));
