//! [`Chains`]: a hash table that finds records by their [`Digest`] in constant time. Records are linked into chains, and the
//! links are part of the records.

use super::digest::Digest;
use alloc::vec;
use alloc::vec::Vec;
use core::hash::BuildHasher as _;
use std::hash::RandomState;

/// The value of the link of the last record of a chain.
pub(super) const END: u32 = u32::MAX;

/// The number of chains that are created for the first record.
const LEAST: usize = 16;

/// A table of records that are linked into chains. Each record is identified by a number other than [`END`], its place,
/// which stays the same while the record is linked.
pub(super) trait Chained {
    /// Returns the digest of the record at `place`, or `None` if there is no record at `place`.
    fn digest(&self, place: u32) -> Option<&Digest>;

    /// Returns the place of the record that follows the record at `place` in its chain, or [`END`].
    fn next(&self, place: u32) -> u32;

    /// Makes the record at `next` follow the record at `place` in its chain.
    fn set_next(&mut self, place: u32, next: u32);
}

/// The heads of the chains of a hash table. A hash of a record's digest with a random key selects the chain of the record,
/// so that nobody can choose records that share a chain. No result depends on the key.
///
/// There are always at least as many chains as records, so a chain has at most one record on average. If one more record
/// would exceed the number of chains, that number is doubled. Chains are never removed.
#[derive(Debug, Default)]
pub(super) struct Chains {
    first: Vec<u32>,
    len: usize,
    keys: RandomState,
}

impl Chains {
    /// Returns the place of the record with this digest, or `None` if there is no such record.
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

    /// Links the record at `place` into its chain. The record must be at that place already, and no other record may have
    /// its digest.
    pub(super) fn add(&mut self, records: &mut impl Chained, place: u32) {
        if self.len >= self.first.len() {
            self.grow(records);
        }
        self.len = self.len.saturating_add(1);
        self.link(records, place);
    }

    /// Removes the record at `place` from its chain. The record must still be at that place.
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

    /// Doubles the number of chains, and moves all records to their new chains.
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
        // The number of chains is a power of two, or 0. The bits of the hash that are cut off do not matter.
        #[allow(clippy::cast_possible_truncation, reason = "the lower bits of a hash are as good")]
        let hash = self.keys.hash_one(digest) as usize;
        hash & self.first.len().wrapping_sub(1)
    }
}
