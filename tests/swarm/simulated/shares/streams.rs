//! Streams of one peer, of one address, and of one protocol; the last quarter and the last place.

use super::{Attacker, ends, joins, listening, opens, refused, told};
use crate::simulated::secs;
use crate::support::sim::{ECHO, Pair, SINK, Shape, everywhere};
use crate::support::with;
use swarm_notify::lifecycle::ConnectionId;
use swarm_notify::notifee::Node;
use swarm_notify::swarm::{Config, ProtocolLimits, Refusal};

everywhere! {
    a_peer_has_its_share_on_all_its_connections_together,
    our_own_streams_take_nothing_of_a_peers_share,
    in_the_last_quarter_who_has_much_takes_no_more,
    the_last_place_is_made_free_by_the_greediest_peer,
    the_last_place_is_made_free_for_ours,
    a_forgotten_half_open_stream_gives_way_first,
    equal_peers_do_not_push_out_each_other,
    an_address_with_much_takes_nothing_of_the_last_quarter,
    a_protocol_is_limited_for_each_peer_and_for_all,
    a_protocol_counts_what_was_open_before_its_limit,
    a_protocols_place_is_free_when_its_stream_has_ended,
}

fn limited(streams: u32) -> impl FnOnce(&mut Config) {
    move |config| config.limits = with(config.limits, |limits| limits.streams = streams)
}

fn a_peer_has_its_share_on_all_its_connections_together<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, |a| a.streams_per_peer = 3);
    let mut one = Attacker::connect(&mut pair, 3, 3).unwrap();
    let mut two = Attacker::connect(&mut pair, 3, 3).unwrap();
    assert_eq!((one.open(&mut pair, 2), two.open(&mut pair, 3)), (2, 1));
    assert_eq!(refused(&pair, Refusal::StreamLimit), 2);
    let (_, on_b) = joins(&mut pair);
    assert_eq!(opens(&mut pair, on_b, 4).len(), 3, "another peer has a share of its own");
    drop(one);
    pair.settle();
    assert_eq!(two.open(&mut pair, 5), 2, "what has ended is free again");
    ends(pair, two);
}

fn our_own_streams_take_nothing_of_a_peers_share<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, |a| a.streams_per_peer = 1);
    let (on_a, on_b) = joins(&mut pair);
    for _ in 0..3 {
        pair.a.open(on_a, &[ECHO]);
    }
    pair.settle();
    assert_eq!(told(&mut pair, "opened_stream").len(), 3);
    assert_eq!(opens(&mut pair, on_b, 2).len(), 1);
    pair.end_quietly();
}

fn in_the_last_quarter_who_has_much_takes_no_more<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, limited(32));
    let mut attacker = Attacker::connect(&mut pair, 3, 3).unwrap();
    assert_eq!(attacker.open(&mut pair, 32), 24);
    let (_, on_b) = joins(&mut pair);
    // Who holds three of 32 holds more than a sixteenth.
    assert_eq!(opens(&mut pair, on_b, 5).len(), 3);
    ends(pair, attacker);
}

/// `a` with 32 places, of which 31 are taken: 24 by the greediest, 3 by two others each, one by a fourth.
fn nearly_full<const EVENTS: usize>(shape: Shape) -> (Pair<EVENTS>, [Attacker; 4]) {
    let mut pair = listening::<EVENTS>(shape, |a| {
        limited(32)(a);
        (a.connection.half_open_grace, a.connection.half_open_timeout) = (secs(5), None);
    });
    let mut attackers = [3, 4, 5, 6].map(|host| Attacker::connect(&mut pair, host, host).unwrap());
    for (attacker, many) in attackers.iter_mut().zip([24, 3, 3, 1]) {
        assert_eq!(attacker.open(&mut pair, many), many);
    }
    pair.a.take_log();
    (pair, attackers)
}

