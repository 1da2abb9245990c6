//! [`NotifeeContext`]: the access of a notifee to the network and the registry while the notifee is told something.

use super::{Notifee, NotifeeId, PendingChanges};
use core::time::Duration;

/// The context of a notification. It gives the notifee access to the network that it observes, and to the registry.
#[derive(Debug)]
pub struct NotifeeContext<'a, N> {
    pub(super) network: &'a mut N,
    pub(super) changes: &'a mut PendingChanges<N>,
    pub(super) this: NotifeeId,
    pub(super) now: Duration,
    pub(super) is_replay: bool,
}

impl<N> NotifeeContext<'_, N> {
    /// Returns the network, to which the notifee can give any command. The events that a command causes are told later.
    pub const fn network(&mut self) -> &mut N {
        self.network
    }

    /// Returns the id of the notifee that is being told.
    #[must_use]
    pub const fn this(&self) -> NotifeeId {
        self.this
    }

    /// Returns the time of the registry's last [`drive`](super::Notifees::drive), on the clock of the network's owner.
    #[must_use]
    pub const fn now(&self) -> Duration {
        self.now
    }

    /// Returns `true` if the present notification tells of an opening that happened before the notifee was registered with
    /// [`register_and_replay`](super::Notifees::register_and_replay).
    #[must_use]
    pub const fn is_replay(&self) -> bool {
        self.is_replay
    }

    /// Registers a notifee after all others. The next event is the first that the new notifee is told.
    pub fn register<T: Notifee<N> + 'static>(&mut self, notifee: T) -> NotifeeId<T>
    where
        N: 'static,
    {
        self.changes.register(notifee)
    }

    /// Unregisters a notifee, which may be the one that makes this call. The notifee is told nothing more, and is dropped
    /// after all others have been told the present notification. If no notifee with this id is registered, nothing changes.
    pub fn unregister<T: ?Sized>(&mut self, id: NotifeeId<T>) {
        self.changes.unregister(id.untyped());
    }
}
