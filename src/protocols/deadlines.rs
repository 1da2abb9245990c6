//! [`Deadlines`]: when a service is to look at what again.

use alloc::collections::BTreeSet;
use core::time::Duration;

/// At most one deadline for each key, which its owner remembers too. Every step costs O(log n).
#[derive(Debug)]
pub(super) struct Deadlines<K>(BTreeSet<(Duration, K)>);

impl<K: Copy + Ord> Deadlines<K> {
    pub(super) const fn new() -> Self {
        Self(BTreeSet::new())
    }

    /// Moves the deadline of `key`. `held` is what it was moved to the last time.
    pub(super) fn set(&mut self, key: K, held: &mut Option<Duration>, to: Option<Duration>) {
        if let Some(old) = core::mem::replace(held, to) {
            self.0.remove(&(old, key));
        }
        if let Some(new) = to {
            self.0.insert((new, key));
        }
    }

    /// The earliest.
    pub(super) fn first(&self) -> Option<Duration> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Takes the earliest if it has come by `now`. Its owner is to forget it.
    pub(super) fn take_due(&mut self, now: Duration) -> Option<K> {
        let (at, _) = self.0.first()?;
        if *at > now {
            return None;
        }
        self.0.pop_first().map(|(_, key)| key)
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
