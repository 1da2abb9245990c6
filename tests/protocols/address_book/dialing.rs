//! A peer is dialed by its id.

use super::{Desk, at, millis, peer, secs};
use swarm_notify::lifecycle::Failure;
use swarm_notify::protocols::address_book::AddressBookError;
use swarm_notify::swarm::DialError;

#[test]
fn the_next_address_is_dialed_when_one_has_failed() {
    let mut desk = Desk::knowing(3);
    desk.book().dial_peer(peer(1)).expect("it is known");
    desk.settle();
    assert_eq!(desk.dialed(), [1]);
    desk.answer(1, Err(Failure::Refused));
    assert_eq!(desk.dialed(), [2]);
    let connection = desk.answer(2, Ok(peer(1)));
    assert_eq!(desk.dialed(), [] as [u16; 0], "one is enough");
    assert_eq!(desk.told(), [format!("connected {connection}")]);
}

#[test]
fn the_next_address_is_dialed_beside_one_that_does_not_answer() {
    let mut desk = Desk::knowing(5);
    desk.book().dial_peer(peer(1)).expect("it is known");
    desk.wait(millis(999));
    assert_eq!(desk.dialed(), [1]);
    desk.wait(millis(1));
    assert_eq!(desk.dialed(), [1, 2]);
    desk.wait(secs(1));
    assert_eq!(desk.dialed(), [1, 2, 3]);
    desk.wait(secs(60));
    assert_eq!(desk.dialed(), [1, 2, 3], "no more than three at a time");
    desk.answer(2, Err(Failure::Timeout));
    assert_eq!(desk.dialed(), [1, 3, 4]);
    let connection = desk.answer(1, Ok(peer(1)));
    assert_eq!(desk.dialed(), [] as [u16; 0], "the others are given up");
    assert_eq!(desk.told(), [format!("connected {connection}")]);
    assert_eq!(desk.node.lifecycle.counters().connections.outbound.failed, 3);
}

#[test]
fn an_unreachable_peer_is_told_once_with_the_last_reason() {
    let mut desk = Desk::knowing(2);
    for _ in 0..3 {
        desk.book().dial_peer(peer(1)).expect("it is known");
        desk.settle();
    }
    desk.answer(1, Err(Failure::Refused));
    desk.answer(2, Err(Failure::Unreachable));
    assert_eq!(desk.told(), ["failed unreachable"]);
    desk.wait(secs(3600));
    assert_eq!((desk.dialed(), desk.told()), (vec![], vec![]), "nobody has asked for more");
}

#[test]
fn who_is_connected_is_told_at_once_and_not_dialed() {
    let mut desk = Desk::knowing(1);
    let connection = desk.node.connect(peer(1)).expect("there is room");
    desk.settle();
    desk.book().dial_peer(peer(1)).expect("it is known");
    desk.settle();
    assert_eq!((desk.told(), desk.dialed()), (vec![format!("connected {connection}")], vec![]));
    // Also one of whom no address is known.
    let connection = desk.node.connect(peer(2)).expect("there is room");
    desk.settle();
    desk.book().dial_peer(peer(2)).expect("it is connected");
    desk.settle();
    assert_eq!(desk.told(), [format!("connected {connection}")]);
}

#[test]
fn a_peer_that_dials_us_meanwhile_is_reached() {
    let mut desk = Desk::knowing(2);
    desk.book().dial_peer(peer(1)).expect("it is known");
    desk.settle();
    let connection = desk.node.connect(peer(1)).expect("there is room");
    desk.settle();
    assert_eq!((desk.told(), desk.dialed()), (vec![format!("connected {connection}")], vec![]));
}

