//! [`Places`]: the bounded table of what stands at the door, with the order in which places are taken away.

use super::AddressGroup;
use crate::swarm::config::Config;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use core::cmp::Reverse;
use core::time::Duration;

/// How far a handshake has come. Each step costs the peer more than the one before; bytes alone are no step, so that
/// whoever sends them one by one gains nothing by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Progress {
    /// No byte has come.
    Silent,
    Heard,
    /// Both sides have agreed to speak Noise.
    Agreed,
    /// Noise's first message has come and was answered.
    Answered,
    /// The peer is authenticated, and the muxer is not agreed yet.
    Proved,
}

/// Of a group, this part has only just come. None of them goes while others of the group can go instead.
const YOUNG_PART: usize = 8;

/// Who goes before whom: the least advanced first, then the oldest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Standing {
    progress: Progress,
    number: u64,
}

#[derive(Debug)]
struct Place<V> {
    group: AddressGroup,
    progress: Progress,
    began: Duration,
    /// Apart from the tree, so that its nodes stay small.
    visitor: Box<V>,
}

/// The visitors of one group.
///
/// The youngest eighth of them (none of fewer than eight) are passed over when somebody of the group has to go. Without that
/// a newcomer whose first byte is not read yet would be the least advanced of its address, and the next newcomer would push it
/// out: who has said a byte on each socket, and reconnects all the time, would keep all others of its address out.
#[derive(Debug, Default)]
struct Group {
    /// All of them, in the order in which they came.
    all: BTreeMap<u64, Progress>,
    /// The youngest eighth: those whose numbers are `young_from` or more.
    young: BTreeSet<Standing>,
    young_from: u64,
    /// All others, one at least: an eighth is never all.
    elder: BTreeSet<Standing>,
}

impl Group {
    fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns the one that goes first.
    fn first(&self) -> Option<Standing> {
        self.elder.first().copied()
    }

    /// Returns the oldest one of which no byte has come. Each elder is older than each of the young.
    fn oldest_silent(&self) -> Option<u64> {
        let firsts = [self.elder.first(), self.young.first()].into_iter().flatten();
        firsts.filter(|first| first.progress == Progress::Silent).map(|first| first.number).next()
    }

    /// Takes a visitor in, or notes how far it has come by now.
    fn set(&mut self, number: u64, progress: Progress) {
        let standings = match self.all.insert(number, progress) {
            // None is younger: numbers only grow.
            None => &mut self.young,
            Some(before) => {
                let standings = if number >= self.young_from { &mut self.young } else { &mut self.elder };
                standings.remove(&Standing { progress: before, number });
                standings
            }
        };
        standings.insert(Standing { progress, number });
        self.settle();
    }

    fn remove(&mut self, number: u64) {
        let Some(progress) = self.all.remove(&number) else { return };
        let standing = Standing { progress, number };
        self.young.remove(&standing);
        self.elder.remove(&standing);
        self.settle();
    }

    /// Has the youngest eighth be the young. A change of one visitor moves at most one other.
    fn settle(&mut self) {
        let young = self.len() / YOUNG_PART;
        while self.young.len() > young {
            let Some((&number, &progress)) = self.all.range(self.young_from..).next() else { return };
            let standing = Standing { progress, number };
            self.young.remove(&standing);
            self.elder.insert(standing);
            self.young_from = number + 1;
        }
        while self.young.len() < young {
            let Some((&number, &progress)) = self.all.range(..self.young_from).next_back() else { return };
            let standing = Standing { progress, number };
            self.elder.remove(&standing);
            self.young.insert(standing);
            self.young_from = number;
        }
    }
}

/// Visitors by number, in the order in which they came. Every change costs O(log n), and what has left leaves no memory
/// behind.
#[derive(Debug)]
pub(super) struct Places<V> {
    most: usize,
    most_of_group: usize,
    first_byte_timeout: Duration,
    handshake_timeout: Duration,
    next: u64,
    all: BTreeMap<u64, Place<V>>,
    /// Those of which no byte has come.
    silent: BTreeSet<u64>,
    groups: BTreeMap<AddressGroup, Group>,
    /// The groups, the one with the most places first, then the one whose first to go is the least advanced.
    greed: BTreeSet<(Reverse<usize>, Standing, AddressGroup)>,
    /// Of each group that has taken half of its places, the oldest visitor of which no byte has come.
    crowded: BTreeSet<u64>,
}

