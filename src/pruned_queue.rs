//! [`PrunedQueue`]: a queue whose entries can outlive what they are about.

use alloc::collections::{BinaryHeap, VecDeque};
use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

/// A collection that a [`PrunedQueue`] keeps short.
pub(crate) trait Entries {
    type Entry;

    fn count(&self) -> usize;

    fn append(&mut self, entry: Self::Entry);

    /// Keeps what `keeps` says, in the same order. Of entries that are equal it may keep one.
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
        // A deadline that has been armed again stands here twice, and `keeps` cannot tell one from the other.
        entries.sort_unstable();
        entries.dedup();
        *self = entries.into();
    }
}

/// A queue whose owner does not take an entry out when what it is about has gone: that entry is passed over when it comes
/// up. So that such entries do not pile up while none comes up, all of them are taken out once they are most of the queue.
///
/// The owner says how many entries can be live, and which ones are. If no more are, at most `SPARE` entries and two for each
/// live one stand here before one is [pushed](Self::push), and each entry that is pushed pays for two looks at most.
///
/// A reference to it is one to the collection: with that, entries are looked at and taken out.
#[derive(Clone, Default, Debug)]
pub(crate) struct PrunedQueue<Q, const SPARE: usize>(Q);

impl<Q: Entries, const SPARE: usize> PrunedQueue<Q, SPARE> {
    pub(crate) const fn new(entries: Q) -> Self {
        Self(entries)
    }

    /// Appends an entry, to a queue that has been [pruned](Self::prune).
    #[inline]
    pub(crate) fn push(&mut self, entry: Q::Entry, live: usize, is_live: impl FnMut(&Q::Entry) -> bool) {
        self.prune(live, is_live);
        self.0.append(entry);
    }

    /// Appends an entry for an owner that prunes later, after each of its turns.
    #[inline]
    pub(crate) fn push_unpruned(&mut self, entry: Q::Entry) {
        self.0.append(entry);
    }

    /// Takes out what is not live, if that may be most of the queue: `live` is the most entries that can be. Returns whether
    /// it has looked at all.
    #[inline]
    pub(crate) fn prune(&mut self, live: usize, is_live: impl FnMut(&Q::Entry) -> bool) -> bool {
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
        /// A new entry, which is live.
        Push,
        /// The live entry of this place among them is live no more.
        End(usize),
        /// The owner takes the next entry.
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

    /// Does the steps beside a model that prunes nothing. `pop` takes the next live entry.
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
