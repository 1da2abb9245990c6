//! The errors of constructors and commands, and the translation of transports' errors into failures and faults.

use crate::connection::noise;
use crate::lifecycle::{BeginError, Failure, Fault, Side};
use core::error::Error;
use core::fmt;
use std::io;

macro_rules! command_error {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident => $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$vdoc])* $variant,)*
        }

        impl Error for $name {}

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant => $text,)*
                })
            }
        }
    };
}

command_error! {
    /// The reason why [`listen`](super::Swarm::listen) was refused. The call has changed nothing.
    ListenError {
        /// The number of listeners has reached the [`Limits`](crate::lifecycle::Limits).
        Limit => "there are as many listeners as the limits allow",
        /// The swarm is shutting down, so that nothing new begins.
        Closing => "the swarm is shutting down",
    }
}

command_error! {
    /// The reason why [`dial`](super::Swarm::dial) was refused. The call has changed nothing.
    DialError {
        /// The number of connections, or of dials under way, has reached its limit.
        Limit => "there are as many connections or dials as the limits allow",
        /// The swarm is shutting down, so that nothing new begins.
        Closing => "the swarm is shutting down",
    }
}

command_error! {
    /// The reason why [`open_stream`](super::Swarm::open_stream) was refused. The call has changed nothing.
    OpenStreamError {
        /// No protocol was given.
        NoProtocol => "no protocol was given",
        /// The number of streams, in all or on this connection, has reached its limit.
        Limit => "there are as many streams as the limits allow",
        /// The connection is not open yet.
        NotOpen => "the connection is not open yet",
        /// The connection, or the whole swarm, is closing or has ended.
        Closing => "the connection is closing",
        /// The id is stale, since its closing event has been handled; or another swarm has made the id.
        Stale => "no connection has this id any more",
    }
}

command_error! {
    /// The reason why a listener, connection or stream could not be closed or reset, or why a stream could not get a
    /// timeout. The call has changed nothing.
    CloseError {
        /// The listener, connection or stream has ended already; its closing event follows or is being handled.
        Ended => "it has ended already",
        /// The id is stale, since its closing event has been handled; or another swarm has made the id.
        Stale => "nothing has this id any more",
    }
}

/// The reason why no swarm was made by [`new`](super::Swarm::new), [`with_reactor`](super::Swarm::with_reactor),
/// [`with_events`](super::Swarm::with_events) or `from_os_rng`. The transport and the reactor that were passed are dropped.
/// [`source`](Error::source) returns the cause.
#[derive(Debug)]
#[non_exhaustive]
pub enum NewSwarmError {
    /// The identity cannot prove itself to peers. The usual cause is a key of a type that this build does not support
    /// ([`noise::Error::UnsupportedKey`]). Another attempt with the same identity fails in the same way.
    Identity(noise::Error),
    /// The system returned no random bytes for the seed. Only `from_os_rng` returns this error.
    Randomness(io::Error),
}

impl Error for NewSwarmError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Identity(error) => Some(error),
            Self::Randomness(error) => Some(error),
        }
    }
}

impl fmt::Display for NewSwarmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identity(_) => "the identity cannot be used",
            Self::Randomness(_) => "the system gives no randomness",
        })
    }
}

impl From<noise::Error> for NewSwarmError {
    fn from(error: noise::Error) -> Self {
        Self::Identity(error)
    }
}

/// Converts the error: [`NewSwarmError::Randomness`] becomes the system's own error, and any other error is wrapped in an
/// error of kind [`InvalidInput`](io::ErrorKind::InvalidInput).
impl From<NewSwarmError> for io::Error {
    fn from(error: NewSwarmError) -> Self {
        match error {
            NewSwarmError::Randomness(error) => error,
            NewSwarmError::Identity(_) => Self::new(io::ErrorKind::InvalidInput, error),
        }
    }
}

impl From<BeginError> for OpenStreamError {
    fn from(error: BeginError) -> Self {
        match error {
            BeginError::Limit => Self::Limit,
            BeginError::Stale => Self::Stale,
            BeginError::NotOpen => Self::NotOpen,
            BeginError::Closing => Self::Closing,
        }
    }
}

/// Returns the kind of the innermost `io::Error` in the chain of sources of a transport's error, if there is one.
fn kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    let mut source = Some(error);
    while let Some(error) = source {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            // An `io::Error` may wrap an error of another library, which wraps the system's error.
            return io.get_ref().and_then(|inner| kind(inner)).or(Some(io.kind()));
        }
        source = error.source();
    }
    None
}

/// Returns the failure to report for a listener or connection that could not open because of a transport's error.
pub(super) fn failure(error: &(dyn Error + 'static)) -> Failure {
    use io::ErrorKind as Kind;
    match kind(error) {
        Some(Kind::ConnectionRefused) => Failure::Refused,
        Some(Kind::TimedOut) => Failure::Timeout,
        Some(Kind::HostUnreachable | Kind::NetworkUnreachable) => Failure::Unreachable,
        Some(Kind::AddrInUse) => Failure::AddressInUse,
        Some(Kind::AddrNotAvailable) => Failure::AddressNotAvailable,
        Some(Kind::PermissionDenied) => Failure::PermissionDenied,
        // The peer's system has answered with a TCP reset. The name of the error depends on the call that meets it.
        Some(Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe) => Failure::Reset(Side::Remote),
        Some(Kind::UnexpectedEof) => Failure::Eof,
        Some(_) | None => Failure::Io,
    }
}

/// Returns the fault to report for an open listener or connection that a transport's error has ended.
pub(super) fn fault(error: &(dyn Error + 'static)) -> Fault {
    use io::ErrorKind as Kind;
    match kind(error) {
        // If the byte pipe has a framing of its own and ends in the middle of a frame, the connection was cut, too.
        // go-libp2p 0.32 sets SO_LINGER to {1, 0} on the sockets that it dials: each ordinary close by a go dialer arrives
        // here as a TCP reset, without a go-away.
        Some(Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe | Kind::UnexpectedEof) => Fault::Reset,
        // TCP's own timeout: the system has retransmitted in vain, and gives the connection up.
        Some(Kind::TimedOut) => Fault::Timeout,
        Some(_) | None => Fault::Io,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_swarm_that_is_not_made_has_its_cause_as_source() {
        let error = NewSwarmError::from(noise::Error::RefusedKey);
        assert_eq!(error.to_string(), "the identity cannot be used");
        assert_eq!(error.source().unwrap().to_string(), noise::Error::RefusedKey.to_string());
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::InvalidInput);

        let error = NewSwarmError::Randomness(io::ErrorKind::PermissionDenied.into());
        assert_eq!(error.to_string(), "the system gives no randomness");
        assert_eq!(error.source().unwrap().to_string(), io::Error::from(io::ErrorKind::PermissionDenied).to_string());
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::PermissionDenied, "the system's own");
    }
}
