//! What services state of their memory.

use swarm_notify::lifecycle::Limits;
use swarm_notify::protocols::{address_book, identify, ping, pubsub, request_response};

#[test]
fn a_bound_without_limits_is_endless_and_no_overflow() {
    const MOST: usize = usize::MAX;
    let limits = Limits { streams: u32::MAX, connections: u32::MAX, ..Limits::default() };
    let mut ping = ping::Config::default();
    (ping.inbound_streams, ping.events) = (MOST, MOST);
    let mut identify = identify::Config::default();
    (identify.max_bytes, identify.inbound_streams, identify.outbound_pushes, identify.events) =
        (MOST, MOST, MOST, MOST);
    let mut book = address_book::Config::default();
    (book.peers, book.addresses_per_peer, book.address_bytes) = (MOST, MOST, MOST);
    (book.peers_at_a_time, book.events) = (MOST, MOST);
    let mut requests = request_response::Config::default();
    (requests.request_bytes, requests.response_bytes) = (MOST, MOST);
    (requests.inbound_requests, requests.outbound_requests) = (MOST, MOST);
    let mut pubsub = pubsub::Config::default();
    (pubsub.rpc_bytes, pubsub.peers, pubsub.topics_per_peer, pubsub.topic_bytes) = (MOST, MOST, MOST, MOST);
    (pubsub.subscriptions, pubsub.topics_total_bytes, pubsub.inbound_streams) = (MOST, MOST, MOST);
    (pubsub.inbound_total_bytes, pubsub.outbox_total_bytes, pubsub.outbox_bytes) = (MOST, MOST, MOST);
    (pubsub.seen, pubsub.events, pubsub.event_bytes) = (MOST, MOST, MOST);
    let bounds = [
        ping.memory_bound(&limits),
        identify.memory_bound(&limits),
        book.memory_bound(&limits),
        requests.memory_bound::<request_response::Bytes>(&limits),
        pubsub.memory_bound(),
    ];
    assert_eq!(bounds, [MOST; 5]);
}
