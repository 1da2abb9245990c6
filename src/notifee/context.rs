//! [`NotifeeContext`]: a notifee's access to the network and the registry while it is told something.

use super::Notifee;
use super::registry::{NotifeeId, PendingChanges};
use core::time::Duration;

/// The context of a notification: the network that it comes from, and the registry that tells it.
#[derive(Debug)]
pub struct NotifeeContext<'a, N> {
    pub(super) network: &'a mut N,
    pub(super) changes: &'a mut PendingChanges<N>,
    pub(super) this: NotifeeId,
    pub(super) now: Duration,
    pub(super) is_replay: bool,
}

impl<N> NotifeeContext<'_, N> {
    /// Returns the network. Any command may be given to it; the events that it causes are told later.
    pub const fn network(&mut self) -> &mut N {
        self.network
    }

    /// Returns the id of the notifee that is being told.
    #[must_use]
    pub const fn this(&self) -> NotifeeId {
        self.this
    }

    /// Returns the time of the registry's last [`drive`](super::Notifees::drive), on its owner's clock.
    #[must_use]
    pub const fn now(&self) -> Duration {
        self.now
    }

    /// Returns `true` if the present notification replays an opening from before the notifee's registration, by
    /// [`register_and_replay`](super::Notifees::register_and_replay).
    #[must_use]
    pub const fn is_replay(&self) -> bool {
        self.is_replay
    }

    /// Registers a notifee behind all others. The next event is the first that it is told.
    pub fn register<T: Notifee<N> + 'static>(&mut self, notifee: T) -> NotifeeId<T>
    where
        N: 'static,
    {
        self.changes.register(notifee)
    }

    /// Unregisters a notifee, for instance the one that is being told. It is told nothing more, and is dropped once the
    /// present notification has gone to all. If no notifee has this id any more, nothing changes.
    pub fn unregister<T: ?Sized>(&mut self, id: NotifeeId<T>) {
        self.changes.unregister(id.untyped());
    }
}
