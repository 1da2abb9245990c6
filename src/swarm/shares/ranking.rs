//! [`Ranking`]: a count for each holder, ordered so that the holder with the largest count is found at once.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;

/// The value of [`Rank::place`] for a holder whose count is 0, which is not in the heap. No heap has this many entries.
const NOWHERE: u32 = u32::MAX;

/// A count for each holder, which is a peer or an address group and is identified by a small number. Only holders with a
/// count above 0 are in the heap.
///
/// The ranking is a binary heap of holders, and each holder's place in the heap is recorded. Counts mostly change by one, so
/// that a change usually costs one comparison, and never more than O(log n). Only [`make_room`](Self::make_room) and
/// [`descending`](Self::descending) allocate memory.
#[derive(Debug, Default)]
pub(super) struct Ranking {
    /// The holders as a heap: a holder's count is at least as large as the counts of the holders below it.
    heap: Vec<u32>,
    entries: Vec<Rank>,
}

#[derive(Clone, Copy, Debug)]
struct Rank {
    count: u32,
    place: u32,
}

impl Ranking {
    /// Reserves memory for a holder, so that later changes of its count allocate nothing.
    pub(super) fn make_room(&mut self, holder: u32) {
        let needed = holder as usize + 1;
        if needed > self.entries.len() {
            self.entries.resize(needed, Rank { count: 0, place: NOWHERE });
        }
        self.heap.reserve(self.entries.len() - self.heap.len());
    }

    /// Gives back the memory for holders whose number is at least `holders`, if at least half of the memory is for them. The
    /// caller ensures that these holders are gone.
    pub(super) fn give_up_memory(&mut self, holders: usize) {
        if holders <= self.entries.len() / 2 {
            self.entries.truncate(holders);
            self.entries.shrink_to_fit();
            self.heap.shrink_to(holders);
        }
    }

    /// Returns the count of a holder.
    pub(super) fn count(&self, holder: u32) -> u32 {
        self.entries.get(holder as usize).map_or(0, |entry| entry.count)
    }

    /// Returns the holder with the largest count, and that count; `None` if all counts are 0.
    pub(super) fn greediest(&self) -> Option<(u32, u32)> {
        self.heap.first().map(|holder| (*holder, self.count(*holder)))
    }

    /// Returns the holders with their counts, the largest count first. The n-th step costs O(log n).
    pub(super) fn descending(&self) -> impl Iterator<Item = (u32, u32)> {
        // In a heap, the next largest is always directly below one that was returned before.
        let ranked = |place: usize| self.heap.get(place).map(|holder| (self.count(*holder), Reverse(place)));
        let mut next: BinaryHeap<_> = ranked(0).into_iter().collect();
        core::iter::from_fn(move || {
            let (count, Reverse(place)) = next.pop()?;
            next.extend([2 * place + 1, 2 * place + 2].into_iter().filter_map(ranked));
            Some((self.heap.get(place).copied()?, count))
        })
    }

    /// Returns the number of holders with a count above 0.
    pub(super) const fn len(&self) -> usize {
        self.heap.len()
    }

    /// Adds one to the count of a holder.
    #[inline]
    pub(super) fn add(&mut self, holder: u32) {
        let place = self.heap.len();
        let Some(entry) = self.entries.get_mut(holder as usize) else { return };
        entry.count += 1;
        if entry.place == NOWHERE {
            entry.place = place as u32;
            self.heap.push(holder);
        }
        let (count, place) = (entry.count, entry.place as usize);
        self.rise(holder, count, place);
    }

    /// Subtracts `fewer` from the count of a holder. The count does not fall below 0.
    #[inline]
    pub(super) fn subtract(&mut self, holder: u32, fewer: u32) {
        let Some(entry) = self.entries.get_mut(holder as usize) else { return };
        entry.count = entry.count.saturating_sub(fewer);
        let (count, place) = (entry.count, entry.place as usize);
        // A holder whose count was 0 already is `NOWHERE`, which is behind the end of every heap.
        if place >= self.heap.len() {
            return;
        }
        if count > 0 {
            return self.sink(holder, count, place);
        }
        entry.place = NOWHERE;
        self.heap.swap_remove(place);
        if let Some(moved) = self.heap.get(place).copied() {
            let count = self.count(moved);
            // The last holder of the heap fills the gap. It comes from another branch, so that its count may be larger than
            // that of the holder above the gap, or smaller than those below.
            self.settle(moved, place);
            self.rise(moved, count, place);
            let place = self.entries[moved as usize].place as usize;
            self.sink(moved, count, place);
        }
    }

    fn settle(&mut self, holder: u32, place: usize) {
        self.heap[place] = holder;
        self.entries[holder as usize].place = place as u32;
    }

    /// Moves a holder up in the heap, until the holder above it has a count that is at least as large.
    #[inline]
    fn rise(&mut self, holder: u32, count: u32, mut place: usize) {
        while place > 0 {
            let above = self.heap[(place - 1) / 2];
            if self.count(above) >= count {
                return;
            }
            self.settle(above, place);
            place = (place - 1) / 2;
            self.settle(holder, place);
        }
    }

    /// Moves a holder down in the heap, until no holder below it has a larger count.
    #[inline]
    fn sink(&mut self, holder: u32, count: u32, mut place: usize) {
        loop {
            let left = 2 * place + 1;
            let Some(first) = self.heap.get(left).copied() else { return };
            let (mut below, mut largest) = (left, first);
            if let Some(second) = self.heap.get(left + 1).copied()
                && self.count(second) > self.count(first)
            {
                (below, largest) = (left + 1, second);
            }
            if self.count(largest) <= count {
                return;
            }
            self.settle(largest, place);
            place = below;
            self.settle(holder, place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_largest_count_is_found(steps in prop::collection::vec((0_u32..12, 0_u32..4), 0..400)) {
            let mut ranking = Ranking::default();
            let mut model = BTreeMap::<u32, u32>::new();
            for (holder, fewer) in steps {
                ranking.make_room(holder);
                if fewer == 3 {
                    ranking.give_up_memory(model.keys().next_back().map_or(0, |last| *last as usize + 1));
                    ranking.make_room(holder);
                }
                let counts = model.entry(holder).or_default();
                if fewer == 0 || *counts == 0 {
                    *counts += 1;
                    ranking.add(holder);
                } else {
                    *counts = counts.saturating_sub(fewer);
                    ranking.subtract(holder, fewer);
                }
                model.retain(|_, count| *count > 0);
                prop_assert_eq!(ranking.len(), model.len());
                prop_assert_eq!(ranking.greediest().map(|(_, count)| count), model.values().copied().max());
                for holder in 0..12 {
                    prop_assert_eq!(ranking.count(holder), model.get(&holder).copied().unwrap_or(0));
                }
                let ranked: Vec<_> = ranking.descending().collect();
                prop_assert_eq!(ranked.first().copied(), ranking.greediest());
                prop_assert!(ranked.is_sorted_by_key(|(_, count)| Reverse(*count)));
                prop_assert_eq!(ranked.into_iter().collect::<BTreeMap<_, _>>(), model.clone());
            }
        }
    }
}
