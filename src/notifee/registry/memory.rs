//! [`Notifees::memory_bound`]: the maximum number of bytes of heap that a node with all its services can take.

use super::super::HasNode;
use super::{KINDS, Notifees, RegisteredNotifee};
use core::ops::Range;

/// Returns the number of bytes of heap that the registry takes for each notifee: for the notifee's entry, for a vacant
/// entry, and for one range in the list of each kind of notification.
const fn place<N>() -> usize {
    4 * size_of::<RegisteredNotifee<N>>() + 2 * KINDS * size_of::<Range<usize>>() + 128
}

impl<N: HasNode> Notifees<N> {
    /// Returns the maximum number of bytes of heap that the node can take with all registered notifees, whatever its peers
    /// do. It is the sum of the bound of the swarm's [`Config`](crate::swarm::Config::memory_bound), of the bounds of all
    /// registered [notifees](super::super::Notifee::memory_bound), and of the memory of this registry. Compare this number
    /// with the memory of the machine. The bounds do not change, so one call is enough, after everything has been installed.
    /// It costs O(number of notifees).
    ///
    /// All services of this crate and hosts state their bounds. If a notifee of yours states none, only the size of its
    /// value is counted. The sum does not include the queues of subscriptions and of spawned notifees, the memory of the
    /// transport, and the memory of the rest of your program.
    ///
    #[cfg_attr(feature = "rand", doc = "```")]
    #[cfg_attr(not(feature = "rand"), doc = "```ignore")]
    /// # #[cfg(feature = "protocols")]
    /// # fn main() -> Result<(), Box<dyn core::error::Error>> {
    /// use libp2p_core::transport::MemoryTransport;
    /// use swarm_notify::keys;
    /// use swarm_notify::notifee::Notifees;
    /// use swarm_notify::protocols::identify::{self, Identify};
    /// use swarm_notify::swarm::{Config, Swarm};
    ///
    /// let identity = keys::generate()?;
    /// let mut swarm = Swarm::from_os_rng((), MemoryTransport::new(), &identity, Config::small())?;
    /// let mut notifees = Notifees::new();
    /// let swarm_alone = notifees.memory_bound(&swarm);
    /// notifees.install(&mut swarm, Identify::new(identity.public(), identify::Config::small()));
    /// let stated = identify::Config::small().memory_bound(&swarm.config().limits);
    /// assert!(notifees.memory_bound(&swarm) > swarm_alone + stated);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "protocols"))]
    /// # fn main() {}
    /// ```
    #[must_use]
    pub fn memory_bound(&self, network: &N) -> usize {
        let config = network.node().config();
        let own = config.memory_bound().saturating_add(self.changes.emissions.memory_bound());
        let stated = self.entries.iter().chain(&self.changes.added).map(|entry| {
            let itself = size_of_val(&*entry.notifee).saturating_add(place::<N>());
            entry.notifee.memory_bound(&config.limits).saturating_add(itself)
        });
        stated.fold(own, usize::saturating_add)
    }
}
