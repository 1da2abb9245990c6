//! [`Event`]: requests of peers, and the outcomes of requests.

use crate::identity::PeerId;
use crate::lifecycle::{ConnectionId, Failure};
use core::fmt;

/// The id of one of our requests. A service never gives the same id twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OutboundRequestId(pub(super) u64);

/// The id of a peer's request. A service never gives the same id twice.
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
    /// A peer asks. [Respond](super::RequestResponse::respond) or [refuse](super::RequestResponse::refuse) within
    /// [`inbound_timeout`](super::Config::inbound_timeout).
    Request {
        /// The connection on which the peer asks.
        connection: ConnectionId,
        /// The peer that asks.
        peer: PeerId,
        /// The id of the request, to respond with.
        id: InboundRequestId,
        /// The decoded request.
        request: Request,
    },
    /// A peer has answered. This is the outcome of our request.
    Response {
        /// The connection on which the peer answered.
        connection: ConnectionId,
        /// The peer that answered.
        peer: PeerId,
        /// The request that is answered.
        id: OutboundRequestId,
        /// The decoded response.
        response: Response,
    },
    /// A request of ours has failed. This is its outcome.
    OutboundFailure {
        /// The connection on which the request was sent; `None` if it was not sent.
        connection: Option<ConnectionId>,
        /// The peer that was asked.
        peer: PeerId,
        /// The request that has failed.
        id: OutboundRequestId,
        /// The reason: [`Timeout`](Failure::Timeout), [`Unsupported`](Failure::Unsupported) (the peer does not speak our
        /// protocol), [`Protocol`](Failure::Protocol) (the response is too long, or cannot be decoded),
        /// [`Limit`](Failure::Limit) (no further stream was allowed, or the messages took too much memory), or the way in
        /// which the stream ended without a whole response.
        reason: Failure,
    },
    /// All of a response has been handed to the system. Nothing tells how much of it the peer has read. This is the
    /// outcome of a peer's request.
    ResponseSent {
        /// The connection on which it was sent.
        connection: ConnectionId,
        /// The peer that asked.
        peer: PeerId,
        /// The request that was answered.
        id: InboundRequestId,
    },
    /// A peer's request that was told as [`Request`](Self::Request) is over, and its response was not sent whole. This is
    /// its outcome.
    InboundFailure {
        /// The connection on which it was asked.
        connection: ConnectionId,
        /// The peer that asked.
        peer: PeerId,
        /// The request that is over.
        id: InboundRequestId,
        /// The reason: [`Timeout`](Failure::Timeout), [`Requested`](Failure::Requested) (the owner refused it),
        /// [`Limit`](Failure::Limit) (it gave way to a request of another peer, or the messages took too much memory and
        /// those of its peer most of it), or the way in which the stream ended.
        reason: Failure,
    },
}

impl<Request, Response> Event<Request, Response> {
    /// Returns the id of our request if this is its outcome.
    pub(super) const fn outcome_of(&self) -> Option<OutboundRequestId> {
        match self {
            Self::Response { id, .. } | Self::OutboundFailure { id, .. } => Some(*id),
            Self::Request { .. } | Self::ResponseSent { .. } | Self::InboundFailure { .. } => None,
        }
    }

    /// Replaces a response for which there is no memory with a failure.
    pub(super) fn lose_response(&mut self) {
        if let Self::Response { connection, peer, id, .. } = *self {
            *self = Self::OutboundFailure { connection: Some(connection), peer, id, reason: Failure::Limit };
        }
    }

    /// Returns whether this is the request of a peer with this id.
    pub(super) fn asks(&self, asked: InboundRequestId) -> bool {
        matches!(self, Self::Request { id, .. } if *id == asked)
    }
}

/// Writes one line, without the contents of the messages.
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
