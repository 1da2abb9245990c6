//! [`HostShared`]: what the driver, the handles, the streams and the notifee of a host have in common.
//!
//! This is the only place of the crate with shared ownership, and it has one rule: nothing is borrowed while somebody
//! else's code runs (a waker, a closure, the drop of a stream), with one exception, the [`HostSwarm`], which notifees and
//! the transport are given. So whoever wants the swarm but the driver tries, and goes another way if it is taken: a
//! command waits in the queue, a read or a write is woken after the turn.

use super::any_swarm::{AnySwarm, HostSwarm};
use super::command::{Commands, QueuedOpening};
use super::config::Config;
use super::error::{Absent, Error};
use super::handlers::Handlers;
use super::opened_stream::{Dialed, Listening, StreamEnds, StreamParts};
use super::opening_queues::OpeningQueues;
use super::outcome::{PendingOutcome, Watcher, remember};
use super::unread::UnreadBytes;
use crate::identity::PeerId;
use crate::lifecycle::{ConnectionId, Id, ListenerId, StreamId, Table};
use crate::notifee::{HasNode, Node, Notifees};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;
use core::cell::{Cell, RefCell};
use core::task::Waker;
use core::time::Duration;
use smol::channel::{Receiver, Sender};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Instant;

/// How far the host's life has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum HostPhase {
    Running,
    /// Nothing new begins; what runs may end by itself until then.
    Draining(Duration),
    /// The swarm is shutting down.
    Closing,
    /// Everything has ended and been told; the threads of spawned notifees may end by themselves until then.
    Joining(Duration),
    /// Everything has ended and been told.
    Over,
}

/// What a host's parts have in common.
pub(super) struct HostShared {
    pub(super) config: Config,
    pub(super) local_peer: PeerId,
    pub(super) phase: Cell<HostPhase>,
    /// None once the host is gone.
    pub(super) host_swarm: RefCell<Option<HostSwarm>>,
    pub(super) commands: RefCell<Commands>,
    pub(super) waiters: RefCell<Waiters>,
    /// It is borrowed for a moment at a time, by whoever reads or drops a stream that has ended.
    pub(super) unread: Rc<RefCell<UnreadBytes<StreamEnds>>>,
    /// It is closed once everything has ended and been told, or the host is gone. Other threads wait for that; nothing is
    /// ever sent.
    pub(super) over: (Sender<()>, Receiver<()>),
    /// Whom to wake for what was done outside of the driver's turn.
    pub(super) driver: Cell<Option<Waker>>,
    start: Instant,
}

/// What is kept of what lives, and who waits for what.
#[derive(Default)]
pub(super) struct Waiters {
    pub(super) listening: Table<ListenerId, Rc<PendingOutcome<Listening>>>,
    pub(super) dialing: Table<ConnectionId, Rc<PendingOutcome<Dialed>>>,
    pub(super) opening: Table<StreamId, Rc<PendingOutcome<StreamParts>>>,
    /// The streams that somebody holds, or has closed, and that have not ended.
    pub(super) streams: Table<StreamId, Rc<StreamEnds>>,
    pub(super) handlers: Handlers,
    /// The openings of streams that wait for a place.
    pub(super) opening_queues: OpeningQueues<QueuedOpening>,
    pub(super) awaited_ends: BTreeMap<Id, Vec<Rc<PendingOutcome<()>>>>,
    pub(super) awaited_shutdown: Vec<Rc<PendingOutcome<()>>>,
    /// The listener or connection whose last event was told last.
    last_told: Option<Id>,
    /// To be woken once nothing is borrowed.
    wakers: Vec<Waker>,
    /// Streams that were asked for something while the swarm was taken; each once.
    retries: Vec<Rc<StreamEnds>>,
    /// Who waits for something of a notifee's; each once, and none whose future is gone.
    pub(super) watchers: Vec<Rc<Watcher>>,
}

impl Waiters {
    /// Who waits for a stream that is ready is to be woken.
    pub(super) fn ready(&mut self, id: StreamId, readable: bool, writable: bool) {
        let Some(ends) = self.streams.get(id) else { return };
        if readable {
            self.wakers.extend(ends.readable());
        }
        if writable {
            self.wakers.extend(ends.writable());
        }
    }
}

impl HostShared {
    pub(super) fn new(swarm: AnySwarm, config: Config) -> Rc<Self> {
        let local_peer = swarm.node().local_peer();
        Rc::new(Self {
            config,
            local_peer,
            phase: Cell::new(HostPhase::Running),
            host_swarm: RefCell::new(Some(HostSwarm { swarm, notifees: Notifees::new() })),
            commands: RefCell::default(),
            waiters: RefCell::default(),
            unread: Rc::default(),
            over: smol::channel::bounded(1),
            driver: Cell::new(None),
            start: Instant::now(),
        })
    }

    /// A channel that is closed once everything has ended and been told, or the host is gone.
    pub(super) fn end_of_host(&self) -> Receiver<()> {
        self.over.1.clone()
    }

    /// The time on the swarm's clock.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Looks something up or writes it down. `act` runs nobody else's code, and drops nothing that might: it gives it
    /// back instead.
    pub(super) fn waiters<R>(&self, act: impl FnOnce(&mut Waiters) -> R) -> R {
        act(&mut self.waiters.borrow_mut())
    }

