//! [`HostShared`]: the state that the driver, the handles, the streams and the notifee of a host share.
//!
//! These parts share the state by `Rc`, and borrow it through cells. One rule keeps a borrow from failing: none of the
//! shared state is borrowed while foreign code runs. Foreign code is code that may use the host again: a waker, a closure of
//! the owner, the drop of a stream or a handler. The only exception is the [`HostSwarm`], which is borrowed while notifees
//! and the transport run. All code except the driver therefore has to expect that borrowing the swarm fails. If it fails, a
//! command waits in the queue, and the task of a read or a write is woken after the turn.

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

/// The phase of a host's life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum HostPhase {
    Running,
    /// Nothing new begins. Until the time in the field at the latest, the host waits for handlers and streams to end by
    /// themselves.
    Draining(Duration),
    /// The swarm is shutting down.
    Closing,
    /// Everything has ended, and notifees were told of that. Until the time in the field at the latest, the host waits for
    /// the threads of spawned notifees to end.
    Joining(Duration),
    /// The shutdown is complete, or the host was dropped.
    Over,
}

/// The state that the parts of a host share.
pub(super) struct HostShared {
    pub(super) config: Config,
    pub(super) local_peer: PeerId,
    pub(super) phase: Cell<HostPhase>,
    /// The swarm, or `None` once the host is gone.
    pub(super) host_swarm: RefCell<Option<HostSwarm>>,
    pub(super) commands: RefCell<Commands>,
    pub(super) waiters: RefCell<Waiters>,
    /// The count of unread bytes of ended streams. Reading or dropping such a stream borrows the count briefly.
    pub(super) unread: Rc<RefCell<UnreadBytes<StreamEnds>>>,
    /// A channel that is closed once the host is [over](HostPhase::Over). Other threads wait until it is closed; no message
    /// is ever sent on it.
    pub(super) over: (Sender<()>, Receiver<()>),
    /// The waker of the driver's task, which is woken when there is work for the driver's next turn.
    pub(super) driver: Cell<Option<Waker>>,
    /// The instant at which the swarm's clock is zero.
    start: Instant,
}

/// The tables of a host: its streams and handlers, and the futures and tasks that wait for listeners, connections, streams
/// and notifees.
#[derive(Default)]
pub(super) struct Waiters {
    pub(super) listening: Table<ListenerId, Rc<PendingOutcome<Listening>>>,
    pub(super) dialing: Table<ConnectionId, Rc<PendingOutcome<Dialed>>>,
    pub(super) opening: Table<StreamId, Rc<PendingOutcome<StreamParts>>>,
    /// The streams that have not ended and that belong to a task: the task holds the stream, or has closed and then dropped
    /// it.
    pub(super) streams: Table<StreamId, Rc<StreamEnds>>,
    pub(super) handlers: Handlers,
    /// The openings of streams that wait for a place because a limit is reached, with a queue for each connection.
    pub(super) opening_queues: OpeningQueues<QueuedOpening>,
    pub(super) awaited_ends: BTreeMap<Id, Vec<Rc<PendingOutcome<()>>>>,
    pub(super) awaited_shutdown: Vec<Rc<PendingOutcome<()>>>,
    /// The listener or connection whose end was told to the notifees most recently. One is enough, since the swarm forgets
    /// an id when it tells the next event.
    last_told: Option<Id>,
    /// The wakers to call after the turn, when none of the host's state is borrowed.
    wakers: Vec<Waker>,
    /// The streams that were read or written while the swarm was borrowed, each once. Their tasks are woken after the turn.
    retries: Vec<Rc<StreamEnds>>,
    /// The tasks that wait for an answer of a notifee, each once. A future that is dropped removes its entry.
    pub(super) watchers: Vec<Rc<Watcher>>,
}

impl Waiters {
    /// Handles the readiness of a stream: collects the wakers of the tasks that wait to read or write it.
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

    /// Returns a channel that is closed once the host is shut down or gone.
    pub(super) fn end_of_host(&self) -> Receiver<()> {
        self.over.1.clone()
    }

    /// Returns the time on the swarm's clock, which begins at zero when the host is created.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Calls `act` with the tables, which are borrowed meanwhile. `act` must run no foreign code: a value whose drop could
    /// run foreign code has to be returned and not dropped inside `act`.
    pub(super) fn waiters<R>(&self, act: impl FnOnce(&mut Waiters) -> R) -> R {
        act(&mut self.waiters.borrow_mut())
    }

    /// Collects wakers that are called after the turn, when none of the host's state is borrowed.
    pub(super) fn wake_later(&self, wakers: impl IntoIterator<Item = Waker>) {
        self.waiters.borrow_mut().wakers.extend(wakers);
    }

    /// Calls `act` with the swarm and its notifees. Returns an error if they are borrowed already, or if the host is gone.
    pub(super) fn try_world<R>(&self, act: impl FnOnce(&mut HostSwarm) -> R) -> Result<R, Absent> {
        let mut host_swarm = self.host_swarm.try_borrow_mut().map_err(|_| Absent::Taken)?;
        host_swarm.as_mut().map(act).ok_or(Absent::Gone)
    }

