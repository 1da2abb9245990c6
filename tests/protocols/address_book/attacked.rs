//! What peers tell and do to the disadvantage of the node or of others.

use super::{Config, Desk, at, millis, peer, secs};
use std::sync::Arc;
use std::time::{Duration, Instant};
use swarm_notify::identity::{Keypair, PeerId};
use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId, Failure, Fault};
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext, NotifeeId};
use swarm_notify::protocols::address_book::AddressSource;
use swarm_notify::protocols::identify::{Event, Info};
use swarm_notify::swarm::{DialError, Multiaddr};

/// Says what identify has heard.
#[derive(Default)]
struct Hearsay(Vec<Event>);

impl<N> Notifee<N> for Hearsay {
    fn interest(&self) -> Interest {
        Interest::TIME
    }

    fn poll_at(&self) -> Option<Duration> {
        (!self.0.is_empty()).then_some(Duration::ZERO)
    }

    fn tick(&mut self, cx: &mut NotifeeContext<'_, N>) {
        self.0.drain(..).for_each(|event| cx.emit(event));
    }
}

/// A peer says where it listens.
fn says(desk: &mut Desk, hearsay: NotifeeId<Hearsay>, connection: ConnectionId, peer: PeerId, addresses: &[Multiaddr]) {
    let mut info = Info::default();
    info.listen_addresses = addresses.to_vec();
    let event = Event::Pushed { connection, peer, info: Arc::new(info) };
    desk.notifees.get_mut(hearsay).expect("it is registered").0.push(event);
    desk.settle();
}

fn known(desk: &mut Desk, n: u8) -> Vec<String> {
    desk.book().addresses(&peer(n)).map(|(address, _)| address.to_string()).collect()
}

#[test]
fn a_connected_peer_is_told_at_once_at_the_limit_of_dials() {
    let mut config = Config::default();
    config.peers_at_a_time = 1;
    let mut desk = Desk::new(config);
    desk.book().add_address(peer(1), at(1)).expect("there is place");
    desk.book().dial_peer(peer(1)).expect("it is known");
    desk.settle();
    assert_eq!(desk.dialed(), [1], "it does not answer");
    let connection = desk.node.connect(peer(2)).expect("there is room");
    desk.settle();
    desk.book().dial_peer(peer(2)).expect("it is connected");
    desk.settle();
    assert_eq!(desk.told(), [format!("connected {connection}")]);
}

#[test]
fn who_is_not_kept_is_not_said_to_be_dialed_again() {
    let mut desk = Desk::knowing(3);
    desk.book().dial_peer(peer(1)).expect("it is known");
    desk.settle();
    desk.wait(millis(500));
    desk.node.refuses_dials = Some(DialError::Limit);
    desk.answer(1, Err(Failure::Refused));
    assert_eq!(desk.told(), ["failed limit"]);
    assert_eq!(desk.notifees.poll_at(), None, "nothing is left to be done");
}

#[test]
fn what_leads_to_ourselves_in_another_guise_is_left_out() {
    let mut desk = Desk::new(Config::default());
    let hearsay = desk.notifees.register(Hearsay::default());
    let connection = desk.node.connect(peer(1)).expect("there is room");
    desk.settle();
    let guises = [
        "/ip4/127.0.0.1/tcp/1",
        "/ip6/::1/tcp/1",
        "/ip6/::ffff:127.0.0.1/tcp/1",
        "/ip6/::ffff:0.0.0.0/tcp/1",
        "/dns/localhost/tcp/1",
        "/dns4/localhost/tcp/1",
        "/dns6/LocalHost./tcp/1",
        "/dns4/db.localhost/tcp/1",
    ];
    let addresses: Vec<_> = guises.iter().map(|text| text.parse().expect("an address")).collect();
    says(&mut desk, hearsay, connection, peer(1), &addresses);
    assert_eq!(known(&mut desk, 1), [""; 0]);
}

#[test]
fn an_address_said_again_with_its_peer_id_keeps_its_place() {
    for named in [false, true] {
        let mut desk = Desk::new(Config::default());
        let hearsay = desk.notifees.register(Hearsay::default());
        let connection = desk.node.connect(peer(1)).expect("there is room");
        let name = |n| match named {
            true => at(n).with_p2p(peer(1)).expect("it has none"),
            false => at(n),
        };
        desk.settle();
        says(&mut desk, hearsay, connection, peer(1), &[name(1), name(2)]);
        desk.node.lifecycle.end_connection(connection, ConnectionEnd::Failed(Fault::Reset)).expect("it is open");
        desk.settle();
        desk.book().dial_peer(peer(1)).expect("it is known");
        desk.settle();
        desk.answer(1, Err(Failure::Refused));
        let connection = desk.answer(2, Ok(peer(1)));
        says(&mut desk, hearsay, connection, peer(1), &[name(1), name(3)]);
        let last = desk.book().addresses(&peer(1)).last().map(|(address, source)| (address.clone(), source));
        assert_eq!(last, Some((at(1), AddressSource::Said)), "it has failed; with its id: {named}");
    }
}

