//! What the book learns of peers, on a simulated pair with identify.

use super::{Config, millis};
use crate::support::services::{Both, Host, keypair};
use crate::support::sim::{A, B, Host as Name, Shape, everywhere};
use swarm_notify::notifee::NotifeeId;
use swarm_notify::protocols::address_book::{AddressBook, AddressSource};
use swarm_notify::protocols::identify::{self, Identify};
use swarm_notify::swarm::Multiaddr;

everywhere! {
    what_a_peer_signs_is_known_but_the_port_it_dials_from_is_not,
    what_it_does_not_listen_on_any_more_is_forgotten,
    what_it_says_unsigned_is_known_as_that,
    a_kept_peer_that_comes_back_elsewhere_is_found_there,
}

/// Identify on a host, which signs or does not.
fn identify<const EVENTS: usize>(host: &mut Host<EVENTS>, name: Name, signs: bool) {
    let service = Identify::new(keypair(name).public(), identify::Config::default());
    host.install(if signs { service.with_signed_record(keypair(name), 1) } else { service });
}

fn book<const EVENTS: usize>(host: &mut Host<EVENTS>) -> NotifeeId<AddressBook> {
    let book = AddressBook::new(host.swarm.local_peer(), [3; 32], Config::default());
    host.notifees.register(book)
}

fn known<const EVENTS: usize>(
    both: &mut Both<EVENTS>,
    book: NotifeeId<AddressBook>,
) -> Vec<(Multiaddr, AddressSource)> {
    let peer = both.b.swarm.local_peer();
    let book: &mut AddressBook = both.a.service(book);
    book.addresses(&peer).map(|(address, source)| (address.clone(), source)).collect()
}

fn what_a_peer_signs_is_known_but_the_port_it_dials_from_is_not<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let of_a = book(&mut both.a);
    identify(&mut both.a, A, true);
    identify(&mut both.b, B, true);
    both.b.swarm.listen(B.at(5000)).expect("there is place");
    both.settle();
    both.connect(shape);
    both.settle();
    let known = known(&mut both, of_a);
    // Who dials knows that it listens there.
    let expected: &[_] = match shape.swapped {
        true => &[(B.at(5000), AddressSource::Signed)],
        false => &[(B.at(4000), AddressSource::Dialed), (B.at(5000), AddressSource::Signed)],
    };
    assert_eq!(known, expected);
    both.end();
}

fn what_it_does_not_listen_on_any_more_is_forgotten<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let of_a = book(&mut both.a);
    identify(&mut both.a, A, true);
    identify(&mut both.b, B, true);
    let old = both.b.swarm.listen(B.at(5000)).expect("there is place");
    both.settle();
    both.connect(shape);
    both.settle();
    both.b.swarm.close_listener(old).expect("it is open");
    both.b.swarm.listen(B.at(6000)).expect("there is place");
    both.wait(millis(5_000));
    let known = known(&mut both, of_a);
    assert!(known.contains(&(B.at(6000), AddressSource::Signed)), "{known:?}");
    assert!(!known.iter().any(|(address, _)| *address == B.at(5000)), "{known:?}");
    both.end();
}

fn what_it_says_unsigned_is_known_as_that<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let of_a = book(&mut both.a);
    identify(&mut both.a, A, false);
    identify(&mut both.b, B, false);
    both.b.swarm.listen(B.at(5000)).expect("there is place");
    both.settle();
    both.connect(shape);
    both.settle();
    assert!(known(&mut both, of_a).contains(&(B.at(5000), AddressSource::Said)));
    both.end();
}

fn a_kept_peer_that_comes_back_elsewhere_is_found_there<const EVENTS: usize>(shape: Shape) {
    if shape.swapped {
        return;
    }
    let mut both = Both::<EVENTS>::new(shape);
    let of_a = book(&mut both.a);
    identify(&mut both.a, A, true);
    identify(&mut both.b, B, true);
    let (_, cb) = both.connect(shape);
    let peer = both.b.swarm.local_peer();
    both.a.service(of_a).keep(peer).expect("there is place");
    both.settle();
    // It moves, says so, and closes the connection.
    let old = both.b.swarm.listeners().next().expect("it listens");
    both.b.swarm.close_listener(old).expect("it is open");
    both.b.swarm.listen(B.at(6000)).expect("there is place");
    both.wait(millis(5_000));
    both.b.swarm.close_connection(cb).expect("it is open");
    both.wait(millis(3_000));
    let connection = both.a.swarm.connections_of(peer).next().expect("it is found");
    let remote = both.a.swarm.connection(connection).expect("it is open").remote.to_string();
    assert!(remote.starts_with(&B.at(6000).to_string()), "{remote}");
    both.end();
}
