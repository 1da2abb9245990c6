//! Requests and responses, one of each per stream, for protocols of your own.
//!
//! [`RequestResponse`] is generic over a [`Codec`] and plays both roles. To ask, it opens a stream for each request,
//! writes the request together with the proposal of the protocol, and tells its owner the outcome. To answer, it reads
//! the request of a peer, hands it to its owner, and writes the owner's response. The events are those of rust-libp2p's
//! behaviour of this name, and each failure is told once.
//!
//! - **Each request has exactly one outcome**: [`Event::Response`] or [`Event::OutboundFailure`], also if its connection
//!   ends first. Each peer's request that the owner has taken has exactly one, too: [`Event::ResponseSent`] or
//!   [`Event::InboundFailure`].
//! - **No event is dropped.** A request counts against the bounds of [`Config`] until its outcome has been taken. An
//!   owner that does not take outcomes can make no further requests, and refuses those of peers.
//! - **Each peer has its share of places.** A peer has at most [`Config::inbound_requests_per_peer`] requests here. When
//!   all places are taken, the peer with the most requests loses one to a peer that has at least two fewer: one that has
//!   not arrived whole, else one whose response the peer does not read, else one that waits for the owner. If no peer has
//!   two more, a peer that has none gets the place of the oldest request that does not wait for the owner.
//! - **Each peer has its share of memory.** Our requests and their responses take at most [`Config::outbound_bytes`], and
//!   the requests of peers and our responses at most [`Config::inbound_bytes`]. Beyond a bound, the peer whose messages
//!   take most loses its largest one.
//! - A request to a [peer](Target) that is not connected waits until the peer is, and fails with [`Failure::Timeout`] if
//!   that takes too long. The service never dials.
//! - On the wire a message is [`Framing::WholeSide`], as in rust-libp2p's `cbor` and `json`, or
//!   [`Framing::LengthPrefixed`]. A length-prefixed exchange takes one round trip: the request travels with the proposal
//!   of the protocol. A whole-side exchange takes two, since the end of our side [waits](crate::swarm::Swarm::finish) for
//!   the peer's answer to the proposal.
//!
//! The example `request_response` is a whole program, with a codec of its own. Two nodes of one process:
//!
#![cfg_attr(feature = "rand", doc = "```")]
#![cfg_attr(not(feature = "rand"), doc = "```ignore")]
//! use core::time::Duration;
//! use libp2p_core::transport::MemoryTransport;
//! use swarm_notify::connection::Protocol;
//! use swarm_notify::keys;
//! use swarm_notify::notifee::Notifees;
//! use swarm_notify::protocols::request_response::{Bytes, Config, Event, RequestResponse};
//! use swarm_notify::swarm::{self, Swarm};
//!
//! type Shout = RequestResponse<Bytes>;
//!
//! let node = || -> Result<_, Box<dyn core::error::Error>> {
//!     let identity = keys::generate()?;
//!     let mut swarm: Swarm<_> = Swarm::from_os_rng((), MemoryTransport::new(), &identity, swarm::Config::default())?;
//!     let mut notifees = Notifees::new();
//!     let service = Shout::new([Protocol::from_static("/shout/1.0.0")], Bytes, Config::default());
//!     let shout = notifees.install(&mut swarm, service);
//!     Ok((swarm, notifees, shout))
//! };
//! let (mut server, mut client) = (node()?, node()?);
//! server.0.listen("/memory/4714".parse()?)?;
//! server.0.tick(Duration::ZERO);
//! client.0.dial("/memory/4714".parse()?)?;
//!
//! // It waits until the peer is connected.
//! let asked = client.1.get_mut(client.2).unwrap().request(server.0.local_peer(), &b"hello".to_vec())?;
//! let answer = 'answer: loop {
//!     for (swarm, notifees, shout) in [&mut server, &mut client] {
//!         swarm.tick(Duration::ZERO);
//!         notifees.drive(swarm, Duration::ZERO);
//!         let shout = notifees.get_mut(*shout).unwrap();
//!         match shout.next_event() {
//!             Some(Event::Request { id, request, .. }) => {
//!                 let _ = shout.respond(id, &request.to_ascii_uppercase()); // refused if the peer has gone by now
//!             }
//!             Some(Event::Response { id, response, .. }) if id == asked => break 'answer response,
//!             Some(Event::OutboundFailure { reason, .. }) => panic!("{reason}"),
//!             _ => {}
//!         }
//!     }
//! };
//! assert_eq!(answer, b"HELLO");
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod body;
mod codec;
mod config;
mod error;
mod event;
#[cfg(all(feature = "host", unix))]
mod handled;
mod inbound;
mod notifee;
mod outbound;
mod places;

