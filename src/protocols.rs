//! Services for common protocols (ping, identify, pub/sub, request and response) and an address book. Each is a notifee that
//! any driver can run, and owns no socket, clock or task.
//!
//! A [`Service`] speaks a protocol. The owner [installs](Notifees::install) a service in the registry of notifees that is
//! driven beside the swarm. When the registry tells a service of connections and streams, the service opens streams of its
//! own and answers on the streams of peers. It keeps its events for the owner in a bounded queue.
//! [`Identify`](identify::Identify), [`Ping`](ping::Ping) and [`AddressBook`](address_book::AddressBook) also
//! [emit](crate::notifee::NotifeeContext::emit) each event except `Lagged` to every notifee that declares an interest in
//! [`EMITTED`](crate::notifee::Interest::EMITTED). Pub/sub and [`request_response`] do not emit events, since each message
//! would have to be copied for that. [Uninstalling](Notifees::uninstall) a service also removes its protocols and ends its
//! streams.
//!
//! To write a protocol of your own with requests and responses, implement a codec for [`request_response`]. To write a
//! protocol of any other kind, implement [`Notifee`] and [`Service`]; [`parts`] has building blocks for that.
//!
//! The example is a node with two services. Any loop that drives notifees also drives services:
//!
#![cfg_attr(all(feature = "tcp", feature = "rand"), doc = "```")]
#![cfg_attr(not(all(feature = "tcp", feature = "rand")), doc = "```ignore")]
//! use std::time::Duration;
//! use swarm_notify::notifee::Notifees;
//! use swarm_notify::protocols::identify::{self, Identify};
//! use swarm_notify::protocols::ping::{self, Ping};
//! use swarm_notify::swarm::{Config, Swarm};
//! use swarm_notify::{keys, tcp};
//!
//! let identity = keys::generate()?;
//! let reactor = tcp::Reactor::new()?;
//! let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
//! let mut swarm = Swarm::from_os_rng(reactor, transport, &identity, Config::default())?;
//! let mut notifees = Notifees::new();
//! let ping = notifees.install(&mut swarm, Ping::new(keys::seed()?, ping::Config::default()));
//! let identify = notifees.install(&mut swarm, Identify::new(identity.public(), identify::Config::default()));
//!
//! swarm.tick(Duration::ZERO);
//! notifees.drive(&mut swarm, Duration::ZERO); // asks each connection, answers its peer
//! let pong = notifees.get_mut(ping).and_then(Ping::next_event); // a round-trip time, or why there is none
//! let info = notifees.get_mut(identify).and_then(Identify::next_event); // what a peer says of itself
//! assert!(pong.is_none() && info.is_none()); // nobody is connected here
//! assert!(notifees.uninstall(&mut swarm, ping)); // and its protocol is not spoken any more
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// Nearly every number here follows from data that a peer has sent, so arithmetic and indexing must not panic.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, clippy::indexing_slicing))]

pub mod address_book;
mod deadlines;
mod event_queue;
pub mod floodsub;
mod frames;
pub mod gossipsub;
mod held_memory;
pub mod identify;
pub mod ping;
pub mod pubsub;
pub mod request_response;
mod writer;

/// Building blocks of the services in this module, for services of your own.
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

/// The number of connections up to which the table of a service keeps its memory when connections end. Only a larger table
/// frees memory then.
const CONNECTIONS_KEPT: usize = 8;
/// The number of streams up to which the table of a service keeps its memory when streams end. Only a larger table frees
/// memory then.
const STREAMS_KEPT: usize = 64;

/// The destination of a stream or a request: a connection, or a peer. A method that takes `impl Into<Target>` accepts a
/// connection id or a peer id: `request(peer, …)`, `open_stream(connection, …)`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Target {
    /// The connection with this id, and no other connection.
    Connection(ConnectionId),
    /// The peer with this id, over any connection to the peer that is not being closed. The documentation of each method
    /// says which connection the method uses, and what it does if there is none.
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

    /// Removes the oldest event from the queue and returns it, or returns `None` if the queue is empty.
    fn next_event(&mut self) -> Option<Self::Event>;
}

/// Implements [`EventSource`] for each listed service: the trait's method calls the service's own method `next_event`.
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

/// The error of a command to a service about a connection that is not open, or of whose opening the service has not been
/// told yet. The command has changed nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct NotConnected;

impl core::error::Error for NotConnected {}

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is not open")
    }
}

/// Translates the error of opening a stream into the failure that a service reports to its owner.
const fn fails(error: OpenStreamError) -> Failure {
    match error {
        OpenStreamError::Limit => Failure::Limit,
        // Only a request/response service that was created without protocols causes this error.
        OpenStreamError::NoProtocol => Failure::Unsupported,
        OpenStreamError::NotOpen | OpenStreamError::Closing | OpenStreamError::Stale => Failure::ConnectionClosed,
    }
}
