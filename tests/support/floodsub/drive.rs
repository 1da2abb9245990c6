//! Nodes on real sockets, driven on this thread until something is so.

use super::super::sleep::{Sleeper, sleep};
use super::{Node, keypair};
use std::future::Future;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use swarm_notify::protocols::pubsub::{Config, Signing};
use swarm_notify::swarm::{Config as SwarmConfig, Multiaddr, multiaddr};
use swarm_notify::tcp;

/// Nothing in these tests takes as long; it is what a hang costs.
const LIMIT: Duration = Duration::from_secs(60);

/// More turns than nodes take at a stretch: beyond it, somebody spins.
const MOST_TURNS: usize = 100_000;

pub(crate) type Tcp = Node<tcp::Transport, tcp::Reactor>;

/// A node whose first message has the number 1.
pub(crate) fn node(number: u8, config: Config) -> Tcp {
    node_with(number, config, Signing::strict_sign(keypair(number), 1))
}

pub(crate) fn node_with(number: u8, config: Config, signing: Signing) -> Tcp {
    let reactor = tcp::Reactor::new().expect("there are descriptors");
    let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
    let key = keypair(number);
    let swarm = tcp::Swarm::with_reactor(reactor, transport, &key, [number; 32], SwarmConfig::default());
    Node::of(number, swarm.expect("an Ed25519 key signs"), config, signing)
}

/// Has the first of the nodes listen: where.
pub(crate) fn listen(nodes: &mut [Tcp]) -> Multiaddr {
    let listener = nodes[0].swarm.listen("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
    until(nodes, |nodes| nodes[0].swarm.listener(listener).is_some_and(|view| !view.addresses.is_empty()));
    let view = nodes[0].swarm.listener(listener).unwrap();
    view.addresses[0].clone().with(multiaddr::Protocol::P2p(nodes[0].swarm.local_peer()))
}

/// Drives the nodes until it is so.
#[track_caller]
pub(crate) fn until(nodes: &mut [Tcp], mut is_so: impl FnMut(&mut [Tcp]) -> bool) {
    drive(nodes, |nodes| if is_so(nodes) { Poll::Ready(()) } else { Poll::Pending });
}

/// Drives the nodes until a future is ready, which wakes the first of them from wherever it is woken.
#[track_caller]
pub(crate) fn during<F: Future>(nodes: &mut [Tcp], future: F) -> F::Output {
    let (mut future, waker) = (pin!(future), nodes[0].swarm.waker());
    drive(nodes, |_| future.as_mut().poll(&mut Context::from_waker(&waker)))
}

/// Drives the nodes for so long.
#[track_caller]
pub(crate) fn pass(nodes: &mut [Tcp], time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        turn(nodes);
        let _ = sleep(&sleepers(nodes), end);
    }
}

impl Sleeper for Tcp {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.swarm.as_fd()
    }

    fn left(&self) -> Option<Duration> {
        let next = [self.swarm.poll_at(), self.notifees.poll_at()].into_iter().flatten().min();
        next.map(|at| at.saturating_sub(self.now()))
    }
}

fn sleepers(nodes: &[Tcp]) -> Vec<&dyn Sleeper> {
    nodes.iter().map(|node| node as &dyn Sleeper).collect()
}

/// Has each take turns until there is nothing more to do for now.
fn turn(nodes: &mut [Tcp]) {
    for node in nodes {
        let mut turns = 0;
        loop {
            let now = node.now();
            node.swarm.tick(now);
            node.drive(now);
            node.swarm.flush_all(node.now());
            if node.left() != Some(Duration::ZERO) {
                break;
            }
            turns += 1;
            assert!(turns < MOST_TURNS, "it spins: {:#?}", node.log);
        }
    }
}

#[track_caller]
fn drive<A>(nodes: &mut [Tcp], mut poll: impl FnMut(&mut [Tcp]) -> Poll<A>) -> A {
    let limit = Instant::now() + LIMIT;
    loop {
        turn(nodes);
        if let Poll::Ready(done) = poll(nodes) {
            return done;
        }
        let in_time = sleep(&sleepers(nodes), limit);
        assert!(in_time, "it takes too long: {:#?}", nodes.iter().map(|node| &node.log).collect::<Vec<_>>());
    }
}

/// Shuts all of them down and waits until that is over.
#[track_caller]
pub(crate) fn shut_down(nodes: &mut [Tcp]) {
    nodes.iter_mut().for_each(|node| node.swarm.shutdown());
    until(nodes, |nodes| nodes.iter().all(|node| node.swarm.is_shut_down()));
    for node in nodes {
        assert_eq!(node.peers(), [0; 0]);
    }
}
