//! [`Audience`]: the notifees of a node that everything is done to, and their oracle.
//!
//! A plain one does nothing. One gives the owner's commands inside notifications. One panics, and the next drive goes on
//! behind it. One leaves and comes back, inside notifications and outside, alone or with company, told or not of what is
//! open. One is a subscription of capacity 4 whose reader is slow.
//!
//! Each is held against the [`Transcript`], which the network keeps at its own `next_event`: what it hears is the order of
//! events from its registration on, nothing is missing, nothing comes twice, and nothing comes after it has left. What
//! is replayed is what was open. Readiness is the same for all that stay. The subscription's lags count exactly, and its
//! snapshots are what was open there.

mod attendee;
#[cfg(feature = "subscription")]
mod reader;
mod transcript;

use super::each_event::kind;
use super::pipe::Random;
use attendee::{Attendee, Role, Room};
use std::cell::RefCell;
use std::ops::AddAssign;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::time::Duration;
use swarm_notify::lifecycle::Event;
use swarm_notify::notifee::{HasNode, Notifees};
use swarm_notify::swarm::Readiness;
pub(crate) use transcript::Transcript;

/// A network that an audience observes: its owner's world, with a node inside.
pub(crate) trait Observed: HasNode + 'static {
    /// What its `next_event` has given.
    fn transcript(&self) -> &Transcript;

    /// The owner is told of an event, and may give commands. Returns whether it gave one that changed something.
    fn command(&mut self, event: Event) -> bool;

    /// The owner is told of readiness. `is_late`: it may have read and written since the network has said so.
    fn serve(&mut self, ready: Readiness, is_late: bool);
}

/// What is thrown where a panic is part of the plan.
struct Planned;

/// How often each thing of note has happened.
#[derive(Default, Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) told: usize,
    pub(crate) panics: usize,
    pub(crate) left: usize,
    pub(crate) replayed: usize,
    /// Events whose notification gave a command that changed something.
    pub(crate) commanded: usize,
    /// Notices that were received, that went missing, and that were snapshots.
    pub(crate) notices: usize,
    pub(crate) missed: u64,
    pub(crate) snapshots: usize,
}

impl Seen {
    /// What there was of it, in words.
    pub(crate) fn words(&self) -> impl Iterator<Item = &'static str> {
        let all = [
            (self.told > 0, "a notifee was told"),
            (self.panics > 0, "a notifee panicked"),
            (self.left > 0, "a notifee left"),
            (self.replayed > 0, "a notifee came late"),
            (self.commanded > 0, "a notifee gave a command"),
            (self.missed > 0, "a subscription lagged"),
        ];
        all.into_iter().filter(|(is_so, _)| *is_so).map(|(_, words)| words)
    }

    /// Nothing is missing that the oracle is about.
    pub(crate) const fn is_rich(&self) -> bool {
        self.told > 5_000
            && self.panics > 200
            && self.left > 200
            && self.replayed > 200
            && self.commanded > 200
            && (cfg!(not(feature = "subscription")) || self.notices > 200 && self.missed > 200 && self.snapshots > 100)
    }
}

impl AddAssign for Seen {
    fn add_assign(&mut self, more: Self) {
        self.told += more.told;
        self.panics += more.panics;
        self.left += more.left;
        self.replayed += more.replayed;
        self.commanded += more.commanded;
        self.notices += more.notices;
        self.missed += more.missed;
        self.snapshots += more.snapshots;
    }
}

/// The notifees of one network.
pub(crate) struct Audience<N> {
    notifees: Notifees<N>,
    room: Rc<RefCell<Room>>,
    /// How many events there had been before the last drive.
    place: usize,
    /// The last drive has ended in a panic.
    is_interrupted: bool,
    #[cfg(feature = "subscription")]
    reader: reader::Reader,
}

impl<N: Observed> Audience<N> {
    /// All of them, in an order that the seed chooses, with a network that has given no event yet.
    pub(crate) fn new(seed: u64) -> Self {
        let mut notifees = Notifees::new();
        let mut room = Room { random: Random(seed), seats: Vec::new(), interrupted_by: None, seen: Seen::default() };
        let mut roles = vec![Some(Role::Plain), Some(Role::Owner), Some(Role::Panics), Some(Role::ComesAndGoes), None];
        (1..roles.len()).for_each(|at| roles.swap(at, room.random.below(at + 1)));
        let room = Rc::new(RefCell::new(room));
        #[cfg(feature = "subscription")]
        let mut reader = None;
        for role in roles {
            match role {
                Some(role) => {
                    let attendee = Attendee::new(role, &room, 0);
                    let seat = attendee.seat.clone();
                    let id = notifees.register(attendee);
                    room.borrow_mut().seats.push((id.untyped(), seat));
                }
                #[cfg(feature = "subscription")]
                None => reader = Some(reader::Reader::new(0, [], |subscriber| _ = notifees.register(subscriber))),
                #[cfg(not(feature = "subscription"))]
                None => {}
            }
        }
        Self {
            notifees,
            room,
            place: 0,
            is_interrupted: false,
            #[cfg(feature = "subscription")]
            reader: reader.expect("it is one of them"),
        }
    }

    fn below(&self, bound: usize) -> usize {
        self.room.borrow_mut().random.below(bound)
    }

    /// What has happened so far.
    pub(crate) fn seen(&self) -> Seen {
        #[allow(unused_mut, reason = "there may be no subscription")]
        let mut seen = self.room.borrow().seen;
        #[cfg(feature = "subscription")]
        self.reader.add_to(&mut seen);
        seen
    }

    /// Whether the last drive has ended in a panic.
    pub(crate) const fn is_interrupted(&self) -> bool {
        self.is_interrupted
    }

