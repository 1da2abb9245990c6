//! [`Notifees`]: who is registered for what, and how an event gets to all of them.

use super::interest::KINDS;
use super::{Context, Interest, Network, Notifee};
use crate::lifecycle::{Event, ListenerId, StreamId};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;
use core::time::Duration;

/// Names a registered notifee. It is never given twice by one registry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NotifeeId(u64);

/// The notifees of a network `N`, in the order in which they were registered. See the [module](super) for what is
/// promised.
///
/// How many there are is for their owner to bound.
pub struct Notifees<N> {
    /// In the order of their ids.
    entries: Vec<Entry<N>>,
    /// Who is to be told of each kind, as places in `entries`.
    lists: [Vec<usize>; KINDS],
    /// What notifees have asked for while they were told.
    changes: Changes<N>,
    /// What is being told, and who in its list comes next. It is there between calls only if a notifee has panicked.
    telling: Option<(Told, usize)>,
    events_per_dispatch: usize,
    now: Duration,
}

/// What can be told.
#[derive(Clone, Copy, Debug)]
enum Told {
    Event(Event),
    StreamReady { stream: StreamId, readable: bool, writable: bool },
    AddressesChanged { listener: ListenerId },
}

struct Entry<N> {
    id: NotifeeId,
    interest: Interest,
    notifee: Box<dyn Registered<N>>,
}

/// A notifee whose type can be asked for.
trait Registered<N>: Notifee<N> + Any {}

impl<N, T: Notifee<N> + Any> Registered<N> for T {}

/// What is asked for inside a notification, and done after it.
pub(super) struct Changes<N> {
    added: Vec<Entry<N>>,
    removed: Vec<NotifeeId>,
    next_id: u64,
}

impl<N> Changes<N> {
    pub(super) fn register(&mut self, notifee: impl Notifee<N> + 'static) -> NotifeeId {
        let entry = self.entry(notifee);
        let id = entry.id;
        self.added.push(entry);
        id
    }

    pub(super) fn unregister(&mut self, id: NotifeeId) {
        let before = self.added.len();
        self.added.retain(|entry| entry.id != id);
        if self.added.len() == before {
            self.removed.push(id);
        }
    }

    fn entry(&mut self, notifee: impl Notifee<N> + 'static) -> Entry<N> {
        let id = NotifeeId(self.next_id);
        self.next_id += 1;
        Entry { id, interest: notifee.interest(), notifee: Box::new(notifee) }
    }

    const fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

/// The network while something is told: held, and let go of when it has been told, or a notifee panics.
struct Held<'a, N: Network>(&'a mut N);

impl<'a, N: Network> Held<'a, N> {
    fn new(network: &'a mut N) -> Self {
        network.hold(true);
        Self(network)
    }
}

impl<N: Network> Drop for Held<'_, N> {
    fn drop(&mut self) {
        self.0.hold(false);
    }
}

