//! [`Deadlines`]: the deadlines of a service, ordered by time.

use alloc::collections::BTreeSet;
use core::time::Duration;

/// A set of deadlines with at most one for each key, such as a stream or a request. A service returns [`first`](Self::first)
/// from its [`poll_at`](crate::notifee::Notifee::poll_at). In its [`tick`](crate::notifee::Notifee::tick) it calls
/// [`take_due`](Self::take_due) until `None` is returned.
///
/// The caller also keeps a copy of each key's deadline, as an `Option<Duration>` beside the thing that the key names. The
/// set needs that copy to find the old deadline of a key when a new one is set. Each operation costs O(log n), and a key
/// takes memory only while it has a deadline.
///
/// ```
/// use core::time::Duration;
/// use swarm_notify::protocols::parts::Deadlines;
///
/// let second = Duration::from_secs(1);
/// let (mut deadlines, mut alarm) = (Deadlines::new(), None);
/// deadlines.set("alarm", &mut alarm, Some(5 * second));
/// deadlines.set("alarm", &mut alarm, Some(9 * second)); // later
/// assert_eq!((deadlines.first(), deadlines.take_due(8 * second)), (Some(9 * second), None));
/// assert_eq!(deadlines.take_due(9 * second), Some("alarm"));
/// alarm = None; // it has none any more
/// # let _ = alarm;
/// ```
#[derive(Clone, Debug)]
pub struct Deadlines<K>(BTreeSet<(Duration, K)>);

impl<K: Copy + Ord> Deadlines<K> {
    /// Creates an empty set.
    #[must_use]
    pub const fn new() -> Self {
        // A binary heap cannot remove an entry from its middle. Most deadlines of a service are removed or moved before
        // they are due, and would stay in a heap until then. Entries with equal times are ordered by key, so that the
        // same input always produces the same result.
        Self(BTreeSet::new())
    }

    /// Sets the deadline of `key` to `to`, or removes the deadline if `to` is `None`. `held` is the caller's copy of the
    /// present deadline, or `None` if the key has no deadline; the call overwrites `held` with `to`. If `held` was wrong,
    /// the old deadline stays in the set, and [`take_due`](Self::take_due) returns the key at both times.
    pub fn set(&mut self, key: K, held: &mut Option<Duration>, to: Option<Duration>) {
        if let Some(old) = core::mem::replace(held, to) {
            self.0.remove(&(old, key));
        }
        if let Some(new) = to {
            self.0.insert((new, key));
        }
    }

    /// Returns the earliest deadline, or `None` if the set is empty.
    #[must_use]
    pub fn first(&self) -> Option<Duration> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Removes the earliest deadline if it is not later than `now`, and returns its key. The caller has to set its own copy
    /// of that deadline to `None`.
    pub fn take_due(&mut self, now: Duration) -> Option<K> {
        let (at, _) = self.0.first()?;
        if *at > now {
            return None;
        }
        self.0.pop_first().map(|(_, key)| key)
    }
}

impl<K: Copy + Ord> Default for Deadlines<K> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_only_the_deadline_that_was_set_last() {
        let secs = |n| Some(Duration::from_secs(n));
        let (mut deadlines, mut a, mut b) = (Deadlines::new(), None, None);
        deadlines.set('a', &mut a, secs(1));
        deadlines.set('b', &mut b, secs(3));
        deadlines.set('a', &mut a, secs(5));
        assert_eq!((deadlines.first(), deadlines.take_due(Duration::from_secs(2))), (secs(3), None));
        assert_eq!(deadlines.take_due(Duration::from_secs(3)), Some('b'));
        deadlines.set('b', &mut None, secs(4));
        deadlines.set('b', &mut secs(4), None);
        assert_eq!((deadlines.first(), deadlines.take_due(Duration::from_secs(9))), (secs(5), Some('a')));
        assert_eq!((deadlines.first(), deadlines.take_due(Duration::from_secs(9))), (None, None));
    }
}
