//! [`WireIds`]: the streams of a session that are not over, by their ids on the wire.

use crate::arithmetic::Count;
use alloc::collections::VecDeque;

/// The number of vacant places that a queue may contain however few streams it contains; a place becomes vacant when its
/// stream ends. It is also the number of streams for which a session without streams keeps memory.
const SPARE: usize = 16;

/// The number of streams for which a session that has streams keeps memory.
const KEPT: usize = 128;

/// A map from wire ids to the caller's keys. The ids of each side are in a queue of their own, so that neither side can make
/// the other side's entries move: the dialer's ids are odd, the listener's even (Yamux specification, "StreamID field").
#[derive(Debug)]
pub(super) struct WireIds<K> {
    /// The queue of the even ids, then the queue of the odd ids.
    sides: [SideIds<K>; 2],
    /// The id that was found or inserted last, with its key, since successive frames mostly belong to the same stream.
    latest: Option<(u32, K)>,
}

/// The streams of one side, as a queue that is sorted by id. Their ids increase, so a new stream is appended, and the oldest
/// streams mostly end first and are removed at the front. The position of an id mostly follows from its distance to the
/// first id. The queue takes half the memory of a tree, and has no nodes to allocate.
///
/// When a stream between others ends, its place in the queue becomes vacant. Vacant places are removed once they are half as
/// many as the live streams, which costs O(1) for each. If the ids of a peer do not increase, each new stream costs a move
/// of at most half of that side's streams. Unlike the cost of a hash map, this cost does not depend on a random seed.
#[derive(Debug)]
struct SideIds<K> {
    /// The places in the order of their ids. The first and the last place are never vacant.
    places: VecDeque<(u32, Option<K>)>,
    len: usize,
}

impl<K: Copy> WireIds<K> {
    /// Makes an empty map, which allocates nothing.
    pub(super) const fn new() -> Self {
        Self { sides: [SideIds::new(), SideIds::new()], latest: None }
    }

    pub(super) const fn len(&self) -> usize {
        let [even, odd] = &self.sides;
        even.len.saturating_add(odd.len)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn get(&self, id: u32) -> Option<K> {
        let [even, odd] = &self.sides;
        match self.latest {
            Some((latest, key)) if latest == id => Some(key),
            Some(_) | None if is_odd(id) => odd.get(id),
            Some(_) | None => even.get(id),
        }
    }

    /// Returns the key of an id like [`get`](Self::get), and remembers the result for the next call.
    #[inline]
    pub(super) fn look_up(&mut self, id: u32) -> Option<K> {
        if let Some((latest, key)) = self.latest
            && latest == id
        {
            return Some(key);
        }
        let key = self.get(id)?;
        self.latest = Some((id, key));
        Some(key)
    }

    pub(super) fn contains(&self, id: u32) -> bool {
        self.get(id).is_some()
    }

    /// Inserts a stream. If another stream has the same id, it is replaced.
    pub(super) fn insert(&mut self, id: u32, key: K) {
        self.side_mut(id).insert(id, key);
        self.latest = Some((id, key));
    }

    /// Changes the key of a stream to `key`, if the map contains the stream.
    pub(super) fn rename(&mut self, id: u32, key: K) {
        let side = self.side_mut(id);
        if let Ok(at) = side.find(id)
            && let Some((_, Some(old))) = side.places.get_mut(at)
        {
            *old = key;
            self.latest = Some((id, key));
        }
    }

    /// Removes a stream and returns its key.
    pub(super) fn remove(&mut self, id: u32) -> Option<K> {
        self.latest.take_if(|(latest, _)| *latest == id);
        self.side_mut(id).remove(id)
    }

    /// Frees memory that a session without streams does not need.
    pub(super) fn shrink(&mut self) {
        self.sides.iter_mut().for_each(|side| side.places.shrink_to(SPARE));
    }

    fn side_mut(&mut self, id: u32) -> &mut SideIds<K> {
        let [even, odd] = &mut self.sides;
        if is_odd(id) { odd } else { even }
    }
}

const fn is_odd(id: u32) -> bool {
    id % 2 == 1
}

/// Returns the index that an id has in its queue if no id before it is missing. Ids increase by two.
const fn guess(first: u32, id: u32) -> usize {
    (id.wrapping_sub(first) / 2) as usize
}

impl<K: Copy> SideIds<K> {
    const fn new() -> Self {
        Self { places: VecDeque::new(), len: 0 }
    }