impl<N> Notifees<N> {
    /// Nobody.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            entries: Vec::new(),
            lists: [const { Vec::new() }; KINDS],
            changes: Changes { added: Vec::new(), removed: Vec::new(), next_id: 0 },
            telling: None,
            events_per_dispatch: 1_024,
            now: Duration::ZERO,
        }
    }

    /// How many events one [`dispatch`](Self::dispatch) tells at most, so that notifees that answer each event with a
    /// command that causes another cannot keep it for ever. Default 1 024; 0 counts as 1.
    pub const fn set_events_per_dispatch(&mut self, events: usize) {
        self.events_per_dispatch = events;
    }

    /// How many are registered.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len() + self.changes.added.len()
    }

    /// Whether nobody is registered.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A registered notifee, if the id is that of one of type `T`.
    #[must_use]
    pub fn get<T: 'static>(&self, id: NotifeeId) -> Option<&T>
    where
        N: 'static,
    {
        let mut entries = self.entries.iter().chain(&self.changes.added);
        let notifee: &dyn Any = &*entries.find(|entry| entry.id == id)?.notifee;
        notifee.downcast_ref()
    }

    /// A registered notifee, if the id is that of one of type `T`.
    #[must_use]
    pub fn get_mut<T: 'static>(&mut self, id: NotifeeId) -> Option<&mut T>
    where
        N: 'static,
    {
        let mut entries = self.entries.iter_mut().chain(&mut self.changes.added);
        let notifee: &mut dyn Any = &mut *entries.find(|entry| entry.id == id)?.notifee;
        notifee.downcast_mut()
    }

    /// Registers a notifee behind all others. It hears of the next event first: of what already lives, only that it
    /// ends, unless it is [told before](Self::register_and_replay).
    pub fn register(&mut self, notifee: impl Notifee<N> + 'static) -> NotifeeId {
        if self.telling.is_some() {
            // What a panic has interrupted is not for it.
            return self.changes.register(notifee);
        }
        let entry = self.changes.entry(notifee);
        let id = entry.id;
        self.add(entry);
        id
    }

    /// Unregisters a notifee and drops it. `false`: it was not registered.
    pub fn unregister(&mut self, id: NotifeeId) -> bool {
        let before = self.len();
        self.changes.added.retain(|entry| entry.id != id);
        self.remove(id);
        self.len() != before
    }

    fn add(&mut self, entry: Entry<N>) {
        for kind in entry.interest.kinds() {
            self.lists[kind].push(self.entries.len());
        }
        self.entries.push(entry);
    }

    fn remove(&mut self, id: NotifeeId) {
        let Ok(place) = self.entries.binary_search_by_key(&id, |entry| entry.id) else { return };
        if let Some((told, next)) = &mut self.telling {
            // Who comes next in an interrupted notification stays so.
            let list = &self.lists[told.kind()];
            *next -= list.iter().take(*next).filter(|other| **other == place).count();
        }
        for list in &mut self.lists {
            list.retain(|other| *other != place);
            for other in list {
                *other -= usize::from(*other > place);
            }
        }
        self.entries.remove(place);
    }

    fn make_changes(&mut self) {
        for id in core::mem::take(&mut self.changes.removed) {
            self.remove(id);
        }
        for entry in core::mem::take(&mut self.changes.added) {
            self.add(entry);
        }
    }
}

impl<N: Network> Notifees<N> {
    /// Drains the network's events, each to those who care for it, and says how many those were: all there are, and at
    /// most [so many](Self::set_events_per_dispatch).
    pub fn dispatch(&mut self, network: &mut N) -> usize {
        self.resume(network);
        let mut told = 0;
        while let Some(event) = network.next_event() {
            self.tell(Told::Event(event), network);
            told += 1;
            if told >= self.events_per_dispatch {
                break;
            }
        }
        told
    }

    /// Registers a notifee and tells it first of all that is open, as if it opened now: listeners, connections, then
    /// streams. What follows then fits to that, with nothing missing and nothing twice.
    pub fn register_and_replay(&mut self, network: &mut N, notifee: impl Notifee<N> + 'static) -> NotifeeId
    where
        N: 'static,
    {
        self.resume(network);
        let id = self.register(notifee);
        let openings = network.openings();
        let Some(entry) = self.entries.last_mut() else { return id };
        let held = Held::new(network);
        for event in openings {
            let told = Told::Event(event);
            if entry.interest.kinds().any(|kind| kind == told.kind()) {
                let mut cx = Context { network: &mut *held.0, changes: &mut self.changes, this: id, now: self.now };
                told.to(&mut *entry.notifee, &mut cx);
            }
        }
        drop(held);
        self.make_changes();
        id
    }

    /// Goes on with what a panic has interrupted.
    fn resume(&mut self, network: &mut N) {
        if let Some((told, next)) = self.telling {
            self.tell_from(told, next, network);
        }
    }

    fn tell(&mut self, told: Told, network: &mut N) {
        if !self.lists[told.kind()].is_empty() {
            self.tell_from(told, 0, network);
        }
    }

    fn tell_from(&mut self, told: Told, next: usize, network: &mut N) {
        let held = Held::new(network);
        let Self { entries, lists, changes, telling, now, .. } = self;
        let (_, next) = telling.insert((told, next));
        let list = &lists[told.kind()];
        while let Some(entry) = list.get(*next).and_then(|place| entries.get_mut(*place)) {
            // Before it is told: one that panics has been.
            *next += 1;
            if !changes.removed.is_empty() && changes.removed.contains(&entry.id) {
                continue;
            }
            let mut cx = Context { network: &mut *held.0, changes, this: entry.id, now: *now };
            told.to(&mut *entry.notifee, &mut cx);
        }
        *telling = None;
        drop(held);
        if !self.changes.is_empty() {
            self.make_changes();
        }
    }

    /// When [`drive`](Self::drive) is to be called for one of the notifees, if nothing happens before.
    #[must_use]
    pub fn poll_at(&self) -> Option<Duration> {
        let list = &self.lists[Interest::TIME.kind()];
        list.iter().filter_map(|place| self.entries.get(*place)?.notifee.poll_at()).min()
    }
}

#[cfg(feature = "swarm")]
impl<N: super::HasNode> Notifees<N> {
    /// One turn after the swarm was polled: [`dispatch`](Self::dispatch), then what is ready, then
    /// [`tick`](Notifee::tick) for each whose time has come. `now` is the time that the swarm was polled with.
    ///
    /// What notifees have done is sent by the next poll of the swarm, which asks for it.
    pub fn drive(&mut self, network: &mut N, now: Duration) {
        use crate::swarm::Ready;
        self.now = self.now.max(now);
        self.dispatch(network);
        while let Some(ready) = network.node_mut().next_ready() {
            let told = match ready {
                Ready::Stream { stream, readable, writable } => Told::StreamReady { stream, readable, writable },
                Ready::Addresses { listener } => Told::AddressesChanged { listener },
            };
            self.tell(told, network);
        }
        self.tick(network);
    }

