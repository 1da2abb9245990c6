//! [`Node`]: a swarm, whatever its transport and the size of its queue, as protocols and subscriptions see it.

use super::Network;
use crate::connection::{Protocol, ReadError, WriteError};
use crate::identity::PeerId;
use crate::lifecycle::{ConnectionId, Counters, Event, Fault, ListenerId, StreamId};
use crate::swarm::{
    CloseError, Config, ConnectionView, DialError, Gate, ListenError, ListenerView, Lists, Multiaddr, OpenStreamError,
    ProtectError, ProtocolLimits, Reactor, Readiness, Refusal, RefusedAt, StreamView, Swarm, SwarmTransport,
};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::task::Waker;
use core::time::Duration;
use std::io;

/// Writes the trait and the swarm's implementation side by side: each method is the swarm's of the same name.
macro_rules! node {
    ($(
        $(#[$doc:meta])*
        fn $name:ident(&$self:ident $(, $arg:ident: $type:ty)*) $(-> $ret:ty)?;
    )* mut $(
        $(#[$mut_doc:meta])*
        fn $mut_name:ident(&mut $mut_self:ident $(, $mut_arg:ident: $mut_type:ty)*) $(-> $mut_ret:ty)?;
    )*) => {
        /// A swarm, seen by its notifees: commands and look-ups, each as [`Swarm`] documents it under the same name. It has
        /// all methods of a swarm but those that make one and those that drive one.
        ///
        /// It can be made an object, so that a protocol is compiled once for all transports. Swarms are nodes, and so is the
        /// swarm of a `Host`. A world of your own with a swarm inside is no node: it [has one](HasNode).
        #[diagnostic::on_unimplemented(
            message = "`{Self}` is no node",
            note = "pass the swarm inside: `world.node_mut()` of what implements `HasNode`, such as `cx.network().node_mut()`"
        )]
        pub trait Node: Network {
            $($(#[$doc])* fn $name(&$self $(, $arg: $type)*) $(-> $ret)?;)*
            $($(#[$mut_doc])* fn $mut_name(&mut $mut_self $(, $mut_arg: $mut_type)*) $(-> $mut_ret)?;)*
            /// [`Swarm::refused_at`]
            fn refused_at(&self, at: RefusedAt, refusal: Refusal) -> u64;
            /// [`Swarm::connections_of`], collected.
            fn connections_of(&self, peer: PeerId) -> Vec<ConnectionId>;
            /// [`Swarm::listeners`], collected.
            fn listeners(&self) -> Vec<ListenerId>;
            /// [`Swarm::connections`], collected.
            fn connections(&self) -> Vec<ConnectionId>;
            /// [`Swarm::streams_of`], collected.
            fn streams_of(&self, connection: ConnectionId) -> Vec<StreamId>;
            /// [`Swarm::protocols`], collected.
            fn protocols(&self) -> Vec<Protocol>;
            /// [`Swarm::protections_of`], collected.
            fn protections_of(&self, peer: PeerId) -> Vec<&str>;
        }

        impl<T, const EVENTS: usize, R> Node for Swarm<T, EVENTS, R>
        where
            T: SwarmTransport,
            R: Reactor,
        {
            $(fn $name(&$self $(, $arg: $type)*) $(-> $ret)? {
                Swarm::$name($self $(, $arg)*)
            })*
            $(fn $mut_name(&mut $mut_self $(, $mut_arg: $mut_type)*) $(-> $mut_ret)? {
                Swarm::$mut_name($mut_self $(, $mut_arg)*)
            })*

            fn refused_at(&self, at: RefusedAt, refusal: Refusal) -> u64 {
                Swarm::refused_at(self, at, refusal)
            }

            fn connections_of(&self, peer: PeerId) -> Vec<ConnectionId> {
                Swarm::connections_of(self, peer).collect()
            }

            fn listeners(&self) -> Vec<ListenerId> {
                Swarm::listeners(self).collect()
            }

            fn connections(&self) -> Vec<ConnectionId> {
                Swarm::connections(self).collect()
            }

            fn streams_of(&self, connection: ConnectionId) -> Vec<StreamId> {
                Swarm::streams_of(self, connection).collect()
            }

            fn protocols(&self) -> Vec<Protocol> {
                Swarm::protocols(self).cloned().collect()
            }

            fn protections_of(&self, peer: PeerId) -> Vec<&str> {
                Swarm::protections_of(self, peer).collect()
            }
        }
    };
}

/// Hands the methods of [`Node`] to a macro, which writes them: look-ups, and behind `mut` commands.
macro_rules! node_methods {
    ($write:ident) => {
        $write! {
            /// [`Swarm::local_peer`]
            fn local_peer(&self) -> PeerId;
            /// [`Swarm::listener`]
            fn listener(&self, id: ListenerId) -> Option<ListenerView<'_>>;
            /// [`Swarm::connection`]
            fn connection(&self, id: ConnectionId) -> Option<ConnectionView<'_>>;
            /// [`Swarm::stream`]
            fn stream(&self, id: StreamId) -> Option<StreamView<'_>>;
            /// [`Swarm::config`]
            fn config(&self) -> &Config;
            /// [`Swarm::refused`]
            fn refused(&self, refusal: Refusal) -> u64;
            /// [`Swarm::last_refused_from`]
            fn last_refused_from(&self, listener: ListenerId, refusal: Refusal) -> Option<&Multiaddr>;
            /// [`Swarm::lists`]
            fn lists(&self) -> &Lists;
            /// [`Swarm::is_protected`]
            fn is_protected(&self, peer: PeerId) -> bool;
            /// [`Swarm::inbound_handshakes`]
            fn inbound_handshakes(&self) -> usize;
            /// [`Swarm::bytes_held`]
            fn bytes_held(&self) -> usize;
            /// [`Swarm::bytes_held_of`]
            fn bytes_held_of(&self, peer: PeerId) -> usize;
            /// [`Swarm::counters`]
            fn counters(&self) -> &Counters;
            /// [`Swarm::waker`]
            fn waker(&self) -> Waker;
            /// [`Swarm::is_shut_down`]
            fn is_shut_down(&self) -> bool;
            mut
            /// [`Swarm::register_protocol`]
            fn register_protocol(&mut self, protocol: Protocol);
            /// [`Swarm::unregister_protocol`]
            fn unregister_protocol(&mut self, protocol: &Protocol);
            /// [`Swarm::limit_protocol`]
            fn limit_protocol(&mut self, protocol: &Protocol, limits: ProtocolLimits);
            /// [`Swarm::lists_mut`]
            fn lists_mut(&mut self) -> &mut Lists;
            /// [`Swarm::set_gate`]
            fn set_gate(&mut self, gate: Option<Box<dyn Gate>>) -> Option<Box<dyn Gate>>;
            /// [`Swarm::ask_gate_again`]
            fn ask_gate_again(&mut self);
            /// [`Swarm::listen`]
            fn listen(&mut self, address: Multiaddr) -> Result<ListenerId, ListenError>;
            /// [`Swarm::dial`]
            fn dial(&mut self, address: Multiaddr) -> Result<ConnectionId, DialError>;
            /// [`Swarm::close_listener`]
            fn close_listener(&mut self, id: ListenerId) -> Result<(), CloseError>;
            /// [`Swarm::close_connection`]
            fn close_connection(&mut self, id: ConnectionId) -> Result<(), CloseError>;
            /// [`Swarm::abort_connection`]
            fn abort_connection(&mut self, id: ConnectionId) -> Result<(), CloseError>;
            /// [`Swarm::fail_connection`]
            fn fail_connection(&mut self, id: ConnectionId, fault: Fault) -> Result<(), CloseError>;
            /// [`Swarm::count_refusals`]
            fn count_refusals(&mut self, connection: ConnectionId, refusal: Refusal, count: u64);
            /// [`Swarm::note_round_trip`]
            fn note_round_trip(&mut self, connection: ConnectionId, round_trip: Duration);
            /// [`Swarm::disconnect_peer`]
            fn disconnect_peer(&mut self, peer: PeerId) -> usize;
            /// [`Swarm::protect`]
            fn protect(&mut self, peer: PeerId, tag: &str) -> Result<(), ProtectError>;
            /// [`Swarm::unprotect`]
            fn unprotect(&mut self, peer: PeerId, tag: &str) -> bool;
            /// [`Swarm::shutdown`]
            fn shutdown(&mut self);
            /// [`Swarm::open_stream`]
            fn open_stream(&mut self, connection: ConnectionId, protocols: &[Protocol]) -> Result<StreamId, OpenStreamError>;
            /// [`Swarm::read`]
            fn read(&mut self, id: StreamId, buffer: &mut [u8]) -> Result<usize, ReadError>;
            /// [`Swarm::write`]
            fn write(&mut self, id: StreamId, data: &[u8]) -> Result<usize, WriteError>;
            /// [`Swarm::write_room`]
            fn write_room(&mut self, id: StreamId) -> usize;
            /// [`Swarm::flush`]
            fn flush(&mut self, id: StreamId) -> Result<(), WriteError>;
            /// [`Swarm::finish`]
            fn finish(&mut self, id: StreamId) -> Result<(), WriteError>;
            /// [`Swarm::close_stream`]
            fn close_stream(&mut self, id: StreamId) -> Result<(), CloseError>;
            /// [`Swarm::set_half_open_timeout`]
            fn set_half_open_timeout(&mut self, id: StreamId, time: Option<Duration>) -> Result<(), CloseError>;
            /// [`Swarm::reset`]
            fn reset(&mut self, id: StreamId) -> Result<(), CloseError>;
            /// [`Swarm::take_unread`]
            fn take_unread(&mut self, id: StreamId) -> Vec<u8>;
            /// [`Swarm::next_ready`]
            fn next_ready(&mut self) -> Option<Readiness>;
            /// [`Swarm::last_error`]
            fn last_error(&mut self) -> Option<io::Error>;
        }
    };
}

node_methods!(node);

#[cfg(all(feature = "host", unix))]
pub(crate) use node_methods;

impl<T, const EVENTS: usize, R> Network for Swarm<T, EVENTS, R>
where
    T: SwarmTransport,
    R: Reactor,
{
    #[inline]
    fn next_event(&mut self) -> Option<Event> {
        Self::next_event(self)
    }

    fn hold(&mut self, is_held: bool) {
        Self::hold(self, is_held);
    }

    fn openings(&self) -> Vec<Event> {
        Self::openings(self)
    }

    fn events_until_room(&self) -> usize {
        Self::events_until_room(self)
    }
}

/// A network that a [`Node`] is in: a swarm itself, or your own world with one inside.
///
/// ```
/// use libp2p_core::transport::MemoryTransport;
/// use swarm_notify::lifecycle::Event;
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
///     fn next_event(&mut self) -> Option<Event> {
///         self.swarm.next_event()
///     }
///
///     fn hold(&mut self, is_held: bool) {
///         Network::hold(&mut self.swarm, is_held);
///     }
///
///     fn openings(&self) -> Vec<Event> {
///         self.swarm.openings()
///     }
///
///     fn events_until_room(&self) -> usize {
///         self.swarm.events_until_room()
///     }
/// }
/// ```
pub trait HasNode: Network {
    /// The node.
    fn node(&self) -> &dyn Node;

    /// The node, to be given commands.
    fn node_mut(&mut self) -> &mut dyn Node;
}

impl<T, const EVENTS: usize, R> HasNode for Swarm<T, EVENTS, R>
where
    T: SwarmTransport,
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
