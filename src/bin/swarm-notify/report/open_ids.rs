//! [`OpenIds`]: all that the log has told to be open, and the snapshot of it, which comes in parts.
//!
//! A snapshot is of the moment at which it begins. The events after that have their lines as always, between the parts, and
//! before the line of an event comes a part with those of its ids that no part has listed yet. So whoever adds what each
//! part lists and goes by the lines between sees everything open before it ends, and a connection before its streams.

use super::clock::Moment;
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use swarm_notify::lifecycle::{Event, Id};

/// The most entries of one part of the log.
pub(crate) const MOST: usize = 128;

/// All that has been told to be open, and has not been told to be over.
#[derive(Default)]
pub(crate) struct OpenIds {
    /// Each id with the time at which it opened, or was listed out of turn.
    ids: BTreeMap<Id, u64>,
    /// A clock of one tick for each of these and each end.
    now: u64,
    snapshot: Option<Snapshot>,
}

/// A snapshot whose last part is still to come.
struct Snapshot {
    /// The time at which it began. A later opening has a line of its own.
    begun: u64,
    /// The last id that was looked at. Listeners come first, then connections, then streams.
    looked_at: Option<Id>,
    /// The parts so far.
    parts: u64,
}

/// A part of a snapshot.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Part {
    /// The first is 1.
    pub(crate) number: u64,
    /// The ids that it lists.
    pub(crate) ids: Vec<Id>,
    /// Other parts follow.
    pub(crate) has_more: bool,
    /// The moment of its line. Before the line of an event it is that one's, which was looked at first.
    pub(crate) at: Moment,
}

impl OpenIds {
    /// Begins a snapshot of what is open now.
    pub(crate) fn begin_snapshot(&mut self) {
        self.snapshot = Some(Snapshot { begun: self.now, looked_at: None, parts: 0 });
    }

    /// Returns whether a part of a snapshot is to come.
    pub(crate) const fn has_more(&self) -> bool {
        self.snapshot.is_some()
    }

    /// Takes the next part of the snapshot, if there is one, for a line of this moment. It looks at no more than `most` ids.
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

    /// Notes an event, whose line is of this moment. `print` prints it, behind a part with those of its ids that no part has listed yet. It returns
    /// `false` if it has left out both.
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
