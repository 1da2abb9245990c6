//! Emissions: events that a notifee emits to all other notifees. They wait in a bounded queue until the others are told.

use super::super::{Interest, Network};
use super::interrupted::{Interrupted, Remainder};
use super::limit::Limit;
use super::notified::{Emission, HoldGuard};
use super::{NotifeeContext, NotifeeId, Notifees};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::any::Any;

/// The queue of emissions that notifees have not been told yet, oldest first.
pub(in super::super) struct Emissions {
    queue: VecDeque<Emission>,
    /// The number of emissions at the front of the queue that are told before the network's next event. The other emissions
    /// are answers to emissions, which alternate with the network's events, so that two notifees that answer each other for
    /// ever do not hold up the network's events.
    ahead: usize,
    /// `true` while notifees are told of an emission: an event that a notifee emits meanwhile counts as an answer to that
    /// emission.
    is_telling: bool,
    capacity: usize,
    dropped: u64,
}

impl Emissions {
    pub(super) const fn new() -> Self {
        Self { queue: VecDeque::new(), ahead: 0, is_telling: false, capacity: 1_024, dropped: 0 }
    }

    /// Causes all waiting emissions to be told before the network's next event.
    #[inline]
    pub(super) fn begin_turn(&mut self) {
        self.ahead = self.queue.len();
    }

    /// Returns the maximum number of bytes of heap that the queue can take, if the emitted events are small.
    #[cfg(feature = "swarm")]
    pub(super) const fn memory_bound(&self) -> usize {
        self.capacity.saturating_mul(2 * size_of::<Emission>() + 160)
    }

