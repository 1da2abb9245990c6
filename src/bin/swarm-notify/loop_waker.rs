//! [`LoopWaker`]: wakes the loop of a node from another thread, on every system.
//!
//! The loop sleeps in [`Swarm::wait`](swarm_notify::swarm::Swarm::wait), which exists on every system. The loop does not use
//! the swarm's descriptor, which exists only on Unix. The threads that handle signals and read standard input wake the loop
//! with this waker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Wake, Waker};

/// The state of a loop that runs a round and was not woken since the round began.
const LOOKING: u8 = 0;
/// The state of a loop that was woken since its present round began.
const WOKEN: u8 = 1;
/// The state of a loop that sleeps or is about to sleep.
const ASLEEP: u8 = 2;

/// A waker that ends the sleep of the loop. If it is used while the loop is awake, the loop does not sleep at the end of the
/// round.
pub(crate) struct LoopWaker(Arc<Shared>);

struct Shared {
    state: AtomicU8,
    /// The swarm's waker. Its use ends a call of `Swarm::wait`, even if the call is only about to begin.
    swarm: Waker,
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // The swarm's waker makes a system call. The call is not needed for a loop that is awake, since the loop checks the
        // state before it sleeps.
        if self.state.swap(WOKEN, Ordering::AcqRel) == ASLEEP {
            self.swarm.wake_by_ref();
        }
    }
}

impl LoopWaker {
    /// Makes the waker of a loop that sleeps in `Swarm::wait`. `swarm` is the waker of the same swarm.
    pub(crate) fn new(swarm: Waker) -> Self {
        Self(Arc::new(Shared { state: AtomicU8::new(LOOKING), swarm }))
    }

    pub(crate) fn waker(&self) -> Waker {
        Waker::from(self.0.clone())
    }

    /// Begins a round of the loop. If the waker is used after this call, the loop must not sleep at the end of the round,
    /// since the round may miss the work for which the waker was used.
    pub(crate) fn begin(&self) {
        // This is a swap and not a store, since a swap synchronizes with the earlier wakes that it overwrites, so that the
        // round sees the work of the threads that have woken the loop.
        self.0.state.swap(LOOKING, Ordering::AcqRel);
    }

    /// Ends a round. Returns `true` if the loop may sleep, and `false` if the loop was woken since the round began.
    #[must_use]
    pub(crate) fn may_sleep(&self) -> bool {
        self.0.state.compare_exchange(LOOKING, ASLEEP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc::{Sender, channel};
    use std::thread;
    use std::time::Duration;

    /// A replacement for a swarm's waker in tests, which sends to a channel. The test receives from the channel instead of
    /// waiting in a swarm.
    struct Swarm(Sender<()>);

    impl Wake for Swarm {
        fn wake(self: Arc<Self>) {
            let _ = self.0.send(());
        }
    }

    #[test]
    fn a_wake_before_the_sleep_forbids_the_sleep() {
        let (sender, receiver) = channel();
        let loop_waker = LoopWaker::new(Waker::from(Arc::new(Swarm(sender))));
        loop_waker.begin();
        loop_waker.waker().wake();
        assert!(!loop_waker.may_sleep());
        assert!(receiver.try_recv().is_err(), "the loop is awake");
        loop_waker.begin();
        assert!(loop_waker.may_sleep());
        loop_waker.waker().wake();
        loop_waker.waker().wake();
        assert_eq!(receiver.try_iter().count(), 1);
    }

    #[test]
    fn no_wake_of_another_thread_is_lost() {
        const ROUNDS: usize = 20_000;
        let (sender, receiver) = channel();
        let loop_waker = LoopWaker::new(Waker::from(Arc::new(Swarm(sender))));
        let work = Arc::new(AtomicUsize::new(0));
        let threads = [(); 2].map(|()| {
            let (waker, work) = (loop_waker.waker(), work.clone());
            thread::spawn(move || {
                for _ in 0..ROUNDS {
                    work.fetch_add(1, Ordering::SeqCst);
                    waker.wake_by_ref();
                }
            })
        });
        let mut done = 0;
        loop {
            loop_waker.begin();
            done += work.swap(0, Ordering::SeqCst);
            if done == 2 * ROUNDS {
                break;
            }
            if loop_waker.may_sleep() {
                receiver.recv_timeout(Duration::from_secs(60)).expect("a wake was lost");
            }
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}
