//! Listeners: closed alone, refused, broken, bound again at once, with addresses that come and go.

use crate::simulated::millis;
use crate::support::sim::{A, B, Pair, Shape, everywhere};
use std::io;
use swarm_notify::lifecycle::{Event, State};
use swarm_notify::swarm::{CloseError, ListenError, Readiness};

everywhere! {
    one_is_closed_alone_among_several,
    a_port_that_is_taken_is_a_failure,
    an_address_that_cannot_be_bound_is_a_failure,
    the_port_can_be_bound_again_while_its_close_is_told,
    closed_before_it_was_bound_it_has_failed,
    it_is_closed_once_the_transport_says_so,
    binding_that_fails_later_has_the_same_words,
    closed_before_its_first_address_it_has_failed,
    closed_while_it_waits_for_room_it_has_failed,
    broken_by_its_transport_it_is_told,
    its_addresses_come_and_go_and_it_can_end_without_any,
    new_addresses_are_told_between_listen_and_listen_close,
    beyond_the_limit_the_command_is_refused,
}

fn one_is_closed_alone_among_several<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let ids = [1, 2, 3].map(|port| pair.a.listen(&A.at(port)));
    pair.settle();
    pair.a.expect(&["listen l0.1", "listen l1.1", "listen l2.1"]);
    pair.b.dial(&A.at(2));
    pair.settle();
    pair.a.expect(&["connected c0.1 inbound"]);
    pair.b.expect(&["connected c0.1 outbound"]);
    pair.a.swarm.close_listener(ids[1]).unwrap();
    pair.settle();
    pair.a.expect(&["listen_close l1.1 requested"]);
    pair.b.dial(&A.at(2));
    pair.b.dial(&A.at(3));
    pair.settle();
    pair.a.expect(&["connected c1.1 inbound"]);
    pair.b.expect(&["connect_failed c1.1 refused", "connected c2.1 outbound"]);
    pair.end(
        &[
            "listen_close l0.1 shutdown",
            "listen_close l2.1 shutdown",
            "disconnected c0.1 shutdown",
            "disconnected c1.1 shutdown",
        ],
        &["disconnected c0.1 remote(go_away(0))", "disconnected c2.1 remote(go_away(0))"],
    );
}

fn a_port_that_is_taken_is_a_failure<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.a.listen(&A.at(1));
    pair.a.listen(&A.at(1));
    pair.a.listen(&A.at(2));
    pair.settle();
    pair.a.expect(&["listen l0.1", "listen_failed l1.1 address_in_use", "listen l2.1"]);
    pair.end(&["listen_close l0.1 shutdown", "listen_close l2.1 shutdown"], &[] as &[&str]);
}

fn an_address_that_cannot_be_bound_is_a_failure<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.a.listen(&B.at(1));
    pair.a.listen(&"/memory/1".parse().unwrap());
    pair.settle();
    pair.a.expect(&["listen_failed l0.1 address_not_available", "listen_failed l1.1 unsupported"]);
    pair.end(&[] as &[&str], &[] as &[&str]);
}

fn the_port_can_be_bound_again_while_its_close_is_told<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let id = pair.a.listen(&A.at(1));
    pair.settle();
    pair.a.expect(&["listen l0.1"]);
    pair.a.react = Some(Box::new(|swarm, checker, event| {
        if let Event::ListenClose { .. } = event
            && let Ok(again) = swarm.listen(A.at(1))
        {
            checker.begins(again.into(), None);
        }
    }));
    pair.a.swarm.close_listener(id).unwrap();
    pair.settle();
    pair.a.expect(&["listen_close l0.1 requested", "listen l1.1"]);
    pair.end(&["listen_close l1.1 shutdown"], &[] as &[&str]);
}

fn closed_before_it_was_bound_it_has_failed<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.settle();
    let id = pair.a.listen(&A.at(1));
    pair.a.swarm.close_listener(id).unwrap();
    pair.settle();
    pair.a.expect(&["listen_failed l0.1 requested"]);
    assert_eq!(pair.a.swarm.close_listener(id), Err(CloseError::Stale));
    pair.end(&[] as &[&str], &[] as &[&str]);
}

fn it_is_closed_once_the_transport_says_so<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.network.set(|knobs| knobs.closes_late());
    let id = pair.a.listen(&A.at(1));
    pair.settle();
    pair.a.expect(&["listen l0.1"]);
    pair.a.swarm.close_listener(id).unwrap();
    pair.a.swarm.close_listener(id).unwrap();
    pair.wait(millis(9));
    pair.a.expect::<&str>(&[]);
    assert_eq!(pair.a.swarm.listener(id).unwrap().state, State::Leaving);
    pair.wait(millis(1));
    pair.a.expect(&["listen_close l0.1 requested"]);
    pair.end(&[] as &[&str], &[] as &[&str]);
}

fn broken_by_its_transport_it_is_told<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.a.listen(&A.at(1));
    pair.a.listen(&A.at(2));
    pair.settle();
    pair.a.expect(&["listen l0.1", "listen l1.1"]);
    pair.network.set(|knobs| knobs.listener_error((1, 1), io::ErrorKind::Other));
    pair.settle();
    pair.a.expect::<&str>(&[]);
    pair.network.set(|knobs| knobs.break_listener((1, 1), io::ErrorKind::Other));
    pair.settle();
    pair.a.expect(&["listen_close l0.1 failed(io)"]);
    pair.end(&["listen_close l1.1 shutdown"], &[] as &[&str]);
}

