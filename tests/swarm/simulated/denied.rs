//! Lists of peers and networks: who is refused at the door, when its peer is known, and before a dial; and what a change
//! cuts of what is open.

use super::shares::{Attacker, ends, listening, refused};
use crate::simulated::secs;
use crate::support::raw_frames::{GO_AWAY, NOISE_LINES};
use crate::support::sim::{A, B, Greeting, Host, Pair, Raw, RawDial, Shape, Side, SimPipe, SimTransport, everywhere};
use libp2p_core::multiaddr::Protocol as Part;
use std::net::IpAddr;
use swarm_notify::identity::{Keypair, PeerId};
use swarm_notify::lifecycle::{Event, Failure};
use swarm_notify::swarm::{ListRule, Network, Readiness, Refusal, RefusedAt};

everywhere! {
    a_denied_address_is_closed_before_a_byte,
    a_denied_peer_is_closed_once_it_is_known,
    who_is_not_listed_is_denied_where_permission_is_needed,
    a_denied_peer_is_cut_in_the_next_turn,
    a_denied_network_is_cut_and_others_stay,
    a_peer_denied_for_a_while_comes_again_after_it,
    a_replaced_list_cuts_who_is_new_on_it_and_readmits_others,
    a_list_replaced_by_itself_asks_for_no_turn,
    a_denied_address_or_peer_is_not_dialed,
    a_dial_to_a_denied_peer_fails_before_our_name_is_told,
    a_dial_and_a_handshake_under_way_are_given_up,
    a_dial_is_given_up_however_far_its_handshake_has_come,
    a_connection_that_waits_for_room_is_denied,
    one_that_is_being_closed_keeps_its_reason,
}

const NONE: &[&str] = &[];

fn key(number: u8) -> PeerId {
    Keypair::ed25519_from_bytes([number; 32]).unwrap().public().to_peer_id()
}

fn network(text: &str) -> Network {
    text.parse().unwrap()
}

/// A raw peer's connects to `a` come from this address from now on.
fn seen_as<const EVENTS: usize>(pair: &Pair<EVENTS>, ip: &str) {
    let ip: IpAddr = ip.parse().unwrap();
    pair.network.set(|knobs| knobs.seen_as(3, ip));
}

/// Connects to `a` as a raw peer and says the first words.
fn knocks<const EVENTS: usize>(pair: &mut Pair<EVENTS>) -> SimPipe {
    let mut dial = RawDial::new(&pair.network, 3, &A.at(4001));
    pair.settle();
    let mut pipe = dial.pipe().expect("the system has accepted it");
    pipe.try_give(NOISE_LINES);
    pair.settle();
    pipe
}

/// So many connections were refused without an id, as the totals, the listener's counts and readiness say.
#[track_caller]
fn assert_denied<const EVENTS: usize>(pair: &mut Pair<EVENTS>, many: u64) {
    pair.wait(secs(2));
    let listener = pair.a.listening[0];
    assert_eq!(refused(pair, Refusal::ConnectionDenied), many);
    assert_eq!(pair.a.swarm.refused_at(listener, Refusal::ConnectionDenied), many);
    let told = pair.a.ready.drain(..).filter_map(|ready| {
        let Readiness::Refused { of, kind: Refusal::ConnectionDenied, count } = ready else { return None };
        (of == RefusedAt::Listener(listener)).then_some(count)
    });
    assert_eq!(told.sum::<u64>(), many);
    let inbound = pair.a.swarm.counters().connections.inbound;
    assert_eq!((inbound.without_id, inbound.failed), (many, 0));
    pair.a.expect(NONE);
}

fn a_denied_address_is_closed_before_a_byte<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, |_| {});
    pair.a.swarm.lists_mut().deny_network(network("192.0.2.0/24")).unwrap();
    seen_as(&pair, "192.0.2.9");
    let mut pipe = knocks(&mut pair);
    assert_eq!((pipe.take(), pair.a.swarm.inbound_handshakes()), (vec![], 0));
    assert_denied(&mut pair, 1);
    let last = pair.a.swarm.last_refused_from(pair.a.listening[0], Refusal::ConnectionDenied).unwrap();
    assert!(last.to_string().starts_with("/ip4/192.0.2.9/"), "{last}");
    // A neighbour is answered, and so is it after all is forgiven.
    seen_as(&pair, "192.0.3.9");
    let mut other = knocks(&mut pair);
    assert!(!other.take().is_empty());
    assert!(pair.a.swarm.lists_mut().forget_network(network("192.0.2.0/24")));
    seen_as(&pair, "192.0.2.9");
    let mut again = knocks(&mut pair);
    assert!(!again.take().is_empty());
    ends(pair, (pipe, other, again));
}

