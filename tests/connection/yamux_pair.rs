//! The body of the fuzz target `yamux_pair`, on random input and on what the fuzzer found worth keeping.

use crate::support::corpus;
use crate::support::yamux_pair;
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: corpus::how_many(150) as u32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_calls_come_to_the_right_end(bytes in vec(any::<u8>(), 0..1500)) {
        yamux_pair::run(&bytes);
    }
}

#[test]
fn the_fuzzers_corpus_replays_and_windows_grow_in_it() {
    let mut grown = 0;
    if corpus::replay("yamux_pair", |bytes| grown += usize::from(yamux_pair::run(bytes))) {
        assert!(grown > 0);
    }
}
