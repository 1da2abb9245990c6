//! [`Transcript`]: the events that a network gave, in their order, and what they leave open.

use super::super::each_event::kind;
use std::collections::BTreeMap;
use swarm_notify::lifecycle::{Event, Id};
use swarm_notify::notifee::Interest;

/// Kept by the network itself, at its `next_event`: what it says depends on no notifee.
#[derive(Default)]
pub(crate) struct Transcript {
    events: Vec<Event>,
    /// How many came before these.
    forgotten: usize,
    /// The openings of what is open, by id.
    open: BTreeMap<Id, Event>,
}

impl Transcript {
    /// The network gives an event.
    pub(crate) fn push(&mut self, event: Event) {
        self.events.push(event);
        if event.is_last() {
            self.open.remove(&event.id());
        } else {
            self.open.insert(event.id(), event);
        }
    }

    /// How many there have been.
    pub(crate) fn len(&self) -> usize {
        self.forgotten + self.events.len()
    }

    /// The last one.
    pub(crate) fn last(&self) -> Option<Event> {
        self.events.last().copied()
    }

    /// The openings of what is open: listeners, connections, streams.
    pub(crate) fn open(&self) -> impl Iterator<Item = Event> {
        self.open.values().copied()
    }

    /// The events from a place on that are not forgotten.
    pub(crate) fn since(&self, place: usize) -> &[Event] {
        &self.events[place.saturating_sub(self.forgotten)..]
    }

    /// The first event of these kinds from a place on, and the place behind it.
    pub(crate) fn next_of(&self, kinds: Interest, place: usize) -> Option<(Event, usize)> {
        let since = self.since(place);
        let at = since.iter().position(|event| kinds.contains(kind(*event)))?;
        Some((since[at], self.len() - since.len() + at + 1))
    }

    /// Forgets the events, but not what is open.
    pub(crate) fn forget(&mut self) {
        self.forgotten = self.len();
        self.events.clear();
    }
}
