//! [`OpenIds`]: the ids of everything that is open according to the log, and the snapshot of them, which comes in parts.
//!
//! A snapshot describes the moment at which it begins. Later events have their lines as always, between the parts. Before the
//! line of an event comes a part with those of its ids that no part has listed yet. So a reader that adds the ids of each part
//! and follows the lines in between sees each id open before it ends, and a connection before its streams.

use super::clock::Moment;
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use swarm_notify::lifecycle::{Event, Id};

/// The maximum number of ids in one part of a snapshot.
pub(crate) const MOST: usize = 128;

/// The ids whose opening has been told and whose end has not.
#[derive(Default)]
pub(crate) struct OpenIds {
    /// Each id with the time, on the clock `now`, at which it opened or was listed before its turn.
    ids: BTreeMap<Id, u64>,
    /// A clock that ticks with each event, and with each part that lists ids before their turn.
    now: u64,
    snapshot: Option<Snapshot>,
}

/// A snapshot of which parts are still to come.
struct Snapshot {
    /// The time at which the snapshot began, on the clock of [`OpenIds`]. An id that opened later has a line of its own.
    begun: u64,
    /// The last id that was looked at. Listeners come first, then connections, then streams.
    looked_at: Option<Id>,
    /// The number of parts so far.
    parts: u64,
}

/// A part of a snapshot.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Part {
    /// The number of the part. The first part has 1.
    pub(crate) number: u64,
    /// The ids that the part lists.
    pub(crate) ids: Vec<Id>,
    /// `true` if other parts follow.
    pub(crate) has_more: bool,
    /// The moment of its line. A part before the line of an event has the moment of that event.
    pub(crate) at: Moment,
}

impl OpenIds {
    /// Begins a snapshot of the ids that are open now.
    pub(crate) fn begin_snapshot(&mut self) {
        self.snapshot = Some(Snapshot { begun: self.now, looked_at: None, parts: 0 });
    }

    /// Returns whether a part of a snapshot is to come.
    pub(crate) const fn has_more(&self) -> bool {
        self.snapshot.is_some()
    }

    /// Takes the next part of the snapshot, if there is one, for a line of the moment `at`. It looks at `most` ids at most.
    pub(crate) fn next_part(&mut self, most: usize, at: Moment) -> Option<Part> {
        let snapshot = self.snapshot.as_mut()?;
        let begin = snapshot.looked_at.map_or(Unbounded, Excluded);
        let mut rest = self.ids.range((begin, Unbounded));
        let mut ids = Vec::new();
        for (id, since) in rest.by_ref().take(most) {
            snapshot.looked_at = Some(*id);
            if *since <= snapshot.begun {
                ids.push(*id);
            }
        }
        snapshot.parts += 1;
        let part = Part { number: snapshot.parts, ids, has_more: rest.next().is_some(), at };
        if !part.has_more {
            self.snapshot = None;
        }
        Some(part)
    }

    /// Takes note of an event, whose line has the moment `at`. `print` prints the line, after a part with those of the event's
    /// ids that no part has listed yet, and returns `false` if it has left out both.
    pub(crate) fn tell(&mut self, event: Event, at: Moment, print: impl FnOnce(Option<&Part>) -> bool) {
        let part = self.part_before(event, at);
        if let (true, Some(part)) = (print(part.as_ref()), part) {
            self.now += 1;
            for id in part.ids {
                self.ids.insert(id, self.now);
            }
            if let Some(snapshot) = &mut self.snapshot {
                snapshot.parts = part.number;
            }
        }
        self.now += 1;
        if event.is_last() {
            self.ids.remove(&event.id());
        } else {
            self.ids.insert(event.id(), self.now);
        }
    }

    /// Returns the part that has to come before the line of an event, if any.
    fn part_before(&self, event: Event, at: Moment) -> Option<Part> {
        let snapshot = self.snapshot.as_ref()?;
        let is_unlisted = |id: &Id| {
            let is_ahead = snapshot.looked_at.is_none_or(|last| *id > last);
            is_ahead && self.ids.get(id).is_some_and(|since| *since <= snapshot.begun)
        };
        let connection = match event {
            Event::OpenedStream { connection, .. }
            | Event::StreamFailed { connection, .. }
            | Event::ClosedStream { connection, .. } => Some(connection.into()),
            Event::Listen { .. }
            | Event::ListenFailed { .. }
            | Event::ListenClose { .. }
            | Event::Connected { .. }
            | Event::ConnectFailed { .. }
            | Event::Disconnected { .. } => None,
        };
        let ids: Vec<_> = connection.into_iter().chain([event.id()]).filter(is_unlisted).collect();
        (!ids.is_empty()).then_some(Part { number: snapshot.parts + 1, ids, has_more: true, at })
    }
}

#[cfg(test)]
#[path = "open_ids/tests.rs"]
mod tests;
