//! The reasons that events carry: of an end ([`ListenerEnd`], [`ConnectionEnd`], [`StreamEnd`]), or of a failure to open
//! ([`Failure`]).

#[cfg(doc)]
use super::event::Event;
use core::fmt;

/// One of the two ends of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Side {
    /// Ours.
    Local,
    /// The peer's.
    Remote,
}

/// The reason why an open listener has ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ListenerEnd {
    /// Its owner closed it.
    Requested,
    /// Its transport could not keep it open.
    Failed(Fault),
    /// The whole swarm shuts down.
    Shutdown,
}

/// The reason why an open connection has ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ConnectionEnd {
    /// Its owner closed it.
    Requested,
    /// The peer ended it. Only a go-away shows that the peer intended it: see [`RemoteEnd::Eof`].
    Remote(RemoteEnd),
    /// It had no stream for the idle time-out.
    Idle,
    /// It was one of the least useful connections and gave its place to others: at a limit, above the high-water mark of
    /// connections, or where the system had run out of descriptors.
    Trimmed,
    /// Its owner has denied its peer or its address since it opened, by a list or a gate.
    Denied,
    /// It broke, or seems to have broken: a go-libp2p node that closes a connection which it dialed ends it in this way,
    /// too. See [`Fault::Reset`].
    Failed(Fault),
    /// The whole swarm shuts down.
    Shutdown,
}

/// The way in which a peer ended a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RemoteEnd {
    /// Yamux's go-away, with this code: 0 normal, 1 protocol error, 2 internal error. After code 0 the streams that lived
    /// have gone on: until the last one ended, until nothing moved on them any more, or until the byte pipe ended.
    GoAway(u32),
    /// The end of the byte pipe, without a go-away. On most systems a process that is killed ends its connections in this
    /// way, and so does a go-libp2p listener, whether it closes the connection or is killed.
    Eof,
}

/// The reason why an open stream has ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum StreamEnd {
    /// Our FIN is sent and the peer's FIN has been read.
    Finished,
    /// One side reset it.
    Reset(Side),
    /// Its connection ended first. The peer may have finished before, and all of its data may have come: a swarm's
    /// `stream(id)` tells whether it finished (`is_remote_finished`), and `take_unread` returns the data that was not read.
    /// A go-libp2p node that finishes its streams and closes the connection right after can lose its last FINs: these
    /// streams end with this reason, and look unfinished. Let the application's protocol mark the end of a message.
    ConnectionClosed,
    /// It was half-open, and the peer neither ended nor moved it: for the half-open time-out, or for so long that the stream
    /// was given up for a new one.
    Timeout,
    /// We reset it because a limit was reached, and its peer held most of the scarce resource.
    Limit,
    /// Its owner has denied its protocol to this peer since it opened, by a gate.
    Denied,
}

/// The fault that broke something open.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// The byte pipe was reset by the other side or by the network. A go-libp2p node closes each connection that it dialed
    /// by a TCP reset, without a go-away, so an ordinary close by such a peer cannot be told from its death.
    Reset,
    /// The peer vanished: it answered nothing in time. To its peers, an owner that does not drive its swarm looks the same,
    /// by default 45 s after they last heard it.
    Timeout,
    /// The peer broke a protocol, or the bytes were changed on the way.
    Protocol,
    /// The peer kept to the protocol, but did something that costs us work more often than its rate allows.
    Flood,
    /// Any other error of a socket or of the system.
    Io,
}

/// The reason why a listener, a connection or a stream could not open.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The other host refuses connections to this address.
    Refused,
    /// No route leads to the address, or its name cannot be resolved.
    Unreachable,
    /// It did not open in time.
    Timeout,
    /// Another peer answered than the one that was dialed; or the address to listen on names another peer than us. For a
    /// dial, the error of the connection names the peer that answered: `expected …, found …`.
    WrongPeer,
    /// We dialed ourselves: the address leads to a listener of ours, or to another process that holds our identity key, or
    /// its `/p2p/…` names us. The accepted end of such a connection has no id, since the dialer leaves before it has proved
    /// its identity. So that end causes no [`ConnectFailed`](Event::ConnectFailed), in this process or in another, and is
    /// counted in [`Counts::without_id`](super::Counts::without_id).
    LocalPeer,
    /// The address is of a kind that our transport does not support, or the peer does not speak the protocol.
    Unsupported,
    /// One side has no place for another one.
    Limit,
    /// A list or a gate of this node does not allow it. No peer causes this reason: a peer that denies us something ends the
    /// connection, which is reported as [`Eof`](Self::Eof) or [`Reset`](Self::Reset), or does not speak the protocol
    /// ([`Unsupported`](Self::Unsupported)). A swarm's `connection(id).error` has the rule in words.
    ///
    /// - For a connection that we dialed, there are three cases. The address, or the peer that it names, is denied: the
    ///   other side sees nothing. The name in the address has led to an address that is denied: the other side sees its
    ///   socket closed before any byte. The peer that has answered is denied: it sees its socket closed before our last
    ///   handshake message, and does not learn our identity.
    /// - For a connection that we accepted: it was denied between the proof of its peer and its opening, and the peer sees
    ///   its socket closed. A connection that is denied before that has no id and is only counted.
    /// - For a stream that its peer has begun, there are two cases. The gate has allowed none of the proposed protocols: the
    ///   peer sees `na` for each, as for one that is not spoken. Or the gate was asked again before the stream was open: the
    ///   peer sees a reset.
    Denied,
    /// Another socket listens on the address.
    AddressInUse,
    /// No interface of this machine has the address, or the transport reports an address to which nobody can connect.
    AddressNotAvailable,
    /// The system does not allow it.
    PermissionDenied,
    /// One side reset it before it was open.
    Reset(Side),
    /// The byte pipe ended before it was open.
    Eof,
    /// The peer broke a protocol, or the bytes were changed on the way.
    Protocol,
    /// Its owner closed it before it was open.
    Requested,
    /// Its connection ended first.
    ConnectionClosed,
    /// The whole swarm shuts down.
    Shutdown,
    /// Any other error of a socket or of the system.
    Io,
}

