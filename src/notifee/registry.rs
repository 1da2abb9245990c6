//! [`Notifees`]: the registry of notifees, each with its interest. The module [`dispatch`] contains the functions that tell
//! notifees of events.

use super::interest::KINDS;
use super::{Interest, Network, Notifee};
use crate::clock::Clock;
use alloc::boxed::Box;
use alloc::vec::Vec;
pub use context::NotifeeContext;
use core::any::Any;
use core::fmt;
use core::ops::Range;
use core::time::Duration;
#[cfg(feature = "swarm")]
pub use drive::Occurrence;
use emissions::Emissions;
pub use id::NotifeeId;
use interrupted::Interrupted;
#[cfg(feature = "protocols")]
pub use services::Service;
use slots::NotifeeSlots;

mod context;
mod dispatch;
#[cfg(feature = "swarm")]
mod drive;
mod emissions;
mod id;
mod interrupted;
mod limit;
#[cfg(feature = "swarm")]
mod memory;
mod notified;
#[cfg(feature = "protocols")]
mod services;
mod slots;
#[cfg(feature = "subscription")]
mod threads;

/// The registry of all notifees of a network `N`, in the order of their registration. The [module](super) describes what it
/// promises.
///
/// The number of notifees has no limit, since only the owner and other notifees register any. Dropping the registry drops
/// the notifees in their order, and waits until the threads of spawned ones have ended.
///
/// Notifees may be `!Send` (for example, if one contains an `Rc` of your application), so this type is not [`Send`]. Make
/// the registry in the thread that drives the network; the network may have been made in another thread. To observe events
/// in another thread, use a `Subscription` or `spawn` (feature `subscription`).
///
/// ```compile_fail,E0277
/// # use swarm_notify::lifecycle::Lifecycle;
/// # use swarm_notify::notifee::Notifees;
/// let notifees = Notifees::<Lifecycle<8>>::new();
/// std::thread::spawn(move || drop(notifees)); // cannot be sent between threads
/// ```
pub struct Notifees<N> {
    /// The notifees, in the order of their ids. A notifee that is unregistered is replaced by [`Vacant`]; vacant entries are
    /// removed once they are the majority. Unregistering a notifee therefore costs O(1) on average, however many are
    /// registered.
    entries: Vec<RegisteredNotifee<N>>,
    /// For each kind of notification, the notifees to tell, as ranges of indices in `entries`. Notifees in one range are
    /// told in one loop.
    lists: [Vec<Range<usize>>; KINDS],
    /// The registrations and other changes that notifees have requested while they were told something. Between calls,
    /// changes are pending only if a notifee has panicked.
    changes: PendingChanges<N>,
    /// The notification that the panic of a notifee has interrupted. The next dispatch or drive begins with the rest of this
    /// notification.
    interrupted: Option<Interrupted>,
    events_per_dispatch: usize,
    /// `true` if the last [`drive`](Self::drive) has left events or readiness to tell.
    has_more: bool,
    /// The number of consecutive drives (calls of [`drive`](Self::drive) or a variant of it) that have not ticked all due
    /// notifees.
    #[cfg(feature = "swarm")]
    untimed: u8,
    /// The sequence number of the notifee at which the next drive begins to tick: the first due notifee that the last drive
    /// has not reached.
    #[cfg(feature = "swarm")]
    tick_from: u64,
    /// `true` if the last drive was a call of a method that shows the events to the owner, such as `drive_with`.
    #[cfg(feature = "swarm")]
    has_watching_owner: bool,
    /// The event or readiness that has not been shown to the owner, because a notifee panicked while it was told. All other
    /// notifees have been told meanwhile.
    #[cfg(feature = "swarm")]
    owed_to_owner: Option<notified::Notified>,
    clock: Clock,
    now: Duration,
}

/// A registered notifee. Its id is stored as two fields, so that the interest fits into the padding behind them.
pub(super) struct RegisteredNotifee<N> {
    sequence: u64,
    slot: u32,
    interest: Interest,
    notifee: Box<dyn AnyNotifee<N>>,
}

