//! [`Table`]: a map from ids to values of the owner. Each slot stores the generation of its value, so a stale id finds
//! nothing, even if another id has the same slot now.

use super::id::{EntityId, from_parts};
use alloc::vec::Vec;
use core::marker::PhantomData;
use core::num::NonZeroU32;

/// A map from ids to values of the owner. `id.index()` is the index of the value's slot, and the generation of the id is
/// compared with that of the value.
///
/// A lifecycle stores no data of its owner. The owner keeps such data in tables like this one, so that it can borrow the
/// value of a connection while it changes those of streams. A lookup costs one bounds check and one comparison. The memory
/// of a slot is kept for the next value.
///
/// ```
/// use swarm_notify::lifecycle::{Lifecycle, Limits, ListenerId, Table};
///
/// let mut lifecycle = Lifecycle::<8>::new(Limits::default());
/// let mut addresses: Table<ListenerId, &str> = Table::new();
/// let listener = lifecycle.begin_listener().unwrap();
/// addresses.insert(listener, "/ip4/127.0.0.1/tcp/4001");
/// assert_eq!(addresses.get(listener), Some(&"/ip4/127.0.0.1/tcp/4001"));
/// assert_eq!(addresses.remove(listener), Some("/ip4/127.0.0.1/tcp/4001"));
/// assert_eq!(addresses.get(listener), None);
/// ```
#[derive(Clone, Debug)]
pub struct Table<I, T> {
    slots: Vec<Option<(NonZeroU32, T)>>,
    len: usize,
    id: PhantomData<fn(I) -> I>,
}

/// Returns the number of slots by which a table of `slots` slots grows: 4 if the table has fewer than 16 slots, a quarter of
/// its slots if it has fewer than 256, and otherwise an eighth of its slots. Each value still moves a constant number of
/// times on average. Growth leaves at most a fifth of the memory unused if the table had 16 to 255 slots, and at most a
/// ninth if it had more. If the table doubled instead, up to half of the memory would be unused.
pub(super) const fn growth(slots: usize) -> usize {
    match slots {
        0..16 => 4,
        16..256 => slots / 4,
        256.. => slots / 8,
    }
}

impl<I: EntityId, T> Table<I, T> {
    /// Makes an empty table. No memory is allocated before the first insertion.
    #[must_use]
    pub const fn new() -> Self {
        Self { slots: Vec::new(), len: 0, id: PhantomData }
    }

    /// Returns the number of values.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Returns the number of slots, including empty ones. The indices of all values are less than this number.
    #[cfg(feature = "swarm")]
    pub(crate) const fn slots(&self) -> usize {
        self.slots.len()
    }

    /// Frees the memory of the empty slots behind the last value, if the table has more than `kept` slots and at least half
    /// of them are behind that value. It visits these empty slots, from the last one on. Call this after most values were
    /// removed.
    #[cfg(feature = "swarm")]
    pub(crate) fn give_up_slots(&mut self, kept: usize) {
        let slots = self.slots.len();
        if slots <= kept || self.len > slots / 2 {
            return;
        }
        let used = self.slots.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        if used <= slots / 2 {
            self.slots.truncate(used);
            self.slots.shrink_to_fit();
        }
    }

    /// Returns whether the table contains no value.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Inserts a value under `id`, and returns the value that was in the slot before, whatever the generation of that value.
    pub fn insert(&mut self, id: I, value: T) -> Option<T> {
        if id.index() >= self.slots.len() {
            let missing = id.index() + 1 - self.slots.len();
            // `resize_with` alone would double the memory: see `growth`.
            if missing > self.slots.capacity() - self.slots.len() {
                self.slots.reserve_exact(missing.max(growth(self.slots.len())));
            }
            self.slots.resize_with(id.index() + 1, || None);
        }
        let old = self.slots[id.index()].replace((id.generation(), value));
        self.len += usize::from(old.is_none());
        old.map(|(_, value)| value)
    }

    /// Returns the value under `id`, if it was inserted under exactly this id.
    #[must_use]
    pub fn get(&self, id: I) -> Option<&T> {
        match self.slots.get(id.index()) {
            Some(Some((generation, value))) if *generation == id.generation() => Some(value),
            _ => None,
        }
    }

    /// Returns the value under `id` mutably, if it was inserted under exactly this id.
    #[must_use]
    pub fn get_mut(&mut self, id: I) -> Option<&mut T> {
        match self.slots.get_mut(id.index()) {
            Some(Some((generation, value))) if *generation == id.generation() => Some(value),
            _ => None,
        }
    }