fn a_denied_peer_is_closed_once_it_is_known<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, |_| {});
    pair.a.swarm.lists_mut().deny_peer(key(3)).unwrap();
    let mut raw = Raw::shake_hands(&mut pair, 3, 3).expect("nobody knows who it is before its last message");
    assert!(raw.hear().is_empty(), "nothing is said to it");
    assert!(raw.has_ended);
    assert_denied(&mut pair, 1);
    let last = pair.a.swarm.last_refused_from(pair.a.listening[0], Refusal::ConnectionDenied).unwrap();
    assert!(last.to_string().ends_with(&format!("/p2p/{}", key(3))), "{last}");
    let other = Attacker::connect(&mut pair, 3, 4);
    assert!(other.is_some());
    ends(pair, (raw, other));
}

fn who_is_not_listed_is_denied_where_permission_is_needed<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, |_| {});
    let lists = pair.a.swarm.lists_mut();
    lists.deny_unlisted_peers(true);
    lists.deny_unlisted_addresses(true);
    lists.allow_peer(key(3)).unwrap();
    lists.allow_network(network("192.0.2.0/24")).unwrap();
    seen_as(&pair, "192.0.2.9");
    let friend = Attacker::connect(&mut pair, 3, 3);
    assert!(friend.is_some());
    let stranger = Raw::shake_hands(&mut pair, 3, 4);
    assert_denied(&mut pair, 1);
    // The friend from elsewhere.
    seen_as(&pair, "192.0.3.9");
    let pipe = knocks(&mut pair);
    assert_denied_again(&pair, 2);
    // It is permitted no more.
    assert!(pair.a.swarm.lists_mut().forget_peer(key(3)));
    pair.settle();
    pair.a.expect(&["disconnected c0.1 denied"]);
    ends(pair, (friend, stranger, pipe));
}

fn assert_denied_again<const EVENTS: usize>(pair: &Pair<EVENTS>, many: u64) {
    assert_eq!(refused(pair, Refusal::ConnectionDenied), many);
}

fn a_denied_peer_is_cut_in_the_next_turn<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let address = pair.listens();
    let (first, on_b) = pair.connected_at(&address);
    let (second, second_on_b) = pair.connected_at(&address);
    let (stream, stream_on_b) = pair.stream((second, second_on_b));
    let peer = pair.b.swarm.local_peer();
    pair.a.swarm.lists_mut().deny_peer(peer).unwrap();
    assert_eq!(pair.a.swarm.connections_of(peer).count(), 2, "the command itself cuts nothing");
    assert_eq!(pair.a.swarm.poll_at(), Some(pair.now), "and asks for a turn");
    pair.settle();
    let mut log = pair.a.take_log();
    log.sort();
    let closed = format!("closed_stream {second}/{stream} connection_closed");
    let over = |id| format!("disconnected {id} denied");
    assert_eq!(log, [closed, over(first), over(second)]);
    let mut log = pair.b.take_log();
    log.sort();
    let closed = format!("closed_stream {second_on_b}/{stream_on_b} connection_closed");
    let over = |id| format!("disconnected {id} remote(go_away(0))");
    assert_eq!(log, [closed, over(on_b), over(second_on_b)], "it hears that it was not its fault");
    pair.end_with_listener();
}

