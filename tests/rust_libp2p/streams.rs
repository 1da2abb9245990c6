//! Streams that do what they should: many, half-closed, long, of several protocols and of none.

use super::behaviour::Refused;
use super::node::{self, exchange};
use super::ours::{ECHO, Serve, UNKNOWN, account, pattern};
use super::{BY_US, CASES, Direction, Inbound, Outbound, Pair, established};
use futures::StreamExt;
use std::collections::BTreeMap;
use std::time::Duration;
use swarm_notify::connection::{Protocol, Rate};
use swarm_notify::identity::PeerId;
use swarm_notify::swarm::{Config, Gate};

const STREAMS: usize = 1000;
const AT_A_TIME: usize = 64;

/// Ends both sides, and gives the complete account of our log without what the connection itself adds.
#[track_caller]
fn account_of_streams(pair: Pair) -> BTreeMap<String, usize> {
    let Pair { mut ours, mut node, dialed, .. } = pair;
    ours.swarm.shutdown();
    let closed = ours.during("the node's word of the end", node.told());
    let mut account = account(&ours.end());
    assert_eq!(closed, BY_US);
    assert_eq!(node.kill(), [established(dialed), BY_US]);
    if dialed == Inbound {
        assert_eq!(account.remove("listen"), Some(1));
        assert_eq!(account.remove("listen_close shutdown"), Some(1));
    }
    assert_eq!(account.remove(&format!("connected {dialed}")), Some(1));
    assert_eq!(account.remove("disconnected shutdown"), Some(1));
    account
}

/// The account of so many echoes.
fn echoes(opened: Direction, number: usize) -> BTreeMap<String, usize> {
    [(format!("opened_stream {opened} /echo/1.0.0"), number), ("closed_stream finished".to_owned(), number)].into()
}

/// Has `number` exchanges take place, `at_a_time`, opened by the one or the other side.
fn exchanges(pair: &mut Pair, opened: Direction, sizes: &[usize], number: usize, at_a_time: usize, half_close: bool) {
    let bytes = |n: usize| pattern(n, sizes[n % sizes.len()]);
    match opened {
        Outbound => {
            pair.node.serve_echo();
            let connection = pair.connection;
            for n in 0..number {
                pair.ours.until("a stream's end", |ours| ours.jobs.len() < at_a_time);
                pair.ours.exchange(connection, &[ECHO], bytes(n), half_close);
            }
            pair.ours.until("the streams' end", |ours| ours.jobs.is_empty());
            assert_eq!(pair.ours.right, number);
        }
        Inbound => {
            let (opener, peer) = (pair.node.opener(), pair.ours.peer());
            let all: Vec<_> = (0..number).map(bytes).collect();
            let results = pair.node.spawn(async move {
                let calls = all.into_iter().map(|bytes| {
                    let opener = opener.clone();
                    async move { exchange(opener.open(peer, &[node::ECHO]).await.unwrap(), bytes, half_close).await }
                });
                futures::stream::iter(calls).buffer_unordered(at_a_time).collect::<Vec<_>>().await
            });
            let results = pair.ours.during("the node's exchanges", results);
            assert_eq!(results.len(), number);
            assert!(results.iter().all(Result::is_ok), "{results:?}");
            pair.ours.until("the streams' end", |ours| ours.jobs.is_empty());
        }
    }
}

#[test]
fn a_thousand_echoes_64_at_a_time_are_byte_exact() {
    for (dialed, opened) in CASES {
        let mut pair = Pair::new(dialed, Serve::Echo);
        exchanges(&mut pair, opened, &[0, 1, 100, 1000, 3000], STREAMS, AT_A_TIME, false);
        assert_eq!(account_of_streams(pair), echoes(opened, STREAMS), "dialed {dialed}, opened {opened}");
    }
}

