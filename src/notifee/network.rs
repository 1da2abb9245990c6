//! [`Network`]: the type that notifees observe, which produces events. [`HasNode`]: a network that contains a node, which is
//! what notifees with a protocol need.
//!
//! Through these traits, notifees get access to a lifecycle or swarm that is inside a type of the owner. The traits belong
//! to the layer of notifees. The traits that their methods return belong to lower layers: [`EventSource`] to the lifecycle,
//! and `Node` to the swarm.

use crate::lifecycle::{Event, EventSource, Lifecycle};
#[cfg(feature = "swarm")]
use crate::swarm::{Node, PipeTransport, Reactor, Swarm};

/// A type that produces events: a [`Lifecycle`], a swarm, or a type of yours that contains one of them. If your type
/// contains a swarm, implement `HasNode`, too.
///
/// You have to implement two methods, which return the lifecycle or swarm inside. Methods that are added to this trait later
/// will have default implementations.
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
    /// Returns the lifecycle or swarm that produces the events.
    fn event_source(&self) -> &dyn EventSource;

    /// Returns the lifecycle or swarm that produces the events, mutably. It must be the lifecycle or swarm that
    /// [`event_source`](Self::event_source) returns.
    fn event_source_mut(&mut self) -> &mut dyn EventSource;

    /// Returns the next event; by default, the next event of the source. A call of this method also means that the previous
    /// event has been handled. Implement this method to see each event before the notifees are told of it, or to hold some
    /// events back: notifees are told the events that this method returns.
    #[inline]
    fn next_event(&mut self) -> Option<Event> {
        self.event_source_mut().next_event()
    }

    /// Holds the events of the source back while `is_held` is `true`, that is, while notifees are told. The method is public
    /// for this crate's own tests, and may change in any version.
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

/// A network that contains a [`Node`]: a swarm itself, or a type of yours that contains a swarm.
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
    /// Returns the node in this network: the swarm, as a trait object.
    fn node(&self) -> &dyn Node;

    /// Returns the node in this network mutably, so that commands can be given to the node.
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
