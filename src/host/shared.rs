//! [`Shared`]: what the driver, the handles, the streams and the notifee of a host have in common.
//!
//! This is the only place of the crate with shared ownership, and it has one rule: nothing is borrowed while somebody
//! else's code runs (a waker, a closure, the drop of a stream), with one exception, the [`World`], which notifees and
//! the transport are given. So whoever wants the world but the driver tries, and goes another way if it is taken: a
//! command waits in the queue, a read or a write is woken after the turn.

use super::any::AnySwarm;
use super::commands::Command;
use super::config::Config;
use super::error::End;
use super::handle::{Connection, Listener};
use super::handlers::Handlers;
use super::slot::Slot;
use super::stream::Ends;
use super::watch::Watcher;
use super::{Error, Stream};
use crate::identity::PeerId;
use crate::lifecycle::{ConnectionId, Id, ListenerId, StreamId, Table};
use crate::notifee::{HasNode, Node, Notifees};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::task::Waker;
use core::time::Duration;
use std::time::Instant;

/// From how many commands on those that nobody waits for are looked for.
const SPARE: usize = 64;

/// The swarm and its notifees.
pub(super) struct World {
    pub(super) swarm: AnySwarm,
    pub(super) notifees: Notifees<AnySwarm>,
}

impl World {
    pub(super) fn node(&mut self) -> &mut dyn Node {
        self.swarm.node_mut()
    }
}

/// How far the host's life has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    Running,
    /// Nothing new begins; what runs may end by itself until then.
    Draining(Duration),
    /// The swarm is shutting down.
    Closing,
    /// Everything has ended and been told.
    Over,
}

/// What a host's parts have in common.
pub(super) struct Shared {
    pub(super) config: Config,
    pub(super) local_peer: PeerId,
    pub(super) phase: Cell<Phase>,
    /// None once the host is gone.
    world: RefCell<Option<World>>,
    commands: RefCell<Commands>,
    book: RefCell<Book>,
    /// Whom to wake for what was done outside of the driver's turn.
    driver: Cell<Option<Waker>>,
    start: Instant,
}

/// What could not be done at once.
#[derive(Default)]
struct Commands {
    queue: VecDeque<Command>,
    /// At what length it is looked through next.
    sweep_at: usize,
}

/// What is kept of what lives, and who waits for what.
#[derive(Default)]
pub(super) struct Book {
    pub(super) listening: Table<ListenerId, Rc<Slot<Listener>>>,
    pub(super) dialing: Table<ConnectionId, Rc<Slot<Connection>>>,
    pub(super) opening: Table<StreamId, Rc<Slot<Stream>>>,
    /// The streams that somebody holds, or has closed, and that have not ended.
    pub(super) streams: Table<StreamId, Rc<Ends>>,
    pub(super) handlers: Handlers,
    awaited_ends: BTreeMap<Id, Vec<Rc<Slot<()>>>>,
    awaited_shutdown: Vec<Rc<Slot<()>>>,
    /// The listener or connection whose last event was told last.
    last_told: Option<Id>,
    /// To be woken once nothing is borrowed.
    wakers: Vec<Waker>,
    /// Streams that were asked for something while the world was taken; each once.
    retries: Vec<Rc<Ends>>,
    /// Who waits for something of a notifee's; each once, and none whose future is gone.
    pub(super) watchers: Vec<Rc<Watcher>>,
}

impl Book {
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

impl Shared {
    pub(super) fn new(swarm: AnySwarm, config: Config) -> Rc<Self> {
        let local_peer = swarm.node().local_peer();
        Rc::new(Self {
            config,
            local_peer,
            phase: Cell::new(Phase::Running),
            world: RefCell::new(Some(World { swarm, notifees: Notifees::new() })),
            commands: RefCell::default(),
            book: RefCell::default(),
            driver: Cell::new(None),
            start: Instant::now(),
        })
    }

    /// The time on the swarm's clock.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Looks something up or writes it down. `act` runs nobody else's code, and drops nothing that might: it gives it
    /// back instead.
    pub(super) fn book<R>(&self, act: impl FnOnce(&mut Book) -> R) -> R {
        act(&mut self.book.borrow_mut())
    }

