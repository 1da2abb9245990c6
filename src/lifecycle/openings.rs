//! [`Lifecycle::openings`]: the opening events that an observer has missed if it begins late.

use super::arena::{Arena, LastEvent};
use super::kind::Kind;
use super::machine::State;
use super::{Event, Id, Lifecycle};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

impl<const EVENTS: usize> Lifecycle<EVENTS> {
    /// Returns the opening events of all listeners, connections and streams whose opening event has been drained and whose
    /// closing event has not. The events of listeners are first, then those of connections, then those of streams, each kind
    /// in the order of the indices.
    ///
    /// An observer that handles these events first, and then every event that is drained later, is told once that each
    /// entity (a listener, connection or stream) opens, and once that it closes, with the events of a stream between those
    /// of its connection. An entity whose opening event still waits to be drained is left out. An entity that has ended, but
    /// whose closing event still waits to be drained, is included. The call visits all slots and the queue, and allocates
    /// memory.
    #[must_use]
    pub fn openings(&self) -> Vec<Event> {
        // Trees, since this layer is `no_std`, and `alloc` has no hash set.
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

/// The state of an entity's opening event, as far as it can be derived from the entity's record.
enum OpeningIsTold {
    /// The opening event has been drained, or is queued.
    Open,
    /// The listener, connection or stream has ended, and its last event is queued or has been drained. Its opening event, if
    /// there was one, may be queued, too.
    Queued,
    /// The listener, connection or stream never opened.
    Not,
}

fn walk<K: Kind>(arena: &Arena<K>, add: &mut impl FnMut(Id, OpeningIsTold, Event)) {
    for (id, record) in arena.iter() {
        // The record itself is read here, since the record of a stream whose connection has ended still contains the
        // stream's old state.
        let told = match (record.state, record.owed) {
            (State::Opening, _) | (State::Ended, Some(LastEvent::Failed(_))) => OpeningIsTold::Not,
            (State::Open | State::Leaving, _) | (State::Ended, Some(LastEvent::Closed(_))) => OpeningIsTold::Open,
            (State::Ended, None) => OpeningIsTold::Queued,
        };
        add(id.into(), told, id.told_opened(&record.links));
    }
}
