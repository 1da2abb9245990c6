//! [`Arena`]: the records of all listeners, of all connections or of all streams, in slots that are used again. Each use of
//! a slot has its own generation number.

use super::ends::Failure;
use super::entity::Entity;
use super::id::from_parts;
use super::links::ListLink;
use super::machine::State;
use super::table::growth;
use alloc::vec::Vec;
use core::num::NonZeroU32;
use slab::Slab;

/// The records of all entities of one kind: of all listeners, of all connections or of all streams.
#[derive(Clone, Debug)]
pub(super) struct Arena<K: Entity> {
    // `slab` keeps no value in a vacant slot, so the generations are in a vector of their own. A slot type with room for
    // both was tried, and saved 74 of 436 instructions in the life of a stream; it was dropped since the crate is to build
    // on `slab`.
    slots: Slab<Record<K>>,
    /// The generation of the latest record in each slot, by index. The generation is kept while the slot is vacant.
    generations: Vec<u32>,
    /// The greatest generation of the slots whose memory was freed. The generations of a new slot begin above this number,
    /// so that no id is used twice.
    given_up: u32,
    /// The number of records. The records in retired slots, which are never used again, do not count.
    held: u32,
    limit: u32,
    bounds: IdBounds,
}

/// The greatest index and the greatest generation that an id may have. Tests lower both numbers, so that a test can use up
/// all ids.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct IdBounds {
    pub(super) last_index: u32,
    pub(super) last_generation: u32,
}

/// The generation number that marks a retired slot, that is, a slot that is never used again. No id has this generation.
const RETIRED: NonZeroU32 = NonZeroU32::MAX;

impl IdBounds {
    pub(super) const WIDEST: Self = Self { last_index: ListLink::MASK, last_generation: u32::MAX - 1 };
}

/// The state of one entity (a listener, connection or stream), and its links to other entities.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Record<K: Entity> {
    generation: NonZeroU32,
    /// The state of the listener, connection or stream. It is [`State::Opening`] at first, and only `Lifecycle::transition`
    /// changes it.
    pub(super) state: State,
    /// The outcome of the entity while its last event is owed; otherwise `None`. It is also `None` for a stream that ended
    /// because its connection ended.
    pub(super) owed: Option<LastEvent<K::End>>,
    /// The link to the next younger entity in the same list: the list of owed events, or the list of a connection's streams.
    pub(super) next: ListLink,
    pub(super) links: K::Links,
}

/// The outcome of an entity, with the reason that its last event reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LastEvent<E> {
    Failed(Failure),
    Closed(E),
}

impl<K: Entity> Arena<K> {
    pub(super) const fn new(limit: u32) -> Self {
        Self { slots: Slab::new(), generations: Vec::new(), given_up: 0, held: 0, limit, bounds: IdBounds::WIDEST }
    }

    /// Lowers the bounds of indices and generations. It must be called before the first entity begins.
    #[cfg(test)]
    pub(super) fn narrow(&mut self, bounds: IdBounds) {
        assert!(self.generations.is_empty());
        self.bounds = bounds;
    }

    /// Returns the number of records. The records in retired slots, which are never used again, do not count.
    pub(super) const fn len(&self) -> u32 {
        self.held
    }

    /// Returns whether the limit allows one more record.
    pub(super) const fn has_room(&self) -> bool {
        self.held < self.limit
    }

    /// Makes a record in the state [`State::Opening`] and returns its id, or `None` if the limit is reached or no index is
    /// left.
    #[inline]
    pub(super) fn begin(&mut self, links: K::Links) -> Option<K> {
        if !self.has_room() {
            return None;
        }
        let slot = self.slots.vacant_key();
        if slot == self.generations.len() {
            self.make_room()?;
        }
        let reached = self.generations.get_mut(slot)?;
        *reached += 1; // no overflow: a slot that has reached its last generation is never vacant
        let generation = NonZeroU32::new(*reached)?;
        self.slots.insert(Record { generation, state: State::Opening, owed: None, next: ListLink::NONE, links });
        self.held += 1;
        Some(from_parts(slot as u32, generation))
    }

