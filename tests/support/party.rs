//! [`Party`]: a swarm on real sockets with its notifees, and a loop that drives some of them until something holds.

use super::sleep::{Sleeper, sleep};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, Instant};
use swarm_notify::connection::Protocol;
use swarm_notify::identity::Keypair;
use swarm_notify::lifecycle::{ConnectionId, ListenerId};
use swarm_notify::notifee::Notifees;
use swarm_notify::swarm::{Config, Multiaddr, multiaddr};
use swarm_notify::tcp;

/// Nothing in these tests takes as long; it is what a hang costs.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");

/// More turns than a party takes at a stretch: beyond it, it spins.
const MOST_TURNS: usize = 100_000;

pub(crate) type Tcp = tcp::Swarm;

/// A swarm with its notifees.
pub(crate) struct Party {
    pub(crate) swarm: Tcp,
    pub(crate) notifees: Notifees<Tcp>,
    start: Instant,
}

impl Party {
    pub(crate) fn new(number: u8) -> Self {
        Self::with(number, Config::default())
    }

    pub(crate) fn with(number: u8, config: Config) -> Self {
        let key = Keypair::ed25519_from_bytes([number; 32]).expect("any 32 bytes are a secret key");
        let reactor = tcp::Reactor::new().expect("there are descriptors");
        let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
        let swarm = Tcp::with_reactor(reactor, transport, &key, [number; 32], config);
        let mut swarm = swarm.expect("an Ed25519 key signs");
        swarm.register_protocol(ECHO);
        Self { swarm, notifees: Notifees::new(), start: Instant::now() }
    }

    pub(crate) fn listen(&mut self) -> ListenerId {
        self.swarm.listen("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap()
    }

    /// Where a listener listens, with our peer id.
    #[track_caller]
    pub(crate) fn address(&self, listener: ListenerId) -> Multiaddr {
        let view = self.swarm.listener(listener).expect("it lives");
        view.addresses[0].clone().with(multiaddr::Protocol::P2p(self.swarm.local_peer()))
    }

    /// Takes turns until there is nothing more to do for now.
    fn turn(&mut self) {
        for _ in 0..MOST_TURNS {
            self.swarm.tick(self.start.elapsed());
            self.notifees.drive(&mut self.swarm, self.start.elapsed());
            self.swarm.flush_all(self.start.elapsed());
            if self.left() != Some(Duration::ZERO) {
                return;
            }
        }
        panic!("it spins");
    }
}

impl Sleeper for Party {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.swarm.as_fd()
    }

    fn left(&self) -> Option<Duration> {
        let next = [self.swarm.poll_at(), self.notifees.poll_at()].into_iter().flatten().min();
        next.map(|at| at.saturating_sub(self.start.elapsed()))
    }
}

/// Drives all of them until it holds.
#[track_caller]
pub(crate) fn until(parties: &mut [Party], mut holds: impl FnMut(&mut [Party]) -> bool) {
    let limit = Instant::now() + LIMIT;
    loop {
        parties.iter_mut().for_each(Party::turn);
        if holds(parties) {
            return;
        }
        let sleepers: Vec<_> = parties.iter().map(|party| party as &dyn Sleeper).collect();
        assert!(sleep(&sleepers, limit), "it takes too long");
    }
}

/// Has the first listen and the others dial it: the listener, and each one's connection.
#[track_caller]
pub(crate) fn connect(parties: &mut [Party]) -> (ListenerId, Vec<ConnectionId>) {
    let listener = parties[0].listen();
    until(parties, |parties| !parties[0].swarm.listener(listener).unwrap().addresses.is_empty());
    let address = parties[0].address(listener);
    let dialed: Vec<_> = parties[1..].iter_mut().map(|party| party.swarm.dial(address.clone()).unwrap()).collect();
    until(parties, |parties| {
        let peers: Vec<_> = parties[1..].iter().map(|party| party.swarm.local_peer()).collect();
        let is_connected = |peer| parties[0].swarm.connections_of(peer).next().is_some();
        peers.into_iter().all(is_connected)
            && parties[1..]
                .iter()
                .zip(&dialed)
                .all(|(party, id)| party.swarm.connection(*id).is_some_and(|view| view.peer.is_some()))
    });
    (listener, dialed)
}