impl<N> RegisteredNotifee<N> {
    /// The slot number of vacant entries, which no notifee has.
    const NO_SLOT: u32 = u32::MAX;

    fn new(id: NotifeeId, interest: Interest, notifee: Box<dyn AnyNotifee<N>>) -> Self {
        Self { sequence: id.sequence, slot: id.slot, interest, notifee }
    }

    /// Makes the vacant entry that replaces a notifee with this sequence number.
    fn vacant(sequence: u64) -> Self {
        Self { sequence, slot: Self::NO_SLOT, interest: Interest::NONE, notifee: Box::new(Vacant) }
    }

    const fn id(&self) -> NotifeeId {
        NotifeeId::new(self.sequence, self.slot)
    }

    const fn is_vacant(&self) -> bool {
        self.slot == Self::NO_SLOT
    }
}

/// A notifee that does nothing. It replaces a notifee that was unregistered, so that the loops that tell notifees need not
/// check for gaps. Its `Box` allocates no memory.
struct Vacant;

impl<N> Notifee<N> for Vacant {}

/// A notifee of any type that can be downcast to its type.
pub(super) trait AnyNotifee<N>: Notifee<N> + Any {}

impl<N, T: Notifee<N> + Any> AnyNotifee<N> for T {}

/// The changes of a registry that are requested inside a notification and made after it.
pub(super) struct PendingChanges<N> {
    /// The notifees to register, oldest first. Their places (the indices that they will have) follow those of the registry's
    /// entries.
    added: Vec<RegisteredNotifee<N>>,
    /// The ids of the notifees to unregister. Some of them may be unregistered already.
    leaving: Vec<NotifeeId>,
    slots: NotifeeSlots,
    emissions: Emissions,
    #[cfg(feature = "protocols")]
    speakers: services::Speakers,
    /// The threads of spawned notifees. They are dropped after all entries, since a thread ends only after its notifee's
    /// entry was dropped.
    #[cfg(feature = "subscription")]
    threads: super::spawned::Threads,
}

impl<N> PendingChanges<N> {
    pub(super) fn register<T: Notifee<N> + 'static>(&mut self, notifee: T) -> NotifeeId<T> {
        let entry = self.entry(notifee);
        let id = entry.id();
        self.added.push(entry);
        id.typed()
    }

    pub(super) fn unregister(&mut self, id: NotifeeId) {
        // A notifee that was added in this notification is removed only after it has become an entry, like any other
        // notifee: dropping it here would run its code while another notifee is told.
        if self.slots.leave(id) {
            self.leaving.push(id);
        }
    }

    fn entry(&mut self, notifee: impl Notifee<N> + 'static) -> RegisteredNotifee<N> {
        // This comes first, since it may panic.
        let interest = notifee.interest();
        RegisteredNotifee::new(self.slots.insert(interest.contains(Interest::EMITTED)), interest, Box::new(notifee))
    }

    /// Returns whether the notifee of an entry is going to be unregistered, so that it must not be told anything.
    #[inline]
    fn is_leaving(&self, entry: &RegisteredNotifee<N>) -> bool {
        !self.leaving.is_empty() && self.slots.is_leaving(entry.slot)
    }

    const fn is_empty(&self) -> bool {
        self.added.is_empty() && self.leaving.is_empty()
    }
}

