//! Two whole connections over a pipe that cuts, delays and flips, against a model: see `tests/support/connection/mod.rs`.
#![no_main]

#[path = "../../tests/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| support::connection::run(bytes));