fn a_denied_network_is_cut_and_others_stay<const EVENTS: usize>(shape: Shape) {
    // More than one unit of a turn looks at.
    const MANY: u8 = 70;
    let mut pair = listening::<EVENTS>(shape, |a| a.connections_per_site = 1_000);
    let mut raws = Vec::new();
    for n in 0..MANY {
        seen_as(&pair, &format!("192.0.{}.{n}", 2 + n % 2));
        raws.push(Attacker::connect(&mut pair, 3, 10 + n).expect("it comes in"));
    }
    // One that says nothing stands at the door.
    seen_as(&pair, "192.0.2.200");
    let silent = knocks(&mut pair);
    assert_eq!(pair.a.swarm.inbound_handshakes(), 1);
    pair.a.swarm.lists_mut().deny_network(network("192.0.2.0/24")).unwrap();
    pair.settle();
    let log = pair.a.take_log();
    assert_eq!(log.len(), usize::from(MANY / 2));
    assert!(log.iter().all(|line| line.starts_with("disconnected ") && line.ends_with(" denied")), "{log:?}");
    let left: Vec<_> = pair.a.swarm.connections().collect();
    assert_eq!(left.len(), usize::from(MANY / 2));
    for id in left {
        let remote = pair.a.swarm.connection(id).unwrap().remote.to_string();
        assert!(remote.starts_with("/ip4/192.0.3."), "{remote}");
    }
    assert_eq!((pair.a.swarm.inbound_handshakes(), refused(&pair, Refusal::ConnectionDenied)), (0, 1));
    let heard = raws[0].raw.hear();
    assert!(heard.iter().any(|frame| (frame.kind, frame.length) == (GO_AWAY, 0)), "{heard:?}");
    ends(pair, (raws, silent));
}

fn a_peer_denied_for_a_while_comes_again_after_it<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, |_| {});
    let first = Attacker::connect(&mut pair, 3, 3);
    assert!(first.is_some());
    let until = pair.now + secs(60);
    assert!(pair.a.swarm.lists_mut().deny_peer_until(key(3), until));
    pair.settle();
    pair.a.expect(&["disconnected c0.1 denied"]);
    let second = Raw::shake_hands(&mut pair, 3, 3);
    assert_denied(&mut pair, 1);
    pair.wait(until - pair.now);
    let third = Attacker::connect(&mut pair, 3, 3);
    assert!(third.is_some());
    assert_eq!(pair.a.swarm.lists().timed_denials().count(), 0, "what is over is forgotten");
    ends(pair, (first, second, third));
}

fn a_replaced_list_cuts_who_is_new_on_it_and_readmits_others<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, |_| {});
    let deny = |number| (key(number), ListRule::Deny);
    pair.a.swarm.lists_mut().replace_peers([deny(3), deny(4)]).unwrap();
    let denied = Raw::shake_hands(&mut pair, 3, 3);
    assert_denied(&mut pair, 1);
    let others: Vec<_> = [5, 6].into_iter().map(|number| Attacker::connect(&mut pair, number, number)).collect();
    assert!(others.iter().all(Option::is_some));
    pair.a.swarm.lists_mut().replace_peers([deny(4), deny(5)]).unwrap();
    pair.settle();
    pair.a.expect(&["disconnected c0.1 denied"]);
    let again = Attacker::connect(&mut pair, 3, 3);
    assert!(again.is_some(), "it is on the list no more");
    // The same with networks: those of the hosts 3 and 6.
    let networks = |texts: &[&str]| texts.iter().map(|text| (network(text), ListRule::Deny)).collect::<Vec<_>>();
    let address_of = |pair: &Pair<EVENTS>, number| {
        let id = pair.a.swarm.connections_of(key(number)).next().unwrap();
        Network::of(pair.a.swarm.connection(id).unwrap().remote).unwrap().to_string()
    };
    let (of_3, of_6) = (address_of(&pair, 3), address_of(&pair, 6));
    pair.a.swarm.lists_mut().replace_networks(networks(&[&of_3])).unwrap();
    pair.settle();
    assert_eq!(pair.a.take_log().len(), 1);
    assert_eq!(pair.a.swarm.connections_of(key(6)).count(), 1);
    pair.a.swarm.lists_mut().replace_networks(networks(&[&of_6])).unwrap();
    pair.settle();
    assert_eq!(pair.a.take_log().len(), 1);
    let third = Attacker::connect(&mut pair, 3, 3);
    assert!(third.is_some(), "its network is on the list no more");
    ends(pair, (denied, others, again, third));
}

