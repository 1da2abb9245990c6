//! [`BitSet`]: a set of small numbers. [`take`](BitSet::take) removes its members one by one in rising order, and starts
//! again at the smallest after the largest. Skipping the numbers between two members costs almost nothing.

use alloc::vec::Vec;

const WORD: usize = u64::BITS as usize;

/// A set of indices in two levels of words: a bit in `words` is 1 if an index is in the set, and a bit in `summary` is 1 if
/// a word in `words` is not 0. We use no set of another crate, since a set of one level has to look at each word up to the
/// next index.
#[derive(Debug, Default)]
pub(super) struct BitSet {
    words: Vec<u64>,
    summary: Vec<u64>,
    /// One more than the index that was taken last. [`take`](Self::take) continues its search here, so that a low index that
    /// is often inserted does not keep higher indices from being taken.
    cursor: usize,
}

impl BitSet {
    pub(super) fn insert(&mut self, index: usize) {
        let word = index / WORD;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
            self.summary.resize(self.words.len().div_ceil(WORD), 0);
        }
        self.words[word] |= 1 << (index % WORD);
        self.summary[word / WORD] |= 1 << (word % WORD);
    }

    pub(super) fn remove(&mut self, index: usize) {
        let word = index / WORD;
        let Some(bits) = self.words.get_mut(word) else { return };
        *bits &= !(1 << (index % WORD));
        if *bits == 0 {
            self.summary[word / WORD] &= !(1 << (word % WORD));
        }
    }

    pub(super) fn contains(&self, index: usize) -> bool {
        self.words.get(index / WORD).is_some_and(|bits| bits & (1 << (index % WORD)) != 0)
    }

    pub(super) fn is_empty(&self) -> bool {
        // One word of `summary` covers 4 096 indices: four words are read for 16 384 connections.
        self.summary.iter().all(|bits| *bits == 0)
    }

    /// Removes and returns the smallest index that is not below the cursor, or, if there is none, the smallest index in the
    /// set.
    pub(super) fn take(&mut self) -> Option<usize> {
        // Twice at most: once from the cursor to the end, and once from the start, if nothing is left above the cursor.
        let index = self.first_from(self.cursor).or_else(|| self.first_from(0))?;
        self.remove(index);
        self.cursor = index + 1;
        Some(index)
    }

    /// Returns the smallest index in the set that is not below `from`.
    fn first_from(&self, from: usize) -> Option<usize> {
        let word = from / WORD;
        let here = self.words.get(word)? & (u64::MAX << (from % WORD));
        if here != 0 {
            return Some(word * WORD + here.trailing_zeros() as usize);
        }
        let next = word + 1;
        let above = self.summary.get(next / WORD)? & (u64::MAX << (next % WORD));
        let rest = self.summary.iter().enumerate().skip(next / WORD + 1).map(|(n, bits)| (n, *bits));
        let (n, bits) = [(next / WORD, above)].into_iter().chain(rest).find(|(_, bits)| *bits != 0)?;
        let word = n * WORD + bits.trailing_zeros() as usize;
        Some(word * WORD + self.words[word].trailing_zeros() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_holds_what_an_ordered_set_holds(ops in proptest::collection::vec((0..20_000_usize, 0..3_u8), 0..200)) {
            let (mut bits, mut model, mut cursor) = (BitSet::default(), BTreeSet::new(), 0);
            for (index, op) in ops {
                match op {
                    0 => { bits.insert(index); model.insert(index); }
                    1 => { bits.remove(index); model.remove(&index); }
                    _ => {
                        let next = model.range(cursor..).next().or_else(|| model.iter().next()).copied();
                        prop_assert_eq!(bits.take(), next);
                        if let Some(next) = next { model.remove(&next); cursor = next + 1; }
                    }
                }
                prop_assert_eq!(bits.is_empty(), model.is_empty());
                prop_assert_eq!(bits.contains(index), model.contains(&index));
            }
        }
    }
}
