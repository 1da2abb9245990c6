//! The body of the fuzz target `connection`, on random input and on what the fuzzer found worth keeping.

#[test]
fn both_ends_agree_on_everything_or_both_end_with_a_reason() {
    corpus::seeded(300, 1000, connection::run);
}

#[test]
fn the_fuzzers_corpus_replays() {
    corpus::replay("connection", connection::run);
}

use crate::support::connection;
use crate::support::corpus;
