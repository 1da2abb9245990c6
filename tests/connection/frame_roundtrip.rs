//! The body of the fuzz target `frame_roundtrip`, on random input and on what the fuzzer found worth keeping.

#[test]
fn what_is_written_is_what_is_read() {
    corpus::seeded(200, 300, frame_roundtrip::run);
}

#[test]
fn the_fuzzers_corpus_replays() {
    corpus::replay("frame_roundtrip", frame_roundtrip::run);
}

use crate::support::corpus;
use crate::support::frame_roundtrip;
