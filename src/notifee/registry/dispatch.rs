//! Dispatch: the functions that tell a notification to all notifees with an interest in it, one after another, in the order
//! of their registration. Meanwhile, the network's further events are held back.
//!
//! The variant of a notification is matched once, and a loop for that variant then tells all notifees, so that each notifee
//! costs only one call through `dyn`. If a notifee panics, an [`Interrupted`] is stored, with which the next call begins.

use super::interrupted::{Interrupted, Remainder};
use super::limit::{Limit, events_beyond};
use super::notified::{HoldGuard, Notified};
use super::{AnyNotifee, Interest, Network, Notifee, NotifeeContext, NotifeeId, Notifees, RegisteredNotifee};
use crate::lifecycle::Event;
use core::time::Duration;

/// The limit of one dispatch: a maximum number of events.
struct MaxEvents {
    told: usize,
    most: usize,
    /// The number by which each emitted event that is told raises the limit. It is 0 at first. It becomes 1 when the limit
    /// is raised because the network's queue has no room, so that emitted events do not count from then on.
    raise: usize,
}

impl<N: Network> Limit<N> for MaxEvents {
    const TELLS_ANSWERS: bool = true;

    #[inline]
    fn permits(&mut self) -> bool {
        self.told < self.most
    }

    #[inline]
    fn told(&mut self) {
        self.told += 1;
        self.most += self.raise;
    }

    #[inline]
    fn told_of_network(&mut self) {
        self.told += 1;
    }

    #[inline]
    fn goes_beyond(&mut self, network: &N) -> bool {
        let more = events_beyond(network, self.raise);
        self.raise = 1;
        self.most += more;
        more > 0
    }

    #[inline]
    fn ends_beyond(&mut self) -> bool {
        self.raise > 0
    }
}

/// The notifees that are to be told one notification.
trait Audience<N> {
    fn each(self, kind: Interest, tell: impl FnMut(&mut dyn AnyNotifee<N>, &mut NotifeeContext<'_, N>));
}

/// Tells an audience of an event. The function is inlined and separate from [`Notified::to`], so that a caller that has an
/// event, and not a [`Notified`], matches only once.
#[inline(always)]
fn tell_event<N>(event: Event, audience: impl Audience<N>) {
    match event {
        Event::Listen { listener } => {
            audience.each(Interest::LISTEN, |notifee, cx| notifee.listen(cx, listener));
        }
        Event::ListenFailed { listener, reason } => {
            audience.each(Interest::LISTEN_FAILED, |notifee, cx| notifee.listen_failed(cx, listener, reason));
        }
        Event::ListenClose { listener, reason } => {
            audience.each(Interest::LISTEN_CLOSE, |notifee, cx| notifee.listen_close(cx, listener, reason));
        }
        Event::Connected { connection } => {
            audience.each(Interest::CONNECTED, |notifee, cx| notifee.connected(cx, connection));
        }
        Event::ConnectFailed { connection, reason } => {
            audience.each(Interest::CONNECT_FAILED, |notifee, cx| notifee.connect_failed(cx, connection, reason));
        }
        Event::Disconnected { connection, reason } => {
            audience.each(Interest::DISCONNECTED, |notifee, cx| notifee.disconnected(cx, connection, reason));
        }
        Event::OpenedStream { connection, stream } => {
            audience.each(Interest::OPENED_STREAM, |notifee, cx| notifee.opened_stream(cx, connection, stream));
        }
        Event::StreamFailed { connection, stream, reason } => {
            audience.each(Interest::STREAM_FAILED, |notifee, cx| {
                notifee.stream_failed(cx, connection, stream, reason);
            });
        }
        Event::ClosedStream { connection, stream, reason } => {
            audience.each(Interest::CLOSED_STREAM, |notifee, cx| {
                notifee.closed_stream(cx, connection, stream, reason);
            });
        }
    }
}

impl Notified {
    #[inline(always)]
    fn to<N>(self, audience: impl Audience<N>) {
        match self {
            Self::Event(event) => tell_event(event, audience),
            Self::StreamReady { stream, readable, writable } => {
                audience.each(Interest::STREAM_READY, |notifee, cx| {
                    notifee.stream_ready(cx, stream, readable, writable);
                });
            }
            Self::AddressesChanged { listener } => {
                audience.each(Interest::ADDRESSES_CHANGED, |notifee, cx| notifee.addresses_changed(cx, listener));
            }
            #[cfg(feature = "swarm")]
            Self::Refused { at, refusal, count } => {
                audience.each(Interest::REFUSED, |notifee, cx| {
                    notifee.refused(cx, at, refusal, u64::from_ne_bytes(count));
                });
            }
        }
    }
}

/// All notifees that have an interest in a notification, and a sequence number of at least `from`.
struct Everyone<'a, N> {
    notifees: &'a mut Notifees<N>,
    network: &'a mut N,
    told: Notified,
    /// The sequence number of the first notifee to tell.
    from: u64,
}

impl<N: Network> Audience<N> for Everyone<'_, N> {
    /// Calls `tell` for each notifee of this audience. The function is inlined, so that the compiler makes one loop for each
    /// kind of notification, and stores nothing that only a panic needs.
    #[inline(always)]
    fn each(self, kind: Interest, mut tell: impl FnMut(&mut dyn AnyNotifee<N>, &mut NotifeeContext<'_, N>)) {
        let Notifees { entries, lists, changes, interrupted, now, .. } = self.notifees;
        let list = &lists[kind.kind()];
        if list.is_empty() {
            return;
        }
        let held = HoldGuard::new(self.network);
        let cx = NotifeeContext { network: &mut *held.0, changes, this: NotifeeId::FIRST, now: *now, is_replay: false };
        let mut unfinished = DispatchGuard { cx, told: self.told, interrupted };
        let cx = &mut unfinished.cx;
        for run in list {
            let Some(run) = entries.get_mut(run.clone()) else { continue };
            for entry in run {
                if entry.sequence < self.from || cx.changes.is_leaving(entry) {
                    continue;
                }
                cx.this = entry.id();
                tell(&mut *entry.notifee, cx);
            }
        }
        core::mem::forget(unfinished);
        drop(held);
        if !self.notifees.changes.is_empty() {
            self.notifees.make_changes();
        }
    }
}

/// A guard that stores the present notification as [`Interrupted`] if a notifee panics, since the panic then drops the
/// guard. The notifee that panicked counts as told. Without a panic, the guard is passed to [`core::mem::forget`], and
/// nothing is stored.
struct DispatchGuard<'a, 'b, N> {
    cx: NotifeeContext<'a, N>,
    told: Notified,
    interrupted: &'b mut Option<Interrupted>,
}

impl<N> Drop for DispatchGuard<'_, '_, N> {
    #[inline]
    fn drop(&mut self) {
        *self.interrupted = Some(Interrupted { left: Remainder::Notified(self.told), next: self.cx.this.sequence + 1 });
    }
}

/// The audience of a replay: one notifee that is being registered, and is told of everything that is open.
struct Newcomer<'a, 'b, N> {
    entry: &'a mut RegisteredNotifee<N>,
    cx: &'a mut NotifeeContext<'b, N>,
}

/// A guard that unregisters the new notifee if that notifee panics during the replay, since the panic then drops the guard.
/// Without a panic, the guard is passed to [`core::mem::forget`], and nothing is unregistered.
struct Replay<'a, N> {
    cx: NotifeeContext<'a, N>,
}

