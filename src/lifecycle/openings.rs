//! [`Lifecycle::openings`]: the openings that an observer which comes late has missed.

use super::arena::{Arena, LastEvent};
use super::kind::Kind;
use super::machine::State;
use super::{Event, Id, Lifecycle};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

impl<const EVENTS: usize> Lifecycle<EVENTS> {
    /// Returns the opening events of all entities that have been reported as open and not as ended: listeners, then
    /// connections, then streams, each by index.
    ///
    /// An observer that handles these events first, and then every event from the next one on, sees each entity open and
    /// close once, in an order that nests. An entity that is open but not reported yet is left out, since its event is still
    /// to come. One that has ended but is not reported yet is included, since its closing event is still to come. The call
    /// walks all slots and the queue, and allocates.
    #[must_use]
    pub fn openings(&self) -> Vec<Event> {
        let (mut to_open, mut to_close) = (BTreeSet::new(), BTreeSet::new());
        for event in &self.queue {
            match event {
                Event::Listen { .. } | Event::Connected { .. } | Event::OpenedStream { .. } => {
                    to_open.insert(event.id())
                }
                Event::ListenClose { .. } | Event::Disconnected { .. } | Event::ClosedStream { .. } => {
                    to_close.insert(event.id())
                }
                Event::ListenFailed { .. } | Event::ConnectFailed { .. } | Event::StreamFailed { .. } => false,
            };
        }
        let mut openings = Vec::new();
        let mut add = |id: Id, is_told: OpeningIsTold, event: Event| {
            let is_open = match is_told {
                OpeningIsTold::Open => true,
                OpeningIsTold::Queued => to_close.contains(&id),
                OpeningIsTold::Not => false,
            };
            if is_open && !to_open.contains(&id) {
                openings.push(event);
            }
        };
        walk(&self.records.listeners, &mut add);
        walk(&self.records.connections, &mut add);
        walk(&self.records.streams, &mut add);
        openings
    }
}

/// The state of an entity's opening event, as far as the entity's record tells.
enum OpeningIsTold {
    /// The event has been drained, or is queued.
    Open,
    /// The entity has ended and owes no event: its last event is queued, or has been handed out.
    Queued,
    /// The entity never opened.
    Not,
}

fn walk<K: Kind>(arena: &Arena<K>, add: &mut impl FnMut(Id, OpeningIsTold, Event)) {
    for (id, record) in arena.iter() {
        // The record itself is read here: that of a stream whose connection has ended still has its old state.
        let told = match (record.state, record.owed) {
            (State::Opening, _) | (State::Ended, Some(LastEvent::Failed(_))) => OpeningIsTold::Not,
            (State::Open | State::Leaving, _) | (State::Ended, Some(LastEvent::Closed(_))) => OpeningIsTold::Open,
            (State::Ended, None) => OpeningIsTold::Queued,
        };
        add(id.into(), told, id.told_opened(&record.links));
    }
}
