//! What an observer that comes late has missed: [`Lifecycle::openings`].

use super::arena::{Arena, LastEvent};
use super::kind::Kind;
use super::machine::State;
use super::{Event, Id, Lifecycle};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

impl<const EVENTS: usize> Lifecycle<EVENTS> {
    /// The opening events of all that has been told to be open and has not been told to be over: listeners, then
    /// connections, then streams, each by index.
    ///
    /// Who handles these first and then every event from the next one on has seen each open and close once, in an order
    /// that nests. What is open but not told yet is left out, since its event is still to come; what has ended but is
    /// not told of yet is there, since its close is. It walks all slots and the queue, and allocates.
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

/// Whether an opening has been told, as far as a record knows.
enum OpeningIsTold {
    /// Yes, or it is queued.
    Open,
    /// It has ended and nothing is owed: its last event is queued, or has been handed out.
    Queued,
    /// It never opened.
    Not,
}

fn walk<K: Kind>(arena: &Arena<K>, add: &mut impl FnMut(Id, OpeningIsTold, Event)) {
    for (id, record) in arena.iter() {
        // The record itself is asked: a stream whose connection has ended is still written as it was.
        let told = match (record.state, record.owed) {
            (State::Opening, _) | (State::Ended, Some(LastEvent::Failed(_))) => OpeningIsTold::Not,
            (State::Open | State::Leaving, _) | (State::Ended, Some(LastEvent::Closed(_))) => OpeningIsTold::Open,
            (State::Ended, None) => OpeningIsTold::Queued,
        };
        add(id.into(), told, id.told_opened(&record.links));
    }
}
