//! [`OpeningQueue`]: the queue of listeners, connections and streams that are ready to open and wait for room in the event
//! queue.

use crate::lifecycle::{ConnectionId, Id, StreamId};
use crate::pruned_queue::Entries;
use alloc::collections::{BTreeMap, VecDeque};

/// The listeners, connections and streams that wait for room in the event queue. The streams of each connection wait in a
/// queue of their own. These queues take turns with each other and with the waiting listeners and connections: in each turn
/// one stream, listener or connection opens. Therefore a connection with many waiting streams does not delay all others. A
/// connection without a waiting stream uses no memory here.
#[derive(Debug, Default)]
pub(super) struct OpeningQueue {
    // A connection is in `turns` once while it is a key of `streams`, however many of its streams wait: the first one that
    // waits adds it, and the last one that leaves removes it.
    turns: VecDeque<QueueTurn>,
    streams: BTreeMap<ConnectionId, VecDeque<StreamId>>,
    len: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum QueueTurn {
    /// A listener or a connection that is ready to open.
    Itself(Id),
    /// The first stream of this connection that waits to open.
    Streams(ConnectionId),
}

impl OpeningQueue {
    pub(super) const fn new() -> Self {
        Self { turns: VecDeque::new(), streams: BTreeMap::new(), len: 0 }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the id of the listener, connection or stream that opens next.
    pub(super) fn first(&self) -> Option<Id> {
        match *self.turns.front()? {
            QueueTurn::Itself(id) => Some(id),
            QueueTurn::Streams(connection) => self.streams.get(&connection)?.front().map(|stream| Id::Stream(*stream)),
        }
    }

    /// Removes and returns the id of the listener, connection or stream that opens next. If it is a stream, the next waiting
    /// stream of its connection opens only after all others that wait now have had their turn.
    pub(super) fn pop_first(&mut self) -> Option<Id> {
        let turn = self.turns.pop_front()?;
        self.len -= 1;
        let connection = match turn {
            QueueTurn::Itself(id) => return Some(id),
            QueueTurn::Streams(connection) => connection,
        };
        let waiting = self.streams.get_mut(&connection)?;
        let stream = waiting.pop_front();
        match waiting.is_empty() {
            true => drop(self.streams.remove(&connection)),
            false => self.turns.push_back(turn),
        }
        stream.map(Id::Stream)
    }

    /// Puts a connection, which was removed from the front of the queue, there again.
    pub(super) fn put_back(&mut self, id: ConnectionId) {
        self.turns.push_front(QueueTurn::Itself(id.into()));
        self.len += 1;
    }

    /// Shrinks the queue's memory to what its entries need, or to `least` entries if that is more.
    pub(super) fn shrink_to(&mut self, least: usize) {
        self.turns.shrink_to(least);
    }
}

/// An entry is the id of a listener or a connection with `None`, or the id of a stream with the connection to which the
/// stream belongs.
impl Entries for OpeningQueue {
    type Entry = (Id, Option<ConnectionId>);

    fn count(&self) -> usize {
        self.len
    }

    fn append(&mut self, (id, runs_on): Self::Entry) {
        match (id, runs_on) {
            (Id::Stream(stream), Some(connection)) => {
                let waiting = self.streams.entry(connection).or_default();
                if waiting.is_empty() {
                    self.turns.push_back(QueueTurn::Streams(connection));
                }
                waiting.push_back(stream);
            }
            // A stream without a connection has ended.
            (Id::Stream(_), None) => return,
            (Id::Listener(_) | Id::Connection(_), _) => self.turns.push_back(QueueTurn::Itself(id)),
        }
        self.len += 1;
    }

    fn keep(&mut self, mut keeps: impl FnMut(&Self::Entry) -> bool) {
        // The streams come first: a connection keeps its turn only if one of its streams is left.
        self.streams.retain(|connection, waiting| {
            waiting.retain(|stream| keeps(&(Id::Stream(*stream), Some(*connection))));
            !waiting.is_empty()
        });
        let streams = &self.streams;
        self.turns.retain(|turn| match turn {
            QueueTurn::Itself(id) => keeps(&(*id, None)),
            QueueTurn::Streams(connection) => streams.contains_key(connection),
        });
        let alone = self.turns.len() - self.streams.len();
        self.len = alone + self.streams.values().map(VecDeque::len).sum::<usize>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::{Direction, Lifecycle, Limits};
    use alloc::vec::Vec;

    /// Returns the ids of two open connections, each with three streams, and of a third connection that is opening.
    fn ids() -> ([(ConnectionId, [StreamId; 3]); 2], ConnectionId) {
        let mut lifecycle = Lifecycle::<8>::new(Limits::default());
        let open = [(); 2].map(|()| {
            let connection = lifecycle.begin_connection(Direction::Inbound).unwrap();
            lifecycle.opened(connection).unwrap();
            (connection, [(); 3].map(|()| lifecycle.begin_stream(connection, Direction::Inbound).unwrap()))
        });
        (open, lifecycle.begin_connection(Direction::Inbound).unwrap())
    }

    fn all(line: &mut OpeningQueue) -> Vec<Id> {
        let next = || {
            let first = line.first();
            assert_eq!(line.pop_first(), first);
            first
        };
        core::iter::from_fn(next).collect()
    }

    #[test]
    fn streams_of_connections_and_what_opens_itself_take_turns() {
        let ([(first, a), (second, b)], opening) = ids();
        let mut line = OpeningQueue::new();
        a.iter().for_each(|stream| line.append(((*stream).into(), Some(first))));
        line.append((opening.into(), None));
        b.iter().for_each(|stream| line.append(((*stream).into(), Some(second))));
        assert_eq!(line.count(), 7);
        let order = [a[0].into(), opening.into(), b[0].into(), a[1].into(), b[1].into(), a[2].into(), b[2].into()];
        assert_eq!(all(&mut line), order);
        assert!(line.is_empty() && line.turns.is_empty() && line.streams.is_empty());
    }

    #[test]
    fn what_is_not_kept_leaves_the_order_of_the_rest() {
        let ([(first, a), (second, b)], opening) = ids();
        let mut line = OpeningQueue::new();
        line.append((opening.into(), None));
        a.iter().for_each(|stream| line.append(((*stream).into(), Some(first))));
        b.iter().for_each(|stream| line.append(((*stream).into(), Some(second))));
        line.keep(|(id, _)| a[1..].iter().any(|stream| *id == Id::from(*stream)));
        assert_eq!(line.count(), 2);
        line.append((b[0].into(), Some(second)));
        assert_eq!(all(&mut line), [a[1].into(), b[0].into(), a[2].into()]);
    }
}
