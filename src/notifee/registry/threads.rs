//! The methods of a registry that spawn and join notifees with a thread of their own.

use super::super::subscription::{Subscriber, subscription};
use super::super::{BlockingNotifee, HasNode, Interest, Notice, NotifeeContext, ThreadPanic};
use super::{NotifeeId, Notifees, PendingChanges};
use alloc::vec::Vec;
use core::task::{self, Poll};
use std::io;

impl<N> PendingChanges<N> {
    /// Starts a thread for the notifee that is registered next, and returns the subscriber to register.
    fn spawn(
        &mut self,
        capacity: usize,
        interest: Interest,
        told: impl FnMut(Notice) + Send + 'static,
    ) -> io::Result<Subscriber> {
        let (subscriber, subscription) = subscription(capacity);
        self.threads.start(self.slots.next_id(), subscription, told)?;
        Ok(subscriber.only(interest))
    }
}

/// Returns a closure that hands each notice to its method.
fn each(mut notifee: impl BlockingNotifee + Send + 'static) -> impl FnMut(Notice) + Send + 'static {
    move |notice| notice.tell(&mut notifee)
}

impl<N: HasNode> Notifees<N> {
    /// Registers a notifee that may block, on a thread of its own that starts here: see
    /// [`spawned`](mod@super::super::spawned) for what is promised. Up to `capacity` notices wait for it; 0 counts as 1.
    /// Beyond that notices are lost, and it is told how many.
    ///
    /// The number of threads has no limit here, since only the owner and other notifees spawn any.
    ///
    /// # Errors
    /// The system's error if it cannot start a thread. Nothing was registered, and the notifee was dropped.
    pub fn spawn(
        &mut self,
        capacity: usize,
        notifee: impl BlockingNotifee + Send + 'static,
    ) -> io::Result<NotifeeId<Subscriber>> {
        let interest = notifee.interest();
        self.spawn_fn(capacity, interest, each(notifee))
    }

    /// Spawns a closure as [`spawn`](Self::spawn) does a notifee. It is called with each notice of the kinds in `interest`.
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
    /// Those of [`spawn`](Self::spawn).
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

    /// Returns the panics of [spawned](Self::spawn) notifees since the last call, in the order in which they came. At
    /// most 64 are kept for the next call; all are logged.
    pub fn take_panics(&mut self) -> Vec<ThreadPanic> {
        self.changes.threads.take_panics()
    }

    /// Unregisters all [spawned](Self::spawn) notifees, and waits until their threads, and those of spawned notifees that
    /// have left earlier, have handled all notices and ended. Returns the panics since the last call or
    /// [`take_panics`](Self::take_panics). Dropping the registry waits in the same way.
    ///
    /// Call it once the swarm [is shut down](crate::swarm::Swarm::is_shut_down) and nothing [is pending](Self::has_pending),
    /// so that they are told every closing event. It blocks for as long as they take: an owner that must not block uses
    /// [`poll_join`](Self::poll_join).
    pub fn join(&mut self) -> Vec<ThreadPanic> {
        self.unregister_spawned();
        self.changes.threads.join();
        self.take_panics()
    }

    /// Joins as [`join`](Self::join) does, without blocking: it unregisters all [spawned](Self::spawn) notifees, and is
    /// ready once their threads have ended. While it is pending, the end of the last thread wakes `cx`. The panics are left
    /// for [`take_panics`](Self::take_panics). Once it is ready, dropping the registry does not wait.
    pub fn poll_join(&mut self, cx: &mut task::Context<'_>) -> Poll<()> {
        self.unregister_spawned();
        self.changes.threads.poll_join(cx)
    }

    /// Detaches the threads of spawned notifees: they end by themselves, and neither a join nor the drop waits for them.
    #[cfg(all(feature = "host", unix))]
    pub(crate) fn detach_threads(&mut self) {
        self.unregister_spawned();
        self.changes.threads.detach();
    }

    fn unregister_spawned(&mut self) {
        for id in self.changes.threads.ids() {
            // This includes one that is leaving already: if a panic has interrupted the removal, it is still here, and its
            // thread would not end.
            self.remove(id);
        }
    }
}

impl<N: HasNode + 'static> NotifeeContext<'_, N> {
    /// Spawns a notifee that may block, behind all others, as [`Notifees::spawn`] does. The event after the present one is
    /// the first that it is told.
    ///
    /// # Errors
    /// Those of [`Notifees::spawn`].
    pub fn spawn(
        &mut self,
        capacity: usize,
        notifee: impl BlockingNotifee + Send + 'static,
    ) -> io::Result<NotifeeId<Subscriber>> {
        let interest = notifee.interest();
        self.spawn_fn(capacity, interest, each(notifee))
    }

    /// Spawns a closure behind all others, as [`Notifees::spawn_fn`] does.
    ///
    /// # Errors
    /// Those of [`Notifees::spawn`].
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
