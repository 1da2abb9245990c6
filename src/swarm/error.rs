//! The errors of constructors and commands, and the meanings of transports' errors.

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
    /// Why [`listen`](super::Swarm::listen) was refused. Nothing has changed.
    ListenError {
        /// There are as many listeners as [`Limits`](crate::lifecycle::Limits) allow.
        Limit => "there are as many listeners as the limits allow",
        /// The swarm is shutting down.
        Closing => "the swarm is shutting down",
    }
}

command_error! {
    /// Why [`dial`](super::Swarm::dial) was refused. Nothing has changed.
    DialError {
        /// There are as many connections, or dials under way, as the limits allow.
        Limit => "there are as many connections or dials as the limits allow",
        /// The swarm is shutting down.
        Closing => "the swarm is shutting down",
    }
}

command_error! {
    /// Why [`open_stream`](super::Swarm::open_stream) was refused. Nothing has changed.
    OpenStreamError {
        /// No protocol was given.
        NoProtocol => "no protocol was given",
        /// There are as many streams, in all or on this connection, as the limits allow.
        Limit => "there are as many streams as the limits allow",
        /// The connection is not open yet.
        NotOpen => "the connection is not open yet",
        /// The connection, or the whole swarm, is closing or has ended.
        Closing => "the connection is closing",
        /// The id names nothing that lives: its last event has been handled, or it was not given here.
        Stale => "no connection has this id any more",
    }
}

command_error! {
    /// Why something could not be closed or reset, or be given a time-out. Nothing has changed.
    CloseError {
        /// It has ended already; its last event is on its way.
        Ended => "it has ended already",
        /// The id names nothing that lives: its last event has been handled, or it was not given here.
        Stale => "nothing has this id any more",
    }
}

/// Why no swarm was made: by [`new`](super::Swarm::new), [`with_reactor`](super::Swarm::with_reactor),
/// [`with_events`](super::Swarm::with_events) or `from_os_rng`. The transport and the reactor that were handed over are
/// dropped. Its [`source`](Error::source) is the cause.
#[derive(Debug)]
#[non_exhaustive]
pub enum NewSwarmError {
    /// The identity cannot prove itself to peers: mostly, its key is of a type that this build does not know
    /// ([`noise::Error::UnsupportedKey`]). The same identity always fails so.
    Identity(noise::Error),
    /// The system gave no random bytes for the seed. Only `from_os_rng` asks for them.
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

/// The system's error if it gave no random bytes, and one of kind [`InvalidInput`](io::ErrorKind::InvalidInput) around
/// any other.
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

/// Returns the kind of the innermost `io::Error` among the sources of a transport's error, if there is one.
fn kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    let mut source = Some(error);
    while let Some(error) = source {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            // An `io::Error` may wrap another library's, which wraps the system's.
            return io.get_ref().and_then(|inner| kind(inner)).or(Some(io.kind()));
        }
        source = error.source();
    }
    None
}

/// Returns the failure to report for something that could not open because of a transport's error.
pub(super) fn failure(error: &(dyn Error + 'static)) -> Failure {
    use io::ErrorKind as Kind;
    match kind(error) {
        Some(Kind::ConnectionRefused) => Failure::Refused,
        Some(Kind::TimedOut) => Failure::Timeout,
        Some(Kind::HostUnreachable | Kind::NetworkUnreachable) => Failure::Unreachable,
        Some(Kind::AddrInUse) => Failure::AddressInUse,
        Some(Kind::AddrNotAvailable) => Failure::AddressNotAvailable,
        Some(Kind::PermissionDenied) => Failure::PermissionDenied,
        Some(Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe) => Failure::Reset(Side::Remote),
        Some(Kind::UnexpectedEof) => Failure::Eof,
        Some(_) | None => Failure::Io,
    }
}

/// Returns the fault to report for something open that a transport's error has ended.
pub(super) fn fault(error: &(dyn Error + 'static)) -> Fault {
    use io::ErrorKind as Kind;
    match kind(error) {
        // A pipe that ends in the middle of its own framing was cut, too.
        Some(Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe | Kind::UnexpectedEof) => Fault::Reset,
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