fn the_last_place_is_made_free_by_the_greediest_peer<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut attackers) = nearly_full::<EVENTS>(shape);
    let (_, on_b) = joins(&mut pair);
    for n in 1..=3 {
        assert_eq!(opens(&mut pair, on_b, 1).len(), 1, "the {n}th of the newcomer's");
        let closed = told(&mut pair, "closed_stream");
        // The youngest of the greediest.
        assert_eq!(closed, [format!("closed_stream c0.1/s{}.1 limit", 24 - n)]);
        assert!(attackers[0].raw.was_reset(2 * (24 - n as u32) + 1), "its peer hears of it");
    }
    assert_eq!(opens(&mut pair, on_b, 1).len(), 0, "it has three itself");
    for n in [1, 1, 0] {
        assert_eq!(attackers[3].open(&mut pair, 1), n, "who has few gets some");
    }
    assert_eq!(attackers[0].open(&mut pair, 9), 0, "who has most gets none");
    assert_eq!(pair.a.swarm.counters().streams.inbound.open, 31);
    ends(pair, attackers);
}

fn the_last_place_is_made_free_for_ours<const EVENTS: usize>(shape: Shape) {
    let (mut pair, attackers) = nearly_full::<EVENTS>(shape);
    let (on_a, _) = joins(&mut pair);
    for n in 1..=3 {
        pair.a.open(on_a, &[ECHO]);
        pair.settle();
        let mut log = pair.a.take_log();
        log.sort_unstable();
        assert_eq!(log[0], format!("closed_stream c0.1/s{}.1 limit", 24 - n));
        assert!(log[1].starts_with("opened_stream "), "{log:?}");
    }
    ends(pair, attackers);
}

fn a_forgotten_half_open_stream_gives_way_first<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, |a| {
        limited(32)(a);
        (a.connection.half_open_grace, a.connection.half_open_timeout) = (secs(5), None);
    });
    let (on_a, on_b) = joins(&mut pair);
    assert_eq!(opens(&mut pair, on_b, 24).len(), 24);
    pair.a.take_log();
    let third = pair.a.swarm.streams_of(on_a).nth(2).unwrap();
    // We have said all, and the peer has forgotten the stream.
    pair.a.finish(third);
    let mut attackers = [4, 5, 6].map(|host| Attacker::connect(&mut pair, host, host).unwrap());
    for (attacker, many) in attackers.iter_mut().zip([3, 3, 1]) {
        assert_eq!(attacker.open(&mut pair, many), many);
    }
    pair.wait(secs(6));
    pair.a.take_log();
    let mut newcomer = Attacker::connect(&mut pair, 7, 7).unwrap();
    assert_eq!(newcomer.open(&mut pair, 1), 1);
    assert_eq!(told(&mut pair, "closed_stream"), [format!("closed_stream {on_a}/{third} limit")]);
    assert_eq!(newcomer.open(&mut pair, 1), 1);
    let youngest = format!("closed_stream {on_a}/s23.1 limit");
    assert_eq!(told(&mut pair, "closed_stream"), [youngest]);
    ends(pair, (attackers, newcomer));
}

fn equal_peers_do_not_push_out_each_other<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, limited(4));
    let mut attackers = [3, 4, 5, 6].map(|host| Attacker::connect(&mut pair, host, host).unwrap());
    for attacker in &mut attackers[..3] {
        assert_eq!(attacker.open(&mut pair, 1), 1);
    }
    pair.a.take_log();
    assert_eq!(attackers[0].open(&mut pair, 1), 0, "all have one");
    assert_eq!(attackers[3].open(&mut pair, 1), 1, "who has none gets the last place");
    assert_eq!(attackers[3].open(&mut pair, 1), 0);
    assert_eq!(told(&mut pair, "closed_stream"), Vec::<String>::new());
    ends(pair, attackers);
}