pub use super::Target;
use super::deadlines::Deadlines;
use super::held_memory::HeldMemory;
use crate::arithmetic::Count;
use crate::connection::Protocol;
use crate::identity::PeerId;
#[cfg(any(doc, all(feature = "host", unix)))]
use crate::lifecycle::Failure;
use crate::lifecycle::{ConnectionId, StreamId, Table};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
pub use codec::{Bytes, Codec, Framing};
pub use config::Config;
use core::fmt;
use core::time::Duration;
pub use error::{RequestError, RespondError};
pub use event::{Event, InboundRequestId, OutboundRequestId};
use inbound::InboundRequest;
use outbound::OutboundRequest;
use places::RequestPlaces;

/// The request/response service. [Install](crate::notifee::Notifees::install) it. The [module](self) describes what it
/// does.
pub struct RequestResponse<C: Codec> {
    protocols: Vec<Protocol>,
    codec: C,
    config: Config,
    /// The peers of the open connections.
    connections: Table<ConnectionId, PeerId>,
    /// The open connections of each peer, the youngest last. No list is empty.
    peers: BTreeMap<PeerId, Vec<ConnectionId>>,
    streams: Table<StreamId, Exchange>,
    deadlines: Deadlines<Exchange>,
    outbound: BTreeMap<OutboundRequestId, OutboundRequest>,
    inbound: BTreeMap<InboundRequestId, InboundRequest>,
    /// The number that our next request gets.
    next_outbound: u64,
    /// The number that the next request of a peer gets.
    next_inbound: u64,
    /// Our requests to send in the next drive. Some may be over.
    to_send: VecDeque<OutboundRequestId>,
    /// The peers' requests to answer or reset in the next drive. Some may be over.
    to_answer: VecDeque<InboundRequestId>,
    /// Our requests that wait for their peer to connect. No list is empty. Some may be over.
    waiting: BTreeMap<PeerId, Vec<OutboundRequestId>>,
    /// The number of our requests whose outcome has not been taken.
    outbound_held: usize,
    /// The places that requests of peers take until their outcome has been taken.
    places: RequestPlaces,
    /// The memory of our requests and their responses, by peer.
    outbound_bytes: HeldMemory<PeerId, OutboundRequestId>,
    /// The memory of the requests of peers and our responses, by peer.
    inbound_bytes: HeldMemory<PeerId, InboundRequestId>,
    /// The peers' requests that have given way to others and given their places back, and whose outcome has not been
    /// taken.
    gave_way: BTreeSet<InboundRequestId>,
    events: VecDeque<Event<C::Request, C::Response>>,
    /// The outcomes of requests that a task of a host awaits. No event tells them.
    #[cfg(all(feature = "host", unix))]
    awaited: BTreeMap<OutboundRequestId, Result<C::Response, Failure>>,
    /// The requests of peers that wait for the handler of a host, once there is a handler. No event tells them.
    #[cfg(all(feature = "host", unix))]
    handled: Option<VecDeque<handled::Handled<C::Request>>>,
    refused: u64,
}

/// The time that the swarm lets a half-open stream live beyond the request's own deadline. It only matters if the
/// service, which would have ended the stream, was uninstalled.
const GRACE: Duration = Duration::from_secs(1);

