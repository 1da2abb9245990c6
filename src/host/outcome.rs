//! The slots of waiting futures: [`PendingOutcome`] receives the outcome of a command, and [`Watcher`] contains the waker of
//! a task that is woken after the next turn.

use super::error::Error;
use super::opening_queues::OpeningPlace;
use crate::lifecycle::Id;
use alloc::rc::Rc;
use core::cell::Cell;
use core::task::Waker;

/// The thing for which a future waits: a listener, connection or stream that a command has begun, or the position in a queue
/// at which the command waits.
#[derive(Clone, Copy, Debug)]
pub(super) enum WhatWaits {
    /// The id of the listener, connection or stream that the command has begun.
    Id(Id),
    /// The position of an opening of a stream in the queue of its connection.
    InLine(OpeningPlace),
}

/// The slot for the outcome of a command, for which a future waits. All fields are cells, so that nothing in the slot is
/// borrowed while a waker is called or dropped, which may run any code of the owner.
pub(super) struct PendingOutcome<T> {
    /// The listener, connection or stream that the command has begun, or the position of the command in a queue. If the
    /// future is dropped, the listener, connection or stream is ended, or the position is given up.
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

    /// Records the id of the listener, connection or stream that the command has begun.
    pub(super) fn begun(&self, id: impl Into<Id>) {
        self.begun.set(Some(WhatWaits::Id(id.into())));
    }

    /// Records that the command waits to open a stream, at this position of a queue.
    pub(super) fn waits_at(&self, place: OpeningPlace) {
        self.begun.set(Some(WhatWaits::InLine(place)));
    }

    /// Stores the outcome in the slot. Returns the waker of the waiting task, which the caller has to call while none of the
    /// host's state is borrowed. If the future was dropped, the outcome is dropped here, which may run the owner's code.
    #[must_use]
    pub(super) fn fill(&self, outcome: Result<T, Error>) -> Option<Waker> {
        if self.is_abandoned.get() {
            return None;
        }
        self.outcome.set(Some(outcome));
        self.waker.take()
    }

    /// Removes and returns the outcome, if the slot contains one. Otherwise stores a clone of `waker`, which
    /// [`fill`](Self::fill) will return.
    pub(super) fn take(&self, waker: &Waker) -> Option<Result<T, Error>> {
        let outcome = self.outcome.take();
        if outcome.is_none() {
            remember(&self.waker, waker);
        }
        outcome
    }

    /// Records that the future was dropped. Returns the listener, connection, stream or queue position that was recorded for
    /// the command, so that the caller can give it up.
    pub(super) fn abandon(&self) -> Option<WhatWaits> {
        self.is_abandoned.set(true);
        drop((self.waker.take(), self.outcome.take()));
        self.begun.get()
    }

    /// Returns whether the future that waits for the outcome was dropped.
    pub(super) const fn is_abandoned(&self) -> bool {
        self.is_abandoned.get()
    }
}

/// The waker of a task that is woken after the next turn.
#[derive(Default)]
pub(super) struct Watcher {
    waker: Cell<Option<Waker>>,
    is_listed: Cell<bool>,
}

impl Watcher {
    /// Stores a clone of `waker`, which is woken after the next turn. Returns `true` if the caller has to add this value to
    /// the list of watchers.
    pub(super) fn watch(&self, waker: &Waker) -> bool {
        remember(&self.waker, waker);
        !self.is_listed.replace(true)
    }

    pub(super) const fn is_listed(&self) -> bool {
        self.is_listed.get()
    }

    /// Removes and returns the waker. The caller must have removed this value from the list of watchers.
    pub(super) fn take(&self) -> Option<Waker> {
        self.is_listed.set(false);
        self.waker.take()
    }
}

/// Stores a clone of `waker` in a cell, in place of an earlier waker. Cloning and dropping a waker may run any code of the
/// owner, which may use the same cell, so the cell is not borrowed while that happens.
pub(super) fn remember(cell: &Cell<Option<Waker>>, waker: &Waker) {
    // A task is mostly polled with the same waker, and comparing two wakers is cheaper than cloning one, which counts
    // references with an atomic operation.
    let kept = cell.take().filter(|kept| kept.will_wake(waker));
    let kept = kept.unwrap_or_else(|| waker.clone());
    drop(cell.replace(Some(kept)));
}
