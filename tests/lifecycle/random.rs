//! The lifecycle against its reference model: on random calls, and on those that the fuzzer found worth keeping.

use crate::support::corpus::replay;
use crate::support::model::{narrow, ops, run};
use crate::support::with;
use proptest::collection::vec;
use proptest::prelude::*;
use swarm_notify::lifecycle::{Event, Limits};

/// What the fuzz target runs, at every capacity that it runs.
fn run_at_all_capacities(bytes: &[u8]) -> Vec<Event> {
    let ops = ops(bytes);
    run::<1>(narrow(), &ops);
    run::<2>(narrow(), &ops);
    run::<8>(narrow(), &ops);
    run::<256>(narrow(), &ops)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_calls_are_answered_and_told_as_the_model_says(bytes in vec(any::<u8>(), 0..1200)) {
        run_at_all_capacities(&bytes);
    }

    #[test]
    fn limits_of_any_size_hold(
        bytes in vec(any::<u8>(), 0..600),
        (listeners, connections, streams, streams_per_connection) in (0..3u32, 0..4u32, 0..9u32, 0..5u32),
        owed_per_connection in 0..4u32,
    ) {
        let limits = with(Limits::default(), |limits| { limits.listeners = listeners; limits.connections = connections; limits.streams = streams; limits.streams_per_connection = streams_per_connection; limits.owed_per_connection = owed_per_connection; });
        run::<2>(limits, &ops(&bytes));
    }
}

#[test]
fn the_fuzzers_corpus_replays_and_tells_of_everything() {
    let mut told = Vec::new();
    if !replay("lifecycle", |bytes| told.extend(run_at_all_capacities(bytes))) {
        return;
    }
    for name in [
        "listen",
        "listen_failed",
        "listen_close",
        "connected",
        "connect_failed",
        "disconnected",
        "opened_stream",
        "stream_failed",
        "closed_stream",
    ] {
        assert!(told.iter().any(|event| event.name() == name), "no {name} in the corpus");
    }
}

/// The runs above prove little if they are short.
#[test]
fn random_bytes_are_long_runs_of_calls() {
    for byte in 0..=255 {
        let calls = ops(&[byte; 600]).len();
        assert!(calls >= 50, "600 bytes of {byte} are {calls} calls");
    }
}