/// The subject of a stream or a deadline.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Exchange {
    Ask(OutboundRequestId),
    Answer(InboundRequestId),
}

impl<C: Codec> RequestResponse<C> {
    /// Creates a service that speaks `protocols`, the preferred one first. All of them have to use the message format of
    /// the codec. Without a protocol every request fails with [`Failure::Unsupported`].
    #[must_use]
    pub fn new(protocols: impl IntoIterator<Item = Protocol>, codec: C, config: Config) -> Self {
        Self {
            protocols: protocols.into_iter().collect(),
            codec,
            config,
            connections: Table::new(),
            peers: BTreeMap::new(),
            streams: Table::new(),
            deadlines: Deadlines::new(),
            outbound: BTreeMap::new(),
            inbound: BTreeMap::new(),
            next_outbound: 0,
            next_inbound: 0,
            to_send: VecDeque::new(),
            to_answer: VecDeque::new(),
            waiting: BTreeMap::new(),
            outbound_held: 0,
            places: RequestPlaces::default(),
            outbound_bytes: HeldMemory::new(),
            inbound_bytes: HeldMemory::new(),
            gave_way: BTreeSet::new(),
            events: VecDeque::new(),
            #[cfg(all(feature = "host", unix))]
            awaited: BTreeMap::new(),
            #[cfg(all(feature = "host", unix))]
            handled: None,
            refused: 0,
        }
    }

    /// Sends a request in the next [`drive`](crate::notifee::Notifees::drive);
    /// [`poll_at`](crate::notifee::Notifees::poll_at) asks for it at once. `target` is a connection, or a peer, whose
    /// youngest connection is used then. The returned id also stands in the request's one outcome.
    ///
    /// Requests are independent: each has a stream of its own, and responses come in any order.
    ///
    /// # Errors
    /// [`RequestError`]. Nothing has changed.
    pub fn request(
        &mut self,
        target: impl Into<Target>,
        request: &C::Request,
    ) -> Result<OutboundRequestId, RequestError<C::Error>> {
        let target = target.into();
        if self.outbound_held >= self.config.outbound_requests {
            return Err(RequestError::Limit);
        }
        let peer = match target {
            Target::Peer(peer) => peer,
            Target::Connection(connection) => *self.connections.get(connection).ok_or(RequestError::NotConnected)?,
        };
        let mut bytes = Vec::new();
        self.codec.encode_request(request, &mut bytes).map_err(RequestError::Codec)?;
        let writer = self.framed(bytes, self.config.request_bytes).ok_or(RequestError::TooLong)?;
        let held = self.outbound_bytes.of(&peer).saturating_add(writer.held());
        if held > self.config.outbound_bytes {
            return Err(RequestError::Limit);
        }
        let id = OutboundRequestId(self.next_outbound);
        self.next_outbound.raise(1);
        self.outbound_held.raise(1);
        let outbound = OutboundRequest::new(peer, target, writer);
        self.outbound_bytes.set(peer, id, outbound.held());
        self.outbound.insert(id, outbound);
        self.to_send.push_back(id);
        self.relieve_outbound();
        Ok(id)
    }

    /// Cancels a request, which then has no outcome: if one was queued and has not been taken, it is removed.
    ///
    /// Returns false if the outcome has been taken, or if the request was cancelled before. Nothing has changed then.
    pub fn cancel(&mut self, id: OutboundRequestId) -> bool {
        if let Some(outbound) = self.outbound.get_mut(&id) {
            let is_new = outbound.cancel();
            if is_new {
                self.to_send.push_back(id);
            }
            return is_new;
        }
        #[cfg(all(feature = "host", unix))]
        if self.awaited.remove(&id).is_some() {
            self.outbound_bytes.forget(id);
            self.outbound_held.lower(1);
            return true;
        }
        let before = self.events.len();
        self.events.retain(|event| event.outcome_of() != Some(id));
        let has_gone = self.events.len() < before;
        self.outbound_bytes.forget(id);
        self.outbound_held.lower(has_gone.into());
        has_gone
    }

