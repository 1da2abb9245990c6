//! The errors of commands, and the meanings of transports' errors.

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
