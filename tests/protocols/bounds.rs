//! What services state of their memory.

use crate::support::with;
use libp2p_core::transport::MemoryTransport;
use std::time::Duration;
use swarm_notify::identity::Keypair;
use swarm_notify::lifecycle::Limits;
use swarm_notify::notifee::Notifees;
use swarm_notify::protocols::floodsub::FloodSub;
use swarm_notify::protocols::pubsub::{SeqnoValidator, Signing};
use swarm_notify::protocols::{address_book, identify, ping, pubsub, request_response};
use swarm_notify::swarm::{self, Swarm};

#[test]
fn a_bound_without_limits_is_endless_and_no_overflow() {
    const MOST: usize = usize::MAX;
    let limits = with(Limits::default(), |limits| {
        limits.streams = u32::MAX;
        limits.connections = u32::MAX;
    });
    let mut ping = ping::Config::default();
    (ping.inbound_streams, ping.events) = (MOST, MOST);
    let mut identify = identify::Config::default();
    (identify.max_bytes, identify.held_bytes, identify.inbound_streams) = (MOST, MOST, MOST);
    (identify.outbound_pushes, identify.events) = (MOST, MOST);
    let mut book = address_book::Config::default();
    (book.peers, book.addresses_per_peer, book.address_bytes) = (MOST, MOST, MOST);
    (book.peers_at_a_time, book.events) = (MOST, MOST);
    let mut requests = request_response::Config::default();
    (requests.request_bytes, requests.response_bytes) = (MOST, MOST);
    (requests.inbound_requests, requests.outbound_requests) = (MOST, MOST);
    (requests.inbound_bytes, requests.outbound_bytes) = (MOST, MOST);
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

/// What a node states with all that is installed is the sum of what each states, and a little for each notifee.
#[test]
fn what_a_node_states_is_the_sum_of_what_is_installed() {
    let identity = Keypair::ed25519_from_bytes([1; 32]).expect("any 32 bytes are a secret key");
    let (key, config) = (identity.public(), swarm::Config::small());
    let mut swarm: Swarm<_> = Swarm::new(MemoryTransport::new(), &identity, [1; 32], config.clone()).unwrap();
    let mut notifees = Notifees::new();
    notifees.set_emission_capacity(1);
    let limits = &config.limits;
    let mut sum = config.memory_bound();
    let mut check = |notifees: &Notifees<_>, swarm: &Swarm<_>, more: usize| {
        sum += more;
        let stated = notifees.memory_bound(swarm);
        // Each is some hundreds of bytes itself, and has its place.
        assert!((sum..sum + 4 * 1024 * (1 + notifees.len())).contains(&stated), "{stated}, {sum}");
    };
    check(&notifees, &swarm, 0);
    let pings = notifees.install(&mut swarm, ping::Ping::new([1; 32], ping::Config::small()));
    check(&notifees, &swarm, ping::Config::small().memory_bound(limits));
    notifees.install(&mut swarm, identify::Identify::new(key.clone(), identify::Config::small()));
    check(&notifees, &swarm, identify::Config::small().memory_bound(limits));
    notifees.register(address_book::AddressBook::new(key.to_peer_id(), [1; 32], address_book::Config::small()));
    check(&notifees, &swarm, address_book::Config::small().memory_bound(limits));
    type Requests = request_response::RequestResponse<request_response::Bytes>;
    let requests = Requests::new([], request_response::Bytes, request_response::Config::small());
    notifees.install(&mut swarm, requests);
    let stated = request_response::Config::small().memory_bound::<request_response::Bytes>(limits);
    check(&notifees, &swarm, stated);
    let mut floodsub = FloodSub::new(Signing::strict_sign(identity, 1), pubsub::Config::small());
    floodsub.set_seqno_validator(SeqnoValidator::new(100, Duration::from_secs(60)));
    notifees.install(&mut swarm, floodsub);
    check(
        &notifees,
        &swarm,
        pubsub::Config::small().memory_bound() + SeqnoValidator::new(100, Duration::from_secs(60)).memory_bound(),
    );
    let all = notifees.memory_bound(&swarm);
    assert!(notifees.uninstall(&mut swarm, pings));
    assert!(notifees.memory_bound(&swarm) < all, "what is taken out counts no more");
}
