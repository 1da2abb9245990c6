//! Hostile frames into one yamux session: see `tests/support/yamux_hostile.rs`.
#![no_main]

#[path = "../../tests/support/mod.rs"]
mod support;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;

// The body counts the heap.
#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| support::yamux_hostile::run(bytes));