    /// Has somebody woken once nothing is borrowed.
    pub(super) fn wake_later(&self, wakers: impl IntoIterator<Item = Waker>) {
        self.waiters.borrow_mut().wakers.extend(wakers);
    }

    /// Does something with the swarm, unless it is taken or gone.
    pub(super) fn try_world<R>(&self, act: impl FnOnce(&mut HostSwarm) -> R) -> Result<R, Absent> {
        let mut host_swarm = self.host_swarm.try_borrow_mut().map_err(|_| Absent::Taken)?;
        host_swarm.as_mut().map(act).ok_or(Absent::Gone)
    }

    /// Begins something new, unless nothing new may begin.
    pub(super) fn begin<R>(&self, begin: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
        match self.phase.get() {
            HostPhase::Running => begin(),
            HostPhase::Draining(_) | HostPhase::Closing | HostPhase::Joining(_) | HostPhase::Over => {
                Err(Error::Closing)
            }
        }
    }

    // Who waits.

    /// Tells whoever waits of an outcome; they are woken after the turn.
    pub(super) fn fill<T>(&self, slot: &PendingOutcome<T>, outcome: Result<T, Error>) {
        let waker = slot.fill(outcome);
        self.wake_later(waker);
    }

    /// Has `slot` told when a listener or a connection has ended, or at once if its end has been told.
    pub(super) fn await_end(&self, id: impl Into<Id>, is_known: bool, slot: Rc<PendingOutcome<()>>) {
        let id = id.into();
        // What was told of last is still known while that is being handled.
        if !is_known || self.waiters(|waiters| waiters.last_told == Some(id)) {
            return self.fill(&slot, Ok(()));
        }
        let gone = self.waiters(|waiters| join(waiters.awaited_ends.entry(id).or_default(), slot));
        drop(gone);
    }

    /// A listener's or a connection's last event is being told.
    pub(super) fn ended(&self, id: impl Into<Id>) {
        let id = id.into();
        self.waiters(|waiters| waiters.last_told = Some(id));
        for slot in self.waiters(|waiters| waiters.awaited_ends.remove(&id)).into_iter().flatten() {
            self.fill(&slot, Ok(()));
        }
    }

    pub(super) fn await_shutdown(&self, slot: Rc<PendingOutcome<()>>) {
        match self.phase.get() {
            HostPhase::Over => self.fill(&slot, Ok(())),
            HostPhase::Running | HostPhase::Draining(_) | HostPhase::Closing | HostPhase::Joining(_) => {
                let gone = self.waiters(|waiters| join(&mut waiters.awaited_shutdown, slot));
                drop(gone);
            }
        }
    }

    /// How many wait for an end or the shutdown, or did.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.waiters(|waiters| {
            waiters.awaited_ends.values().map(Vec::len).sum::<usize>() + waiters.awaited_shutdown.len()
        })
    }

    /// The stream of an id, for its holder, who is told from now on what becomes of it.
    pub(super) fn stream(&self, node: &dyn Node, id: StreamId) -> Option<StreamParts> {
        let view = node.stream(id)?;
        let (connection, direction, protocol) = (view.connection, view.direction, view.protocol?.clone());
        let peer = node.connection(connection)?.peer?;
        let ends = Rc::new(StreamEnds::default());
        self.waiters(|waiters| waiters.streams.insert(id, ends.clone()));
        Some(StreamParts { id, connection, peer, direction, protocol, ends })
    }

    /// Has a stream's tasks woken after the turn, to try again.
    pub(super) fn retry(&self, ends: &Rc<StreamEnds>) {
        if !ends.is_retrying.replace(true) {
            self.waiters.borrow_mut().retries.push(ends.clone());
        }
    }

    // The driver.

    /// Whom to wake from now on.
    pub(super) fn set_driver(&self, waker: &Waker) {
        remember(&self.driver, waker);
    }

    pub(super) fn wake_driver(&self) {
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
    }

    /// Wakes who is to be woken. Nothing is borrowed meanwhile: a waker may poll whatever it likes. If one panics, that
    /// goes on once the others have been woken.
    pub(super) fn wake_all(&self, scratch: &mut Vec<Waker>) {
        let (retries, watchers) = self.waiters(|waiters| {
            core::mem::swap(&mut waiters.wakers, scratch);
            (core::mem::take(&mut waiters.retries), core::mem::take(&mut waiters.watchers))
        });
        scratch.extend(watchers.iter().filter_map(|watcher| watcher.take()));
        for ends in retries {
            ends.is_retrying.set(false);
            scratch.extend(ends.wakers());
        }
        let panicked = scratch.drain(..).filter_map(|waker| caught(|| waker.wake()));
        if let Some(payload) = panicked.reduce(|first, _| first) {
            resume_unwind(payload);
        }
    }
}

/// Runs somebody else's code, and returns the payload if that panics.
pub(super) fn caught(act: impl FnOnce()) -> Option<Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(act)).err()
}

/// Adds one to those who wait, in the place of those who do no more, who are given back.
#[must_use]
fn join(waiting: &mut Vec<Rc<PendingOutcome<()>>>, slot: Rc<PendingOutcome<()>>) -> Vec<Rc<PendingOutcome<()>>> {
    let gone = waiting.extract_if(.., |slot| slot.is_abandoned()).collect();
    waiting.push(slot);
    gone
}
