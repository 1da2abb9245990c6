//! [`Limit`]: how many events one dispatch tells.

use super::Network;
use super::notified::Notified;

/// A limit on the number of events that are told, and the owner of a network `N`, who may see them.
pub(super) trait Limit<N> {
    /// Once the network has no event, answers are told without more ado. Otherwise readiness comes before them.
    const TELLS_ANSWERS: bool;

    /// Asks for one more event.
    fn permits(&mut self) -> bool;
    /// Counts an emitted event, which is being told from now on.
    fn told(&mut self);
    /// Counts an event of the network, likewise.
    fn told_of_network(&mut self);
    /// Permits, once, that all events of the network that wait are told beyond the limit, if its queue has no room for
    /// some of them. Returns `false` if there are none, or if it is not the number of events that was limited.
    fn goes_beyond(&mut self, network: &N) -> bool;
    /// Hears that the network has no event. Returns whether it had gone beyond, which ends now.
    fn ends_beyond(&mut self) -> bool;
    /// Shows the owner what has been told to all notifees.
    #[inline(always)]
    fn show_owner(&mut self, _network: &mut N, _told: Notified) {}
}

/// Returns the number of events that are told beyond a limit which was reached `times` times before. Apart, so that who
/// tells few events does not pay for it (6 instructions an event).
#[cold]
#[inline(never)]
pub(super) fn events_beyond(network: &impl Network, times: usize) -> usize {
    if times > 0 { 0 } else { network.event_source().events_until_room() }
}
