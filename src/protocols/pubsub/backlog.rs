//! [`Backlog`]: the messages that wait for any peer.

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
    pub(super) const fn number(&mut self, frame: Frame) -> Numbered {
        self.next += 1;
        Numbered { number: self.next, frame }
    }

    /// Makes room for a message that is to wait for so many peers: `forget` is given the number of each that goes for
    /// it, oldest first, and for how many it waits, and is to take it from them. `false`: there is no room however many
    /// go, and none has.
    pub(super) fn make_room(&mut self, frame: &Frame, peers: usize, mut forget: impl FnMut(u64, usize)) -> bool {
        let cost = PLACE.saturating_mul(peers.saturating_add(1)).saturating_add(frame.len());
        if cost > self.max {
            return false;
        }
        while self.bytes > self.max - cost
            && let Some((number, waiting)) = self.waiting.pop_first()
        {
            self.bytes -= waiting.cost();
            forget(number, waiting.peers);
        }
        true
    }

    /// A message waits for one more peer. There is [room](Self::make_room) for it.
    pub(super) fn add(&mut self, message: &Numbered) {
        let len = message.frame.len();
        let waiting = self.waiting.entry(message.number).or_insert_with(|| {
            self.bytes += len + PLACE;
            Waiting { len, peers: 0 }
        });
        waiting.peers += 1;
        self.bytes += PLACE;
    }

    /// A message waits for one peer less.
    pub(super) fn remove(&mut self, message: &Numbered) {
        let Some(waiting) = self.waiting.get_mut(&message.number) else { return };
        waiting.peers -= 1;
        self.bytes -= PLACE;
        if waiting.peers == 0 {
            self.bytes -= waiting.cost();
            self.waiting.remove(&message.number);
        }
    }

    /// What all of them take.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Waiting {
    const fn cost(&self) -> usize {
        self.len + PLACE * (self.peers + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    fn message(backlog: &mut Backlog, len: usize) -> Numbered {
        backlog.number(vec![0; len].into())
    }

    fn forgotten(backlog: &mut Backlog, len: usize, peers: usize) -> Option<Vec<u64>> {
        let mut gone = Vec::new();
        backlog.make_room(&vec![0; len].into(), peers, |number, _| gone.push(number)).then_some(gone)
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
    fn the_oldest_goes_for_the_newest_and_no_more_of_them_than_have_to() {
        let mut backlog = Backlog::new(3 * (100 + 2 * PLACE));
        for _ in 0..3 {
            assert_eq!(forgotten(&mut backlog, 100, 1), Some(vec![]));
            let message = message(&mut backlog, 100);
            backlog.add(&message);
        }
        assert_eq!(forgotten(&mut backlog, 101, 1), Some(vec![1, 2]));
        assert_eq!(backlog.bytes(), 100 + 2 * PLACE);
        assert_eq!(forgotten(&mut backlog, 101, 1), Some(vec![]));
    }

    #[test]
    fn what_is_larger_than_everything_drives_nobody_out() {
        let mut backlog = Backlog::new(100 + 2 * PLACE);
        let one = message(&mut backlog, 100);
        backlog.add(&one);
        assert_eq!([forgotten(&mut backlog, 101, 1), forgotten(&mut backlog, 100, 2)], [None, None]);
        assert_eq!(forgotten(&mut backlog, 0, usize::MAX), None);
        assert_eq!(forgotten(&mut backlog, 100, 1), Some(vec![1]));
        assert_eq!(backlog.bytes(), 0);
    }
}
