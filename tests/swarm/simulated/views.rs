//! What is looked up of a connection and of a stream beside how far their lives have come: addresses, age, round-trip time,
//! bytes, windows.

use crate::simulated::{millis, secs};
use crate::support::sim::{B, ECHO, Pair, Shape, everywhere};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use swarm_notify::connection::yamux::INITIAL_WINDOW;
use swarm_notify::lifecycle::Event;

everywhere! {
    a_connection_has_its_age_and_the_round_trip_of_its_handshake,
    an_answered_ping_of_the_muxer_replaces_the_round_trip,
    what_a_protocol_measures_replaces_the_round_trip,
    each_byte_that_one_side_sends_the_other_has_received,
    an_ended_connection_keeps_its_figures_until_that_is_handled,
    an_accepted_connection_knows_where_it_came_to,
    a_stream_has_its_age,
    a_stream_tells_how_full_its_windows_are,
    a_small_window_is_as_large_as_every_peer_assumes_at_first,
    a_stream_that_waits_for_its_place_has_no_windows,
}

/// How long a piece is under way unless a test says otherwise.
const LATENCY: Duration = millis(10);
const WINDOW: usize = INITIAL_WINDOW as usize;

fn a_connection_has_its_age_and_the_round_trip_of_its_handshake<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.wait(secs(5));
    let address = pair.listens();
    pair.network.set(|knobs| knobs.latency(millis(50)));
    let began = pair.now;
    let dialer = if shape.swapped { &mut pair.b } else { &mut pair.a };
    let id = dialer.dial(&address);
    assert_eq!(dialer.swarm.connection(id).unwrap().age, Duration::ZERO, "no turn has heard of it");
    assert_eq!(dialer.swarm.connection(id).unwrap().round_trip, None);
    pair.settle();
    for side in [&mut pair.a, &mut pair.b] {
        assert_eq!(side.unexpected(), 1);
        let id = side.swarm.connections().last().unwrap();
        assert_eq!(side.swarm.connection(id).unwrap().round_trip, Some(millis(100)), "{}", side.name);
    }
    pair.wait(secs(3));
    let now = pair.now;
    let [dialer, listener] = if shape.swapped { [&mut pair.b, &mut pair.a] } else { [&mut pair.a, &mut pair.b] };
    let age = |side: &mut crate::support::sim::Side<_, EVENTS>| {
        let id = side.swarm.connections().last().unwrap();
        let before = side.swarm.connection(id).unwrap().age;
        side.swarm.tick(now);
        let after = side.swarm.connection(id).unwrap().age;
        assert!(before <= after, "it is as of the latest time that was given");
        after
    };
    assert_eq!(age(dialer), now - began);
    let accepted = age(listener);
    assert!(secs(3) < accepted && accepted <= now - began, "{accepted:?}");
    pair.end_quietly();
}

fn an_answered_ping_of_the_muxer_replaces_the_round_trip<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let (ca, cb) = pair.connected();
    let measured = |pair: &Pair<EVENTS>| {
        [&pair.a.swarm.connection(ca).unwrap().round_trip, &pair.b.swarm.connection(cb).unwrap().round_trip]
            .map(|measured| measured.unwrap())
    };
    assert_eq!(measured(&pair), [millis(20); 2]);
    pair.network.set(|knobs| knobs.latency(millis(80)));
    let interval = pair.a.swarm.config().connection.keep_alive_interval;
    pair.wait(interval - secs(1));
    assert_eq!(measured(&pair), [millis(20); 2], "nobody was silent for long enough");
    pair.wait(secs(2));
    // Who is asked first need not ask itself.
    let measured = measured(&pair);
    assert!(measured.contains(&millis(160)), "{measured:?}");
    assert!(measured.iter().all(|measured| [millis(160), millis(20)].contains(measured)), "{measured:?}");
    pair.end_quietly();
}