#[test]
fn an_address_that_failed_is_dialed_behind_the_others() {
    let mut desk = Desk::knowing(3);
    desk.book().dial_peer(peer(1)).expect("it is known");
    desk.settle();
    desk.answer(1, Err(Failure::Refused));
    let connection = desk.answer(2, Ok(peer(1)));
    desk.node.disconnect(connection);
    desk.settle();
    desk.book().dial_peer(peer(1)).expect("it is known");
    desk.settle();
    assert_eq!(desk.dialed(), [2], "it has connected");
    desk.answer(2, Err(Failure::Refused));
    assert_eq!(desk.dialed(), [3]);
    desk.answer(3, Err(Failure::Refused));
    assert_eq!(desk.dialed(), [1]);
}

#[test]
fn an_address_of_another_peer_stays_only_if_the_owner_said_it() {
    let mut desk = Desk::knowing(1);
    let connection = {
        desk.book().dial_peer(peer(1)).expect("it is known");
        desk.settle();
        desk.answer(1, Ok(peer(1)))
    };
    assert_eq!(desk.book().addresses(&peer(1)).count(), 1);
    desk.node.disconnect(connection);
    desk.settle();
    desk.book().remove_address(&peer(1), &at(1));
    assert_eq!(desk.book().dial_peer(peer(1)), Err(AddressBookError::NoAddress));

    // It is known from a dial that has connected.
    let dialed = swarm_notify::notifee::Node::dial(&mut desk.node, at(5)).expect("there is room");
    desk.node.answer(dialed, Ok(peer(1)));
    desk.settle();
    desk.node.disconnect(dialed);
    desk.settle();
    desk.told();
    desk.book().dial_peer(peer(1)).expect("it is known");
    desk.settle();
    desk.answer(5, Err(Failure::WrongPeer));
    assert_eq!(desk.told(), ["failed wrong_peer"]);
    assert_eq!(desk.book().addresses(&peer(1)).count(), 0);

    desk.book().add_address(peer(1), at(6)).expect("there is place");
    desk.book().dial_peer(peer(1)).expect("it is known");
    desk.settle();
    desk.answer(6, Err(Failure::WrongPeer));
    assert_eq!(desk.book().addresses(&peer(1)).count(), 1, "the owner has said so");
}

#[test]
fn a_node_without_place_says_nothing_of_an_address() {
    let mut desk = Desk::knowing(2);
    desk.node.refuses_dials = Some(DialError::Limit);
    desk.book().dial_peer(peer(1)).expect("it is known");
    desk.settle();
    assert_eq!(desk.told(), ["failed limit"]);
    desk.node.refuses_dials = None;
    desk.book().dial_peer(peer(1)).expect("it is known");
    desk.settle();
    assert_eq!(desk.dialed(), [1]);
}

#[test]
fn what_nobody_can_connect_to_is_refused() {
    let mut desk = Desk::knowing(0);
    let named = |peer| at(1).with_p2p(peer).expect("it names nobody yet");
    let book = desk.book();
    assert_eq!(book.add_address(peer(0), at(1)), Err(AddressBookError::LocalPeer));
    assert_eq!(book.add_address(peer(1), at(0)), Err(AddressBookError::BadAddress));
    assert_eq!(book.add_address(peer(1), "/ip4/0.0.0.0/tcp/1".parse().unwrap()), Err(AddressBookError::BadAddress));
    assert_eq!(book.add_address(peer(1), named(peer(2))), Err(AddressBookError::BadAddress));
    let long = format!("/dns4/{}/tcp/1", "a".repeat(300)).parse().unwrap();
    assert_eq!(book.add_address(peer(1), long), Err(AddressBookError::BadAddress));
    assert_eq!(book.dial_peer(peer(0)), Err(AddressBookError::LocalPeer));
    assert_eq!(book.keep(peer(0)), Err(AddressBookError::LocalPeer));
    assert_eq!(book.dial_peer(peer(1)), Err(AddressBookError::NoAddress));
    assert_eq!(book.peers().count(), 0, "nothing has changed");
    book.add_address(peer(1), named(peer(1))).expect("it names itself");
    assert_eq!(book.addresses(&peer(1)).map(|(address, _)| address.clone()).collect::<Vec<_>>(), [at(1)]);
}
