//! Two yamux sessions against a model: see `tests/support/yamux_pair/mod.rs`.
#![no_main]

#[path = "../../tests/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    support::yamux_pair::run(bytes);
});
