//! The methods of a registry that spawn notifees on threads of their own, and that wait until these threads end.

use super::super::subscription::{Subscriber, subscription};
use super::super::{BlockingNotifee, HasNode, Interest, Notice, ThreadPanic};
use super::{NotifeeContext, NotifeeId, Notifees, PendingChanges};
use alloc::vec::Vec;
use core::task::{self, Poll};
use std::io;

impl<N> PendingChanges<N> {
    /// Starts a thread that calls `told` with each notice, and returns the subscriber that sends the notices. The caller has
    /// to register this subscriber next.
    fn spawn(
        &mut self,
        capacity: usize,
        interest: Interest,
        told: impl FnMut(Notice) + Send + 'static,
    ) -> io::Result<Subscriber> {
        let (subscriber, subscription) = subscription(capacity);
        // The thread comes first: if it cannot be started, nothing has been registered. Its name contains the id that
        // the subscriber gets next.
        self.threads.start(self.slots.next_id(), subscription, told)?;
        Ok(subscriber.only(interest))
    }
}

/// Returns a closure that calls the method of `notifee` for each notice.
fn each(mut notifee: impl BlockingNotifee + Send + 'static) -> impl FnMut(Notice) + Send + 'static {
    move |notice| notice.tell(&mut notifee)
}

impl<N: HasNode> Notifees<N> {
    /// Registers a notifee that may block, and starts a thread on which the notifee runs: see the module
    /// [`spawned`](mod@super::super::spawned) for the details. Up to `capacity` notices can wait for the notifee; 0 has the
    /// effect of 1. Further notices are lost, and the notifee is told their number.
    ///
    /// The number of threads has no limit, since only the owner and other notifees spawn any.
    ///
    /// # Errors
    /// The system's error, if the system cannot start a thread. In this case nothing was registered, and the notifee was
    /// dropped.
    pub fn spawn(
        &mut self,
        capacity: usize,
        notifee: impl BlockingNotifee + Send + 'static,
    ) -> io::Result<NotifeeId<Subscriber>> {
        let interest = notifee.interest();
        self.spawn_fn(capacity, interest, each(notifee))
    }

    /// Registers a closure that may block, and starts a thread that calls the closure with each notice of the kinds in
    /// `interest`. For everything else, see [`spawn`](Self::spawn).
    ///
    /// ```
    /// use swarm_notify::notifee::{Interest, Notice, Notifees};
    /// use swarm_notify::tcp;
    ///
    /// let mut notifees: Notifees<tcp::Swarm> = Notifees::new();
    /// notifees.spawn_fn(16, Interest::CONNECTED | Interest::DISCONNECTED, |notice| match notice {
    ///     Notice::Snapshot(open) => println!("{} connections are open", open.len()), // comes first, and after each lag
    ///     Notice::Lagged(missed) => println!("{missed} came and went"),
    ///     notice => println!("{notice:?}"),
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// The errors of [`spawn`](Self::spawn).
    pub fn spawn_fn(
        &mut self,
        capacity: usize,
        interest: Interest,
        told: impl FnMut(Notice) + Send + 'static,
    ) -> io::Result<NotifeeId<Subscriber>> {
        let subscriber = self.changes.spawn(capacity, interest, told)?;
        Ok(self.register(subscriber))
    }
}

impl<N> Notifees<N> {
    /// Returns the number of threads of [spawned](Self::spawn) notifees that have not ended.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.changes.threads.running()
    }

    /// Returns the panics of [spawned](Self::spawn) notifees since the last call, oldest first. At most 64 panics are kept
    /// for the next call, but all are logged.
    pub fn take_panics(&mut self) -> Vec<ThreadPanic> {
        self.changes.threads.take_panics()
    }

    /// Unregisters all [spawned](Self::spawn) notifees, and waits until their threads, and those of spawned notifees that
    /// were unregistered earlier, have handled all notices and ended. Returns the panics since the last call of this method
    /// or of [`take_panics`](Self::take_panics). Dropping the registry waits for the same threads.
    ///
    /// Call this method once the swarm [is shut down](crate::swarm::Swarm::is_shut_down) and nothing [is
    /// pending](Self::has_pending), so that the notifees are told every closing event. This method blocks until the notifees
    /// have handled their notices: if you must not block, use [`poll_join`](Self::poll_join).
    pub fn join(&mut self) -> Vec<ThreadPanic> {
        self.unregister_spawned();
        // A thread ends once its subscriber was dropped, so all of them are unregistered before.
        self.changes.threads.join();
        self.take_panics()
    }

    /// Unregisters all [spawned](Self::spawn) notifees, and returns `Ready` once their threads have ended: this method is
    /// [`join`](Self::join) without blocking. If it returns `Pending`, the waker of `cx` is woken when the last thread has
    /// ended. [`take_panics`](Self::take_panics) returns the panics. After `Ready`, dropping the registry does not wait.
    pub fn poll_join(&mut self, cx: &mut task::Context<'_>) -> Poll<()> {
        self.unregister_spawned();
        self.changes.threads.poll_join(cx)
    }

    /// Unregisters all spawned notifees and detaches their threads: the threads end by themselves, and neither
    /// [`join`](Self::join) nor dropping the registry waits for them.
    #[cfg(all(feature = "host", unix))]
    pub(crate) fn detach_threads(&mut self) {
        self.unregister_spawned();
        self.changes.threads.detach();
    }

    fn unregister_spawned(&mut self) {
        for id in self.changes.threads.ids() {
            // This includes a notifee that is already about to be unregistered: if a panic has interrupted the removal, the
            // notifee is still registered, and its thread would not end.
            self.remove(id);
        }
    }
}

impl<N: HasNode + 'static> NotifeeContext<'_, N> {
    /// Registers a notifee that may block after all others, and starts a thread on which the notifee runs: see
    /// [`Notifees::spawn`]. The event after the present one is the first that the notifee is told.
    ///
    /// # Errors
    /// The errors of [`Notifees::spawn`].
    pub fn spawn(
        &mut self,
        capacity: usize,
        notifee: impl BlockingNotifee + Send + 'static,
    ) -> io::Result<NotifeeId<Subscriber>> {
        let interest = notifee.interest();
        self.spawn_fn(capacity, interest, each(notifee))
    }

    /// Registers a closure that may block after all other notifees, and starts a thread that calls the closure with each
    /// notice: see [`Notifees::spawn_fn`].
    ///
    /// # Errors
    /// The errors of [`Notifees::spawn`].
    pub fn spawn_fn(
        &mut self,
        capacity: usize,
        interest: Interest,
        told: impl FnMut(Notice) + Send + 'static,
    ) -> io::Result<NotifeeId<Subscriber>> {
        let subscriber = self.changes.spawn(capacity, interest, told)?;
        Ok(self.changes.register(subscriber))
    }
}
