//! [`Lifecycle::transition`], the only function that changes states, and the functions that move the events of transitions
//! into the queue.
//!
//! An event is queued if there is room and nothing is owed. Otherwise its entity joins the list of owed events, and
//! [`Lifecycle::pay`] queues the events of that list, oldest first, as soon as the queue has room. A connection with streams
//! always joins the list: it ends in O(1), and its streams, which end at the same moment, are swept later, that is, their
//! records are updated one by one when their events are queued.

use super::Lifecycle;
use super::arena::LastEvent;
use super::ends::{Failure, StreamEnd};
use super::event::Event;
use super::id::{ConnectionId, ListenerId, StreamId};
use super::kind::{Kind, Records, Split};
use super::links::ListLink;
use super::machine::{Effect, Refused, State, Trigger, step};

/// The caller that requests a transition of the state machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum CalledBy {
    /// The owner of the lifecycle. For the owner, a stream has ended as soon as its connection has ended.
    Owner,
    /// The sweep, which updates the records of an ended connection's streams. Before the sweep, these records contain the
    /// states that the streams had before the connection ended.
    Sweep,
}

impl<const EVENTS: usize> Lifecycle<EVENTS> {
    /// Makes one transition of a listener, connection or stream. Debug builds check the invariants around that listener,
    /// connection or stream afterwards.
    ///
    /// The function is inlined, so that the compiler keeps only the cases of [`step`] for the trigger of each of its few
    /// callers. That saves a quarter of the instructions in the life of a stream.
    #[inline(always)]
    pub(super) fn apply<K: Kind>(&mut self, id: K, trigger: Trigger<K::End>, by: CalledBy) -> Result<(), Refused> {
        let applied = self.transition(id, trigger, by);
        #[cfg(debug_assertions)]
        self.check_around(id);
        applied
    }

    /// Looks up the entity and computes its next state; both steps can fail. Then writes the next state, and queues the
    /// event or adds the entity to the list of owed events.
    #[inline(always)]
    fn transition<K: Kind>(&mut self, id: K, trigger: Trigger<K::End>, by: CalledBy) -> Result<(), Refused> {
        let has_room = self.has_room();
        let Split { arena, connections, counters } = K::split(&mut self.records);
        let record = arena.get_mut(id).ok_or(Refused::Stale)?;
        let mut on = K::on(connections, &record.links).ok_or(Refused::Stale)?;
        let state = match by {
            CalledBy::Owner if K::is_over(&on) => State::Ended,
            CalledBy::Owner | CalledBy::Sweep => record.state,
        };
        let (next_state, effect) = step(state, trigger)?;
        // An opening waits while any end is owed, even if the queue has a free place: events are told in the order of the
        // transitions, and the event of the opening would overtake the owed ones. An end cannot wait, since the socket is
        // closed or the peer has gone by the time it is reported. So a full queue delays what can be delayed: whoever drives
        // the connection has not confirmed the opening to the peer yet. An unbounded queue would take as much memory as a
        // peer wants, and lost events would leave observers with a wrong record.
        if matches!(effect, Effect::TellOpened) && !has_room {
            return Err(Refused::NoRoom);
        }

        // From here on, the transition cannot be refused any more.
        let (links, next) = (record.links, record.next);
        match next_state {
            // There is nothing to write here, and nothing may be written: the record of a swept stream still has its old
            // state.
            Some(same) if same == state => {}
            Some(state) => record.state = state,
            None => {}
        }
        let outcome = match effect {
            Effect::Nothing | Effect::TellOpened | Effect::Release => None,
            Effect::TellFailed(failure) => Some(LastEvent::Failed(failure)),
            Effect::TellClosed(end) => Some(LastEvent::Closed(end)),
        };
        if let Some(outcome) = outcome {
            // A swept stream was counted when its connection ended.
            if matches!(by, CalledBy::Owner) {
                K::count_ended(counters, &mut on, &mut record.links, outcome);
            }
            // The list of the connection's streams and the list of owed events use the same field `next`, so the stream has
            // to leave the first list before `owe` appends it to the second.
            K::unlink(arena, on, &links, next);
            // For a swept stream, `pay` has made sure that there is room.
            if matches!(by, CalledBy::Sweep) || has_room && !K::comes_last(&links) {
                self.queue_up(id.told_ended(&links, outcome));
            } else {
                self.owe(id, outcome, K::events_of_end(&links));
            }
        } else if matches!(effect, Effect::TellOpened) {
            K::count_opened(counters, on, &links);
            self.queue_up(id.told_opened(&links));
        } else if matches!(effect, Effect::Release) {
            arena.vacate(id);
            K::released(on);
        }
        // The trace comes last, so that no registers are kept for it while nobody traces.
        if log::max_level() == log::LevelFilter::Trace {
            trace(id, state, trigger, next_state);
        }
        Ok(())
    }

    /// Returns whether [`room`](Self::room) is more than 0.
    fn has_room(&self) -> bool {
        self.records.owed.oldest.is_none() && !self.queue.is_full()
    }