    /// Returns whether no emission has to be told before the network's next event.
    #[inline]
    pub(super) const fn is_turn_over(&self) -> bool {
        self.ahead == 0
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

impl<N> Notifees<N> {
    /// Sets the maximum number of [emitted](NotifeeContext::emit) events that can wait to be told. Further events are
    /// [dropped](Self::emissions_dropped). The default is 1 024; 0 has the effect of 1.
    pub const fn set_emission_capacity(&mut self, events: usize) {
        self.changes.emissions.capacity = if events == 0 { 1 } else { events };
    }

    /// Returns the number of emitted events that were dropped because the queue was full.
    /// [`set_emission_capacity`](Self::set_emission_capacity) sets the length of that queue.
    #[must_use]
    pub const fn emissions_dropped(&self) -> u64 {
        self.changes.emissions.dropped
    }
}

impl<N: Network> Notifees<N> {
    /// Tells the emissions that have to be told before the network's next event, as far as the limit permits. Returns
    /// `false` if some of them are left.
    #[inline]
    pub(super) fn tell_emissions(&mut self, network: &mut N, limit: &mut impl Limit<N>) -> bool {
        while !self.changes.emissions.is_turn_over() {
            if !limit.permits() {
                return false;
            }
            limit.told();
            self.tell_next_emission(network);
        }
        true
    }

    #[cold]
    #[inline(never)]
    fn tell_next_emission(&mut self, network: &mut N) {
        let Emissions { queue, ahead, .. } = &mut self.changes.emissions;
        *ahead -= 1;
        if let Some(emission) = queue.pop_front() {
            self.tell_emission(emission, NotifeeId::FIRST.sequence, network);
        }
    }

    /// Tells notifees of an emission: those that were registered when the event was emitted, except for the notifee that
    /// emitted it, and only those with the sequence number `from` or a later one.
    pub(super) fn tell_emission(&mut self, emission: Emission, from: u64, network: &mut N) {
        let Self { entries, lists, changes, interrupted, now, .. } = self;
        let held = HoldGuard::new(network);
        let cx = NotifeeContext { network: &mut *held.0, changes, this: NotifeeId::FIRST, now: *now, is_replay: false };
        let mut unfinished = EmissionGuard { cx, emission: Some(emission), interrupted };
        let EmissionGuard { cx, emission, .. } = &mut unfinished;
        cx.changes.emissions.is_telling = true;
        if let Some(Emission { from: source, before, event }) = emission {
            for run in &lists[Interest::EMITTED.kind()] {
                let Some(run) = entries.get_mut(run.clone()) else { continue };
                for entry in run {
                    if !(from..*before).contains(&entry.sequence)
                        || entry.sequence == source.sequence
                        || cx.changes.is_leaving(entry)
                    {
                        continue;
                    }
                    cx.this = entry.id();
                    entry.notifee.emitted(cx, *source, &**event);
                }
            }
        }
        let emission = unfinished.emission.take();
        drop(unfinished);
        drop(held);
        if !self.changes.is_empty() {
            self.make_changes();
        }
        // This comes last, since the drop of an event of any type may panic.
        drop(emission);
    }
}

/// A guard that stores the present emission as [`Interrupted`] if a notifee panics, since the panic then drops the guard.
/// The next call continues with that emission. The notifee that panicked counts as told.
struct EmissionGuard<'a, 'b, N> {
    cx: NotifeeContext<'a, N>,
    emission: Option<Emission>,
    interrupted: &'b mut Option<Interrupted>,
}

impl<N> Drop for EmissionGuard<'_, '_, N> {
    fn drop(&mut self) {
        // This is done in the guard, so that a panic resets it, too.
        self.cx.changes.emissions.is_telling = false;
        if let Some(emission) = self.emission.take() {
            let next = self.cx.this.sequence + 1;
            *self.interrupted = Some(Interrupted { left: Remainder::Emission(emission), next });
        }
    }
}

impl<N> NotifeeContext<'_, N> {
    /// Emits an event of any type to all other notifees with an interest in [`EMITTED`](Interest::EMITTED), whose method
    /// [`emitted`](super::super::Notifee::emitted) is called with the event. Services report to other notifees in this way,
    /// in addition to the queue that their owner drains.
    ///
    /// - Emitted events are told in the order in which they were emitted, after all notifees have been told the present
    ///   notification (or, for an event that is emitted in a tick, after all due notifees have been ticked), and before the
    ///   network's next event. So the ids in the present event can still be looked up.
    /// - A notifee is told of the event if it is registered both when the event is emitted and when the event is told.
    /// - An answer, that is, an event that is emitted while an emission is being told, waits until the network's next event
    ///   has been told, if there is one. So two notifees that answer each other for ever do not hold up the network's
    ///   events.
    /// - Each emitted event counts as an event for [`set_events_per_dispatch`](Notifees::set_events_per_dispatch) and for
    ///   the budget of `drive_while`. Emitted events beyond a limit wait for the next dispatch.
    /// - If no other notifee has that interest, the event is dropped at once and no memory is allocated; see
    ///   [`is_heard`](Self::is_heard). If [no room](Self::room_to_emit) is left in the queue, the event is [dropped and
    ///   counted](Notifees::emissions_dropped).
    pub fn emit(&mut self, event: impl Any) {
        if !self.is_heard() {
            return;
        }
        // Why a queue, and not a call: a call would tell others in the middle of the present event, some before they
        // know of the event itself, and a notifee that answers would be called while it is still borrowed. The queue is
        // bounded, since services emit at the pace of their peers.
        let (from, before) = (self.this, self.changes.slots.next_sequence());
        let emissions = &mut self.changes.emissions;
        if emissions.queue.len() < emissions.capacity {
            emissions.queue.push_back(Emission { from, before, event: Box::new(event) });
            if !emissions.is_telling {
                emissions.begin_turn();
            }
        } else {
            emissions.dropped += 1;
        }
    }

    /// Returns whether any other notifee would be told of an event that this notifee [emits](Self::emit) now.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.changes.slots.is_heard_by_others(self.this)
    }

    /// Returns the number of events that can be [emitted](Self::emit) now before the queue is full and further events are
    /// dropped.
    #[must_use]
    pub fn room_to_emit(&self) -> usize {
        let emissions = &self.changes.emissions;
        emissions.capacity.saturating_sub(emissions.queue.len())
    }
}
