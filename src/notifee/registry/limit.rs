//! [`Limit`]: the limit on the events that one dispatch tells.

use super::Network;
use super::notified::Notified;

/// A limit on the number of events that are told, and the owner of a network `N`, which may see them.
pub(super) trait Limit<N> {
    /// `true` if answers are told as soon as the network has no event; `false` if readiness comes before them.
    const TELLS_ANSWERS: bool;

    /// Asks for one more event.
    fn permits(&mut self) -> bool;
    /// Counts an emitted event that is about to be told.
    fn told(&mut self);
    /// Counts an event of the network that is about to be told.
    fn told_of_network(&mut self);
    /// Permits, once, that all waiting events of the network are told beyond the limit, if its queue has no room for some of
    /// them. Returns `false` if the queue has room, or if something other than the number of events was the limit.
    fn goes_beyond(&mut self, network: &N) -> bool;
    /// Takes note that the network has no event. If events were told beyond the limit, that ends now, and it returns `true`.
    fn ends_beyond(&mut self) -> bool;
    /// Shows the owner what all notifees have been told.
    #[inline(always)]
    fn show_owner(&mut self, _network: &mut N, _told: Notified) {}
}

/// Returns the number of events to tell beyond a limit that was reached `times` times before. It is a function of its own so
/// that a dispatch of few events does not pay for it (6 instructions an event).
#[cold]
#[inline(never)]
pub(super) fn events_beyond(network: &impl Network, times: usize) -> usize {
    if times > 0 { 0 } else { network.events_until_room() }
}
