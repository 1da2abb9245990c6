//! [`Backlog`]: the messages that wait for any peer.

use crate::arithmetic::Count;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;

/// A message behind its length, as it stands on the stream; the same for all peers.
pub(super) type Frame = Arc<[u8]>;

/// What the place costs of a message, and the place of each peer that it waits for.
pub(super) const PLACE: usize = 64;

/// A message with its number. Later ones have greater numbers.
#[derive(Clone, Debug)]
pub(super) struct Numbered {
    pub(super) number: u64,
    pub(super) frame: Frame,
}

/// The messages that wait for any peer, each counted once, of at most so many bytes with their [places](PLACE).
#[derive(Debug)]
pub(super) struct Backlog {
    /// By number: the bytes that one takes.
    waiting: BTreeMap<u64, Waiting>,
    bytes: usize,
    max: usize,
    next: u64,
}

/// The room that there is for a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Room {
    Now,
    /// Once enough of what waits has gone.
    Later,
    /// However much goes.
    Never,
}

#[derive(Debug)]
struct Waiting {
    len: usize,
    peers: usize,
}

impl Backlog {
    pub(super) const fn new(max: usize) -> Self {
        Self { waiting: BTreeMap::new(), bytes: 0, max, next: 0 }
    }

    /// Gives a message its number.
    pub(super) fn number(&mut self, frame: Frame) -> Numbered {
        self.next.raise(1);
        Numbered { number: self.next, frame }
    }

    /// Says whether there is room for a message that is to wait for so many peers.
    pub(super) fn room(&self, frame: &Frame, peers: usize) -> Room {
        let cost = PLACE.saturating_mul(peers.saturating_add(1)).saturating_add(frame.len());
        match self.max.checked_sub(cost) {
            None => Room::Never,
            Some(most) if self.bytes > most => Room::Later,
            Some(_) => Room::Now,
        }
    }

    /// A message waits for one more peer. There is [room](Self::room) for it.
    pub(super) fn add(&mut self, message: &Numbered) {
        let len = message.frame.len();
        let waiting = self.waiting.entry(message.number).or_insert_with(|| {
            self.bytes.raise(len.saturating_add(PLACE));
            Waiting { len, peers: 0 }
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

    /// What all of them take.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn message(backlog: &mut Backlog, len: usize) -> Numbered {
        backlog.number(vec![0; len].into())
    }

    fn room(backlog: &Backlog, len: usize, peers: usize) -> Room {
        backlog.room(&vec![0; len].into(), peers)
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
        let mut backlog = Backlog::new(2 * (100 + 2 * PLACE));
        let one = message(&mut backlog, 100);
        assert_eq!(room(&backlog, 100, 1), Room::Now);
        backlog.add(&one);
        assert_eq!([room(&backlog, 100, 1), room(&backlog, 101, 1)], [Room::Now, Room::Later]);
        assert_eq!([room(&backlog, 36, 2), room(&backlog, 37, 2)], [Room::Now, Room::Later]);
        assert_eq!(
            [room(&backlog, 200 + 2 * PLACE, 1), room(&backlog, 201 + 2 * PLACE, 1)],
            [Room::Later, Room::Never]
        );
        assert_eq!(room(&backlog, 0, usize::MAX), Room::Never);
        backlog.remove(&one);
        assert_eq!(room(&backlog, 200 + 2 * PLACE, 1), Room::Now);
    }
}
