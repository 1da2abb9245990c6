//! [`Notifees`]: who is registered for what. How something is told to all of them is in [`tell`].

use super::interest::KINDS;
use super::{Interest, Network, Notifee};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;
use core::ops::Range;
use core::time::Duration;
use tell::Interrupted;

#[cfg(feature = "swarm")]
mod drive;
#[cfg(feature = "protocols")]
mod services;
mod tell;
#[cfg(feature = "subscription")]
mod threads;

/// Names a registered notifee. It is never given twice by one registry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NotifeeId(u64);

impl NotifeeId {
    /// The first that is given.
    const FIRST: Self = Self(0);
}

/// `n0`, `n1`, … in the order in which they were given.
impl fmt::Display for NotifeeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

/// The notifees of a network `N`, in the order in which they were registered. See the [module](super) for what is
/// promised.
///
/// How many there are is for their owner to bound. They need not be `Send`, and so it is not. Dropping it drops them in
/// their order, and waits for the threads of those that were spawned.
pub struct Notifees<N> {
    /// In the order of their ids.
    entries: Vec<Entry<N>>,
    /// Who is to be told of each kind, as runs of places in `entries`: neighbours are told in one loop.
    lists: [Vec<Range<usize>>; KINDS],
    /// What notifees have asked for while they were told. It is there between calls only if a notifee has panicked.
    changes: Changes<N>,
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
    tick_from: NotifeeId,
    now: Duration,
}

pub(super) struct Entry<N> {
    id: NotifeeId,
    interest: Interest,
    notifee: Box<dyn Registered<N>>,
}

/// A notifee whose type can be asked for.
pub(super) trait Registered<N>: Notifee<N> + Any {}

impl<N, T: Notifee<N> + Any> Registered<N> for T {}

/// What is asked for inside a notification, and done after it.
pub(super) struct Changes<N> {
    added: Vec<Entry<N>>,
    removed: Vec<NotifeeId>,
    next_id: u64,
    /// The services that were installed and are not taken out again.
    #[cfg(feature = "protocols")]
    installed: Vec<services::Installed>,
    /// The threads of spawned notifees. They are dropped behind all entries, which they wait for.
    #[cfg(feature = "subscription")]
    threads: super::spawned::Threads,
}

impl<N> Changes<N> {
    pub(super) fn register(&mut self, notifee: impl Notifee<N> + 'static) -> NotifeeId {
        let entry = self.entry(notifee);
        let id = entry.id;
        self.added.push(entry);
        id
    }

    pub(super) fn unregister(&mut self, id: NotifeeId) {
        // One that was added in this notification is taken out when it has been put in, like any other: dropping it
        // here would run its code while another notifee is told.
        if !self.removed.contains(&id) {
            self.removed.push(id);
        }
    }

    fn entry(&mut self, notifee: impl Notifee<N> + 'static) -> Entry<N> {
        let id = NotifeeId(self.next_id);
        self.next_id += 1;
        Entry { id, interest: notifee.interest(), notifee: Box::new(notifee) }
    }

    #[inline]
    fn is_removed(&self, id: NotifeeId) -> bool {
        !self.removed.is_empty() && self.removed.contains(&id)
    }

