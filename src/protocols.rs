//! Services for common protocols (ping, identify, pub/sub, request and response) and an address book. Each is a notifee
//! that any driver can run: it has no socket, clock or task inside.
//!
//! A [`Service`] speaks a protocol. It is [installed](Notifees::install) in the registry of notifees that is driven
//! beside the swarm. As it is told of connections and streams, it opens streams and answers on those of peers, and it
//! keeps its events for the owner in a bounded queue of its own. [`Identify`](identify::Identify), [`Ping`](ping::Ping)
//! and [`AddressBook`](address_book::AddressBook) also [emit](crate::notifee::NotifeeContext::emit) each event except
//! `Lagged` to every notifee that declares an interest in [`EMITTED`](crate::notifee::Interest::EMITTED). Pub/sub and
//! [`request_response`] do not, since each message would have to be copied for that. [Uninstalling](Notifees::uninstall)
//! a service also takes its protocols and streams away.
//!
//! For a protocol of your own with requests and responses, write a codec for [`request_response`]. A protocol of any
//! other kind is a [`Notifee`] that is also a [`Service`]; [`parts`] has building blocks for it.

// Nearly every number here follows from data that a peer has sent, so arithmetic and indexing must not panic.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, clippy::indexing_slicing))]

pub mod address_book;
mod deadlines;
mod event_queue;
pub mod floodsub;
mod frames;
mod held_memory;
pub mod identify;
pub mod ping;
pub mod pubsub;
pub mod request_response;
mod writer;

/// Building blocks of the services here, for services of your own.
pub mod parts {
    pub use super::deadlines::Deadlines;
    pub use super::event_queue::EventQueue;
    pub use super::frames::{BadLength, Frames, with_length};
    pub use super::writer::Writer;
}

use crate::identity::PeerId;
use crate::lifecycle::{ConnectionId, Failure};
pub use crate::notifee::Service;
#[cfg(doc)]
use crate::notifee::{Notifee, Notifees};
use crate::swarm::OpenStreamError;
use core::fmt;

/// The number of connections for which a service's table keeps slots when most connections have ended.
const CONNECTIONS_KEPT: usize = 8;
/// The number of streams for which a service's table keeps slots when most streams have ended.
const STREAMS_KEPT: usize = 64;

/// The destination of a stream or a request. Methods that take `impl Into<Target>` accept either id: `request(peer, …)`,
/// `open_stream(connection, …)`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Target {
    /// This connection and no other.
    Connection(ConnectionId),
    /// This peer, over any connection to it that is not being closed. Each method says which connection it picks, and
    /// what it does if there is none.
    Peer(PeerId),
}

impl From<ConnectionId> for Target {
    fn from(id: ConnectionId) -> Self {
        Self::Connection(id)
    }
}

impl From<PeerId> for Target {
    fn from(peer: PeerId) -> Self {
        Self::Peer(peer)
    }
}

/// A service that queues events for its owner. All services of this crate are event sources.
pub trait EventSource {
    /// The type of the events.
    type Event;

    /// Takes the oldest event, if there is one.
    fn next_event(&mut self) -> Option<Self::Event>;
}

/// Implements [`EventSource`] by the service's own method `next_event`.
macro_rules! event_source {
    ($([$($generics:tt)*] $service:ty => $event:ty;)*) => {$(
        impl<$($generics)*> EventSource for $service {
            type Event = $event;

            fn next_event(&mut self) -> Option<$event> {
                Self::next_event(self)
            }
        }
    )*};
}

event_source! {
    [] address_book::AddressBook => address_book::Event;
    [] identify::Identify => identify::Event;
    [] ping::Ping => ping::Event;
    [R: pubsub::Router] pubsub::PubSub<R> => pubsub::Event;
    [C: request_response::Codec] request_response::RequestResponse<C> =>
        request_response::Event<C::Request, C::Response>;
}

/// The error of a command to a service about a connection that is not open, or was not open yet when events were last
/// dispatched. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct NotConnected;

impl core::error::Error for NotConnected {}

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is not open")
    }
}

/// Returns the failure that a service reports to its owner when it could not open a stream.
const fn fails(error: OpenStreamError) -> Failure {
    match error {
        OpenStreamError::Limit => Failure::Limit,
        // Only a request/response service that was made without protocols gets here.
        OpenStreamError::NoProtocol => Failure::Unsupported,
        OpenStreamError::NotOpen | OpenStreamError::Closing | OpenStreamError::Stale => Failure::ConnectionClosed,
    }
}
