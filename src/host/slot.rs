//! [`Slot`]: where the outcome of something asked of the host is put, and [`Wait`], the future that takes it out.

use super::Error;
use super::commands::Command;
use super::shared::Shared;
use crate::lifecycle::Id;
use alloc::rc::Rc;
use core::cell::Cell;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

/// An outcome that is awaited. Cells only: nothing here is ever borrowed while somebody else's code runs.
pub(super) struct Slot<T> {
    /// What it has begun and is to be given up if nobody waits any more.
    id: Cell<Option<Id>>,
    outcome: Cell<Option<Result<T, Error>>>,
    waker: Cell<Option<Waker>>,
    is_abandoned: Cell<bool>,
}

impl<T> Slot<T> {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self {
            id: Cell::new(None),
            outcome: Cell::new(None),
            waker: Cell::new(None),
            is_abandoned: Cell::new(false),
        })
    }

    /// It has begun, under this id.
    pub(super) fn begun(&self, id: impl Into<Id>) {
        self.id.set(Some(id.into()));
    }

    /// Puts the outcome there; whoever waits is to be woken, when nothing is borrowed any more. Nobody waits: the
    /// outcome is dropped here, and that may be a stream.
    #[must_use]
    pub(super) fn fill(&self, outcome: Result<T, Error>) -> Option<Waker> {
        if self.is_abandoned.get() {
            return None;
        }
        self.outcome.set(Some(outcome));
        self.waker.take()
    }

    /// Nobody waits any more.
    pub(super) const fn is_abandoned(&self) -> bool {
        self.is_abandoned.get()
    }
}

/// Waits for an outcome. Dropped before, it gives up what has begun: a dial, a listener, a stream.
pub(super) struct Wait<T> {
    shared: Rc<Shared>,
    slot: Rc<Slot<T>>,
    is_over: bool,
}

impl<T> Wait<T> {
    /// Gives the command that `command` makes with a fresh slot.
    pub(super) fn begin(shared: &Rc<Shared>, command: impl FnOnce(Rc<Slot<T>>) -> Command) -> Self {
        let slot = Slot::new();
        let this = Self { shared: shared.clone(), slot: slot.clone(), is_over: false };
        shared.act(command(slot));
        this
    }
}

impl<T> Future for Wait<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(outcome) = self.slot.outcome.take() {
            self.is_over = true;
            return Poll::Ready(outcome);
        }
        remember(&self.slot.waker, cx.waker());
        Poll::Pending
    }
}

impl<T> Drop for Wait<T> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        self.slot.is_abandoned.set(true);
        drop((self.slot.waker.take(), self.slot.outcome.take()));
        if let Some(id) = self.slot.id.get() {
            self.shared.act(Command::GiveUp(id));
        }
    }
}

/// Has `waker` woken by whoever takes it out of the cell. A waker is somebody else's code: it is cloned and dropped
/// while nothing is borrowed.
pub(super) fn remember(cell: &Cell<Option<Waker>>, waker: &Waker) {
    let kept = cell.take().filter(|kept| kept.will_wake(waker));
    let kept = kept.unwrap_or_else(|| waker.clone());
    drop(cell.replace(Some(kept)));
}
