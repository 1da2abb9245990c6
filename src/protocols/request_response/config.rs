//! [`Config`]: the bounds of requests and responses.

#[cfg(doc)]
use super::RequestResponse;
use super::codec::Framing;
#[cfg(doc)]
use super::error::RequestError;
#[cfg(doc)]
use super::event::Event;
#[cfg(doc)]
use crate::lifecycle::Failure;
use core::time::Duration;

/// The bounds and durations of a [`RequestResponse`], and the form of its messages.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The form of a message on its stream. Default [`Framing::WholeSide`].
    pub framing: Framing,
    /// True if requests of peers are answered. If false, the protocols are not registered with the node, and a peer that
    /// sends a request is told that we do not speak them. Default true.
    pub answers: bool,
    /// The maximum duration of our request, from the first [`drive`](crate::notifee::Notifees::drive) after
    /// [`request`](RequestResponse::request) to the last byte of its response. The wait for the peer to connect is part of
    /// this duration. When the duration has passed, the request fails with [`Failure::Timeout`], and its stream is reset.
    /// Default 10 s, which is also the default of rust-libp2p.
    pub timeout: Duration,
    /// The maximum duration of a peer's request, from the opening of its stream to the last byte of our response. The time
    /// that the owner takes to respond is part of this duration. When the duration has passed, the stream is reset. Default
    /// 10 s.
    pub inbound_timeout: Duration,
    /// The maximum length of a request in bytes, ours or a peer's. Default 1 MiB, which is also the maximum of rust-libp2p's
    /// `cbor` and `json`.
    pub request_bytes: usize,
    /// The maximum length of a response in bytes, ours or a peer's. Default 1 MiB; rust-libp2p's `cbor` and `json` accept
    /// 10 MiB.
    pub response_bytes: usize,
    /// The maximum number of our requests whose outcome the owner has not taken. A further request is
    /// [refused](RequestError::Limit). Default 128.
    pub outbound_requests: usize,
    /// The maximum number of peers' requests whose outcome the owner has not taken. When it is reached and another request
    /// arrives, a request of the peer with the most requests gives way, in any of its states, if that peer has at least two
    /// more than the peer of the new request. If no peer has two more and the peer of the new request has none, the oldest
    /// request that does not wait for the owner gives way. Otherwise the stream of the new request is reset. If the owner
    /// had taken the request that gives way, the owner is told [`Event::InboundFailure`] with [`Failure::Limit`]. Such
    /// events do not count against this maximum, but at most twice as many of them are queued. Default 128.
    pub inbound_requests: usize,
    /// The maximum number of peers' requests whose outcome the owner has not taken, for each peer, on all of its connections
    /// together. The stream of a further request is reset. Default 16.
    pub inbound_requests_per_peer: usize,
    /// The maximum memory, in bytes, of our requests and their responses together: while they are written, while they
    /// arrive, and until the owner takes the response. A response that waits to be taken counts with its encoded length.
    /// When the maximum is exceeded, the peer whose messages take most memory loses its largest message: the request to
    /// which that message belongs fails with [`Failure::Limit`]. A peer whose messages take at most `outbound_bytes` divided
    /// by the number of peers that are being asked therefore never loses a message. A request is
    /// [refused](RequestError::Limit) if the messages of its peer alone would exceed the maximum. Default 64 MiB.
    pub outbound_bytes: usize,
    /// The maximum memory, in bytes, of the requests of peers, while they arrive and until the owner takes them, and of our
    /// responses until they are written. When the maximum is exceeded, the peer whose messages take most memory loses its
    /// largest message: the stream of that message is reset. If the owner had taken the request, the owner is told
    /// [`Event::InboundFailure`] with [`Failure::Limit`]; otherwise the request is counted as
    /// [refused](RequestResponse::refused). A peer whose messages take at most `inbound_bytes` divided by
    /// [`inbound_requests`](Self::inbound_requests), 512 KiB by default, therefore never loses a message. Default 64 MiB.
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
    /// Returns the bounds for a small machine: messages of 16 KiB, 8 requests in each direction, and 128 KiB for all
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
}