    /// Answers a request of a peer in the next [`drive`](crate::notifee::Notifees::drive);
    /// [`poll_at`](crate::notifee::Notifees::poll_at) asks for it at once.
    ///
    /// # Errors
    /// [`RespondError`]. [`Over`](RespondError::Over) is normal: the peer may be gone, which [`Event::InboundFailure`]
    /// tells. After [`TooLong`](RespondError::TooLong) or [`Codec`](RespondError::Codec) the request still waits for a
    /// response.
    pub fn respond(&mut self, id: InboundRequestId, response: &C::Response) -> Result<(), RespondError<C::Error>> {
        if !self.inbound.get(&id).is_some_and(InboundRequest::is_waiting) {
            return Err(RespondError::Over);
        }
        let mut bytes = Vec::new();
        self.codec.encode_response(response, &mut bytes).map_err(RespondError::Codec)?;
        let writer = self.framed(bytes, self.config.response_bytes).ok_or(RespondError::TooLong)?;
        if let Some(peer) = self.inbound.get(&id).map(InboundRequest::peer) {
            self.inbound_bytes.set(peer, id, writer.held());
            self.answer(id, writer);
            self.to_answer.push_back(id);
            self.relieve_inbound();
        }
        Ok(())
    }

    /// Refuses to answer a request of a peer: its stream is reset in the next drive. The outcome is
    /// [`Event::InboundFailure`] with [`Failure::Requested`].
    ///
    /// Returns false if the request was answered or refused before, or is over. Nothing has changed then.
    pub fn refuse(&mut self, id: InboundRequestId) -> bool {
        let is_waiting = self.inbound.get(&id).is_some_and(InboundRequest::is_waiting);
        if is_waiting {
            self.refuse_to_answer(id);
            self.to_answer.push_back(id);
        }
        is_waiting
    }

    /// Takes the oldest event, if there is one.
    pub fn next_event(&mut self) -> Option<Event<C::Request, C::Response>> {
        let event = self.events.pop_front()?;
        match &event {
            Event::Response { id, .. } | Event::OutboundFailure { id, .. } => {
                self.outbound_bytes.forget(*id);
                self.outbound_held.lower(1);
            }
            Event::InboundFailure { id, .. } if self.gave_way.remove(id) => {}
            Event::ResponseSent { peer, .. } | Event::InboundFailure { peer, .. } => self.places.free(peer),
            Event::Request { id, .. } => self.inbound_bytes.forget(*id),
        }
        if self.events.is_empty() {
            self.events.shrink_to(super::event_queue::KEPT);
        }
        Some(event)
    }

    /// Returns the number of our requests that have no outcome yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.outbound.len()
    }

    /// Returns the number of peers' requests that the owner never saw: they were beyond a bound, too long, cut off, late,
    /// or could not be decoded.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Returns the number of bytes that count against [`Config::outbound_bytes`], and the number that count against
    /// [`Config::inbound_bytes`].
    #[must_use]
    pub const fn bytes_held(&self) -> (usize, usize) {
        (self.outbound_bytes.all(), self.inbound_bytes.all())
    }

    /// Returns the codec.
    #[must_use]
    pub const fn codec(&mut self) -> &mut C {
        &mut self.codec
    }
}

impl<C: Codec> fmt::Debug for RequestResponse<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { protocols, config, outbound, inbound, waiting, events, .. } = self;
        f.debug_struct("RequestResponse")
            .field("protocols", protocols)
            .field("config", config)
            .field("outbound", &outbound.len())
            .field("inbound", &inbound.len())
            .field("waiting", &waiting.values().map(Vec::len).sum::<usize>())
            .field("events", &events.len())
            .finish_non_exhaustive()
    }
}
