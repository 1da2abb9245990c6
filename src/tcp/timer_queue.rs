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
    /// The wakers of timers whose deadline has not come, by deadline and number.
    pub(super) waiting: BTreeMap<(Duration, u64), Option<Waker>>,
    /// The number of the last timer. It tells timers of the same deadline apart.
    pub(super) numbers: u64,
}

impl TimerQueue {
    /// Returns the earliest deadline.
    pub(super) fn first(&self) -> Option<Duration> {
        self.waiting.first_key_value().map(|((deadline, _), _)| *deadline)
    }

    /// Sets the time to `now`, unless that is earlier, and takes the wakers of the timers whose deadline has come.
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