impl<V> Places<V> {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            most: config.inbound_handshakes as usize,
            most_of_group: config.handshakes_per_address as usize,
            first_byte_timeout: config.first_byte_timeout,
            handshake_timeout: config.connection.handshake_timeout,
            next: 0,
            all: BTreeMap::new(),
            silent: BTreeSet::new(),
            groups: BTreeMap::new(),
            greed: BTreeSet::new(),
            crowded: BTreeSet::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns whether nobody is ever let in.
    pub(super) const fn is_shut(&self) -> bool {
        self.most == 0 || self.most_of_group == 0
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut V> {
        self.all.get_mut(&number).map(|place| &mut *place.visitor)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &V)> {
        self.all.iter().map(|(number, place)| (*number, &*place.visitor))
    }

    /// Returns the visitor that has stood here longest.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.all.keys().next().copied()
    }

    /// Returns the number of the next visitor that comes.
    pub(super) const fn next_number(&self) -> u64 {
        self.next
    }

    /// Returns the visitor that has to go before one more of a group comes in; `None` if there is a place for it.
    ///
    /// If the group has all of its places, one of its own goes. If all places are taken, one of the greediest group goes,
    /// with the newcomer counted: among equals the least advanced, then the oldest. The youngest eighth of the group is passed
    /// over.
    pub(super) fn victim(&self, group: AddressGroup) -> Option<u64> {
        let own = self.groups.get(&group);
        let own_first = own.and_then(Group::first);
        let own_len = own.map_or(0, Group::len);
        if own_len >= self.most_of_group {
            return own_first.map(|standing| standing.number);
        }
        if self.all.len() < self.most {
            return None;
        }
        let (Reverse(greatest), first, _) = *self.greed.first()?;
        let victim = match own_first {
            Some(own_first) if own_len == greatest => own_first,
            Some(own_first) if own_len + 1 == greatest => own_first.min(first),
            Some(_) | None => first,
        };
        Some(victim.number)
    }

    /// Returns the visitor that has to go first if there are fewer places than it seemed.
    pub(super) fn greediest(&self) -> Option<u64> {
        self.greed.first().map(|(_, standing, _)| standing.number)
    }

