//! Two whole connections over a pipe that cuts, delays and flips, against a model: see `tests/support/connection.rs`.
#![no_main]

#[path = "../../tests/support/connection.rs"]
mod connection;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| connection::run(bytes));
