//! [`Event`]: requests of peers, and the outcomes of requests.

use crate::identity::PeerId;
use crate::lifecycle::{ConnectionId, Failure};
use core::fmt;

/// The id of one of our requests. A service never assigns an id twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OutboundRequestId(pub(super) u64);

/// The id of a peer's request. A service never assigns an id twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct InboundRequestId(pub(super) u64);

impl fmt::Display for OutboundRequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "outbound request {}", self.0)
    }
}

impl fmt::Display for InboundRequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "inbound request {}", self.0)
    }
}

/// A request of a peer, or the outcome of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event<Request, Response> {
    /// A peer has sent a request. Call [`respond`](super::RequestResponse::respond) or
    /// [`refuse`](super::RequestResponse::refuse) within [`inbound_timeout`](super::Config::inbound_timeout).
    Request {
        /// The connection on which the request arrived.
        connection: ConnectionId,
        /// The peer that sent the request, to which the response will be sent.
        peer: PeerId,
        /// The id of the request, to be passed to `respond` or `refuse`.
        id: InboundRequestId,
        /// The decoded request.
        request: Request,
    },
    /// A peer has answered our request. This event is the outcome of the request.
    Response {
        /// The connection on which the response arrived.
        connection: ConnectionId,
        /// The peer that sent the response.
        peer: PeerId,
        /// The id of our request that is answered.
        id: OutboundRequestId,
        /// The decoded response.
        response: Response,
    },
    /// A request of ours has failed. This event is the outcome of the request.
    OutboundFailure {
        /// The connection on which the request was sent, or `None` if it was not sent.
        connection: Option<ConnectionId>,
        /// The peer to which the request was sent, or for which it waited.
        peer: PeerId,
        /// The id of our request that has failed.
        id: OutboundRequestId,
        /// The reason: [`Timeout`](Failure::Timeout), [`Unsupported`](Failure::Unsupported) (the peer does not speak our
        /// protocol), [`Protocol`](Failure::Protocol) (the response is too long, or cannot be decoded),
        /// [`Limit`](Failure::Limit) (no further stream was allowed, or the messages took too much memory), or the way in
        /// which the stream ended without a whole response.
        reason: Failure,
    },
    /// The whole response to a peer's request has been handed to the system. How much of it the peer has read is unknown.
    /// This event is the outcome of the request.
    ResponseSent {
        /// The connection on which the response was sent.
        connection: ConnectionId,
        /// The peer that sent the request.
        peer: PeerId,
        /// The id of the peer's request that was answered.
        id: InboundRequestId,
    },
    /// A peer's request that was told as [`Request`](Self::Request) has ended, and its response was not sent whole. This
    /// event is the outcome of the request.
    InboundFailure {
        /// The connection on which the request arrived.
        connection: ConnectionId,
        /// The peer that sent the request.
        peer: PeerId,
        /// The id of the peer's request that has ended.
        id: InboundRequestId,
        /// The reason: [`Timeout`](Failure::Timeout), [`Requested`](Failure::Requested) (the owner refused the request),
        /// [`Limit`](Failure::Limit) (the request gave way to a request of another peer, or all messages together took too
        /// much memory and the messages of this peer took most of it), or the way in which the stream ended.
        reason: Failure,
    },
}

impl<Request, Response> Event<Request, Response> {
    /// If this event is the outcome of one of our requests, returns the id of that request.
    pub(super) const fn outcome_of(&self) -> Option<OutboundRequestId> {
        match self {
            Self::Response { id, .. } | Self::OutboundFailure { id, .. } => Some(*id),
            Self::Request { .. } | Self::ResponseSent { .. } | Self::InboundFailure { .. } => None,
        }
    }

    /// Replaces the response in this event with a failure, to free the memory of the response.
    pub(super) fn lose_response(&mut self) {
        if let Self::Response { connection, peer, id, .. } = *self {
            *self = Self::OutboundFailure { connection: Some(connection), peer, id, reason: Failure::Limit };
        }
    }

    /// Returns whether this event tells of a peer's request whose id is `asked`.
    pub(super) fn asks(&self, asked: InboundRequestId) -> bool {
        matches!(self, Self::Request { id, .. } if *id == asked)
    }
}

/// Formats the event as one line, without the contents of the messages.
impl<Request, Response> fmt::Display for Event<Request, Response> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request { connection, peer, id, .. } => write!(f, "{connection}: {peer} asks, {id}"),
            Self::Response { connection, peer, id, .. } => write!(f, "{connection}: {peer} has answered {id}"),
            Self::OutboundFailure { connection: Some(connection), peer, id, reason } => {
                write!(f, "{connection}: {id} to {peer} has failed: {reason}")
            }
            Self::OutboundFailure { connection: None, peer, id, reason } => {
                write!(f, "{id} to {peer} has failed: {reason}")
            }
            Self::ResponseSent { connection, peer, id } => write!(f, "{connection}: {id} of {peer} is answered"),
            Self::InboundFailure { connection, peer, id, reason } => {
                write!(f, "{connection}: {id} of {peer} was not answered: {reason}")
            }
        }
    }
}
