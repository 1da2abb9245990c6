//! [`Chains`]: finds records by a [`Digest`] in constant time, without memory of its own for each of them.

use super::digest::Digest;
use alloc::vec;
use alloc::vec::Vec;
use core::hash::BuildHasher as _;
use std::hash::RandomState;

/// The link behind the last record of a chain.
pub(super) const END: u32 = u32::MAX;

/// The fewest chains.
const LEAST: usize = 16;

/// Records that hang on chains. Each has a place, which is not [`END`], and keeps it as long as it hangs there.
pub(super) trait Chained {
    /// Returns the digest of a record; `None` if there is none at this place.
    fn digest(&self, place: u32) -> Option<&Digest>;

    /// Returns the link of a record to the next one on its chain.
    fn next(&self, place: u32) -> u32;

    /// Changes the link of a record.
    fn set_next(&mut self, place: u32, next: u32);
}

/// The beginnings of chains of records. The chain of a record follows from its digest, by a hash with a random key, so
/// that nobody can choose records that share one. No result shows the key.
///
/// There are at least as many chains as records at any time, so that a chain has one record on average. Chains are made
/// when records become more than ever before, and stay.
#[derive(Debug, Default)]
pub(super) struct Chains {
    first: Vec<u32>,
    len: usize,
    keys: RandomState,
}

impl Chains {
    /// Returns the place of the record with this digest.
    pub(super) fn find(&self, records: &impl Chained, digest: &Digest) -> Option<u32> {
        let mut place = *self.first.get(self.chain(digest))?;
        while let Some(other) = records.digest(place) {
            if other == digest {
                return Some(place);
            }
            place = records.next(place);
        }
        None
    }

    /// Returns the number of chains.
    pub(super) const fn count(&self) -> usize {
        self.first.len()
    }

    /// Adds a record that is there, and whose digest no other one has.
    pub(super) fn add(&mut self, records: &mut impl Chained, place: u32) {
        if self.len >= self.first.len() {
            self.grow(records);
        }
        self.len = self.len.saturating_add(1);
        self.link(records, place);
    }

    /// Takes a record off, which is still there.
    pub(super) fn remove(&mut self, records: &mut impl Chained, place: u32) {
        let Some(chain) = records.digest(place).map(|digest| self.chain(digest)) else { return };
        let next = records.next(place);
        let Some(first) = self.first.get_mut(chain) else { return };
        self.len = self.len.saturating_sub(1);
        if *first == place {
            *first = next;
            return;
        }
        let mut before = *first;
        while records.digest(before).is_some() {
            if records.next(before) == place {
                return records.set_next(before, next);
            }
            before = records.next(before);
        }
    }

    fn link(&mut self, records: &mut impl Chained, place: u32) {
        let Some(chain) = records.digest(place).map(|digest| self.chain(digest)) else { return };
        if let Some(first) = self.first.get_mut(chain) {
            records.set_next(place, core::mem::replace(first, place));
        }
    }

    /// Makes twice as many chains.
    fn grow(&mut self, records: &mut impl Chained) {
        let more = self.first.len().saturating_mul(2).max(LEAST);
        for mut place in core::mem::replace(&mut self.first, vec![END; more]) {
            while records.digest(place).is_some() {
                let next = records.next(place);
                self.link(records, place);
                place = next;
            }
        }
    }

    fn chain(&self, digest: &Digest) -> usize {
        // There is a power of two of them, or none. What is cut off of the hash does not matter.
        #[allow(clippy::cast_possible_truncation, reason = "the lower bits of a hash are as good")]
        let hash = self.keys.hash_one(digest) as usize;
        hash & self.first.len().wrapping_sub(1)
    }
}
