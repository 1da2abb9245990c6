//! [`AnySwarm`]: a swarm behind a trait object, so that hosts and handles need no type parameters. [`HostSwarm`]: an
//! `AnySwarm` with its notifees.

use crate::connection::{Protocol, ReadError, WriteError};
use crate::identity::PeerId;
use crate::lifecycle::{ConnectionId, Counters, Event, EventSource, Fault, Hold, ListenerId, StreamId};
use crate::notifee::{HasNode, Network, Notifees};
use crate::swarm::{
    CloseError, Config, ConnectionView, DialError, Gate, ListenError, ListenerView, Lists, Multiaddr, Node,
    OpenStreamError, PipeTransport, ProtectError, ProtocolLimits, Reactor, Readiness, Refusal, RefusedAt, StreamView,
    Swarm, Transport, node_methods,
};
use alloc::boxed::Box;
use alloc::vec::Vec;
use async_io::Async;
use core::fmt;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// The maximum number of turns of the swarm in one turn of the host. After each turn of the swarm, another one follows if
/// the reactor's descriptor is readable.
const ROUNDS: usize = 4;

/// The swarm of a host and its notifees.
pub(super) struct HostSwarm {
    pub(super) swarm: AnySwarm,
    pub(super) notifees: Notifees<AnySwarm>,
}

impl HostSwarm {
    pub(super) fn node(&mut self) -> &mut dyn Node {
        self.swarm.node_mut()
    }

    /// Returns whether the threads of spawned notifees have ended. If `gives_up` is true, stops waiting for the threads that
    /// have not ended, and returns `true`. The task of `cx` is woken when the last thread ends.
    #[cfg(feature = "subscription")]
    pub(super) fn joins_threads(&mut self, cx: &mut Context<'_>, gives_up: bool) -> bool {
        let has_joined = self.notifees.poll_join(cx).is_ready();
        if gives_up {
            self.leave_threads();
        }
        has_joined || gives_up
    }

    /// Stops waiting for the threads of spawned notifees, since an executor's thread must not block. The threads end by
    /// themselves later.
    #[cfg(feature = "subscription")]
    pub(super) fn leave_threads(&mut self) {
        self.notifees.detach_threads();
    }

    #[cfg(not(feature = "subscription"))]
    pub(super) const fn joins_threads(&mut self, _cx: &mut Context<'_>, _gives_up: bool) -> bool {
        true
    }

    #[cfg(not(feature = "subscription"))]
    pub(super) const fn leave_threads(&mut self) {}
}

/// The swarm of a host, with any transport, event queue and reactor. It is the network that the host's notifees observe.
///
/// `AnySwarm` implements [`Node`]: import that trait to give the swarm commands and to query it, or pass the swarm to a
/// service that takes a `&mut dyn Node`. Code that is written for any network can also call [`HasNode::node_mut`], which
/// returns this swarm.
pub struct AnySwarm(Box<dyn Driven>);

/// A swarm that the host drives by calling [`turn`](Self::turn).
trait Driven {
    fn node(&self) -> &dyn Node;
    fn node_mut(&mut self) -> &mut dyn Node;
    /// Does one turn of the swarm, and arranges for the task of `cx` to be woken when there is more to do.
    fn turn(&mut self, cx: &mut Context<'_>, now: Duration);
    fn poll_at(&self) -> Option<Duration>;
}

/// A swarm whose transport wakes the task that polls it.
struct Woken<T: Transport, const EVENTS: usize>(Swarm<T, EVENTS>);

impl<T, const EVENTS: usize> Driven for Woken<T, EVENTS>
where
    T: PipeTransport + 'static,
{
    fn node(&self) -> &dyn Node {
        &self.0
    }

    fn node_mut(&mut self) -> &mut dyn Node {
        &mut self.0
    }

    fn turn(&mut self, cx: &mut Context<'_>, now: Duration) {
        // The result tells only whether there are events or readiness. It is ignored, since both are drained after each turn
        // in any case.
        let _ = self.0.poll(cx, now);
    }

    fn poll_at(&self) -> Option<Duration> {
        self.0.poll_at()
    }
}

/// A swarm whose reactor has a descriptor, for which `async-io` waits.
struct Nested<T: Transport, const EVENTS: usize, R> {
    /// A duplicate of the descriptor of the swarm's reactor. It is the first field and so is dropped first, so that
    /// `async-io` never waits for a closed descriptor.
    descriptor: Async<OwnedFd>,
    swarm: Swarm<T, EVENTS, R>,
}

impl<T, const EVENTS: usize, R> Driven for Nested<T, EVENTS, R>
where
    T: PipeTransport + 'static,
    R: Reactor + 'static,
{
    fn node(&self) -> &dyn Node {
        &self.swarm
    }

    fn node_mut(&mut self) -> &mut dyn Node {
        &mut self.swarm
    }

    fn turn(&mut self, cx: &mut Context<'_>, now: Duration) {
        for _ in 0..ROUNDS {
            // The swarm's turn is done before `async-io` is asked whether the descriptor is readable. The answer comes from
            // a thread of `async-io` and may be outdated, so it only decides whether another turn follows. An earlier
            // version trusted such a thread's answers for its sockets, and every loop that ticked and slept hung.
            self.swarm.tick(now);
            match self.descriptor.poll_readable(cx) {
                Poll::Pending => return,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return log::error!("cannot wait for the swarm's descriptor: {error}"),
            }
        }
        // The descriptor was readable each time. The task asks to be polled again, so that other tasks run in between.
        cx.waker().wake_by_ref();
    }

    fn poll_at(&self) -> Option<Duration> {
        self.swarm.poll_at()
    }
}

impl AnySwarm {
    pub(super) fn woken<T, const EVENTS: usize>(swarm: Swarm<T, EVENTS>) -> Self
    where
        T: PipeTransport + 'static,
    {
        Self(Box::new(Woken(swarm)))
    }

