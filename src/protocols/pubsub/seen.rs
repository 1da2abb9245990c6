//! [`Seen`]: which messages have come or gone lately, so that each is taken once.

use super::message::MessageId;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

/// The identities of the messages of the last while, at most so many.
#[derive(Debug)]
pub(super) struct Seen {
    /// With the number of each: they are numbered in the order in which they came.
    ids: BTreeMap<MessageId, u64>,
    /// The number of the next one.
    next: u64,
    /// The ids among them whose messages were told and not forwarded.
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
        Self { ids: BTreeMap::new(), next: 0, held_back: BTreeSet::new(), queue: VecDeque::new(), ttl, max, evicted: 0 }
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

    /// Returns the number of one that is known.
    pub(super) fn number(&self, id: &MessageId) -> Option<u64> {
        self.ids.get(id).copied()
    }

    /// Adds one, and returns its number; `None`: it is there already. Between two turns there is no `now`: it counts from the next
    /// [`advance`](Self::advance).
    pub(super) fn insert(&mut self, id: MessageId, now: Option<Duration>) -> Option<u64> {
        if self.ids.contains_key(&id) {
            return None;
        }
        let number = self.next;
        self.next += 1;
        self.ids.insert(id.clone(), number);
        if self.queue.len() >= self.max {
            self.forget_oldest();
            self.evicted += 1;
        }
        self.queue.push_back((now.map(|now| now.saturating_add(self.ttl)), id));
        Some(number)
    }

    /// Remembers that the message of a known id was told and not forwarded.
    pub(super) fn hold_back(&mut self, id: MessageId) {
        if self.ids.contains_key(&id) {
            self.held_back.insert(id);
        }
    }

    /// Returns whether the message was told and not forwarded.
    pub(super) fn is_held_back(&self, id: &MessageId) -> bool {
        self.held_back.contains(id)
    }

    /// Forgets that the message was not forwarded.
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

/// The messages among those seen that a peer has sent: a bit for each, in words that are used again for later ones.
#[derive(Default, Debug)]
pub(super) struct SentBy {
    words: Vec<Word>,
}

/// Which of 64 messages in a row were sent.
#[derive(Clone, Copy, Default, Debug)]
struct Word {
    /// The number of the first of them, by 64.
    place: u64,
    bits: u64,
}

impl SentBy {
    /// The peer has sent the message of this number, of at most `max` that are remembered. Returns whether it had sent it
    /// before. Memory is taken with the first one.
    pub(super) fn mark(&mut self, number: u64, max: usize) -> bool {
        if self.words.is_empty() {
            // One more than full words, since the numbers that are remembered need not begin with a word.
            self.words = vec![Word::default(); max.div_ceil(64) + 1];
        }
        let (place, bit) = (number / 64, 1 << (number % 64));
        let at = usize::try_from(place % self.words.len() as u64).unwrap_or_default();
        let word = &mut self.words[at];
        if word.place != place {
            *word = Word { place, bits: 0 };
        }
        let was_sent = word.bits & bit != 0;
        word.bits |= bit;
        was_sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!([seen.insert(id(1), Some(secs(5))), seen.insert(id(1), Some(secs(6)))], [Some(0), None]);
        assert_eq!(seen.next_turn(), Some(secs(15)));
        seen.advance(secs(15) - Duration::from_nanos(1));
        assert!(seen.number(&id(1)).is_some());
        seen.advance(secs(15));
        assert!(seen.number(&id(1)).is_none());
        assert_eq!(seen.next_turn(), None);
        assert_eq!(seen.insert(id(1), None), Some(1), "it may come again");
    }

    #[test]
    fn what_is_added_between_turns_counts_from_the_next() {
        let mut seen = Seen::new(TTL, 8);
        seen.advance(secs(1));
        seen.insert(id(1), None);
        assert_eq!(seen.next_turn(), Some(Duration::ZERO));
        seen.advance(secs(1_000));
        assert_eq!(seen.next_turn(), Some(secs(1_010)));
        assert!(seen.number(&id(1)).is_some());
        seen.advance(secs(1_009));
        assert!(seen.number(&id(1)).is_some());
        seen.advance(secs(1_010));
        assert!(seen.number(&id(1)).is_none());
    }

    #[test]
    fn the_oldest_makes_room_at_the_bound() {
        let mut seen = Seen::new(TTL, 3);
        (1..=3).for_each(|n| assert!(seen.insert(id(n), None).is_some()));
        assert_eq!(seen.evicted, 0);
        assert!(seen.insert(id(4), None).is_some());
        assert_eq!([1, 2, 3, 4].map(|n| seen.number(&id(n)).is_some()), [false, true, true, true]);
        assert_eq!((seen.evicted, seen.ids.len(), seen.queue.len()), (1, 3, 3));
    }

    #[test]
    fn a_message_is_held_back_until_it_goes_or_is_forgotten() {
        let mut seen = Seen::new(TTL, 2);
        seen.hold_back(id(1));
        assert!(!seen.is_held_back(&id(1)), "it is not even there");
        (1..=2).for_each(|n| assert!(seen.insert(id(n), None).is_some()));
        (1..=2).for_each(|n| seen.hold_back(id(n)));
        seen.let_go(&id(2));
        assert_eq!([1, 2].map(|n| seen.is_held_back(&id(n))), [true, false]);
        assert!(seen.insert(id(3), None).is_some() && !seen.is_held_back(&id(1)) && seen.held_back.is_empty());
    }

    #[test]
    fn no_place_at_all_counts_as_one() {
        let mut seen = Seen::new(TTL, 0);
        assert_eq!([seen.insert(id(1), None), seen.insert(id(1), None)], [Some(0), None]);
    }

    #[test]
    fn a_peer_repeats_what_it_has_sent_and_nothing_else() {
        use proptest::prelude::*;
        proptest!(|(max in 1..300_usize, steps in proptest::collection::vec((0..400_u64, 0..3_u64), 1..300))| {
            let (mut sent, mut model, mut newest) = (SentBy::default(), BTreeSet::new(), 0);
            for (back, later) in steps {
                newest += later;
                // Only of what is remembered somebody asks.
                let number = newest.saturating_sub(back % max as u64);
                prop_assert_eq!(sent.mark(number, max), !model.insert(number), "{} of {}", number, newest);
            }
        });
    }
}
