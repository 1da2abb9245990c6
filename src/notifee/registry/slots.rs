//! [`NotifeeSlots`]: a table that finds the place of a registered notifee by the notifee's id in O(1).

use super::NotifeeId;
#[cfg(feature = "protocols")]
use crate::connection::Protocol;
#[cfg(feature = "protocols")]
use alloc::vec::Vec;
use slab::Slab;

/// The slots of the registered notifees. Each slot contains the notifee's place, which is an index into the registry's
/// entries.
///
/// Places are numbered in the order of registration, from the first entry of the registry to the last notifee that waits to
/// become an entry. When a notifee is unregistered, its place becomes vacant, and is still counted until the registry
/// removes its vacant entries.
#[derive(Debug)]
pub(super) struct NotifeeSlots {
    slots: Slab<NotifeeSlot>,
    /// The sequence number that the next registered notifee will get.
    next: u64,
    /// The number of places, including vacant ones.
    places: usize,
    vacant: usize,
    /// The number of notifees that are registered and not leaving, that is, not about to be unregistered.
    staying: usize,
    /// The number of notifees that are registered, not leaving, and told of emissions (events that other notifees emit).
    hearing: usize,
}

#[derive(Debug)]
struct NotifeeSlot {
    /// The sequence number of the notifee in this slot.
    sequence: u64,
    place: usize,
    state: SlotState,
    /// `true` if the notifee is told of emissions (events that other notifees emit).
    hears: bool,
    /// The protocols of the notifee, if it is an installed service.
    #[cfg(feature = "protocols")]
    protocols: Option<Vec<Protocol>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SlotState {
    Staying,
    /// The notifee is going to be unregistered.
    Leaving,
    /// The notifee was unregistered. It is a service whose protocols are still registered with the node.
    #[cfg(feature = "protocols")]
    HasLeft,
}

impl NotifeeSlot {
    const fn new(sequence: u64, place: usize, hears: bool) -> Self {
        Self {
            sequence,
            place,
            state: SlotState::Staying,
            hears,
            #[cfg(feature = "protocols")]
            protocols: None,
        }
    }
}

impl NotifeeSlots {
    pub(super) const fn new() -> Self {
        Self { slots: Slab::new(), next: NotifeeId::FIRST.sequence, places: 0, vacant: 0, staying: 0, hearing: 0 }
    }

    /// Adds a notifee in a new place after all others, and returns the notifee's id. `hears` is `true` if the notifee is
    /// told of emissions (events that other notifees emit).
    pub(super) fn insert(&mut self, hears: bool) -> NotifeeId {
        let id = self.next_id();
        self.slots.insert(NotifeeSlot::new(self.next, self.places, hears));
        self.next += 1;
        self.places += 1;
        self.staying += 1;
        self.hearing += usize::from(hears);
        id
    }

    fn get(&self, id: NotifeeId) -> Option<&NotifeeSlot> {
        self.slots.get(id.slot as usize).filter(|slot| slot.sequence == id.sequence)
    }

    fn get_mut(&mut self, id: NotifeeId) -> Option<&mut NotifeeSlot> {
        self.slots.get_mut(id.slot as usize).filter(|slot| slot.sequence == id.sequence)
    }

    /// Returns the place of a notifee, or `None` if the notifee is not registered or is about to be unregistered.
    pub(super) fn place(&self, id: NotifeeId) -> Option<usize> {
        self.get(id).filter(|slot| slot.state == SlotState::Staying).map(|slot| slot.place)
    }

    /// Marks a notifee as leaving, that is, as about to be unregistered. Returns `false` if the notifee is not registered,
    /// or already leaving.
    pub(super) fn leave(&mut self, id: NotifeeId) -> bool {
        let Some(slot) = self.get_mut(id).filter(|slot| slot.state == SlotState::Staying) else { return false };
        slot.state = SlotState::Leaving;
        let hears = slot.hears;
        self.staying -= 1;
        self.hearing -= usize::from(hears);
        true
    }

    /// Returns whether the notifee in this slot is leaving; `false` if the slot is vacant.
    pub(super) fn is_leaving(&self, slot: u32) -> bool {
        self.slots.get(slot as usize).is_some_and(|slot| slot.state == SlotState::Leaving)
    }

    /// Removes a notifee, whether it is leaving or not. Returns its place, which is vacant from now on, or `None` if the
    /// notifee is not registered.
    pub(super) fn remove(&mut self, id: NotifeeId) -> Option<usize> {
        let NotifeeSlot { place, state, hears, .. } = *self.get(id)?;
        match state {
            SlotState::Staying => {
                self.staying -= 1;
                self.hearing -= usize::from(hears);
            }
            SlotState::Leaving => {}
            #[cfg(feature = "protocols")]
            SlotState::HasLeft => return None,
        }
        self.vacant += 1;
        #[cfg(feature = "protocols")]
        if let Some(slot) = self.get_mut(id).filter(|slot| slot.protocols.is_some()) {
            // The slot stays until `uninstall` is called: nothing else knows the protocols of the service, which are
            // still registered with the node.
            slot.state = SlotState::HasLeft;
            return Some(place);
        }
        self.slots.try_remove(id.slot as usize)?;
        Some(place)
    }

