//! [`Arena`]: the records of one kind, in slots that are used again under new generations, and [`Link`], by which
//! records are threaded into lists without allocation.
//!
//! It is a slab whose slots know their generations, so that a lookup is one bounds check and one comparison. On the
//! `slab` crate, which keeps a tag of its own in each slot and forgets what sat in a vacant one, the life of a stream
//! took a fifth more instructions, and its slot an eighth more memory.

use super::event::Failure;
use super::id::{from_parts, some_generation};
use super::kind::Kind;
use super::machine::State;
use super::table::growth;
use alloc::vec::Vec;
use core::num::NonZeroU32;

/// The records of one kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Arena<K: Kind> {
    slots: Vec<Record<K>>,
    /// The slot that was vacated last; the one that was vacated before is its `next`.
    vacant: Link,
    /// How many records there are: slots that are neither vacant nor retired.
    held: u32,
    limit: u32,
    bounds: Bounds,
}

/// How far indices and generations go. Tests narrow it, to see the end of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bounds {
    pub(super) last_index: u32,
    pub(super) last_generation: u32,
}

impl Bounds {
    pub(super) const WIDEST: Self = Self { last_index: Link::MASK, last_generation: u32::MAX };
}

/// A slot, and what is kept in it of one entity.
#[derive(Clone, Debug)]
pub(super) struct Record<K: Kind> {
    /// That of who sits there; `None` while the slot is vacant, and once it is retired.
    generation: Option<NonZeroU32>,
    /// The generation that the slot has reached: of who sits there, or else of who will.
    reached: NonZeroU32,
    /// Opening to begin with, and then written by `Lifecycle::transition` alone.
    pub(super) state: State,
    /// What its last event will say, while it is owed. That of a stream that ended with its connection is not kept.
    pub(super) owed: Option<Outcome<K::End>>,
    /// The next younger one on the list it hangs on: of what is owed, or of its connection's streams. While the slot is
    /// vacant, the next vacant one.
    pub(super) next: Link,
    pub(super) links: K::Links,
}

/// How something went, as its last event says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome<E> {
    Failed(Failure),
    Closed(E),
}

impl<K: Kind> Arena<K> {
    pub(super) const fn new(limit: u32) -> Self {
        Self { slots: Vec::new(), vacant: Link::NONE, held: 0, limit, bounds: Bounds::WIDEST }
    }

    /// Narrows what indices and generations may reach, before anything has begun.
    #[cfg(test)]
    pub(super) fn narrow(&mut self, bounds: Bounds) {
        assert!(self.slots.is_empty());
        self.bounds = bounds;
    }

    /// How many records there are.
    pub(super) const fn len(&self) -> u32 {
        self.held
    }

    /// A new record in the state Opening, or `None` if there may be no more.
    #[inline]
    pub(super) fn begin(&mut self, links: K::Links) -> Option<K> {
        if self.held >= self.limit {
            return None;
        }
        if self.vacant.is_none() {
            self.vacant = self.make_room()?;
            self.slots.push(Record::new(None, NonZeroU32::MIN, links));
        }
        let index = self.vacant.index_as(K::KIND);
        let slot = self.slots.get_mut(index)?;
        self.vacant = slot.next;
        self.held += 1;
        let reached = slot.reached;
        *slot = Record::new(Some(reached), reached, links);
        Some(from_parts(index as u32, reached))
    }

    /// Makes room for one more slot, and says where it will be. Apart, since it is done once for each.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self) -> Option<Link> {
        let index = self.slots.len();
        if index > self.bounds.last_index as usize {
            return None;
        }
        if index == self.slots.capacity() {
            self.slots.reserve_exact(growth(index));
        }
        Some(Link::to(from_parts::<K>(index as u32, NonZeroU32::MIN)))
    }

    #[inline]
    pub(super) fn get(&self, id: K) -> Option<&Record<K>> {
        self.slots.get(id.index()).filter(|record| record.generation == some_generation(id))
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: K) -> Option<&mut Record<K>> {
        self.slots.get_mut(id.index()).filter(|record| record.generation == some_generation(id))
    }

    /// The same for one that is known to live, since something else does that it outlives.
    #[inline]
    pub(super) fn living_mut(&mut self, id: K) -> Option<&mut Record<K>> {
        debug_assert!(self.get(id).is_some(), "{id} lives");
        self.slots.get_mut(id.index())
    }

    /// The id of what a link leads to, if that is of this kind.
    pub(super) fn id_at(&self, link: Link) -> Option<K> {
        self.at(link)?.id_at(link.index_as(K::KIND))
    }

    pub(super) fn at(&self, link: Link) -> Option<&Record<K>> {
        self.slots.get(link.index_as(K::KIND))
    }

    /// What a link leads to, if it leads to a record of this kind.
    #[inline]
    pub(super) fn at_mut(&mut self, link: Link) -> Option<&mut Record<K>> {
        self.slots.get_mut(link.index_as(K::KIND))
    }

    /// Every record, by index.
    pub(super) fn iter(&self) -> impl Iterator<Item = (K, &Record<K>)> {
        self.slots.iter().enumerate().filter_map(|(index, record)| Some((record.id_at(index)?, record)))
    }

    /// The invariants of the slots themselves.
    pub(super) fn check(&self) {
        assert_eq!(self.iter().count(), self.held as usize, "An arena counts its records.");
        assert!(self.held <= self.limit, "There are no more records than the limit allows.");
        let mut unused = 0;
        let mut vacant = self.at(self.vacant);
        while let Some(slot) = vacant {
            unused += 1;
            assert!(unused <= self.slots.len(), "The list of vacant slots has an end.");
            assert!(slot.generation.is_none(), "What is on the list of vacant slots is vacant.");
            vacant = self.at(slot.next);
        }
        for slot in &self.slots {
            let is_last = slot.reached.get() == self.bounds.last_generation;
            unused += usize::from(slot.generation.is_none() && is_last);
            let is_reached = slot.generation.is_none_or(|generation| generation == slot.reached);
            assert!(is_reached, "A record is of its slot's last generation.");
        }
        assert!(
            unused + self.held as usize >= self.slots.len(),
            "A slot is used, or vacant, or its generations are spent."
        );
    }

    /// Gives a slot back, or retires it if no generation is left for another entity.
    #[inline]
    pub(super) fn vacate(&mut self, id: K) {
        let Some(slot) = self.slots.get_mut(id.index()).filter(|slot| slot.generation == some_generation(id)) else {
            return;
        };
        slot.generation = None;
        self.held -= 1;
        if slot.reached.get() < self.bounds.last_generation {
            slot.reached = slot.reached.saturating_add(1);
            slot.next = self.vacant;
            self.vacant = Link::to(id);
        } else {
            retired(id);
        }
    }
}

