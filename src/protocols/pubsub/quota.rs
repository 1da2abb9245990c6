//! [`Quota`]: how much all peers together may make us keep, so that none has to go short for another.

use crate::arithmetic::Count;

/// Bytes that are kept for peers. Half of what there is, is shared out: that much each peer may have whatever the others
/// do. The other half is for those who need more, as long as there is some.
#[derive(Debug)]
pub(super) struct Quota {
    share: usize,
    /// What there is for those who have more than their share.
    common: usize,
    /// How much of it is taken.
    taken: usize,
    /// What all have.
    held: usize,
}

impl Quota {
    /// Of so many bytes in all, for at most so many peers.
    pub(super) const fn new(max: usize, peers: usize) -> Self {
        let peers = if peers == 0 { 1 } else { peers };
        // The divisor is not 0.
        let share = match (max / 2).checked_div(peers) {
            Some(share) => share,
            None => 0,
        };
        Self { share, common: max.saturating_sub(share.saturating_mul(peers)), taken: 0, held: 0 }
    }

    /// A peer that has `held` is to have `to`. `false`: there is not that much; nothing has changed. Less is always fine.
    pub(super) fn change(&mut self, held: &mut usize, to: usize) -> bool {
        let taken =
            self.taken.saturating_sub(held.saturating_sub(self.share)).saturating_add(to.saturating_sub(self.share));
        if to > *held && taken > self.common {
            return false;
        }
        self.held.lower(*held);
        self.held.raise(to);
        (self.taken, *held) = (taken, to);
        true
    }

    /// What all have.
    pub(super) const fn held(&self) -> usize {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_share_and_what_is_common_goes_to_who_comes_first() {
        let mut quota = Quota::new(100, 5);
        let (mut a, mut b, mut c) = (0, 0, 0);
        assert!(quota.change(&mut a, 60) && !quota.change(&mut a, 61), "10 and the 50 that are common");
        assert!(quota.change(&mut b, 10) && !quota.change(&mut b, 11));
        assert!(quota.change(&mut a, 59) && quota.change(&mut b, 11) && !quota.change(&mut c, 11));
        assert!(quota.change(&mut c, 10));
        assert_eq!((a, b, c, quota.held()), (59, 11, 10, 80));
        assert!(quota.change(&mut a, 0) && quota.change(&mut b, 5) && quota.change(&mut c, 60));
        assert_eq!(quota.held(), 65);
    }

    #[test]
    fn all_together_have_no_more_than_there_is() {
        for max in 0..50 {
            let (mut quota, mut held) = (Quota::new(max, 4), [0; 4]);
            for held in held.iter_mut() {
                while quota.change(held, *held + 1) {}
            }
            assert_eq!((held.iter().sum::<usize>(), quota.held()), (max, max), "{held:?}");
            assert!(held.iter().all(|held| *held >= max / 8));
        }
        assert!(!Quota::new(9, 0).change(&mut 0, 10) && !Quota::new(9, usize::MAX).change(&mut 0, usize::MAX));
    }
}
