//! [`HeldMemory`]: the memory that a service takes for others, by who has caused it, and the largest of whoever holds
//! most.

use alloc::collections::{BTreeMap, BTreeSet};

/// The memory of items, such as messages that are not whole, each of which some holder has caused: a peer, say. Where it is
/// too much, [`largest`](Self::largest) names what goes. When all together exceed a budget, the holder of most has more than
/// the budget divided by the number of holders: whoever holds no more than that never pays.
///
/// Each operation is O(log n). Items of 0 bytes take no memory here.
#[derive(Debug)]
pub(super) struct HeldMemory<H, I> {
    all: usize,
    items: BTreeMap<I, (H, usize)>,
    /// None of them is without an item.
    holders: BTreeMap<H, HolderMemory<I>>,
    /// The holders by their bytes.
    sizes: BTreeSet<(usize, H)>,
}

#[derive(Debug)]
struct HolderMemory<I> {
    bytes: usize,
    /// By their bytes.
    items: BTreeSet<(usize, I)>,
}

/// The number of entries for which a node of a tree has room, however few it has.
const NODE: usize = 11;

impl<H: Copy + Ord, I: Copy + Ord> HeldMemory<H, I> {
    /// The bytes of heap that one holder takes at most, with a first item that is alone in its node.
    pub(super) const HOLDER: usize =
        2 * (size_of::<(H, HolderMemory<I>)>() + size_of::<(usize, H)>()) + NODE * size_of::<(usize, I)>() + 48;
    /// Those of a further item. Nodes may be half empty.
    pub(super) const ITEM: usize = 2 * (size_of::<(I, (H, usize))>() + size_of::<(usize, I)>()) + 16;

    pub(super) const fn new() -> Self {
        Self { all: 0, items: BTreeMap::new(), holders: BTreeMap::new(), sizes: BTreeSet::new() }
    }

    /// Returns the bytes of all items.
    pub(super) const fn all(&self) -> usize {
        self.all
    }

    /// Returns the bytes of a holder's items.
    pub(super) fn of(&self, holder: &H) -> usize {
        self.holders.get(holder).map_or(0, |holder| holder.bytes)
    }

    /// An item of a holder has so many bytes now. It is never another holder's.
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
        match own.items.is_empty() {
            true => drop(self.holders.remove(&holder)),
            false => drop(self.sizes.insert((own.bytes, holder))),
        }
    }

    /// An item is gone.
    pub(super) fn forget(&mut self, item: I) {
        if let Some((holder, _)) = self.items.get(&item) {
            self.set(*holder, item, 0);
        }
    }

    /// Returns the largest item of the holder that holds most.
    pub(super) fn largest(&self) -> Option<I> {
        let (_, holder) = self.sizes.last()?;
        Some(self.holders.get(holder)?.items.last()?.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_of_who_holds_most_goes_and_who_holds_little_stays() {
        let mut held = HeldMemory::new();
        for (holder, item, bytes) in [('a', 1, 50), ('a', 2, 60), ('b', 3, 100), ('c', 4, 10)] {
            held.set(holder, item, bytes);
        }
        assert_eq!((held.all(), held.of(&'a'), held.largest()), (220, 110, Some(2)));
        held.set('a', 2, 5);
        assert_eq!((held.all(), held.largest()), (165, Some(3)));
        // Down to a budget: who holds no more than its third of it pays nothing.
        while held.all() > 30 {
            let largest = held.largest().unwrap();
            held.forget(largest);
        }
        assert_eq!((held.of(&'c'), held.all()), (10, 15));
    }

    #[test]
    fn nothing_is_kept_of_what_is_gone() {
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
