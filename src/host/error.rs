//! [`Error`]: the reason for which a host did not do what a task has requested.

use crate::connection::noise;
use crate::lifecycle::{Failure, Side};
use crate::swarm::{DialError, ListenError, NewSwarmError, OpenStreamError};
use alloc::boxed::Box;
use core::fmt;
use std::io;

/// The reason for which a host did not do what a task has requested.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The listener, dial, stream or request has failed. An event also tells notifees of the failure of a listener, a dial
    /// or a stream.
    Failed {
        /// The reason for the failure, which the event for notifees also contains.
        reason: Failure,
        /// The text of the error of the system or the transport, for a log.
        text: Option<Box<str>>,
    },
    /// There are already as many listeners, connections, pending dials or streams as the limits allow. Or other tasks
    /// already wait for a place to open a stream on the connection.
    Limit,
    /// The list of protocols for the stream is empty.
    NoProtocol,
    /// There is no open connection with this id, or to this peer.
    NotConnected,
    /// The host is shutting down, or the connection is closing.
    Closing,
    /// The host was dropped.
    Gone,
    /// The swarm of the host cannot be borrowed at the moment, since the host is telling its notifees of events. From
    /// [`Handle::answer`](super::Handle::answer), this error means that the service has a handler already.
    Busy,
    /// The notifee with this id was removed, or there never was a notifee of this type with this id.
    NoNotifee,
    /// The system returned no randomness.
    Randomness,
    /// The system could not create a poller for sockets, or `async-io` cannot wait for the poller's descriptor.
    Reactor(io::ErrorKind),
    /// The identity cannot be used to authenticate us to peers.
    Identity(noise::Error),
}

impl Error {
    /// Returns the reason for a failure if this is [`Failed`](Self::Failed), and `None` otherwise.
    #[must_use]
    pub const fn failure(&self) -> Option<Failure> {
        match self {
            Self::Failed { reason, .. } => Some(*reason),
            Self::Limit
            | Self::NoProtocol
            | Self::NotConnected
            | Self::Closing
            | Self::Gone
            | Self::Busy
            | Self::NoNotifee
            | Self::Randomness
            | Self::Reactor(_)
            | Self::Identity(_) => None,
        }
    }
}

impl core::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failed { reason, text: None } => return write!(f, "failed: {reason}"),
            Self::Failed { reason, text: Some(text) } => return write!(f, "failed: {reason}: {text}"),
            Self::Limit => "a limit is reached",
            Self::NoProtocol => "no protocol was given",
            Self::NotConnected => "there is no such connection",
            Self::Closing => "the connection or the host is closing",
            Self::Gone => "the host is gone",
            Self::Busy => "the host is telling its notifees",
            Self::NoNotifee => "no notifee of that type has that id",
            Self::Randomness => "the system gives no randomness",
            Self::Reactor(kind) => return write!(f, "the system cannot wait for sockets: {kind}"),
            Self::Identity(error) => return write!(f, "this identity cannot be used: {error}"),
        })
    }
}

impl From<NewSwarmError> for Error {
    fn from(error: NewSwarmError) -> Self {
        match error {
            NewSwarmError::Identity(error) => Self::Identity(error),
            NewSwarmError::Randomness(_) => Self::Randomness,
        }
    }
}

impl From<ListenError> for Error {
    fn from(error: ListenError) -> Self {
        match error {
            ListenError::Limit => Self::Limit,
            ListenError::Closing => Self::Closing,
        }
    }
}

impl From<DialError> for Error {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Limit => Self::Limit,
            DialError::Closing => Self::Closing,
        }
    }
}

impl From<OpenStreamError> for Error {
    fn from(error: OpenStreamError) -> Self {
        match error {
            OpenStreamError::NoProtocol => Self::NoProtocol,
            OpenStreamError::Limit => Self::Limit,
            OpenStreamError::NotOpen | OpenStreamError::Stale => Self::NotConnected,
            OpenStreamError::Closing => Self::Closing,
        }
    }
}

impl From<Absent> for Error {
    fn from(absent: Absent) -> Self {
        match absent {
            Absent::Taken => Self::Busy,
            Absent::Gone => Self::Gone,
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        use io::ErrorKind as Kind;
        let kind = match &error {
            Error::Failed { reason, .. } => match reason {
                Failure::Refused => Kind::ConnectionRefused,
                Failure::Unreachable => Kind::HostUnreachable,
                Failure::Timeout => Kind::TimedOut,
                Failure::Unsupported => Kind::Unsupported,
                Failure::AddressInUse => Kind::AddrInUse,
                Failure::AddressNotAvailable => Kind::AddrNotAvailable,
                Failure::PermissionDenied | Failure::Denied => Kind::PermissionDenied,
                Failure::Reset(Side::Remote) => Kind::ConnectionReset,
                Failure::Reset(Side::Local)
                | Failure::Requested
                | Failure::ConnectionClosed
                | Failure::Shutdown
                | Failure::Limit => Kind::ConnectionAborted,
                Failure::Eof => Kind::UnexpectedEof,
                Failure::Protocol | Failure::WrongPeer => Kind::InvalidData,
                Failure::LocalPeer => Kind::InvalidInput,
                Failure::Io => Kind::Other,
            },
            Error::NoProtocol | Error::Identity(_) => Kind::InvalidInput,
            Error::NotConnected => Kind::NotConnected,
            Error::Closing | Error::Gone => Kind::ConnectionAborted,
            Error::Reactor(kind) => *kind,
            Error::Limit | Error::Busy | Error::NoNotifee | Error::Randomness => Kind::Other,
        };
        Self::new(kind, error)
    }
}

/// The reason for which the swarm cannot be borrowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Absent {
    /// The swarm is borrowed already: for a turn in which notifees are told of events, or for a call.
    Taken,
    /// The host was dropped.
    Gone,
}
