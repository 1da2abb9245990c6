//! Our yamux session against the `yamux` crate: see `tests/support/yamux_reference.rs`.
#![no_main]

#[path = "../../tests/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| support::yamux_reference::run(bytes));
