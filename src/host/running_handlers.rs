//! [`RunningHandlers`]: the table of the running handlers, grouped by the peer whose streams they answer.

use crate::identity::PeerId;
use crate::lifecycle::StreamId;
use alloc::collections::{BTreeMap, BTreeSet};

/// The running handlers, grouped by the peer whose streams they answer. Each operation costs O(log n).
#[derive(Default)]
pub(super) struct RunningHandlers {
    len: usize,
    peers: BTreeMap<PeerId, PeerHandlers>,
    /// The peers, each with the number of its streams that can be reset in favour of another peer. The peer with the most
    /// such streams is last.
    sizes: BTreeSet<(usize, PeerId)>,
    next: u64,
}

/// The running handlers of one peer.
#[derive(Default)]
struct PeerHandlers {
    /// The number of running handlers, including handlers whose streams were reset in favour of another peer and that have
    /// not ended yet.
    len: usize,
    /// The streams that can be reset in favour of another peer, oldest first.
    streams: BTreeMap<u64, StreamId>,
}

/// A ticket that identifies one running handler.
#[derive(Clone, Copy, Debug)]
pub(super) struct HandlerTicket {
    peer: PeerId,
    number: u64,
}

impl RunningHandlers {
    /// Returns the number of running handlers.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Returns the number of running handlers for streams of a peer.
    pub(super) fn len_of(&self, peer: &PeerId) -> usize {
        self.peers.get(peer).map_or(0, |own| own.len)
    }

    /// Records that a handler begins to answer a stream. The handler counts as running until the returned ticket is passed
    /// to [`end`](Self::end).
    pub(super) fn begin(&mut self, peer: PeerId, stream: StreamId) -> HandlerTicket {
        let number = self.next;
        self.next += 1;
        self.len += 1;
        self.resize(peer, |own| {
            own.len += 1;
            own.streams.insert(number, stream);
        });
        HandlerTicket { peer, number }
    }

    /// Records that a handler has ended or was dropped. After the end of the host, which has removed all handlers, this has
    /// no effect.
    pub(super) fn end(&mut self, HandlerTicket { peer, number }: HandlerTicket) {
        if !self.peers.contains_key(&peer) {
            return;
        }
        self.len -= 1;
        self.resize(peer, |own| {
            own.len -= 1;
            own.streams.remove(&number);
        });
    }

    /// Finds the peer that has the most streams which can be reset in favour of another peer. If it has more than `than`
    /// such streams, removes the youngest of them, and returns that stream for the caller to reset. The handler of the
    /// stream counts as running until the handler ends.
    pub(super) fn take_youngest_beyond(&mut self, than: usize) -> Option<StreamId> {
        let (most, peer) = *self.sizes.last()?;
        if most <= than {
            return None;
        }
        let mut youngest = None;
        // The stream leaves the table of streams that can give way, so that it is not reset twice while its handler comes to
        // its end. The handler still counts in `len`, since it still occupies a place.
        self.resize(peer, |own| youngest = own.streams.pop_last());
        youngest.map(|(_, stream)| stream)
    }

    fn resize(&mut self, peer: PeerId, change: impl FnOnce(&mut PeerHandlers)) {
        let own = self.peers.entry(peer).or_default();
        self.sizes.remove(&(own.streams.len(), peer));
        change(own);
        let (len, can_give_way) = (own.len, own.streams.len());
        if can_give_way > 0 {
            self.sizes.insert((can_give_way, peer));
        }
        if len == 0 {
            self.peers.remove(&peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Keypair;
    use crate::lifecycle::{Direction, Lifecycle, Limits};
    use alloc::vec::Vec;

    #[test]
    fn the_greediest_peers_youngest_stream_gives_way_once() {
        let peer = |number| Keypair::ed25519_from_bytes([number; 32]).unwrap().public().to_peer_id();
        let mut lifecycle = Lifecycle::<64>::new(Limits::default());
        let connection = lifecycle.begin_connection(Direction::Inbound).unwrap();
        lifecycle.opened(connection).unwrap();
        let streams: Vec<_> = (0..6).map(|_| lifecycle.begin_stream(connection, Direction::Inbound).unwrap()).collect();
        let mut running = RunningHandlers::default();
        let tickets: Vec<_> = (0..6).map(|n| running.begin(peer(u8::from(n >= 4)), streams[n])).collect();
        assert_eq!(running.take_youngest_beyond(4), None);
        assert_eq!(running.take_youngest_beyond(1), Some(streams[3]));
        running.end(tickets[2]);
        assert_eq!((running.len(), running.len_of(&peer(0))), (5, 3), "one that gives way runs until it ends");
        let rest = core::iter::from_fn(|| running.take_youngest_beyond(0)).count();
        assert_eq!((rest, running.take_youngest_beyond(0)), (4, None), "none gives way twice");
        tickets.iter().enumerate().filter(|(n, _)| *n != 2).for_each(|(_, ticket)| running.end(*ticket));
        assert!(running.len() == 0 && running.peers.is_empty() && running.sizes.is_empty(), "nothing is kept");
    }
}
