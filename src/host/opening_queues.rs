//! [`OpeningQueues`]: the openings of streams that wait for a place because a limit is reached, with a queue for each
//! connection.

use crate::lifecycle::ConnectionId;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

/// The position of one waiting opening of a stream in the queue of its connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct OpeningPlace {
    pub(super) connection: ConnectionId,
    number: u64,
}

/// The queues of openings of streams that wait for a place, one queue for each connection, first in, first out. With `n`
/// waiting openings, each operation on one of them costs O(log n).
///
/// A connection "has a turn" if the first opening in its queue is to be tried. The connections that have a turn are served
/// one after the other, one opening each. An opening therefore need not wait until the whole queue of another connection is
/// served.
pub(super) struct OpeningQueues<T> {
    waiting: BTreeMap<OpeningPlace, T>,
    /// The connections for which openings of streams wait, each with the state of its queue. If the last opening of a queue
    /// was removed to be tried, the state stays until that opening is [put back](Self::put_back) or [served](Self::served).
    queues: BTreeMap<ConnectionId, ConnectionQueue>,
    /// The connections whose first queued opening of a stream is to be tried, in the order in which they are served: the
    /// lowest number first.
    turns: BTreeMap<u64, ConnectionId>,
    /// The last number that was assigned. Each position in a queue, and each turn of a connection, gets the next number.
    last: u64,
    /// The time at which the first opening of each queue is tried even if no stream has ended. `None` if no such time is
    /// set.
    retry_at: Option<Duration>,
}

#[derive(Default)]
struct ConnectionQueue {
    len: usize,
    turn: Option<u64>,
}

impl<T> Default for OpeningQueues<T> {
    fn default() -> Self {
        let (waiting, queues, turns) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { waiting, queues, turns, last: 0, retry_at: None }
    }
}

impl<T> OpeningQueues<T> {
    /// Returns whether openings of streams wait for a place on a connection.
    pub(super) fn is_waited_for(&self, connection: ConnectionId) -> bool {
        self.queues.contains_key(&connection)
    }

    /// Adds an opening of a stream at the end of the queue of a connection, and returns its position. If `most` or more
    /// openings are already in that queue, returns the opening as the error.
    pub(super) fn join(&mut self, connection: ConnectionId, most: usize, waiting: T) -> Result<OpeningPlace, T> {
        if self.queues.get(&connection).map_or(0, |line| line.len) >= most {
            return Err(waiting);
        }
        self.queues.entry(connection).or_default().len += 1;
        let place = OpeningPlace { connection, number: self.number() };
        self.waiting.insert(place, waiting);
        Ok(place)
    }

    /// Removes an opening of a stream from its queue, whatever its position. Returns `None` if the opening is not in the
    /// queue any more.
    pub(super) fn leave(&mut self, place: OpeningPlace) -> Option<T> {
        // A future may be dropped at any position of its queue. The openings are in one map of positions for that reason:
        // removing one from the middle of a vector would be linear, and so quadratic for a task that drops all of its
        // requests.
        let left = self.waiting.remove(&place)?;
        self.left(place.connection);
        self.end_if_empty(place.connection);
        Some(left)
    }

    /// Gives a turn to a connection, since a place for the first opening in its queue may be free. The connection is served
    /// after the connections that already have a turn. If the connection has a turn already, the call has no effect.
    pub(super) fn give_turn(&mut self, connection: ConnectionId) {
        let number = self.number();
        if let Some(line) = self.queues.get_mut(&connection)
            && line.turn.is_none()
        {
            line.turn = Some(number);
            self.turns.insert(number, connection);
        }
    }

    /// Removes the first opening in the queue of the connection that is served next, and returns the opening, so that the
    /// caller can try it. The caller then has to call [`served`](Self::served) or [`put_back`](Self::put_back).
    pub(super) fn take_first(&mut self) -> Option<(OpeningPlace, T)> {
        let (_, &connection) = self.turns.first_key_value()?;
        let place = self.first(connection)?;
        self.left(connection);
        Some((place, self.waiting.remove(&place)?))
    }

    /// Records that an opening which [`take_first`](Self::take_first) has returned does not wait any more. Its connection
    /// gets another turn, after the other connections.
    pub(super) fn served(&mut self, place: OpeningPlace) {
        self.end_turn(place.connection);
        // Several places may have become free, and nothing counts them: the next attempt finds out.
        self.give_turn(place.connection);
        self.end_if_empty(place.connection);
    }

    /// Puts an opening which [`take_first`](Self::take_first) has returned back at the front of its queue, since there was
    /// no place for it. If `keeps_turn` is true, its connection remains the next to be served; otherwise its connection
    /// loses its turn.
    pub(super) fn put_back(&mut self, place: OpeningPlace, waiting: T, keeps_turn: bool) {
        self.waiting.insert(place, waiting);
        if let Some(line) = self.queues.get_mut(&place.connection) {
            line.len += 1;
        }
        if !keeps_turn {
            // The connection has as many streams as its limit allows. The end of one of them gives it a turn again, so
            // trying it before that would only cost time.
            self.end_turn(place.connection);
        }
    }

    /// Removes and returns all openings of streams that wait for a place on a connection, oldest first.
    pub(super) fn take_line(&mut self, connection: ConnectionId) -> Vec<T> {
        let mut line = Vec::new();
        while let Some(place) = self.first(connection) {
            line.extend(self.leave(place));
        }
        line
    }

