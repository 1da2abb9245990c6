//! Emissions: events that a notifee emits to all others. They wait in a bounded queue until they are told.

use super::super::{Interest, Network, NotifeeContext};
use super::dispatch::{Interrupted, Remainder};
use super::limit::Limit;
use super::notified::HoldGuard;
use super::{NotifeeId, Notifees};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::any::Any;

/// An event that a notifee has emitted.
pub(super) struct Emission {
    from: NotifeeId,
    /// The sequence number of the first notifee that is too new to be told.
    before: u64,
    event: Box<dyn Any>,
}

/// The emissions that were not told yet, in order.
pub(in super::super) struct Emissions {
    queue: VecDeque<Emission>,
    /// The number of emissions in front that are told before the network's next event. The rest are answers, which alternate
    /// with the network's events, so that two notifees that answer each other for ever do not hold these up.
    ahead: usize,
    /// An emission is being told: an event that is emitted now is an answer.
    is_telling: bool,
    capacity: usize,
    dropped: u64,
}

impl Emissions {
    pub(super) const fn new() -> Self {
        Self { queue: VecDeque::new(), ahead: 0, is_telling: false, capacity: 1_024, dropped: 0 }
    }

    /// Lets all waiting emissions be told before the network's next event.
    #[inline]
    pub(super) fn begin_turn(&mut self) {
        self.ahead = self.queue.len();
    }

    /// Returns the most bytes of heap that it can take, with small events.
    #[cfg(feature = "swarm")]
    pub(super) const fn memory_bound(&self) -> usize {
        self.capacity.saturating_mul(2 * size_of::<Emission>() + 160)
    }

    /// Returns whether the network's next event may be told.
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
    /// Sets the most [emitted](NotifeeContext::emit) events that may wait to be told. One more is
    /// [dropped](Self::emissions_dropped). Default 1 024; 0 counts as 1.
    pub const fn set_emission_capacity(&mut self, events: usize) {
        self.changes.emissions.capacity = if events == 0 { 1 } else { events };
    }

    /// Returns the number of emitted events that were dropped, because as many waited as the
    /// [capacity](Self::set_emission_capacity) allows.
    #[must_use]
    pub const fn emissions_dropped(&self) -> u64 {
        self.changes.emissions.dropped
    }
}

impl<N: Network> Notifees<N> {
    /// Tells the emissions whose turn it is, as far as the limit permits. Returns `false` if some are left.
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

    /// Tells an emission to all notifees that were registered when it was made, except for its source, from one of them on.
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

/// Keeps the present emission when it is dropped by a panic of a notifee, which counts as told.
struct EmissionGuard<'a, 'b, N> {
    cx: NotifeeContext<'a, N>,
    emission: Option<Emission>,
    interrupted: &'b mut Option<Interrupted>,
}

impl<N> Drop for EmissionGuard<'_, '_, N> {
    fn drop(&mut self) {
        self.cx.changes.emissions.is_telling = false;
        if let Some(emission) = self.emission.take() {
            let next = self.cx.this.sequence + 1;
            *self.interrupted = Some(Interrupted { left: Remainder::Emission(emission), next });
        }
    }
}

impl<N> NotifeeContext<'_, N> {
    /// Emits an event of any type to all other notifees that declare an interest in [`EMITTED`](Interest::EMITTED):
    /// [`emitted`](super::super::Notifee::emitted) is called with it. Services report to other notifees in this way, besides
    /// the queue that their owner drains.
    ///
    /// - Emitted events are told in order, after the present notification has gone to all (after the present ticks, for an
    ///   event that is emitted in a tick), and before the network's next event. So the ids of the present event can still be
    ///   looked up.
    /// - The notifees are told that are registered now and still are then.
    /// - An answer, that is, an event that is emitted while an emission is being told, waits until the network's next event
    ///   has been told, if there is one. So two notifees that answer each other for ever do not hold up the network's
    ///   events.
    /// - Each counts as an event for [`set_events_per_dispatch`](Notifees::set_events_per_dispatch), and for the budget of
    ///   `drive_while`. Those beyond a limit wait for the next dispatch.
    /// - If nobody else declares that interest, the event is dropped at once and nothing is allocated; see
    ///   [`is_heard`](Self::is_heard). If [no room](Self::room_to_emit) is left in the queue, it is [dropped and
    ///   counted](Notifees::emissions_dropped).
    pub fn emit(&mut self, event: impl Any) {
        if !self.is_heard() {
            return;
        }
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

    /// Returns whether any other notifee would be told of an event that this one [emits](Self::emit) now.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.changes.slots.is_heard_by_others(self.this)
    }

    /// Returns the number of events that can be [emitted](Self::emit) now without one being dropped.
    #[must_use]
    pub fn room_to_emit(&self) -> usize {
        let emissions = &self.changes.emissions;
        emissions.capacity.saturating_sub(emissions.queue.len())
    }
}
