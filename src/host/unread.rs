//! [`UnreadBytes`]: the count of the bytes that have arrived on streams which have ended, and that the holders of the
//! streams have not read yet.

use crate::identity::PeerId;
use crate::lifecycle::StreamId;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::rc::{Rc, Weak};
use core::cell::RefCell;

/// The count of the unread bytes of ended streams, in all and for each peer. A value of type `S` holds the bytes of one
/// stream. The capacity of the buffers is counted, since that is the memory that the bytes take. Each operation costs O(log
/// n), where n is the number of counted streams.
pub(super) struct UnreadBytes<S> {
    all: usize,
    peers: BTreeMap<PeerId, PeerUnread<S>>,
    /// The peers, each with the number of its unread bytes. The peer with the most bytes is last.
    sizes: BTreeSet<(usize, PeerId)>,
}

struct PeerUnread<S> {
    bytes: usize,
    streams: BTreeMap<LossOrder, Weak<S>>,
}

/// A value that holds the unread bytes of a stream that has ended.
pub(super) trait KeepsUnread: Sized {
    /// Returns the number of bytes of memory that this value holds, and `true` if the stream was cut off. Returns `None` if
    /// this value holds no bytes.
    fn keeps(&self) -> Option<(usize, bool)>;

    /// Stores a guard together with the held bytes. The bytes are counted until the guard is dropped, which happens when the
    /// bytes are read or dropped.
    fn set_counted(&self, counted: Counted<Self>);

    /// Drops the held bytes, since a bound was exceeded. The holder of the stream reads no more bytes, and gets the error of
    /// a stream that was cut off.
    fn lose_unread(&self);
}

/// The key that determines the order in which the streams of a peer lose their bytes. The stream with the greatest key loses
/// its bytes first. Streams that were cut off lose theirs before streams that the peer had finished; within each group, the
/// stream with the most bytes is first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct LossOrder {
    is_cut: bool,
    bytes: usize,
    stream: StreamId,
}

/// A guard that is stored together with the unread bytes of one stream. Its drop removes the bytes from the count.
pub(super) struct Counted<S> {
    count: Rc<RefCell<UnreadBytes<S>>>,
    peer: PeerId,
    key: LossOrder,
}

impl<S> Default for UnreadBytes<S> {
    fn default() -> Self {
        Self { all: 0, peers: BTreeMap::new(), sizes: BTreeSet::new() }
    }
}

impl<S> UnreadBytes<S> {
    fn resize(&mut self, peer: PeerId, change: impl FnOnce(&mut PeerUnread<S>)) {
        let own = self.peers.entry(peer).or_insert_with(|| PeerUnread { bytes: 0, streams: BTreeMap::new() });
        let before = own.bytes;
        change(own);
        let (after, is_gone) = (own.bytes, own.streams.is_empty());
        self.all = self.all - before + after;
        self.sizes.remove(&(before, peer));
        match is_gone {
            true => drop(self.peers.remove(&peer)),
            false => drop(self.sizes.insert((after, peer))),
        }
    }

    /// If a bound is exceeded, chooses the stream that has to lose its bytes, removes the stream from the count, and returns
    /// it. If `peer` has more than `per_peer` bytes, a stream of `peer` is chosen. Otherwise, if all peers together have
    /// more than `most` bytes, a stream of the peer with the most bytes is chosen.
    fn take_excess(&mut self, peer: PeerId, per_peer: usize, most: usize) -> Option<Weak<S>> {
        // The peer's own bound is judged first: whoever has just made the bytes grow pays with its own, before anybody else
        // can lose some.
        let own = self.peers.get(&peer).map_or(0, |own| own.bytes);
        let who = match own > per_peer {
            true => peer,
            false => self.sizes.last().filter(|_| self.all > most)?.1,
        };
        let mut taken = None;
        self.resize(who, |own| {
            taken = own.streams.pop_last();
            own.bytes -= taken.as_ref().map_or(0, |(key, _)| key.bytes);
        });
        taken.map(|(_, ends)| ends)
    }
}