    #[inline]
    fn get(&self, id: u32) -> Option<K> {
        let (first, _) = self.places.front()?;
        match self.places.get(guess(*first, id)) {
            Some((found, key)) if *found == id => *key,
            Some(_) | None => self.places.get(self.find(id).ok()?)?.1,
        }
    }

    fn insert(&mut self, id: u32, key: K) {
        match self.find(id) {
            Ok(at) => {
                let old = self.places.get_mut(at).and_then(|(_, place)| place.replace(key));
                self.len.raise(old.is_none().into());
            }
            Err(at) => {
                self.make_room();
                match at == self.places.len() {
                    true => self.places.push_back((id, Some(key))),
                    false => self.places.insert(at, (id, Some(key))),
                }
                self.len.raise(1);
            }
        }
    }

    fn remove(&mut self, id: u32) -> Option<K> {
        let at = self.find(id).ok()?;
        let key = self.places.get_mut(at)?.1.take()?;
        self.len.lower(1);
        while let Some((_, None)) = self.places.front() {
            self.places.pop_front();
        }
        while let Some((_, None)) = self.places.back() {
            self.places.pop_back();
        }
        if self.places.len() > self.len.saturating_add(self.len / 2).saturating_add(SPARE) {
            self.places.retain(|(_, key)| key.is_some());
        }
        // Half of the memory is freed once less than a quarter of it is used, so that it is not needed again soon.
        if self.places.len() < self.places.capacity() / 4 {
            self.places.shrink_to(KEPT.max(self.places.capacity() / 2));
        }
        Some(key)
    }

    /// Makes room in a full queue: a small queue doubles, a large one grows by a quarter.
    fn make_room(&mut self) {
        let len = self.places.len();
        if len == self.places.capacity() {
            self.places.reserve_exact(if len < 4 * SPARE { len.max(4) } else { len / 4 });
        }
    }

