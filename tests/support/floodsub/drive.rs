//! Nodes on real sockets, driven on this thread until something is so.

use super::Node;
use async_io::Timer;
use futures_lite::future::block_on;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use swarm_notify::protocols::pubsub::Config;
use swarm_notify::swarm::{Multiaddr, multiaddr};
use swarm_notify::tcp;

/// Nothing in these tests takes as long; it is what a hang costs.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) type Tcp = Node<tcp::Transport>;

pub(crate) fn node(number: u8, config: Config) -> Tcp {
    Node::new(number, tcp::Transport::default(), config)
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
    drive(nodes, |_, nodes| if is_so(nodes) { Poll::Ready(()) } else { Poll::Pending });
}

/// Drives the nodes until a future is ready.
#[track_caller]
pub(crate) fn during<F: Future>(nodes: &mut [Tcp], future: F) -> F::Output {
    let mut future = pin!(future);
    drive(nodes, |cx, _| future.as_mut().poll(cx))
}

#[track_caller]
fn drive<R>(nodes: &mut [Tcp], mut poll: impl FnMut(&mut Context<'_>, &mut [Tcp]) -> Poll<R>) -> R {
    let start = Instant::now();
    let mut timer = Timer::never();
    block_on(poll_fn(|cx| {
        loop {
            assert!(
                start.elapsed() < LIMIT,
                "it takes too long: {:#?}",
                nodes.iter().map(|node| &node.log).collect::<Vec<_>>()
            );
            let mut is_busy = false;
            for node in &mut *nodes {
                let now = node.now();
                is_busy |= node.turn(cx, now);
            }
            if let Poll::Ready(done) = poll(cx, nodes) {
                return Poll::Ready(done);
            }
            let left = nodes.iter().map(|node| {
                let due = [node.swarm.poll_at(), node.notifees.poll_at()].into_iter().flatten().min();
                due.unwrap_or(Duration::MAX).saturating_sub(node.now())
            });
            timer.set_after(left.min().unwrap_or(LIMIT).min(LIMIT));
            if !is_busy && Pin::new(&mut timer).poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }))
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