    const fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

impl<N> Notifees<N> {
    /// Nobody.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            entries: Vec::new(),
            lists: [const { Vec::new() }; KINDS],
            changes: Changes {
                added: Vec::new(),
                removed: Vec::new(),
                next_id: NotifeeId::FIRST.0,
                #[cfg(feature = "protocols")]
                installed: Vec::new(),
                #[cfg(feature = "subscription")]
                threads: super::spawned::Threads::new(),
            },
            interrupted: None,
            events_per_dispatch: 1_024,
            has_more: false,
            #[cfg(feature = "swarm")]
            untimed: 0,
            #[cfg(feature = "swarm")]
            tick_from: NotifeeId::FIRST,
            now: Duration::ZERO,
        }
    }

    /// How many events one [`dispatch`](Self::dispatch) tells at most, so that notifees that answer each event with a
    /// command that causes another cannot keep it for ever. Default 1 024; 0 counts as 1.
    pub const fn set_events_per_dispatch(&mut self, events: usize) {
        self.events_per_dispatch = if events == 0 { 1 } else { events };
    }

    /// How many are registered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.registered().count()
    }

    /// Whether nobody is registered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.registered().next().is_none()
    }

    fn registered(&self) -> impl Iterator<Item = &Entry<N>> {
        let all = self.entries.iter().chain(&self.changes.added);
        all.filter(|entry| !self.changes.is_removed(entry.id))
    }

    /// A registered notifee, if the id is that of one of type `T`.
    #[must_use]
    pub fn get<T: 'static>(&self, id: NotifeeId) -> Option<&T>
    where
        N: 'static,
    {
        let notifee: &dyn Any = &*self.registered().find(|entry| entry.id == id)?.notifee;
        notifee.downcast_ref()
    }

    /// A registered notifee, if the id is that of one of type `T`.
    #[must_use]
    pub fn get_mut<T: 'static>(&mut self, id: NotifeeId) -> Option<&mut T>
    where
        N: 'static,
    {
        if self.changes.is_removed(id) {
            return None;
        }
        let mut entries = self.entries.iter_mut().chain(&mut self.changes.added);
        let notifee: &mut dyn Any = &mut *entries.find(|entry| entry.id == id)?.notifee;
        notifee.downcast_mut()
    }

    /// Registers a notifee behind all others. It hears of the next event first: of what already lives, only that it
    /// ends, unless it is [told before](Self::register_and_replay).
    pub fn register(&mut self, notifee: impl Notifee<N> + 'static) -> NotifeeId {
        if self.is_interrupted() {
            // What a panic has interrupted is not for it, and it comes behind those who were registered inside.
            return self.changes.register(notifee);
        }
        let entry = self.changes.entry(notifee);
        let id = entry.id;
        self.add(entry);
        id
    }

    /// Unregisters a notifee and drops it. `false`: it was not registered.
    ///
    /// Of a service that was installed, the protocols stay registered with the node: `uninstall` takes out all of it.
    pub fn unregister(&mut self, id: NotifeeId) -> bool {
        let was_registered = self.registered().any(|entry| entry.id == id);
        self.changes.added.retain(|entry| entry.id != id);
        self.remove(id);
        was_registered
    }

    /// Whether a panic has left something to be told or changed.
    const fn is_interrupted(&self) -> bool {
        self.interrupted.is_some() || !self.changes.is_empty()
    }

    fn add(&mut self, entry: Entry<N>) {
        list(&mut self.lists, self.entries.len(), entry.interest);
        self.entries.push(entry);
    }

    fn remove(&mut self, id: NotifeeId) {
        let Ok(place) = self.entries.binary_search_by_key(&id, |entry| entry.id) else { return };
        let removed = self.entries.remove(place);
        self.lists.iter_mut().for_each(Vec::clear);
        for (place, entry) in self.entries.iter().enumerate() {
            list(&mut self.lists, place, entry.interest);
        }
        // Last, since it may panic while it is dropped.
        drop(removed);
    }

    /// One by one, so that a notifee that panics while it is dropped leaves the rest to be done.
    fn make_changes(&mut self) {
        for entry in core::mem::take(&mut self.changes.added) {
            self.add(entry);
        }
        while let Some(id) = self.changes.removed.pop() {
            self.remove(id);
        }
    }
}

/// Puts the one at a place behind those who are to be told of the same.
fn list(lists: &mut [Vec<Range<usize>>; KINDS], place: usize, interest: Interest) {
    for kind in interest.kinds() {
        match lists[kind].last_mut() {
            Some(run) if run.end == place => run.end += 1,
            Some(_) | None => lists[kind].push(place..place + 1),
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

impl<N> fmt::Debug for Changes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").field("added", &self.added.len()).field("removed", &self.removed).finish()
    }
}
