//! The address book: on a node without a network, where each dial is answered by the test, and on a simulated pair with
//! identify.

mod attacked;
mod bounds;
mod dialing;
mod keeping;
mod learning;
mod random;

use crate::support::fake_node::Fake;
use std::time::Duration;
use swarm_notify::identity::{Keypair, PeerId};
use swarm_notify::lifecycle::{ConnectionId, Failure};
use swarm_notify::notifee::{NotifeeId, Notifees};
use swarm_notify::protocols::address_book::{AddressBook, Config, Event};
use swarm_notify::swarm::Multiaddr;

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn peer(n: u8) -> PeerId {
    Keypair::ed25519_from_bytes([n; 32]).expect("any 32 bytes are a secret key").public().to_peer_id()
}

/// An address of a network for documentation.
fn at(n: u16) -> Multiaddr {
    format!("/ip4/192.0.2.1/tcp/{n}").parse().expect("it is one")
}

/// A node with a book, whose peers the test plays. It is peer 0.
struct Desk {
    node: Fake,
    notifees: Notifees<Fake>,
    book: NotifeeId<AddressBook>,
    now: Duration,
}

impl Desk {
    fn new(config: Config) -> Self {
        let mut notifees = Notifees::new();
        let book = notifees.register(AddressBook::new(peer(0), [7; 32], config));
        Self { node: Fake::new(peer(0)), notifees, book, now: Duration::ZERO }
    }

    fn book(&mut self) -> &mut AddressBook {
        self.notifees.get_mut(self.book).expect("it is registered")
    }

    /// One that knows so many addresses of peer 1, in this order.
    fn knowing(addresses: u16) -> Self {
        let mut desk = Self::new(Config::default());
        for n in 1..=addresses {
            desk.book().add_address(peer(1), at(n)).expect("there is place");
        }
        desk
    }

    /// Turns until nothing is left to do at once.
    fn settle(&mut self) {
        for _ in 0..1_000 {
            self.notifees.drive(&mut self.node, self.now);
            if self.notifees.poll_at().is_none_or(|at| at > self.now) && !self.node.has_work() {
                return;
            }
        }
        panic!("it spins");
    }

    /// Time passes, in steps of what is due.
    fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.notifees.poll_at().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.settle();
        }
        self.now = until;
        self.settle();
    }

    /// The ports that are being dialed, oldest first.
    fn dialed(&self) -> Vec<u16> {
        let port = |address: &Multiaddr| address.to_string().split('/').nth(4).and_then(|port| port.parse().ok());
        self.node.dials.iter().map(|(_, address)| port(address).expect("it has a port")).collect()
    }

    /// Somebody answers the dial to a port.
    #[track_caller]
    fn answer(&mut self, port: u16, answer: Result<PeerId, Failure>) -> ConnectionId {
        let place = self.dialed().iter().position(|other| *other == port).expect("it is dialed");
        let (connection, _) = self.node.dials[place];
        self.node.answer(connection, answer);
        self.settle();
        connection
    }

    /// What was told, in words.
    fn told(&mut self) -> Vec<String> {
        let book = self.book();
        std::iter::from_fn(|| book.next_event())
            .map(|event| match event {
                Event::Connected { connection, .. } => format!("connected {connection}"),
                Event::Failed { reason, again_at, .. } => {
                    format!("failed {reason}{}", if again_at.is_some() { ", again" } else { "" })
                }
                Event::Lagged { events } => format!("lagged {events}"),
                other => panic!("{other}"),
            })
            .collect()
    }
}
