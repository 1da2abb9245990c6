//! [`UnreadBytes`]: the bytes that have arrived on streams which have ended, and wait for who holds these streams.

use crate::identity::PeerId;
use crate::lifecycle::StreamId;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::rc::{Rc, Weak};
use core::cell::RefCell;

/// The bytes of ended streams, by peer, each kept in an `S`. What counts is memory: the capacity of the buffers. Each
/// operation is O(log n).
pub(super) struct UnreadBytes<S> {
    all: usize,
    peers: BTreeMap<PeerId, PeerUnread<S>>,
    /// The peers by their bytes, so that the greediest is found at once.
    sizes: BTreeSet<(usize, PeerId)>,
}

struct PeerUnread<S> {
    bytes: usize,
    streams: BTreeMap<LossOrder, Weak<S>>,
}

/// What keeps the bytes of a stream that has ended.
pub(super) trait KeepsUnread: Sized {
    /// Returns the memory that is kept for the holder of a stream that has ended, and whether the peer had not finished its
    /// side.
    fn keeps(&self) -> Option<(usize, bool)>;

    /// The bytes that are kept are counted until they are read, lost or dropped.
    fn set_counted(&self, counted: Counted<Self>);

    /// A bound was exceeded: the holder reads nothing more, and hears that the stream was cut.
    fn lose_unread(&self);
}

/// The order in which streams of a peer lose their bytes, last first: those that were cut before those that the peer had
/// finished, large ones before small ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct LossOrder {
    is_cut: bool,
    bytes: usize,
    stream: StreamId,
}

/// The count of one stream's bytes, which ends when it is dropped with them.
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

    /// Takes the stream that loses its bytes next, if `peer` has more than `per_peer`, or all together more than `most`.
    fn take_excess(&mut self, peer: PeerId, per_peer: usize, most: usize) -> Option<Weak<S>> {
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

/// Counts the bytes that `ends` keeps of a peer's stream. While a bound is exceeded, the greediest loses what it has.
pub(super) fn count<S: KeepsUnread>(
    count: &Rc<RefCell<UnreadBytes<S>>>,
    (peer, stream): (PeerId, StreamId),
    ends: &Rc<S>,
    (per_peer, most): (usize, usize),
) {
    let Some((bytes, is_cut)) = ends.keeps() else { return };
    let key = LossOrder { is_cut, bytes, stream };
    count.borrow_mut().resize(peer, |own| {
        own.bytes += bytes;
        own.streams.insert(key, Rc::downgrade(ends));
    });
    ends.set_counted(Counted { count: count.clone(), peer, key });
    loop {
        let excess = count.borrow_mut().take_excess(peer, per_peer, most);
        match excess {
            // Not while the count is borrowed: it is told.
            Some(ends) => ends.upgrade().iter().for_each(|ends| ends.lose_unread()),
            None => return,
        }
    }
}

impl<S> Drop for Counted<S> {
    fn drop(&mut self) {
        let mut count = self.count.borrow_mut();
        // It has lost its bytes if it is not there.
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

        /// A stream of a peer's ends with so many KiB unread, where a peer may have 8 KiB, and all together 12.
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
        assert_eq!(others.iter().map(|ends| left(ends)).sum::<usize>(), 6, "who has little keeps it");
        assert_eq!((most.iter().map(|ends| left(ends)).sum::<usize>(), play.all()), (6, 12));
        let mut buffer = [0; 4 * KIB];
        let end = StreamOutcome::Told(StreamEnd::Reset(Side::Remote));
        for ends in most.iter().chain(&others).filter(|ends| left(ends) > 0) {
            assert!(ends.read_rest(end, &mut buffer).is_ok());
        }
        assert_eq!(play.all(), 0, "what was read is not counted any more");
        drop((most, others));
        let unread = play.unread.borrow();
        assert!(unread.peers.is_empty() && unread.sizes.is_empty(), "nothing is kept of who holds nothing");
    }
}
