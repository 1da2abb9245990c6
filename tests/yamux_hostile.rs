//! The body of the fuzz target `yamux_hostile`, on random input and on what the fuzzer found worth keeping. It counts
//! the heap, and is alone in its process for that.
#![cfg(feature = "connection")]

#[path = "support/corpus.rs"]
mod corpus;
#[path = "support/yamux_hostile.rs"]
mod yamux_hostile;

#[test]
fn hostile_frames_are_answered_and_use_no_more_memory_than_stated() {
    corpus::replay("yamux_hostile", yamux_hostile::run);
    corpus::seeded(300, 400, yamux_hostile::run);
}
