//! [`Config`]: the bounds of requests and responses.

use super::Exchange;
#[cfg(doc)]
use super::RequestResponse;
use super::codec::{Codec, Framing};
#[cfg(doc)]
use super::error::RequestError;
use super::event::{Event, InboundRequestId, OutboundRequestId};
use super::inbound::InboundRequest;
use super::outbound::OutboundRequest;
use super::places::PLACE;
use crate::identity::PeerId;
#[cfg(doc)]
use crate::lifecycle::Failure;
use crate::lifecycle::{ConnectionId, Limits};
use crate::protocols::held_memory::HeldMemory;
use core::time::Duration;

/// The bounds and durations of a [`RequestResponse`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The form of a message on its stream. Default [`Framing::WholeSide`].
    pub framing: Framing,
    /// True if requests of peers are answered. If false, the protocols are not registered with the node, and peers are
    /// told that we do not speak them. Default true.
    pub answers: bool,
    /// The maximum duration of our request, from the [`drive`](crate::notifee::Notifees::drive) after
    /// [`request`](RequestResponse::request) to the last byte of its response. The wait for the peer to connect is part
    /// of it. After it the request fails with [`Failure::Timeout`], and its stream is reset. Default 10 s, that of
    /// rust-libp2p.
    pub timeout: Duration,
    /// The maximum duration of a peer's request, from the opening of its stream to the last byte of our response. The
    /// owner's time to respond is part of it. After it the stream is reset. Default 10 s.
    pub inbound_timeout: Duration,
    /// The maximum length of a request in bytes, ours or a peer's. Default 1 MiB, that of rust-libp2p's `cbor` and
    /// `json`.
    pub request_bytes: usize,
    /// The maximum length of a response in bytes, ours or a peer's. Default 1 MiB; rust-libp2p's `cbor` and `json` accept
    /// 10 MiB.
    pub response_bytes: usize,
    /// The maximum number of our requests whose outcome the owner has not taken. One more is
    /// [refused](RequestError::Limit). Default 128.
    pub outbound_requests: usize,
    /// The maximum number of peers' requests whose outcome has not been taken. For one more, a request of the peer with
    /// the most gives way if that peer has at least two more than the newcomer's: one that is arriving, waits for the
    /// owner, or is being answered. If no peer has two more and the newcomer's peer has none, the oldest request that
    /// does not wait for the owner gives way. Otherwise the stream of the newcomer is reset. If the owner had taken the
    /// request that gives way, it is told [`Event::InboundFailure`] with [`Failure::Limit`]; such outcomes are not
    /// counted here, and at most twice as many of them wait. Default 128.
    pub inbound_requests: usize,
    /// The maximum number of these requests that one peer has, on all of its connections together. The stream of one more
    /// is reset. Default 16.
    pub inbound_requests_per_peer: usize,
    /// The maximum memory, in bytes, of our requests and their responses together: while they are written, while they
    /// arrive, and until the response is taken. A response that waits to be taken counts with its encoded length. Beyond
    /// the maximum, the peer whose messages take most loses the largest one: that request fails with [`Failure::Limit`].
    /// So a peer whose messages take at most `outbound_bytes` divided by the number of peers asked never loses one. A
    /// request is [refused](RequestError::Limit) if its peer alone would exceed the maximum. Default 64 MiB.
    pub outbound_bytes: usize,
    /// The maximum memory, in bytes, of the requests of peers, while they arrive and until they are taken, and of our
    /// responses until they are written. Beyond it, the peer whose messages take most loses the largest one: its stream
    /// is reset. If the owner had taken that request, it is told [`Event::InboundFailure`] with [`Failure::Limit`]; else
    /// the request is counted as [refused](RequestResponse::refused). So a peer whose messages take at most
    /// `inbound_bytes` divided by [`inbound_requests`](Self::inbound_requests), 512 KiB by default, never loses one.
    /// Default 64 MiB.
    pub inbound_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            framing: Framing::default(),
            answers: true,
            timeout: Duration::from_secs(10),
            inbound_timeout: Duration::from_secs(10),
            request_bytes: 1024 * 1024,
            response_bytes: 1024 * 1024,
            outbound_requests: 128,
            inbound_requests: 128,
            inbound_requests_per_peer: 16,
            outbound_bytes: 64 * 1024 * 1024,
            inbound_bytes: 64 * 1024 * 1024,
        }
    }
}

impl Config {
    /// Returns the bounds for a small machine: messages of 16 KiB, 8 requests in each direction, and 128 KiB for the
    /// messages of each direction. See [`swarm::Config::small`](crate::swarm::Config::small).
    #[must_use]
    pub fn small() -> Self {
        Self {
            request_bytes: 16 * 1024,
            response_bytes: 16 * 1024,
            outbound_requests: 8,
            inbound_requests: 8,
            inbound_requests_per_peer: 4,
            outbound_bytes: 128 * 1024,
            inbound_bytes: 128 * 1024,
            ..Self::default()
        }
    }

    /// Returns the most bytes of heap that a [`RequestResponse`] with these bounds takes in a swarm with these limits:
    /// all messages, one message that has not been counted yet, and the records of connections, streams and requests. A
    /// decoded message counts as its encoded bytes; if the codec makes it larger, add the difference.
    #[must_use]
    pub fn memory_bound<C: Codec>(&self, limits: &Limits) -> usize {
        let event = size_of::<Event<C::Request, C::Response>>();
        let message = self.request_bytes.max(self.response_bytes);
        let connection = const { 4 * size_of::<Option<PeerId>>() + 3 * size_of::<ConnectionId>() + 64 };
        let outbound = event.saturating_mul(2).saturating_add(const { 4 * size_of::<OutboundRequest>() });
        // Three outcomes beside the request itself, two of them of requests that have given way.
        let inbound = event.saturating_mul(8).saturating_add(const { 4 * size_of::<InboundRequest>() + PLACE + 64 });
        let parts = [
            (limits.connections as usize, connection),
            (limits.streams as usize, const { 4 * size_of::<Option<Exchange>>() }),
            (1, self.outbound_bytes.saturating_add(self.inbound_bytes)),
            (4, message),
            (self.outbound_requests, outbound.saturating_add(HeldMemory::<PeerId, OutboundRequestId>::HOLDER)),
            (self.inbound_requests, inbound.saturating_add(HeldMemory::<PeerId, InboundRequestId>::HOLDER)),
        ];
        parts.iter().map(|(count, each)| count.saturating_mul(*each)).fold(16 * 1024, usize::saturating_add)
    }
}
