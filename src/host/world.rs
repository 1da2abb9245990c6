//! [`World`]: a swarm whose transport and queue are forgotten, so that hosts and handles need no parameters, and its
//! notifees.

use crate::lifecycle::Event;
use crate::notifee::{HasNode, Network, Node, Notifees};
use crate::swarm::{Swarm, Transport};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::task::{Context, Poll};
use core::time::Duration;
use futures_lite::io::{AsyncRead, AsyncWrite};

/// The swarm and its notifees.
pub(super) struct World {
    pub(super) swarm: AnySwarm,
    pub(super) notifees: Notifees<AnySwarm>,
}

impl World {
    pub(super) fn node(&mut self) -> &mut dyn Node {
        self.swarm.node_mut()
    }
}

/// A host's swarm, whatever its transport and the size of its queue: the network that the host's notifees observe.
///
/// Commands and look-ups are those of [`Node`]: [`node`](HasNode::node) and [`node_mut`](HasNode::node_mut).
pub struct AnySwarm(Box<dyn Driven>);

/// A node that its host drives.
trait Driven: Node {
    fn poll(&mut self, cx: &mut Context<'_>, now: Duration) -> Poll<()>;
    fn poll_at(&self) -> Option<Duration>;
    fn is_shut_down(&self) -> bool;
}

impl<T, const EVENTS: usize> Driven for Swarm<T, EVENTS>
where
    T: Transport + Unpin,
    T::Output: AsyncRead + AsyncWrite + Unpin,
    T::Error: 'static,
{
    fn poll(&mut self, cx: &mut Context<'_>, now: Duration) -> Poll<()> {
        Self::poll(self, cx, now)
    }

    fn poll_at(&self) -> Option<Duration> {
        Self::poll_at(self)
    }

    fn is_shut_down(&self) -> bool {
        Self::is_shut_down(self)
    }
}

impl AnySwarm {
    pub(super) fn new<T, const EVENTS: usize>(swarm: Swarm<T, EVENTS>) -> Self
    where
        T: Transport + Unpin + 'static,
        T::Output: AsyncRead + AsyncWrite + Unpin,
    {
        Self(Box::new(swarm))
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>, now: Duration) -> Poll<()> {
        self.0.poll(cx, now)
    }

    pub(super) fn poll_at(&self) -> Option<Duration> {
        self.0.poll_at()
    }

    /// Whether nothing lives any more and everything has been told, after a [`shutdown`](Node::shutdown).
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        self.0.is_shut_down()
    }
}

impl Network for AnySwarm {
    fn next_event(&mut self) -> Option<Event> {
        self.0.next_event()
    }

    fn hold(&mut self, is_held: bool) {
        self.0.hold(is_held);
    }

    fn openings(&self) -> Vec<Event> {
        self.0.openings()
    }
}

impl HasNode for AnySwarm {
    fn node(&self) -> &dyn Node {
        &*self.0
    }

    fn node_mut(&mut self) -> &mut dyn Node {
        &mut *self.0
    }
}

impl fmt::Debug for AnySwarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnySwarm").field("local_peer", &self.0.local_peer()).finish_non_exhaustive()
    }
}
