//! [`Event`]: what becomes of requests.

use crate::identity::PeerId;
use crate::lifecycle::{ConnectionId, Failure};
use core::fmt;

/// A request of ours. Ids of one service are never given twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OutboundRequestId(pub(super) u64);

/// A request of a peer's. Ids of one service are never given twice.
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

/// A request of a peer's, or the outcome of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event<Request, Response> {
    /// A peer asks. [Respond](super::RequestResponse::respond), or [refuse](super::RequestResponse::refuse), within
    /// [`inbound_timeout`](super::Config::inbound_timeout).
    Request {
        /// The connection on which it does.
        connection: ConnectionId,
        /// The peer that asks.
        peer: PeerId,
        /// The request, to be answered by this id.
        id: InboundRequestId,
        /// Its question.
        request: Request,
    },
    /// A peer has answered. It is the request's outcome.
    Response {
        /// The connection on which it did.
        connection: ConnectionId,
        /// The peer that answered.
        peer: PeerId,
        /// The request that is answered.
        id: OutboundRequestId,
        /// Its answer.
        response: Response,
    },
    /// A request of ours has failed. It is the request's outcome.
    OutboundFailure {
        /// The connection on which it was sent, if it was.
        connection: Option<ConnectionId>,
        /// The peer that was asked.
        peer: PeerId,
        /// The request that has failed.
        id: OutboundRequestId,
        /// Why: [`Timeout`](Failure::Timeout), [`Unsupported`](Failure::Unsupported) (the peer does not speak our
        /// protocol), [`Protocol`](Failure::Protocol) (what came back is too long or no response),
        /// [`Limit`](Failure::Limit) (no place for a stream), or how the stream ended without a whole response.
        reason: Failure,
    },
    /// All of a response has been handed to the system. What the peer has read of it nobody knows. It is the outcome of
    /// a peer's request.
    ResponseSent {
        /// The connection on which it was sent.
        connection: ConnectionId,
        /// The peer that asked.
        peer: PeerId,
        /// The request that was answered.
        id: InboundRequestId,
    },
    /// A peer's request that was told as [`Request`](Self::Request) is over without a whole response. It is the outcome
    /// of that request.
    InboundFailure {
        /// The connection on which it was asked.
        connection: ConnectionId,
        /// The peer that asked.
        peer: PeerId,
        /// The request that is over.
        id: InboundRequestId,
        /// Why: [`Timeout`](Failure::Timeout), [`Requested`](Failure::Requested) (it was refused),
        /// [`Limit`](Failure::Limit) (all places were taken, its peer had the most, and another one asked; or there was too much
        /// of all messages, and most of its peer's), or how the stream ended.
        reason: Failure,
    },
}

impl<Request, Response> Event<Request, Response> {
    /// The request of ours whose outcome this is.
    pub(super) const fn outcome_of(&self) -> Option<OutboundRequestId> {
        match self {
            Self::Response { id, .. } | Self::OutboundFailure { id, .. } => Some(*id),
            Self::Request { .. } | Self::ResponseSent { .. } | Self::InboundFailure { .. } => None,
        }
    }

    /// A response that there is no memory for becomes a failure.
    pub(super) fn lose_response(&mut self) {
        if let Self::Response { connection, peer, id, .. } = *self {
            *self = Self::OutboundFailure { connection: Some(connection), peer, id, reason: Failure::Limit };
        }
    }

    /// Returns whether a peer asks, by this id.
    pub(super) fn asks(&self, asked: InboundRequestId) -> bool {
        matches!(self, Self::Request { id, .. } if *id == asked)
    }
}

/// One line without what the messages say.
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
