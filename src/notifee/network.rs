//! [`Network`]: the thing that notifees observe. [`HasNode`]: a network with a node, as protocols need it.
//!
//! Both say how notifees reach what is below them through a type of the owner's, so they live in the layer of notifees. What
//! they lead to lives in its own layer: [`EventSource`] in the lifecycle, `Node` in the swarm.

use crate::lifecycle::{Event, EventSource, Lifecycle};
#[cfg(feature = "swarm")]
use crate::swarm::{Node, PipeTransport, Reactor, Swarm};

/// Anything that has events: a [`Lifecycle`], a swarm, or a world of your own with one of them inside. See `HasNode` for one
/// with a swarm.
///
/// Two methods are yours to write, and lead to what is inside. Whatever comes to this trait later has a default.
///
/// ```
/// use swarm_notify::lifecycle::{EventSource, Lifecycle};
/// use swarm_notify::notifee::{Network, Notifees};
///
/// struct World {
///     lifecycle: Lifecycle,
///     log: Vec<String>,
/// }
///
/// impl Network for World {
///     fn event_source(&self) -> &dyn EventSource {
///         &self.lifecycle
///     }
///
///     fn event_source_mut(&mut self) -> &mut dyn EventSource {
///         &mut self.lifecycle
///     }
/// }
///
/// let notifees = Notifees::<World>::new();
/// ```
pub trait Network {
    /// Returns what its events come from.
    fn event_source(&self) -> &dyn EventSource;

    /// Returns what its events come from. It must be the same as that of [`event_source`](Self::event_source).
    fn event_source_mut(&mut self) -> &mut dyn EventSource;

    /// Returns the next event, that of the source. The call says that the one before has been handled. Write it to see each
    /// event before notifees do, or to hold some back; what it returns is told.
    #[inline]
    fn next_event(&mut self) -> Option<Event> {
        self.event_source_mut().next_event()
    }

    /// Holds the source still while notifees are told. It is here for this crate's own tests, and may change in any version.
    #[doc(hidden)]
    #[inline]
    fn hold(&mut self, is_held: bool) {
        self.event_source_mut().hold(is_held);
    }
}

impl<const EVENTS: usize> Network for Lifecycle<EVENTS> {
    #[inline]
    fn event_source(&self) -> &dyn EventSource {
        self
    }

    #[inline]
    fn event_source_mut(&mut self) -> &mut dyn EventSource {
        self
    }
}

#[cfg(feature = "swarm")]
impl<T, const EVENTS: usize, R> Network for Swarm<T, EVENTS, R>
where
    T: PipeTransport,
    R: Reactor,
{
    #[inline]
    fn event_source(&self) -> &dyn EventSource {
        self
    }

    #[inline]
    fn event_source_mut(&mut self) -> &mut dyn EventSource {
        self
    }
}

/// A network that a [`Node`] is in: a swarm itself, or your own world with one inside.
///
/// ```
/// use libp2p_core::transport::MemoryTransport;
/// use swarm_notify::lifecycle::EventSource;
/// use swarm_notify::notifee::{HasNode, Network, Node};
/// use swarm_notify::swarm::Swarm;
///
/// struct World {
///     swarm: Swarm<MemoryTransport>,
///     players: Vec<String>,
/// }
///
/// impl HasNode for World {
///     fn node(&self) -> &dyn Node {
///         &self.swarm
///     }
///
///     fn node_mut(&mut self) -> &mut dyn Node {
///         &mut self.swarm
///     }
/// }
///
/// impl Network for World {
///     fn event_source(&self) -> &dyn EventSource {
///         &self.swarm
///     }
///
///     fn event_source_mut(&mut self) -> &mut dyn EventSource {
///         &mut self.swarm
///     }
/// }
/// ```
#[cfg(feature = "swarm")]
pub trait HasNode: Network {
    /// The node.
    fn node(&self) -> &dyn Node;

    /// The node, to be given commands.
    fn node_mut(&mut self) -> &mut dyn Node;
}

#[cfg(feature = "swarm")]
impl<T, const EVENTS: usize, R> HasNode for Swarm<T, EVENTS, R>
where
    T: PipeTransport,
    Self: 'static,
    R: Reactor,
{
    fn node(&self) -> &dyn Node {
        self
    }

    fn node_mut(&mut self) -> &mut dyn Node {
        self
    }
}
