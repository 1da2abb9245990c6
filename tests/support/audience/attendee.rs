//! [`Attendee`]: a notifee that holds each thing it is told against the transcript, and then does what its role is.

use super::super::each_event::each_event;
use super::super::pipe::Random;
use super::{Observed, Planned, Seen};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::rc::Rc;
use swarm_notify::lifecycle::{Event, Id, ListenerId, StreamId};
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext, NotifeeId};
use swarm_notify::swarm::{Readiness, Refusal, RefusedAt};

/// What an attendee does when it is told something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// Nothing.
    Plain,
    /// It gives its owner's commands, and reads and writes.
    Owner,
    /// It panics now and then, and sends others away.
    Panics,
    /// It leaves and comes back.
    ComesAndGoes,
}

/// What is known of an attendee from outside.
pub(super) struct Seat {
    pub(super) role: Role,
    pub(super) interest: Interest,
    /// Behind the last event that it was told of.
    pub(super) place: Cell<usize>,
    /// The openings that it is still to be told of, as what has happened before it came.
    pub(super) replay: RefCell<VecDeque<Event>>,
    /// The readiness that it was told of since all were found to be told.
    pub(super) ready: RefCell<Vec<Readiness>>,
    pub(super) has_left: Cell<bool>,
    pub(super) is_dropped: Cell<bool>,
}

/// What the attendees of one network share. No borrow of it lasts while a notifee or the network is called.
pub(super) struct Room {
    pub(super) random: Random,
    /// All but those who have left and are dropped.
    pub(super) seats: Vec<(NotifeeId, Rc<Seat>)>,
    /// Who has panicked, until the owner is told something.
    pub(super) interrupted_by: Option<NotifeeId>,
    pub(super) seen: Seen,
}

/// How many may come and go at the same time.
const MOST: usize = 4;

impl Room {
    /// Those who come and go, and are there.
    fn visitors(&self) -> impl Iterator<Item = &(NotifeeId, Rc<Seat>)> {
        self.seats.iter().filter(|(_, seat)| seat.role == Role::ComesAndGoes && !seat.has_left.get())
    }

    /// Whether there is place for one more of them.
    pub(super) fn has_place(&self) -> bool {
        self.visitors().count() < MOST
    }

    /// Chooses one of them, who counts as gone from now on.
    pub(super) fn pick_to_leave(&mut self) -> Option<NotifeeId> {
        let visitors: Vec<_> = self.visitors().cloned().collect();
        let (id, seat) = visitors.get(self.random.below(visitors.len().max(1)))?;
        self.leaves(seat);
        Some(*id)
    }

    pub(super) fn leaves(&mut self, seat: &Seat) {
        assert!(!seat.has_left.replace(true), "it has left already");
        self.seen.left += 1;
    }
}

pub(super) struct Attendee {
    pub(super) seat: Rc<Seat>,
    room: Rc<RefCell<Room>>,
}

impl Attendee {
    /// One that hears of the events behind a place in the transcript.
    pub(super) fn new(role: Role, room: &Rc<RefCell<Room>>, place: usize) -> Self {
        let readiness = Interest::STREAM_READY | Interest::ADDRESSES_CHANGED | Interest::REFUSED;
        let everything = Interest::EVENTS | readiness;
        let of_streams = Interest::OPENED_STREAM | Interest::STREAM_FAILED | Interest::CLOSED_STREAM;
        let interest = match role {
            Role::Plain | Role::Owner | Role::Panics => everything,
            Role::ComesAndGoes => match room.borrow_mut().random.below(6) {
                0 => of_streams,
                1 => Interest::CONNECTED | Interest::DISCONNECTED | Interest::LISTEN | Interest::LISTEN_CLOSE,
                2 => Interest::EVENTS | Interest::STREAM_READY,
                _ => Interest::EVENTS,
            },
        };
        let seat = Seat {
            role,
            interest,
            place: Cell::new(place),
            replay: RefCell::default(),
            ready: RefCell::default(),
            has_left: Cell::new(false),
            is_dropped: Cell::new(false),
        };
        Self { seat: Rc::new(seat), room: room.clone() }
    }

    fn below(&self, bound: usize) -> usize {
        self.room.borrow_mut().random.below(bound)
    }