impl<K: Kind> Record<K> {
    #[inline]
    const fn new(generation: Option<NonZeroU32>, reached: NonZeroU32, links: K::Links) -> Self {
        Self { generation, reached, state: State::Opening, owed: None, next: Link::NONE, links }
    }

    /// The id of who sits in it, as the slot of this index.
    fn id_at(&self, index: usize) -> Option<K> {
        Some(from_parts(index as u32, self.generation?))
    }
}

/// Apart, since it takes four thousand million entities to get there.
#[cold]
#[inline(never)]
fn retired<K: Kind>(id: K) {
    log::debug!("{id} was the last of its slot, which is retired");
}

/// Equal slots answer everything the same, now and after equal changes: what is left in a vacant one is nothing.
impl<K: Kind> PartialEq for Record<K> {
    fn eq(&self, other: &Self) -> bool {
        let slot = |it: &Self| (it.generation, it.reached, it.next);
        let kept = |it: &Self| (it.state, it.owed, it.links);
        slot(self) == slot(other) && (self.generation.is_none() || kept(self) == kept(other))
    }
}

impl<K: Kind> Eq for Record<K> {}

/// The slot of a record of any kind, or none: two bits of kind and thirty of index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Link(u32);

impl Link {
    /// Leads nowhere: no kind is 0.
    pub(super) const NONE: Self = Self(0);
    const SHIFT: u32 = 30;
    const MASK: u32 = (1 << Self::SHIFT) - 1;

    /// A link to an entity. Its index fits, since [`Bounds`] go no further.
    #[inline]
    pub(super) fn to<K: Kind>(id: K) -> Self {
        Self((K::KIND as u32) << Self::SHIFT | id.index() as u32)
    }

    pub(super) const fn is_none(self) -> bool {
        self.0 == Self::NONE.0
    }

    /// The index, if it leads to something of this kind; else one beyond every arena, so that the bounds check of the
    /// lookup is that of the kind, too.
    #[inline]
    pub(super) fn index_as(self, kind: u8) -> usize {
        (self.0 ^ u32::from(kind) << Self::SHIFT) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::ListenerId;

    fn arena(records: u32) -> Arena<ListenerId> {
        let mut arena = Arena::new(u32::MAX);
        for _ in 0..records {
            arena.begin(()).unwrap();
        }
        arena
    }

    #[test]
    fn many_records_are_moved_few_times_and_at_most_a_fifth_of_them_is_spare() {
        let mut arena = arena(0);
        let (mut held, mut moves) = (0, 0);
        for _ in 0..10_000 {
            arena.begin(()).unwrap();
            let before = core::mem::replace(&mut held, arena.slots.capacity());
            moves += u32::from(before != held);
            let used = arena.slots.len();
            assert!(held - used <= 4.max(held / 5), "{used} of {held}");
        }
        assert!(moves <= 50, "{moves}");
    }

    #[test]
    #[should_panic(expected = "An arena counts its records.")]
    fn a_record_that_is_not_counted_is_found() {
        let mut arena = arena(2);
        arena.held = 1;
        arena.check();
    }

    #[test]
    #[should_panic(expected = "There are no more records than the limit allows.")]
    fn a_record_beyond_the_limit_is_found() {
        let mut arena = arena(2);
        arena.limit = 1;
        arena.check();
    }

    #[test]
    #[should_panic(expected = "A record is of its slot's last generation.")]
    fn a_record_of_another_generation_is_found() {
        let mut arena = arena(2);
        arena.slots[1].reached = NonZeroU32::MAX;
        arena.check();
    }

    #[test]
    #[should_panic(expected = "A slot is used, or vacant, or its generations are spent.")]
    fn a_slot_that_is_retired_before_its_generations_are_spent_is_found() {
        let mut arena = arena(2);
        arena.slots[1].generation = None;
        arena.held = 1;
        arena.check();
    }

    #[test]
    #[should_panic(expected = "What is on the list of vacant slots is vacant.")]
    fn a_record_on_the_list_of_vacant_slots_is_found() {
        let mut arena = arena(2);
        arena.vacant = Link::to(from_parts::<ListenerId>(1, NonZeroU32::MIN));
        arena.check();
    }

    #[test]
    #[should_panic(expected = "The list of vacant slots has an end.")]
    fn a_list_of_vacant_slots_without_an_end_is_found() {
        let mut arena = arena(2);
        let [first, second] = [0, 1].map(|index| from_parts::<ListenerId>(index, NonZeroU32::MIN));
        arena.vacate(first);
        arena.vacate(second);
        arena.slots[0].next = Link::to(second);
        arena.check();
    }
}
