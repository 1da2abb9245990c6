//! The body of the fuzz target `yamux`, on random input and on what the fuzzer found worth keeping.
#![cfg(feature = "connection")]

#[path = "support/yamux_pair.rs"]
mod yamux_pair;

use proptest::collection::vec;
use proptest::prelude::*;
use std::path::Path;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_calls_and_hostile_frames_come_to_the_right_end(bytes in vec(any::<u8>(), 0..1500)) {
        yamux_pair::run(&bytes);
    }
}

#[test]
fn the_fuzzers_corpus_replays() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/yamux");
    let mut files = 0;
    for file in std::fs::read_dir(corpus).unwrap() {
        yamux_pair::run(&std::fs::read(file.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files > 20, "the corpus is there");
}
