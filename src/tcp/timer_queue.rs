//! [`TimerQueue`]: the deadlines of a reactor, each with the waker of the task that waits for it.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::task::Waker;
use core::time::Duration;

/// The timers of a reactor: one for each dial that races addresses, one for each listener that pauses, and one for the
/// interfaces of each transport that listens on a wildcard address.
#[derive(Debug, Default)]
pub(super) struct TimerQueue {
    pub(super) now: Duration,
    /// The timers whose deadline has not been reached, ordered by deadline and number, each with the waker of its task. A
    /// timer that was never polled has no waker.
    pub(super) waiting: BTreeMap<(Duration, u64), Option<Waker>>,
    /// The number of the timer that was created last. The numbers distinguish timers with the same deadline.
    pub(super) numbers: u64,
}

impl TimerQueue {
    /// Returns the earliest deadline, or `None` if there is no timer.
    pub(super) fn first(&self) -> Option<Duration> {
        self.waiting.first_key_value().map(|((deadline, _), _)| *deadline)
    }

    /// Sets the time of the queue to `now`, unless `now` is earlier than that time. Removes the timers whose deadline has
    /// been reached, and returns their wakers.
    pub(super) fn advance(&mut self, now: Duration) -> Vec<Option<Waker>> {
        self.now = self.now.max(now);
        let mut due = Vec::new();
        while let Some(first) = self.waiting.first_entry()
            && first.key().0 <= self.now
        {
            due.push(first.remove());
        }
        due
    }
}
