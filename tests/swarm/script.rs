//! The body of the fuzz target `swarm`, on random input and on what the fuzzer found worth keeping.

use crate::support::corpus;
use crate::support::swarm;
use std::collections::BTreeSet;

#[test]
fn every_event_follows_from_what_was_done_and_everything_ends() {
    let mut told = BTreeSet::new();
    corpus::seeded(200, 1000, |bytes| told.extend(swarm::run(bytes)));
    // A range of one's own may be short.
    let is_whole = std::env::var_os("FUZZ_CASES").is_none();
    println!("{told:#?}");
    // A gate that is asked again rarely finds an open stream of its peer's here.
    for what in ["connect_failed denied", "disconnected denied", "stream_failed denied"] {
        assert!(!is_whole || told.contains(what), "no {what} in {told:#?}");
    }
}

#[test]
fn the_fuzzers_corpus_replays_and_tells_of_everything() {
    let mut told = BTreeSet::new();
    if !corpus::replay("swarm", |bytes| told.extend(swarm::run(bytes))) {
        return;
    }
    for name in ["listen", "connected inbound", "connected outbound", "opened_stream inbound", "opened_stream outbound"]
    {
        assert!(told.iter().any(|line| line.starts_with(name)), "no {name} in {told:#?}");
    }
    for name in ["listen_failed", "listen_close", "connect_failed", "disconnected", "stream_failed", "closed_stream"] {
        let reasons = told.iter().filter(|line| line.starts_with(name)).count();
        assert!(reasons >= 3, "{name} has {reasons} reasons in {told:#?}");
    }
    for what in [
        "a notifee was told",
        "a notifee panicked",
        "a notifee left",
        "a notifee came late",
        "a notifee gave a command",
    ] {
        assert!(told.contains(what), "no {what} in {told:#?}");
    }
    assert!(cfg!(not(feature = "subscription")) || told.contains("a subscription lagged"), "in {told:#?}");
}
