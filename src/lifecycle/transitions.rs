//! [`Lifecycle::transition`], which alone writes states, and the way of its events to the queue.
//!
//! An event is queued if there is room and nothing is owed. Otherwise its entity joins the list of owed events, and
//! [`Lifecycle::pay`] queues the events of that list, oldest first, as room returns. A connection with streams always joins
//! the list: it ends in O(1), and its streams, which ended with it, are swept one by one when their events are queued.

use super::Lifecycle;
use super::arena::LastEvent;
use super::ends::{Failure, StreamEnd};
use super::event::Event;
use super::id::{ConnectionId, ListenerId, StreamId};
use super::kind::{Kind, Records, Split};
use super::links::ListLink;
use super::machine::{Effect, Refused, State, Transition, step};

/// The caller of a transition.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum CalledBy {
    /// The owner. For the owner, a stream is over as soon as its connection is.
    Owner,
    /// The sweep, which finds the streams of an ended connection in their old states.
    Sweep,
}

impl<const EVENTS: usize> Lifecycle<EVENTS> {
    /// Makes one transition. Debug builds check the invariants around the entity afterwards.
    ///
    /// Inlined, so that each of its few callers keeps only the column of `step` for its input: that saves a quarter of the
    /// instructions of a stream's life.
    #[inline(always)]
    pub(super) fn apply<K: Kind>(&mut self, id: K, input: Transition<K::End>, by: CalledBy) -> Result<(), Refused> {
        let applied = self.transition(id, input, by);
        #[cfg(debug_assertions)]
        self.check_around(id);
        applied
    }

    /// Looks up the entity and takes the step, both of which may refuse; then writes the state and the event.
    #[inline(always)]
    fn transition<K: Kind>(&mut self, id: K, input: Transition<K::End>, by: CalledBy) -> Result<(), Refused> {
        let has_room = self.has_room();
        let Split { arena, connections, counters } = K::split(&mut self.records);
        let record = arena.get_mut(id).ok_or(Refused::Stale)?;
        let mut on = K::on(connections, &record.links).ok_or(Refused::Stale)?;
        let state = match by {
            CalledBy::Owner if K::is_over(&on) => State::Ended,
            CalledBy::Owner | CalledBy::Sweep => record.state,
        };
        let (next_state, effect) = step(state, input)?;
        if matches!(effect, Effect::TellOpened) && !has_room {
            return Err(Refused::NoRoom);
        }

        // Nothing is refused from here on.
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
            if matches!(by, CalledBy::Owner) {
                K::count_ended(counters, &mut on, &mut record.links, outcome);
            }
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
            trace(id, state, input, next_state);
        }
        Ok(())
    }

    /// Returns whether [`room`](Self::room) is more than 0.
    fn has_room(&self) -> bool {
        self.records.owed.oldest.is_none() && !self.queue.is_full()
    }

    /// Queues an event for which there is room.
    fn queue_up(&mut self, event: Event) {
        let queued = self.queue.push_back(event);
        debug_assert!(queued.is_ok(), "An event is queued only where there is room.");
    }

    /// Appends an entity that has ended, and whose end causes `events` events, to the list of owed events.
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
        let newest = self.records.owed.newest;
        match self.records.next_of(newest) {
            Some(next) => *next = link,
            None => self.records.owed.oldest = link,
        }
        self.records.owed.newest = link;
    }

    /// Queues owed events as far as there is room. O(1) for each event.
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
                let input = Transition::End(StreamEnd::ConnectionClosed, Failure::ConnectionClosed);
                let swept = self.apply(stream, input, CalledBy::Sweep);
                debug_assert!(swept.is_ok(), "A stream that hangs on an ended connection is swept once.");
                self.records.owed_events -= 1;
                continue;
            }
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

/// Logs a transition. A function of its own, which takes its arguments by value, so that nothing is kept in memory for it
/// while nobody traces.
#[cold]
#[inline(never)]
fn trace<K: Kind>(id: K, state: State, input: Transition<K::End>, next: Option<State>) {
    log::trace!("{id}: {state:?} on {input:?}: {next:?}");
}

impl Records {
    /// Begins the next period, once nothing is owed any more: the events that connections have owed until now do not count
    /// in it.
    #[cold]
    fn next_owed_time(&mut self) {
        self.owed_time = self.owed_time.wrapping_add(1);
        if self.owed_time == 0 {
            // The numbers repeat from here on, so no connection may keep a count from the last time.
            self.connections.iter_mut().for_each(|connection| connection.links.owed = 0);
        }
    }

    /// Returns the `next` field of the record that a link leads to, whatever its kind.
    fn next_of(&mut self, link: ListLink) -> Option<&mut ListLink> {
        if let Some(record) = self.streams.at_mut(link) {
            return Some(&mut record.next);
        }
        if let Some(record) = self.connections.at_mut(link) {
            return Some(&mut record.next);
        }
        self.listeners.at_mut(link).map(|record| &mut record.next)
    }

    /// Returns the oldest stream whose last event comes before that of the connection to which a link leads.
    fn first_to_sweep(&self, link: ListLink) -> Option<StreamId> {
        let connection = self.connections.get(self.connections.id_at(link)?)?;
        debug_assert!(connection.state == State::Ended, "Only what has ended is owed.");
        self.streams.id_at(connection.links.streams.oldest)
    }

    /// Returns the event that the entity of a link owes, if the entity is of the kind `K`, and the link to the next entity
    /// on the list.
    fn pay_off<K: Kind>(&mut self, link: ListLink) -> Option<(Event, ListLink)> {
        let id: K = K::arena(self).id_at(link)?;
        let record = K::arena_mut(self).get_mut(id)?;
        let outcome = record.owed.take()?;
        Some((id.told_ended(&record.links, outcome), core::mem::replace(&mut record.next, ListLink::NONE)))
    }
}