    /// Has somebody woken once nothing is borrowed.
    pub(super) fn wake_later(&self, wakers: impl IntoIterator<Item = Waker>) {
        self.book.borrow_mut().wakers.extend(wakers);
    }

    /// Does something with the world, unless it is taken or gone.
    pub(super) fn try_world<R>(&self, act: impl FnOnce(&mut World) -> R) -> Result<R, Absent> {
        let mut world = self.world.try_borrow_mut().map_err(|_| Absent::Taken)?;
        world.as_mut().map(act).ok_or(Absent::Gone)
    }

    // Commands.

    /// Does what is asked, at once or in the driver's next turn, and has the driver do what follows from it.
    pub(super) fn act(&self, command: Command) {
        if let Some(command) = self.act_at_once(command) {
            let mut commands = self.commands.borrow_mut();
            commands.queue.push_back(command);
            commands.sweep();
        }
        self.wake_driver();
    }

    /// Gives the command back if its turn is not now.
    fn act_at_once(&self, command: Command) -> Option<Command> {
        if self.has_commands() {
            return Some(command);
        }
        let Ok(mut world) = self.world.try_borrow_mut() else { return Some(command) };
        match &mut *world {
            Some(world) => command.execute(self, world),
            None => command.refuse(self),
        }
        None
    }

    /// Does what waits in the queue, in the driver's turn. What that queues waits for the next.
    pub(super) fn work_off(&self, world: &mut World) {
        let count = self.commands.borrow().queue.len();
        for _ in 0..count {
            let command = self.commands.borrow_mut().queue.pop_front();
            match command {
                Some(command) => command.execute(self, world),
                None => return,
            }
        }
    }

    /// How many commands wait.
    #[cfg(test)]
    pub(super) fn queued(&self) -> usize {
        self.commands.borrow().queue.len()
    }

    fn has_commands(&self) -> bool {
        !self.commands.borrow().queue.is_empty()
    }

    /// Begins something new, unless nothing new may begin.
    pub(super) fn begin<R>(&self, begin: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
        match self.phase.get() {
            Phase::Running => begin(),
            Phase::Draining(_) | Phase::Closing | Phase::Over => Err(Error::Closing),
        }
    }

    // Who waits.

    /// Tells whoever waits of an outcome; they are woken after the turn.
    pub(super) fn fill<T>(&self, slot: &Slot<T>, outcome: Result<T, Error>) {
        let waker = slot.fill(outcome);
        self.wake_later(waker);
    }

    /// Has `slot` told when a listener or a connection has ended, or at once if its end has been told.
    pub(super) fn await_end(&self, id: impl Into<Id>, is_known: bool, slot: Rc<Slot<()>>) {
        let id = id.into();
        // What was told of last is still known while that is being handled.
        if !is_known || self.book(|book| book.last_told == Some(id)) {
            return self.fill(&slot, Ok(()));
        }
        let gone = self.book(|book| join(book.awaited_ends.entry(id).or_default(), slot));
        drop(gone);
    }

    /// A listener's or a connection's last event is being told.
    pub(super) fn ended(&self, id: impl Into<Id>) {
        let id = id.into();
        self.book(|book| book.last_told = Some(id));
        for slot in self.book(|book| book.awaited_ends.remove(&id)).into_iter().flatten() {
            self.fill(&slot, Ok(()));
        }
    }

    pub(super) fn await_shutdown(&self, slot: Rc<Slot<()>>) {
        match self.phase.get() {
            Phase::Over => self.fill(&slot, Ok(())),
            Phase::Running | Phase::Draining(_) | Phase::Closing => {
                let gone = self.book(|book| join(&mut book.awaited_shutdown, slot));
                drop(gone);
            }
        }
    }

    /// How many wait for an end or the shutdown, or did.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.book(|book| book.awaited_ends.values().map(Vec::len).sum::<usize>() + book.awaited_shutdown.len())
    }

