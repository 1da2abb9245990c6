//! Connections of one peer, of one address and of one site; who comes back; the last places.

use super::{Attacker, ends, joins, listening, refused, told};
use crate::simulated::{millis, secs};
use crate::support::sim::{A, B, Pair, RawDial, SYN, Shape, data, everywhere};
use std::net::IpAddr;
use swarm_notify::swarm::{Config, Refusal};

everywhere! {
    a_peer_has_eight_connections,
    an_address_has_eight_connections_whoever_is_there,
    loopback_has_no_share_of_its_own,
    a_v6_network_counts_as_one_and_so_does_its_site,
    silent_sockets_take_nothing_of_an_address,
    our_own_dials_take_nothing_of_a_peers_share,
    two_that_dial_each_other_at_once_both_get_through,
    who_comes_back_takes_the_place_of_its_dead_connection,
    a_dead_connection_with_a_stream_stays,
    while_the_owner_is_late_nobody_looks_dead,
    in_the_last_quarter_an_address_with_much_gets_no_more,
    the_last_place_is_made_free_by_the_greediest,
    the_last_place_is_made_free_although_the_greediest_is_busy,
}

fn a_peer_has_eight_connections<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, |_| {});
    let mut hosts = 3..;
    let mut connect = |pair: &mut Pair<EVENTS>, key| Attacker::connect(pair, hosts.next().unwrap(), key);
    let first: Vec<_> = (0..8).map_while(|_| connect(&mut pair, 3)).collect();
    assert_eq!(first.len(), 8);
    assert!(connect(&mut pair, 3).is_none());
    let dialed = connect(&mut pair, 4);
    assert!(dialed.is_some(), "another peer");
    drop(first);
    pair.settle();
    assert_eq!(told(&mut pair, "disconnected").len(), 8);
    assert!(connect(&mut pair, 3).is_some(), "there is place again");
    ends(pair, dialed);
}

fn an_address_has_eight_connections_whoever_is_there<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, |_| {});
    let all: Vec<_> = (3..11).map_while(|key| Attacker::connect(&mut pair, 3, key)).collect();
    assert_eq!((all.len(), refused(&pair, Refusal::ConnectionLimit)), (8, 0));
    // It is closed at once, without a handshake and without an id.
    let mut ninth = RawDial::new(&pair.network, 3, &A.at(4001));
    pair.settle();
    drop(ninth.pipe());
    assert_eq!(refused(&pair, Refusal::ConnectionLimit), 1);
    pair.a.expect(&[] as &[&str]);
    joins(&mut pair);
    ends(pair, all);
}

fn loopback_has_no_share_of_its_own<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, |_| {});
    for ip in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
        pair.network.set(|knobs| knobs.seen_as(3, ip.parse().unwrap()));
        let all: Vec<_> = (3..23).map_while(|key| Attacker::connect(&mut pair, 3, key)).collect();
        assert_eq!(all.len(), 20, "{ip}");
        // A peer's share is the same everywhere.
        let more: Vec<_> = (0..9).map_while(|_| Attacker::connect(&mut pair, 3, 3)).collect();
        assert_eq!(more.len(), 7, "{ip}");
        drop((all, more));
        pair.settle();
        pair.a.take_log();
    }
    pair.end_quietly();
}

fn a_v6_network_counts_as_one_and_so_does_its_site<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, |a| a.connections_per_site = 10);
    let from = |pair: &mut Pair<EVENTS>, ip: &str, key| {
        pair.network.set(|knobs| knobs.seen_as(3, ip.parse::<IpAddr>().unwrap()));
        Attacker::connect(pair, 3, key)
    };
    let mut all = Vec::new();
    for key in 3..20 {
        all.extend(from(&mut pair, &format!("2001:db8:0:1::{key}"), key));
    }
    assert_eq!(all.len(), 8, "of one /64");
    for key in 20..30 {
        all.extend(from(&mut pair, &format!("2001:db8:0:{key}::1"), key));
    }
    assert_eq!(all.len(), 10, "of one /48");
    assert_eq!(refused(&pair, Refusal::ConnectionLimit), 9 + 8);
    assert!(from(&mut pair, "2001:db8:1:1::1", 30).is_some(), "another /48");
    ends(pair, all);
}