    /// Adds one slot, and allocates memory if necessary. Returns `None` if the index of the slot would be too large. This
    /// code is a separate function because it runs only once for each slot.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self) -> Option<()> {
        let slot = self.generations.len();
        if slot > self.bounds.last_index as usize {
            return None;
        }
        if slot == self.slots.capacity() {
            self.slots.reserve_exact(growth(slot));
            self.generations.reserve_exact(growth(slot));
        }
        self.generations.push(self.given_up);
        Some(())
    }

    #[inline]
    pub(super) fn get(&self, id: K) -> Option<&Record<K>> {
        self.slots.get(id.index()).filter(|record| record.generation == id.generation())
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: K) -> Option<&mut Record<K>> {
        self.slots.get_mut(id.index()).filter(|record| record.generation == id.generation())
    }

    /// Returns the record of an id that the caller knows to be valid. For example, the id of a connection is valid as long
    /// as a stream on that connection has a record.
    #[inline]
    pub(super) fn living_mut(&mut self, id: K) -> Option<&mut Record<K>> {
        debug_assert!(self.get(id).is_some(), "{id} lives");
        self.slots.get_mut(id.index())
    }

    /// Returns the id of the record to which a link leads, or `None` if the record belongs to another arena.
    pub(super) fn id_at(&self, link: ListLink) -> Option<K> {
        let slot = link.index_as(K::KIND);
        self.slots.get(slot).map(|record| from_parts(slot as u32, record.generation))
    }

    pub(super) fn at(&self, link: ListLink) -> Option<&Record<K>> {
        self.slots.get(link.index_as(K::KIND))
    }

    /// Returns the record to which a link leads, or `None` if the record belongs to another arena.
    #[inline]
    pub(super) fn at_mut(&mut self, link: ListLink) -> Option<&mut Record<K>> {
        self.slots.get_mut(link.index_as(K::KIND))
    }

    /// Returns all records with their ids, in the order of their slots. The records in retired slots are left out.
    pub(super) fn iter(&self) -> impl Iterator<Item = (K, &Record<K>)> {
        let records = self.slots.iter().filter(|(_, record)| record.generation != RETIRED);
        records.map(|(slot, record)| (from_parts(slot as u32, record.generation), record))
    }

    /// Returns all records mutably, in the order of their slots. The records in retired slots are included.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Record<K>> {
        self.slots.iter_mut().map(|(_, record)| record)
    }

    /// Checks the invariants of the slots, and panics if one is broken. The links between records are checked elsewhere.
    pub(super) fn check(&self) {
        assert_eq!(self.iter().count(), self.held as usize, "An arena counts its records.");
        assert!(self.held <= self.limit, "There are no more records than the limit allows.");
        for (slot, record) in &self.slots {
            let reached = self.generations.get(slot).copied();
            let retired = record.generation == RETIRED && reached == Some(self.bounds.last_generation);
            assert!(retired || reached == Some(record.generation.get()), "A record is of its slot's last generation.");
        }
    }

    /// Frees the slot of an id for another entity, or retires the slot if all its generations are used up.
    #[inline]
    pub(super) fn vacate(&mut self, id: K) {
        let Some(record) = self.get_mut(id) else { return };
        record.generation = RETIRED;
        self.held -= 1;
        if id.generation().get() < self.bounds.last_generation {
            self.slots.try_remove(id.index());
        } else {
            // A record stays in the slot, so that the slot is never vacant again.
            retired(id);
        }
    }

    /// Frees the memory of the vacant slots behind the last record, if the arena has more than `kept` slots and at least
    /// half of them are behind that record. It visits these vacant slots, from the last one on.
    #[cfg(any(feature = "swarm", test))]
    pub(super) fn give_up_slots(&mut self, kept: usize) {
        let slots = self.generations.len();
        if slots <= kept || self.held as usize > slots / 2 {
            return;
        }
        let used = self.slots.iter().next_back().map_or(0, |(last, _)| last + 1);
        // Only slots at the end can be freed: the index of a record is a part of its id, so records cannot move.
        if used <= slots / 2 {
            self.slots.shrink_to_fit();
            let given_up = self.generations.drain(used..).max();
            self.given_up = self.given_up.max(given_up.unwrap_or(0));
            self.generations.shrink_to_fit();
        }
    }
}

/// Logs that a slot is retired. This code is a separate function because it hardly ever runs: a slot is retired after some
/// four thousand million entities.
#[cold]
#[inline(never)]
fn retired<K: Entity>(id: K) {
    log::debug!("{id} has the last generation of its slot, which is retired");
}

/// Two arenas are equal if every query returns the same result on both, and if the next record gets the same id. Of the
/// vacant slots, only the number and the one that is used next are compared: `slab` shows no more of them.
impl<K: Entity> PartialEq for Arena<K> {
    fn eq(&self, other: &Self) -> bool {
        let sizes = |arena: &Self| (arena.held, arena.limit, arena.bounds, arena.slots.len(), arena.slots.vacant_key());
        sizes(self) == sizes(other)
            && self.given_up == other.given_up
            && self.generations == other.generations
            && self.slots.iter().eq(other.slots.iter())
    }
}

impl<K: Entity> Eq for Arena<K> {}

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
    fn no_id_has_the_generation_of_a_retired_slot() {
        assert!(IdBounds::WIDEST.last_generation < RETIRED.get());
    }

    #[test]
    fn no_id_comes_back_from_slots_that_were_given_up() {
        let mut arena = arena(100);
        let ids: Vec<_> = arena.iter().map(|(id, _)| id).collect();
        ids[30..].iter().for_each(|id| arena.vacate(*id));
        let again = arena.begin(()).unwrap();
        arena.vacate(again);
        arena.give_up_slots(100);
        assert_eq!(arena.generations.len(), 100, "so many are kept");
        arena.give_up_slots(99);
        assert_eq!((arena.generations.len(), arena.len()), (30, 30));
        for _ in 0..100 {
            let id = arena.begin(()).unwrap();
            assert!(!ids.contains(&id) && id != again, "{id}");
        }
        arena.check();
        // A record behind most of the slots keeps all of them.
        let ids: Vec<_> = arena.iter().map(|(id, _)| id).collect();
        ids[..129].iter().for_each(|id| arena.vacate(*id));
        arena.give_up_slots(0);
        assert_eq!(arena.generations.len(), 130);
    }

    #[test]
    fn many_records_move_seldom_and_at_most_a_fifth_is_spare() {
        let mut arena = arena(0);
        let (mut held, mut moves) = ([0; 2], 0);
        for _ in 0..10_000 {
            arena.begin(()).unwrap();
            let before = core::mem::replace(&mut held, [arena.slots.capacity(), arena.generations.capacity()]);
            moves += u32::from(before != held);
            let used = arena.slots.len();
            assert!(held.iter().all(|held| held - used <= 4.max(held / 5)), "{used} of {held:?}");
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
        arena.generations[1] = 2;
        arena.check();
    }

    #[test]
    #[should_panic(expected = "A record is of its slot's last generation.")]
    fn a_slot_that_is_retired_too_early_is_found() {
        let mut arena = arena(2);
        arena.slots[1].generation = RETIRED;
        arena.held = 1;
        arena.check();
    }
}