    /// Removes the value under `id` and returns it, if it was inserted under exactly this id.
    pub fn remove(&mut self, id: I) -> Option<T> {
        let slot = self.slots.get_mut(id.index())?;
        let (_, value) = slot.take_if(|(generation, _)| *generation == id.generation())?;
        self.len -= 1;
        Some(value)
    }

    /// Returns the id of the value in the slot with this index, or `None` if the slot is empty. It is for code that stores
    /// sets of indices.
    #[must_use]
    pub fn key_at(&self, index: usize) -> Option<I> {
        let (generation, _) = self.slots.get(index)?.as_ref()?;
        Some(from_parts(u32::try_from(index).ok()?, *generation))
    }

    /// Returns every value with its id, in the order of the indices. It visits every slot, including empty ones.
    pub fn iter(&self) -> impl Iterator<Item = (I, &T)> {
        let slots = (0..).zip(&self.slots);
        slots.filter_map(|(index, slot)| {
            slot.as_ref().map(|(generation, value)| (from_parts(index, *generation), value))
        })
    }

    /// Returns every value mutably with its id, in the order of the indices. It visits every slot, including empty ones.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (I, &mut T)> {
        let slots = (0..).zip(&mut self.slots);
        slots.filter_map(|(index, slot)| {
            slot.as_mut().map(|(generation, value)| (from_parts(index, *generation), value))
        })
    }
}

impl<I: EntityId, T> Default for Table<I, T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::StreamId;
    use alloc::vec::Vec;

    fn id(index: u32, generation: u32) -> StreamId {
        from_parts(index, NonZeroU32::new(generation).unwrap())
    }

    #[test]
    fn a_stale_id_finds_changes_and_takes_nothing() {
        let mut table = Table::new();
        table.insert(id(2, 2), 'a');
        for stale in [id(2, 1), id(2, 3), id(1, 2), id(9, 2)] {
            assert_eq!(table.get(stale), None);
            assert_eq!(table.get_mut(stale), None);
            assert_eq!(table.remove(stale), None);
        }
        assert_eq!((table.get(id(2, 2)), table.len()), (Some(&'a'), 1));
    }

    #[test]
    fn a_slot_holds_one_value_and_is_counted_once() {
        let mut table = Table::new();
        assert_eq!(table.insert(id(0, 1), 'a'), None);
        assert_eq!(table.insert(id(0, 2), 'b'), Some('a'), "what its owner forgot to take out");
        assert_eq!((table.len(), table.get(id(0, 1))), (1, None));
        assert_eq!(table.remove(id(0, 2)), Some('b'));
        assert!(table.is_empty());
        assert_eq!(table.remove(id(0, 2)), None);
        assert!(table.is_empty());
    }

    #[test]
    fn a_value_changes_under_its_id_and_the_slot_tells_the_id() {
        let mut table = Table::new();
        table.insert(id(3, 2), 'a');
        assert!(!table.is_empty());
        *table.get_mut(id(3, 2)).unwrap() = 'b';
        assert_eq!(table.get(id(3, 2)), Some(&'b'));
        assert_eq!((table.key_at(3), table.key_at(2), table.key_at(4)), (Some(id(3, 2)), None, None));
    }

    #[test]
    fn a_table_grows_by_four_slots_a_quarter_or_an_eighth() {
        assert_eq!([0, 15, 16, 100, 255, 256, 10_000].map(growth), [4, 4, 4, 25, 63, 32, 1_250]);
    }

    #[test]
    fn a_table_grows_only_where_a_value_does_not_fit() {
        let mut table = Table::new();
        for (index, room) in [(99, 100), (101, 125), (124, 125), (125, 156)] {
            table.insert(id(index, 1), index);
            assert_eq!(table.slots.len(), index as usize + 1);
            assert_eq!(table.slots.capacity(), room, "with {index}");
        }
    }

    #[test]
    fn at_most_a_fifth_or_a_ninth_of_the_slots_is_spare() {
        let mut table = Table::new();
        for n in 0..10_000 {
            table.insert(id(n, 1), n);
            let (used, held) = (table.slots.len(), table.slots.capacity());
            let part = if used <= 300 { 5 } else { 9 };
            assert!(held - used <= 4.max(held / part), "{used} of {held}");
        }
    }

    #[test]
    fn values_are_walked_by_index_with_their_own_ids() {
        let mut table = Table::new();
        for (index, generation, value) in [(4, 1, 40), (1, 7, 10), (2, 3, 20)] {
            table.insert(id(index, generation), value);
        }
        table.remove(id(2, 3));
        for (_, value) in table.iter_mut() {
            *value += 1;
        }
        assert_eq!(table.iter().collect::<Vec<_>>(), [(id(1, 7), &11), (id(4, 1), &41)]);
    }
}