    pub(super) fn nested<T, const EVENTS: usize, R>(swarm: Swarm<T, EVENTS, R>) -> io::Result<Self>
    where
        T: PipeTransport + 'static,
        R: Reactor + AsFd + 'static,
    {
        // `Async::new` would make the descriptor non-blocking. Nobody reads from it, so it needs no flag, and the flag would
        // also be set on the reactor's descriptor, of which this is a duplicate.
        let descriptor = Async::new_nonblocking(swarm.as_fd().try_clone_to_owned()?)?;
        Ok(Self(Box::new(Nested { descriptor, swarm })))
    }

    pub(super) fn turn(&mut self, cx: &mut Context<'_>, now: Duration) {
        self.0.turn(cx, now);
    }

    pub(super) fn poll_at(&self) -> Option<Duration> {
        self.0.poll_at()
    }

    /// Returns whether everything has ended after a [`shutdown`](Node::shutdown), and all events have been drained.
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        self.0.node().is_shut_down()
    }
}

impl Hold for AnySwarm {
    fn hold(&mut self, is_held: bool) {
        self.0.node_mut().hold(is_held);
    }
}

impl EventSource for AnySwarm {
    fn next_event(&mut self) -> Option<Event> {
        self.0.node_mut().next_event()
    }

    fn openings(&self) -> Vec<Event> {
        self.0.node().openings()
    }

    fn events_until_room(&self) -> usize {
        self.0.node().events_until_room()
    }
}

impl Network for AnySwarm {
    fn event_source(&self) -> &dyn EventSource {
        self.0.node()
    }

    fn event_source_mut(&mut self) -> &mut dyn EventSource {
        self.0.node_mut()
    }
}

impl HasNode for AnySwarm {
    fn node(&self) -> &dyn Node {
        self.0.node()
    }

    fn node_mut(&mut self) -> &mut dyn Node {
        self.0.node_mut()
    }
}

/// Implements `Node` for `AnySwarm`: each method calls the method of the swarm inside.
macro_rules! node {
    ($(
        $(#[$doc:meta])*
        fn $name:ident(&$self:ident $(, $arg:ident: $type:ty)*) $(-> $ret:ty)?;
    )* mut $(
        $(#[$mut_doc:meta])*
        fn $mut_name:ident(&mut $mut_self:ident $(, $mut_arg:ident: $mut_type:ty)*) $(-> $mut_ret:ty)?;
    )*) => {
        impl Node for AnySwarm {
            $(fn $name(&$self $(, $arg: $type)*) $(-> $ret)? {
                $self.0.node().$name($($arg),*)
            })*
            $(fn $mut_name(&mut $mut_self $(, $mut_arg: $mut_type)*) $(-> $mut_ret)? {
                $mut_self.0.node_mut().$mut_name($($mut_arg),*)
            })*

            // These methods are not in the list of `node_methods`: `Swarm` returns iterators from most of them, which the
            // methods of a trait object cannot, so `Node` returns vectors.
            fn refused_at(&self, at: RefusedAt, refusal: Refusal) -> u64 {
                self.0.node().refused_at(at, refusal)
            }

            fn connections_of(&self, peer: PeerId) -> Vec<ConnectionId> {
                self.0.node().connections_of(peer)
            }

            fn listeners(&self) -> Vec<ListenerId> {
                self.0.node().listeners()
            }

            fn connections(&self) -> Vec<ConnectionId> {
                self.0.node().connections()
            }

            fn streams_of(&self, connection: ConnectionId) -> Vec<StreamId> {
                self.0.node().streams_of(connection)
            }

            fn protocols(&self) -> Vec<Protocol> {
                self.0.node().protocols()
            }

            fn protections_of(&self, peer: PeerId) -> Vec<&str> {
                self.0.node().protections_of(peer)
            }
        }
    };
}

node_methods!(node);

impl fmt::Debug for AnySwarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnySwarm").field("local_peer", &self.0.node().local_peer()).finish_non_exhaustive()
    }
}
