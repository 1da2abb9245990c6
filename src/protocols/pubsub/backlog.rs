//! [`Backlog`]: the account of all messages that wait to be written to peers. A message that waits for several peers is
//! stored and counted once.

use super::encoded_message::{EncodedMessage, Frame, MessageSource};
use super::seen::Digest;
use crate::arithmetic::Count;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;

/// The number of bytes of bookkeeping that are counted for a message in addition to its own length: once for the message,
/// and once for each peer that it waits for. A peer's outbox needs at most this much memory to record the author and the
/// sender of one message.
pub(super) const PLACE: usize = 128;

/// The account of all messages that wait to be written to peers. The bytes that are counted are at most `max`. They are the
/// length of each message, and [`PLACE`] bytes for each message and for each peer that it waits for.
#[derive(Debug)]
pub(super) struct Backlog {
    /// The length of each waiting message and the number of peers that it waits for, by the message's number.
    waiting: BTreeMap<u64, BacklogFrame>,
    bytes: usize,
    max: usize,
    next: u64,
}

/// The result of asking the backlog whether there is room for one more message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BacklogRoom {
    Now,
    /// There is room once enough other messages have been written or dropped.
    Later,
    /// There is no room, even if no other message waits.
    Never,
}

#[derive(Debug)]
struct BacklogFrame {
    len: usize,
    peers: usize,
}

impl Backlog {
    pub(super) const fn new(max: usize) -> Self {
        Self { waiting: BTreeMap::new(), bytes: 0, max, next: 0 }
    }

    /// Gives the next number to a message. The backlog does not count the message until [`add`](Self::add) is called.
    pub(super) fn number(&mut self, frame: Frame, source: MessageSource, digest: Digest) -> Arc<EncodedMessage> {
        self.next.raise(1);
        Arc::new(EncodedMessage::with_number(self.next, frame, source, digest))
    }

    /// Returns whether there is room for a message of `len` bytes that is to wait for `peers` peers.
    pub(super) fn room(&self, len: usize, peers: usize) -> BacklogRoom {
        // The bookkeeping is counted, too. Otherwise messages of a few bytes to 1 024 peers that read nothing would take
        // far more memory than the bound says.
        let cost = PLACE.saturating_mul(peers.saturating_add(1)).saturating_add(len);
        match self.max.checked_sub(cost) {
            None => BacklogRoom::Never,
            Some(most) if self.bytes > most => BacklogRoom::Later,
            Some(_) => BacklogRoom::Now,
        }
    }

    /// Records that a message waits for one more peer. There must be [room](Self::room) for the message.
    pub(super) fn add(&mut self, message: &EncodedMessage) {
        let len = message.frame.len();
        let waiting = self.waiting.entry(message.number).or_insert_with(|| {
            self.bytes.raise(len.saturating_add(PLACE));
            BacklogFrame { len, peers: 0 }
        });
        waiting.peers.raise(1);
        self.bytes.raise(PLACE);
    }

    /// Records that a message waits for one peer less, since it was written or dropped.
    pub(super) fn remove(&mut self, message: &EncodedMessage) {
        let Some(waiting) = self.waiting.get_mut(&message.number) else { return };
        waiting.peers.lower(1);
        self.bytes.lower(PLACE);
        if waiting.peers == 0 {
            self.bytes.lower(waiting.len.saturating_add(PLACE));
            self.waiting.remove(&message.number);
        }
    }

    /// Returns the number of the message that was numbered last.
    #[cfg(test)]
    pub(super) const fn numbered(&self) -> u64 {
        self.next
    }

    /// Returns the number of bytes that are counted for all waiting messages, including [`PLACE`] bytes for each message and
    /// for each peer that it waits for.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn message(backlog: &mut Backlog, len: usize) -> Arc<EncodedMessage> {
        backlog.number(vec![0; len].into(), MessageSource::of(None, None), Digest::of_ourselves())
    }

    #[test]
    fn a_message_counts_once_and_each_place_in_a_line() {
        let mut backlog = Backlog::new(1_000);
        let one = message(&mut backlog, 100);
        (0..3).for_each(|_| backlog.add(&one));
        assert_eq!(backlog.bytes(), 100 + 4 * PLACE);
        backlog.remove(&one);
        assert_eq!(backlog.bytes(), 100 + 3 * PLACE);
        (0..2).for_each(|_| backlog.remove(&one));
        assert_eq!(backlog.bytes(), 0);
        backlog.remove(&one);
        assert_eq!(backlog.bytes(), 0);
    }

    #[test]
    fn room_is_for_the_message_and_each_place_of_it() {
        const LEN: usize = 1_000;
        let mut backlog = Backlog::new(2 * (LEN + 2 * PLACE));
        let one = message(&mut backlog, LEN);
        assert_eq!(backlog.room(LEN, 1), BacklogRoom::Now);
        backlog.add(&one);
        assert_eq!([LEN, LEN + 1].map(|len| backlog.room(len, 1)), [BacklogRoom::Now, BacklogRoom::Later]);
        assert_eq!(
            [LEN - PLACE, LEN - PLACE + 1].map(|len| backlog.room(len, 2)),
            [BacklogRoom::Now, BacklogRoom::Later]
        );
        let all = 2 * LEN + 2 * PLACE;
        assert_eq!([all, all + 1].map(|len| backlog.room(len, 1)), [BacklogRoom::Later, BacklogRoom::Never]);
        assert_eq!(backlog.room(0, usize::MAX), BacklogRoom::Never);
        backlog.remove(&one);
        assert_eq!(backlog.room(all, 1), BacklogRoom::Now);
    }
}
