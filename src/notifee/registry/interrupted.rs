//! [`Interrupted`]: the notification that the panic of a notifee has interrupted.

use super::notified::{Emission, Notified};

/// A notification that the panic of a notifee has interrupted, so that the notifees after it have not been told.
pub(super) struct Interrupted {
    pub(super) left: Remainder,
    /// The lowest sequence number of the notifees that have not been told yet. Unlike a place, a sequence number stays right
    /// if notifees leave before the notification is continued.
    pub(super) next: u64,
}

/// A notification that was interrupted: an event or readiness of the network, or an event that a notifee has emitted.
pub(super) enum Remainder {
    Notified(Notified),
    Emission(Emission),
}
