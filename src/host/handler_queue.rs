//! [`HandlerQueue`]: the inbound streams that wait for a handler.

use super::opened_stream::StreamParts;
use crate::connection::Protocol;
use crate::identity::PeerId;
use crate::lifecycle::ConnectionId;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::rc::Rc;
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;

/// A function that answers a stream of a protocol. Calling the function runs none of the owner's code; the owner's code runs
/// when the returned future is polled.
pub(super) type Handler = Rc<dyn Fn(StreamParts) -> Pin<Box<dyn Future<Output = ()>>>>;

/// A stream that waits for a handler, and the handler that will answer it.
pub(super) struct QueuedStream {
    pub(super) handler: Handler,
    pub(super) stream: StreamParts,
    /// The time at which the stream began to wait.
    pub(super) since: Duration,
    /// `true` if a stream of another peer was reset to free a handler for this stream.
    pub(super) has_asked: bool,
}

/// The inbound streams that wait for a handler. The peer for which the fewest handlers run is served next. Peers with
/// equally many running handlers are served in turn, and the connections of one peer are also served in turn, so that no
/// peer or connection has to wait for all the streams of another. The streams of one connection are served in the order in
/// which they opened.
#[derive(Default)]
pub(super) struct HandlerQueue {
    len: usize,
    /// The peers that have waiting streams, each once. If equally many handlers run for several peers, the peer that is
    /// first here is served first.
    turns: VecDeque<PeerId>,
    /// The waiting streams of each peer. No peer has an empty queue.
    peers: BTreeMap<PeerId, PeerQueue>,
}

/// The waiting streams of one peer, by connection.
#[derive(Default)]
struct PeerQueue {
    /// The connections that have waiting streams, each once, in the order in which they are served.
    turns: VecDeque<ConnectionId>,
    /// The waiting streams of each connection, oldest first. No connection has an empty queue. The key is the whole id with
    /// its generation, since a connection that has ended may still have waiting streams while a new connection has the same
    /// index.
    streams: BTreeMap<ConnectionId, VecDeque<QueuedStream>>,
}

impl PeerQueue {
    fn push(&mut self, waiting: QueuedStream) {
        let connection = waiting.stream.connection;
        let streams = self.streams.entry(connection).or_default();
        if streams.is_empty() {
            self.turns.push_back(connection);
        }
        streams.push_back(waiting);
    }

    fn pop(&mut self) -> Option<QueuedStream> {
        let connection = self.turns.pop_front()?;
        let streams = self.streams.get_mut(&connection)?;
        let next = streams.pop_front();
        match streams.is_empty() {
            true => drop(self.streams.remove(&connection)),
            false => self.turns.push_back(connection),
        }
        next
    }

    fn first(&mut self) -> Option<&mut QueuedStream> {
        self.streams.get_mut(self.turns.front()?)?.front_mut()
    }

    fn len(&self) -> usize {
        self.streams.values().map(VecDeque::len).sum()
    }

    fn count_on(&self, connection: ConnectionId, protocol: &Protocol) -> usize {
        let streams = self.streams.get(&connection).into_iter().flatten();
        streams.filter(|waiting| waiting.stream.protocol == *protocol).count()
    }

    fn count(&self, protocol: &Protocol) -> usize {
        self.turns.iter().map(|connection| self.count_on(*connection, protocol)).sum()
    }

    /// Finds the connection with the most waiting streams of a protocol. If their number is at least `least`, removes the
    /// last of these streams and returns it.
    fn take_last(&mut self, protocol: &Protocol, least: usize) -> Option<QueuedStream> {
        // The streams are counted anew, and no counter is kept: this runs only when `waiting_streams` (64 by default)
        // streams of the protocol wait, and saves a counter for each pair of a connection and a protocol.
        let counts = self.turns.iter().map(|id| (self.count_on(*id, protocol), *id));
        let (most, connection) = counts.max_by_key(|(most, _)| *most)?;
        if most < least {
            return None;
        }
        let streams = self.streams.get_mut(&connection)?;
        let last = streams.iter().rposition(|waiting| waiting.stream.protocol == *protocol)?;
        let taken = streams.remove(last);
        if streams.is_empty() {
            self.streams.remove(&connection);
            self.turns.retain(|other| *other != connection);
        }
        taken
    }
}

