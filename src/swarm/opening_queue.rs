//! [`OpeningQueue`]: the listeners, connections and streams that are ready to open and wait for room in the event queue.

use crate::lifecycle::{ConnectionId, Id, StreamId};
use alloc::collections::{BTreeMap, VecDeque};

/// The listeners, connections and streams that wait for room. The streams of each connection wait in a queue of their own.
/// These queues alternate with each other and with the listeners and connections, one stream at a time, so that a connection
/// with many waiting streams does not delay everybody else. A connection without a waiting stream takes no memory here.
#[derive(Debug, Default)]
pub(super) struct OpeningQueue {
    turns: VecDeque<QueueTurn>,
    streams: BTreeMap<ConnectionId, VecDeque<StreamId>>,
    len: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum QueueTurn {
    /// The turn of a listener or a connection that is to open.
    Itself(Id),
    /// The turn of the first waiting stream of this connection.
    Streams(ConnectionId),
}

impl OpeningQueue {
    pub(super) const fn new() -> Self {
        Self { turns: VecDeque::new(), streams: BTreeMap::new(), len: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends a listener or a connection; or appends a stream to the queue of the connection that it runs on.
    pub(super) fn push(&mut self, id: Id, runs_on: Option<ConnectionId>) {
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

    /// Returns the id that comes next.
    pub(super) fn first(&self) -> Option<Id> {
        match *self.turns.front()? {
            QueueTurn::Itself(id) => Some(id),
            QueueTurn::Streams(connection) => self.streams.get(&connection)?.front().map(|stream| Id::Stream(*stream)),
        }
    }

    /// Takes out the id that comes next. If it is a stream, the other streams of its connection wait for another turn.
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

    /// Puts a connection that was taken out back in front.
    pub(super) fn put_back(&mut self, id: ConnectionId) {
        self.turns.push_front(QueueTurn::Itself(id.into()));
        self.len += 1;
    }

    /// Gives memory back, except for `least` entries.
    pub(super) fn shrink_to(&mut self, least: usize) {
        self.turns.shrink_to(least);
    }

    /// Keeps the ids for which `keeps` returns `true`, in the same order.
    pub(super) fn retain(&mut self, mut keeps: impl FnMut(Id) -> bool) {
        self.streams.retain(|_, waiting| {
            waiting.retain(|stream| keeps(Id::Stream(*stream)));
            !waiting.is_empty()
        });
        let streams = &self.streams;
        self.turns.retain(|turn| match turn {
            QueueTurn::Itself(id) => keeps(*id),
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

    /// Two connections, the streams of each, and one more that is opening.
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
    fn streams_of_connections_take_turns_with_each_other_and_with_what_opens_itself() {
        let ([(first, a), (second, b)], opening) = ids();
        let mut line = OpeningQueue::new();
        a.iter().for_each(|stream| line.push((*stream).into(), Some(first)));
        line.push(opening.into(), None);
        b.iter().for_each(|stream| line.push((*stream).into(), Some(second)));
        assert_eq!(line.len(), 7);
        let order = [a[0].into(), opening.into(), b[0].into(), a[1].into(), b[1].into(), a[2].into(), b[2].into()];
        assert_eq!(all(&mut line), order);
        assert!(line.is_empty() && line.turns.is_empty() && line.streams.is_empty());
    }

    #[test]
    fn what_is_not_kept_leaves_the_order_of_the_rest() {
        let ([(first, a), (second, b)], opening) = ids();
        let mut line = OpeningQueue::new();
        line.push(opening.into(), None);
        a.iter().for_each(|stream| line.push((*stream).into(), Some(first)));
        b.iter().for_each(|stream| line.push((*stream).into(), Some(second)));
        line.retain(|id| a[1..].iter().any(|stream| id == Id::from(*stream)));
        assert_eq!(line.len(), 2);
        line.push(b[0].into(), Some(second));
        assert_eq!(all(&mut line), [a[1].into(), b[0].into(), a[2].into()]);
    }
}
