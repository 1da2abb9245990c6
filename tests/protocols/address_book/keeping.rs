//! A peer is kept connected.

use super::{Desk, at, millis, peer, secs};
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionEnd, Failure, Fault, RemoteEnd};
use swarm_notify::notifee::Node;

/// A node that keeps peer 1, and is connected with it.
fn kept() -> (Desk, swarm_notify::lifecycle::ConnectionId) {
    let mut desk = Desk::knowing(1);
    desk.book().keep(peer(1)).expect("there is place");
    desk.settle();
    let connection = desk.answer(1, Ok(peer(1)));
    assert_eq!(desk.told(), [format!("connected {connection}")]);
    (desk, connection)
}

/// How long it takes until the next dial, which is refused.
fn next_dial(desk: &mut Desk) -> Duration {
    let before = desk.now;
    while desk.dialed().is_empty() {
        let at = desk.notifees.poll_at().expect("it is dialed again");
        desk.wait(at.saturating_sub(desk.now));
    }
    let taken = desk.now - before;
    desk.answer(1, Err(Failure::Refused));
    taken
}

#[test]
fn a_kept_peer_is_dialed_again_with_longer_and_longer_waits() {
    let (mut desk, connection) = kept();
    desk.node.lifecycle.end_connection(connection, ConnectionEnd::Remote(RemoteEnd::Eof)).expect("it is open");
    desk.settle();
    assert_eq!(desk.dialed(), [] as [u16; 0], "not at once");
    let mut waits: Vec<_> = (0..14).map(|_| next_dial(&mut desk)).collect();
    let mut longest = secs(1);
    for (n, wait) in waits.iter().enumerate() {
        assert!(*wait >= longest / 2 && *wait <= longest, "{n}: {wait:?} of {longest:?}");
        longest = (2 * longest).min(secs(300));
    }
    assert_eq!(desk.told(), vec!["failed refused, again"; 14]);
    waits.dedup();
    assert_eq!(waits.len(), 14, "they differ");
}

#[test]
fn the_wait_is_short_after_a_stable_connection_else_it_grows() {
    let (mut desk, connection) = kept();
    desk.node.lifecycle.end_connection(connection, ConnectionEnd::Failed(Fault::Reset)).expect("it is open");
    desk.settle();
    for _ in 0..5 {
        next_dial(&mut desk);
    }
    for (stays, longest) in [(1, 64), (59, 128), (60, 1), (1, 1), (1, 2)] {
        let (stays, longest) = (secs(stays), secs(longest));
        while desk.dialed().is_empty() {
            let at = desk.notifees.poll_at().expect("it is dialed again");
            desk.wait(at.saturating_sub(desk.now));
        }
        let connection = desk.answer(1, Ok(peer(1)));
        desk.wait(stays);
        desk.node.lifecycle.end_connection(connection, ConnectionEnd::Failed(Fault::Reset)).expect("it is open");
        desk.settle();
        let wait = desk.notifees.poll_at().expect("it is dialed again") - desk.now;
        assert!(wait >= longest / 2 && wait <= longest, "{wait:?} of {longest:?} after {stays:?}");
    }
}

#[test]
fn after_our_own_close_it_rests_until_it_is_told_again() {
    let (mut desk, connection) = kept();
    desk.node.close_connection(connection).expect("it is open");
    desk.wait(secs(3600));
    assert_eq!(desk.dialed(), [] as [u16; 0]);
    assert!(desk.book().is_kept(&peer(1)));
    desk.book().keep(peer(1)).expect("there is place");
    desk.settle();
    assert_eq!(desk.dialed(), [1]);
}

#[test]
fn a_dial_that_was_given_up_too_late_does_not_make_it_rest() {
    let mut desk = Desk::knowing(2);
    desk.book().keep(peer(1)).expect("there is place");
    desk.wait(secs(1));
    assert_eq!(desk.dialed(), [1, 2]);
    // Both open before anybody is told.
    let dials = desk.node.dials.clone();
    for (connection, _) in &dials {
        desk.node.answer(*connection, Ok(peer(1)));
    }
    desk.notifees.drive(&mut desk.node, desk.now);
    assert_eq!(desk.told(), [format!("connected {}", dials[0].0)]);
    // The first one ends before the end of the second is told, which the book has closed.
    let _ = desk.node.lifecycle.end_connection(dials[0].0, ConnectionEnd::Failed(Fault::Reset));
    desk.settle();
    assert_eq!(desk.node.lifecycle.counters().connections.outbound.open, 0);
    desk.wait(secs(1));
    assert_eq!(desk.dialed().len(), 1, "it is dialed again");
}

#[test]
fn a_peer_is_kept_before_an_address_of_it_is_known() {
    let mut desk = Desk::knowing(0);
    desk.book().keep(peer(1)).expect("there is place");
    desk.wait(secs(60));
    assert_eq!((desk.dialed(), desk.told()), (vec![], vec![]));
    desk.book().add_address(peer(1), at(4)).expect("there is place");
    desk.settle();
    assert_eq!(desk.dialed(), [4]);
}

#[test]
fn who_is_released_is_not_dialed_again() {
    let (mut desk, connection) = kept();
    assert!(desk.book().release(&peer(1)) && !desk.book().release(&peer(1)));
    desk.node.lifecycle.end_connection(connection, ConnectionEnd::Failed(Fault::Reset)).expect("it is open");
    desk.wait(secs(3600));
    assert_eq!(desk.dialed(), [] as [u16; 0]);
    // And while it waits.
    let (mut desk, connection) = kept();
    desk.node.lifecycle.end_connection(connection, ConnectionEnd::Failed(Fault::Reset)).expect("it is open");
    desk.settle();
    assert!(desk.book().release(&peer(1)));
    desk.wait(secs(3600));
    assert_eq!((desk.dialed(), desk.notifees.poll_at()), (vec![], None));
}

#[test]
fn to_dial_a_peer_ends_its_wait() {
    let (mut desk, connection) = kept();
    desk.node.lifecycle.end_connection(connection, ConnectionEnd::Failed(Fault::Reset)).expect("it is open");
    desk.settle();
    desk.book().dial_peer(peer(1)).expect("it is known");
    desk.settle();
    assert_eq!(desk.dialed(), [1]);
    desk.answer(1, Err(Failure::Refused));
    desk.wait(millis(400));
    assert_eq!(desk.told(), ["failed refused, again"]);
}