fn what_a_protocol_measures_replaces_the_round_trip<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let (ca, cb) = pair.connected();
    pair.a.swarm.note_round_trip(ca, millis(33));
    assert_eq!(pair.a.swarm.connection(ca).unwrap().round_trip, Some(millis(33)));
    assert_eq!(pair.b.swarm.connection(cb).unwrap().round_trip, Some(2 * LATENCY));
    pair.a.swarm.abort_connection(ca).unwrap();
    pair.a.swarm.note_round_trip(ca, millis(44));
    assert_eq!(pair.a.swarm.connection(ca).unwrap().round_trip, Some(millis(33)), "it is over");
    pair.settle();
    pair.end_quietly();
}

fn each_byte_that_one_side_sends_the_other_has_received<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape.for_much());
    let link = pair.link();
    let bytes = |pair: &Pair<EVENTS>| {
        let (a, b) = (pair.a.swarm.connection(link.ca).unwrap(), pair.b.swarm.connection(link.cb).unwrap());
        assert_eq!((a.sent, a.received), (b.received, b.sent));
        [a.sent, a.received]
    };
    let handshake = bytes(&pair);
    assert!(handshake.iter().all(|bytes| (100..1_000).contains(bytes)), "{handshake:?}");
    pair.a.send(link.sa, &[7; 100_000]);
    pair.b.send(link.sb, &[8; 1_000]);
    pair.settle();
    let both = bytes(&pair);
    assert!((100_000..102_000).contains(&(both[0] - handshake[0])), "{both:?}");
    assert!((1_000..2_000).contains(&(both[1] - handshake[1])), "{both:?}");
    pair.end_quietly();
}

fn an_ended_connection_keeps_its_figures_until_that_is_handled<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    let view = pair.a.swarm.connection(link.ca).unwrap();
    let before = (view.round_trip, view.sent, view.received);
    let last = Rc::new(RefCell::new((None, None)));
    let seen = last.clone();
    pair.a.note = Some(Box::new(move |swarm, event| match event {
        Event::Disconnected { connection, .. } => {
            let view = swarm.connection(connection).unwrap();
            seen.borrow_mut().1 = Some((view.round_trip, view.sent, view.received, view.age));
        }
        Event::ClosedStream { stream, .. } => seen.borrow_mut().0 = Some(swarm.stream(stream).unwrap().age),
        Event::Listen { .. }
        | Event::ListenFailed { .. }
        | Event::ListenClose { .. }
        | Event::Connected { .. }
        | Event::ConnectFailed { .. }
        | Event::OpenedStream { .. }
        | Event::StreamFailed { .. } => {}
    }));
    pair.wait(secs(1));
    pair.a.swarm.close_connection(link.ca).unwrap();
    pair.settle();
    let (stream, connection) = last.take();
    let (round_trip, sent, received, age) = connection.expect("it was told");
    assert_eq!(round_trip, before.0);
    assert!(sent > before.1 && received >= before.2, "our go-away is counted");
    assert!(age >= secs(1), "{age:?}");
    assert!(stream.is_some_and(|stream| secs(1) <= stream && stream < age), "{stream:?} and {age:?}");
    pair.end_quietly();
}

fn an_accepted_connection_knows_where_it_came_to<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let (ca, cb) = pair.connected();
    let [dialed, accepted] = match shape.swapped {
        true => [pair.b.swarm.connection(cb), pair.a.swarm.connection(ca)],
        false => [pair.a.swarm.connection(ca), pair.b.swarm.connection(cb)],
    };
    let (dialed, accepted) = (dialed.unwrap(), accepted.unwrap());
    assert_eq!(accepted.local, Some(dialed.remote));
    assert_eq!(dialed.local, None, "the simulated reactor does not say");
    if !shape.swapped {
        assert_eq!(dialed.remote, &B.at(4000));
    }
    pair.end_quietly();
}

