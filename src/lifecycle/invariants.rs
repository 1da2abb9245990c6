//! The checks of a lifecycle's invariants, each with a sentence that states the invariant. The invariants hold between two
//! calls. Tests and fuzzers check all of them; debug builds check, after each transition of an entity, the invariants of
//! this entity and its neighbours.

use super::Lifecycle;
use super::arena::Record;
use super::entity::Entity;
use super::id::{ConnectionId, StreamId};
use super::kind::{Kind, Records};
use super::links::{List, ListLink, Numbers};
use super::machine::State;

impl<const EVENTS: usize> Lifecycle<EVENTS> {
    /// Checks all invariants, and panics with the sentence of the first one that is broken. The cost grows with the number
    /// of listeners, connections and streams, so the method is meant for tests and fuzzers.
    ///
    /// The method is public for this crate's own tests, and may change in any version.
    ///
    /// # Panics
    /// If there is a defect in this crate.
    #[doc(hidden)]
    pub fn check_invariants(&self) {
        let records = &self.records;
        records.listeners.check();
        records.connections.check();
        records.streams.check();
        for (id, _) in records.listeners.iter() {
            self.check_around(id);
        }
        for (id, _) in records.streams.iter() {
            self.check_around(id);
        }
        let mut hanging = 0;
        for (id, record) in records.connections.iter() {
            self.check_around(id);
            hanging += records.check_streams_of(id, record);
        }
        let (mut owed, mut events) = (0, 0);
        let mut link = records.owed.oldest;
        while !link.is_none() {
            owed += 1;
            assert!(owed <= self.len(), "The list of owed events has an end.");
            assert!(records.owes(link), "What stands in the list of owed events has an outcome to tell.");
            let swept = records.connections.at(link).map_or(0, |connection| records.hanging_on(connection));
            events += 1 + swept;
            let next = records.follow(link);
            assert!(!next.is_none() || link == records.owed.newest, "The list of owed events ends at its newest.");
            link = next;
        }
        assert_eq!(events, records.owed_events, "Owed events are counted.");
        let holding = records.listeners.iter().filter(|(_, record)| record.owed.is_some()).count()
            + records.connections.iter().filter(|(_, record)| record.owed.is_some()).count()
            + records.streams.iter().filter(|(_, record)| record.owed.is_some()).count();
        assert_eq!(holding, owed, "Whatever has an outcome to tell stands in the list of owed events.");
        let ended = records.streams.iter().filter(|(_, record)| record.state == State::Ended).count();
        assert_eq!(hanging + ended, records.streams.len() as usize, "A stream hangs on its connection or has ended.");
        for event in &self.queue {
            assert!(self.state(event.id()).is_some(), "What a queued event names can be looked up.");
            if event.is_last() {
                assert_eq!(self.state(event.id()), Some(State::Ended), "What is told of last has ended.");
            }
        }
    }

    /// Checks the invariants of one listener, connection or stream and of its neighbours in lists, and the invariants of the
    /// two ends of the list of owed events. O(1).
    pub(super) fn check_around<K: Kind>(&self, id: K) {
        let records = &self.records;
        let List { oldest, newest } = records.owed;
        assert_eq!(oldest.is_none(), newest.is_none(), "The list of owed events has both ends or none.");
        assert!(oldest.is_none() || self.room() == 0, "There is no room while anything is owed.");
        assert!(
            newest.is_none() || records.follow(newest).is_none(),
            "Nothing is younger than the newest that is owed."
        );
        let Some(record) = K::arena(records).get(id) else { return };
        assert!(record.owed.is_none() || record.state == State::Ended, "Only what has ended has an outcome to tell.");
        K::check_links(records, id, record);
    }
}

impl Records {
    fn follow(&self, link: ListLink) -> ListLink {
        let listener = self.listeners.at(link).map(|record| record.next);
        let connection = || self.connections.at(link).map(|record| record.next);
        let stream = || self.streams.at(link).map(|record| record.next);
        listener.or_else(connection).or_else(stream).expect("A link leads to a record.")
    }

