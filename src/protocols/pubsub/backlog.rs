//! [`Backlog`]: the messages that wait for any peer.

use super::seen::Digest;
use super::seqno::Bringer;
use crate::arithmetic::Count;
use crate::identity::PeerId;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;

/// A message behind its length, as it stands on the stream.
pub(super) type Frame = Box<[u8]>;

/// What the place costs of a message, and the place of each peer that it waits for: at most what it takes to know how much of
/// its author waits there.
pub(super) const PLACE: usize = 128;

/// A message with its number, the same for all peers. Later ones have greater numbers.
#[derive(Debug)]
pub(super) struct Numbered {
    pub(super) number: u64,
    pub(super) source: MessageSource,
    pub(super) frame: Frame,
}

/// Who a message is by, as hashes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct MessageSource {
    /// The peer that has sent it to us, or its address; or ourselves.
    pub(super) sender: u64,
    pub(super) author: u64,
}

impl MessageSource {
    /// Of a message that somebody has sent to us, or of one of ours.
    pub(super) fn of(author: Option<PeerId>, sender: Option<Bringer>) -> Self {
        let sender = sender.map_or_else(Digest::of_ourselves, Bringer::digest).short();
        Self { sender, author: author.map_or(sender, |author| Digest::of_author(author).short()) }
    }
}

/// The messages that wait for any peer, each counted once, of at most so many bytes with their [places](PLACE).
#[derive(Debug)]
pub(super) struct Backlog {
    /// By number: the bytes that one takes.
    waiting: BTreeMap<u64, BacklogFrame>,
    bytes: usize,
    max: usize,
    next: u64,
}

/// The room that there is for a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BacklogRoom {
    Now,
    /// Once enough of what waits has gone.
    Later,
    /// However much goes.
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

    /// Gives a message its number.
    pub(super) fn number(&mut self, frame: Frame, source: MessageSource) -> Arc<Numbered> {
        self.next.raise(1);
        Arc::new(Numbered { number: self.next, source, frame })
    }

    /// Says whether there is room for a message of so many bytes that is to wait for so many peers.
    pub(super) fn room(&self, len: usize, peers: usize) -> BacklogRoom {
        let cost = PLACE.saturating_mul(peers.saturating_add(1)).saturating_add(len);
        match self.max.checked_sub(cost) {
            None => BacklogRoom::Never,
            Some(most) if self.bytes > most => BacklogRoom::Later,
            Some(_) => BacklogRoom::Now,
        }
    }

    /// A message waits for one more peer. There is [room](Self::room) for it.
    pub(super) fn add(&mut self, message: &Numbered) {
        let len = message.frame.len();
        let waiting = self.waiting.entry(message.number).or_insert_with(|| {
            self.bytes.raise(len.saturating_add(PLACE));
            BacklogFrame { len, peers: 0 }
        });
        waiting.peers.raise(1);
        self.bytes.raise(PLACE);
    }

    /// A message waits for one peer less.
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

    /// What all of them take.
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
