//! [`PeerPlaces`]: the bounded number of places for pub/sub peers, shared by address, so that silent peers of one address
//! cannot take all of them.

use crate::arithmetic::Count;
use crate::identity::PeerId;
use crate::swarm::AddressGroup;
use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

/// An address with at most this number of peers gets any free place, even if the number is more than a sixteenth of all
/// places. go-libp2p accepts the same number of connections from one IPv4 address.
const LEAST_SHARE: usize = 8;

/// The places for pub/sub peers, grouped by the addresses of the peers that have them.
#[derive(Debug)]
pub(super) struct PeerPlaces {
    max: usize,
    /// The time without a new message from a peer after which the peer may lose its place to a newcomer.
    quiet_after: Duration,
    len: usize,
    groups: BTreeMap<AddressGroup, PeersOfAddress>,
    /// The addresses in ascending order of their number of peers, so that the address with the most peers is found without a
    /// scan.
    sizes: BTreeSet<(usize, AddressGroup)>,
    /// The arrival number of the next peer that gets a place.
    next: u64,
}

/// The peers of one address that have a place.
#[derive(Default, Debug)]
struct PeersOfAddress {
    len: usize,
    /// The peers that have sent nothing yet, by their arrival numbers: the peer that came first has the lowest.
    silent: BTreeMap<u64, PeerId>,
    /// The peers that have sent something, by the approximate time at which they last sent us a new message.
    heard: BTreeSet<(Duration, PeerId)>,
}

/// The record of one peer's place. It contains the peer's address and the time at which the peer last sent us a new message,
/// and is stored in the state of the peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct PeerPlace {
    group: AddressGroup,
    peer: PeerId,
    state: PlaceState,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum PlaceState {
    /// The peer has sent nothing yet. The value is the peer's arrival number.
    Silent(u64),
    /// The peer has sent something. The value is the approximate time at which it last sent us a new message or, if it has
    /// sent none, the time at which it first sent anything.
    Heard(Duration),
}

/// The decision on a newcomer that asks for a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Admission {
    /// The newcomer gets a free place.
    Free,
    /// The newcomer gets the place of this peer, which has to be removed first.
    Instead(PeerId),
    /// The newcomer gets no place.
    None,
}

impl PeerPlaces {
    /// Creates a table with `max` places. A peer that has sent us no new message for `quiet_after` may lose its place to a
    /// newcomer.
    pub(super) const fn new(max: usize, quiet_after: Duration) -> Self {
        Self { max, quiet_after, len: 0, groups: BTreeMap::new(), sizes: BTreeSet::new(), next: 0 }
    }

    /// Decides whether a newcomer from an address gets a place. `is_common` is true for an address that unrelated peers may
    /// share, such as loopback; such an address may take any number of free places.
    pub(super) fn room(&self, group: AddressGroup, is_common: bool, now: Duration) -> Admission {
        let own = self.groups.get(&group).map_or(0, |group| group.len);
        if self.len >= self.max {
            // Of the addresses that have a silent peer, the one with the most peers loses one.
            let silent = self.sizes.iter().rev().find_map(|(_, group)| self.oldest_silent(*group));
            // The other address has to have more peers than ours even after the exchange, so that addresses of equal size do
            // not take places from each other in turns.
            let pays = |(len, other): &&(usize, AddressGroup)| *other == group || *len > own.saturating_add(1);
            let quiet = || self.sizes.iter().rev().filter(pays).find_map(|(_, group)| self.quiet_longest(*group, now));
            return silent.or_else(quiet).map_or(Admission::None, Admission::Instead);
        }
        // As for all resources of a node that peers share, the last quarter is kept for holders with at most a sixteenth
        // of all: whoever connects from one address with any number of keys leaves a quarter of the places to others.
        let share = (self.max / 16).max(LEAST_SHARE);
        let is_last_quarter = self.max.saturating_sub(self.len) <= self.max / 4;
        match own > share && is_last_quarter && !is_common {
            true => {
                let other = self.oldest_silent(group).or_else(|| self.quiet_longest(group, now));
                other.map_or(Admission::None, Admission::Instead)
            }
            false => Admission::Free,
        }
    }