    /// Calls `begin` and returns its result, or returns [`Error::Closing`] if the host is shutting down.
    pub(super) fn begin<R>(&self, begin: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
        match self.phase.get() {
            HostPhase::Running => begin(),
            HostPhase::Draining(_) | HostPhase::Closing | HostPhase::Joining(_) | HostPhase::Over => {
                Err(Error::Closing)
            }
        }
    }

    // Waiting futures.

    /// Stores an outcome in its slot. The task that waits for the outcome is woken after the turn.
    pub(super) fn fill<T>(&self, slot: &PendingOutcome<T>, outcome: Result<T, Error>) {
        let waker = slot.fill(outcome);
        self.wake_later(waker);
    }

    /// Stores the outcome in `slot` when a listener or a connection ends, or at once if notifees have already been told of
    /// its end. `is_known` says whether the swarm knows the id.
    pub(super) fn await_end(&self, id: impl Into<Id>, is_known: bool, slot: Rc<PendingOutcome<()>>) {
        let id = id.into();
        // While notifees handle the last event of a listener or connection, the swarm still knows its id.
        if !is_known || self.waiters(|waiters| waiters.last_told == Some(id)) {
            return self.fill(&slot, Ok(()));
        }
        let gone = self.waiters(|waiters| join(waiters.awaited_ends.entry(id).or_default(), slot));
        drop(gone);
    }

    /// Completes the futures that wait for the end of a listener or a connection. This method is called while notifees are
    /// told of that end.
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

    /// Returns the number of futures that wait for the end of a listener, a connection or the host, including dropped
    /// futures whose slots are still kept.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.waiters(|waiters| {
            waiters.awaited_ends.values().map(Vec::len).sum::<usize>() + waiters.awaited_shutdown.len()
        })
    }

    /// Creates the `StreamParts` of a stream for its holder, and adds the stream to the table of streams. Returns `None` if
    /// the swarm does not know the stream, its protocol or its peer.
    pub(super) fn stream(&self, node: &dyn Node, id: StreamId) -> Option<StreamParts> {
        let view = node.stream(id)?;
        let (connection, direction, protocol) = (view.connection, view.direction, view.protocol?.clone());
        let peer = node.connection(connection)?.peer?;
        let ends = Rc::new(StreamEnds::default());
        self.waiters(|waiters| waiters.streams.insert(id, ends.clone()));
        Some(StreamParts { id, connection, peer, direction, protocol, ends })
    }

    /// Arranges for the tasks of a stream to be woken after the turn, so that they try their read or write again.
    pub(super) fn retry(&self, ends: &Rc<StreamEnds>) {
        if !ends.is_retrying.replace(true) {
            self.waiters.borrow_mut().retries.push(ends.clone());
        }
    }

    // The driver.

    /// Stores the waker of the driver's task.
    pub(super) fn set_driver(&self, waker: &Waker) {
        remember(&self.driver, waker);
    }

    pub(super) fn wake_driver(&self) {
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
    }

    /// Calls all wakers that were collected. Nothing is borrowed while a waker runs, since a waker may poll any future. If a
    /// waker panics, the panic is resumed once the other wakers have been called.
    pub(super) fn wake_all(&self, scratch: &mut Vec<Waker>) {
        // All watchers are woken after each turn, since only a notifee itself knows whether it has an answer now. The two
        // vectors of wakers are swapped and not taken, so that both keep their memory.
        let (retries, watchers) = self.waiters(|waiters| {
            core::mem::swap(&mut waiters.wakers, scratch);
            (core::mem::take(&mut waiters.retries), core::mem::take(&mut waiters.watchers))
        });
        scratch.extend(watchers.iter().filter_map(|watcher| watcher.take()));
        for ends in retries {
            ends.is_retrying.set(false);
            scratch.extend(ends.wakers());
        }
        // A panic of one waker must not keep the others from being called: their tasks would wait for ever.
        let panicked = scratch.drain(..).filter_map(|waker| caught(|| waker.wake()));
        if let Some(payload) = panicked.reduce(|first, _| first) {
            resume_unwind(payload);
        }
    }
}

/// Calls `act`, which runs foreign code. If `act` panics, catches the panic and returns its payload.
pub(super) fn caught(act: impl FnOnce()) -> Option<Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(act)).err()
}

/// Adds the slot of a waiting future to a list. Removes the slots of dropped futures from the list, and returns them for the
/// caller to drop.
#[must_use]
fn join(waiting: &mut Vec<Rc<PendingOutcome<()>>>, slot: Rc<PendingOutcome<()>>) -> Vec<Rc<PendingOutcome<()>>> {
    // A future that waits for an end and is dropped leaves its slot here. Without this, a task that waits with a time limit
    // again and again would let the list grow as long as the connection lives.
    let gone = waiting.extract_if(.., |slot| slot.is_abandoned()).collect();
    waiting.push(slot);
    gone
}
