//! An owner is woken while there is something left to do, and by whoever calls from elsewhere: one that sleeps on a
//! descriptor, and one that polls with a waker.

use crate::simulated::millis;
use crate::support::sim::{Pair, Shape, everywhere};
use libp2p_core::transport::MemoryTransport;
use libp2p_identity::Keypair;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use swarm_notify::swarm::{Config, Swarm};

everywhere! {
    a_turn_that_leaves_something_is_followed_by_another_at_once,
    a_call_from_another_thread_makes_the_descriptor_readable,
    undrained_events_are_due_now_and_no_deadline,
}

fn a_turn_that_leaves_something_is_followed_by_another_at_once<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let link = pair.link();
    pair.b.reads = false;
    pair.a.send(link.sa, &[7; 40_000]);
    pair.a.turn(pair.now);
    pair.now += millis(100);
    pair.network.advance_to(pair.now);
    while pair.network.deliver(pair.now) {}
    // Three pieces of at most 16 KiB, and the finding that there is no fourth, each in a turn of its own.
    let mut turns = 0;
    while pair.b.swarm.turn(pair.now, &mut || false).more {
        assert_eq!(pair.b.swarm.poll_at(), Some(pair.now));
        turns += 1;
        assert!(turns < 100_000, "it spins");
    }
    assert!(turns >= 2, "{turns}");
    assert_ne!(pair.b.swarm.next_deadline(), Some(pair.now));
    pair.b.reads = true;
    pair.b.drain(pair.now);
    pair.settle();
    assert_eq!(pair.b.received(link.sb), [7; 40_000]);
    pair.end_quietly();
}

fn a_call_from_another_thread_makes_the_descriptor_readable<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.settle();
    assert!(!pair.a.is_due(pair.now));
    let waker = pair.a.swarm.waker();
    std::thread::spawn(move || waker.wake()).join().unwrap();
    assert!(pair.a.is_due(pair.now));
    pair.a.turn(pair.now);
    assert!(!pair.a.is_due(pair.now), "once for each call");
    pair.end_quietly();
}

fn undrained_events_are_due_now_and_no_deadline<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.a.drains = 0;
    pair.a.listen(&crate::support::sim::A.at(4000));
    pair.settle();
    assert!(pair.a.swarm.has_pending());
    assert_eq!((pair.a.swarm.poll_at(), pair.a.swarm.next_deadline()), (Some(pair.now), None));
    pair.a.drains = usize::MAX;
    pair.a.something_to_drain();
    pair.settle();
    assert_eq!((pair.a.swarm.poll_at(), pair.a.swarm.has_pending()), (None, false));
    pair.end_quietly();
}

/// What an owner that polls with a waker was told by it.
#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Flag {
    /// Polls, and says whether it was woken in it.
    fn poll(self: &Arc<Self>, swarm: &mut Swarm<MemoryTransport>) -> (Poll<()>, bool) {
        self.0.store(false, Ordering::SeqCst);
        let polled = swarm.poll(&mut Context::from_waker(&Waker::from(self.clone())), Duration::ZERO);
        (polled, self.0.load(Ordering::SeqCst))
    }

    fn is_woken(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

fn in_memory(seed: u8) -> Swarm<MemoryTransport> {
    let key = Keypair::ed25519_from_bytes([seed; 32]).unwrap();
    Swarm::new(MemoryTransport::default(), &key, [seed; 32], Config::default()).unwrap()
}

#[test]
fn who_polls_can_be_called_from_another_thread() {
    let (mut swarm, flag) = (in_memory(1), Arc::<Flag>::default());
    let waker = swarm.waker();
    assert_eq!(flag.poll(&mut swarm), (Poll::Pending, false));
    std::thread::spawn(move || waker.wake()).join().unwrap();
    assert!(flag.is_woken());
    assert_eq!(flag.poll(&mut swarm), (Poll::Ready(()), false));
    assert_eq!(flag.poll(&mut swarm), (Poll::Pending, false), "once for each call");
}

#[test]
fn who_polls_is_woken_by_what_a_peer_does() {
    let (mut a, mut b, flag) = (in_memory(1), in_memory(2), Arc::<Flag>::default());
    let listener = a.listen("/memory/0".parse().unwrap()).unwrap();
    assert_eq!(flag.poll(&mut a).0, Poll::Ready(()));
    while a.next_event().is_some() {}
    let address = a.listener(listener).unwrap().addresses[0].clone();
    while flag.poll(&mut a).1 {}
    assert!(!flag.is_woken());
    b.dial(address).unwrap();
    assert!(!flag.is_woken());
    b.tick(Duration::ZERO);
    assert!(flag.is_woken(), "a dial has come");
}
