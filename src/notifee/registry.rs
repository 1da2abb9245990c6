//! [`Notifees`]: who is registered for what. How something is told to all of them is in [`tell`].

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

/// The notifees of a network `N`, in the order in which they were registered. See the [module](super) for what is
/// promised.
///
/// The owner bounds their number. Dropping it drops them in their order, and waits for the threads of those that were
/// spawned.
///
/// It is not [`Send`], since notifees need not be: one may keep a `Rc` of your world. So make it in the thread that
/// drives the network, which may be another one than that in which the network was made. A notifee that is to hear of
/// events elsewhere is a `Subscription`, or is spawned with `spawn` (feature `subscription`).
///
/// ```compile_fail,E0277
/// # use swarm_notify::lifecycle::Lifecycle;
/// # use swarm_notify::notifee::Notifees;
/// let notifees = Notifees::<Lifecycle<8>>::new();
/// std::thread::spawn(move || drop(notifees)); // cannot be sent between threads
/// ```
pub struct Notifees<N> {
    /// In the order of their ids. One that has left leaves a [`Vacant`] one behind, until most are vacant: so leaving
    /// costs O(1), however many are registered.
    entries: Vec<RegisteredNotifee<N>>,
    /// Who is to be told of each kind, as runs of places in `entries`: neighbours are told in one loop.
    lists: [Vec<Range<usize>>; KINDS],
    /// What notifees have asked for while they were told. It is there between calls only if a notifee has panicked.
    changes: PendingChanges<N>,
    /// What was being told when a notifee panicked.
    interrupted: Option<Interrupted>,
    events_per_dispatch: usize,
    /// The last [`drive`](Self::drive) has left something to be told.
    has_more: bool,
    /// The number of drives in a row that have not ticked all notifees whose time had come.
    #[cfg(feature = "swarm")]
    untimed: u8,
    /// The notifee that the next drive ticks first: the first due one that the last drive did not get to.
    #[cfg(feature = "swarm")]
    tick_from: u64,
    /// The last drive was one whose owner sees what is told.
    #[cfg(feature = "swarm")]
    has_watching_owner: bool,
    /// What such an owner has not seen, because a notifee has panicked, and all notifees have been told meanwhile.
    #[cfg(feature = "swarm")]
    owed_to_owner: Option<notified::Notified>,
    clock: Clock,
    now: Duration,
}

/// A registered notifee. Its id is in two parts, so that the interest finds place behind them.
pub(super) struct RegisteredNotifee<N> {
    sequence: u64,
    slot: u32,
    interest: Interest,
    notifee: Box<dyn AnyNotifee<N>>,
}

impl<N> RegisteredNotifee<N> {
    /// The slot of no notifee.
    const NO_SLOT: u32 = u32::MAX;

    fn new(id: NotifeeId, interest: Interest, notifee: Box<dyn AnyNotifee<N>>) -> Self {
        Self { sequence: id.sequence, slot: id.slot, interest, notifee }
    }

    /// The place of a notifee that is not there.
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

/// Stands where a notifee has left. It can be told like any other and does nothing, so that telling need not ask whether
/// somebody is there. It takes no memory behind its `Box`.
struct Vacant;

impl<N> Notifee<N> for Vacant {}

/// A notifee whose type can be asked for.
pub(super) trait AnyNotifee<N>: Notifee<N> + Any {}

impl<N, T: Notifee<N> + Any> AnyNotifee<N> for T {}

/// What is asked for inside a notification, and done after it.
pub(super) struct PendingChanges<N> {
    /// Newcomers, whose places follow those of the registry's entries.
    added: Vec<RegisteredNotifee<N>>,
    /// Notifees that are to be unregistered. Some may be gone already.
    leaving: Vec<NotifeeId>,
    slots: NotifeeSlots,
    emissions: Emissions,
    #[cfg(feature = "protocols")]
    speakers: services::Speakers,
    /// The threads of spawned notifees. They are dropped behind all entries, which they wait for.
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
        // One that was added in this notification is taken out when it has been put in, like any other: dropping it
        // here would run its code while another notifee is told.
        if self.slots.leave(id) {
            self.leaving.push(id);
        }
    }

    fn entry(&mut self, notifee: impl Notifee<N> + 'static) -> RegisteredNotifee<N> {
        // First, since it may panic.
        let interest = notifee.interest();
        RegisteredNotifee::new(self.slots.insert(interest.contains(Interest::EMITTED)), interest, Box::new(notifee))
    }

    /// Returns whether an entry is not to be told, because its notifee is leaving.
    #[inline]
    fn is_leaving(&self, entry: &RegisteredNotifee<N>) -> bool {
        !self.leaving.is_empty() && self.slots.is_leaving(entry.slot)
    }