    fn oldest_silent(&self, group: AddressGroup) -> Option<PeerId> {
        self.groups.get(&group)?.silent.first_key_value().map(|(_, peer)| *peer)
    }

    fn quiet_longest(&self, group: AddressGroup, now: Duration) -> Option<PeerId> {
        let (heard, peer) = self.groups.get(&group)?.heard.first()?;
        (heard.saturating_add(self.quiet_after) <= now).then_some(*peer)
    }

    /// Gives a free place to a peer of the address `group`. The peer counts as one that has sent nothing yet.
    pub(super) fn take(&mut self, group: AddressGroup, peer: PeerId) -> PeerPlace {
        let number = self.next;
        self.next.raise(1);
        self.len.raise(1);
        self.resize(group, |of| {
            of.len.raise(1);
            of.silent.insert(number, peer);
        });
        PeerPlace { group, peer, state: PlaceState::Silent(number) }
    }

    /// Records that a peer has sent a subscription or a message, whether the message is new or not. Only the first call for
    /// a peer changes anything.
    pub(super) fn speaks(&mut self, place: &mut PeerPlace, now: Duration) {
        if matches!(place.state, PlaceState::Silent(_)) {
            self.hears(place, now);
        }
    }

    /// Records that a peer has sent us a new message. The recorded time changes at most once in a sixteenth of
    /// `quiet_after`, so that most messages cost next to no work here.
    pub(super) fn brings(&mut self, place: &mut PeerPlace, now: Duration) {
        let is_due = |heard: Duration| now.saturating_sub(heard) > self.quiet_after.checked_div(16).unwrap_or_default();
        if matches!(place.state, PlaceState::Heard(heard) if is_due(heard)) {
            self.hears(place, now);
        }
    }

    fn hears(&mut self, place: &mut PeerPlace, now: Duration) {
        let Some(group) = self.groups.get_mut(&place.group) else { return };
        group.forget(*place);
        group.heard.insert((now, place.peer));
        place.state = PlaceState::Heard(now);
    }

    /// Frees the place of a peer.
    pub(super) fn give_back(&mut self, place: PeerPlace) {
        self.len.lower(1);
        self.resize(place.group, |of| {
            of.len.lower(1);
            of.forget(place);
        });
    }

    fn resize(&mut self, group: AddressGroup, change: impl FnOnce(&mut PeersOfAddress)) {
        let of = self.groups.entry(group).or_default();
        self.sizes.remove(&(of.len, group));
        change(of);
        match of.len {
            0 => drop(self.groups.remove(&group)),
            len => drop(self.sizes.insert((len, group))),
        }
    }
}

