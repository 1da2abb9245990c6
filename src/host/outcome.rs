//! Who waits: [`PendingOutcome`], where the outcome of something asked of the host is put, and [`Watcher`], who is
//! woken after the next turn.

use super::error::Error;
use super::opening_queues::OpeningPlace;
use crate::lifecycle::Id;
use alloc::rc::Rc;
use core::cell::Cell;
use core::task::Waker;

/// The traces of somebody who waits for an outcome: an id, or a place in line.
#[derive(Clone, Copy, Debug)]
pub(super) enum WhatWaits {
    /// Something has an id by now.
    Id(Id),
    /// It stands in line for a stream's place.
    InLine(OpeningPlace),
}

/// An outcome that is awaited. Cells only: nothing here is ever borrowed while somebody else's code runs.
pub(super) struct PendingOutcome<T> {
    /// It is given up if nobody waits any more.
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

    /// It has begun, under this id.
    pub(super) fn begun(&self, id: impl Into<Id>) {
        self.begun.set(Some(WhatWaits::Id(id.into())));
    }

    /// It waits in line.
    pub(super) fn waits_at(&self, place: OpeningPlace) {
        self.begun.set(Some(WhatWaits::InLine(place)));
    }

    /// Puts the outcome there; whoever waits is to be woken, when nothing is borrowed any more. Nobody waits: the
    /// outcome is dropped here, and that may be anything of theirs.
    #[must_use]
    pub(super) fn fill(&self, outcome: Result<T, Error>) -> Option<Waker> {
        if self.is_abandoned.get() {
            return None;
        }
        self.outcome.set(Some(outcome));
        self.waker.take()
    }

    /// The outcome, if it is there; else `waker` is woken by whoever puts it there.
    pub(super) fn take(&self, waker: &Waker) -> Option<Result<T, Error>> {
        let outcome = self.outcome.take();
        if outcome.is_none() {
            remember(&self.waker, waker);
        }
        outcome
    }

    /// Nobody waits any more. Gives what was begun for them.
    pub(super) fn abandon(&self) -> Option<WhatWaits> {
        self.is_abandoned.set(true);
        drop((self.waker.take(), self.outcome.take()));
        self.begun.get()
    }

    /// Whether nobody waits any more.
    pub(super) const fn is_abandoned(&self) -> bool {
        self.is_abandoned.get()
    }
}

/// Who is to be woken after the next turn.
#[derive(Default)]
pub(super) struct Watcher {
    waker: Cell<Option<Waker>>,
    is_listed: Cell<bool>,
}

impl Watcher {
    /// Has `waker` woken after the next turn. `true`: it has to be put on the list.
    pub(super) fn watch(&self, waker: &Waker) -> bool {
        remember(&self.waker, waker);
        !self.is_listed.replace(true)
    }

    pub(super) const fn is_listed(&self) -> bool {
        self.is_listed.get()
    }

    /// It has left the list.
    pub(super) fn take(&self) -> Option<Waker> {
        self.is_listed.set(false);
        self.waker.take()
    }
}

/// Has `waker` woken by whoever takes it out of the cell. A waker is somebody else's code: it is cloned and dropped
/// while nothing is borrowed.
pub(super) fn remember(cell: &Cell<Option<Waker>>, waker: &Waker) {
    let kept = cell.take().filter(|kept| kept.will_wake(waker));
    let kept = kept.unwrap_or_else(|| waker.clone());
    drop(cell.replace(Some(kept)));
}