fn a_list_replaced_by_itself_asks_for_no_turn<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, |_| {});
    let attacker = Attacker::connect(&mut pair, 3, 3);
    let rules: Vec<_> = (10..90).map(|number| (key(number), ListRule::Deny)).collect();
    let networks = [(network("198.51.100.0/24"), ListRule::Deny)];
    pair.a.swarm.lists_mut().replace_peers(rules.clone()).unwrap();
    pair.a.swarm.lists_mut().replace_networks(networks).unwrap();
    pair.settle();
    let at = pair.a.swarm.poll_at();
    assert_ne!(at, Some(pair.now));
    pair.a.swarm.lists_mut().replace_peers(rules).unwrap();
    pair.a.swarm.lists_mut().replace_networks(networks).unwrap();
    assert_eq!(pair.a.swarm.poll_at(), at);
    pair.a.swarm.lists_mut().replace_peers([]).unwrap();
    assert_eq!(pair.a.swarm.poll_at(), at, "nobody comes to be denied by that");
    ends(pair, attacker);
}

fn a_denied_address_or_peer_is_not_dialed<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let lists = pair.a.swarm.lists_mut();
    lists.deny_network(network("10.0.0.2")).unwrap();
    lists.deny_peer(key(7)).unwrap();
    pair.a.dial(&B.at(4000));
    pair.a.dial(&Host(5).at(4000).with(Part::P2p(key(7))));
    assert_eq!(pair.network.dials(), 0);
    let mut texts = Vec::new();
    pair.a.drains = 0;
    pair.settle();
    while let Some(event) = pair.a.next_event(pair.now) {
        let Event::ConnectFailed { connection, reason: Failure::Denied } = event else { panic!("{event:?}") };
        texts.push(pair.a.swarm.connection(connection).unwrap().error.unwrap().to_owned());
    }
    pair.a.drains = usize::MAX;
    assert_eq!(texts, ["the lists deny its address", "the lists deny its peer"]);
    assert_eq!(pair.a.take_log(), ["connect_failed c0.1 denied", "connect_failed c1.1 denied"]);
    assert_eq!(refused(&pair, Refusal::ConnectionDenied), 0, "it is told, and nobody was refused");
    pair.end(NONE, NONE);
}

fn a_dial_to_a_denied_peer_fails_before_our_name_is_told<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(Shape { swapped: false, ..shape });
    let address = pair.listens();
    let peer = pair.b.swarm.local_peer();
    pair.a.swarm.lists_mut().deny_peer(peer).unwrap();
    pair.settle();
    let id = pair.a.dial(&address);
    pair.settle();
    pair.a.expect(&[format!("connect_failed {id} denied")]);
    assert_eq!(pair.b.swarm.refused(Refusal::HandshakeFailed), 1, "it has heard no name");
    pair.b.expect(NONE);
    pair.end_with_listener();
}

fn a_dial_and_a_handshake_under_way_are_given_up<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, |_| {});
    pair.network.set(|knobs| knobs.silent((2, 9)));
    let id = pair.a.dial(&B.at(9));
    let named = pair.a.dial(&B.at(9).with(Part::P2p(key(7))));
    let other = pair.a.dial(&B.at(9).with(Part::P2p(key(8))));
    let for_a_while = pair.a.dial(&B.at(9).with(Part::P2p(key(9))));
    pair.settle();
    pair.a.swarm.lists_mut().deny_network(network("10.0.0.3/32")).unwrap();
    pair.settle();
    pair.a.expect(NONE);
    // Of the dials, that one ends which names the peer.
    pair.a.swarm.lists_mut().deny_peer(key(7)).unwrap();
    assert_eq!(pair.a.swarm.poll_at(), Some(pair.now), "it asks for a turn");
    pair.settle();
    pair.a.expect(&[format!("connect_failed {named} denied")]);
    assert_eq!(pair.a.causes, [format!("{named}: the lists deny its peer")]);
    let until = pair.now + secs(60);
    assert!(pair.a.swarm.lists_mut().deny_peer_until(key(9), until));
    pair.settle();
    pair.a.expect(&[format!("connect_failed {for_a_while} denied")]);
    pair.a.swarm.lists_mut().deny_network(network("10.0.0.9/32")).unwrap();
    pair.settle();
    pair.a.expect(NONE);
    pair.a.swarm.lists_mut().deny_network(network("10.0.0.2/32")).unwrap();
    pair.settle();
    let mut log = pair.a.take_log();
    log.sort();
    assert_eq!(log, [format!("connect_failed {id} denied"), format!("connect_failed {other} denied")]);
    pair.end_quietly();
}