/// Counts the bytes that `ends` holds for a stream of `peer`. Then streams lose their bytes while a bound is exceeded:
/// streams of `peer` if its bytes exceed the bound for one peer, or else streams of the peer with the most bytes.
pub(super) fn count<S: KeepsUnread>(
    count: &Rc<RefCell<UnreadBytes<S>>>,
    (peer, stream): (PeerId, StreamId),
    ends: &Rc<S>,
    (per_peer, most): (usize, usize),
) {
    // The owner was promised that bytes which have arrived can still be read after their stream has ended, so they are kept
    // for the holder of the stream. The swarm's budget `held_bytes` does not contain them any more. Without a bound of their
    // own, a peer could fill the memory with streams that it writes and resets while their handlers have not begun: 400 such
    // streams left 99 MiB where `held_bytes` is 64 MiB. Refusing the newest bytes would be simpler, but then one peer that
    // was first would decide what all others may keep; so the peer with the most bytes loses some.
    let Some((bytes, is_cut)) = ends.keeps() else { return };
    let key = LossOrder { is_cut, bytes, stream };
    count.borrow_mut().resize(peer, |own| {
        own.bytes += bytes;
        // The reference is weak, so that the count does not keep bytes which the stream's holder has dropped.
        own.streams.insert(key, Rc::downgrade(ends));
    });
    ends.set_counted(Counted { count: count.clone(), peer, key });
    loop {
        let excess = count.borrow_mut().take_excess(peer, per_peer, most);
        match excess {
            // The count is not borrowed here: losing the bytes drops their guard, which borrows the count.
            Some(ends) => ends.upgrade().iter().for_each(|ends| ends.lose_unread()),
            None => return,
        }
    }
}

impl<S> Drop for Counted<S> {
    fn drop(&mut self) {
        let mut count = self.count.borrow_mut();
        // A stream that has lost its bytes is not counted any more.
        if count.peers.get(&self.peer).is_some_and(|own| own.streams.contains_key(&self.key)) {
            count.resize(self.peer, |own| {
                own.streams.remove(&self.key);
                own.bytes -= self.key.bytes;
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::opened_stream::{StreamEnds, StreamOutcome};
    use super::*;
    use crate::identity::Keypair;
    use crate::lifecycle::{Direction, Lifecycle, Limits, Side, StreamEnd};
    use alloc::vec;
    use alloc::vec::Vec;

    const KIB: usize = 1_024;

    struct Play {
        unread: Rc<RefCell<UnreadBytes<StreamEnds>>>,
        streams: Vec<StreamId>,
    }

    impl Play {
        fn new() -> Self {
            let mut lifecycle = Lifecycle::<64>::new(Limits::default());
            let connection = lifecycle.begin_connection(Direction::Inbound).unwrap();
            lifecycle.opened(connection).unwrap();
            let begin = |_| lifecycle.begin_stream(connection, Direction::Inbound).unwrap();
            Self { unread: Rc::default(), streams: (0..32).map(begin).collect() }
        }

        /// Ends a stream of a peer; the stream has `kib` KiB of unread bytes. The bound of one peer is 8 KiB, and the bound
        /// of all peers together is 12 KiB.
        fn ends(&self, peer: u8, stream: usize, kib: usize, is_complete: bool) -> Rc<StreamEnds> {
            let ends = Rc::new(StreamEnds::default());
            let peer = Keypair::ed25519_from_bytes([peer; 32]).unwrap().public().to_peer_id();
            ends.end(StreamOutcome::Told(StreamEnd::Reset(Side::Remote)), vec![7; kib * KIB], is_complete);
            count(&self.unread, (peer, self.streams[stream]), &ends, (8 * KIB, 12 * KIB));
            ends
        }

        fn all(&self) -> usize {
            self.unread.borrow().all / KIB
        }
    }

    fn left(ends: &StreamEnds) -> usize {
        ends.keeps().map_or(0, |(bytes, _)| bytes / KIB)
    }

    #[test]
    fn a_peer_loses_what_was_cut_before_what_it_had_finished() {
        let play = Play::new();
        let finished = play.ends(1, 0, 5, true);
        let small = play.ends(1, 1, 1, false);
        let large = play.ends(1, 2, 2, false);
        assert_eq!(play.all(), 8);
        let newest = play.ends(1, 3, 1, false);
        assert_eq!([&finished, &small, &large, &newest].map(|ends| left(ends)), [5, 1, 0, 1]);
        drop((small, newest));
        assert_eq!(play.all(), 5);
    }

    #[test]
    fn beyond_the_bound_of_all_the_greediest_loses() {
        let play = Play::new();
        let most: Vec<_> = (0..4).map(|stream| play.ends(1, stream, 2, false)).collect();
        let others: Vec<_> = (2..8).map(|peer| play.ends(peer, usize::from(peer) + 10, 1, false)).collect();
        assert_eq!(others.iter().map(|ends| left(ends)).sum::<usize>(), 6, "a peer with little keeps it");
        assert_eq!((most.iter().map(|ends| left(ends)).sum::<usize>(), play.all()), (6, 12));
        let mut buffer = [0; 4 * KIB];
        let end = StreamOutcome::Told(StreamEnd::Reset(Side::Remote));
        for ends in most.iter().chain(&others).filter(|ends| left(ends) > 0) {
            assert!(ends.read_rest(end, &mut buffer).is_ok());
        }
        assert_eq!(play.all(), 0, "what was read is not counted any more");
        drop((most, others));
        let unread = play.unread.borrow();
        assert!(unread.peers.is_empty() && unread.sizes.is_empty(), "nothing is kept of peers without bytes");
    }
}
