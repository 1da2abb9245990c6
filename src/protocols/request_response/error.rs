//! [`RequestError`] and [`RespondError`]: why a command to the service was refused.

use core::fmt;

/// The reason for which a request was refused. Nothing has changed. `E` is the codec's error.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum RequestError<E> {
    /// The connection is not open, or was not when events were dispatched the last time.
    NotConnected,
    /// So many requests have no outcome that was taken: see
    /// [`outbound_requests`](super::Config::outbound_requests). Or their messages would take too much memory for one peer: see
    /// [`outbound_bytes`](super::Config::outbound_bytes).
    Limit,
    /// It is longer than [`request_bytes`](super::Config::request_bytes).
    TooLong,
    /// The codec could not write it.
    Codec(E),
}

/// The reason for which a response was refused. `E` is the codec's error.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum RespondError<E> {
    /// The request was answered or refused before, or it is over: its stream or connection has ended, or its time has
    /// passed.
    Over,
    /// It is longer than [`response_bytes`](super::Config::response_bytes).
    TooLong,
    /// The codec could not write it.
    Codec(E),
}

impl<E: fmt::Display> fmt::Display for RequestError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConnected => f.write_str("the connection is not open"),
            Self::Limit => f.write_str("too many requests wait for an outcome"),
            Self::TooLong => f.write_str("the request is too long"),
            Self::Codec(error) => write!(f, "the request cannot be written: {error}"),
        }
    }
}

impl<E: fmt::Display> fmt::Display for RespondError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Over => f.write_str("the request waits for no response"),
            Self::TooLong => f.write_str("the response is too long"),
            Self::Codec(error) => write!(f, "the response cannot be written: {error}"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for RequestError<E> {}
impl<E: fmt::Debug + fmt::Display> core::error::Error for RespondError<E> {}