/// From its first packet to its last word before it is open, a dial ends as soon as the peer that it names is denied.
fn a_dial_is_given_up_however_far_its_handshake_has_come<const EVENTS: usize>(shape: Shape) {
    let mut steps = 0;
    loop {
        let mut pair = Pair::<EVENTS>::new(Shape { swapped: false, ..shape.for_much() });
        let address = pair.listens().with(Part::P2p(key(B.0)));
        let id = pair.a.dial(&address);
        for _ in 0..steps {
            pair.one_step();
        }
        let is_open = pair.a.swarm.counters().connections.outbound.opened == 1;
        pair.a.swarm.lists_mut().deny_peer(key(B.0)).unwrap();
        pair.a.something_happened();
        // No further packet is needed.
        pair.a.turn(pair.now);
        let told = pair.a.swarm.counters().connections.outbound;
        assert_eq!((told.open, told.failed), (0, u64::from(!is_open)), "after {steps} steps");
        pair.settle();
        let log = pair.a.take_log();
        let last = if is_open { "disconnected" } else { "connect_failed" };
        assert_eq!(log.last(), Some(&format!("{last} {id} denied")), "after {steps} steps");
        pair.end_quietly();
        if is_open {
            break;
        }
        steps += 1;
    }
    assert!(steps > 4, "there are some steps on the way");
}

fn a_connection_that_waits_for_room_is_denied<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, |_| {});
    let mut callers: Vec<_> = [3, 4]
        .map(|key| {
            let mut dial = RawDial::new(&pair.network, 3, &A.at(4001));
            pair.settle();
            let mut pipe = dial.pipe().unwrap();
            let (greeting, said) = Greeting::begin(key);
            pipe.give(&said);
            pair.settle();
            (pipe, greeting)
        })
        .into();
    // Both are let in at the door. Nobody drains, so that with a queue for one event the second waits in line.
    pair.a.drains = 0;
    for (pipe, greeting) in &mut callers {
        let (said, _) = greeting.hear(&pipe.take()).unwrap();
        pipe.give(&said);
        pair.settle();
    }
    let waiting = pair.a.swarm.connections().count() - pair.a.swarm.counters().connections.inbound.opened as usize;
    assert_eq!(waiting, usize::from(EVENTS == 1));
    let lists = pair.a.swarm.lists_mut();
    lists.deny_peer(key(3)).unwrap();
    lists.deny_peer(key(4)).unwrap();
    pair.settle();
    pair.a.drains = usize::MAX;
    pair.a.something_to_drain();
    pair.settle();
    let log = pair.a.take_log();
    let second = if EVENTS == 1 { "connect_failed c1.1 denied" } else { "disconnected c1.1 denied" };
    assert!(["disconnected c0.1 denied", second].iter().all(|line| log.iter().any(|told| told == line)), "{log:?}");
    // It had an id by then, and is counted all the same.
    assert_eq!(refused(&pair, Refusal::ConnectionDenied), u64::from(EVENTS == 1));
    ends(pair, callers);
}

fn one_that_is_being_closed_keeps_its_reason<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let (ca, _) = pair.connected();
    pair.network.set(|knobs| knobs.black_hole(0));
    let peer = pair.b.swarm.local_peer();
    pair.a.swarm.close_connection(ca).unwrap();
    pair.settle();
    pair.a.swarm.lists_mut().deny_peer(peer).unwrap();
    pair.settle();
    pair.a.expect(&[format!("disconnected {ca} requested")]);
    closes_at_once(&pair.a);
    pair.end_quietly();
}

fn closes_at_once<const EVENTS: usize>(side: &Side<SimTransport, EVENTS>) {
    assert_eq!(side.swarm.connections().count(), 0);
}