    const fn is_empty(&self) -> bool {
        self.added.is_empty() && self.leaving.is_empty()
    }
}

impl<N> Notifees<N> {
    /// Nobody.
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

    /// Sets the most events that one [`dispatch`](Self::dispatch) tells, of the network and of notifees that
    /// [emit](super::NotifeeContext::emit). Without it, notifees that answer each event with a command that causes
    /// another would keep a dispatch for ever. It does not hold while the network's queue has no room for events that
    /// wait, which are then all told: otherwise a peer whose streams end fast would keep the queue full. Default 1 024;
    /// 0 counts as 1.
    pub const fn set_events_per_dispatch(&mut self, events: usize) {
        self.events_per_dispatch = if events == 0 { 1 } else { events };
    }

    /// Returns the time on the owner's clock, for commands to services of your own that have a time-out: the latest that
    /// [`drive`](Self::drive) or [`set_now`](Self::set_now) was given; zero before. If the owner's clock is set back by more
    /// than a second, this one goes on from where it is, and is ahead of the owner's from then on.
    /// [`NotifeeContext::now`](super::NotifeeContext::now) says the same to those who are told something.
    ///
    /// A `Host` sets it before it lends the registry, so there it is the present time.
    #[must_use]
    pub const fn now(&self) -> Duration {
        self.now
    }

    /// Sets the time on the owner's clock, if it is later than [`now`](Self::now). Call it ahead of commands to services
    /// where the last drive is long ago, as in a loop that has slept: a time-out that counts from an old time is over too
    /// early. Nobody is told anything, and nothing is due before the next drive.
    pub fn set_now(&mut self, now: Duration) {
        self.clock.set(now);
        self.now = self.clock.now();
    }

    /// Returns the number of registered notifees.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.changes.slots.len()
    }

    /// Returns whether nobody is registered.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lends a registered notifee. One inside an adapter is lent as that, a `Peers<T>` or a `CatchPanics<T>`. `None`: it is
    /// not registered any more, or its id was [given](NotifeeId::typed) another type. It is found in O(1).
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

    /// Does what [`get`](Self::get) does, mutably.
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

    /// Registers a notifee behind all others. It hears of the next event first: of what already lives, only that it
    /// ends, unless it is [told before](Self::register_and_replay).
    pub fn register<T: Notifee<N> + 'static>(&mut self, notifee: T) -> NotifeeId<T> {
        if self.is_interrupted() {
            // What a panic has interrupted is not for it, and it comes behind those who were registered inside.
            return self.changes.register(notifee);
        }
        let entry = self.changes.entry(notifee);
        let id = entry.id();
        self.add(entry);
        id.typed()
    }

    /// Unregisters a notifee and drops it, in O(1) on average. `false`: it was not registered.
    ///
    /// Of a service that was installed, the protocols stay registered with the node: `uninstall` takes out all of it.
    pub fn unregister<T: ?Sized>(&mut self, id: NotifeeId<T>) -> bool {
        let id = id.untyped();
        // One that is leaving goes with the changes that a panic has left.
        let was_registered = self.changes.slots.place(id).is_some();
        if was_registered {
            self.remove(id);
        }
        was_registered
    }

    /// Whether a panic has left something to be told or changed.
    const fn is_interrupted(&self) -> bool {
        self.interrupted.is_some() || !self.changes.is_empty()
    }

    fn add(&mut self, entry: RegisteredNotifee<N>) {
        let place = self.entries.len();
        list(&mut self.lists, place..place + 1, entry.interest);
        self.entries.push(entry);
    }

    /// Leaves the place of a notifee vacant, and drops it.
    fn remove(&mut self, id: NotifeeId) {
        let Some(place) = self.changes.slots.remove(id) else { return };
        let Some(entry) = self.entry_at(place) else { return };
        let removed = core::mem::replace(entry, RegisteredNotifee::vacant(id.sequence));
        self.compact_if_mostly_vacant();
        // Last, since it may panic while it is dropped.
        drop(removed);
    }

    /// Closes the gaps once they are more than half of all places. That is O(places), and as many have left since the
    /// last time.
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
        for equals in entries.chunk_by(|one, next| one.interest == next.interest) {
            list(lists, place..place + equals.len(), equals[0].interest);
            place += equals.len();
        }
    }

    /// One by one, so that a notifee that panics while it is dropped leaves the rest to be done.
    fn make_changes(&mut self) {
        for entry in core::mem::take(&mut self.changes.added) {
            self.add(entry);
        }
        while let Some(id) = self.changes.leaving.pop() {
            self.remove(id);
        }
    }
}

/// Puts those at some places behind those who are to be told of the same.
fn list(lists: &mut [Vec<Range<usize>>; KINDS], places: Range<usize>, interest: Interest) {
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
