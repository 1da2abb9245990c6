//! [`SentBy`]: which of the messages in the cache a peer has sent.

use alloc::vec;
use alloc::vec::Vec;

/// The messages among those seen that a peer has sent: a bit for each, in words that are used again for later ones.
#[derive(Default, Debug)]
pub(in crate::protocols::pubsub) struct SentBy {
    words: Vec<u64>,
    /// The newest message for which there is a bit, by 64. The words before it are those of the messages before.
    newest: u64,
}

impl SentBy {
    /// The peer has sent the message of this number, of at most `max` that are remembered. Returns whether it had sent it
    /// before. Memory is taken with the first one.
    pub(in crate::protocols::pubsub) fn mark(&mut self, number: u64, max: usize) -> bool {
        let (place, bit) = (number / 64, 1 << (number % 64));
        if self.words.is_empty() {
            // One more than full words, since the numbers that are remembered need not begin with a word.
            self.words = vec![0; max.div_ceil(64).saturating_add(1)];
            self.newest = place;
        }
        // Each word is cleared once for 64 messages, or all of them once.
        for place in (self.newest.saturating_add(1)..=place).take(self.words.len()) {
            // Which word is cleared first does not matter if all are.
            if let Some(word) = self.word(place) {
                *word = 0;
            }
        }
        self.newest = self.newest.max(place);
        let Some(word) = self.word(place) else { return false };
        let was_sent = *word & bit != 0;
        *word |= bit;
        was_sent
    }

    /// The word for this place, used for those before it, too; `None` while there is no memory.
    fn word(&mut self, place: u64) -> Option<&mut u64> {
        let at = place.checked_rem(self.words.len() as u64)?;
        self.words.get_mut(usize::try_from(at).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn a_peer_repeats_what_it_has_sent_and_nothing_else() {
        use proptest::prelude::*;
        proptest!(|(max in 1..300_usize, steps in proptest::collection::vec((0..400_u64, 0..500_u64), 1..300))| {
            let (mut sent, mut model, mut newest) = (SentBy::default(), BTreeSet::new(), 0);
            for (back, later) in steps {
                // Most often by a little.
                newest += later.saturating_sub(400) + later % 3;
                // Only of what is remembered somebody asks.
                let number = newest.saturating_sub(back % max as u64);
                prop_assert_eq!(sent.mark(number, max), !model.insert(number), "{} of {}", number, newest);
            }
        });
    }
}
