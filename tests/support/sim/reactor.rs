//! [`SimReactor`]: the poller of a simulated host, edge-triggered. A socket answers pending until a turn of its reactor
//! has named it, so that a swarm that lives on polls that nothing has woken stands still here.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::time::Duration;
use swarm_notify::swarm::{Reactor, Swarm};

/// A swarm on it.
pub(crate) type SimSwarm<T, const EVENTS: usize> = Swarm<T, EVENTS, SimReactor>;

/// What has happened at a host and was not named yet. Clones are of the same one.
#[derive(Clone, Default)]
pub(crate) struct Poller(Rc<Pending>);

#[derive(Default)]
struct Pending {
    signals: RefCell<Vec<Signal>>,
    /// Somebody has used the reactor's waker.
    alarm: Arc<Alarm>,
}

#[derive(Default)]
struct Alarm(AtomicBool);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Poller {
    /// Whether its descriptor is readable.
    pub(crate) fn is_readable(&self) -> bool {
        self.0.alarm.0.load(Ordering::SeqCst) || !self.0.signals.borrow().is_empty()
    }
}

/// The reactor of one swarm.
pub(crate) struct SimReactor(pub(crate) Poller);

impl Reactor for SimReactor {
    fn poll(&mut self, _: Option<Duration>) -> io::Result<bool> {
        let Pending { signals, alarm } = &*self.0.0;
        alarm.0.store(false, Ordering::SeqCst);
        // Three at a time, so that a full buffer is a common thing.
        let mut named: Vec<_> = signals.borrow_mut().drain(..).collect();
        let rest = named.split_off(named.len().min(3));
        let is_full = named.len() == 3;
        signals.borrow_mut().extend(rest);
        named.into_iter().for_each(|signal| signal.name());
        Ok(is_full)
    }

    fn advance(&mut self, _: Duration) {}

    fn poll_at(&self) -> Option<Duration> {
        None
    }

    fn waker(&self) -> Waker {
        Waker::from(self.0.0.alarm.clone())
    }
}

/// One direction of a socket, a dial, or what a transport has to say: whether it is ready, and who waits for that.
#[derive(Clone, Default)]
pub(crate) struct Signal(Rc<Inner>);

#[derive(Default)]
struct Inner {
    is_ready: Cell<bool>,
    is_pending: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    poller: RefCell<Option<Poller>>,
}

impl Signal {
    /// Has a poller name it. Without one, it is ready as soon as something happens.
    pub(crate) fn attach(&self, poller: Option<Poller>) {
        *self.0.poller.borrow_mut() = poller;
    }

    pub(crate) fn poller(&self) -> Option<Poller> {
        self.0.poller.borrow().clone()
    }

    /// Something has happened: the poller has to name it.
    pub(crate) fn happens(&self) {
        match &*self.0.poller.borrow() {
            Some(poller) => {
                if !self.0.is_pending.replace(true) {
                    poller.0.signals.borrow_mut().push(self.clone());
                }
            }
            None => self.name(),
        }
    }

    /// The same if somebody waits for it: what is ready is not said twice.
    pub(crate) fn happens_again(&self) {
        if !self.is_ready() {
            self.happens();
        }
    }

    /// It is ready, and whoever waits for it is woken.
    pub(crate) fn name(&self) {
        self.0.is_pending.set(false);
        self.0.is_ready.set(true);
        // Its code may come back here.
        let waker = self.0.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// It is ready from the start.
    pub(crate) fn set_ready(&self) {
        self.0.is_ready.set(true);
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.0.is_ready.get()
    }

    /// An attempt came to nothing: it is not ready until the poller says so again.
    pub(crate) fn wait(&self, waker: &Waker) {
        self.0.is_ready.set(false);
        *self.0.waker.borrow_mut() = Some(waker.clone());
    }
}