fn an_address_with_much_takes_nothing_of_the_last_quarter<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, limited(32));
    // Identities cost nothing: eight at one address, with three streams each.
    let mut attackers: Vec<_> = (0..8).map(|n| Attacker::connect(&mut pair, 3, 3 + n).unwrap()).collect();
    for attacker in &mut attackers {
        assert_eq!(attacker.open(&mut pair, 3), 3);
    }
    attackers.pop();
    pair.settle();
    let mut fresh = Attacker::connect(&mut pair, 3, 20).unwrap();
    assert_eq!(fresh.open(&mut pair, 9), 3, "up to the last quarter");
    let mut other = Attacker::connect(&mut pair, 4, 21).unwrap();
    assert_eq!(other.open(&mut pair, 3), 3);
    ends(pair, (attackers, fresh, other));
}

/// `b` opens a stream that speaks sink; `true` if it opens.
fn opens_sink<const EVENTS: usize>(pair: &mut Pair<EVENTS>, on_b: ConnectionId) -> bool {
    let id = pair.b.open(on_b, &[SINK]);
    pair.settle();
    pair.b.swarm.stream(id).is_some()
}

fn a_protocol_is_limited_for_each_peer_and_for_all<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, |_| {});
    // As a notifee says it.
    let node: &mut dyn Node = &mut pair.a.swarm;
    node.limit_protocol(&SINK, ProtocolLimits::new().with_per_peer(2).with_total(3));
    node.limit_protocol(&ECHO, ProtocolLimits::new().with_per_peer(1));
    let (_, one) = joins(&mut pair);
    let (on_a, two) = joins(&mut pair);
    assert!(opens_sink(&mut pair, one) && opens_sink(&mut pair, two));
    pair.a.take_log();
    pair.b.take_log();
    assert!(!opens_sink(&mut pair, two), "on both connections together");
    // It is no refusal in words, so that the peer may try again.
    pair.b.expect(&["stream_failed c1.1/s2.1 reset(remote)"]);
    pair.a.expect(&["stream_failed c1.1/s2.1 limit"]);
    assert_eq!(opens(&mut pair, two, 2).len(), 1, "another protocol has a limit of its own");
    // Ours do not count.
    pair.a.open(on_a, &[SINK]);
    let mut attacker = Attacker::connect(&mut pair, 3, 3).unwrap();
    assert_eq!(attacker.open(&mut pair, 2), 1);
    pair.a.swarm.limit_protocol(&ECHO, ProtocolLimits::default());
    assert_eq!(attacker.open(&mut pair, 2), 2);
    pair.a.swarm.limit_protocol(&SINK, ProtocolLimits::new().with_per_peer(9).with_total(3));
    assert!(opens_sink(&mut pair, one) && !opens_sink(&mut pair, one), "the third of all");
    ends(pair, attacker);
}

fn a_protocol_counts_what_was_open_before_its_limit<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, |_| {});
    let (_, on_b) = joins(&mut pair);
    assert!(opens_sink(&mut pair, on_b) && opens_sink(&mut pair, on_b));
    assert_eq!(opens(&mut pair, on_b, 1).len(), 1);
    pair.a.swarm.limit_protocol(&SINK, ProtocolLimits::new().with_per_peer(1));
    assert_eq!(pair.a.swarm.counters().streams.inbound.open, 3, "they stay");
    assert!(!opens_sink(&mut pair, on_b));
    let first = pair.b.swarm.streams_of(on_b).next().unwrap();
    pair.b.swarm.reset(first).unwrap();
    pair.settle();
    assert!(!opens_sink(&mut pair, on_b), "there is one yet");
    pair.end_quietly();
}

fn a_protocols_place_is_free_when_its_stream_has_ended<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, |_| {});
    pair.a.swarm.limit_protocol(&SINK, ProtocolLimits::new().with_per_peer(1).with_total(1));
    for _ in 0..3 {
        let (_, on_b) = joins(&mut pair);
        for _ in 0..3 {
            assert!(opens_sink(&mut pair, on_b));
            let stream = pair.b.swarm.streams_of(on_b).last().unwrap();
            pair.b.swarm.reset(stream).unwrap();
            pair.settle();
        }
        assert!(opens_sink(&mut pair, on_b));
        pair.b.swarm.abort_connection(on_b).unwrap();
        pair.settle();
        pair.a.take_log();
        pair.b.take_log();
    }
    pair.end_quietly();
}
