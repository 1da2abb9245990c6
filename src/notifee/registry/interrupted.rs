//! [`Interrupted`]: what a notifee that has panicked leaves untold.

use super::notified::{Emission, Notified};

/// What was being told when a notifee panicked.
pub(super) struct Interrupted {
    pub(super) left: Remainder,
    /// The sequence number of the notifee that comes next, or would.
    pub(super) next: u64,
}

/// A notification that is still to be told to some.
pub(super) enum Remainder {
    Notified(Notified),
    Emission(Emission),
}
