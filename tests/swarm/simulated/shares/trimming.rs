//! Trimming: above the high-water mark the least useful connections go, down to the low-water mark, and never those that
//! are young or protected.

use super::{Attacker, ends, joins, listening, told};
use crate::simulated::{millis, secs};
use crate::support::sim::{A, B, ECHO_LINES, Exhausted, Pair, RawDial, SYN, Shape, data, everywhere, frame};
use swarm_notify::identity::{Keypair, PeerId};
use swarm_notify::swarm::{Config, ProtectError, Ready, Refusal};

everywhere! {
    above_the_mark_the_longest_idle_go_down_to_the_low_mark,
    at_the_mark_nobody_goes,
    those_with_a_stream_go_last_and_the_longest_silent_first,
    our_own_dials_go_after_those_of_peers,
    nobody_goes_before_its_grace_is_over,
    a_protected_peer_stays_until_no_tag_protects_it,
    a_protected_peer_does_not_give_way_at_a_limit,
    a_stream_that_is_in_the_socket_saves_its_connection,
    the_goodbye_of_a_peer_whose_streams_go_on_saves_nothing,
    those_that_are_closed_already_count_as_gone,
    while_nobody_may_go_no_turn_is_asked_for,
    where_descriptors_run_out_the_longest_idle_make_way,
    where_descriptors_run_out_and_nobody_is_idle_the_door_pays,
    a_shutdown_ends_trimming,
}

const GRACE: u64 = 10;

fn marks(high: u32, low: u32) -> impl FnOnce(&mut Config) {
    move |config| (config.high_water, config.low_water) = (Some(high), Some(low))
}

/// `a`, and so many idle peers, a second after each other; their hosts and keys are numbered from 3 on.
fn crowded<const EVENTS: usize>(
    shape: Shape,
    peers: u8,
    config: impl FnOnce(&mut Config),
) -> (Pair<EVENTS>, Vec<Attacker>) {
    let mut pair = listening::<EVENTS>(shape, config);
    let all = (3..3 + peers).map(|host| {
        pair.wait(secs(1));
        Attacker::connect(&mut pair, host, host).expect("there is place")
    });
    let all = all.collect();
    (pair, all)
}

/// The peer with a key.
fn peer(key: u8) -> PeerId {
    Keypair::ed25519_from_bytes([key; 32]).unwrap().public().to_peer_id()
}

/// The ids of those that were trimmed since the last call, in order. Nobody else has ended.
#[track_caller]
fn trimmed<const EVENTS: usize>(pair: &mut Pair<EVENTS>) -> Vec<String> {
    let ended = told(pair, "disconnected").into_iter();
    ended
        .map(|line| line.strip_prefix("disconnected ").unwrap().strip_suffix(" trimmed").expect(&line).to_owned())
        .collect()
}

fn above_the_mark_the_longest_idle_go_down_to_the_low_mark<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut all) = crowded::<EVENTS>(shape, 6, marks(6, 4));
    // The first was in use a moment ago.
    assert_eq!(all[0].open(&mut pair, 1), 1);
    all[0].raw.say(&[frame(1, 8, 1, 0)]);
    pair.settle();
    pair.wait(secs(GRACE));
    pair.a.take_log();
    let on_b = pair.b.dial(&A.at(4001));
    pair.wait(secs(2));
    assert_eq!(trimmed(&mut pair), ["c1.1", "c2.1", "c3.1"]);
    let cause = |n| format!("c{n}.1: there are more connections than high_water allows");
    assert_eq!(pair.a.causes, [1, 2, 3].map(cause));
    assert_eq!(pair.a.swarm.counters().connections.inbound.open, 4);
    assert!(all[1].raw.hear().iter().any(|frame| frame.kind == 3 && frame.length == 0), "it hears a go-away");
    assert!(pair.b.swarm.connection(on_b).is_some(), "the newcomer stays");
    ends(pair, all);
}

fn at_the_mark_nobody_goes<const EVENTS: usize>(shape: Shape) {
    let (mut pair, all) = crowded::<EVENTS>(shape, 6, marks(6, 4));
    pair.wait(secs(GRACE + 5));
    assert_eq!(trimmed(&mut pair), [""; 0]);
    ends(pair, all);
}

fn those_with_a_stream_go_last_and_the_longest_silent_first<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut all) = crowded::<EVENTS>(shape, 5, marks(5, 2));
    for one in &mut all {
        assert_eq!(one.open(&mut pair, 1), 1);
    }
    pair.wait(secs(GRACE));
    // The second and the first speak again.
    for which in [1, 0] {
        all[which].raw.say(&[data(0, 1, b"here")]);
        pair.wait(millis(100));
    }
    pair.a.take_log();
    pair.b.dial(&A.at(4001));
    let stream = |n| format!("closed_stream c{n}.1/s{n}.1 connection_closed");
    let trimmed = |n| format!("disconnected c{n}.1 trimmed");
    pair.wait(secs(GRACE - 1));
    let log = pair.a.take_log();
    // The newcomer is to go first, and too young. Nobody else goes in its stead.
    let expected = [2, 3, 4].map(|n| [stream(n), trimmed(n)]).concat();
    assert_eq!(log, [vec!["connected c5.1 inbound".to_owned()], expected].concat());
    pair.wait(secs(2));
    assert_eq!(pair.a.take_log(), [trimmed(5)]);
    ends(pair, all);
}