impl<N> Notifees<N> {
    /// Makes a registry without notifees.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            entries: Vec::new(),
            lists: [const { Vec::new() }; KINDS],
            changes: PendingChanges {
                added: Vec::new(),
                leaving: Vec::new(),
                slots: NotifeeSlots::new(),
                emissions: Emissions::new(),
                #[cfg(feature = "protocols")]
                speakers: services::Speakers::new(),
                #[cfg(feature = "subscription")]
                threads: super::spawned::Threads::new(),
            },
            interrupted: None,
            events_per_dispatch: 1_024,
            has_more: false,
            #[cfg(feature = "swarm")]
            untimed: 0,
            #[cfg(feature = "swarm")]
            tick_from: NotifeeId::FIRST.sequence,
            #[cfg(feature = "swarm")]
            has_watching_owner: false,
            #[cfg(feature = "swarm")]
            owed_to_owner: None,
            clock: Clock::new(),
            now: Duration::ZERO,
        }
    }

    /// Sets the maximum number of events that one [`dispatch`](Self::dispatch) tells: events of the network, and events that
    /// notifees [emit](super::NotifeeContext::emit). Without this limit, a dispatch could go on for ever if notifees answer
    /// each event with a command that causes another event. If the limit is reached while the network's queue has no room
    /// for some waiting events, all waiting events are told beyond the limit: otherwise a peer whose streams end fast would
    /// keep the queue full. The default is 1 024; 0 has the effect of 1.
    pub const fn set_events_per_dispatch(&mut self, events: usize) {
        self.events_per_dispatch = if events == 0 { 1 } else { events };
    }

    /// Returns the present time, for commands to your services that have a timeout. It is the latest time that
    /// [`drive`](Self::drive) or [`set_now`](Self::set_now) was given; zero before the first call of these. If the owner's
    /// clock is set back by more than a second, the registry's clock goes on from its present time, and is ahead of the
    /// owner's clock from then on. Inside a notification, [`NotifeeContext::now`](super::NotifeeContext::now) returns the
    /// same time.
    ///
    /// A `Host` sets the time before it gives access to its registry.
    #[must_use]
    pub const fn now(&self) -> Duration {
        self.now
    }

    /// Sets the registry's time to `now`, a time on the owner's clock, if that is later than [`now`](Self::now). Call this
    /// before commands to services if the last drive was long ago, for example after a sleep: a timeout that is counted from
    /// an old time would end too early. No notifee is told anything; deadlines are handled in the next drive.
    pub fn set_now(&mut self, now: Duration) {
        self.clock.set(now);
        self.now = self.clock.now();
    }

    /// Returns the number of registered notifees.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.changes.slots.len()
    }

    /// Returns whether no notifee is registered.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns a registered notifee, in O(1). If it was registered inside an adapter, the result is the adapter, `Peers<T>`
    /// or `CatchPanics<T>`. Returns `None` if the notifee is not registered any more, or if the id was
    /// [given](NotifeeId::typed) a type that is not the notifee's.
    #[must_use]
    pub fn get<T: 'static>(&self, id: NotifeeId<T>) -> Option<&T>
    where
        N: 'static,
    {
        let place = self.changes.slots.place(id.untyped())?;
        let entry = match place.checked_sub(self.entries.len()) {
            None => self.entries.get(place)?,
            Some(place) => self.changes.added.get(place)?,
        };
        let notifee: &dyn Any = &*entry.notifee;
        notifee.downcast_ref()
    }

    /// Returns a registered notifee mutably. For everything else, see [`get`](Self::get).
    #[must_use]
    pub fn get_mut<T: 'static>(&mut self, id: NotifeeId<T>) -> Option<&mut T>
    where
        N: 'static,
    {
        let place = self.changes.slots.place(id.untyped())?;
        let notifee: &mut dyn Any = &mut *self.entry_at(place)?.notifee;
        notifee.downcast_mut()
    }

    fn entry_at(&mut self, place: usize) -> Option<&mut RegisteredNotifee<N>> {
        match place.checked_sub(self.entries.len()) {
            None => self.entries.get_mut(place),
            Some(place) => self.changes.added.get_mut(place),
        }
    }

    /// Registers a notifee after all others. The next event is the first that the notifee is told: of a connection that is
    /// open already, it is told only the end. With [`register_and_replay`](Self::register_and_replay), a notifee is first
    /// told of everything that is open.
    pub fn register<T: Notifee<N> + 'static>(&mut self, notifee: T) -> NotifeeId<T> {
        if self.is_interrupted() {
            // The new notifee is not told of the notification that a panic has interrupted, and is added after the notifees
            // that were registered in that notification.
            return self.changes.register(notifee);
        }
        let entry = self.changes.entry(notifee);
        let id = entry.id();
        self.add(entry);
        id.typed()
    }

    /// Unregisters a notifee and drops it, in O(1) on average. Returns `false` if it was not registered.
    ///
    /// If the notifee is an installed service, its protocols stay registered with the node: `uninstall` removes them, too.
    pub fn unregister<T: ?Sized>(&mut self, id: NotifeeId<T>) -> bool {
        let id = id.untyped();
        // A notifee that is already about to be unregistered is removed with the pending changes that a panic has left.
        let was_registered = self.changes.slots.place(id).is_some();
        if was_registered {
            self.remove(id);
        }
        was_registered
    }

    /// Returns whether the panic of a notifee has left work: a notification of which other notifees have not been told yet,
    /// or changes of the registry that have not been made yet.
    const fn is_interrupted(&self) -> bool {
        self.interrupted.is_some() || !self.changes.is_empty()
    }

    fn add(&mut self, entry: RegisteredNotifee<N>) {
        let place = self.entries.len();
        list(&mut self.lists, place..place + 1, entry.interest);
        self.entries.push(entry);
    }

    /// Unregisters a notifee and drops it. Its entry becomes vacant.
    fn remove(&mut self, id: NotifeeId) {
        let Some(place) = self.changes.slots.remove(id) else { return };
        let Some(entry) = self.entry_at(place) else { return };
        let removed = core::mem::replace(entry, RegisteredNotifee::vacant(id.sequence));
        self.compact_if_mostly_vacant();
        // This comes last, since a notifee may panic while it is dropped.
        drop(removed);
    }

    /// Removes the vacant entries if they are more than half of all. The cost is O(number of entries). Since the last
    /// removal, at least half as many notifees were unregistered as there are entries now.
    fn compact_if_mostly_vacant(&mut self) {
        let Self { entries, lists, changes: PendingChanges { added, slots, .. }, .. } = self;
        if !slots.are_mostly_vacant() {
            return;
        }
        entries.retain(|entry| !entry.is_vacant());
        added.retain(|entry| !entry.is_vacant());
        slots.compact(entries.iter().chain(&*added).map(|entry| entry.slot));
        lists.iter_mut().for_each(Vec::clear);
        let mut place = 0;
        // Neighbours with equal interests are listed together. With that, a notifee that leaves costs 568 instructions in
        // the benchmark, and 808 without it.
        for equals in entries.chunk_by(|one, next| one.interest == next.interest) {
            list(lists, place..place + equals.len(), equals[0].interest);
            place += equals.len();
        }
    }

    /// Makes the pending changes, one by one: if a notifee panics while it is dropped, the remaining changes are still
    /// pending.
    fn make_changes(&mut self) {
        // Additions come first: a notifee that was registered and unregistered in one notification leaves like any
        // other.
        for entry in core::mem::take(&mut self.changes.added) {
            self.add(entry);
        }
        while let Some(id) = self.changes.leaving.pop() {
            self.remove(id);
        }
    }
}

/// Appends a range of places (indices of entries) to the list of each kind of notification in `interest`.
fn list(lists: &mut [Vec<Range<usize>>; KINDS], places: Range<usize>, interest: Interest) {
    // Ranges, since neighbours are then told in one loop, without a lookup for each. In the benchmark, one event for 200
    // notifees costs 3 727 instructions in this way, and 5 134 with a list of single places. A plain loop of calls through
    // `dyn` costs 3 652.
    for kind in interest.kinds() {
        match lists[kind].last_mut() {
            Some(run) if run.end == places.start => run.end = places.end,
            Some(_) | None => lists[kind].push(places.clone()),
        }
    }
}

impl<N> Default for Notifees<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<N> fmt::Debug for Notifees<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifees").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<N> fmt::Debug for PendingChanges<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").field("added", &self.added.len()).field("leaving", &self.leaving).finish()
    }
}
