//! The body of the fuzz target `gossipsub`, over its corpus and over seeded input.

use crate::support::corpus;
use crate::support::gossipsub_play as fuzz_target;

#[test]
fn the_fuzz_target_holds_over_seeded_input() {
    corpus::seeded(1_500, 4_000, fuzz_target::run);
}

#[test]
fn the_fuzz_target_holds_over_its_corpus() {
    corpus::replay("gossipsub", fuzz_target::run);
}
