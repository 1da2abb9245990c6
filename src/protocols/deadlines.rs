//! [`Deadlines`]: the times at which a service is to look at something again.

use alloc::collections::BTreeSet;
use core::time::Duration;

/// At most one deadline for each key: of a stream, say, or of a request. A service gives [`first`](Self::first) in
/// [`poll_at`](crate::notifee::Notifee::poll_at), and calls [`take_due`](Self::take_due) in
/// [`tick`](crate::notifee::Notifee::tick) until there is none.
///
/// Each key's deadline is also kept beside what the key names, as an `Option<Duration>`, so that it is found again when it
/// moves. Every step costs O(log n); a key takes memory while it has a deadline.
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
    /// No deadline.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeSet::new())
    }

    /// Moves the deadline of `key`, or takes it away. `held` has to be the time to which it was moved last, `None` if it has
    /// no deadline, and is the new one afterwards. Otherwise the old deadline stays, and comes, too.
    pub fn set(&mut self, key: K, held: &mut Option<Duration>, to: Option<Duration>) {
        if let Some(old) = core::mem::replace(held, to) {
            self.0.remove(&(old, key));
        }
        if let Some(new) = to {
            self.0.insert((new, key));
        }
    }

    /// The earliest deadline; `None` if there is none.
    #[must_use]
    pub fn first(&self) -> Option<Duration> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Takes the earliest deadline if it has come by `now`, and says whose it was. The caller forgets it: it sets what it
    /// holds for the key to `None`.
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
    fn a_key_has_one_deadline_the_last_it_was_given() {
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