    /// Lets a visitor in, as [silent](Progress::Silent). There has to be a place for it.
    pub(super) fn insert(&mut self, group: AddressGroup, began: Duration, visitor: V) -> u64 {
        let number = self.next;
        self.next += 1;
        self.all.insert(number, Place { group, progress: Progress::Silent, began, visitor: Box::new(visitor) });
        self.silent.insert(number);
        self.change(group, |visitors| visitors.set(number, Progress::Silent));
        number
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<V> {
        let place = self.all.remove(&number)?;
        self.silent.remove(&number);
        self.change(place.group, |visitors| visitors.remove(number));
        Some(*place.visitor)
    }

    /// Notes how far a visitor has come by now.
    pub(super) fn advance(&mut self, number: u64, progress: Progress) {
        let Some(place) = self.all.get_mut(&number) else { return };
        let before = core::mem::replace(&mut place.progress, progress);
        if before == progress {
            return;
        }
        let group = place.group;
        if before == Progress::Silent {
            self.silent.remove(&number);
        }
        self.change(group, |visitors| visitors.set(number, progress));
    }

    /// Changes a group, and its place among the groups.
    fn change(&mut self, group: AddressGroup, change: impl FnOnce(&mut Group)) {
        let visitors = self.groups.entry(group).or_default();
        if let Some(first) = visitors.first() {
            self.greed.remove(&(Reverse(visitors.len()), first, group));
        }
        if let Some(silent) = visitors.oldest_silent() {
            self.crowded.remove(&silent);
        }
        change(visitors);
        match visitors.first() {
            None => drop(self.groups.remove(&group)),
            Some(first) => {
                self.greed.insert((Reverse(visitors.len()), first, group));
                if let Some(silent) = visitors.oldest_silent()
                    && is_half(visitors.len(), self.most_of_group)
                {
                    self.crowded.insert(silent);
                }
            }
        }
    }

    /// Returns the earliest deadline, and whose it is.
    pub(super) fn first_due(&self) -> Option<(Duration, u64)> {
        let oldest = self.all.first_key_value().map(|(number, place)| (self.whole_deadline(place), *number));
        let is_crowded = is_half(self.all.len(), self.most);
        // Of all that are silent the oldest is at least as old as the oldest of each crowded group.
        let silent = if is_crowded { self.silent.first() } else { self.crowded.first() };
        let silent = silent.and_then(|number| Some((self.first_byte_deadline(self.all.get(number)?), *number)));
        oldest.into_iter().chain(silent).min()
    }

    /// Returns the deadline of a visitor as things stand.
    pub(super) fn deadline(&self, number: u64) -> Option<Duration> {
        let place = self.all.get(&number)?;
        let whole = self.whole_deadline(place);
        let of_group = self.groups.get(&place.group).map_or(0, Group::len);
        let is_crowded = is_half(self.all.len(), self.most) || is_half(of_group, self.most_of_group);
        let is_hurried = place.progress == Progress::Silent && is_crowded;
        Some(if is_hurried { whole.min(self.first_byte_deadline(place)) } else { whole })
    }

    fn whole_deadline(&self, place: &Place<V>) -> Duration {
        place.began.saturating_add(self.handshake_timeout)
    }

    fn first_byte_deadline(&self, place: &Place<V>) -> Duration {
        place.began.saturating_add(self.first_byte_timeout)
    }
}

/// Returns whether `taken` is at least half of `most`.
const fn is_half(taken: usize, most: usize) -> bool {
    taken >= most - most / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    const PROGRESS: [Progress; 5] =
        [Progress::Silent, Progress::Heard, Progress::Agreed, Progress::Answered, Progress::Proved];

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn places(most: u32, most_of_group: u32) -> Places<()> {
        let mut config = Config::default();
        (config.inbound_handshakes, config.handshakes_per_address) = (most, most_of_group);
        Places::new(&config)
    }

    const A: AddressGroup = AddressGroup::V4(1);
    const B: AddressGroup = AddressGroup::V4(2);
    const C: AddressGroup = AddressGroup::V4(3);

    #[test]
    fn a_full_address_gives_up_its_own() {
        let mut places = places(10, 2);
        let [first, second, other] = [A, A, B].map(|group| places.insert(group, secs(0), ()));
        places.advance(first, Progress::Heard);
        assert_eq!(places.victim(A), Some(second), "the least advanced one");
        places.advance(second, Progress::Heard);
        assert_eq!(places.victim(A), Some(first), "the oldest one");
        assert_eq!((places.victim(B), places.victim(C)), (None, None));
        places.remove(other);
        assert_eq!(places.victim(A), Some(first), "it does not matter how many others there are");
    }

    #[test]
    fn the_youngest_eighth_of_an_address_is_passed_over() {
        let mut places = places(100, 16);
        let numbers: Vec<_> = (0..16).map(|_| places.insert(A, secs(0), ())).collect();
        numbers[..14].iter().for_each(|number| places.advance(*number, Progress::Heard));
        assert_eq!(places.victim(A), Some(numbers[0]), "though the two youngest have said nothing");
        assert_eq!(places.greediest(), Some(numbers[0]));
        places.remove(numbers[0]);
        let newcomer = places.insert(A, secs(0), ());
        assert_eq!(places.victim(A), Some(numbers[14]), "it has had its moment");
        places.remove(newcomer);
        assert_eq!(places.greediest(), Some(numbers[14]), "one of 15");
        for number in &numbers[1..9] {
            places.remove(*number);
        }
        assert_eq!(places.greediest(), Some(numbers[14]), "of seven nobody is passed over");
    }

    #[test]
    fn the_greediest_address_pays_when_all_places_are_taken() {
        let mut places = places(5, 4);
        let [_, greedy, _, other, _] = [A, A, A, B, B].map(|group| places.insert(group, secs(0), ()));
        let _ = [0, 2].map(|number| places.advance(number, Progress::Answered));
        assert_eq!(places.victim(C), Some(greedy));
        assert_eq!(places.victim(A), Some(greedy));
        assert_eq!(places.victim(B), Some(greedy), "B would have as many: the least advanced, then the oldest");
        places.advance(greedy, Progress::Proved);
        assert_eq!(places.victim(C), Some(0), "though others are less advanced");
        assert_eq!(places.victim(B), Some(other));
    }

    #[test]
    fn a_first_byte_is_waited_for_less_long_while_half_is_taken() {
        let mut config = Config::default();
        (config.inbound_handshakes, config.handshakes_per_address) = (6, 4);
        let (byte, whole) = (config.first_byte_timeout, config.connection.handshake_timeout);
        let mut places = Places::new(&config);
        let first = places.insert(A, secs(100), ());
        assert_eq!(places.first_due(), Some((secs(100) + whole, first)));
        let second = places.insert(A, secs(101), ());
        assert_eq!(places.first_due(), Some((secs(100) + byte, first)), "half of its address's");
        places.advance(first, Progress::Heard);
        assert_eq!(places.first_due(), Some((secs(101) + byte, second)));
        assert_eq!(places.deadline(first), Some(secs(100) + whole));
        places.remove(second);
        assert_eq!(places.first_due(), Some((secs(100) + whole, first)));
        let third = places.insert(B, secs(102), ());
        assert_eq!(places.first_due(), Some((secs(100) + whole, first)));
        places.insert(C, secs(103), ());
        assert_eq!(places.first_due(), Some((secs(102) + byte, third)), "half of all");
    }

    #[test]
    fn what_has_left_leaves_nothing_behind() {
        let mut places = places(1_000, 64);
        let numbers: Vec<_> = (0..500).map(|n| places.insert(AddressGroup::V4(n % 20), secs(0), ())).collect();
        for number in numbers {
            places.advance(number, Progress::Heard);
            places.remove(number);
        }
        assert_eq!((places.all.len(), places.silent.len(), places.groups.len()), (0, 0, 0));
        assert_eq!((places.greed.len(), places.crowded.len(), places.first_due()), (0, 0, None));
    }

    /// All that is in the table, and the answers that follow by looking at each.
    #[derive(Default)]
    struct Model(Vec<(u64, u32, Progress, Duration)>);

    impl Model {
        fn of(&self, group: u32) -> usize {
            self.0.iter().filter(|place| place.1 == group).count()
        }

        fn victim(&self, group: u32, most: usize, most_of_group: usize) -> Option<u64> {
            let count = |other: u32| self.of(other) + usize::from(other == group);
            let greediest = self.0.iter().map(|place| count(place.1)).max();
            let is_candidate: &dyn Fn(u32) -> bool = if self.of(group) >= most_of_group {
                &|other| other == group
            } else if self.0.len() >= most {
                &|other| Some(count(other)) == greediest
            } else {
                return None;
            };
            let is_young = |place: &(u64, u32, Progress, Duration)| {
                let younger = self.0.iter().filter(|other| other.1 == place.1 && other.0 > place.0).count();
                younger < self.of(place.1) / 8
            };
            let candidates = self.0.iter().filter(|place| is_candidate(place.1) && !is_young(place));
            candidates.min_by_key(|place| (place.2, place.0)).map(|place| place.0)
        }

        fn first_due(&self, config: &Config) -> Option<Duration> {
            let due = self.0.iter().map(|(_, group, progress, began)| {
                let is_crowded = 2 * self.0.len() >= config.inbound_handshakes as usize
                    || 2 * self.of(*group) >= config.handshakes_per_address as usize;
                let hurried = (is_crowded && *progress == Progress::Silent).then_some(config.first_byte_timeout);
                *began + hurried.unwrap_or(Duration::MAX).min(config.connection.handshake_timeout)
            });
            due.min()
        }
    }

    proptest! {
        #[test]
        fn it_answers_as_a_look_at_each_would(
            most in prop_oneof![1..8_u32, 8..60_u32],
            most_of_group in prop_oneof![1..5_u32, 5..30_u32],
            ops in proptest::collection::vec((0..4_u32, any::<prop::sample::Index>(), 0..5_usize, 0..6_u8), 0..200),
        ) {
            let mut config = Config::default();
            (config.inbound_handshakes, config.handshakes_per_address) = (most, most_of_group);
            let (mut places, mut model, mut now) = (Places::new(&config), Model::default(), Duration::ZERO);
            for (group, pick, progress, op) in ops {
                now += Duration::from_millis(700);
                let picked = (!model.0.is_empty()).then(|| pick.index(model.0.len()));
                match (op, picked) {
                    (0, Some(index)) => {
                        let (number, ..) = model.0.remove(index);
                        prop_assert!(places.remove(number).is_some());
                    }
                    (1, Some(index)) => {
                        model.0[index].2 = model.0[index].2.max(PROGRESS[progress]);
                        places.advance(model.0[index].0, model.0[index].2);
                    }
                    _ => {
                        let victim = places.victim(AddressGroup::V4(group));
                        prop_assert_eq!(victim, model.victim(group, most as usize, most_of_group as usize));
                        if let Some(victim) = victim {
                            places.remove(victim);
                            model.0.retain(|place| place.0 != victim);
                        }
                        let number = places.insert(AddressGroup::V4(group), now, ());
                        model.0.push((number, group, Progress::Silent, now));
                        prop_assert!(places.len() <= most as usize && model.of(group) <= most_of_group as usize);
                    }
                }
                let first = places.first_due();
                prop_assert_eq!(first.map(|(due, _)| due), model.first_due(&config));
                prop_assert!(first.is_none_or(|(due, number)| places.deadline(number) == Some(due)));
                prop_assert_eq!(places.len(), model.0.len());
            }
        }
    }
}