    /// Returns the index of an id, or, as an error, the index at which the id has to be inserted.
    fn find(&self, id: u32) -> Result<usize, usize> {
        let Some((first, _)) = self.places.front() else { return Err(0) };
        let guess = guess(*first, id);
        match self.places.get(guess) {
            Some((found, _)) if *found == id => Ok(guess),
            // The id is greater than all ids in the queue, so it is not in the queue.
            None if self.places.back().is_some_and(|(last, _)| *last < id) => Err(self.places.len()),
            Some(_) | None => self.places.binary_search_by_key(&id, |(id, _)| *id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn wire_ids(ids: impl IntoIterator<Item = u32>) -> WireIds<u32> {
        let mut wire_ids = WireIds::new();
        ids.into_iter().for_each(|id| wire_ids.insert(id, id));
        wire_ids
    }

    /// Returns the number of streams for which the map has memory allocated.
    fn held<K>(wire_ids: &WireIds<K>) -> usize {
        wire_ids.sides.iter().map(|side| side.places.capacity()).sum()
    }

    proptest! {
        #[test]
        fn wire_ids_match_an_ordered_map(ops in proptest::collection::vec((0..60_u32, 0..5_u8), 0..400)) {
            let (mut wire_ids, mut model) = (WireIds::new(), BTreeMap::new());
            for (n, (id, op)) in ops.into_iter().enumerate() {
                match op {
                    0 => { wire_ids.insert(id, n); model.insert(id, n); }
                    1 => prop_assert_eq!(wire_ids.remove(id), model.remove(&id)),
                    2 => prop_assert_eq!(wire_ids.look_up(id), model.get(&id).copied()),
                    3 => { wire_ids.rename(id, n); model.entry(id).and_modify(|key| *key = n); }
                    _ => {}
                }
                prop_assert_eq!(wire_ids.get(id), model.get(&id).copied());
                prop_assert_eq!((wire_ids.len(), wire_ids.is_empty()), (model.len(), model.is_empty()));
                prop_assert_eq!(wire_ids.contains(id), model.contains_key(&id));
                for side in &wire_ids.sides {
                    prop_assert!(side.places.len() <= SPARE + side.len + side.len / 2);
                    prop_assert!(side.places.iter().map(|(id, _)| id).is_sorted());
                }
            }
        }
    }

    #[test]
    fn a_stream_takes_twelve_bytes_and_at_most_a_quarter_more() {
        assert_eq!(size_of::<(u32, Option<crate::lifecycle::StreamId>)>(), 12);
        let (mut wire_ids, mut moves) = (WireIds::new(), 0);
        for n in 0..10_000 {
            let before = held(&wire_ids);
            wire_ids.insert(1 + 2 * n, n);
            moves += u32::from(held(&wire_ids) != before);
            assert!(held(&wire_ids) <= 128.max(wire_ids.len() * 5 / 4), "{}", held(&wire_ids));
        }
        assert!(moves <= 40, "{moves}");
    }

    /// Returns three numbers for the even ids: of streams, of places, and of places for which memory is allocated.
    fn even(wire_ids: &WireIds<u32>) -> (usize, usize, usize) {
        let side = &wire_ids.sides[0];
        (side.len, side.places.len(), side.places.capacity())
    }

    #[test]
    fn memory_doubles_at_first_and_then_grows_by_a_quarter() {
        let (mut wire_ids, mut steps) = (wire_ids([]), alloc::vec![]);
        for n in 0..100 {
            wire_ids.insert(2 * n, n);
            steps.push(held(&wire_ids));
        }
        steps.dedup();
        assert_eq!(steps, [4, 8, 16, 32, 64, 80, 100]);
    }

    #[test]
    fn memory_is_freed_with_the_streams() {
        let mut wire_ids = wire_ids((0..1_000).map(|n| 2 * n));
        let whole = held(&wire_ids);
        assert!(whole / 2 > KEPT);
        let mut gone = 0;
        let mut down_to = |wire_ids: &mut WireIds<u32>, len| {
            while wire_ids.len() > len {
                assert_eq!(wire_ids.remove(2 * gone), Some(2 * gone));
                gone += 1;
            }
            held(wire_ids)
        };
        assert_eq!(down_to(&mut wire_ids, whole / 4), whole);
        assert_eq!(down_to(&mut wire_ids, whole / 4 - 1), whole / 2);
        assert_eq!(down_to(&mut wire_ids, whole / 2 / 4), whole / 2);
        assert_eq!(down_to(&mut wire_ids, 100), whole / 4);
        assert_eq!(down_to(&mut wire_ids, 1), KEPT);
        assert_eq!(down_to(&mut wire_ids, 0), KEPT);
        wire_ids.shrink();
        assert!(held(&wire_ids) <= SPARE);
    }

    #[test]
    fn vacant_places_are_closed_up_once_they_are_half_as_many() {
        let mut wire_ids = wire_ids((0..100).map(|n| 2 * n));
        let remove = |wire_ids: &mut WireIds<u32>, ids: core::ops::RangeInclusive<u32>| {
            ids.for_each(|n| assert_eq!(wire_ids.remove(2 * n), Some(2 * n)));
            even(wire_ids)
        };
        assert_eq!(remove(&mut wire_ids, 1..=44), (56, 100, 100));
        assert_eq!(remove(&mut wire_ids, 45..=45), (55, 55, 100));
        assert_eq!(remove(&mut wire_ids, 46..=98).0, 2);
        assert_eq!((0..200).filter(|id| wire_ids.contains(*id)).collect::<Vec<_>>(), [0, 198]);
    }

    #[test]
    fn the_ids_of_one_side_do_not_move_those_of_the_other() {
        let wire_ids = wire_ids((0..1_000).map(|n| 2_000 + 2 * n).chain((0..500).map(|n| 2 * n + 1)));
        let ids = |side: &SideIds<u32>| side.places.iter().map(|(id, _)| *id).collect::<Vec<_>>();
        assert_eq!(ids(&wire_ids.sides[0]), (0..1_000).map(|n| 2_000 + 2 * n).collect::<Vec<_>>());
        assert_eq!(ids(&wire_ids.sides[1]), (0..500).map(|n| 2 * n + 1).collect::<Vec<_>>());
    }
}