/// rust-libp2p has 256 streams that are not acknowledged under way, and 256 more wait there.
#[test]
fn a_fast_opener_is_slowed_down_to_our_rate_and_loses_nothing() {
    for dialed in [Outbound, Inbound] {
        let mut config = Config::default();
        config.connection.openings = Rate::new(10, 500);
        let mut pair = Pair::with(config, dialed, Serve::Echo);
        exchanges(&mut pair, Inbound, &[0, 100], STREAMS, 512, false);
        let view = pair.ours.swarm.connection(pair.connection).expect("it is open");
        assert_eq!(view.streams_waiting, 0);
        assert!(view.streams_paced > 700, "{}", view.streams_paced);
        assert_eq!(pair.ours.swarm.counters().streams.inbound.without_id, 0);
        assert_eq!(account_of_streams(pair), echoes(Inbound, STREAMS), "dialed {dialed}");
    }
}

#[test]
fn a_half_closed_stream_is_read_to_its_end() {
    for (dialed, opened) in CASES {
        let mut pair = Pair::new(dialed, Serve::Echo);
        exchanges(&mut pair, opened, &[0, 1, 65_536, 262_144, 300_000], 20, 10, true);
        assert_eq!(account_of_streams(pair), echoes(opened, 20), "dialed {dialed}, opened {opened}");
    }
}

#[test]
fn echoes_longer_than_the_windows_come_back_whole() {
    for (dialed, opened) in CASES {
        let mut pair = Pair::new(dialed, Serve::Echo);
        exchanges(&mut pair, opened, &[262_143, 262_145, 1_000_000, 3_000_000], 8, 4, false);
        assert_eq!(account_of_streams(pair), echoes(opened, 8), "dialed {dialed}, opened {opened}");
    }
}

#[test]
fn a_write_that_was_short_before_the_stream_was_open_goes_on() {
    for dialed in [Outbound, Inbound] {
        let mut config = Config::default();
        config.connection.yamux.max_output = 1000;
        let mut pair = Pair::with(config, dialed, Serve::Echo);
        exchanges(&mut pair, Outbound, &[100_000], 3, 3, false);
        assert_eq!(account_of_streams(pair), echoes(Outbound, 3), "dialed {dialed}");
    }
}

#[test]
fn fifty_megabytes_pass_in_both_directions_at_once() {
    for (dialed, opened) in [(Outbound, Outbound), (Inbound, Inbound)] {
        let mut pair = Pair::new(dialed, Serve::Echo);
        exchanges(&mut pair, opened, &[50_000_000], 1, 1, false);
        assert_eq!(account_of_streams(pair), echoes(opened, 1), "dialed {dialed}, opened {opened}");
    }
}

#[test]
fn the_first_of_several_protocols_that_both_speak_is_agreed() {
    for dialed in [Outbound, Inbound] {
        let mut pair = Pair::new(dialed, Serve::Echo);
        pair.node.serve_echo();
        let other = Protocol::from_static("/other/1.0.0");
        pair.ours.exchange(pair.connection, &[UNKNOWN, other.clone(), ECHO], pattern(1, 500_000), false);
        pair.ours.exchange(pair.connection, &[ECHO, other], pattern(2, 1000), true);
        pair.ours.until("the streams' end", |ours| ours.jobs.is_empty());
        assert_eq!(pair.ours.right, 2);
        assert_eq!(account_of_streams(pair), echoes(Outbound, 2), "dialed {dialed}");
    }
}

#[test]
fn several_protocols_of_rust_libp2p_are_looked_at_in_order() {
    for dialed in [Outbound, Inbound] {
        let mut pair = Pair::new(dialed, Serve::Echo);
        let (opener, peer) = (pair.node.opener(), pair.ours.peer());
        let done = pair.node.spawn(async move {
            let stream = opener.open(peer, &[node::UNKNOWN, node::OTHER, node::ECHO]).await.unwrap();
            exchange(stream, pattern(1, 1000), false).await.unwrap();
        });
        pair.ours.during("the node's exchange", done);
        pair.ours.until_told("closed_stream", 1);
        assert_eq!(account_of_streams(pair), echoes(Inbound, 1), "dialed {dialed}");
    }
}

