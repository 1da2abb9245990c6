//! [`Backlog`]: the messages that wait for any peer, each counted once.

use super::seen::Digest;
use super::seqno::Bringer;
use crate::arithmetic::Count;
use crate::identity::PeerId;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;

/// A message with its length before it, as it is written to a stream.
pub(super) type Frame = Box<[u8]>;

/// The bytes that a message counts as in addition to its own, and again for each peer that it waits for. At most as much
/// memory is needed to account the message to its author there.
pub(super) const PLACE: usize = 128;

/// A message with a number that is the same for all peers. Later messages have greater numbers.
#[derive(Debug)]
pub(super) struct Numbered {
    pub(super) number: u64,
    pub(super) source: MessageSource,
    pub(super) frame: Frame,
}

/// The sender and the author of a message, as hashes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct MessageSource {
    /// The address of the peer that sent it to us, or that peer if anybody may be at its address; or this node.
    pub(super) sender: u64,
    pub(super) author: u64,
}

impl MessageSource {
    /// Returns the source of a message. `sender` is `None` if we publish it.
    pub(super) fn of(author: Option<PeerId>, sender: Option<Bringer>) -> Self {
        let sender = sender.map_or_else(Digest::of_ourselves, Bringer::digest).short();
        Self { sender, author: author.map_or(sender, |author| Digest::of_author(author).short()) }
    }
}

/// The messages that wait for any peer. Their bytes, with those of their [places](PLACE), are at most `max`.
#[derive(Debug)]
pub(super) struct Backlog {
    /// The size of each message, by its number.
    waiting: BTreeMap<u64, BacklogFrame>,
    bytes: usize,
    max: usize,
    next: u64,
}

/// The room that the backlog has for a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BacklogRoom {
    Now,
    /// There is room once enough other messages are gone.
    Later,
    /// There is no room, even if all others are gone.
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

    /// Gives a message the next number.
    pub(super) fn number(&mut self, frame: Frame, source: MessageSource) -> Arc<Numbered> {
        self.next.raise(1);
        Arc::new(Numbered { number: self.next, source, frame })
    }

    /// Returns the room for a message of `len` bytes that is to wait for a number of peers.
    pub(super) fn room(&self, len: usize, peers: usize) -> BacklogRoom {
        let cost = PLACE.saturating_mul(peers.saturating_add(1)).saturating_add(len);
        match self.max.checked_sub(cost) {
            None => BacklogRoom::Never,
            Some(most) if self.bytes > most => BacklogRoom::Later,
            Some(_) => BacklogRoom::Now,
        }
    }

    /// Counts that a message waits for one more peer. There must be [room](Self::room) for it.
    pub(super) fn add(&mut self, message: &Numbered) {
        let len = message.frame.len();
        let waiting = self.waiting.entry(message.number).or_insert_with(|| {
            self.bytes.raise(len.saturating_add(PLACE));
            BacklogFrame { len, peers: 0 }
        });
        waiting.peers.raise(1);
        self.bytes.raise(PLACE);
    }

    /// Counts that a message waits for one peer less.
    pub(super) fn remove(&mut self, message: &Numbered) {
        let Some(waiting) = self.waiting.get_mut(&message.number) else { return };
        waiting.peers.lower(1);
        self.bytes.lower(PLACE);
        if waiting.peers == 0 {
            self.bytes.lower(waiting.len.saturating_add(PLACE));
            self.waiting.remove(&message.number);
        }
    }

    /// Returns the number of the latest message.
    #[cfg(test)]
    pub(super) const fn numbered(&self) -> u64 {
        self.next
    }

    /// Returns the number of bytes of all messages and their places.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn message(backlog: &mut Backlog, len: usize) -> Arc<Numbered> {
        backlog.number(vec![0; len].into(), MessageSource::of(None, None))
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
