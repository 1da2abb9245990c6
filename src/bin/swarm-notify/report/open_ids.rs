//! [`OpenIds`]: the ids of everything that is open according to the log. After lines were dropped, a snapshot of these ids
//! is printed, in several lines that are called its parts.
//!
//! A snapshot lists what was open when it began. The lines of later events are printed between the parts. If an event has
//! ids that no part has listed yet, a part with these ids is printed in front of the event's line. So if a reader of the log
//! adds the ids of each part, and follows the lines between the parts, each id is open for the reader before it ends, and a
//! connection is open before its streams.

use super::clock::Moment;
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use swarm_notify::lifecycle::{Event, Id};

/// The maximum number of ids in one part of a snapshot.
pub(crate) const MOST: usize = 128;

/// The ids of the listeners, connections and streams whose opening was told in an event and whose end was not told yet.
#[derive(Default)]
pub(crate) struct OpenIds {
    /// The open ids. The value is the time, on the clock `now`, at which the id opened, or at which a part in front of an
    /// event's line listed it ahead of the order of ids.
    ids: BTreeMap<Id, u64>,
    /// A clock that counts the events, and the parts that are printed in front of an event's line.
    now: u64,
    snapshot: Option<Snapshot>,
}

/// A snapshot of which at least one part is not printed yet.
struct Snapshot {
    /// The time, on the clock of [`OpenIds`], at which the snapshot began. Ids that opened later are not listed, since the
    /// lines of their opening events tell of them.
    begun: u64,
    /// The last id that the snapshot has visited, or `None` before the first part. The ids are visited in their order:
    /// listeners, then connections, then streams.
    looked_at: Option<Id>,
    /// The number of parts that were printed so far.
    parts: u64,
}

/// One line of a snapshot.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Part {
    /// The number of the part in its snapshot, from 1.
    pub(crate) number: u64,
    /// The ids that the part lists.
    pub(crate) ids: Vec<Id>,
    /// `true` if the snapshot has further parts.
    pub(crate) has_more: bool,
    /// The time that is printed in the part's line. If the part is printed in front of the line of an event, this is the
    /// time of the event.
    pub(crate) at: Moment,
}

impl OpenIds {
    /// Begins a snapshot of the ids that are open now. If an earlier snapshot is not complete, its remaining parts are never
    /// printed.
    pub(crate) fn begin_snapshot(&mut self) {
        self.snapshot = Some(Snapshot { begun: self.now, looked_at: None, parts: 0 });
    }

    /// Returns whether a snapshot has further parts, so that [`next_part`](Self::next_part) returns a part.
    pub(crate) const fn has_more(&self) -> bool {
        self.snapshot.is_some()
    }

    /// Returns the next part of the snapshot, for a line with the time `at`, or `None` if no snapshot has further parts. The
    /// call visits the next `most` ids, or fewer at the end. The part lists those of the visited ids that were open when the
    /// snapshot began and that no part has listed yet.
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

    /// Records an event, whose line has the time `at`, and calls `print` to print the line. If the event has ids that no
    /// part of the snapshot has listed yet, `print` is called with a part that lists these ids, to print it in front of the
    /// line. `print` returns `false` if neither was printed.
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

    /// Returns the part of the snapshot that has to be printed in front of the line of an event, or `None` if the snapshot
    /// has listed all ids of the event.
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
