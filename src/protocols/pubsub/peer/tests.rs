//! Tests of a peer's state: announcements contain the difference between our subscriptions and those that the peer knows,
//! and the waits before a stream is opened again grow.

use super::*;
use crate::lifecycle::{Direction, Lifecycle, Limits};
use alloc::format;
use alloc::string::ToString as _;
use alloc::vec;

fn stream() -> StreamId {
    let mut lifecycle = Lifecycle::<4>::new(Limits::default());
    let connection = lifecycle.begin_connection(Direction::Outbound).unwrap();
    lifecycle.opened(connection).unwrap();
    lifecycle.begin_stream(connection, Direction::Outbound).unwrap()
}

fn topics(names: &[&str]) -> BTreeSet<Topic> {
    names.iter().map(|name| Topic::from(*name)).collect()
}

/// Returns the changes of subscriptions that are announced to the peer, one list for each RPC.
fn said(peer: &mut Peer, subscriptions: &BTreeSet<Topic>) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    let (mut quota, mut backlog) = (Quota::new(0, 1), Backlog::new(0));
    while let Some(bytes) = peer.next(subscriptions, &mut quota, &mut backlog, |_| true) {
        let rpc = Rpc::decode_length_delimited(bytes).unwrap();
        let n = bytes.len();
        peer.written(n, &mut backlog);
        let line = |opts: SubOpts| format!("{}{}", if opts.subscribe() { "+" } else { "-" }, opts.topic());
        all.push(rpc.subscriptions.into_iter().map(line).collect());
    }
    all
}

fn peer(config: &Config) -> Peer {
    let id = crate::identity::Keypair::ed25519_from_bytes([1; 32]).unwrap().public().to_peer_id();
    let group = crate::swarm::AddressGroup::of(&"/ip4/192.0.2.1/tcp/1".parse().unwrap());
    Peer::new(config, crate::protocols::pubsub::peer_places::PeerPlaces::new(1, Duration::ZERO).take(group, id))
}

#[test]
fn changes_while_nothing_is_written_are_announced_once() {
    let mut peer = self::peer(&Config::default());
    peer.opened(stream(), Duration::ZERO, &topics(&["a", "b"]));
    assert_eq!(said(&mut peer, &topics(&["a", "b"])), [["+a", "+b"]]);
    assert_eq!(said(&mut peer, &topics(&["a", "b"])), Vec::<Vec<String>>::new());
    peer.is_stale = true;
    assert_eq!(said(&mut peer, &topics(&["b", "c"])), [["+c", "-a"]]);
    peer.is_stale = true;
    assert_eq!(said(&mut peer, &topics(&["b", "c"])), Vec::<Vec<String>>::new());
}

#[test]
fn a_new_stream_announces_all_topics_and_withdraws_old_ones() {
    let mut peer = self::peer(&Config::default());
    peer.opened(stream(), Duration::ZERO, &topics(&["a", "b"]));
    said(&mut peer, &topics(&["a", "b"]));
    peer.closed(Duration::ZERO, &Config::default());
    peer.opened(stream(), Duration::ZERO, &topics(&["b", "c"]));
    assert_eq!(said(&mut peer, &topics(&["b", "c"])), [["+b", "+c", "-a"]]);
}

#[test]
fn withdrawn_topics_are_remembered_up_to_a_bound() {
    let mut peer = self::peer(&Config::default());
    peer.opened(stream(), Duration::ZERO, &topics(&[]));
    for n in 0..2 * WITHDRAWN {
        for subscriptions in [topics(&[&n.to_string()]), topics(&[])] {
            peer.is_stale = true;
            assert_eq!(said(&mut peer, &subscriptions).len(), 1);
        }
    }
    peer.closed(Duration::ZERO, &Config::default());
    peer.opened(stream(), Duration::ZERO, &topics(&[]));
    assert_eq!(said(&mut peer, &topics(&[])).concat().len(), WITHDRAWN);
}

#[test]
fn many_topics_are_announced_in_several_small_rpcs() {
    let names: Vec<String> = (0..100).map(|n| format!("{n:0>1000}")).collect();
    let all: BTreeSet<Topic> = names.iter().map(|name| Topic::from(&**name)).collect();
    let mut peer = self::peer(&Config::default());
    peer.opened(stream(), Duration::ZERO, &all);
    let said = said(&mut peer, &all);
    assert_eq!(said.concat(), names.iter().map(|name| format!("+{name}")).collect::<Vec<_>>());
    assert!(said.len() > 5 && said.iter().all(|rpc| rpc.len() <= 18), "{:?}", said.iter().map(Vec::len));
}

#[test]
fn waits_double_up_to_the_longest_and_end() {
    let config = Config { reopen_attempts: 5, ..Config::default() };
    let mut peer = self::peer(&config);
    let config = Config { reopen_at_most_after: Duration::from_secs(5), ..config };
    let waits: Vec<_> = core::iter::from_fn(|| peer.retry(Duration::ZERO, &config)).collect();
    assert_eq!(waits, [1, 2, 4, 5, 5].map(Duration::from_secs));
    // A stream that has lived for the longest wait starts the attempts anew; a shorter one does not.
    for (lived, tries) in [(4, false), (5, true)] {
        peer.opened(stream(), Duration::ZERO, &topics(&[]));
        peer.closed(Duration::from_secs(lived), &config);
        assert_eq!(peer.retry(Duration::ZERO, &config).is_some(), tries);
    }
    let many = Config { reopen_attempts: 100, ..config };
    let waits = vec![(); 100].into_iter().filter_map(|()| peer.retry(Duration::ZERO, &many));
    assert_eq!(waits.last(), Some(Duration::from_secs(5)));
}

#[test]
fn attempts_without_a_wait_do_not_all_come_at_once() {
    for (first, longest) in [(0, 60), (1, 0)] {
        let config = Config {
            reopen_after: Duration::from_secs(first),
            reopen_at_most_after: Duration::from_secs(longest),
            ..Config::default()
        };
        let now = Duration::from_secs(9);
        assert!(peer(&config).retry(now, &config).is_some_and(|at| at > now));
    }
}
