//! [`Notifees::memory_bound`]: the most heap that a node with all its services can take.

use super::super::HasNode;
use super::{KINDS, Notifees, RegisteredNotifee};
use core::ops::Range;

/// Returns the bytes of heap of a notifee's place, if as many places are vacant, and of its entry in the list of each kind.
const fn place<N>() -> usize {
    4 * size_of::<RegisteredNotifee<N>>() + 2 * KINDS * size_of::<Range<usize>>() + 128
}

impl<N: HasNode> Notifees<N> {
    /// Returns the most bytes of heap that the node can take with all that is installed, whatever its peers do: the sum of
    /// the bound of its swarm's [`Config`](crate::swarm::Config::memory_bound), of the bounds of all registered
    /// [notifees](super::super::Notifee::memory_bound), and of the memory of this registry. Compare it with the memory of
    /// the machine. It is computed from bounds that do not change, in O(number of notifees): call it once everything is
    /// installed.
    ///
    /// All services of this crate state their bounds, and so does a host. A notifee of your own that states none counts with
    /// the size of its value. The sum does not include the queues of subscriptions and of spawned notifees, the memory of
    /// the transport, and whatever you keep elsewhere.
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