    fn owes(&self, link: ListLink) -> bool {
        self.listeners.at(link).is_some_and(|record| record.owed.is_some())
            || self.connections.at(link).is_some_and(|record| record.owed.is_some())
            || self.streams.at(link).is_some_and(|record| record.owed.is_some())
    }

    /// Returns the number of streams in the list of a connection's streams.
    fn hanging_on(&self, connection: &Record<ConnectionId>) -> usize {
        let oldest = self.streams.at(connection.links.streams.oldest);
        core::iter::successors(oldest, |stream| self.streams.at(stream.next)).count()
    }

    /// Checks the list of a connection's streams, and returns the number of streams in it.
    fn check_streams_of(&self, id: ConnectionId, record: &Record<ConnectionId>) -> usize {
        let (mut live, mut open) = (Numbers::default(), Numbers::default());
        let mut hanging = 0;
        let mut previous = ListLink::NONE;
        while let Some(stream) = {
            let next = if previous.is_none() { record.links.streams.oldest } else { self.follow(previous) };
            self.streams.id_at(next)
        } {
            let stream_record = self.streams.get(stream).expect("A stream on a list has a record.");
            assert_eq!(stream_record.links.connection, id, "A stream hangs on its own connection.");
            assert_eq!(stream_record.links.previous, previous, "A stream's older neighbour is the one before it.");
            assert!(stream_record.owed.is_none(), "A stream that hangs on its connection is not owed by itself.");
            let direction = stream_record.links.direction;
            *live.of_mut(direction) += 1;
            match stream_record.state {
                State::Opening => {}
                State::Open | State::Leaving => *open.of_mut(direction) += 1,
                State::Ended => panic!("A stream that has ended does not hang on its connection."),
            }
            hanging += 1;
            assert!(hanging <= self.streams.len() as usize, "The list of a connection's streams has an end.");
            previous = stream.link();
        }
        assert_eq!(record.links.streams.newest, previous, "The list of a connection's streams ends at its newest.");
        if record.state != State::Ended {
            let counted = (record.links.live, record.links.open);
            assert_eq!(counted, (live, open), "A connection counts the streams that hang on it.");
        }
        let held = self.streams.iter().filter(|(_, record)| record.links.connection == id).count();
        assert_eq!(record.links.held as usize, held, "A connection counts the records of its streams.");
        hanging
    }

    pub(super) fn check_connection(&self, record: &Record<ConnectionId>) {
        let List { oldest, newest } = record.links.streams;
        assert_eq!(oldest.is_none(), newest.is_none(), "The list of a connection's streams has both ends or none.");
        assert!(record.links.live.both() <= record.links.held, "A stream that lives has a record.");
        match record.state {
            State::Opening => assert_eq!(record.links.held, 0, "A connection that is not open has no streams."),
            State::Open | State::Leaving => {
                assert_eq!(
                    oldest.is_none(),
                    record.links.live.both() == 0,
                    "A connection's list holds what lives on it."
                );
            }
            State::Ended => {
                assert_eq!(record.links.live.both(), 0, "Nothing lives on a connection that has ended.");
                assert!(oldest.is_none() || record.owed.is_some(), "Streams are swept before their connection's end.");
            }
        }
    }

    pub(super) fn check_stream(&self, id: StreamId, record: &Record<StreamId>) {
        let connection = self.connections.get(record.links.connection);
        let connection = connection.expect("A connection's record outlives those of its streams.");
        if record.state == State::Ended {
            return;
        }
        let link = id.link();
        let List { oldest, newest } = connection.links.streams;
        match self.streams.at(record.links.previous) {
            Some(older) => assert_eq!(older.next, link, "A stream's older neighbour leads to it."),
            None => assert_eq!(oldest, link, "A stream without an older neighbour is the oldest."),
        }
        match self.streams.at(record.next) {
            Some(younger) => assert_eq!(younger.links.previous, link, "A stream's younger neighbour leads back to it."),
            None => assert_eq!(newest, link, "A stream without a younger neighbour is the newest."),
        }
    }
}
