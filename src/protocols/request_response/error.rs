//! [`RequestError`] and [`RespondError`]: the reasons for which the service refuses a command.

use core::fmt;

/// The reason for which our request was not accepted. The call has changed nothing. `E` is the error type of the codec.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum RequestError<E> {
    /// The connection is not open, or the service has not been told of its opening yet.
    NotConnected,
    /// A bound is reached: there are [`outbound_requests`](super::Config::outbound_requests) requests whose outcome the
    /// owner has not taken, or the messages of this peer would take more than
    /// [`outbound_bytes`](super::Config::outbound_bytes).
    Limit,
    /// The request is longer than [`request_bytes`](super::Config::request_bytes).
    TooLong,
    /// The codec could not encode the request.
    Codec(E),
}

/// The reason for which our response to a peer was not accepted. `E` is the error type of the codec.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum RespondError<E> {
    /// The request was answered or refused before, or it has ended: its stream or connection has ended, it has timed out, or
    /// it has given way to another request.
    Over,
    /// The response is longer than [`response_bytes`](super::Config::response_bytes).
    TooLong,
    /// The codec could not encode the response.
    Codec(E),
}

impl<E: fmt::Display> fmt::Display for RequestError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConnected => f.write_str("the connection is not open"),
            Self::Limit => f.write_str("too many requests, or too large ones, have no outcome yet"),
            Self::TooLong => f.write_str("the request is too long"),
            Self::Codec(error) => write!(f, "the request cannot be written: {error}"),
        }
    }
}

impl<E: fmt::Display> fmt::Display for RespondError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Over => f.write_str("the request does not wait for a response"),
            Self::TooLong => f.write_str("the response is too long"),
            Self::Codec(error) => write!(f, "the response cannot be written: {error}"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for RequestError<E> {}
impl<E: fmt::Debug + fmt::Display> core::error::Error for RespondError<E> {}