fn silent_sockets_take_nothing_of_an_address<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, |_| {});
    let silent: Vec<_> = (0..20).map(|_| RawDial::new(&pair.network, 3, &A.at(4001))).collect();
    pair.settle();
    let all: Vec<_> = (3..11).map_while(|key| Attacker::connect(&mut pair, 3, key)).collect();
    assert_eq!(all.len(), 8);
    ends(pair, (silent, all));
}

fn our_own_dials_take_nothing_of_a_peers_share<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, |a| a.connections_per_peer = 1);
    pair.b.listen(&B.at(4001));
    for _ in 0..3 {
        pair.a.dial(&B.at(4001));
    }
    pair.settle();
    assert_eq!(told(&mut pair, "connected").len(), 3);
    pair.b.take_log();
    joins(&mut pair);
    pair.b.dial(&A.at(4001));
    pair.settle();
    assert_eq!(told(&mut pair, "connect").len(), 1);
    assert_eq!(pair.a.swarm.connections_of(pair.b.swarm.local_peer()).count(), 4, "the second was refused");
    pair.end_quietly();
}

fn two_that_dial_each_other_at_once_both_get_through<const EVENTS: usize>(shape: Shape) {
    let one = |config: &mut Config| config.connections_per_peer = 1;
    let mut pair = Pair::<EVENTS>::with(shape, one, one);
    pair.a.listen(&A.at(4001));
    pair.b.listen(&B.at(4001));
    pair.settle();
    pair.a.expect(&["listen l0.1"]);
    pair.b.expect(&["listen l0.1"]);
    pair.a.dial(&B.at(4001));
    pair.b.dial(&A.at(4001));
    pair.settle();
    for side in [&mut pair.a, &mut pair.b] {
        let mut log = side.take_log();
        log.sort_unstable_by_key(|line| line.split(' ').next_back().map(str::to_owned));
        assert_eq!(log.len(), 2, "{log:?}");
        assert!(log[0].ends_with(" inbound") && log[1].ends_with(" outbound"), "{log:?}");
    }
    pair.end_quietly();
}

/// `a`, with two connections of one peer of which nothing is heard any more.
fn left_behind<const EVENTS: usize>(shape: Shape) -> (Pair<EVENTS>, [Attacker; 2]) {
    let mut pair = listening::<EVENTS>(shape, |a| {
        a.connections_per_peer = 2;
        (a.connection.keep_alive_interval, a.connection.keep_alive_timeout) = (secs(30), secs(600));
    });
    let first = Attacker::connect(&mut pair, 3, 3).unwrap();
    pair.wait(secs(1));
    let second = Attacker::connect(&mut pair, 3, 3).unwrap();
    pair.wait(secs(28));
    (pair, [first, second])
}

fn who_comes_back_takes_the_place_of_its_dead_connection<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut old) = left_behind::<EVENTS>(shape);
    // The first was heard less than 30 s ago.
    assert!(Attacker::connect(&mut pair, 4, 3).is_none());
    pair.wait(millis(1_200));
    let mut raw = crate::support::sim::Raw::shake_hands(&mut pair, 4, 3).unwrap();
    let told = pair.a.take_log();
    assert_eq!(told[0], "disconnected c0.1 trimmed", "{told:?}");
    let causes = core::mem::take(&mut pair.a.causes);
    assert_eq!(causes, ["c0.1: it looks dead, and a new connection of its peer takes its place"]);
    assert!(told[1].starts_with("connected "), "{told:?}");
    assert!(old[0].raw.hear().iter().any(|frame| frame.kind == 3 && frame.length == 0), "it hears a go-away");
    // The second one was heard a second later.
    assert!(Attacker::connect(&mut pair, 4, 3).is_none());
    raw.hear();
    ends(pair, (old, raw));
}

fn a_dead_connection_with_a_stream_stays<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut old) = left_behind::<EVENTS>(shape);
    for old in &mut old {
        assert_eq!(old.open(&mut pair, 1), 1);
    }
    pair.wait(secs(40));
    assert!(Attacker::connect(&mut pair, 4, 3).is_none());
    ends(pair, old);
}

