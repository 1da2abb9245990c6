//! [`HeldMemory`]: the accounts of the memory that a service holds for others, such as peers. When memory has to be freed,
//! the table finds the largest item of the holder whose items take most memory.

use alloc::collections::{BTreeMap, BTreeSet};

/// The accounts of the memory of items, such as incomplete messages. Each item is accounted to the holder that caused it,
/// such as a peer. When memory has to be freed, [`largest`](Self::largest) names the item to drop. Whenever all holders
/// together exceed a budget, the holder with the most bytes has more than the budget divided by the number of holders. A
/// holder whose bytes stay within that fraction of the budget therefore never loses an item.
///
/// Each operation costs O(log n). An item of 0 bytes is removed.
#[derive(Debug)]
pub(super) struct HeldMemory<H, I> {
    all: usize,
    items: BTreeMap<I, (H, usize)>,
    /// The holders that have at least one item, each with its items.
    holders: BTreeMap<H, HolderMemory<I>>,
    /// The holders that have at least one item, each with the number of bytes of all its items, the smallest number first.
    sizes: BTreeSet<(usize, H)>,
}

#[derive(Debug)]
struct HolderMemory<I> {
    bytes: usize,
    /// The items of this holder, each with its number of bytes, the smallest first.
    items: BTreeSet<(usize, I)>,
}

/// The number of entries for which a node of a `BTreeMap` allocates memory, even if it contains fewer entries. Each holder
/// has a tree of its own for its items, so the first item of a holder allocates a whole node.
const NODE: usize = 11;

impl<H: Copy + Ord, I: Copy + Ord> HeldMemory<H, I> {
    /// The maximum number of bytes of heap that this table takes for a holder together with the holder's first item, if that
    /// item is alone in its tree node.
    pub(super) const HOLDER: usize =
        2 * (size_of::<(H, HolderMemory<I>)>() + size_of::<(usize, H)>()) + NODE * size_of::<(usize, I)>() + 48;
    /// The maximum number of bytes of heap that this table takes for each further item. The factor 2 allows for tree nodes
    /// that are half empty.
    pub(super) const ITEM: usize = 2 * (size_of::<(I, (H, usize))>() + size_of::<(usize, I)>()) + 16;

    pub(super) const fn new() -> Self {
        Self { all: 0, items: BTreeMap::new(), holders: BTreeMap::new(), sizes: BTreeSet::new() }
    }

    /// Returns the total number of bytes of all items.
    pub(super) const fn all(&self) -> usize {
        self.all
    }

    /// Returns the number of bytes of all items of a holder.
    pub(super) fn of(&self, holder: &H) -> usize {
        self.holders.get(holder).map_or(0, |holder| holder.bytes)
    }

    /// Sets the size of an item of a holder, in bytes. 0 bytes remove the item. An item must not move to another holder.
    pub(super) fn set(&mut self, holder: H, item: I, bytes: usize) {
        let before = if bytes == 0 { self.items.remove(&item) } else { self.items.insert(item, (holder, bytes)) };
        let before = before.map_or(0, |(_, bytes)| bytes);
        if before == bytes {
            return;
        }
        self.all = self.all.saturating_sub(before).saturating_add(bytes);
        let own = self.holders.entry(holder).or_insert(HolderMemory { bytes: 0, items: BTreeSet::new() });
        self.sizes.remove(&(own.bytes, holder));
        own.bytes = own.bytes.saturating_sub(before).saturating_add(bytes);
        own.items.remove(&(before, item));
        if bytes > 0 {
            own.items.insert((bytes, item));
        }
        // A holder without items is removed. Otherwise each peer that has ever sent a message would take memory for good.
        match own.items.is_empty() {
            true => drop(self.holders.remove(&holder)),
            false => drop(self.sizes.insert((own.bytes, holder))),
        }
    }

    /// Removes an item. An unknown item is ignored.
    pub(super) fn forget(&mut self, item: I) {
        if let Some((holder, _)) = self.items.get(&item) {
            self.set(*holder, item, 0);
        }
    }

    /// Returns the largest item of the holder whose items take most bytes, or `None` if there is no item.
    pub(super) fn largest(&self) -> Option<I> {
        // The two orders exist for this lookup. With a scan of all items, each message beyond the budget would cost O(n),
        // and the peers that fill the table would be the ones that make n large.
        let (_, holder) = self.sizes.last()?;
        Some(self.holders.get(holder)?.items.last()?.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_most_loses_its_largest_item_first() {
        let mut held = HeldMemory::new();
        for (holder, item, bytes) in [('a', 1, 50), ('a', 2, 60), ('b', 3, 100), ('c', 4, 10)] {
            held.set(holder, item, bytes);
        }
        assert_eq!((held.all(), held.of(&'a'), held.largest()), (220, 110, Some(2)));
        held.set('a', 2, 5);
        assert_eq!((held.all(), held.largest()), (165, Some(3)));
        // Freed down to a budget of 30: 'c' holds no more than its third of that, and loses nothing.
        while held.all() > 30 {
            let largest = held.largest().unwrap();
            held.forget(largest);
        }
        assert_eq!((held.of(&'c'), held.all()), (10, 15));
    }

    #[test]
    fn removed_items_leave_nothing_behind() {
        let mut held = HeldMemory::new();
        for item in 0..100_u8 {
            held.set(item % 7, item, usize::from(item));
            held.set(item % 7, item, usize::from(item) * 2);
        }
        (0..100).for_each(|item| held.forget(item));
        held.forget(200);
        assert_eq!((held.all(), held.largest()), (0, None));
        assert!(held.items.is_empty() && held.holders.is_empty() && held.sizes.is_empty());
    }
}
