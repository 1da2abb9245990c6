//! [`Follower`]: one who applies notices to a set, and checks each against the events that were told.

#![allow(clippy::wildcard_enum_match_arm, reason = "notices may be of more kinds one day")]

use super::each_event::each_event;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use swarm_notify::lifecycle::{Event, Id};
use swarm_notify::notifee::{Notice, Notifee, NotifeeContext};

/// Everything that was told, in order.
#[derive(Clone, Default)]
pub(crate) struct Record(pub(crate) Rc<RefCell<Vec<Event>>>);

impl Record {
    fn told<N>(&mut self, _cx: &mut NotifeeContext<'_, N>, event: Event) {
        self.0.borrow_mut().push(event);
    }
}

impl<N> Notifee<N> for Record {
    each_event!(N);
}

/// What is open after these events.
pub(crate) fn open_after(events: &[Event]) -> Vec<Id> {
    let mut open = Vec::new();
    for event in events {
        let id = event.id();
        if event.is_last() {
            open.retain(|other| *other != id);
        } else {
            open.push(id);
        }
    }
    open.sort();
    open
}

/// One who applies notices to a set.
#[derive(Default)]
pub(crate) struct Follower {
    /// How many events it has been told of, or knows to have missed.
    pub(crate) place: usize,
    /// What was open there, by the events themselves.
    open_there: BTreeSet<Id>,
    /// The same by the notices.
    open: BTreeMap<Id, Notice>,
    is_lagging: bool,
    is_begun: bool,
    pub(crate) snapshots: usize,
    pub(crate) missed: u64,
    pub(crate) told: usize,
}

impl Follower {
    /// One who subscribed after so many events, when this was open.
    pub(crate) fn from(place: usize, open: impl IntoIterator<Item = Id>) -> Self {
        Self { place, open_there: open.into_iter().collect(), ..Self::default() }
    }

    pub(crate) fn open(&self) -> Vec<Id> {
        self.open.keys().copied().collect()
    }

    /// Applies a notice. `since`: the events that were told from its place on, up to when the notice was sent at least.
    pub(crate) fn apply(&mut self, notice: Notice, since: &[Event]) {
        match &notice {
            Notice::Lagged(missed) => {
                assert!(self.is_begun && !self.is_lagging && *missed > 0);
                self.is_lagging = true;
                self.missed += missed;
                let missed = since.get(..usize::try_from(*missed).unwrap());
                missed.expect("no more are missing than were told").iter().for_each(|event| self.goes_on(*event));
                return;
            }
            Notice::Snapshot(notices) => {
                assert!(self.is_lagging || !self.is_begun, "it comes first, or after a lag");
                (self.is_lagging, self.is_begun) = (false, true);
                self.snapshots += 1;
                self.open.clear();
                notices.iter().for_each(|notice| self.opens(notice.clone()));
                assert!(self.open.keys().eq(&self.open_there), "the snapshot is of its place in the order");
                return;
            }
            Notice::Refused(info) => {
                assert!(self.is_begun && !self.is_lagging && info.count > 0 && info.count <= info.total);
                return;
            }
            _ => assert!(self.is_begun && !self.is_lagging, "{notice:?} does not follow a lag"),
        }
        let event = notice.event().expect("it was made of one");
        assert_eq!(Some(&event), since.first(), "nothing is missing, nothing comes twice");
        self.goes_on(event);
        self.told += 1;
        if !event.is_last() {
            self.opens(notice);
        } else if event.name().ends_with("_failed") {
            assert!(!self.open.contains_key(&event.id()));
        } else {
            let opening = self.open.remove(&event.id()).expect("it was open");
            assert_same(&opening, &notice);
            let nested = self.open.values().all(|open| connection_of(open) != Some(event.id()));
            assert!(nested, "{notice:?} comes after all its streams");
        }
    }

    fn goes_on(&mut self, event: Event) {
        self.place += 1;
        match event.is_last() {
            true => self.open_there.remove(&event.id()),
            false => self.open_there.insert(event.id()),
        };
    }

    fn opens(&mut self, notice: Notice) {
        let event = notice.event().expect("it opens");
        assert!(!event.is_last());
        let connection = connection_of(&notice);
        assert!(connection.is_none_or(|connection| self.open.contains_key(&connection)), "{notice:?} is nested");
        assert!(self.open.insert(event.id(), notice).is_none(), "{event:?} comes twice");
    }
}

fn connection_of(notice: &Notice) -> Option<Id> {
    match notice {
        Notice::OpenedStream(info) => Some(info.connection.into()),
        _ => None,
    }
}

/// What a closing says of itself is what the opening has said.
fn assert_same(opening: &Notice, closing: &Notice) {
    match (opening, closing) {
        (Notice::Listen(open), Notice::ListenClose(close, _)) => assert_eq!(open.address, close.address),
        (Notice::Connected(open), Notice::Disconnected(close, _)) => {
            assert!(open.peer.is_some());
            assert_eq!(open, close);
        }
        (Notice::OpenedStream(open), Notice::ClosedStream(close, _)) => {
            assert!(open.peer.is_some() && open.protocol.is_some());
            let (open, mut close) = (open.clone(), close.clone());
            (close.sent, close.received) = (open.sent, open.received);
            assert_eq!(open, close);
        }
        pair => panic!("{pair:?}"),
    }
}