#[test]
fn a_protocol_unknown_to_rust_libp2p_fails_only_its_stream() {
    for dialed in [Outbound, Inbound] {
        let mut pair = Pair::new(dialed, Serve::Echo);
        pair.node.serve_echo();
        pair.ours.open(pair.connection, UNKNOWN);
        pair.ours.until_told("stream_failed", 1);
        let two = [UNKNOWN, Protocol::from_static("/other/1.0.0")];
        pair.ours.exchange(pair.connection, &two, Vec::new(), false);
        pair.ours.until_told("stream_failed", 2);
        // Data that was sent with the proposal changes nothing.
        pair.ours.exchange(pair.connection, &[UNKNOWN], pattern(0, 10_000), true);
        pair.ours.until_told("stream_failed", 3);
        pair.ours.exchange(pair.connection, &[ECHO], pattern(0, 10), false);
        pair.ours.until("the stream's end", |ours| ours.jobs.is_empty());
        assert_eq!(pair.ours.right, 1);
        pair.end(&[
            "stream_failed c0.1 s0.1 unsupported",
            "stream_failed c0.1 s0.2 unsupported",
            "stream_failed c0.1 s0.3 unsupported",
            "opened_stream c0.1 s0.4 outbound /echo/1.0.0",
            "closed_stream c0.1 s0.4 finished",
        ]);
    }
}

#[test]
fn a_protocol_unknown_to_us_fails_only_its_stream_at_both_ends() {
    for dialed in [Outbound, Inbound] {
        let mut pair = Pair::new(dialed, Serve::Echo);
        let peer = pair.ours.peer();
        for (n, protocols) in [vec![node::UNKNOWN], vec![node::UNKNOWN, node::OTHER]].into_iter().enumerate() {
            let opener = pair.node.opener();
            let refused = pair.node.spawn(async move { opener.open(peer, &protocols).await.err() });
            assert_eq!(pair.ours.during("the node's refusal", refused), Some(Refused::Unsupported));
            pair.ours.until_told("stream_failed", n + 1);
        }
        exchanges(&mut pair, Inbound, &[10], 1, 1, false);
        pair.end(&[
            "stream_failed c0.1 s0.1 unsupported",
            "stream_failed c0.1 s0.2 unsupported",
            "opened_stream c0.1 s0.3 inbound /echo/1.0.0",
            "closed_stream c0.1 s0.3 finished",
        ]);
    }
}

/// Nobody may speak echo.
struct NoEcho;

impl Gate for NoEcho {
    fn may_speak(&mut self, _peer: PeerId, protocol: &Protocol, _now: Duration) -> bool {
        *protocol != ECHO
    }
}

#[test]
fn a_protocol_our_gate_denies_is_unsupported_for_rust_libp2p() {
    for dialed in [Outbound, Inbound] {
        let mut pair = Pair::new(dialed, Serve::Echo);
        let peer = pair.ours.peer();
        pair.ours.swarm.set_gate(Some(Box::new(NoEcho)));
        for (n, protocols) in [vec![node::ECHO], vec![node::ECHO, node::OTHER]].into_iter().enumerate() {
            let opener = pair.node.opener();
            let refused = pair.node.spawn(async move { opener.open(peer, &protocols).await.err() });
            assert_eq!(pair.ours.during("the node's refusal", refused), Some(Refused::Unsupported));
            pair.ours.until_told("stream_failed", n + 1);
        }
        pair.ours.swarm.set_gate(None);
        exchanges(&mut pair, Inbound, &[10], 1, 1, false);
        pair.end(&[
            "stream_failed c0.1 s0.1 denied",
            "stream_failed c0.1 s0.2 denied",
            "opened_stream c0.1 s0.3 inbound /echo/1.0.0",
            "closed_stream c0.1 s0.3 finished",
        ]);
    }
}
