//! Who polls is woken while there is something left to do, and by whoever calls from elsewhere.

use crate::sim::{Pair, Shape, everywhere};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use swarm_notify::swarm::{Swarm, Transport};

everywhere! {
    a_poll_that_leaves_something_to_do_wakes_who_polls,
    who_polls_can_be_called_from_another_thread,
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Flag {
    /// Polls, and says whether it was woken in it.
    fn poll<T, const EVENTS: usize>(self: &Arc<Self>, swarm: &mut Swarm<T, EVENTS>, now: Duration) -> (Poll<()>, bool)
    where
        T: Transport<Error: 'static, Output: futures::AsyncRead + futures::AsyncWrite + Unpin> + Unpin,
    {
        self.0.store(false, Ordering::SeqCst);
        let polled = swarm.poll(&mut Context::from_waker(&Waker::from(self.clone())), now);
        (polled, self.0.load(Ordering::SeqCst))
    }
}

fn a_poll_that_leaves_something_to_do_wakes_who_polls<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::with(shape, |_| {}, |b| b.reads_per_poll = 1);
    let link = pair.link();
    pair.b.reads = false;
    pair.a.send(link.sa, b"what its owner is told of once");
    pair.settle();
    pair.a.send(link.sa, b"and no more");
    pair.a.turn(pair.now);
    while let Some(arrival) = pair.network.next_arrival() {
        pair.now = arrival;
        pair.network.advance_to(arrival);
        while pair.network.deliver(arrival) {}
    }
    let flag = Arc::<Flag>::default();
    // After one read nobody knows whether there is more.
    assert_eq!(flag.poll(&mut pair.b.swarm, pair.now), (Poll::Pending, true));
    assert_eq!(pair.b.swarm.poll_at(), Some(Duration::ZERO));
    assert_eq!(flag.poll(&mut pair.b.swarm, pair.now), (Poll::Pending, false));
    assert_ne!(pair.b.swarm.poll_at(), Some(Duration::ZERO));
    pair.b.reads = true;
    pair.b.read_all(link.sb);
    assert_eq!(pair.b.received(link.sb), b"what its owner is told of onceand no more");
    pair.end_quietly();
}

fn who_polls_can_be_called_from_another_thread<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.settle();
    let (flag, waker) = (Arc::<Flag>::default(), pair.a.swarm.waker());
    assert_eq!(flag.poll(&mut pair.a.swarm, pair.now), (Poll::Pending, false));
    std::thread::spawn(move || waker.wake()).join().unwrap();
    assert!(flag.0.load(Ordering::SeqCst));
    assert_eq!(flag.poll(&mut pair.a.swarm, pair.now), (Poll::Ready(()), false));
    assert_eq!(flag.poll(&mut pair.a.swarm, pair.now), (Poll::Pending, false), "once for each call");
    pair.end_quietly();
}
