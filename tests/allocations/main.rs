//! Counts of the heap: allocations on the path from a transition to a notifee, and bytes that are kept.
//!
//! It has no harness, whose own allocations would be counted: one test runs at a time, on the main thread. An argument
//! is a part of the names of those to run.

mod crowd;
mod door;
#[cfg(feature = "host")]
mod everything;
mod gossipsub;
mod honest;
mod lists;
mod memory;
mod pubsub;
mod subscription;
#[path = "../support/mod.rs"]
mod support;
mod transitions;
mod yamux;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;
use support::{corpus, yamux_hostile};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

type Test = (&'static str, fn());

const TESTS: &[Test] = &[
    ("a_million_transitions_to_two_hundred_notifees", transitions::a_million_transitions_to_two_hundred_notifees),
    ("an_emission_that_nobody_hears_allocates_nothing", transitions::an_emission_that_nobody_hears_allocates_nothing),
    ("an_owner_who_sees_each_event_allocates_nothing", transitions::an_owner_who_sees_each_event_allocates_nothing),
    ("streams_one_at_a_time_allocate_nothing", || {
        assert_eq!(transitions::a_hundred_thousand_streams(1), 0, "the whole path of streams that come one at a time");
    }),
    ("64_streams_at_a_time_allocate_a_third_each", || {
        let most = transitions::STREAMS / 3;
        assert!(transitions::a_hundred_thousand_streams(64) < most, "less than a third of an allocation a stream");
    }),
    ("an_idle_stream_takes_at_most_200_bytes", || {
        for streams in [1_000, 1_024, 2_000, 4_000] {
            transitions::an_idle_stream_takes_at_most_200_bytes(streams);
        }
    }),
    ("a_notice_of_a_stream_allocates_nothing", subscription::a_notice_of_a_stream_allocates_nothing),
    ("a_storm_of_handshakes_leaves_no_memory_behind", door::a_storm_of_handshakes_leaves_no_memory_behind),
    ("a_place_at_the_door_is_given_back", door::a_place_at_the_door_is_given_back),
    ("a_crowd_that_has_left_leaves_no_memory_behind", crowd::a_crowd_that_has_left_leaves_no_memory_behind),
    ("full_lists_take_no_more_than_the_bound_says", lists::full_lists_take_no_more_than_the_bound_says),
    ("a_refused_socket_allocates_nothing", lists::a_refused_socket_allocates_nothing),
    ("a_handshake_takes_at_most_4_kb", door::a_handshake_takes_at_most_4_kb),
    ("what_those_at_the_door_hold_is_in_the_bound", door::what_those_at_the_door_hold_is_in_the_bound),
    ("a_heartbeat_of_gossipsub_allocates_nothing", gossipsub::a_heartbeat_allocates_nothing),
    ("a_peer_in_a_topic_takes_at_most_300_bytes", gossipsub::a_peer_in_a_topic_takes_at_most_300_bytes),
    ("pubsub_keeps_no_more_than_its_bounds_say", pubsub::what_is_kept_is_no_more_than_the_bounds_say),
    ("pubsub_remembers_no_more_than_its_bounds_say", pubsub::what_is_remembered_is_no_more_than_the_bounds_say),
    ("a_small_node_takes_ten_mebibytes_at_worst", memory::a_small_node_takes_ten_mebibytes_at_worst),
    (
        "streams_whose_echo_nobody_reads_stay_below_the_stated_bound",
        memory::streams_whose_echo_nobody_reads_stay_below_the_stated_bound,
    ),
    ("a_stream_takes_up_no_more_memory_than_its_window", yamux::a_stream_takes_up_no_more_memory_than_its_window),
    ("hostile_yamux_frames_use_no_more_memory_than_stated", || {
        corpus::replay("yamux_hostile", yamux_hostile::run);
        corpus::seeded(300, 400, yamux_hostile::run);
    }),
    // Hosts come last: `async-io` has a thread for the life of the process, which allocates and frees when it likes.
    #[cfg(feature = "host")]
    (
        "a_small_host_with_all_services_takes_ten_mebibytes_at_worst",
        everything::a_small_host_with_all_services_takes_ten_mebibytes_at_worst,
    ),
    #[cfg(feature = "host")]
    (
        "a_host_with_all_services_stays_below_what_it_states",
        everything::a_host_with_all_services_stays_below_what_it_states,
    ),
];

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let chosen = TESTS.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|part| name.contains(part)));
    let mut passed = 0;
    for (name, test) in chosen {
        test();
        println!("test {name} ... ok");
        passed += 1;
    }
    println!("test result: ok. {passed} passed");
}