/// An answer may be unread.
fn while_the_owner_is_late_nobody_looks_dead<const EVENTS: usize>(shape: Shape) {
    let (mut pair, old) = left_behind::<EVENTS>(shape);
    let mut other = Attacker::connect(&mut pair, 5, 5).unwrap();
    let mut newcomer = RawDial::new(&pair.network, 4, &A.at(4001));
    pair.settle();
    let mut pipe = newcomer.pipe().unwrap();
    let (mut greeting, said) = crate::support::sim::Greeting::begin(3);
    pipe.give(&said);
    pair.settle();
    let (said, _) = greeting.hear(&pipe.take()).unwrap();
    // The owner sleeps over its deadline, and finds the last message of the handshake.
    pipe.give(&said);
    other.raw.say(&[data(SYN, 1, b"")]);
    pair.now += secs(5);
    pair.network.advance_to(pair.now);
    pair.settle();
    let told = pair.a.take_log();
    assert!(told.iter().any(|line| line.ends_with(" limit")), "{told:?}");
    ends(pair, (old, other, pipe));
}

fn in_the_last_quarter_an_address_with_much_gets_no_more<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, |a| {
        (a.limits.connections, a.connections_per_address) = (16, 100);
    });
    let all: Vec<_> = (3..20).map_while(|key| Attacker::connect(&mut pair, 3, key)).collect();
    assert_eq!(all.len(), 12);
    assert_eq!(refused(&pair, Refusal::ConnectionLimit), 1);
    joins(&mut pair);
    ends(pair, all);
}

fn the_last_place_is_made_free_by_the_greediest<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, |a| a.limits.connections = 16);
    let mut greedy: Vec<_> = (3..10).map_while(|key| Attacker::connect(&mut pair, 3, key)).collect();
    let others: Vec<_> = (11..19).map_while(|host| Attacker::connect(&mut pair, host, host)).collect();
    assert_eq!((greedy.len(), others.len()), (7, 8));
    // The oldest has a stream; of the others the second has been idle longest, since the first has just lost one.
    assert_eq!(greedy[0].open(&mut pair, 1), 1);
    pair.wait(secs(1));
    assert_eq!(greedy[1].open(&mut pair, 1), 1);
    greedy[1].raw.say(&[crate::support::sim::frame(1, 8, 1, 0)]);
    pair.settle();
    pair.a.take_log();
    let on_b = pair.b.dial(&A.at(4001));
    pair.settle();
    let told = pair.a.take_log();
    assert_eq!(told[0], "disconnected c2.1 trimmed", "{told:?}");
    let causes = core::mem::take(&mut pair.a.causes);
    let cause = "c2.1: its peer or its address has most connections, and one of them gives its place to a newcomer";
    assert_eq!(causes, [cause]);
    assert!(told[1].starts_with("connected "), "{told:?}");
    pair.b.expect(&[format!("connected {on_b} outbound")]);
    // Who holds some already gets none at the expense of others that hold as few.
    assert_eq!(pair.a.swarm.connections().count(), 15);
    ends(pair, (greedy, others));
}

fn the_last_place_is_made_free_although_the_greediest_is_busy<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, |a| a.limits.connections = 16);
    let mut busy: Vec<_> = (3..10).map_while(|key| Attacker::connect(&mut pair, 3, key)).collect();
    let idle: Vec<_> = (10..15).map_while(|key| Attacker::connect(&mut pair, 4, key)).collect();
    let others: Vec<_> = (15..18).map_while(|host| Attacker::connect(&mut pair, host, host)).collect();
    assert_eq!((busy.len(), idle.len(), others.len()), (7, 5, 3));
    for attacker in &mut busy {
        assert_eq!(attacker.open(&mut pair, 1), 1);
    }
    pair.wait(secs(1));
    pair.a.take_log();
    let strangers: Vec<_> = (18..20).map_while(|host| Attacker::connect(&mut pair, host, host)).collect();
    assert_eq!(strangers.len(), 2, "those who hold five without a stream give way");
    ends(pair, (busy, idle, others, strangers));
}
