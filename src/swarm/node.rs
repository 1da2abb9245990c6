//! [`Node`]: the trait through which protocols and subscriptions use a swarm, without knowing its transport or the size of
//! its event queue.

use super::{
    CloseError, Config, ConnectionView, DialError, Gate, ListenError, ListenerView, Lists, Multiaddr, OpenStreamError,
    PipeTransport, ProtectError, ProtocolLimits, Reactor, Readiness, Refusal, RefusedAt, StreamView, Swarm,
};
use crate::connection::{Protocol, ReadError, WriteError};
use crate::identity::PeerId;
use crate::lifecycle::{ConnectionId, Counters, Event, EventSource, Fault, Hold, ListenerId, StreamId};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::task::Waker;
use core::time::Duration;
use std::io;

/// Writes the trait [`Node`] and its implementation for [`Swarm`]. Each method of the trait calls the method of the swarm
/// that has the same name.
macro_rules! node {
    ($(
        $(#[$doc:meta])*
        fn $name:ident(&$self:ident $(, $arg:ident: $type:ty)*) $(-> $ret:ty)?;
    )* mut $(
        $(#[$mut_doc:meta])*
        fn $mut_name:ident(&mut $mut_self:ident $(, $mut_arg:ident: $mut_type:ty)*) $(-> $mut_ret:ty)?;
    )*) => {
        /// A swarm, as its notifees use it: commands and lookups. [`Swarm`] documents each under the same name. The trait
        /// has all methods of a swarm except those that make a swarm and those that drive one.
        ///
        /// The trait is sealed: only the swarms of this crate implement it, so that methods can be added later.
        ///
        /// The trait can be used as a trait object, so that a protocol is compiled once for all transports. Swarms implement
        /// `Node`, and so does the swarm of a `Host`. A type of your own that contains a swarm does not implement `Node`,
        /// but can implement [`HasNode`](crate::notifee::HasNode).
        #[diagnostic::on_unimplemented(
            message = "`{Self}` is no node",
            note = "pass the swarm inside: `world.node_mut()` of what implements `HasNode`, such as `cx.network().node_mut()`"
        )]
        pub trait Node: EventSource {
            $($(#[$doc])* fn $name(&$self $(, $arg: $type)*) $(-> $ret)?;)*
            $($(#[$mut_doc])* fn $mut_name(&mut $mut_self $(, $mut_arg: $mut_type)*) $(-> $mut_ret)?;)*
            // A trait object cannot have methods with `impl Trait` in their signature, as the swarm's own methods of these
            // names have: `refused_at` takes the id itself, and an iterator becomes a vector.
            /// Returns the number of refusals of one kind at one listener or connection: see [`Swarm::refused_at`].
            fn refused_at(&self, at: RefusedAt, refusal: Refusal) -> u64;
            /// Returns the ids of the open connections to a peer, as a vector: see [`Swarm::connections_of`].
            fn connections_of(&self, peer: PeerId) -> Vec<ConnectionId>;
            /// Returns the ids of all listeners, as a vector: see [`Swarm::listeners`].
            fn listeners(&self) -> Vec<ListenerId>;
            /// Returns the ids of all connections, as a vector: see [`Swarm::connections`].
            fn connections(&self) -> Vec<ConnectionId>;
            /// Returns the ids of the streams of a connection, as a vector: see [`Swarm::streams_of`].
            fn streams_of(&self, connection: ConnectionId) -> Vec<StreamId>;
            /// Returns the registered protocols, as a vector: see [`Swarm::protocols`].
            fn protocols(&self) -> Vec<Protocol>;
            /// Returns the tags that protect a peer, as a vector: see [`Swarm::protections_of`].
            fn protections_of(&self, peer: PeerId) -> Vec<&str>;
        }

        impl<T, const EVENTS: usize, R> Node for Swarm<T, EVENTS, R>
        where
            T: PipeTransport,
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

/// Passes the signatures of the methods of [`Node`] to the macro `$write`: first the methods with `&self`, then, after the
/// word `mut`, the methods with `&mut self`. The list of signatures is a macro of its own, since the module `host` writes a
/// second implementation of the trait from it, for the swarm inside a host.
macro_rules! node_methods {
    ($write:ident) => {
        $write! {
            /// Returns our own peer id: see [`Swarm::local_peer`].
            fn local_peer(&self) -> PeerId;
            /// Returns a view of a listener: see [`Swarm::listener`].
            fn listener(&self, id: ListenerId) -> Option<ListenerView<'_>>;
            /// Returns a view of a connection: see [`Swarm::connection`].
            fn connection(&self, id: ConnectionId) -> Option<ConnectionView<'_>>;
            /// Returns a view of a stream: see [`Swarm::stream`].
            fn stream(&self, id: StreamId) -> Option<StreamView<'_>>;
            /// Returns the configuration with which the swarm was made: see [`Swarm::config`].
            fn config(&self) -> &Config;
            /// Returns the number of refusals of one kind since the start: see [`Swarm::refused`].
            fn refused(&self, refusal: Refusal) -> u64;
            /// Returns the remote address of the last refusal of one kind at a listener: see [`Swarm::last_refused_from`].
            fn last_refused_from(&self, listener: ListenerId, refusal: Refusal) -> Option<&Multiaddr>;
            /// Returns the lists of allowed and denied peers and networks: see [`Swarm::lists`].
            fn lists(&self) -> &Lists;
            /// Returns whether a peer is protected from trimming: see [`Swarm::is_protected`].
            fn is_protected(&self, peer: PeerId) -> bool;
            /// Returns the number of accepted connections whose peers are not authenticated yet: see
            /// [`Swarm::inbound_handshakes`].
            fn inbound_handshakes(&self) -> usize;
            /// Returns the number of bytes of memory that all connections hold: see [`Swarm::bytes_held`].
            fn bytes_held(&self) -> usize;
            /// Returns the number of bytes of memory that the connections of one peer hold: see [`Swarm::bytes_held_of`].
            fn bytes_held_of(&self, peer: PeerId) -> usize;
            /// Returns the counters of listeners, connections and streams: see [`Swarm::counters`].
            fn counters(&self) -> &Counters;
            /// Returns a waker with which any thread can ask the owner for a turn: see [`Swarm::waker`].
            fn waker(&self) -> Waker;
            /// Returns whether a shutdown is complete: see [`Swarm::is_shut_down`].
            fn is_shut_down(&self) -> bool;
            mut
            /// Lets inbound streams choose a protocol: see [`Swarm::register_protocol`].
            fn register_protocol(&mut self, protocol: Protocol);
            /// Stops inbound streams from choosing a protocol: see [`Swarm::unregister_protocol`].
            fn unregister_protocol(&mut self, protocol: &Protocol);
            /// Limits the number of streams of a protocol that peers may have open: see [`Swarm::limit_protocol`].
            fn limit_protocol(&mut self, protocol: &Protocol, limits: ProtocolLimits);
            /// Returns the lists of allowed and denied peers and networks, for changes: see [`Swarm::lists_mut`].
            fn lists_mut(&mut self) -> &mut Lists;
            /// Replaces the gate, and returns the previous one: see [`Swarm::set_gate`].
            fn set_gate(&mut self, gate: Option<Box<dyn Gate>>) -> Option<Box<dyn Gate>>;
            /// Asks the gate about open connections and streams again: see [`Swarm::ask_gate_again`].
            fn ask_gate_again(&mut self);
            /// Listens on an address: see [`Swarm::listen`].
            fn listen(&mut self, address: Multiaddr) -> Result<ListenerId, ListenError>;
            /// Dials an address: see [`Swarm::dial`].
            fn dial(&mut self, address: Multiaddr) -> Result<ConnectionId, DialError>;
            /// Closes a listener: see [`Swarm::close_listener`].
            fn close_listener(&mut self, id: ListenerId) -> Result<(), CloseError>;
            /// Closes a connection politely: see [`Swarm::close_connection`].
            fn close_connection(&mut self, id: ConnectionId) -> Result<(), CloseError>;
            /// Closes a connection at once: see [`Swarm::abort_connection`].
            fn abort_connection(&mut self, id: ConnectionId) -> Result<(), CloseError>;
            /// Ends a connection at once, and records that its peer was at fault: see [`Swarm::fail_connection`].
            fn fail_connection(&mut self, id: ConnectionId, fault: Fault) -> Result<(), CloseError>;
            /// Adds refusals of a protocol to the counts of a connection: see [`Swarm::count_refusals`].
            fn count_refusals(&mut self, connection: ConnectionId, refusal: Refusal, count: u64);
            /// Sets the round-trip time of a connection: see [`Swarm::note_round_trip`].
            fn note_round_trip(&mut self, connection: ConnectionId, round_trip: Duration);
            /// Closes all connections of a peer politely, and returns their number: see [`Swarm::disconnect_peer`].
            fn disconnect_peer(&mut self, peer: PeerId) -> usize;
            /// Protects a peer from trimming, under a tag: see [`Swarm::protect`].
            fn protect(&mut self, peer: PeerId, tag: &str) -> Result<(), ProtectError>;
            /// Removes the protection of a peer under a tag: see [`Swarm::unprotect`].
            fn unprotect(&mut self, peer: PeerId, tag: &str) -> bool;
            /// Closes all listeners and connections: see [`Swarm::shutdown`].
            fn shutdown(&mut self);
            /// Opens a stream on a connection: see [`Swarm::open_stream`].
            fn open_stream(&mut self, connection: ConnectionId, protocols: &[Protocol]) -> Result<StreamId, OpenStreamError>;
            /// Reads from a stream: see [`Swarm::read`].
            fn read(&mut self, id: StreamId, buffer: &mut [u8]) -> Result<usize, ReadError>;
            /// Writes to a stream: see [`Swarm::write`].
            fn write(&mut self, id: StreamId, data: &[u8]) -> Result<usize, WriteError>;
            /// Returns the number of bytes that a write to a stream would accept now: see [`Swarm::write_room`].
            fn write_room(&mut self, id: StreamId) -> usize;
            /// Returns `Ok` if all bytes that were written to a stream have been handed to the byte pipe: see
            /// [`Swarm::flush`].
            fn flush(&mut self, id: StreamId) -> Result<(), WriteError>;
            /// Ends our side of a stream: see [`Swarm::finish`].
            fn finish(&mut self, id: StreamId) -> Result<(), WriteError>;
            /// Closes a stream politely: see [`Swarm::close_stream`].
            fn close_stream(&mut self, id: StreamId) -> Result<(), CloseError>;
            /// Sets the timeout of a stream while it is half-open: see [`Swarm::set_half_open_timeout`].
            fn set_half_open_timeout(&mut self, id: StreamId, time: Option<Duration>) -> Result<(), CloseError>;
            /// Resets a stream: see [`Swarm::reset`].
            fn reset(&mut self, id: StreamId) -> Result<(), CloseError>;
            /// Removes and returns the unread bytes of a stream: see [`Swarm::take_unread`].
            fn take_unread(&mut self, id: StreamId) -> Vec<u8>;
            /// Removes and returns the next readiness notice: see [`Swarm::next_ready`].
            fn next_ready(&mut self) -> Option<Readiness>;
            /// Removes and returns the last error of the reactor: see [`Swarm::last_error`].
            fn last_error(&mut self) -> Option<io::Error>;
        }
    };
}

node_methods!(node);

#[cfg(all(feature = "host", unix))]
pub(crate) use node_methods;

impl<T, const EVENTS: usize, R> Hold for Swarm<T, EVENTS, R>
where
    T: PipeTransport,
    R: Reactor,
{
    #[inline]
    fn hold(&mut self, is_held: bool) {
        Self::hold(self, is_held);
    }
}

impl<T, const EVENTS: usize, R> EventSource for Swarm<T, EVENTS, R>
where
    T: PipeTransport,
    R: Reactor,
{
    #[inline]
    fn next_event(&mut self) -> Option<Event> {
        Self::next_event(self)
    }

    fn openings(&self) -> Vec<Event> {
        Self::openings(self)
    }

    fn events_until_room(&self) -> usize {
        Self::events_until_room(self)
    }
}
