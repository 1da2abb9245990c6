//! [`Timer`]: a deadline on the reactor's clock, which the owner of the reactor advances.

use super::reactor::Handle;
use core::fmt;
use core::task::{Context, Poll};
use core::time::Duration;

/// A deadline on the reactor's clock. Dropping the timer cancels it.
pub(super) struct Timer {
    handle: Handle,
    key: (Duration, u64),
}

impl Timer {
    /// Creates a timer whose deadline is `after` later than the time of the reactor's last turn. With [`Duration::ZERO`] the
    /// timer is ready at once.
    pub(super) fn after(handle: &Handle, after: Duration) -> Self {
        let mut timers = handle.timers();
        timers.numbers += 1;
        let key = (timers.now.saturating_add(after), timers.numbers);
        // A timer that is not in the queue is ready: its poll does not find it there.
        if after > Duration::ZERO {
            timers.waiting.insert(key, None);
        }
        drop(timers);
        Self { handle: handle.clone(), key }
    }

    /// Returns `Ready` once the reactor's clock has reached the deadline. Before that, returns `Pending` and registers the
    /// waker of `cx`, in place of the waker of an earlier poll.
    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        let replaced = match self.handle.timers().waiting.get_mut(&self.key) {
            Some(waiting) => waiting.replace(waker),
            None => return Poll::Ready(()),
        };
        // Dropping a waker may run its owner's code, which must not happen while the lock is held.
        drop(replaced);
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let waker = self.handle.timers().waiting.remove(&self.key);
        // Dropping a waker may run its owner's code, which must not happen while the lock is held.
        drop(waker);
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("deadline", &self.key.0).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Reactor;
    use super::*;
    use crate::swarm::Reactor as _;
    use core::task::Waker;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_timer_is_ready_at_its_deadline_and_leaves_nothing() {
        let mut reactor = Reactor::new().unwrap();
        let (handle, cx) = (reactor.handle(), Context::from_waker(Waker::noop()));
        reactor.advance(ms(100));
        let (late, early) = (Timer::after(&handle, ms(20)), Timer::after(&handle, ms(10)));
        assert_eq!(reactor.poll_at(), Some(ms(110)));
        assert!(early.poll(&cx).is_pending() && late.poll(&cx).is_pending());
        reactor.advance(ms(109));
        assert!(early.poll(&cx).is_pending());
        reactor.advance(ms(110));
        assert!(early.poll(&cx).is_ready() && late.poll(&cx).is_pending());
        assert_eq!(reactor.poll_at(), Some(ms(120)));
        drop(late);
        assert_eq!(reactor.poll_at(), None);
        assert!(Timer::after(&handle, ms(0)).poll(&cx).is_ready());
    }
}
