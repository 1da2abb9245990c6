//! The slots of waiting futures: [`PendingOutcome`] takes the outcome of a command, and [`Watcher`] has a task woken after
//! the next turn.

use super::error::Error;
use super::opening_queues::OpeningPlace;
use crate::lifecycle::Id;
use alloc::rc::Rc;
use core::cell::Cell;
use core::task::Waker;

/// A trace of what a command has begun: an id, or a place in line.
#[derive(Clone, Copy, Debug)]
pub(super) enum WhatWaits {
    /// The id of a listener, a connection or a stream.
    Id(Id),
    /// A place in the line of openings of streams.
    InLine(OpeningPlace),
}

/// The slot for the outcome of a command, which a future waits for. It has cells only, so that nothing here is ever borrowed
/// while foreign code runs.
pub(super) struct PendingOutcome<T> {
    /// The trace of what the command has begun. That is given up if the future is dropped.
    begun: Cell<Option<WhatWaits>>,
    outcome: Cell<Option<Result<T, Error>>>,
    waker: Cell<Option<Waker>>,
    is_abandoned: Cell<bool>,
}

impl<T> PendingOutcome<T> {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self {
            begun: Cell::new(None),
            outcome: Cell::new(None),
            waker: Cell::new(None),
            is_abandoned: Cell::new(false),
        })
    }

    /// Records the id of what the command has begun.
    pub(super) fn begun(&self, id: impl Into<Id>) {
        self.begun.set(Some(WhatWaits::Id(id.into())));
    }

    /// Records that the command waits in line.
    pub(super) fn waits_at(&self, place: OpeningPlace) {
        self.begun.set(Some(WhatWaits::InLine(place)));
    }

    /// Puts the outcome into the slot. Returns the waker of the task that waits, for the caller to wake once nothing is
    /// borrowed. If the future was dropped, the outcome is dropped here, which may run the owner's code.
    #[must_use]
    pub(super) fn fill(&self, outcome: Result<T, Error>) -> Option<Waker> {
        if self.is_abandoned.get() {
            return None;
        }
        self.outcome.set(Some(outcome));
        self.waker.take()
    }

    /// Takes the outcome, if there is one. Otherwise [`fill`](Self::fill) will return `waker`.
    pub(super) fn take(&self, waker: &Waker) -> Option<Result<T, Error>> {
        let outcome = self.outcome.take();
        if outcome.is_none() {
            remember(&self.waker, waker);
        }
        outcome
    }

    /// Records that the future was dropped. Returns what the command has begun.
    pub(super) fn abandon(&self) -> Option<WhatWaits> {
        self.is_abandoned.set(true);
        drop((self.waker.take(), self.outcome.take()));
        self.begun.get()
    }

    /// Returns whether the future was dropped.
    pub(super) const fn is_abandoned(&self) -> bool {
        self.is_abandoned.get()
    }
}

/// The slot of a task that is to be woken after the next turn.
#[derive(Default)]
pub(super) struct Watcher {
    waker: Cell<Option<Waker>>,
    is_listed: Cell<bool>,
}

impl Watcher {
    /// Has `waker` woken after the next turn. Returns `true` if the caller has to put this slot on the list of watchers.
    pub(super) fn watch(&self, waker: &Waker) -> bool {
        remember(&self.waker, waker);
        !self.is_listed.replace(true)
    }

    pub(super) const fn is_listed(&self) -> bool {
        self.is_listed.get()
    }

    /// Takes the waker of a slot that has left the list.
    pub(super) fn take(&self) -> Option<Waker> {
        self.is_listed.set(false);
        self.waker.take()
    }
}

/// Puts `waker` into a cell, in place of an earlier one. Cloning and dropping a waker runs foreign code, so nothing is
/// borrowed meanwhile.
pub(super) fn remember(cell: &Cell<Option<Waker>>, waker: &Waker) {
    let kept = cell.take().filter(|kept| kept.will_wake(waker));
    let kept = kept.unwrap_or_else(|| waker.clone());
    drop(cell.replace(Some(kept)));
}
