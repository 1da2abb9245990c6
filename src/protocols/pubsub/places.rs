//! [`Places`]: who has a place among the peers, by address, so that no address can take all of them in silence.

use crate::arithmetic::Count;
use crate::identity::PeerId;
use crate::swarm::AddressGroup;
use alloc::collections::{BTreeMap, BTreeSet};

/// The share that is no address's too much, however few places there are: as many connections as go-libp2p takes of one
/// IPv4 address.
const LEAST_SHARE: usize = 8;

/// The places of peers.
#[derive(Debug)]
pub(super) struct Places {
    max: usize,
    len: usize,
    groups: BTreeMap<AddressGroup, Group>,
    /// The groups by size, so that the greediest is found without a look at all.
    sizes: BTreeSet<(usize, AddressGroup)>,
    /// The number of the next newcomer.
    next: u64,
}

/// The peers of one address.
#[derive(Default, Debug)]
struct Group {
    len: usize,
    /// Those that have sent nothing yet, in the order in which they came.
    silent: BTreeMap<u64, PeerId>,
}

/// A peer's place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    group: AddressGroup,
    /// Its number among the silent ones, as long as it is one.
    silent: Option<u64>,
}

/// What is to be done for a newcomer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Room {
    /// There is a place.
    Free,
    /// There is one once this peer has gone.
    Instead(PeerId),
    /// There is none.
    None,
}

impl Places {
    /// At most so many.
    pub(super) const fn new(max: usize) -> Self {
        Self { max, len: 0, groups: BTreeMap::new(), sizes: BTreeSet::new(), next: 0 }
    }

    /// Says how a newcomer from an address gets a place. Behind a common address, such as loopback, anybody may be: no
    /// share is too much for it.
    pub(super) fn room(&self, group: AddressGroup, is_common: bool) -> Room {
        if self.len >= self.max {
            // Of the greediest address that has a silent one. All that are passed over have none.
            let silent = self.sizes.iter().rev().find_map(|(_, group)| self.oldest_silent(*group));
            return silent.map_or(Room::None, Room::Instead);
        }
        let share = (self.max / 16).max(LEAST_SHARE);
        let is_greedy = self.groups.get(&group).is_some_and(|group| group.len > share);
        let is_last_quarter = self.max.saturating_sub(self.len) <= self.max / 4;
        match is_greedy && is_last_quarter && !is_common {
            true => self.oldest_silent(group).map_or(Room::None, Room::Instead),
            false => Room::Free,
        }
    }

    fn oldest_silent(&self, group: AddressGroup) -> Option<PeerId> {
        self.groups.get(&group)?.silent.first_key_value().map(|(_, peer)| *peer)
    }

    /// A peer from an address takes a place.
    pub(super) fn take(&mut self, group: AddressGroup, peer: PeerId) -> Place {
        let number = self.next;
        self.next.raise(1);
        self.len.raise(1);
        self.resize(group, |of| {
            of.len.raise(1);
            of.silent.insert(number, peer);
        });
        Place { group, silent: Some(number) }
    }

    /// A peer has sent something.
    pub(super) fn speaks(&mut self, place: &mut Place) {
        if let Some(number) = place.silent.take()
            && let Some(group) = self.groups.get_mut(&place.group)
        {
            group.silent.remove(&number);
        }
    }

    /// A peer gives its place back.
    pub(super) fn give_back(&mut self, place: Place) {
        self.len.lower(1);
        self.resize(place.group, |of| {
            of.len.lower(1);
            place.silent.map(|number| of.silent.remove(&number));
        });
    }

    fn resize(&mut self, group: AddressGroup, change: impl FnOnce(&mut Group)) {
        let of = self.groups.entry(group).or_default();
        self.sizes.remove(&(of.len, group));
        change(of);
        match of.len {
            0 => drop(self.groups.remove(&group)),
            len => drop(self.sizes.insert((len, group))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Keypair;
    use alloc::format;
    use alloc::vec::Vec;

    fn peer(number: u16) -> PeerId {
        let mut seed = [0; 32];
        seed[..2].copy_from_slice(&number.to_be_bytes());
        Keypair::ed25519_from_bytes(seed).unwrap().public().to_peer_id()
    }

    fn group(number: u8) -> AddressGroup {
        AddressGroup::of(&format!("/ip4/192.0.2.{number}/tcp/1").parse().unwrap())
    }

    /// So many from one address, as far as there is free room.
    fn fill(places: &mut Places, group: AddressGroup, peers: core::ops::Range<u16>) -> Vec<Place> {
        let mut taken = Vec::new();
        for number in peers {
            if places.room(group, false) != Room::Free {
                break;
            }
            taken.push(places.take(group, peer(number)));
        }
        taken
    }

    #[test]
    fn one_address_leaves_a_quarter_to_others() {
        let mut places = Places::new(64);
        assert_eq!(fill(&mut places, group(1), 0..200).len(), 48);
        assert_eq!(places.room(group(1), false), Room::Instead(peer(0)), "its own oldest silent one gives way");
        assert_eq!(fill(&mut places, group(2), 200..300).len(), 9, "more than the share is greedy");
        assert_eq!(fill(&mut places, group(3), 300..400).len(), 7, "now it is full");
    }

    #[test]
    fn at_the_limit_the_silent_one_of_the_greediest_gives_way() {
        let mut places = Places::new(16);
        let mut most = fill(&mut places, group(1), 0..16);
        assert_eq!(most.len(), 12);
        let two = fill(&mut places, group(2), 100..102);
        let _three = fill(&mut places, group(3), 200..202);
        assert_eq!((two.len(), places.room(group(4), false)), (2, Room::Instead(peer(0))));
        places.speaks(&mut most[0]);
        assert_eq!(places.room(group(4), false), Room::Instead(peer(1)));
        most.iter_mut().for_each(|place| places.speaks(place));
        assert_eq!(places.room(group(4), false), Room::Instead(peer(200)), "those who speak stay");
        places.give_back(most[3]);
        assert_eq!(places.room(group(4), false), Room::Free);
        assert_eq!(places.room(group(1), false), Room::None, "all of the greediest speak");
    }

    #[test]
    fn a_common_address_may_have_all_places_and_its_silent_ones_give_way() {
        let mut places = Places::new(64);
        for number in 0..64 {
            assert_eq!(places.room(group(1), true), Room::Free);
            places.take(group(1), peer(number));
        }
        assert_eq!(places.room(group(1), true), Room::Instead(peer(0)));
    }

    #[test]
    fn nothing_is_kept_of_who_has_left() {
        let mut places = Places::new(8);
        for round in 0..100 {
            let taken = fill(&mut places, group(round), 0..4);
            taken.into_iter().for_each(|place| places.give_back(place));
        }
        assert!(places.groups.is_empty() && places.sizes.is_empty() && places.len == 0);
        assert_eq!(Places::new(0).room(group(1), false), Room::None);
    }
}
