//! [`Interrupted`]: what a notifee that has panicked leaves untold.

use super::notified::{Emission, Notified};

/// The notification in which a notifee has panicked.
pub(super) struct Interrupted {
    pub(super) left: Remainder,
    /// The lowest sequence number that the next notifee to tell may have.
    pub(super) next: u64,
}

/// A notification that some notifees have not been told yet.
pub(super) enum Remainder {
    Notified(Notified),
    Emission(Emission),
}
