//! All connections of a peer, closed in one command.

use crate::simulated::secs;
use crate::support::sim::{A, B, ECHO, ECHO_LINES, Pair, Raw, SYN, Shape, data, everywhere, go_away};
use std::cell::Cell;
use std::rc::Rc;
use swarm_notify::identity::{Keypair, PeerId};
use swarm_notify::lifecycle::{Event, State, StreamId};
use swarm_notify::swarm::multiaddr::Protocol;

everywhere! {
    all_that_are_open_end_politely_and_those_of_others_stay,
    a_dial_is_given_up_if_it_names_the_peer,
    one_that_waits_for_room_to_open_is_given_up,
    one_that_the_peer_is_leaving_ends_with_its_reason,
    those_that_are_closing_are_left_alone,
    it_can_be_called_where_an_opening_is_told,
    of_a_peer_without_connections_it_closes_nothing,
}

const NONE: &[&str] = &[];

/// Who has this secret.
fn peer_of(secret: u8) -> PeerId {
    Keypair::ed25519_from_bytes([secret; 32]).unwrap().public().to_peer_id()
}

fn peers<const EVENTS: usize>(pair: &Pair<EVENTS>) -> (PeerId, PeerId) {
    (pair.a.swarm.local_peer(), pair.b.swarm.local_peer())
}

fn all_that_are_open_end_politely_and_those_of_others_stay<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let address = pair.listens();
    let connections = [(); 3].map(|()| pair.connected_at(&address));
    let (stream, accepted) = pair.stream(connections[1]);
    let (raw, other) = Raw::connect(&mut pair);
    pair.a.send(stream, b"written before");
    let (_, b) = peers(&pair);
    assert_eq!(pair.a.swarm.disconnect_peer(b), 3);
    assert!(connections.iter().all(|(on_a, _)| pair.a.swarm.connection(*on_a).unwrap().state == State::Leaving));
    let began = pair.now;
    pair.settle();
    assert!(pair.now - began < secs(1), "nothing is waited for");
    let (mut at_a, mut at_b) = (pair.a.take_log(), pair.b.take_log());
    for (log, reason) in [(&mut at_a, "requested"), (&mut at_b, "remote(go_away(0))")] {
        let mut expected: Vec<_> = (0..3).map(|n| format!("disconnected c{n}.1 {reason}")).collect();
        expected.push("closed_stream c1.1/s0.1 connection_closed".to_owned());
        expected.sort();
        log.sort();
        assert_eq!(*log, expected);
    }
    assert_eq!(pair.b.received(accepted), b"written before");
    assert_eq!(pair.a.swarm.connection(other).unwrap().state, State::Open, "it is another peer's");
    drop(raw);
    pair.settle();
    pair.end_quietly();
}

fn a_dial_is_given_up_if_it_names_the_peer<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    // Nobody answers there.
    pair.network.set(|knobs| knobs.silent((2, 9)));
    let (a, b) = peers(&pair);
    let named = pair.a.dial(&B.at(9).with(Protocol::P2p(b)));
    let of_another = pair.a.dial(&B.at(9).with(Protocol::P2p(peer_of(7))));
    let unnamed = pair.a.dial(&B.at(9));
    pair.settle();
    assert_eq!((pair.a.swarm.disconnect_peer(b), pair.a.swarm.disconnect_peer(b)), (1, 0));
    assert_eq!(pair.a.swarm.disconnect_peer(a), 0);
    pair.settle();
    pair.a.expect(&[format!("connect_failed {named} requested")]);
    for id in [of_another, unnamed] {
        assert_eq!(pair.a.swarm.connection(id).unwrap().state, State::Opening);
    }
    pair.end_quietly();
}

fn one_that_waits_for_room_to_open_is_given_up<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let (on_a, on_b) = pair.connected();
    pair.a.listen(&A.at(1));
    pair.settle();
    pair.a.take_log();
    // Nothing opens at `b` any more.
    pair.b.drains = 0;
    for _ in 0..EVENTS {
        pair.a.open(on_a, &[ECHO]);
    }
    pair.settle();
    let dialed = pair.b.dial(&A.at(1));
    pair.settle();
    let (a, _) = peers(&pair);
    let view = pair.b.swarm.connection(dialed).unwrap();
    assert_eq!((view.peer, view.state), (Some(a), State::Opening), "the handshake has named it");
    assert_eq!(pair.b.swarm.disconnect_peer(a), 2);
    let states = [on_b, dialed].map(|id| pair.b.swarm.connection(id).unwrap().state);
    assert_eq!(states, [State::Leaving, State::Ended]);
    pair.b.drains = usize::MAX;
    pair.b.drain(pair.now);
    pair.settle();
    let log = pair.b.take_log();
    assert!(log.contains(&format!("connect_failed {dialed} requested")), "{log:?}");
    assert!(log.contains(&format!("disconnected {on_b} requested")), "{log:?}");
    pair.end_quietly();
}