impl PeersOfAddress {
    fn forget(&mut self, place: PeerPlace) {
        match place.state {
            PlaceState::Silent(number) => drop(self.silent.remove(&number)),
            PlaceState::Heard(heard) => _ = self.heard.remove(&(heard, place.peer)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Keypair;
    use alloc::format;
    use alloc::vec::Vec;

    const NOW: Duration = Duration::from_secs(1_000);
    const QUIET: Duration = Duration::from_secs(100);

    fn places(max: usize) -> PeerPlaces {
        PeerPlaces::new(max, QUIET)
    }

    fn peer(number: u16) -> PeerId {
        let mut seed = [0; 32];
        seed[..2].copy_from_slice(&number.to_be_bytes());
        Keypair::ed25519_from_bytes(seed).unwrap().public().to_peer_id()
    }

    fn group(number: u8) -> AddressGroup {
        AddressGroup::of(&format!("/ip4/192.0.2.{number}/tcp/1").parse().unwrap())
    }

    /// Takes places for peers of one address, until that address gets no free place. Returns the places.
    fn fill(places: &mut PeerPlaces, group: AddressGroup, peers: core::ops::Range<u16>) -> Vec<PeerPlace> {
        let mut taken = Vec::new();
        for number in peers {
            if places.room(group, false, NOW) != Admission::Free {
                break;
            }
            taken.push(places.take(group, peer(number)));
        }
        taken
    }

    #[test]
    fn one_address_leaves_a_quarter_of_the_places_to_others() {
        let mut places = places(64);
        assert_eq!(fill(&mut places, group(1), 0..200).len(), 48);
        assert_eq!(
            places.room(group(1), false, NOW),
            Admission::Instead(peer(0)),
            "its own oldest silent one gives way"
        );
        assert_eq!(fill(&mut places, group(2), 200..300).len(), 9, "more than the share is greedy");
        assert_eq!(fill(&mut places, group(3), 300..400).len(), 7, "now it is full");
    }

    #[test]
    fn at_the_limit_a_silent_peer_of_the_largest_address_goes() {
        let mut places = places(16);
        let mut most = fill(&mut places, group(1), 0..16);
        assert_eq!(most.len(), 12);
        let two = fill(&mut places, group(2), 100..102);
        let _three = fill(&mut places, group(3), 200..202);
        assert_eq!((two.len(), places.room(group(4), false, NOW)), (2, Admission::Instead(peer(0))));
        places.speaks(&mut most[0], NOW);
        assert_eq!(places.room(group(4), false, NOW), Admission::Instead(peer(1)));
        most.iter_mut().for_each(|place| places.speaks(place, NOW));
        assert_eq!(places.room(group(4), false, NOW), Admission::Instead(peer(200)), "those who speak stay");
        places.give_back(most[3]);
        assert_eq!(places.room(group(4), false, NOW), Admission::Free);
        assert_eq!(places.room(group(1), false, NOW), Admission::None, "all of the greediest speak");
    }

    #[test]
    fn a_quiet_peer_of_a_larger_address_gives_way() {
        let mut places = places(16);
        let mut most = fill(&mut places, group(1), 0..9);
        let mut one = fill(&mut places, group(2), 100..101);
        let mut rest: Vec<_> = (3..9).flat_map(|host| fill(&mut places, group(host), 200..201)).collect();
        let all = most.iter_mut().chain(&mut one).chain(&mut rest);
        all.enumerate().for_each(|(n, place)| places.speaks(place, NOW + Duration::from_secs(n as u64)));
        let room =
            |places: &PeerPlaces, host: u8, secs: u64| places.room(group(host), false, NOW + Duration::from_secs(secs));
        assert_eq!(room(&places, 10, 99), Admission::None, "all have spoken lately");
        assert_eq!(room(&places, 10, 100), Admission::Instead(peer(0)));
        places.speaks(&mut most[0], NOW + QUIET);
        assert_eq!(room(&places, 10, 100), Admission::Instead(peer(0)), "it has brought nothing new");
        places.brings(&mut most[0], NOW + QUIET);
        assert_eq!((room(&places, 10, 100), room(&places, 10, 101)), (Admission::None, Admission::Instead(peer(1))));
        assert_eq!(room(&places, 1, 101), Admission::Instead(peer(1)), "a newcomer of the same address");
        most.iter_mut().for_each(|place| places.brings(place, NOW + 10 * QUIET));
        assert_eq!(room(&places, 10, 1_000), Admission::None, "who has one keeps it, however quiet");
        most.into_iter().chain(one).chain(rest).for_each(|place| places.give_back(place));
        assert!(places.groups.is_empty() && places.len == 0);
    }

    #[test]
    fn a_common_address_may_take_all_places() {
        let mut places = places(64);
        for number in 0..64 {
            assert_eq!(places.room(group(1), true, NOW), Admission::Free);
            places.take(group(1), peer(number));
        }
        assert_eq!(places.room(group(1), true, NOW), Admission::Instead(peer(0)));
    }

    #[test]
    fn departed_peers_leave_nothing_behind() {
        let mut places = places(8);
        for round in 0..100 {
            let taken = fill(&mut places, group(round), 0..4);
            taken.into_iter().for_each(|place| places.give_back(place));
        }
        assert!(places.groups.is_empty() && places.sizes.is_empty() && places.len == 0);
        assert_eq!(PeerPlaces::new(0, QUIET).room(group(1), false, NOW), Admission::None);
    }
}
