//! [`PrunedQueue`]: a queue whose entries may become obsolete, as a deadline does when its connection ends. The queue
//! removes all obsolete entries once they may be the majority of its entries.

use alloc::collections::{BinaryHeap, VecDeque};
use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

/// A collection in which a [`PrunedQueue`] stores its entries.
pub(crate) trait Entries {
    type Entry;

    fn count(&self) -> usize;

    fn append(&mut self, entry: Self::Entry);

    /// Removes the entries for which `keeps` returns `false`. The other entries keep their order, and entries that are equal
    /// may be merged into one.
    fn keep(&mut self, keeps: impl FnMut(&Self::Entry) -> bool);
}

impl<T> Entries for Vec<T> {
    type Entry = T;

    #[inline]
    fn count(&self) -> usize {
        self.len()
    }

    #[inline]
    fn append(&mut self, entry: T) {
        self.push(entry);
    }

    fn keep(&mut self, keeps: impl FnMut(&T) -> bool) {
        self.retain(keeps);
    }
}

impl<T> Entries for VecDeque<T> {
    type Entry = T;

    #[inline]
    fn count(&self) -> usize {
        self.len()
    }

    #[inline]
    fn append(&mut self, entry: T) {
        self.push_back(entry);
    }

    fn keep(&mut self, keeps: impl FnMut(&T) -> bool) {
        self.retain(keeps);
    }
}

impl<T: Ord> Entries for BinaryHeap<T> {
    type Entry = T;

    #[inline]
    fn count(&self) -> usize {
        self.len()
    }

    #[inline]
    fn append(&mut self, entry: T) {
        self.push(entry);
    }

    fn keep(&mut self, keeps: impl FnMut(&T) -> bool) {
        let mut entries = core::mem::take(self).into_vec();
        entries.retain(keeps);
        // If a deadline was armed again, the heap contains two equal entries, which `keeps` cannot distinguish.
        entries.sort_unstable();
        entries.dedup();
        *self = entries.into();
    }
}

/// A queue that may contain obsolete entries. When the subject of an entry ends (a stream, for example), the owner of the
/// queue does not search for the entry, but skips the entry when it reaches the front of the queue. Obsolete entries do not
/// pile up meanwhile, since all of them are removed once they may be the majority of the queue.
///
/// An entry that is not obsolete is called live. The owner passes `live`, the maximum number of live entries, and a function
/// that tells whether an entry is live. If at most `live` entries are live, the queue contains at most `2 * live + SPARE`
/// entries before an entry is [pushed](Self::push), and on average at most two entries are checked for each entry that is
/// pushed.
///
/// The queue dereferences to its collection, whose methods read and remove entries.
#[derive(Clone, Default, Debug)]
pub(crate) struct PrunedQueue<Q, const SPARE: usize>(Q);

impl<Q: Entries, const SPARE: usize> PrunedQueue<Q, SPARE> {
    pub(crate) const fn new(entries: Q) -> Self {
        Self(entries)
    }

    /// [Prunes](Self::prune) the queue, and then appends an entry.
    #[inline]
    pub(crate) fn push(&mut self, entry: Q::Entry, live: usize, is_live: impl FnMut(&Q::Entry) -> bool) {
        // The entry is appended after this, so `is_live` is not asked about it: its subject may not be recorded yet.
        self.prune(live, is_live);
        self.0.append(entry);
    }

    /// Appends an entry without pruning the queue. This function is for an owner of the queue that calls
    /// [`prune`](Self::prune) itself.
    #[cfg(feature = "swarm")]
    #[inline]
    pub(crate) fn push_unpruned(&mut self, entry: Q::Entry) {
        self.0.append(entry);
    }

    /// If entries that are not live may be the majority of the queue, checks all entries and removes those that are not
    /// live. `live` is the maximum number of live entries. Returns whether the entries were checked.
    #[inline]
    pub(crate) fn prune(&mut self, live: usize, is_live: impl FnMut(&Q::Entry) -> bool) -> bool {
        // At least half of a queue this long is obsolete, so a check removes at least as many entries as it keeps. The
        // alternatives cost more: searching for the entry at each end is linear, and a peer that opens and resets streams
        // chooses how often a stream ends; an index of the entries would need memory and an update at each push.
        let is_long = self.0.count() > live.saturating_mul(2).saturating_add(SPARE);
        if is_long {
            self.0.keep(is_live);
        }
        is_long
    }
}