impl<N> Drop for Replay<'_, N> {
    fn drop(&mut self) {
        self.cx.changes.slots.remove(self.cx.this);
    }
}

impl<N> Audience<N> for Newcomer<'_, '_, N> {
    fn each(self, kind: Interest, mut tell: impl FnMut(&mut dyn AnyNotifee<N>, &mut NotifeeContext<'_, N>)) {
        if self.entry.interest.contains(kind) {
            tell(&mut *self.entry.notifee, self.cx);
        }
    }
}

impl<N: Network> Notifees<N> {
    /// Drains the network's events, and tells each event to the notifees with an interest in it. Events that notifees
    /// [emit](NotifeeContext::emit) meanwhile are told, too. Returns the number of events of both kinds. The call ends when
    /// no event is left, or when [a limit](Self::set_events_per_dispatch) is reached. If the network's queue has no room for
    /// some waiting events at that time, all waiting events are told beyond the limit, so that connections and streams can
    /// open afterwards.
    #[inline]
    pub fn dispatch(&mut self, network: &mut N) -> usize {
        let mut limit = MaxEvents { told: 0, most: self.events_per_dispatch, raise: 0 };
        self.tell_events(network, &mut limit);
        limit.told
    }

    /// Continues the notification that a panic has interrupted, if there is one, and then tells events as far as the limit
    /// permits. Events that notifees have emitted are told before the network's next event.
    #[inline(always)]
    pub(super) fn tell_events<L: Limit<N>>(&mut self, network: &mut N, limit: &mut L) {
        self.resume(network);
        loop {
            if !(self.tell_emissions(network, limit) && limit.permits()) {
                if limit.goes_beyond(network) {
                    continue;
                }
                return;
            }
            // Emissions come first, since they belong to the event before: its ids can be looked up only until the next
            // event is drained.
            let Some(event) = network.next_event() else {
                // Only answers are left. Beyond the limit, nothing would stop two notifees that answer each other.
                if limit.ends_beyond() || !L::TELLS_ANSWERS || self.changes.emissions.is_empty() {
                    return;
                }
                self.changes.emissions.begin_turn();
                continue;
            };
            limit.told_of_network();
            let from = NotifeeId::FIRST.sequence;
            let everyone = Everyone { notifees: self, network, told: Notified::Event(event), from };
            tell_event(event, everyone);
            if !self.changes.emissions.is_empty() {
                self.changes.emissions.begin_turn();
            }
            limit.show_owner(network, Notified::Event(event));
        }
    }

