//! Requests and responses beside peers that do anything: see `tests/support/request_response.rs`.
#![no_main]

#[path = "../../tests/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|data: &[u8]| support::request_response::run(data));
