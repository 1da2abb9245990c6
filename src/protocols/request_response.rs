//! Requests and responses for protocols of your own. Each stream carries one request and its response.
//!
//! [`RequestResponse`] is generic over a [`Codec`] and plays both roles. To ask, it opens a stream for each request, writes
//! the request together with the proposal of the protocol, and tells its owner the outcome. To answer, it reads the request
//! of a peer, hands the request to its owner, and writes the owner's response. Its events are modelled on rust-libp2p's
//! `request_response` behaviour, and each failure is told once.
//!
//! - **Each request has exactly one outcome**, even if its connection ends first. The outcome of our request is
//!   [`Event::Response`] or [`Event::OutboundFailure`]. The outcome of a peer's request that the owner has taken is
//!   [`Event::ResponseSent`] or [`Event::InboundFailure`].
//! - **No event is dropped.** A request counts against the bounds of [`Config`] until the owner has taken its outcome. An
//!   owner that does not take outcomes can make no further requests once a bound is reached, and the further requests of
//!   peers are refused.
//! - **Each peer has its share of places.** At most [`Config::inbound_requests_per_peer`] requests of a peer have a place.
//!   When all places are taken and another request arrives, the peer with the most requests loses one of them if it has at
//!   least two more than the peer of the new request: a request that has not arrived whole if there is one, else a request
//!   whose response the peer does not read, else a request that waits for the owner. If no peer has two more and the peer of
//!   the new request has none, the new request gets the place of the oldest request that does not wait for the owner.
//! - **Each peer has its share of memory.** Our requests and their responses together take at most
//!   [`Config::outbound_bytes`]; the requests of peers and our responses together take at most [`Config::inbound_bytes`].
//!   When a bound is exceeded, the peer whose messages take most memory loses its largest message.
//! - A request to a [peer](Target) that is not connected waits until the peer is connected, and fails with
//!   [`Failure::Timeout`] if that does not happen in time. The service never dials.
//! - On the wire a message has the form [`Framing::WholeSide`], which rust-libp2p's `cbor` and `json` use, or
//!   [`Framing::LengthPrefixed`]. A length-prefixed exchange takes one round trip: the request travels with the proposal of
//!   the protocol. A whole-side exchange takes two round trips, since the end of our side
//!   [waits](crate::swarm::Swarm::finish) for the peer's answer to the proposal.
//!
//! The example `request_response` is a whole program, with a codec of its own. The following example has two nodes in one
//! process:
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
mod memory_bound;
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

/// The request/response service. [Install](crate::notifee::Notifees::install) it in the notifees of a swarm. The
/// [module](self) describes what it does.
pub struct RequestResponse<C: Codec> {
    protocols: Vec<Protocol>,
    codec: C,
    config: Config,
    /// The open connections, each with its peer.
    connections: Table<ConnectionId, PeerId>,
    /// The open connections of each connected peer, the youngest last. No list is empty.
    peers: BTreeMap<PeerId, Vec<ConnectionId>>,
    streams: Table<StreamId, Exchange>,
    deadlines: Deadlines<Exchange>,
    outbound: BTreeMap<OutboundRequestId, OutboundRequest>,
    inbound: BTreeMap<InboundRequestId, InboundRequest>,
    /// The number for the id of our next request.
    next_outbound: u64,
    /// The number for the id of the next request that a peer sends.
    next_inbound: u64,
    /// Our requests that the next drive sends, oldest first. Some of the requests may have ended already.
    to_send: VecDeque<OutboundRequestId>,
    /// The peers' requests that the next drive handles, oldest first: it sends their responses or resets their streams. Some
    /// of the requests may have ended already.
    to_answer: VecDeque<InboundRequestId>,
    /// Our requests that wait until their peer is connected, by peer. No list is empty. Some of the requests may have ended
    /// already.
    waiting: BTreeMap<PeerId, Vec<OutboundRequestId>>,
    /// The number of our requests whose outcome the owner has not taken.
    outbound_held: usize,
    /// The places that the requests of peers take until the owner has taken their outcome. There are
    /// [`Config::inbound_requests`] places.
    places: RequestPlaces,
    /// The memory that our requests and their responses take, by peer.
    outbound_bytes: HeldMemory<PeerId, OutboundRequestId>,
    /// The memory that the requests of peers and our responses take, by peer.
    inbound_bytes: HeldMemory<PeerId, InboundRequestId>,
    /// The peers' requests that ended in favour of other requests, and whose outcome the owner has not taken. Their places
    /// are free already.
    gave_way: BTreeSet<InboundRequestId>,
    // The queue needs no bound of its own: each event belongs to a request that counts against a bound of `Config` until the
    // owner has taken its outcome. Of requests that gave way, at most twice `inbound_requests` events are queued.
    events: VecDeque<Event<C::Request, C::Response>>,
    /// The outcomes of our requests for which tasks of a host wait. No event is queued for these outcomes.
    #[cfg(all(feature = "host", unix))]
    awaited: BTreeMap<OutboundRequestId, Result<C::Response, Failure>>,
    /// The requests of peers that wait for the handler of a host, oldest first; `None` if there is no handler. No event is
    /// queued for these requests.
    #[cfg(all(feature = "host", unix))]
    handled: Option<VecDeque<handled::Handled<C::Request>>>,
    refused: u64,
}

