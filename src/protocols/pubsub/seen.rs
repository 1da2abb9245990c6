//! [`Seen`]: which messages have come or gone lately, so that each is taken once.

use super::message::MessageId;
use alloc::collections::{BTreeSet, VecDeque};
use core::time::Duration;

/// The identities of the messages of the last while, at most so many.
#[derive(Debug)]
pub(super) struct Seen {
    ids: BTreeSet<MessageId>,
    /// Those of them that were taken and not forwarded.
    held_back: BTreeSet<MessageId>,
    /// The same, oldest first, with the time at which each is forgotten. Those at the end have none yet if they were
    /// added between two turns.
    queue: VecDeque<(Option<Duration>, MessageId)>,
    ttl: Duration,
    max: usize,
    /// How many were forgotten before their time.
    pub(super) evicted: u64,
}

impl Seen {
    pub(super) const fn new(ttl: Duration, max: usize) -> Self {
        let max = if max == 0 { 1 } else { max };
        Self { ids: BTreeSet::new(), held_back: BTreeSet::new(), queue: VecDeque::new(), ttl, max, evicted: 0 }
    }

    /// A turn begins: what was added since the last one counts from here, and what is old is forgotten.
    pub(super) fn advance(&mut self, now: Duration) {
        for (until, _) in self.queue.iter_mut().rev().take_while(|(until, _)| until.is_none()) {
            *until = Some(now.saturating_add(self.ttl));
        }
        while self.queue.front().is_some_and(|(until, _)| until.is_some_and(|until| until <= now)) {
            self.forget_oldest();
        }
    }

    /// When a turn is due: at once if something was added between two, else when the oldest is to be forgotten.
    pub(super) fn next_turn(&self) -> Option<Duration> {
        let (newest, _) = self.queue.back()?;
        if newest.is_none() { Some(Duration::ZERO) } else { self.queue.front()?.0 }
    }

    pub(super) fn contains(&self, id: &MessageId) -> bool {
        self.ids.contains(id)
    }

    /// Adds one; `false`: it is there already. Between two turns there is no `now`: it counts from the next
    /// [`advance`](Self::advance).
    pub(super) fn insert(&mut self, id: MessageId, now: Option<Duration>) -> bool {
        if !self.ids.insert(id.clone()) {
            return false;
        }
        if self.queue.len() >= self.max {
            self.forget_oldest();
            self.evicted += 1;
        }
        self.queue.push_back((now.map(|now| now.saturating_add(self.ttl)), id));
        true
    }

    /// Remembers of one that is there that it was not forwarded.
    pub(super) fn hold_back(&mut self, id: MessageId) {
        if self.ids.contains(&id) {
            self.held_back.insert(id);
        }
    }

    /// Says of one that it was taken and not forwarded.
    pub(super) fn is_held_back(&self, id: &MessageId) -> bool {
        self.held_back.contains(id)
    }

    /// One is held back no longer.
    pub(super) fn let_go(&mut self, id: &MessageId) {
        self.held_back.remove(id);
    }

    fn forget_oldest(&mut self) {
        if let Some((_, id)) = self.queue.pop_front() {
            self.ids.remove(&id);
            self.held_back.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const TTL: Duration = Duration::from_secs(10);

    fn id(number: u8) -> MessageId {
        vec![number].into()
    }

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn one_is_known_until_its_time_is_over() {
        let mut seen = Seen::new(TTL, 8);
        seen.advance(secs(5));
        assert!(seen.insert(id(1), Some(secs(5))) && !seen.insert(id(1), Some(secs(6))));
        assert_eq!(seen.next_turn(), Some(secs(15)));
        seen.advance(secs(15) - Duration::from_nanos(1));
        assert!(seen.contains(&id(1)));
        seen.advance(secs(15));
        assert!(!seen.contains(&id(1)));
        assert_eq!(seen.next_turn(), None);
        assert!(seen.insert(id(1), None), "it may come again");
    }

    #[test]
    fn what_is_added_between_turns_counts_from_the_next() {
        let mut seen = Seen::new(TTL, 8);
        seen.advance(secs(1));
        seen.insert(id(1), None);
        assert_eq!(seen.next_turn(), Some(Duration::ZERO));
        seen.advance(secs(1_000));
        assert_eq!(seen.next_turn(), Some(secs(1_010)));
        assert!(seen.contains(&id(1)));
        seen.advance(secs(1_009));
        assert!(seen.contains(&id(1)));
        seen.advance(secs(1_010));
        assert!(!seen.contains(&id(1)));
    }

    #[test]
    fn the_oldest_makes_room_at_the_bound() {
        let mut seen = Seen::new(TTL, 3);
        (1..=3).for_each(|n| assert!(seen.insert(id(n), None)));
        assert_eq!(seen.evicted, 0);
        assert!(seen.insert(id(4), None));
        assert_eq!([1, 2, 3, 4].map(|n| seen.contains(&id(n))), [false, true, true, true]);
        assert_eq!((seen.evicted, seen.ids.len(), seen.queue.len()), (1, 3, 3));
    }

    #[test]
    fn what_is_held_back_is_so_until_it_goes_or_is_forgotten() {
        let mut seen = Seen::new(TTL, 2);
        seen.hold_back(id(1));
        assert!(!seen.is_held_back(&id(1)), "it is not even there");
        (1..=2).for_each(|n| assert!(seen.insert(id(n), None)));
        (1..=2).for_each(|n| seen.hold_back(id(n)));
        seen.let_go(&id(2));
        assert_eq!([1, 2].map(|n| seen.is_held_back(&id(n))), [true, false]);
        assert!(seen.insert(id(3), None) && !seen.is_held_back(&id(1)) && seen.held_back.is_empty());
    }

    #[test]
    fn no_place_at_all_counts_as_one() {
        let mut seen = Seen::new(TTL, 0);
        assert!(seen.insert(id(1), None) && !seen.insert(id(1), None));
    }
}
