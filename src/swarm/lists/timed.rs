//! [`TimedDenials`]: the peers that are denied until a certain time.

use crate::connection::PackedPeer;
use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

/// The peers that are denied until a certain time, in a bounded table. Every call costs O(log n).
#[derive(Debug, Default)]
pub(super) struct TimedDenials {
    most: usize,
    ends: BTreeMap<PackedPeer, Duration>,
    /// The same denials as in `ends`, in the order in which they end.
    by_end: BTreeSet<(Duration, PackedPeer)>,
}

impl TimedDenials {
    pub(super) const fn new(most: usize) -> Self {
        Self { most, ends: BTreeMap::new(), by_end: BTreeSet::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Denies a peer until `until`. If the peer is already denied until a later time, nothing changes. In a full table the
    /// new denial replaces the denial that ends first. Returns `false` and changes nothing if the table is full and the new
    /// denial would itself end first.
    pub(super) fn insert(&mut self, peer: PackedPeer, until: Duration) -> bool {
        if let Some(end) = self.ends.get_mut(&peer) {
            if *end < until {
                self.by_end.remove(&(*end, peer));
                self.by_end.insert((until, peer));
                *end = until;
            }
            return true;
        }
        if self.ends.len() >= self.most {
            match self.by_end.first().copied() {
                Some((end, other)) if end <= until => drop(self.remove(other)),
                // A full table without an entry is one whose bound is 0.
                Some(_) | None => return false,
            }
        }
        self.ends.insert(peer, until);
        self.by_end.insert((until, peer));
        true
    }

    pub(super) fn remove(&mut self, peer: PackedPeer) -> Option<Duration> {
        let end = self.ends.remove(&peer)?;
        self.by_end.remove(&(end, peer));
        Some(end)
    }

    pub(super) fn denies(&self, peer: PackedPeer, now: Duration) -> bool {
        self.ends.get(&peer).is_some_and(|end| now < *end)
    }

    /// Removes one denial that is over at `now`. Returns whether there was one.
    pub(super) fn forget_one_over(&mut self, now: Duration) -> bool {
        match self.by_end.first().copied() {
            Some((end, peer)) if end <= now => self.remove(peer).is_some(),
            Some(_) | None => false,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (PackedPeer, Duration)> {
        self.by_end.iter().map(|(end, peer)| (*peer, *end))
    }
}
