//! Refusals: what a peer is refused without an id is counted, and told at most once a second for each kind, to an owner who
//! sleeps, too.

use crate::simulated::{millis, secs};
use crate::support::raw_frames::{ECHO_LINES, GO_AWAY, SYN, data};
use crate::support::sim::{Pair, Raw, Shape, everywhere};
use std::cell::RefCell;
use std::rc::Rc;
use swarm_notify::lifecycle::{Event, Fault, Id};
use swarm_notify::swarm::{CloseError, Config, Readiness, Refusal, RefusedAt};

everywhere! {
    ten_thousand_refusals_in_a_second_are_told_twice,
    nothing_is_told_outside_the_life_of_a_connection,
    a_connection_whose_peer_is_to_blame_ends_at_once,
    one_that_is_being_closed_keeps_its_reason,
}

/// What was told of refusals, taken out of what else was ready.
fn told<const EVENTS: usize>(pair: &mut Pair<EVENTS>) -> Vec<(RefusedAt, Refusal, u64)> {
    let ready = std::mem::take(&mut pair.a.ready);
    let refused = ready.into_iter().filter_map(|ready| {
        let Readiness::Refused { of, kind, count } = ready else { return None };
        Some((of, kind, count))
    });
    refused.collect()
}

fn ten_thousand_refusals_in_a_second_are_told_twice<const EVENTS: usize>(shape: Shape) {
    const FRAMES: u32 = 500;
    let shape = shape.for_much();
    let bounds = |a: &mut Config| {
        a.limits.streams_per_connection = 0;
        // The peer may do as it likes.
        a.connection.yamux.max_empty_frames = u32::MAX;
    };
    let mut pair = Pair::<EVENTS>::with(shape, bounds, |_| {});
    let (mut raw, connection) = Raw::connect(&mut pair);
    let began = pair.now;
    for turn in 0..20 {
        let first = turn * FRAMES * 2 + 1;
        let frames: Vec<_> = (0..FRAMES).map(|n| data(SYN, first + 2 * n, ECHO_LINES)).collect();
        raw.say(&frames);
        pair.settle();
        raw.hear();
        pair.wait(millis(1));
    }
    assert!(pair.now - began < secs(1), "{:?}", pair.now - began);
    let [(.., within)] = told(&mut pair)[..] else { panic!("the first ones are told at once, and no others") };
    // Nobody comes but for the deadline.
    pair.wait(secs(2));
    let rest = told(&mut pair);
    let at = RefusedAt::from(connection);
    assert_eq!(rest, [(at, Refusal::StreamLimit, 10_000 - within)]);
    pair.wait(secs(5));
    assert_eq!(told(&mut pair), []);
    assert_eq!(pair.a.swarm.refused_at(connection, Refusal::StreamLimit), 10_000);
    assert_eq!(pair.a.swarm.refused(Refusal::StreamLimit), 10_000);
    drop(raw);
    pair.end_quietly();
}

fn nothing_is_told_outside_the_life_of_a_connection<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let address = pair.listens();
    pair.a.drains = 0;
    let dialer = if shape.swapped { &mut pair.b } else { &mut pair.a };
    dialer.dial(&address);
    pair.settle();
    let connection = pair.a.swarm.connections().next().unwrap();
    pair.a.swarm.count_refusals(connection, Refusal::MessageInvalid, 3);
    assert_eq!(pair.a.swarm.next_ready(), None, "nobody has been told of the connection");
    pair.a.drains = usize::MAX;
    pair.a.drain(pair.now);
    assert_eq!(told(&mut pair), [(connection.into(), Refusal::MessageInvalid, 3)]);
    // Within the second, and the connection ends before that is over.
    pair.a.swarm.count_refusals(connection, Refusal::MessageInvalid, 4);
    let counts = Rc::new(RefCell::new(Vec::new()));
    let noted = counts.clone();
    pair.a.note = Some(Box::new(move |swarm, event| {
        if event.is_last()
            && let Id::Connection(id) = event.id()
        {
            noted.borrow_mut().push(swarm.refused_at(id, Refusal::MessageInvalid));
        }
    }));
    pair.a.swarm.abort_connection(connection).unwrap();
    pair.settle();
    pair.wait(secs(3));
    assert_eq!((told(&mut pair), counts.take()), (vec![], vec![7]), "it can be looked up at the end");
    pair.a.swarm.count_refusals(connection, Refusal::MessageInvalid, 5);
    assert_eq!(pair.a.swarm.refused_at(connection, Refusal::MessageInvalid), 0, "nothing is kept of who has left");
    assert_eq!(pair.a.swarm.refused(Refusal::MessageInvalid), 12, "but in the totals");
    pair.wait(secs(3));
    assert_eq!(told(&mut pair), []);
    pair.end_quietly();
}

fn a_connection_whose_peer_is_to_blame_ends_at_once<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let (mut raw, connection) = Raw::connect(&mut pair);
    pair.a.swarm.fail_connection(connection, Fault::Flood).unwrap();
    assert_eq!(pair.a.swarm.fail_connection(connection, Fault::Flood), Err(CloseError::Ended));
    pair.settle();
    pair.a.expect(&[format!("disconnected {connection} failed(flood)")]);
    assert_eq!(pair.a.swarm.fail_connection(connection, Fault::Flood), Err(CloseError::Stale));
    let heard = raw.hear();
    assert!(heard.iter().any(|frame| (frame.kind, frame.length) == (GO_AWAY, 1)), "{heard:?}");
    assert!(raw.has_ended);
    drop(raw);
    pair.end_quietly();
}

fn one_that_is_being_closed_keeps_its_reason<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let (raw, connection) = Raw::connect(&mut pair);
    pair.a.swarm.close_connection(connection).unwrap();
    pair.a.swarm.fail_connection(connection, Fault::Flood).unwrap();
    pair.settle();
    pair.a.expect(&[format!("disconnected {connection} requested")]);
    // A dial that is under way has failed of it.
    let dialed = pair.a.dial(&crate::support::sim::B.at(9));
    pair.a.swarm.fail_connection(dialed, Fault::Flood).unwrap();
    pair.settle();
    pair.a.expect(&[format!("connect_failed {dialed} limit")]);
    drop(raw);
    pair.end_quietly();
}

#[test]
fn a_listeners_refusals_are_told_apart_from_a_connections() {
    let mut pair = Pair::<256>::with(
        Shape { cut: crate::support::sim::Cut::Whole, mode: crate::support::sim::Mode::Sleep, swapped: false },
        |_| {},
        |b| b.limits.connections = 1,
    );
    let address = pair.listens();
    pair.connected_at(&address);
    for _ in 0..3 {
        pair.a.dial(&address);
        pair.settle();
    }
    pair.wait(secs(2));
    let listener = pair.b.listening[0];
    let told: Vec<_> =
        pair.b.ready.iter().filter(|ready| matches!(ready, Readiness::Refused { .. })).copied().collect();
    let refused = |count| Readiness::Refused { of: listener.into(), kind: Refusal::ConnectionLimit, count };
    assert_eq!(told, [refused(1), refused(2)]);
    assert_eq!(pair.b.swarm.refused_at(listener, Refusal::ConnectionLimit), 3);
    assert!(matches!(pair.a.next_event(pair.now), None | Some(Event::ConnectFailed { .. })));
    pair.end_quietly();
}