    /// Registers a notifee, and tells it of everything that is open, as if each had just opened: first of listeners, then of
    /// connections, then of streams. The events that the notifee is told later continue from there: none is missing, and
    /// none is told twice. [`NotifeeContext::is_replay`] returns `true` in the replayed notifications.
    ///
    /// If the new notifee panics or unregisters itself during the replay, it is not registered. If another notifee is
    /// unregistered meanwhile and panics while it is dropped, the new notifee is registered, although the caller does not
    /// get its id.
    pub fn register_and_replay<T: Notifee<N> + 'static>(&mut self, network: &mut N, notifee: T) -> NotifeeId<T>
    where
        N: 'static,
    {
        self.resume(network);
        // A replay that panics leaves a vacant entry behind. If an owner registers such notifees again and again, no other
        // call removes these entries.
        self.compact_if_mostly_vacant();
        let openings = network.event_source().openings();
        let mut entry = self.changes.entry(notifee);
        let id = entry.id();
        // The place of the new notifee comes before the places of notifees that it registers itself, and stays vacant if it
        // panics.
        self.entries.push(RegisteredNotifee::vacant(id.sequence));
        let held = HoldGuard::new(network);
        let (changes, now) = (&mut self.changes, self.now);
        let cx = NotifeeContext { network: &mut *held.0, changes, this: id, now, is_replay: true };
        let mut replay = Replay { cx };
        for event in openings {
            if replay.cx.changes.is_leaving(&entry) {
                break;
            }
            Notified::Event(event).to(Newcomer { entry: &mut entry, cx: &mut replay.cx });
        }
        core::mem::forget(replay);
        drop(held);
        self.entries.pop();
        self.add(entry);
        self.make_changes();
        id.typed()
    }

    /// Continues the notification that the panic of a notifee has interrupted, if there is one.
    #[inline]
    pub(super) fn resume(&mut self, network: &mut N) {
        if self.is_interrupted() {
            self.resume_interrupted(network);
        }
    }

    #[cold]
    #[inline(never)]
    fn resume_interrupted(&mut self, network: &mut N) {
        if let Some(Interrupted { left, next }) = self.interrupted.take() {
            match left {
                Remainder::Notified(told) => {
                    self.tell(told, next, network);
                    #[cfg(feature = "swarm")]
                    // The owner is not at hand here. A drive shows the event to its owner right after this call, and a
                    // dispatch leaves it to the next drive.
                    self.owe_owner(told);
                }
                Remainder::Emission(emission) => self.tell_emission(emission, next, network),
            }
            self.changes.emissions.begin_turn();
        }
        self.make_changes();
    }

    pub(super) fn tell(&mut self, told: Notified, from: u64, network: &mut N) {
        told.to(Everyone { notifees: self, network, told, from });
    }

    /// Returns whether something is left to tell, with which the next drive or dispatch continues: events beyond the limit
    /// of the last drive, a notification that the panic of a notifee has interrupted, or [emitted](NotifeeContext::emit)
    /// events.
    ///
    /// Something can be left after the last event of a swarm, so a program should end only when its swarm is shut down and
    /// this method returns `false`.
    #[must_use]
    pub fn has_pending(&self) -> bool {
        #[cfg(feature = "swarm")]
        if self.owed_to_owner.is_some() {
            return true;
        }
        self.has_more || self.is_interrupted() || !self.changes.emissions.is_empty()
    }

    /// Returns the time at which notifees need the next [`drive`](Self::drive): zero, which means at once, if the last drive
    /// has left something to tell or an event was emitted since; otherwise the earliest time that a notifee's
    /// [`Notifee::poll_at`] returns; `None` if no notifee has a deadline. The network's own `poll_at` does not include this
    /// time.
    #[must_use]
    pub fn poll_at(&self) -> Option<Duration> {
        if self.has_pending() {
            return Some(Duration::ZERO);
        }
        let list = &self.lists[Interest::TIME.kind()];
        let timed = list.iter().filter_map(|run| self.entries.get(run.clone())).flatten();
        timed.filter_map(|entry| entry.notifee.poll_at()).min().map(|at| self.clock.on_owners(at))
    }
}