    /// Has a stream's tasks woken after the turn, to try again.
    pub(super) fn retry(&self, ends: &Rc<Ends>) {
        if !ends.is_retrying.replace(true) {
            self.book.borrow_mut().retries.push(ends.clone());
        }
    }

    // The driver.

    /// Whom to wake from now on.
    pub(super) fn set_driver(&self, waker: &Waker) {
        super::slot::remember(&self.driver, waker);
    }

    pub(super) fn wake_driver(&self) {
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
    }

    /// Wakes who is to be woken. Nothing is borrowed meanwhile: a waker may poll whatever it likes.
    pub(super) fn wake_all(&self, scratch: &mut Vec<Waker>) {
        let (retries, watchers) = self.book(|book| {
            core::mem::swap(&mut book.wakers, scratch);
            (core::mem::take(&mut book.retries), core::mem::take(&mut book.watchers))
        });
        scratch.extend(watchers.iter().filter_map(|watcher| watcher.take()));
        for ends in retries {
            ends.is_retrying.set(false);
            scratch.extend(ends.wakers());
        }
        scratch.drain(..).for_each(Waker::wake);
    }

    /// How far a shutdown has come; when it is to be looked at if nothing happens.
    pub(super) fn drive_shutdown(&self, world: &mut World, now: Duration) -> Option<Duration> {
        if let Phase::Draining(until) = self.phase.get() {
            let is_idle =
                self.book(|book| book.streams.is_empty() && book.opening.is_empty() && book.handlers.is_idle());
            if !is_idle && now < until {
                return Some(until);
            }
            self.phase.set(Phase::Closing);
            world.node().shutdown();
        }
        if self.phase.get() != Phase::Over && world.swarm.is_shut_down() {
            self.phase.set(Phase::Over);
            for slot in self.book(|book| core::mem::take(&mut book.awaited_shutdown)) {
                self.fill(&slot, Ok(()));
            }
        }
        None
    }

    /// The host is dropped: sockets are closed, and whoever waits or holds a stream is told.
    pub(super) fn close(&self) {
        let world = self.world.try_borrow_mut().ok().and_then(|mut world| world.take());
        self.phase.set(Phase::Over);
        drop(world);
        let queue = core::mem::take(&mut self.commands.borrow_mut().queue);
        queue.into_iter().for_each(|command| command.refuse(self));
        self.wake_all(&mut Vec::new());
        let book = core::mem::take(&mut *self.book.borrow_mut());
        let Book { listening, dialing, opening, streams, handlers, awaited_ends, awaited_shutdown, .. } = book;
        listening.iter().for_each(|(_, slot)| self.fill(slot, Err(Error::Gone)));
        dialing.iter().for_each(|(_, slot)| self.fill(slot, Err(Error::Gone)));
        opening.iter().for_each(|(_, slot)| self.fill(slot, Err(Error::Gone)));
        for slot in awaited_ends.into_values().flatten().chain(awaited_shutdown) {
            self.fill(&slot, Ok(()));
        }
        for (_, ends) in streams.iter() {
            ends.end(End::Gone, Vec::new(), false);
            self.wake_later(ends.wakers());
        }
        drop((handlers, self.driver.take()));
        self.wake_all(&mut Vec::new());
    }
}

/// Why the world is not to be had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Absent {
    /// Notifees are being told, or somebody works with it.
    Taken,
    /// The host was dropped.
    Gone,
}

/// Adds one to those who wait, in the place of those who do no more, who are given back.
#[must_use]
fn join(waiting: &mut Vec<Rc<Slot<()>>>, slot: Rc<Slot<()>>) -> Vec<Rc<Slot<()>>> {
    let gone = waiting.extract_if(.., |slot| slot.is_abandoned()).collect();
    waiting.push(slot);
    gone
}

impl Commands {
    /// Forgets what nobody waits for, once that may be half of it: each command pays for itself.
    fn sweep(&mut self) {
        if self.queue.len() > self.sweep_at.max(SPARE) {
            self.queue.retain(|command| !command.is_pointless());
            self.sweep_at = 2 * self.queue.len();
        }
    }
}