    fn tick(&mut self, network: &mut N) {
        let held = Held::new(network);
        let Self { entries, lists, changes, now, .. } = self;
        for place in &lists[Interest::TIME.kind()] {
            let Some(entry) = entries.get_mut(*place) else { continue };
            if changes.removed.contains(&entry.id) || entry.notifee.poll_at().is_none_or(|at| at > *now) {
                continue;
            }
            let mut cx = Context { network: &mut *held.0, changes, this: entry.id, now: *now };
            entry.notifee.tick(&mut cx);
        }
        drop(held);
        self.make_changes();
    }
}

impl Told {
    const fn kind(self) -> usize {
        let interest = match self {
            Self::Event(Event::Listen { .. }) => Interest::LISTEN,
            Self::Event(Event::ListenFailed { .. }) => Interest::LISTEN_FAILED,
            Self::Event(Event::ListenClose { .. }) => Interest::LISTEN_CLOSE,
            Self::Event(Event::Connected { .. }) => Interest::CONNECTED,
            Self::Event(Event::ConnectFailed { .. }) => Interest::CONNECT_FAILED,
            Self::Event(Event::Disconnected { .. }) => Interest::DISCONNECTED,
            Self::Event(Event::OpenedStream { .. }) => Interest::OPENED_STREAM,
            Self::Event(Event::StreamFailed { .. }) => Interest::STREAM_FAILED,
            Self::Event(Event::ClosedStream { .. }) => Interest::CLOSED_STREAM,
            Self::StreamReady { .. } => Interest::STREAM_READY,
            Self::AddressesChanged { .. } => Interest::ADDRESSES_CHANGED,
        };
        interest.kind()
    }

    #[inline]
    fn to<N>(self, notifee: &mut (impl Notifee<N> + ?Sized), cx: &mut Context<'_, N>) {
        match self {
            Self::Event(Event::Listen { listener }) => notifee.listen(cx, listener),
            Self::Event(Event::ListenFailed { listener, reason }) => notifee.listen_failed(cx, listener, reason),
            Self::Event(Event::ListenClose { listener, reason }) => notifee.listen_close(cx, listener, reason),
            Self::Event(Event::Connected { connection }) => notifee.connected(cx, connection),
            Self::Event(Event::ConnectFailed { connection, reason }) => notifee.connect_failed(cx, connection, reason),
            Self::Event(Event::Disconnected { connection, reason }) => notifee.disconnected(cx, connection, reason),
            Self::Event(Event::OpenedStream { connection, stream }) => notifee.opened_stream(cx, connection, stream),
            Self::Event(Event::StreamFailed { connection, stream, reason }) => {
                notifee.stream_failed(cx, connection, stream, reason);
            }
            Self::Event(Event::ClosedStream { connection, stream, reason }) => {
                notifee.closed_stream(cx, connection, stream, reason);
            }
            Self::StreamReady { stream, readable, writable } => notifee.stream_ready(cx, stream, readable, writable),
            Self::AddressesChanged { listener } => notifee.addresses_changed(cx, listener),
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