/// A raw peer that has begun a stream, said go-away 0, and goes on.
fn leaving<const EVENTS: usize>(shape: Shape) -> (Pair<EVENTS>, Raw, StreamId) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let (mut raw, connection) = Raw::connect(&mut pair);
    raw.say(&[data(SYN, 1, ECHO_LINES), go_away()]);
    pair.settle();
    pair.a.expect(&["opened_stream c0.1/s0.1 inbound /echo/1.0.0"]);
    assert_eq!(pair.a.swarm.connection(connection).unwrap().state, State::Leaving);
    let stream = pair.a.swarm.streams_of(connection).next().unwrap();
    (pair, raw, stream)
}

fn one_that_the_peer_is_leaving_ends_with_its_reason<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut raw, stream) = leaving::<EVENTS>(shape);
    pair.a.send(stream, b"answer");
    assert_eq!((pair.a.swarm.disconnect_peer(peer_of(3)), pair.a.swarm.disconnect_peer(peer_of(3))), (1, 0));
    pair.settle();
    assert_eq!(raw.stream(1).0.strip_prefix(ECHO_LINES), Some(&b"answer"[..]));
    assert!(raw.has_ended);
    raw.end();
    pair.settle();
    pair.a.expect(&["closed_stream c0.1/s0.1 connection_closed", "disconnected c0.1 remote(go_away(0))"]);
    drop(raw);
    pair.end_quietly();
}

fn those_that_are_closing_are_left_alone<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let address = pair.listens();
    let connections = [(); 3].map(|()| pair.connected_at(&address));
    let (_, b) = peers(&pair);
    pair.a.swarm.close_connection(connections[0].0).unwrap();
    pair.a.swarm.abort_connection(connections[1].0).unwrap();
    assert_eq!(pair.a.swarm.disconnect_peer(b), 1);
    pair.settle();
    let mut log = pair.a.take_log();
    log.sort();
    assert_eq!(log, [0, 1, 2].map(|n| format!("disconnected c{n}.1 requested")));
    pair.end_quietly();
}

fn it_can_be_called_where_an_opening_is_told<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let address = pair.listens();
    let (_, b) = peers(&pair);
    let closed = Rc::new(Cell::new(0));
    let count = closed.clone();
    pair.a.react = Some(Box::new(move |swarm, _, event| {
        if let Event::Connected { connection } | Event::Disconnected { connection, .. } = event {
            let peer = swarm.connection(connection).unwrap().peer.unwrap();
            count.set(count.get() + swarm.disconnect_peer(peer));
        }
    }));
    for _ in 0..3 {
        match shape.swapped {
            true => _ = pair.b.dial(&address),
            false => _ = pair.a.dial(&address.clone().with(Protocol::P2p(b))),
        }
    }
    pair.settle();
    let log = pair.a.take_log();
    // Of ours those fail that are not open yet when the first is told.
    assert_eq!(log.iter().filter(|line| line.ends_with("requested")).count(), 3, "{log:?}");
    assert!(log.iter().any(|line| line.starts_with("disconnected")), "{log:?}");
    assert_eq!(closed.get(), 3, "each once");
    pair.end_quietly();
}

fn of_a_peer_without_connections_it_closes_nothing<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let (_, b) = peers(&pair);
    assert_eq!(pair.a.swarm.disconnect_peer(b), 0);
    pair.connected();
    assert_eq!(pair.a.swarm.disconnect_peer(peer_of(7)), 0);
    pair.settle();
    pair.a.expect(NONE);
    pair.a.swarm.shutdown();
    assert_eq!(pair.a.swarm.disconnect_peer(b), 1, "a shutdown has begun, and has not come to it");
    pair.end_quietly();
}
