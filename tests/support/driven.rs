//! Swarms on one simulated network, each driven with its notifees, in virtual time.

use super::sim::{Cut, ECHO, Host, Network, SINK, SimTransport};
use std::time::Duration;
use swarm_notify::identity::Keypair;
use swarm_notify::notifee::Notifees;
use swarm_notify::swarm::{Config, Swarm};

pub(crate) type Sim<const EVENTS: usize> = Swarm<SimTransport, EVENTS>;

/// A swarm with its notifees.
pub(crate) struct Driven<const EVENTS: usize> {
    pub(crate) swarm: Sim<EVENTS>,
    pub(crate) notifees: Notifees<Sim<EVENTS>>,
}

/// Some of them, and the network between them.
pub(crate) struct Together<const EVENTS: usize, const N: usize> {
    pub(crate) all: [Driven<EVENTS>; N],
    pub(crate) network: Network,
    pub(crate) now: Duration,
}

impl<const EVENTS: usize, const N: usize> Together<EVENTS, N> {
    /// Swarms on the hosts 1, 2, … that speak echo and sink.
    pub(crate) fn new(cut: Cut) -> Self {
        let network = Network::new(cut, 7);
        let all = core::array::from_fn(|n| {
            let host = n as u8 + 1;
            let key = Keypair::ed25519_from_bytes([host; 32]).expect("32 bytes are a key");
            let transport = SimTransport::new(&network, host);
            let mut swarm =
                Swarm::with_events((), transport, &key, [host; 32], Config::default()).expect("the key can sign");
            swarm.register_protocol(ECHO);
            swarm.register_protocol(SINK);
            Driven { swarm, notifees: Notifees::new() }
        });
        Self { all, network, now: Duration::ZERO }
    }

    /// One turn of each.
    pub(crate) fn turn(&mut self) {
        for Driven { swarm, notifees } in &mut self.all {
            swarm.tick(self.now);
            notifees.drive(swarm, self.now);
        }
    }

    /// Lets everything happen that is under way, and time pass only as far as it takes.
    pub(crate) fn settle(&mut self) {
        for _ in 0..100_000 {
            self.turn();
            let due = |at: Option<Duration>| at.is_some_and(|at| at <= self.now);
            if self.all.iter().any(|node| due(node.swarm.poll_at()) || due(node.notifees.poll_at())) {
                continue;
            }
            if self.network.deliver(self.now) {
                continue;
            }
            let Some(arrival) = self.network.next_arrival() else { return };
            self.now = arrival;
            self.network.advance_to(arrival);
        }
        panic!("somebody spins");
    }

    /// Connects the second to the first, which listens from now on.
    pub(crate) fn connect(&mut self) {
        let address = Host(1).at(4000);
        self.all[0].swarm.listen(address.clone()).expect("there is place");
        self.settle();
        self.all[1].swarm.dial(address).expect("there is place");
        self.settle();
    }
}