    /// The oracle, ahead of everything else.
    fn told<N: Observed>(&mut self, cx: &mut NotifeeContext<'_, N>, event: Event) {
        let seat = &*self.seat;
        assert!(!seat.has_left.get(), "{:?} is told of {event:?} after it has left", seat.role);
        self.room.borrow_mut().seen.told += 1;
        if cx.is_replay() {
            let expected = seat.replay.borrow_mut().pop_front();
            assert_eq!(Some(event), expected, "what it is told to be open is what is open");
            self.room.borrow_mut().seen.replayed += 1;
        } else {
            assert!(seat.replay.borrow().is_empty(), "{event:?} comes before all is told that was open");
            let transcript = cx.network().transcript();
            let next = transcript.next_of(seat.interest, seat.place.get());
            assert_eq!(next, Some((event, transcript.len())), "{:?}: nothing is missing or comes twice", seat.role);
            seat.place.set(transcript.len());
        }
        assert_eq!(cx.network().next_event(), None, "an event is being told");
        let node = cx.network().node();
        let is_there = match event.id() {
            Id::Listener(id) => node.listener(id).is_some(),
            Id::Connection(id) => node.connection(id).is_some(),
            Id::Stream(id) => node.stream(id).is_some(),
        };
        assert!(is_there, "{event:?}: what is told of can be looked up");
        match seat.role {
            Role::Plain => {}
            Role::Owner => {
                self.is_late(cx.this());
                let has_commanded = cx.network().command(event);
                self.room.borrow_mut().seen.commanded += usize::from(has_commanded);
            }
            Role::Panics => {
                if self.below(8) == 0 {
                    let visitor = self.room.borrow_mut().pick_to_leave();
                    visitor.into_iter().for_each(|id| cx.unregister(id));
                }
                self.panics(cx.this(), 12);
            }
            Role::ComesAndGoes => {
                let (leaves, comes) = match self.below(16) {
                    0 | 1 => (true, false),
                    2 | 3 => (true, true),
                    4 => (false, self.room.borrow().has_place()),
                    _ => (false, false),
                };
                if leaves {
                    self.room.borrow_mut().leaves(seat);
                    let this = cx.this();
                    cx.unregister(this);
                }
                if comes {
                    let place = cx.network().transcript().len();
                    let newcomer = Self::new(Role::ComesAndGoes, &self.room, place);
                    let seat = newcomer.seat.clone();
                    let id = cx.register(newcomer);
                    self.room.borrow_mut().seats.push((id.untyped(), seat));
                }
                self.panics(cx.this(), 24);
            }
        }
    }

    fn told_ready<N: Observed>(&mut self, cx: &mut NotifeeContext<'_, N>, ready: Readiness) {
        assert!(!self.seat.has_left.get(), "{:?} is told of {ready:?} after it has left", self.seat.role);
        if self.seat.role != Role::ComesAndGoes {
            self.seat.ready.borrow_mut().push(ready);
        }
        match self.seat.role {
            Role::Owner => {
                let is_late = self.is_late(cx.this());
                cx.network().serve(ready, is_late);
            }
            Role::Panics => self.panics(cx.this(), 12),
            Role::Plain | Role::ComesAndGoes => {}
        }
    }

    /// Whether a panic of one before it has kept it from being told this in the drive in which it was taken.
    fn is_late(&self, this: NotifeeId) -> bool {
        let by = self.room.borrow_mut().interrupted_by.take();
        by.is_some_and(|by| by < this)
    }

    /// Panics once in so many times, without a message: a panic hook is not asked.
    fn panics(&self, this: NotifeeId, once_in: usize) {
        if self.below(once_in) == 0 {
            self.room.borrow_mut().interrupted_by = Some(this);
            resume_unwind(Box::new(Planned));
        }
    }
}

impl Drop for Attendee {
    fn drop(&mut self) {
        self.seat.is_dropped.set(true);
    }
}

impl<N: Observed> Notifee<N> for Attendee {
    fn interest(&self) -> Interest {
        self.seat.interest
    }

    each_event!(N);

    fn stream_ready(&mut self, cx: &mut NotifeeContext<'_, N>, stream: StreamId, readable: bool, writable: bool) {
        self.told_ready(cx, Readiness::Stream { stream, readable, writable });
    }

    fn addresses_changed(&mut self, cx: &mut NotifeeContext<'_, N>, listener: ListenerId) {
        self.told_ready(cx, Readiness::Addresses { listener });
    }

    fn refused(&mut self, cx: &mut NotifeeContext<'_, N>, of: RefusedAt, kind: Refusal, count: u64) {
        self.told_ready(cx, Readiness::Refused { of, kind, count });
    }
}