    /// Appends an event to the queue, which has room for it.
    fn queue_up(&mut self, event: Event) {
        let queued = self.queue.push_back(event);
        debug_assert!(queued.is_ok(), "An event is queued only where there is room.");
    }

    /// Appends an entity that has ended to the list of owed events. `events` is the number of events that its end causes.
    #[inline(never)]
    fn owe<K: Kind>(&mut self, id: K, outcome: LastEvent<K::End>, events: usize) {
        self.records.owed_events += events;
        let link = id.link();
        let mut runs_on = None;
        if let Some(record) = K::arena_mut(&mut self.records).get_mut(id) {
            record.owed = Some(outcome);
            record.next = ListLink::NONE;
            runs_on = K::runs_on(&record.links);
        }
        let time = self.records.owed_time;
        if let Some(connection) = runs_on.and_then(|connection| self.records.connections.get_mut(connection)) {
            connection.links.count_owed(time);
        }
        // The list runs through the records themselves, so that an end allocates no memory, however many events are owed.
        let newest = self.records.owed.newest;
        match self.records.next_of(newest) {
            Some(next) => *next = link,
            None => self.records.owed.oldest = link,
        }
        self.records.owed.newest = link;
    }

    /// Moves owed events into the queue, oldest first, until the queue is full or no event is owed. The cost is O(1) for
    /// each event.
    #[inline]
    pub(super) fn pay(&mut self) {
        if !self.records.owed.oldest.is_none() {
            self.pay_owed();
        }
    }

    #[inline(never)]
    fn pay_owed(&mut self) {
        while !self.queue.is_full() {
            let oldest = self.records.owed.oldest;
            if oldest.is_none() {
                return;
            }
            if let Some(stream) = self.records.first_to_sweep(oldest) {
                let trigger = Trigger::End(StreamEnd::ConnectionClosed, Failure::ConnectionClosed);
                let swept = self.apply(stream, trigger, CalledBy::Sweep);
                debug_assert!(swept.is_ok(), "A stream that hangs on an ended connection is swept once.");
                self.records.owed_events -= 1;
                continue;
            }
            // A link contains the kind of its record, so only one of the three calls finds a record, and their order has no
            // meaning.
            let (event, next) = self
                .records
                .pay_off::<ListenerId>(oldest)
                .or_else(|| self.records.pay_off::<ConnectionId>(oldest))
                .or_else(|| self.records.pay_off::<StreamId>(oldest))
                .unzip();
            self.records.owed.oldest = next.unwrap_or(ListLink::NONE);
            if self.records.owed.oldest.is_none() {
                self.records.owed.newest = ListLink::NONE;
                self.records.next_owed_time();
            }
            if let Some(event) = event {
                self.records.owed_events -= 1;
                self.queue_up(event);
            }
        }
    }
}

/// Logs a transition. This code is a separate function, whose arguments are passed by value, so that the caller need not
/// keep the values in memory while tracing is off.
#[cold]
#[inline(never)]
fn trace<K: Kind>(id: K, state: State, trigger: Trigger<K::End>, next: Option<State>) {
    log::trace!("{id}: {state:?} on {trigger:?}: {next:?}");
}

impl Records {
    /// Begins the next period when no event is owed any more. In each period, the owed events of each connection are counted
    /// anew from 0.
    #[cold]
    fn next_owed_time(&mut self) {
        self.owed_time = self.owed_time.wrapping_add(1);
        if self.owed_time == 0 {
            // The numbers of the periods repeat from here on, so no connection may keep a count from an earlier period with
            // the same number.
            self.connections.iter_mut().for_each(|connection| connection.links.owed = 0);
        }
    }

    /// Returns the `next` field of the record to which a link leads. The record can be of a listener, a connection or a
    /// stream.
    fn next_of(&mut self, link: ListLink) -> Option<&mut ListLink> {
        if let Some(record) = self.streams.at_mut(link) {
            return Some(&mut record.next);
        }
        if let Some(record) = self.connections.at_mut(link) {
            return Some(&mut record.next);
        }
        self.listeners.at_mut(link).map(|record| &mut record.next)
    }

    /// Returns the oldest stream that ended with the connection to which a link leads and whose last event has not been
    /// queued yet. The events of such streams are queued before the connection's own. Returns `None` if there is no such
    /// stream, or if the link leads to no connection.
    fn first_to_sweep(&self, link: ListLink) -> Option<StreamId> {
        let connection = self.connections.get(self.connections.id_at(link)?)?;
        debug_assert!(connection.state == State::Ended, "Only what has ended is owed.");
        self.streams.id_at(connection.links.streams.oldest)
    }

    /// Takes the owed event of the entity to which a link leads, if the entity is of the kind `K`. Returns the event, and
    /// the link to the next entity in the list of owed events.
    fn pay_off<K: Kind>(&mut self, link: ListLink) -> Option<(Event, ListLink)> {
        let id: K = K::arena(self).id_at(link)?;
        let record = K::arena_mut(self).get_mut(id)?;
        let outcome = record.owed.take()?;
        Some((id.told_ended(&record.links, outcome), core::mem::replace(&mut record.next, ListLink::NONE)))
    }
}