/// The time after the deadline of a request at which the swarm itself ends the request's stream, if the stream is half-open.
/// The swarm has to do so only if the service was uninstalled and can no longer end the stream.
const GRACE: Duration = Duration::from_secs(1);

/// The request to which a stream or a deadline belongs: our request (`Ask`) or the request of a peer (`Answer`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Exchange {
    Ask(OutboundRequestId),
    Answer(InboundRequestId),
}

impl<C: Codec> RequestResponse<C> {
    /// Creates a service that speaks `protocols`, the preferred protocol first. All of them have to use the message format
    /// of the codec. If `protocols` is empty, every request of ours fails with [`Failure::Unsupported`].
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

    /// Sends a request in the next [`drive`](crate::notifee::Notifees::drive); until then
    /// [`poll_at`](crate::notifee::Notifees::poll_at) reports that a drive is due. `target` is a connection or a peer; if it
    /// is a peer, the youngest connection to the peer that is not being closed is used. The request has one outcome, an
    /// [`Event`] that contains the returned id.
    ///
    /// Requests are independent: each has a stream of its own, and responses may arrive in any order.
    ///
    /// # Errors
    /// [`RequestError`] if the request is not accepted. Nothing has changed.
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
        // If this peer alone has more than the bound, only its own requests could give way, and the new one is as good
        // as they are. So the new request is refused, while the caller still has it.
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

    /// Cancels a request, which then has no outcome. If its outcome is queued and has not been taken, the event is removed
    /// from the queue.
    ///
    /// Returns false if the owner has taken the outcome, or if the request was cancelled before. Nothing has changed then.
    pub fn cancel(&mut self, id: OutboundRequestId) -> bool {
        if let Some(outbound) = self.outbound.get_mut(&id) {
            // The stream can be reset only in a drive, which has the node.
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

    /// Sends the response to a request of a peer in the next [`drive`](crate::notifee::Notifees::drive); until then
    /// [`poll_at`](crate::notifee::Notifees::poll_at) reports that a drive is due.
    ///
    /// # Errors
    /// [`RespondError`] if the response is not accepted. [`Over`](RespondError::Over) happens in normal operation: the peer
    /// may be gone, which [`Event::InboundFailure`] tells. After [`TooLong`](RespondError::TooLong) or
    /// [`Codec`](RespondError::Codec) the request still waits for a response.
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

    /// Refuses to answer a request of a peer: the stream of the request is reset in the next drive. The outcome is
    /// [`Event::InboundFailure`] with [`Failure::Requested`].
    ///
    /// Returns false if the request was answered or refused before, or has ended. Nothing has changed then.
    pub fn refuse(&mut self, id: InboundRequestId) -> bool {
        let is_waiting = self.inbound.get(&id).is_some_and(InboundRequest::is_waiting);
        if is_waiting {
            self.refuse_to_answer(id);
            self.to_answer.push_back(id);
        }
        is_waiting
    }

    /// Removes the oldest event from the queue and returns it, or returns `None` if the queue is empty.
    pub fn next_event(&mut self) -> Option<Event<C::Request, C::Response>> {
        let event = self.events.pop_front()?;
        match &event {
            Event::Response { id, .. } | Event::OutboundFailure { id, .. } => {
                self.outbound_bytes.forget(*id);
                self.outbound_held.lower(1);
            }
            // The place of this request was freed when the request gave way, and belongs to another request.
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

    /// Returns the number of peers' requests that ended before the owner could take them: they exceeded a bound, were too
    /// long or incomplete, timed out, or could not be decoded.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Returns two numbers of bytes of heap: the number that counts against [`Config::outbound_bytes`], and the number that
    /// counts against [`Config::inbound_bytes`].
    #[must_use]
    pub const fn bytes_held(&self) -> (usize, usize) {
        (self.outbound_bytes.all(), self.inbound_bytes.all())
    }

    /// Returns the codec that was passed to [`new`](Self::new).
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