fn our_own_dials_go_after_those_of_peers<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, marks(2, 1));
    pair.b.listen(&B.at(4001));
    pair.settle();
    let dialed = pair.a.dial(&B.at(4001));
    pair.wait(secs(1));
    let all = [3, 4].map(|host| Attacker::connect(&mut pair, host, host).unwrap());
    pair.a.take_log();
    pair.wait(secs(GRACE + 2));
    assert_eq!(trimmed(&mut pair).len(), 2);
    assert!(pair.a.swarm.connection(dialed).is_some(), "it is older than both");
    ends(pair, all);
}

fn nobody_goes_before_its_grace_is_over<const EVENTS: usize>(shape: Shape) {
    let (mut pair, all) = crowded::<EVENTS>(shape, 6, marks(2, 2));
    // The first is 5 s old.
    pair.wait(millis(4_500));
    assert_eq!(trimmed(&mut pair), [""; 0]);
    pair.wait(secs(1));
    assert_eq!(trimmed(&mut pair), ["c0.1"], "it is old enough");
    pair.wait(secs(10));
    assert_eq!(trimmed(&mut pair), ["c1.1", "c2.1", "c3.1"], "the others follow, as far as they have to");
    ends(pair, all);
}

fn a_protected_peer_stays_until_no_tag_protects_it<const EVENTS: usize>(shape: Shape) {
    let (mut pair, all) = crowded::<EVENTS>(shape, 4, |config| {
        (config.high_water, config.low_water, config.protections) = (Some(2), Some(1), 8);
    });
    for key in 3..6 {
        assert_eq!(pair.a.swarm.protect(peer(key), "friend"), Ok(()));
        assert_eq!(pair.a.swarm.protect(peer(key), "relay"), Ok(()));
    }
    assert_eq!(pair.a.swarm.protections_of(peer(3)).collect::<Vec<_>>(), ["friend", "relay"]);
    assert!(pair.a.swarm.is_protected(peer(5)) && !pair.a.swarm.is_protected(peer(6)));
    pair.wait(secs(GRACE + 5));
    assert_eq!(trimmed(&mut pair), ["c3.1"], "it is the youngest, and the only one that nobody protects");
    assert!(pair.a.swarm.unprotect(peer(4), "friend"));
    pair.a.something_to_drain();
    pair.wait(secs(5));
    assert_eq!(trimmed(&mut pair), [""; 0]);
    assert!(!pair.a.swarm.unprotect(peer(4), "relay"));
    pair.a.something_to_drain();
    pair.wait(secs(5));
    assert_eq!(trimmed(&mut pair), ["c1.1"]);
    // Two more would be the ninth.
    assert_eq!(pair.a.swarm.protect(peer(6), "a"), Ok(()));
    assert_eq!(["b", "c", "d", "e"].map(|tag| pair.a.swarm.protect(peer(6), tag).err())[3], Some(ProtectError::Limit));
    ends(pair, all);
}

/// The last place is made free by the greediest, if that is not protected.
fn a_protected_peer_does_not_give_way_at_a_limit<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, |a| a.limits.connections = 16);
    let greedy: Vec<_> = (3..10).map_while(|_| Attacker::connect(&mut pair, 3, 3)).collect();
    let others: Vec<_> = (11..19).map_while(|host| Attacker::connect(&mut pair, host, host)).collect();
    assert_eq!((greedy.len(), others.len()), (7, 8));
    pair.a.swarm.protect(peer(3), "friend").unwrap();
    joins(&mut pair);
    assert_eq!(pair.a.swarm.connections().count(), 16, "it got the reserve");
    assert_eq!(trimmed(&mut pair), [""; 0]);
    ends(pair, (greedy, others));
}

/// A turn closes before it reads: what has come by then counts all the same.
fn a_stream_that_is_in_the_socket_saves_its_connection<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut all) = crowded::<EVENTS>(shape, 3, marks(2, 2));
    pair.wait(secs(GRACE) - secs(3));
    // The first is of age in a moment, and speaks before the turn that finds out.
    all[0].raw.say(&[data(SYN, 1, ECHO_LINES)]);
    pair.now += secs(1);
    pair.network.advance_to(pair.now);
    while pair.network.next_arrival().is_some_and(|at| at <= pair.now) {
        assert!(pair.network.deliver(pair.now));
    }
    pair.a.something_happened();
    pair.wait(millis(10));
    assert_eq!(trimmed(&mut pair), [""; 0]);
    pair.wait(secs(5));
    assert_eq!(trimmed(&mut pair), ["c1.1"]);
    ends(pair, all);
}

