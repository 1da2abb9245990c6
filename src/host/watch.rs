//! [`Watch`]: waits until a notifee has something for its owner.

use super::Error;
use super::shared::{Absent, Shared};
use super::slot::remember;
use crate::notifee::NotifeeId;
use alloc::rc::Rc;
use core::cell::Cell;
use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

/// Who is to be woken after the next turn.
#[derive(Default)]
pub(super) struct Watcher {
    waker: Cell<Option<Waker>>,
    is_listed: Cell<bool>,
}

impl Watcher {
    /// It has left the list.
    pub(super) fn take(&self) -> Option<Waker> {
        self.is_listed.set(false);
        self.waker.take()
    }
}

/// Asks a notifee at once and after each turn, until it has an answer.
pub(super) struct Watch<T, F> {
    shared: Rc<Shared>,
    watcher: Rc<Watcher>,
    id: NotifeeId,
    ask: F,
    notifee: PhantomData<fn(&mut T)>,
}

impl<T, F> Watch<T, F> {
    pub(super) fn new(shared: Rc<Shared>, id: NotifeeId, ask: F) -> Self {
        Self { shared, watcher: Rc::default(), id, ask, notifee: PhantomData }
    }
}

impl<T: 'static, R, F: FnMut(&mut T) -> Option<R> + Unpin> Future for Watch<T, F> {
    type Output = Result<R, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { shared, watcher, id, ask, .. } = &mut *self;
        match shared.try_world(|world| world.notifees.get_mut::<T>(*id).map(ask)) {
            Ok(Some(Some(answer))) => return Poll::Ready(Ok(answer)),
            Ok(None) => return Poll::Ready(Err(Error::NoNotifee)),
            Err(Absent::Gone) => return Poll::Ready(Err(Error::Gone)),
            Ok(Some(None)) | Err(Absent::Taken) => {}
        }
        remember(&watcher.waker, cx.waker());
        if !watcher.is_listed.replace(true) {
            shared.book(|book| book.watchers.push(watcher.clone()));
        }
        Poll::Pending
    }
}

impl<T, F> Drop for Watch<T, F> {
    fn drop(&mut self) {
        if self.watcher.is_listed.get() {
            self.shared.book(|book| book.watchers.retain(|other| !Rc::ptr_eq(other, &self.watcher)));
        }
    }
}