impl From<ListenerEnd> for Failure {
    /// Returns the failure of a listener that would have had this end if it had been open.
    fn from(end: ListenerEnd) -> Self {
        match end {
            ListenerEnd::Requested => Self::Requested,
            ListenerEnd::Failed(fault) => fault.into(),
            ListenerEnd::Shutdown => Self::Shutdown,
        }
    }
}

impl From<ConnectionEnd> for Failure {
    /// Returns the failure of a connection that would have had this end if it had been open.
    fn from(end: ConnectionEnd) -> Self {
        match end {
            ConnectionEnd::Requested => Self::Requested,
            ConnectionEnd::Remote(RemoteEnd::GoAway(_)) => Self::Refused,
            ConnectionEnd::Remote(RemoteEnd::Eof) => Self::Eof,
            ConnectionEnd::Idle => Self::Timeout,
            ConnectionEnd::Trimmed => Self::Limit,
            ConnectionEnd::Denied => Self::Denied,
            ConnectionEnd::Failed(fault) => fault.into(),
            ConnectionEnd::Shutdown => Self::Shutdown,
        }
    }
}

impl From<StreamEnd> for Failure {
    /// Returns the failure of a stream that would have had this end if it had been open.
    fn from(end: StreamEnd) -> Self {
        match end {
            StreamEnd::Finished => Self::Eof,
            StreamEnd::Reset(side) => Self::Reset(side),
            StreamEnd::ConnectionClosed => Self::ConnectionClosed,
            StreamEnd::Timeout => Self::Timeout,
            StreamEnd::Limit => Self::Limit,
            StreamEnd::Denied => Self::Denied,
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Reset => Self::Reset(Side::Remote),
            Fault::Timeout => Self::Timeout,
            Fault::Protocol => Self::Protocol,
            Fault::Flood => Self::Limit,
            Fault::Io => Self::Io,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "local",
            Self::Remote => "remote",
        })
    }
}

impl fmt::Display for ListenerEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested => f.write_str("requested"),
            Self::Failed(fault) => write!(f, "failed({fault})"),
            Self::Shutdown => f.write_str("shutdown"),
        }
    }
}

impl fmt::Display for ConnectionEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested => f.write_str("requested"),
            Self::Remote(RemoteEnd::GoAway(code)) => write!(f, "remote(go_away({code}))"),
            Self::Remote(RemoteEnd::Eof) => f.write_str("remote(eof)"),
            Self::Idle => f.write_str("idle"),
            Self::Trimmed => f.write_str("trimmed"),
            Self::Denied => f.write_str("denied"),
            Self::Failed(fault) => write!(f, "failed({fault})"),
            Self::Shutdown => f.write_str("shutdown"),
        }
    }
}

impl fmt::Display for StreamEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => f.write_str("finished"),
            Self::Reset(side) => write!(f, "reset({side})"),
            Self::ConnectionClosed => f.write_str("connection_closed"),
            Self::Timeout => f.write_str("timeout"),
            Self::Limit => f.write_str("limit"),
            Self::Denied => f.write_str("denied"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::Protocol => "protocol",
            Self::Flood => "flood",
            Self::Io => "io",
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::WrongPeer => "wrong_peer",
            Self::LocalPeer => "local_peer",
            Self::Unsupported => "unsupported",
            Self::Limit => "limit",
            Self::Denied => "denied",
            Self::AddressInUse => "address_in_use",
            Self::AddressNotAvailable => "address_not_available",
            Self::PermissionDenied => "permission_denied",
            Self::Reset(side) => return write!(f, "reset({side})"),
            Self::Eof => "eof",
            Self::Protocol => "protocol",
            Self::Requested => "requested",
            Self::ConnectionClosed => "connection_closed",
            Self::Shutdown => "shutdown",
            Self::Io => "io",
        })
    }
}
