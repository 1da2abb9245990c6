//! The futures of handles: [`AwaitOutcome`] waits for the outcome of a command, and [`WatchNotifee`] waits for an answer of
//! a notifee.

use super::command::HostCommand;
use super::error::{Absent, Error};
use super::outcome::{PendingOutcome, Watcher, WhatWaits};
use super::shared::HostShared;
use crate::notifee::NotifeeId;
use alloc::rc::Rc;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

/// A future that waits for the outcome of a command. If the future is dropped before the outcome, the listener, dial or
/// stream that the command has begun is given up. If the command waits in a queue, it is removed from the queue.
pub(super) struct AwaitOutcome<T> {
    shared: Rc<HostShared>,
    slot: Rc<PendingOutcome<T>>,
    is_over: bool,
}

impl<T> AwaitOutcome<T> {
    /// Creates a slot for the outcome, creates the command with the function `command`, to which the slot is passed, and
    /// gives the command to the host.
    pub(super) fn begin(shared: &Rc<HostShared>, command: impl FnOnce(Rc<PendingOutcome<T>>) -> HostCommand) -> Self {
        let slot = PendingOutcome::new();
        let this = Self { shared: shared.clone(), slot: slot.clone(), is_over: false };
        shared.act(command(slot));
        this
    }
}

impl<T> Future for AwaitOutcome<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.slot.take(cx.waker()) {
            Some(outcome) => {
                self.is_over = true;
                Poll::Ready(outcome)
            }
            None => Poll::Pending,
        }
    }
}

impl<T> Drop for AwaitOutcome<T> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        match self.slot.abandon() {
            Some(WhatWaits::Id(id)) => self.shared.act(HostCommand::GiveUp(id)),
            // The opening only waited in the queue and occupied no place, so no place becomes free for the next opening.
            Some(WhatWaits::InLine(place)) => drop(self.shared.waiters(|waiters| waiters.opening_queues.leave(place))),
            None => {}
        }
    }
}

/// A future that calls `ask` with a notifee, at once and then after each turn of the host, until `ask` returns an answer.
pub(super) struct WatchNotifee<T, F> {
    shared: Rc<HostShared>,
    watcher: Rc<Watcher>,
    id: NotifeeId<T>,
    ask: F,
}

impl<T, F> WatchNotifee<T, F> {
    pub(super) fn new(shared: Rc<HostShared>, id: NotifeeId<T>, ask: F) -> Self {
        Self { shared, watcher: Rc::default(), id, ask }
    }
}

impl<T: 'static, R, F: FnMut(&mut T) -> Option<R> + Unpin> Future for WatchNotifee<T, F> {
    type Output = Result<R, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { shared, watcher, id, ask, .. } = &mut *self;
        match shared.try_world(|host_swarm| host_swarm.notifees.get_mut(*id).map(ask)) {
            Ok(Some(Some(answer))) => return Poll::Ready(Ok(answer)),
            Ok(None) => return Poll::Ready(Err(Error::NoNotifee)),
            Err(Absent::Gone) => return Poll::Ready(Err(Error::Gone)),
            // While the swarm is borrowed, a notification or a closure of `with` is running. The notifee is asked again
            // after the turn.
            Ok(Some(None)) | Err(Absent::Taken) => {}
        }
        // The watcher is listed once, however often the future is polled before the next turn.
        if watcher.watch(cx.waker()) {
            shared.waiters(|waiters| waiters.watchers.push(watcher.clone()));
        }
        Poll::Pending
    }
}

impl<T, F> Drop for WatchNotifee<T, F> {
    fn drop(&mut self) {
        if self.watcher.is_listed() {
            self.shared.waiters(|waiters| waiters.watchers.retain(|other| !Rc::ptr_eq(other, &self.watcher)));
        }
    }
}
