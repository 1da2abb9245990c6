//! [`Party`]: a swarm on real sockets with its notifees, and a task that drives some of them until something holds.

use async_io::Timer;
use futures_lite::future::block_on;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use swarm_notify::connection::Protocol;
use swarm_notify::identity::Keypair;
use swarm_notify::lifecycle::{ConnectionId, ListenerId};
use swarm_notify::notifee::Notifees;
use swarm_notify::swarm::{Config, Multiaddr, Swarm, multiaddr};
use swarm_notify::tcp;

/// Nothing in these tests takes as long; it is what a hang costs.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");

pub(crate) type Tcp = Swarm<tcp::Transport>;

/// A swarm with its notifees.
pub(crate) struct Party {
    pub(crate) swarm: Tcp,
    pub(crate) notifees: Notifees<Tcp>,
    start: Instant,
    timer: Timer,
}

impl Party {
    pub(crate) fn new(number: u8) -> Self {
        Self::with(number, Config::default())
    }

    pub(crate) fn with(number: u8, config: Config) -> Self {
        let key = Keypair::ed25519_from_bytes([number; 32]).expect("any 32 bytes are a secret key");
        let transport = tcp::Transport::new(tcp::Config::default());
        let mut swarm = Swarm::new(transport, &key, [number; 32], config).expect("an Ed25519 key signs");
        swarm.register_protocol(ECHO);
        Self { swarm, notifees: Notifees::new(), start: Instant::now(), timer: Timer::never() }
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

    fn turn(&mut self, cx: &mut Context<'_>) {
        loop {
            let now = self.start.elapsed();
            let is_ready = self.swarm.poll(cx, now).is_ready();
            self.notifees.drive(&mut self.swarm, now);
            let next = [self.swarm.poll_at(), self.notifees.poll_at()].into_iter().flatten().min();
            let is_due = next.is_some_and(|at| {
                self.timer.set_after(at.saturating_sub(self.start.elapsed()));
                at <= now || Pin::new(&mut self.timer).poll(cx).is_ready()
            });
            if !is_ready && !is_due {
                return;
            }
        }
    }
}

/// Drives all of them until it holds.
#[track_caller]
pub(crate) fn until(parties: &mut [Party], mut holds: impl FnMut(&mut [Party]) -> bool) {
    let mut limit = Timer::after(LIMIT);
    let held = block_on(poll_fn(|cx| {
        parties.iter_mut().for_each(|party| party.turn(cx));
        if holds(parties) {
            return Poll::Ready(true);
        }
        // What it did may have to be done on a socket.
        if parties.iter().any(|party| party.swarm.poll_at() == Some(Duration::ZERO)) {
            cx.waker().wake_by_ref();
        }
        Pin::new(&mut limit).poll(cx).map(|_| false)
    }));
    assert!(held, "it takes too long");
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
