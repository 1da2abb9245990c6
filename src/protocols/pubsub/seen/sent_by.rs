//! [`SentBy`]: the messages in the cache of seen messages that one peer has sent to us.

use alloc::vec;
use alloc::vec::Vec;

/// A set of those messages in the cache of seen messages that one peer has sent to us. There is one bit for each message
/// that the cache can contain, in words of 64 bits that are reused for later messages.
#[derive(Default, Debug)]
pub(in crate::protocols::pubsub) struct SentBy {
    words: Vec<u64>,
    /// The number of the latest marked message, divided by 64. The bit of that message is in the newest word; older words
    /// contain the bits of earlier messages.
    newest: u64,
}

impl SentBy {
    /// Records that the peer has sent the message with this number. Returns whether the peer had sent the message before.
    /// The first call allocates one bit for each of the `max` messages that the cache can contain.
    pub(in crate::protocols::pubsub) fn mark(&mut self, number: u64, max: usize) -> bool {
        let (place, bit) = (number / 64, 1 << (number % 64));
        if self.words.is_empty() {
            // One more than the full words, since the remembered numbers need not begin at the start of a word.
            self.words = vec![0; max.div_ceil(64).saturating_add(1)];
            self.newest = place;
        }
        // Each word is cleared once for its 64 messages. If more than all words were passed over, all are cleared once.
        for place in (self.newest.saturating_add(1)..=place).take(self.words.len()) {
            // If all words are cleared, their order does not matter.
            if let Some(word) = self.word(place) {
                *word = 0;
            }
        }
        self.newest = self.newest.max(place);
        // The word of an older message has not been reused for later ones: messages of the cache are fewer than `max`
        // numbers apart, and the words have bits for more.
        let Some(word) = self.word(place) else { return false };
        let was_sent = *word & bit != 0;
        *word |= bit;
        was_sent
    }

    /// Returns the word that contains the bits of the messages `64 * place` to `64 * place + 63`. The words are used in
    /// rotation. Returns `None` before memory is allocated.
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
                // The number grows by a little most of the time.
                newest += later.saturating_sub(400) + later % 3;
                // Only remembered messages are marked.
                let number = newest.saturating_sub(back % max as u64);
                prop_assert_eq!(sent.mark(number, max), !model.insert(number), "{} of {}", number, newest);
            }
        });
    }
}
