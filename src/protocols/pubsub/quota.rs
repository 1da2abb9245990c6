//! [`Quota`]: a bound on the bytes that are held for all peers together. Each peer has a share of its own, so that no peer
//! can use up the bytes of another.

use crate::arithmetic::Count;

/// A bound on the bytes that are held for all peers together. One half of these bytes is divided into equal shares: each
/// peer may use its share, however much other peers use. The other half is granted to peers that need more than their share,
/// in the order in which they ask. With equal shares alone, a peer could never use more than one part in
/// [`peers`](super::Config::peers), although most peers use nothing; without shares, one peer could use everything.
#[derive(Debug)]
pub(super) struct Quota {
    share: usize,
    /// The number of bytes that all peers together may use beyond their shares.
    common: usize,
    /// The number of bytes that all peers together use beyond their shares. It is at most `common`.
    taken: usize,
    /// The number of bytes that are in use for all peers together.
    held: usize,
}

impl Quota {
    /// Creates a quota of `max` bytes for at most `peers` peers. 0 peers count as 1.
    pub(super) const fn new(max: usize, peers: usize) -> Self {
        let peers = if peers == 0 { 1 } else { peers };
        // The divisor is not 0.
        let share = match (max / 2).checked_div(peers) {
            Some(share) => share,
            None => 0,
        };
        // The remainder of the division is common, too.
        Self { share, common: max.saturating_sub(share.saturating_mul(peers)), taken: 0, held: 0 }
    }

    /// Changes the number of bytes that a peer uses from `held` to `to`. Returns `false`, and changes nothing, if `to` is
    /// greater and not enough bytes are left. A lower number is always accepted.
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

    /// Returns by how many bytes a peer that uses `held` bytes may use more.
    pub(super) const fn room(&self, held: usize) -> usize {
        self.share.saturating_sub(held).saturating_add(self.common.saturating_sub(self.taken))
    }

    /// Returns the number of bytes that are in use for all peers together.
    pub(super) const fn held(&self) -> usize {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_peer_has_its_share_and_the_rest_is_first_come() {
        let mut quota = Quota::new(100, 5);
        let (mut a, mut b, mut c) = (0, 0, 0);
        assert!(quota.change(&mut a, 60) && !quota.change(&mut a, 61), "10 and the 50 that are common");
        assert_eq!((quota.room(a), quota.room(b)), (0, 10));
        assert!(quota.change(&mut b, 10) && !quota.change(&mut b, 11));
        assert!(quota.change(&mut a, 59) && quota.change(&mut b, 11) && !quota.change(&mut c, 11));
        assert!(quota.change(&mut c, 10));
        assert_eq!((a, b, c, quota.held()), (59, 11, 10, 80));
        assert!(quota.change(&mut a, 0) && quota.change(&mut b, 5) && quota.change(&mut c, 60));
        assert_eq!(quota.held(), 65);
    }

    #[test]
    fn all_peers_together_never_exceed_the_quota() {
        for max in 0..50 {
            let (mut quota, mut held) = (Quota::new(max, 4), [0; 4]);
            for held in held.iter_mut() {
                while quota.change(held, *held + 1) {}
            }
            assert_eq!((held.iter().sum::<usize>(), quota.held()), (max, max), "{held:?}");
            assert!(held.iter().all(|held| *held >= max / 8 && quota.room(*held) == 0));
        }
        assert!(!Quota::new(9, 0).change(&mut 0, 10) && !Quota::new(9, usize::MAX).change(&mut 0, usize::MAX));
    }
}