    /// Removes and returns all waiting openings of streams, of all connections.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = T> + use<T> {
        core::mem::take(self).waiting.into_values()
    }

    /// Sets the time of the next [`retry`](Self::retry) to `at`, unless an earlier time is set already.
    pub(super) fn retry_by(&mut self, at: Duration) {
        self.retry_at = Some(self.retry_at.map_or(at, |earlier| earlier.min(at)));
    }

    /// Gives a turn to each connection that has a queue, if the time that [`retry_by`](Self::retry_by) has set is reached.
    /// The work is proportional to the number of queues.
    pub(super) fn retry(&mut self, now: Duration) {
        if self.retry_at.is_none_or(|at| at > now) {
            return;
        }
        self.retry_at = None;
        for (connection, line) in self.queues.iter_mut().filter(|(_, line)| line.turn.is_none()) {
            self.last += 1;
            line.turn = Some(self.last);
            self.turns.insert(self.last, *connection);
        }
    }

    /// Returns the time at which [`retry`](Self::retry) has to be called, or `None` if no opening waits.
    pub(super) fn retry_at(&self) -> Option<Duration> {
        // The time stays set when the last opening leaves, but a host in which nothing waits must not be woken for it.
        self.retry_at.filter(|_| !self.queues.is_empty())
    }

    fn first(&self, connection: ConnectionId) -> Option<OpeningPlace> {
        let (first, _) = self.waiting.range(OpeningPlace { connection, number: 0 }..).next()?;
        (first.connection == connection).then_some(*first)
    }

    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn left(&mut self, connection: ConnectionId) {
        if let Some(line) = self.queues.get_mut(&connection) {
            line.len -= 1;
        }
    }

    fn end_turn(&mut self, connection: ConnectionId) {
        let turn = self.queues.get_mut(&connection).and_then(|line| line.turn.take());
        turn.map(|turn| self.turns.remove(&turn));
    }

    fn end_if_empty(&mut self, connection: ConnectionId) {
        if self.queues.get(&connection).is_some_and(|line| line.len == 0) {
            self.end_turn(connection);
            self.queues.remove(&connection);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::{Direction, Lifecycle, Limits};

    fn connections(many: usize) -> Vec<ConnectionId> {
        let mut lifecycle = Lifecycle::<1>::new(Limits::default());
        (0..many).map(|_| lifecycle.begin_connection(Direction::Outbound).unwrap()).collect()
    }

    #[test]
    fn a_free_place_is_offered_to_the_first_of_one_line() {
        let (ids, mut queues) = (connections(100), OpeningQueues::default());
        for n in 0..10_000 {
            queues.join(ids[n % 100], 100, n).unwrap();
        }
        assert_eq!(queues.join(ids[7], 100, 0), Err(0), "that line is full");
        assert!(queues.take_first().is_none(), "no line has a turn");
        for round in 0..2 {
            queues.give_turn(ids[42]);
            queues.give_turn(ids[42]);
            let (place, first) = queues.take_first().unwrap();
            assert_eq!((place.connection, first), (ids[42], 42 + 100 * round));
            queues.served(place);
            let (place, next) = queues.take_first().unwrap();
            assert_eq!(next, 142 + 100 * round);
            queues.put_back(place, next, false);
            assert!(queues.take_first().is_none(), "no other line is looked at");
        }
    }

    #[test]
    fn openings_that_have_left_are_kept_nowhere() {
        let (ids, mut queues) = (connections(2), OpeningQueues::default());
        let places: Vec<_> = (0..10).map(|n| queues.join(ids[n % 2], 5, n).unwrap()).collect();
        queues.give_turn(ids[0]);
        for place in [6, 0, 2, 8, 4] {
            assert_eq!(queues.leave(places[place]), Some(place));
            assert_eq!(queues.leave(places[place]), None);
        }
        assert!(!queues.is_waited_for(ids[0]) && queues.turns.is_empty());
        assert_eq!(queues.take_line(ids[1]), [1, 3, 5, 7, 9]);
        assert!(queues.waiting.is_empty() && queues.queues.is_empty());
        // After the last opening of a queue is served, nothing is kept of the queue.
        queues.join(ids[0], 1, 0).unwrap();
        queues.give_turn(ids[0]);
        let (place, _) = queues.take_first().unwrap();
        assert!(queues.is_waited_for(ids[0]), "it may come back");
        queues.served(place);
        assert!(queues.queues.is_empty() && queues.turns.is_empty());
    }

    #[test]
    fn lines_take_turns_and_one_that_keeps_its_turn_is_next() {
        let (ids, mut queues) = (connections(2), OpeningQueues::default());
        for n in 0..6 {
            queues.join(ids[n / 3], 3, n).unwrap();
        }
        ids.iter().for_each(|id| queues.give_turn(*id));
        let (place, first) = queues.take_first().unwrap();
        queues.put_back(place, first, true);
        let mut served = Vec::new();
        while let Some((place, next)) = queues.take_first() {
            served.push(next);
            queues.served(place);
        }
        assert_eq!(served, [0, 3, 1, 4, 2, 5]);
    }

    #[test]
    fn all_lines_get_a_turn_when_it_is_time_to_retry() {
        let (ids, mut queues) = (connections(2), OpeningQueues::default());
        let second = Duration::from_secs(1);
        queues.retry_by(3 * second);
        queues.retry_by(2 * second);
        queues.retry_by(4 * second);
        assert_eq!(queues.retry_at(), None, "nobody waits");
        queues.join(ids[1], 1, 'a').unwrap();
        assert_eq!(queues.retry_at(), Some(2 * second));
        queues.retry(second);
        assert!(queues.take_first().is_none());
        queues.retry(2 * second);
        assert_eq!((queues.retry_at(), queues.take_first().map(|(_, first)| first)), (None, Some('a')));
    }
}
