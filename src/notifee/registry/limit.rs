//! [`Limit`]: a limit on the number of events that one dispatch tells notifees.

use super::Network;
use super::notified::Notified;

/// A limit on the number of events that one dispatch or drive tells the notifees of a network `N`. The implementation also
/// shows the events to the network's owner, if the owner wants to see them.
pub(super) trait Limit<N> {
    /// `true` if answers (events that a notifee emits while it is told of an emitted event) are told as soon as the network
    /// has no event; `false` if readiness is told before answers.
    const TELLS_ANSWERS: bool;

    /// Returns whether one more event may be told.
    fn permits(&mut self) -> bool;
    /// Counts an emitted event that is about to be told.
    fn told(&mut self);
    /// Counts an event of the network that is about to be told.
    fn told_of_network(&mut self);
    /// Raises the limit, once, so that all waiting events of the network may be told, if the network's queue has no room for
    /// some of them. Returns `false` if the queue has room for all, or if the limit that was reached is not the number of
    /// events.
    fn goes_beyond(&mut self, network: &N) -> bool;
    /// Records that the network has no more events. Returns `true` if events were told beyond the limit, in which case no
    /// further event may be told now.
    fn ends_beyond(&mut self) -> bool;
    /// Shows the owner a notification after all notifees have been told of it.
    #[inline(always)]
    fn show_owner(&mut self, _network: &mut N, _told: Notified) {}
}

/// Returns the number of events that may be told beyond a limit, which has been raised `times` times before. This is a
/// function of its own, since it would cost each event 6 instructions if it were inlined.
#[cold]
#[inline(never)]
pub(super) fn events_beyond(network: &impl Network, times: usize) -> usize {
    // When a dispatch ended at its limit in any case, one peer kept the queue full for ever: it began and reset streams, its
    // connection owed up to 2 048 closing events where a dispatch told 1 024, and nobody else could open anything. The limit
    // is raised only once, since commands of notifees may cause further events for which there is no room.
    if times > 0 { 0 } else { network.event_source().events_until_room() }
}
