//! Counts of the heap. Only a binary whose global allocator is `INSTRUMENTED_SYSTEM` has them, and in which one test
//! runs at a time.

use stats_alloc::{INSTRUMENTED_SYSTEM, Stats};

fn stats() -> Stats {
    let stats = INSTRUMENTED_SYSTEM.stats();
    assert_ne!(stats.allocations, 0, "the binary's global allocator is not INSTRUMENTED_SYSTEM");
    stats
}

/// The bytes that live on the heap.
pub(crate) fn bytes() -> usize {
    let stats = stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// The allocations and reallocations so far.
pub(crate) fn allocations() -> usize {
    let stats = stats();
    stats.allocations + stats.reallocations
}
