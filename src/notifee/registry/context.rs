//! [`NotifeeContext`]: what a notifee has in its hands while it is told something.

use super::{Notifee, NotifeeId, PendingChanges};
use core::time::Duration;

/// The network that a notification comes from, and the registry that told it.
#[derive(Debug)]
pub struct NotifeeContext<'a, N> {
    pub(super) network: &'a mut N,
    pub(super) changes: &'a mut PendingChanges<N>,
    pub(super) this: NotifeeId,
    pub(super) now: Duration,
    pub(super) is_replay: bool,
}

impl<N> NotifeeContext<'_, N> {
    /// The network. Any command may be given; what it causes is told later.
    pub const fn network(&mut self) -> &mut N {
        self.network
    }

    /// The id of the notifee that is being told.
    #[must_use]
    pub const fn this(&self) -> NotifeeId {
        self.this
    }

    /// The time of the registry's last [`drive`](super::Notifees::drive), on its owner's clock.
    #[must_use]
    pub const fn now(&self) -> Duration {
        self.now
    }

    /// Returns true in the notifications of openings that have happened before, by which
    /// [`register_and_replay`](super::Notifees::register_and_replay).
    #[must_use]
    pub const fn is_replay(&self) -> bool {
        self.is_replay
    }

    /// Registers a notifee behind all others. It hears of the next event first.
    pub fn register<T: Notifee<N> + 'static>(&mut self, notifee: T) -> NotifeeId<T>
    where
        N: 'static,
    {
        self.changes.register(notifee)
    }

    /// Unregisters a notifee, itself for instance. It is told nothing more, and dropped once this has been told to all.
    /// An id of none that is registered changes nothing.
    pub fn unregister<T: ?Sized>(&mut self, id: NotifeeId<T>) {
        self.changes.unregister(id.untyped());
    }
}
