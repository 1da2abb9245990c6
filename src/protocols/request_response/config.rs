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

/// The bounds and times of a [`RequestResponse`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The form of a message on its stream. Default [`Framing::WholeSide`].
    pub framing: Framing,
    /// True if requests of peers are answered. If not, the protocols are not registered with the node, and a peer hears
    /// that we do not speak them. Default yes.
    pub answers: bool,
    /// The time that a request may take from the [`drive`](crate::notifee::Notifees::drive) after
    /// [`request`](RequestResponse::request) to the last byte of its response, the wait for its peer's connection
    /// included. Then it has failed of [`Failure::Timeout`], and its stream is reset. Default 10 s, that of rust-libp2p.
    pub timeout: Duration,
    /// The time that a request of a peer may take from the opening of its stream to the last byte of our response, the
    /// owner's time for it included. Then its stream is reset. Default 10 s.
    pub inbound_timeout: Duration,
    /// The longest request in bytes, ours and peers'. Default 1 MiB, that of rust-libp2p's `cbor` and `json`.
    pub request_bytes: usize,
    /// The longest response in bytes, ours and peers'. Default 1 MiB; rust-libp2p's `cbor` and `json` take 10 MiB.
    pub response_bytes: usize,
    /// The most requests of ours without an outcome that the owner has taken. One more is
    /// [refused](RequestError::Limit). Default 128.
    pub outbound_requests: usize,
    /// The most requests of peers of which the outcome has not been taken. One more takes the place of one of the peer
    /// that has at least two more than its own, whether that one is arriving, waits for the owner, or is being
    /// answered; or, of a peer that has none, that of the oldest that does not wait for the owner; else its stream is
    /// reset. Of one that the owner had taken [`Event::InboundFailure`] tells then, with [`Failure::Limit`]; outcomes
    /// of such are at most twice as many again. Default 128.
    pub inbound_requests: usize,
    /// The most of those that are one peer's, however many connections it has. A stream for one more is reset.
    /// Default 16.
    pub inbound_requests_per_peer: usize,
    /// The memory that requests of ours and their responses may take together: as they are written, as they arrive, and
    /// until the response is taken. Of a response that waits to be taken its length counts. Beyond, the peer for which
    /// most is taken loses the largest message: that request fails of
    /// [`Failure::Limit`]. So a peer for which no more is taken than `outbound_bytes`
    /// divided by the number of peers that are asked never loses one. A request with which its peer alone would have
    /// more is [refused](RequestError::Limit). Default 64 MiB.
    pub outbound_bytes: usize,
    /// The memory that requests of peers may take, as they arrive and until they are taken, together with our responses
    /// until they are written. Beyond, the peer for which most is taken loses the largest message: its stream is reset.
    /// If the owner had taken that request, [`Event::InboundFailure`] tells it, with
    /// [`Failure::Limit`]; else it is [refused](RequestResponse::refused). So a peer
    /// for which no more is taken than `inbound_bytes` divided by [`inbound_requests`](Self::inbound_requests), 512 KiB
    /// by default, never loses one. Default 64 MiB.
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
    /// The bounds for a small machine: messages of 16 KiB, 8 requests in each direction, and 128 KiB for those of each.
    /// See [`swarm::Config::small`](crate::swarm::Config::small).
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
