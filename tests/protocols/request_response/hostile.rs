//! Owners and peers that do anything: the body of the fuzz target.

use crate::support::corpus;
use crate::support::request_response as fuzz_target;

#[test]
fn whatever_is_done_each_request_has_one_outcome() {
    corpus::seeded(3_000, 600, fuzz_target::run);
}

#[test]
fn the_fuzz_target_holds_over_its_corpus() {
    corpus::replay("request_response", fuzz_target::run);
}
