//! Two yamux sessions against a model: see `tests/support/yamux_pair.rs`.
#![no_main]

#[path = "../../tests/support/yamux_pair.rs"]
mod yamux_pair;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    yamux_pair::run(bytes);
});