fn its_addresses_come_and_go_and_it_can_end_without_any<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let listener = pair.a.listen(&A.at(1));
    pair.settle();
    for (address, is_there, then) in [
        (A.at(6), true, vec![A.at(1), A.at(6)]),
        (A.at(1), false, vec![A.at(6)]),
        (A.at(6), false, vec![]),
        (A.at(7), true, vec![A.at(7)]),
        (A.at(7), false, vec![]),
    ] {
        pair.network.set(|knobs| knobs.address((1, 1), address, is_there));
        pair.settle();
        assert_eq!(pair.a.swarm.listener(listener).unwrap().addresses, then);
        assert_eq!(std::mem::take(&mut pair.a.ready), [Readiness::Addresses { listener }]);
    }
    // What it has already, and what was never its own, is nothing new.
    for (address, is_there) in [(A.at(8), true), (A.at(8), true), (A.at(8), false)] {
        pair.network.set(|knobs| knobs.address((1, 1), address.clone(), is_there));
        pair.settle();
        assert_eq!(pair.a.swarm.listener(listener).unwrap().addresses, Vec::from_iter(is_there.then_some(address)));
    }
    assert_eq!(std::mem::take(&mut pair.a.ready), [Readiness::Addresses { listener }; 2]);
    // The account of what the transport owes is right: the swarm goes on accepting and pausing.
    pair.a.swarm.close_listener(listener).unwrap();
    pair.a.listen(&A.at(2));
    pair.settle();
    pair.a.expect(&["listen l0.1", "listen_close l0.1 requested", "listen l1.1"]);
    pair.end(&["listen_close l1.1 shutdown"], &[] as &[&str]);
}

fn new_addresses_are_told_between_listen_and_listen_close<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let listener = pair.a.listen(&A.at(1));
    // Delivered to the swarm, and nothing is drained.
    pair.a.swarm.tick(pair.now);
    let another = |pair: &mut Pair<EVENTS>, port| {
        pair.network.set(|knobs| knobs.address((1, 1), A.at(port), true));
        pair.a.swarm.tick(pair.now);
    };
    another(&mut pair, 6);
    assert_eq!(pair.a.next_event(pair.now), Some(Event::Listen { listener }));
    // Behind a full queue the transport is not asked.
    let known = if EVENTS == 1 { vec![A.at(1)] } else { vec![A.at(1), A.at(6)] };
    assert_eq!(pair.a.swarm.listener(listener).unwrap().addresses, known);
    assert_eq!(pair.a.swarm.next_ready(), None, "they were found when it was told");
    another(&mut pair, 7);
    assert_eq!(pair.a.swarm.next_ready(), Some(Readiness::Addresses { listener }));
    another(&mut pair, 8);
    pair.network.set(|knobs| knobs.break_listener((1, 1), io::ErrorKind::Other));
    pair.a.swarm.tick(pair.now);
    assert!(matches!(pair.a.next_event(pair.now), Some(Event::ListenClose { .. })));
    assert_eq!(pair.a.swarm.next_ready(), None, "not after its last event");
    pair.end_quietly();
}

fn beyond_the_limit_the_command_is_refused<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::with(shape, |a| a.limits.listeners = 1, |_| {});
    let id = pair.a.listen(&A.at(1));
    assert_eq!(pair.a.swarm.listen(A.at(2)), Err(ListenError::Limit));
    pair.settle();
    pair.a.swarm.close_listener(id).unwrap();
    pair.settle();
    pair.a.listen(&A.at(2));
    pair.settle();
    pair.a.expect(&["listen l0.1", "listen_close l0.1 requested", "listen l0.2"]);
    pair.a.swarm.shutdown();
    assert_eq!(pair.a.swarm.listen(A.at(3)), Err(ListenError::Closing));
    pair.end(&["listen_close l0.2 shutdown"], &[] as &[&str]);
}

/// Its first address and the wish to close it cross.
fn closed_before_its_first_address_it_has_failed<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.network.set(|knobs| knobs.binds_late());
    let id = pair.a.listen(&A.at(1));
    pair.settle();
    pair.a.expect::<&str>(&[]);
    pair.network.set(|knobs| knobs.address((1, 1), A.at(1), true));
    pair.a.swarm.close_listener(id).unwrap();
    pair.settle();
    pair.a.expect(&["listen_failed l0.1 requested"]);
    pair.end(&[] as &[&str], &[] as &[&str]);
}

fn closed_while_it_waits_for_room_it_has_failed<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::with(shape, |a| a.outbound_handshakes = 256, |_| {});
    let other = pair.a.listen(&A.at(1));
    pair.settle();
    pair.a.expect(&["listen l0.1"]);
    // The queue is full but for one place, which the end of the first takes.
    pair.a.drains = 0;
    for port in 0..EVENTS as u16 - 1 {
        pair.a.dial(&B.at(1 + port));
    }
    pair.settle();
    let id = pair.a.listen(&A.at(2));
    pair.network.set(|knobs| knobs.break_listener((1, 1), io::ErrorKind::Other));
    pair.settle();
    pair.a.swarm.close_listener(id).unwrap();
    assert_eq!(pair.a.swarm.close_listener(other), Err(CloseError::Ended));
    pair.a.drains = usize::MAX;
    pair.a.drain(pair.now);
    pair.settle();
    let log = pair.a.take_log();
    assert_eq!(log.len(), EVENTS + 1, "{log:?}");
    assert_eq!(log[EVENTS - 1..], ["listen_close l0.1 failed(io)", "listen_failed l1.1 requested"]);
    pair.end(&[] as &[&str], &[] as &[&str]);
}

fn binding_that_fails_later_has_the_same_words<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.network.set(|knobs| knobs.broken((1, 1), io::ErrorKind::AddrInUse));
    pair.a.listen(&A.at(1));
    pair.a.listen(&A.at(2));
    pair.settle();
    pair.a.expect(&["listen_failed l0.1 address_in_use", "listen l1.1"]);
    pair.end(&["listen_close l1.1 shutdown"], &[] as &[&str]);
}
