//! Who pays when a bound is reached.

use super::{Config, Desk, at, peer, secs};
use swarm_notify::lifecycle::Failure;
use swarm_notify::notifee::Node;
use swarm_notify::protocols::address_book::{AddressBookError, AddressSource};

/// A dial of the owner's connects, and ends: the address is known from that.
fn visit(desk: &mut Desk, n: u8) {
    let dial = desk.node.dial(at(n.into())).expect("there is room");
    desk.node.answer(dial, Ok(peer(n)));
    desk.settle();
    desk.node.disconnect(dial);
    desk.settle();
}

#[test]
fn for_a_new_peer_the_one_of_least_use_gives_way() {
    let mut config = Config::default();
    config.peers = 4;
    let mut desk = Desk::new(config);
    desk.book().add_address(peer(1), at(1)).expect("there is place");
    desk.book().keep(peer(2)).expect("there is place");
    visit(&mut desk, 3);
    visit(&mut desk, 4);
    visit(&mut desk, 5);
    let known =
        |desk: &mut Desk| (1..8).filter(|n| desk.book().peers().any(|other| *other == peer(*n))).collect::<Vec<_>>();
    assert_eq!(known(&mut desk), [1, 2, 4, 5], "the oldest of those that may go has gone");
    desk.book().keep(peer(4)).expect("it is there");
    desk.node.connect(peer(5)).expect("there is room");
    desk.settle();
    assert_eq!(desk.book().add_address(peer(6), at(6)), Err(AddressBookError::Limit));
    assert_eq!(desk.book().keep(peer(6)), Err(AddressBookError::Limit));
    assert_eq!(known(&mut desk), [1, 2, 4, 5]);
    // Its dial is under way.
    desk.settle();
    assert!(desk.book().release(&peer(4)));
    assert_eq!(desk.book().add_address(peer(6), at(6)), Err(AddressBookError::Limit));
    desk.answer(4, Err(Failure::Refused));
    desk.book().add_address(peer(6), at(6)).expect("one may go");
    assert_eq!(known(&mut desk), [1, 2, 5, 6]);
}

#[test]
fn of_a_peer_s_addresses_the_one_that_is_dialed_last_gives_way() {
    let mut config = Config::default();
    config.addresses_per_peer = 2;
    let mut desk = Desk::new(config);
    desk.book().add_address(peer(1), at(1)).expect("there is place");
    let dial = desk.node.dial(at(2)).expect("there is room");
    desk.node.answer(dial, Ok(peer(1)));
    desk.settle();
    let known = |desk: &mut Desk| desk.book().addresses(&peer(1)).map(|(a, s)| (a.clone(), s)).collect::<Vec<_>>();
    assert_eq!(known(&mut desk), [(at(1), AddressSource::Owner), (at(2), AddressSource::Dialed)]);
    desk.book().add_address(peer(1), at(3)).expect("there is place");
    assert_eq!(known(&mut desk), [(at(1), AddressSource::Owner), (at(3), AddressSource::Owner)]);
    assert_eq!(desk.book().add_address(peer(1), at(4)), Err(AddressBookError::Limit));
}

#[test]
fn so_many_peers_are_dialed_at_a_time_and_others_have_a_turn() {
    let mut config = Config::default();
    config.peers_at_a_time = 2;
    let mut desk = Desk::new(config);
    for n in 1..=5 {
        desk.book().add_address(peer(n), at(n.into())).expect("there is place");
        desk.book().keep(peer(n)).expect("there is place");
    }
    desk.wait(secs(60));
    assert_eq!(desk.dialed(), [1, 2]);
    desk.answer(1, Ok(peer(1)));
    desk.settle();
    assert_eq!(desk.dialed(), [2, 3]);
    desk.answer(2, Err(Failure::Refused));
    desk.settle();
    assert_eq!(desk.dialed(), [3, 4], "who has failed stands behind the others");
    desk.answer(3, Ok(peer(3)));
    desk.answer(4, Ok(peer(4)));
    desk.wait(secs(1));
    assert_eq!(desk.dialed(), [5, 2]);
}

#[test]
fn a_full_queue_forgets_the_oldest_and_tells_how_many() {
    let mut config = Config::default();
    config.events = 2;
    let mut desk = Desk::new(config);
    for n in 1..=3 {
        desk.book().add_address(peer(n), at(n.into())).expect("there is place");
        desk.book().dial_peer(peer(n)).expect("it is known");
    }
    desk.settle();
    for n in 1..=3 {
        desk.answer(n, Err(Failure::Refused));
    }
    assert_eq!(
        (desk.told(), desk.book().dropped()),
        (vec!["lagged 1".into(), "failed refused".into(), "failed refused".into()], 1)
    );
}