impl HandlerQueue {
    /// Returns the number of waiting streams.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Returns the number of waiting streams of a peer.
    pub(super) fn len_of(&self, peer: &PeerId) -> usize {
        self.peers.get(peer).map_or(0, PeerQueue::len)
    }

    pub(super) fn push(&mut self, waiting: QueuedStream) {
        let peer = waiting.stream.peer;
        let own = self.peers.entry(peer).or_insert_with(|| {
            self.turns.push_back(peer);
            PeerQueue::default()
        });
        own.push(waiting);
        self.len += 1;
    }

    /// Removes and returns the next stream of the peer for which the fewest handlers run. Peers for which `share` or more
    /// handlers run are skipped. Among peers with equally many handlers, the first in `turns` is chosen.
    pub(super) fn pop(&mut self, running: impl Fn(&PeerId) -> usize, share: usize) -> Option<QueuedStream> {
        let loads = self.turns.iter().map(running).enumerate();
        let (at, _) = loads.filter(|(_, load)| *load < share).min_by_key(|(at, load)| (*load, *at))?;
        let peer = self.turns.remove(at)?;
        let own = self.peers.get_mut(&peer)?;
        let next = own.pop();
        // The peer goes to the end of the turns, so that peers with equally many handlers are served in turn.
        match own.turns.is_empty() {
            true => drop(self.peers.remove(&peer)),
            false => self.turns.push_back(peer),
        }
        self.len -= usize::from(next.is_some());
        next
    }

    /// Removes a waiting stream of a protocol, to free a place for a new stream that `peer` has opened on `connection`. The
    /// load of a peer is the number of its running handlers plus the number of its waiting streams of the protocol.
    ///
    /// If the highest load of any peer exceeds the load of `peer` by at least two, the peer with the highest load loses its
    /// last waiting stream of the protocol. Otherwise, among the connections of `peer`, the one with the most waiting
    /// streams of the protocol is considered: it loses the last of them if it has at least two more of them than
    /// `connection`. Each exchange therefore makes the loads of the two peers, or the counts of the two connections, more
    /// equal. In any other case, no stream is removed and `None` is returned.
    pub(super) fn make_place(
        &mut self,
        protocol: &Protocol,
        (peer, connection): (PeerId, ConnectionId),
        running: impl Fn(&PeerId) -> usize,
    ) -> Option<QueuedStream> {
        // Two other rules were rejected. If the newcomer were refused, whoever came first would keep the queue: 64
        // identities with one handler and one waiting stream each would shut out a peer without any. If only waiting streams
        // were compared, each of these 64 would have one more than the newcomer, which is too little: a difference of one is
        // not enough, since the exchange would only swap the two loads, and the next stream of the loser would swap them
        // back. So running handlers count, too.
        let count = |peer: &PeerId| self.peers.get(peer).map_or(0, |own| own.count(protocol));
        let loads = self.turns.iter().filter(|peer| count(peer) > 0).map(|peer| (running(peer) + count(peer), *peer));
        let (most, greedy) = loads.max_by_key(|(most, _)| *most)?;
        let (from, least) = match most >= running(&peer) + count(&peer) + 2 {
            true => (greedy, 1),
            false => (peer, self.peers.get(&peer)?.count_on(connection, protocol) + 2),
        };
        let own = self.peers.get_mut(&from)?;
        let taken = own.take_last(protocol, least);
        if own.turns.is_empty() {
            self.peers.remove(&from);
            self.turns.retain(|other| *other != from);
        }
        self.len -= usize::from(taken.is_some());
        taken
    }

    /// Returns the next waiting stream of each peer, sorted by peer id.
    pub(super) fn firsts(&mut self) -> impl Iterator<Item = &mut QueuedStream> {
        self.peers.values_mut().filter_map(PeerQueue::first)
    }
}
