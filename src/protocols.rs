//! Protocols, as notifees that any driver can run: no socket, no clock, no task inside.
//!
//! A [`Service`] speaks a protocol. It is [installed](Notifees::install) in the registry of notifees that is driven
//! beside the swarm, opens streams and answers on them as it is told of connections and streams, and keeps what it has
//! to say to its owner in a bounded queue of its own. [`Identify`](identify::Identify) and [`Ping`](ping::Ping) also
//! [emit](crate::notifee::NotifeeContext::emit) it to every notifee that declares an interest in
//! [`EMITTED`](crate::notifee::Interest::EMITTED); pub/sub does not, since its messages would have to be copied for
//! that. [Taking a service out](Notifees::uninstall) takes its protocols and streams with it.
//!
//! For a protocol of your own of requests and responses, [`request_response`] needs a codec. Other protocols are a
//! [`Notifee`] that is a [`Service`] too; [`parts`] has what they are made of.
//!
//! A node with two services. Any loop that drives notifees drives them:
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

// Nearly every number here follows from what a peer has sent.
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

/// Parts that services are made of, for services of your own.
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

/// For how many connections, and for how many streams, a service keeps records when most are gone.
const CONNECTIONS_KEPT: usize = 8;
const STREAMS_KEPT: usize = 64;

/// The destination of a stream or a request. Methods take either id: `request(peer, …)`, `open_stream(connection, …)`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Target {
    /// This connection, and no other.
    Connection(ConnectionId),
    /// This peer, over a connection to it that is not being closed. The method says over which, and what it does without one.
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

/// A service whose owner takes its events. All services here are.
pub trait EventSource {
    /// The events that it tells.
    type Event;

    /// The next event, if there is one.
    fn next_event(&mut self) -> Option<Self::Event>;
}

/// Implements [`EventSource`] by the method of the same name.
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

/// A command to a service was refused: the connection is not open, or was not when events were dispatched the last
/// time. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct NotConnected;

impl core::error::Error for NotConnected {}

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is not open")
    }
}

/// The failure that a service tells its owner if it could not open a stream.
const fn fails(error: OpenStreamError) -> Failure {
    match error {
        OpenStreamError::Limit => Failure::Limit,
        // No service asks without a protocol.
        OpenStreamError::NoProtocol => Failure::Unsupported,
        OpenStreamError::NotOpen | OpenStreamError::Closing | OpenStreamError::Stale => Failure::ConnectionClosed,
    }
}