fn the_goodbye_of_a_peer_whose_streams_go_on_saves_nothing<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut all) = crowded::<EVENTS>(shape, 3, marks(2, 2));
    assert_eq!(all[0].open(&mut pair, 1), 1);
    all[0].raw.say(&[frame(3, 0, 0, 0)]);
    for other in &mut all[1..] {
        assert_eq!(other.open(&mut pair, 1), 1);
    }
    pair.settle();
    pair.a.reads = false;
    pair.a.take_log();
    for _ in 0..GRACE {
        pair.wait(secs(1));
        for other in &mut all[1..] {
            other.raw.say(&[data(0, 1, b"x")]);
        }
    }
    pair.settle();
    assert_eq!(told(&mut pair, "disconnected"), ["disconnected c0.1 remote(go_away(0))"]);
    ends(pair, all);
}

fn those_that_are_closed_already_count_as_gone<const EVENTS: usize>(shape: Shape) {
    let (mut pair, all) = crowded::<EVENTS>(shape, 6, marks(6, 2));
    pair.wait(secs(GRACE));
    // The raw peers never end their side, so that a close lasts.
    for id in pair.a.swarm.connections().take(2).collect::<Vec<_>>() {
        pair.a.swarm.close_connection(id).unwrap();
    }
    pair.b.dial(&A.at(4001));
    pair.wait(secs(2));
    assert_eq!(pair.a.swarm.counters().connections.inbound.open, 7);
    pair.wait(secs(5));
    let ended = told(&mut pair, "disconnected");
    assert_eq!(ended, ["disconnected c0.1 requested", "disconnected c1.1 requested"]);
    ends(pair, all);
}

fn while_nobody_may_go_no_turn_is_asked_for<const EVENTS: usize>(shape: Shape) {
    let (mut pair, all) = crowded::<EVENTS>(shape, 4, marks(2, 2));
    (3..7).for_each(|key| pair.a.swarm.protect(peer(key), "friend").unwrap());
    pair.wait(secs(GRACE + 1));
    let next = pair.a.swarm.next_deadline().expect("peers are to be pinged, at least");
    assert!(next >= pair.now + secs(5), "{next:?} at {:?}", pair.now);
    assert_eq!(trimmed(&mut pair), [""; 0]);
    ends(pair, all);
}

fn a_shutdown_ends_trimming<const EVENTS: usize>(shape: Shape) {
    let (mut pair, all) = crowded::<EVENTS>(shape, 6, marks(2, 0));
    pair.now += secs(GRACE);
    pair.network.advance_to(pair.now);
    pair.a.swarm.shutdown();
    pair.run_until(|pair| pair.a.swarm.is_shut_down());
    let ended = told(&mut pair, "disconnected");
    assert!(ended.len() == 6 && ended.iter().all(|line| line.ends_with(" shutdown")), "{ended:?}");
    ends(pair, all);
}

/// Somebody comes while `a` has no descriptor left.
fn finds_no_descriptor<const EVENTS: usize>(pair: &mut Pair<EVENTS>) {
    pair.network.set(|knobs| knobs.exhaust(A.0, Some(Exhausted::Descriptors)));
    drop(RawDial::new(&pair.network, 99, &A.at(4001)));
    pair.wait(secs(1));
    pair.network.set(|knobs| knobs.exhaust(A.0, None));
}

fn where_descriptors_run_out_the_longest_idle_make_way<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut all) = crowded::<EVENTS>(shape, 8, |_| {});
    assert_eq!(all[0].open(&mut pair, 1), 1);
    pair.a.swarm.protect(peer(4), "friend").unwrap();
    pair.a.take_log();
    finds_no_descriptor(&mut pair);
    assert_eq!(trimmed(&mut pair), ["c2.1"], "one in use and one that is protected are older");
    assert_eq!(pair.a.causes, ["c2.1: the system has run out of descriptors or memory"]);
    finds_no_descriptor(&mut pair);
    assert_eq!(trimmed(&mut pair), ["c3.1", "c4.1"], "it goes on");
    pair.wait(secs(4));
    finds_no_descriptor(&mut pair);
    assert_eq!(trimmed(&mut pair), ["c5.1"]);
    assert_eq!(pair.a.swarm.refused(Refusal::AcceptFailed), 3);
    let told = pair.a.ready.iter().filter_map(|ready| match ready {
        Ready::Refused { of, kind: Refusal::AcceptFailed, count } => Some((*of, *count)),
        Ready::Stream { .. } | Ready::Addresses { .. } | Ready::Refused { .. } | _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [(pair.a.listening[0].into(), 1); 3], "at most once a second");
    ends(pair, all);
}

fn where_descriptors_run_out_and_nobody_is_idle_the_door_pays<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut all) = crowded::<EVENTS>(shape, 2, |_| {});
    for one in &mut all {
        assert_eq!(one.open(&mut pair, 1), 1);
    }
    let silent: Vec<_> = (0..8).map(|_| RawDial::new(&pair.network, 3, &A.at(4001))).collect();
    pair.settle();
    for left in [8, 7, 6] {
        assert_eq!(pair.a.swarm.inbound_handshakes(), left);
        finds_no_descriptor(&mut pair);
    }
    assert_eq!(trimmed(&mut pair), [""; 0]);
    ends(pair, (all, silent));
}