    /// When there is something to be driven, if nothing comes.
    pub(crate) fn poll_at(&self) -> Option<Duration> {
        self.notifees.poll_at()
    }

    /// The owner's turn: it drives its notifees, who are told of so many events at most, in one of the ways that there
    /// are. Others come and go before that, and the subscription is read at times.
    pub(crate) fn drive(&mut self, network: &mut N, now: Duration, most: usize) {
        // Most turns bring no event.
        let before = std::mem::replace(&mut self.place, network.transcript().len());
        if self.place != before || self.below(64) == 0 {
            self.others_come_and_go(network);
            self.read(network);
        }
        loop {
            self.notifees.set_events_per_dispatch(most);
            let way = self.below(4);
            let budget = most.min(1 + self.below(40));
            let has_ended = self.is_caught(|audience| match way {
                0 => {
                    let mut left = budget;
                    let may = &mut || left.checked_sub(1).inspect(|less| left = *less).is_some();
                    audience.notifees.drive_while(network, now, may);
                }
                1 => {
                    audience.notifees.dispatch(network);
                    audience.notifees.drive(network, now);
                }
                _ => audience.notifees.drive(network, now),
            });
            if has_ended.is_some() {
                self.assert_all_are_told(network);
                return;
            }
            // The owner goes on at once, or with its next turn.
            if self.below(2) == 0 {
                return;
            }
        }
    }

    /// What it gives, or `None` if a panic of the plan has ended it.
    fn is_caught<R>(&mut self, work: impl FnOnce(&mut Self) -> R) -> Option<R> {
        let result = catch_unwind(AssertUnwindSafe(|| work(self)));
        self.is_interrupted = result.is_err();
        match result {
            Ok(result) => Some(result),
            Err(payload) if payload.is::<Planned>() => {
                self.room.borrow_mut().seen.panics += 1;
                None
            }
            Err(payload) => resume_unwind(payload),
        }
    }

    fn others_come_and_go(&mut self, network: &mut N) {
        match self.below(12) {
            0 => {
                let visitor = self.room.borrow_mut().pick_to_leave();
                if let Some(id) = visitor {
                    assert!(self.notifees.unregister(id), "it was there");
                    assert!(!self.notifees.unregister(id), "it is there no more");
                }
            }
            1 | 2 if self.room.borrow().has_place() => {
                let visitor = Attendee::new(Role::ComesAndGoes, &self.room, network.transcript().len());
                let seat = visitor.seat.clone();
                let id = self.notifees.register(visitor);
                self.room.borrow_mut().seats.push((id.untyped(), seat));
            }
            3 | 4 if self.room.borrow().has_place() => self.one_comes_late(network),
            #[cfg(feature = "subscription")]
            5 if self.below(8) == 0 => self.subscribe_anew(network),
            _ => {}
        }
    }

    /// One comes, and is told first of what is open.
    fn one_comes_late(&mut self, network: &mut N) {
        let transcript = network.transcript();
        let visitor = Attendee::new(Role::ComesAndGoes, &self.room, transcript.len());
        let seat = visitor.seat.clone();
        let open = transcript.open().filter(|event| seat.interest.contains(kind(*event)));
        seat.replay.borrow_mut().extend(open);
        let id = self.is_caught(|audience| audience.notifees.register_and_replay(network, visitor));
        match id {
            Some(id) => {
                let is_whole = seat.replay.borrow().is_empty();
                assert!(is_whole || seat.has_left.get(), "{:?} was not replayed", seat.replay.borrow());
                self.room.borrow_mut().seats.push((id.untyped(), seat));
            }
            // It has panicked, or another one did that was to be told before.
            None => seat.has_left.set(true),
        }
    }

    /// Nothing is left to be told: everybody has heard of everything, and who has left is gone.
    fn assert_all_are_told(&mut self, network: &N) {
        let transcript = network.transcript();
        let mut room = self.room.borrow_mut();
        for (_, seat) in &room.seats {
            if seat.has_left.get() {
                assert!(seat.is_dropped.get(), "{:?} has left, and is kept", seat.role);
            } else {
                let next = transcript.next_of(seat.interest, seat.place.get());
                assert_eq!(next, None, "{:?} has not been told", seat.role);
                assert!(!seat.is_dropped.get(), "{:?} is lost", seat.role);
            }
        }
        room.seats.retain(|(_, seat)| !seat.has_left.get());
        let stays = room.seats.iter().map(|(_, seat)| seat).filter(|seat| seat.role != Role::ComesAndGoes);
        let ready: Vec<_> = stays.map(|seat| seat.ready.take()).collect();
        assert!(ready.iter().all(|of| *of == ready[0]), "the same is ready for all: {ready:?}");
        drop(room);
        let subscribers = self.notifees.len() - self.room.borrow().seats.len();
        assert!(self.subscribers().contains(&subscribers), "{subscribers} subscribers");
    }

    #[cfg(not(feature = "subscription"))]
    fn subscribers(&self) -> std::ops::RangeInclusive<usize> {
        0..=0
    }

    #[cfg(not(feature = "subscription"))]
    fn read(&mut self, _network: &N) {}

    /// Everything has been told, to the subscription, too.
    #[track_caller]
    pub(crate) fn come_to_rest(&mut self, network: &mut N, now: Duration) {
        for _ in 0..10_000 {
            #[cfg(feature = "subscription")]
            self.reader.read(network.transcript(), usize::MAX);
            if self.notifees.poll_at().is_none() {
                // Whatever `poll_at` says.
                self.assert_all_are_told(network);
                #[cfg(feature = "subscription")]
                self.reader.assert_knows_all(network.transcript());
                return;
            }
            self.drive(network, now, usize::MAX);
        }
        panic!("the notifees never come to rest");
    }
}