fn a_stream_has_its_age<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.wait(secs(7));
    let on = pair.connected();
    pair.wait(secs(2));
    let now = pair.now;
    pair.a.turn(now);
    let (sa, sb) = pair.stream(on);
    assert_eq!(pair.now - now, 2 * LATENCY, "the proposal, and the answer");
    pair.wait(millis(1_234));
    let now = pair.now;
    for side in [&mut pair.a, &mut pair.b] {
        side.turn(now);
    }
    // It is exact to a 64th of a second.
    let is_about = |told: Duration, age: Duration| told <= age + millis(16) && told + millis(16) >= age;
    assert!(is_about(pair.a.swarm.stream(sa).unwrap().age, 2 * LATENCY + millis(1_234)));
    assert!(is_about(pair.b.swarm.stream(sb).unwrap().age, LATENCY + millis(1_234)));
    pair.end_quietly();
}

fn a_stream_tells_how_full_its_windows_are<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape.for_much());
    pair.b.reads = false;
    let windows = |pair: &Pair<EVENTS>| {
        let (a, b) = (pair.a.swarm.stream(link.sa).unwrap(), pair.b.swarm.stream(link.sb).unwrap());
        (WINDOW - a.send_window, b.unread, b.receive_window)
    };
    let negotiation = windows(&pair).0;
    assert!(0 < negotiation && negotiation < 100, "what negotiates takes of the window, too: {negotiation}");
    assert_eq!(windows(&pair), (negotiation, 0, WINDOW));
    pair.a.send(link.sa, &[7; 1_000]);
    pair.settle();
    assert_eq!(windows(&pair), (negotiation + 1_000, 1_000, WINDOW));
    pair.a.send(link.sa, &vec![7; 2 * WINDOW]);
    pair.settle();
    assert_eq!(windows(&pair), (WINDOW, WINDOW - negotiation, WINDOW), "the window is full");
    assert!(pair.a.swarm.stream(link.sa).unwrap().sent >= WINDOW as u64 - negotiation as u64);
    pair.b.reads = true;
    pair.b.read_all(link.sb);
    assert_eq!(pair.b.swarm.stream(link.sb).unwrap().unread, 0);
    pair.settle();
    assert_eq!(pair.b.received(link.sb).len(), 1_000 + 2 * WINDOW);
    let view = pair.b.swarm.stream(link.sb).unwrap();
    assert_eq!(view.unread, 0);
    assert!(view.receive_window >= WINDOW, "it may have grown");
    pair.end_quietly();
}

fn a_small_window_is_as_large_as_every_peer_assumes_at_first<const EVENTS: usize>(shape: Shape) {
    let small = 64 * 1024;
    let mut pair = Pair::<EVENTS>::with(
        shape.for_much(),
        |_| {},
        |config| {
            let yamux = &mut config.connection.yamux;
            (yamux.receive_window, yamux.max_receive_window) = (small, small);
        },
    );
    let link = pair.link();
    pair.b.reads = false;
    pair.a.send(link.sa, &vec![7; 2 * WINDOW]);
    pair.settle();
    let view = pair.b.swarm.stream(link.sb).unwrap();
    assert_eq!(view.receive_window, WINDOW);
    assert!(small as usize * 3 < view.unread && view.unread <= view.receive_window, "{}", view.unread);
    pair.b.reads = true;
    pair.b.read_all(link.sb);
    pair.settle();
    assert_eq!(pair.b.swarm.stream(link.sb).unwrap().receive_window, small as usize);
    pair.end_quietly();
}

fn a_stream_that_waits_for_its_place_has_no_windows<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::with(shape, |config| config.connection.yamux.ack_backlog = 1, |_| {});
    let (ca, _) = pair.connected();
    let first = pair.a.open(ca, &[ECHO]);
    let second = pair.a.open(ca, &[ECHO]);
    let windows = |pair: &Pair<EVENTS>, id| {
        let view = pair.a.swarm.stream(id).unwrap();
        (view.send_window > 0, view.receive_window > 0)
    };
    assert_eq!((windows(&pair, first), windows(&pair, second)), ((true, true), (false, false)));
    pair.settle();
    assert_eq!(windows(&pair, second), (true, true));
    assert!(pair.a.unexpected() == 2 && pair.b.unexpected() == 2);
    pair.end_quietly();
}