impl<Q, const SPARE: usize> Deref for PrunedQueue<Q, SPARE> {
    type Target = Q;

    #[inline]
    fn deref(&self) -> &Q {
        &self.0
    }
}

impl<Q, const SPARE: usize> DerefMut for PrunedQueue<Q, SPARE> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Q {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use core::cmp::Reverse;
    use proptest::prelude::*;

    const SPARE: usize = 3;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// A new live entry is pushed.
        Push,
        /// The live entry at this position among all live entries becomes obsolete.
        End(usize),
        /// The owner removes the next live entry.
        Pop,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => Just(Step::Push),
            3 => any::<usize>().prop_map(Step::End),
            1 => Just(Step::Pop),
        ];
        proptest::collection::vec(step, 0..400)
    }

    /// Executes the steps on a queue, and compares it with a model that contains only the live entries. `pop` removes the
    /// next live entry of the queue.
    fn check<Q>(steps: Vec<Step>, pop: fn(&mut Q, &BTreeSet<u32>) -> Option<u32>) -> Result<(), TestCaseError>
    where
        Q: Entries<Entry = Reverse<u32>> + Default,
    {
        let (mut queue, mut live) = (PrunedQueue::<Q, SPARE>::default(), BTreeSet::new());
        let (mut pushed, mut looks) = (0, 0);
        for step in steps {
            match step {
                Step::Push => {
                    queue.push(Reverse(pushed), live.len(), |Reverse(entry)| {
                        looks += 1;
                        live.contains(entry)
                    });
                    prop_assert!(queue.count() <= SPARE + 2 * live.len() + 1);
                    live.insert(pushed);
                    pushed += 1;
                    prop_assert!(looks <= 2 * pushed, "each entry pays for two looks");
                }
                Step::End(place) => {
                    let ended = live.iter().nth(place % live.len().max(1)).copied();
                    ended.map(|entry| live.remove(&entry));
                }
                Step::Pop => prop_assert_eq!(pop(&mut queue, &live), live.pop_first()),
            }
        }
        while let Some(first) = live.pop_first() {
            live.insert(first);
            prop_assert_eq!(pop(&mut queue, &live), Some(first));
            live.remove(&first);
        }
        prop_assert_eq!(pop(&mut queue, &live), None);
        Ok(())
    }

    proptest! {
        #[test]
        fn what_is_live_comes_up_in_order_and_the_rest_does_not_pile_up(steps in steps()) {
            check::<VecDeque<_>>(steps.clone(), |queue, live| {
                core::iter::from_fn(|| queue.pop_front()).map(|Reverse(entry)| entry).find(|entry| live.contains(entry))
            })?;
            check::<Vec<_>>(steps.clone(), |queue, live| {
                let place = queue.iter().position(|Reverse(entry)| live.contains(entry));
                place.map(|place| queue.remove(place).0)
            })?;
            check::<BinaryHeap<_>>(steps, |queue, live| {
                core::iter::from_fn(|| queue.pop()).map(|Reverse(entry)| entry).find(|entry| live.contains(entry))
            })?;
        }
    }

    #[test]
    fn an_entry_that_stands_in_a_heap_again_and_again_is_one() {
        let mut heap = PrunedQueue::<BinaryHeap<u8>, SPARE>::default();
        for _ in 0..1_000 {
            heap.push(7, 1, |_| true);
            assert!(heap.len() <= SPARE + 3);
        }
        assert!(heap.prune(0, |entry| *entry == 7));
        assert_eq!((heap.pop(), heap.pop()), (Some(7), None));
    }

    #[test]
    fn a_queue_of_what_lives_is_not_looked_at() {
        let mut queue = PrunedQueue::<Vec<_>, SPARE>::default();
        (0..2 * 9 + SPARE + 1).for_each(|n| queue.push(n, 9, |_| panic!("it is not worth it")));
        assert!(!queue.prune(usize::MAX, |_| panic!("it is not worth it")));
        assert!(queue.prune(9, |n| *n < 9));
        assert_eq!(*queue, (0..9).collect::<Vec<_>>());
    }

    #[test]
    fn it_takes_no_memory_of_its_own() {
        assert_eq!(size_of::<PrunedQueue<Vec<u8>, 64>>(), size_of::<Vec<u8>>());
    }
}
