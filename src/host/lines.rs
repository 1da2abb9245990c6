//! [`Lines`]: openings of streams that wait for a place, in a line for each connection.

use crate::lifecycle::ConnectionId;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

/// The place of one opening in the line of its connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Place {
    pub(super) connection: ConnectionId,
    number: u64,
}

/// The lines of all connections, first in, first out each. Of `n` that wait, each operation looks at the one that it is
/// about, in O(log n).
///
/// A connection whose first is to be tried has a turn. Connections take turns, so that at the limit of all streams none
/// has to wait for all that wait on another.
pub(super) struct Lines<T> {
    waiting: BTreeMap<Place, T>,
    /// Where somebody waits. One whose last was just taken out stays until that is [`put_back`](Self::put_back) or
    /// [`served`](Self::served).
    lines: BTreeMap<ConnectionId, Line>,
    /// The connections that have a turn, in order.
    turns: BTreeMap<u64, ConnectionId>,
    /// The number of the last place or turn.
    last: u64,
    /// When all lines get a turn although no stream has ended.
    retry_at: Option<Duration>,
}

#[derive(Default)]
struct Line {
    len: usize,
    turn: Option<u64>,
}

impl<T> Default for Lines<T> {
    fn default() -> Self {
        let (waiting, lines, turns) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { waiting, lines, turns, last: 0, retry_at: None }
    }
}

impl<T> Lines<T> {
    /// Whether somebody waits for a place on a connection.
    pub(super) fn is_waited_for(&self, connection: ConnectionId) -> bool {
        self.lines.contains_key(&connection)
    }

    /// Joins the line of a connection, unless at least `most` stand there.
    pub(super) fn join(&mut self, connection: ConnectionId, most: usize, waiting: T) -> Result<Place, T> {
        if self.lines.get(&connection).map_or(0, |line| line.len) >= most {
            return Err(waiting);
        }
        self.lines.entry(connection).or_default().len += 1;
        let place = Place { connection, number: self.number() };
        self.waiting.insert(place, waiting);
        Ok(place)
    }

    /// Leaves the line, from wherever it stands there; `None` if it has left before.
    pub(super) fn leave(&mut self, place: Place) -> Option<T> {
        let left = self.waiting.remove(&place)?;
        self.left(place.connection);
        self.end_if_empty(place.connection);
        Some(left)
    }

    /// Gives a connection a turn behind the others, if somebody waits for a place on it: there may be one.
    pub(super) fn give_turn(&mut self, connection: ConnectionId) {
        let number = self.number();
        if let Some(line) = self.lines.get_mut(&connection)
            && line.turn.is_none()
        {
            line.turn = Some(number);
            self.turns.insert(number, connection);
        }
    }

    /// Takes the first one out of the line whose turn it is. It is to be [`served`](Self::served) or
    /// [`put_back`](Self::put_back) next.
    pub(super) fn take_first(&mut self) -> Option<(Place, T)> {
        let (_, &connection) = self.turns.first_key_value()?;
        let place = self.first(connection)?;
        self.left(connection);
        Some((place, self.waiting.remove(&place)?))
    }

    /// The one that was taken out does not wait any more. The next one of its connection has its turn behind the others.
    pub(super) fn served(&mut self, place: Place) {
        self.end_turn(place.connection);
        self.give_turn(place.connection);
        self.end_if_empty(place.connection);
    }

    /// The one that was taken out finds no place, and is the first of its line again. It keeps its turn if
    /// `keeps_turn`.
    pub(super) fn put_back(&mut self, place: Place, waiting: T, keeps_turn: bool) {
        self.waiting.insert(place, waiting);
        if let Some(line) = self.lines.get_mut(&place.connection) {
            line.len += 1;
        }
        if !keeps_turn {
            self.end_turn(place.connection);
        }
    }

    /// Takes out all that wait for a connection, in order.
    pub(super) fn take_line(&mut self, connection: ConnectionId) -> Vec<T> {
        let mut line = Vec::new();
        while let Some(place) = self.first(connection) {
            line.extend(self.leave(place));
        }
        line
    }

    /// Takes out all that wait.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = T> + use<T> {
        core::mem::take(self).waiting.into_values()
    }

    /// Has all lines tried at `at`, unless that is to happen earlier.
    pub(super) fn retry_by(&mut self, at: Duration) {
        self.retry_at = Some(self.retry_at.map_or(at, |earlier| earlier.min(at)));
    }

    /// Gives each line a turn if the time has come. Its work is in the number of lines.
    pub(super) fn retry(&mut self, now: Duration) {
        if self.retry_at.is_none_or(|at| at > now) {
            return;
        }
        self.retry_at = None;
        for (connection, line) in self.lines.iter_mut().filter(|(_, line)| line.turn.is_none()) {
            self.last += 1;
            line.turn = Some(self.last);
            self.turns.insert(self.last, *connection);
        }
    }

    /// When [`retry`](Self::retry) is to be called, if somebody waits.
    pub(super) fn retry_at(&self) -> Option<Duration> {
        self.retry_at.filter(|_| !self.lines.is_empty())
    }

    fn first(&self, connection: ConnectionId) -> Option<Place> {
        let (first, _) = self.waiting.range(Place { connection, number: 0 }..).next()?;
        (first.connection == connection).then_some(*first)
    }

    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn left(&mut self, connection: ConnectionId) {
        if let Some(line) = self.lines.get_mut(&connection) {
            line.len -= 1;
        }
    }

    fn end_turn(&mut self, connection: ConnectionId) {
        let turn = self.lines.get_mut(&connection).and_then(|line| line.turn.take());
        turn.map(|turn| self.turns.remove(&turn));
    }

    fn end_if_empty(&mut self, connection: ConnectionId) {
        if self.lines.get(&connection).is_some_and(|line| line.len == 0) {
            self.end_turn(connection);
            self.lines.remove(&connection);
        }
    }
}
