//! [`Checker`]: P1 and P2 over one side's events, without a look at the swarm.

use std::collections::{BTreeMap, BTreeSet};
use swarm_notify::lifecycle::{ConnectionId, Event, Id};

/// What has been told of each id, and what is owed.
#[derive(Default)]
pub(crate) struct Checker {
    open: BTreeMap<Id, Option<ConnectionId>>,
    over: BTreeSet<Id>,
    /// What commands have begun and no event has named.
    begun: BTreeMap<Id, Option<ConnectionId>>,
}

impl Checker {
    /// A command has given an id.
    #[track_caller]
    pub(crate) fn begins(&mut self, id: Id, connection: Option<ConnectionId>) {
        assert!(!self.open.contains_key(&id) && !self.over.contains(&id), "{id} is given twice");
        assert!(self.begun.insert(id, connection).is_none(), "{id} is given twice");
    }

    /// An event has been told.
    #[track_caller]
    pub(crate) fn tells(&mut self, event: Event) {
        let id = event.id();
        assert!(!self.over.contains(&id), "{event:?} comes after {id} is over");
        let connection = match event {
            Event::OpenedStream { connection, .. }
            | Event::StreamFailed { connection, .. }
            | Event::ClosedStream { connection, .. } => Some(connection),
            Event::Listen { .. }
            | Event::ListenFailed { .. }
            | Event::ListenClose { .. }
            | Event::Connected { .. }
            | Event::ConnectFailed { .. }
            | Event::Disconnected { .. } => None,
        };
        if let Some(connection) = connection {
            assert!(self.open.contains_key(&connection.into()), "{event:?} comes outside the life of {connection}");
        }
        match event {
            Event::Listen { .. } | Event::Connected { .. } | Event::OpenedStream { .. } => {
                self.begun.remove(&id);
                assert!(self.open.insert(id, connection).is_none(), "{event:?} comes twice");
            }
            Event::ListenFailed { .. } | Event::ConnectFailed { .. } | Event::StreamFailed { .. } => {
                self.begun.remove(&id);
                assert!(!self.open.contains_key(&id), "{event:?}, but it has opened");
                self.over.insert(id);
            }
            Event::ListenClose { .. } | Event::Disconnected { .. } | Event::ClosedStream { .. } => {
                assert_eq!(self.open.remove(&id), Some(connection), "{event:?}, but it is not open");
                self.over.insert(id);
            }
        }
        if let (true, Id::Connection(over)) = (event.is_last(), id) {
            let owed = self.open.iter().chain(&self.begun).filter(|(_, of)| **of == Some(over));
            assert_eq!(owed.map(|(id, _)| *id).collect::<Vec<_>>(), [], "streams outlive {event:?}");
        }
    }

    /// What was told to be open, and not to be over.
    pub(crate) fn open(&self) -> BTreeSet<Id> {
        self.open.keys().copied().collect()
    }

    /// How many commands have begun something that no event has named yet.
    pub(crate) fn begun(&self) -> usize {
        self.begun.len()
    }

    /// Forgets what is over; ids are not checked to be new from there on.
    pub(crate) fn forget_the_past(&mut self) {
        self.over.clear();
    }

    /// Everything that commands have begun has opened or failed.
    #[track_caller]
    pub(crate) fn assert_all_begun_told(&self) {
        assert_eq!(self.begun.keys().collect::<Vec<_>>(), Vec::<&Id>::new(), "neither opened nor failed");
    }

    /// Everything is over.
    #[track_caller]
    pub(crate) fn assert_all_told(&self) {
        assert_eq!(
            (self.open.keys().collect(), self.begun.keys().collect()),
            (vec![], vec![]),
            "open, and not told of"
        );
    }
}