    /// Stores the protocols of an installed service in the service's slot. Does nothing if the service is not registered.
    #[cfg(feature = "protocols")]
    pub(super) fn install(&mut self, id: NotifeeId, protocols: Vec<Protocol>) {
        if let Some(slot) = self.get_mut(id) {
            slot.protocols = Some(protocols);
        }
    }

    /// Removes and returns the protocols of an installed service, even if the service was unregistered. Returns `None` if
    /// the service is not installed.
    #[cfg(feature = "protocols")]
    pub(super) fn uninstall(&mut self, id: NotifeeId) -> Option<Vec<Protocol>> {
        let slot = self.get_mut(id)?;
        let protocols = slot.protocols.take()?;
        if slot.state == SlotState::HasLeft {
            self.slots.try_remove(id.slot as usize);
        }
        Some(protocols)
    }

    /// Returns the id that the next registered notifee will get.
    pub(super) fn next_id(&self) -> NotifeeId {
        let slot = u32::try_from(self.slots.vacant_key()).expect("memory ends before 2^32 notifees are registered");
        NotifeeId::new(self.next, slot)
    }

    /// Returns the sequence number that the next registered notifee will get.
    pub(super) const fn next_sequence(&self) -> u64 {
        self.next
    }

    /// Returns whether any notifee other than `this` is told of emissions (events that other notifees emit).
    pub(super) fn is_heard_by_others(&self, this: NotifeeId) -> bool {
        let is_hearing = |slot: &NotifeeSlot| slot.hears && slot.state == SlotState::Staying;
        self.hearing > usize::from(self.get(this).is_some_and(is_hearing))
    }

    /// Returns the number of notifees that are registered and not leaving.
    pub(super) const fn len(&self) -> usize {
        self.staying
    }

    /// Returns whether more than half of the places are vacant.
    pub(super) const fn are_mostly_vacant(&self) -> bool {
        self.vacant > self.places / 2
    }

    /// Renumbers the places after the vacant ones were removed: the notifees in `slots` get the places 0, 1, and so on, in
    /// this order.
    pub(super) fn compact(&mut self, slots: impl Iterator<Item = u32>) {
        (self.places, self.vacant) = (0, 0);
        for slot in slots {
            if let Some(slot) = self.slots.get_mut(slot as usize) {
                slot.place = self.places;
            }
            self.places += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_that_is_used_again_does_not_answer_to_the_old_id() {
        let mut slots = NotifeeSlots::new();
        let old = slots.insert(false);
        assert_eq!(slots.remove(old), Some(0));
        let new = slots.insert(false);
        assert_eq!((new.slot, slots.place(new)), (old.slot, Some(1)));
        assert_eq!((slots.place(old), slots.leave(old), slots.remove(old)), (None, false, None));
        assert_eq!(slots.len(), 1);
    }

    #[test]
    fn a_leaving_notifee_counts_no_more_and_its_place_does() {
        let mut slots = NotifeeSlots::new();
        let [first, second] = [(); 2].map(|()| slots.insert(false));
        assert!(slots.leave(first) && !slots.leave(first) && slots.is_leaving(first.slot));
        assert_eq!((slots.len(), slots.place(first), slots.place(second)), (1, None, Some(1)));
        assert_eq!((slots.remove(first), slots.len(), slots.are_mostly_vacant()), (Some(0), 1, false));
        assert_eq!((slots.remove(second), slots.are_mostly_vacant()), (Some(1), true));
    }

    #[test]
    fn compaction_closes_the_gaps_in_order() {
        let mut slots = NotifeeSlots::new();
        let ids = [(); 4].map(|()| slots.insert(false));
        slots.remove(ids[0]);
        slots.remove(ids[2]);
        slots.compact([ids[1].slot, ids[3].slot].into_iter());
        assert_eq!(ids.map(|id| slots.place(id)), [None, Some(0), None, Some(1)]);
        let next = slots.insert(false);
        assert_eq!(slots.place(next), Some(2));
    }

    #[test]
    fn who_hears_counts_until_it_leaves() {
        let mut slots = NotifeeSlots::new();
        let [hears, speaks] = [true, false].map(|hears| slots.insert(hears));
        assert_eq!([hears, speaks].map(|this| slots.is_heard_by_others(this)), [false, true]);
        let second = slots.insert(true);
        assert!(slots.is_heard_by_others(hears));
        slots.leave(hears);
        assert_eq!([hears, second].map(|this| slots.is_heard_by_others(this)), [true, false]);
        slots.remove(hears);
        slots.remove(second);
        assert!(!slots.is_heard_by_others(speaks));
    }

    #[cfg(feature = "protocols")]
    #[test]
    fn the_slot_of_a_service_is_kept_until_its_protocols_are_taken() {
        let mut slots = NotifeeSlots::new();
        let service = slots.insert(false);
        slots.install(service, Vec::new());
        assert_eq!((slots.remove(service), slots.remove(service), slots.len()), (Some(0), None, 0));
        let other = slots.insert(false);
        assert_ne!(other.slot, service.slot);
        assert_eq!((slots.uninstall(other), slots.uninstall(service)), (None, Some(Vec::new())));
        assert_eq!((slots.uninstall(service), slots.insert(false).slot), (None, service.slot));
    }
}