#[test]
fn a_full_node_does_not_make_the_waits_for_a_kept_peer_longer() {
    let mut desk = Desk::knowing(1);
    desk.book().keep(peer(1)).expect("there is place");
    desk.node.refuses_dials = Some(DialError::Limit);
    desk.settle();
    for _ in 0..12 {
        let wait = desk.notifees.poll_at().expect("it is dialed again") - desk.now;
        assert!(wait <= secs(1), "{wait:?}: the peer has done nothing");
        desk.wait(wait);
    }
}

#[test]
fn of_two_connections_the_stable_one_counts_whichever_ends_last() {
    let mut desk = Desk::knowing(1);
    desk.book().keep(peer(1)).expect("there is place");
    desk.settle();
    for _ in 0..6 {
        desk.answer(1, Err(Failure::Refused));
        let at = desk.notifees.poll_at().expect("it is dialed again");
        desk.wait(at - desk.now);
    }
    let stable = desk.answer(1, Ok(peer(1)));
    desk.wait(secs(3_600));
    let second = desk.node.connect(peer(1)).expect("there is room");
    desk.settle();
    for connection in [stable, second] {
        desk.node.lifecycle.end_connection(connection, ConnectionEnd::Failed(Fault::Reset)).expect("it is open");
        desk.settle();
    }
    let wait = desk.notifees.poll_at().expect("it is dialed again") - desk.now;
    assert!(wait <= secs(1), "{wait:?} after an hour");
}

#[test]
fn a_dead_address_is_dialed_only_if_there_is_no_better_one() {
    let mut config = Config::default();
    config.attempts = 1;
    let mut desk = Desk::new(config);
    for n in 1..=2 {
        desk.book().add_address(peer(1), at(n)).expect("there is place");
    }
    desk.book().dial_peer(peer(1)).expect("it is known");
    desk.settle();
    desk.answer(1, Err(Failure::Refused));
    let connection = desk.answer(2, Ok(peer(1)));
    desk.node.disconnect(connection);
    desk.settle();
    desk.book().dial_peer(peer(1)).expect("it is known");
    desk.wait(secs(5));
    assert_eq!(desk.dialed(), [2], "the other one is dead, and this may still answer");
}

#[test]
fn extremes_of_its_times_neither_panic_nor_spin() {
    for time in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        for other in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            let mut config = Config::default();
            (config.min_backoff, config.max_backoff, config.attempt_delay, config.stable_after) =
                (time, other, time, other);
            config.attempts = 0;
            (config.peers, config.addresses_per_peer, config.peers_at_a_time, config.dials_per_peer) = (0, 0, 0, 0);
            config.events = 0;
            let mut desk = Desk::new(config);
            desk.book().add_address(peer(1), at(1)).expect("there is place");
            desk.book().keep(peer(1)).expect("there is place");
            desk.settle();
            for _ in 0..50 {
                if !desk.dialed().is_empty() {
                    desk.answer(1, Err(Failure::Refused));
                }
                let Some(at) = desk.notifees.poll_at().filter(|at| *at < secs(1_000_000)) else { break };
                assert!(at > desk.now, "it spins");
                desk.wait(at - desk.now);
            }
        }
    }
}

/// How long it takes to hear so many pushes of 128 addresses from a peer.
fn cost(desk: &mut Desk, hearsay: NotifeeId<Hearsay>, stranger: u8, pushes: u16) -> Duration {
    let connection = desk.node.connect(peer(stranger)).expect("there is room");
    desk.settle();
    let start = Instant::now();
    for n in 0..pushes {
        let addresses: Vec<_> = (0..128).map(|k| at(1 + n * 128 + k)).collect();
        says(desk, hearsay, connection, peer(stranger), &addresses);
    }
    start.elapsed()
}

#[test]
fn telling_a_full_book_costs_no_more_than_telling_an_empty_one() {
    let mut desk = Desk::new(Config::default());
    let hearsay = desk.notifees.register(Hearsay::default());
    let empty = cost(&mut desk, hearsay, 1, 20);
    let key = |n: u32| {
        let mut key = [0xff; 32];
        key[..4].copy_from_slice(&n.to_le_bytes());
        Keypair::ed25519_from_bytes(key).expect("any 32 bytes are a secret key").public().to_peer_id()
    };
    for n in 0..1_023 {
        desk.book().add_address(key(n), at(1)).expect("there is place");
    }
    // The last place is that of a peer that is connected.
    let full = cost(&mut desk, hearsay, 2, 20);
    assert!(full < 5 * empty + millis(20), "{empty:?} when it is empty, {full:?} when it is full");
}
