//! [`LoopWaker`]: wakes the loop of a node, whichever system it sleeps on.
//!
//! The loop sleeps in the swarm's own wait, which exists on every system; the descriptor of a swarm exists on Unix alone.
//! Signals and standard input wake it by this waker, from threads of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Wake, Waker};

/// The loop looks at everything, and nothing has woken it since it began.
const LOOKING: u8 = 0;
/// Something has woken the loop since it began to look.
const WOKEN: u8 = 1;
/// The loop sleeps, or is about to.
const ASLEEP: u8 = 2;

/// A waker that ends the wait of a swarm, and remembers a wake that comes before the wait has begun.
pub(crate) struct LoopWaker(Arc<Shared>);

struct Shared {
    state: AtomicU8,
    /// The swarm's waker: it ends a wait, also one that is only about to begin.
    swarm: Waker,
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // A loop that is awake sees the state before it sleeps. The swarm's waker would cost it a system call.
        if self.state.swap(WOKEN, Ordering::AcqRel) == ASLEEP {
            self.swarm.wake_by_ref();
        }
    }
}

impl LoopWaker {
    /// Makes the waker of the loop that sleeps in the wait of the swarm that `swarm` wakes.
    pub(crate) fn new(swarm: Waker) -> Self {
        Self(Arc::new(Shared { state: AtomicU8::new(LOOKING), swarm }))
    }

    pub(crate) fn waker(&self) -> Waker {
        Waker::from(self.0.clone())
    }

    /// Begins a round of the loop: a wake from here on is for something that the round may miss.
    pub(crate) fn begin(&self) {
        // By a swap, so that the round sees all that came before the wakes which this forgets.
        self.0.state.swap(LOOKING, Ordering::AcqRel);
    }

    /// Ends a round. Returns whether the loop may sleep, which it may not after a wake since the round began.
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

    /// Stands for a swarm's waker: its receiver is the wait.
    struct Swarm(Sender<()>);

    impl Wake for Swarm {
        fn wake(self: Arc<Self>) {
            let _ = self.0.send(());
        }
    }

    #[test]
    fn a_wake_before_the_sleep_forbids_it_and_spares_the_swarm() {
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
