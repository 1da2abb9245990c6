//! The reasons that events report: the reason of an end ([`ListenerEnd`], [`ConnectionEnd`], [`StreamEnd`]), or the reason
//! of a failure to open ([`Failure`]).

#[cfg(doc)]
use super::event::Event;
use core::fmt;

/// One of the two ends of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a connection has two ends")]
pub enum Side {
    /// Our end.
    Local,
    /// The peer's end.
    Remote,
}

/// The reason why an open listener has ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ListenerEnd {
    /// The owner closed the listener.
    Requested,
    /// The transport could not keep the listener open.
    Failed(Fault),
    /// The owner is shutting the whole swarm down.
    Shutdown,
}

/// The reason why an open connection has ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ConnectionEnd {
    /// The owner closed the connection.
    Requested,
    /// The peer ended the connection. Only Yamux's go-away frame shows that the peer intended the end: see
    /// [`RemoteEnd::Eof`].
    Remote(RemoteEnd),
    /// The connection had no stream during the whole idle timeout.
    Idle,
    /// The connection was one of the least useful, and was closed to make room for others: because a limit was reached,
    /// because there were more connections than the high-water mark, or because the system had run out of file descriptors.
    Trimmed,
    /// After the connection opened, the owner denied its peer or its address, by a list or a gate.
    Denied,
    /// The connection broke, or seems to have broken: a connection that a go-libp2p node dialed and closes politely also
    /// ends with this reason. See [`Fault::Reset`].
    Failed(Fault),
    /// The owner is shutting the whole swarm down.
    Shutdown,
}

/// The way in which a peer ended a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum RemoteEnd {
    /// Yamux's go-away frame, with this code: 0 means a normal end, 1 a protocol error, 2 an internal error. After code 0,
    /// the open streams went on until the last of them ended, until no data moved on them any more, or until the byte pipe
    /// ended.
    GoAway(u32),
    /// The end of the byte pipe (the TCP connection, for example), without a go-away frame. On most systems, this is how the
    /// connections of a killed process end. A go-libp2p node ends the connections that it accepted in this way, whether it
    /// closes them or is killed.
    Eof,
}

/// The reason why an open stream has ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum StreamEnd {
    /// We have sent our FIN, and the owner has read the peer's data up to the peer's FIN.
    Finished,
    /// The stream was reset by us or by the peer. The field says which of the two.
    Reset(Side),
    /// The connection ended before the stream. The peer may have finished the stream before that, and all of the peer's data
    /// may have arrived: a swarm's `stream(id)` tells whether the peer finished (`is_remote_finished`), and `take_unread`
    /// returns the data that was not read. If a go-libp2p node finishes its streams and closes the connection right after
    /// that, the last FINs of the node can be lost: these streams end with this reason, and look unfinished. Let the
    /// application's protocol mark the end of a message.
    ConnectionClosed,
    /// The stream was half-open (one side had finished it), and the peer was silent on it: the peer neither finished the
    /// stream nor sent data or window. Either the silence lasted for the whole half-open timeout, or it lasted so long that
    /// the stream was ended to make room for a new one.
    Timeout,
    /// We reset the stream because a limit was reached. Its peer had exceeded its own part of the limit, or used more of
    /// what the limit bounds than other peers did.
    Limit,
    /// After the stream opened, a gate of the owner denied its protocol to this peer.
    Denied,
}

/// The fault that broke an open listener or connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// The byte pipe was reset by the other side or by the network. A go-libp2p node closes each connection that it dialed
    /// by a TCP reset, without a go-away frame, so an ordinary close by such a peer cannot be distinguished from a crash.
    Reset,
    /// The peer did not answer in time. If the owner of a node does not drive its swarm, the connections to that node end
    /// with this reason at its peers, by default 45 s after they last received something from the node.
    Timeout,
    /// The peer broke a protocol, or the bytes were changed on the way.
    Protocol,
    /// The peer kept to the protocol, but did something that costs us work more often than the rate for it allows.
    Flood,
    /// An error of a socket or of the system that no other variant describes.
    Io,
}

/// The reason why a listener, a connection or a stream could not open.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The other host refuses connections to this address, or the peer left with a go-away before the connection was open.
    Refused,
    /// No route leads to the address, or its name cannot be resolved.
    Unreachable,
    /// The listener, connection or stream did not open in time.
    Timeout,
    /// The peer that answered is not the one that was dialed; or the address to listen on names a peer other than us. For a
    /// dial, the error of the connection names the peer that answered: `expected …, found …`.
    WrongPeer,
    /// We dialed ourselves: the address leads to a listener of ours, or to another process that holds our identity key, or
    /// its `/p2p/…` names us. The accepting end of such a connection has no id, since the dialer leaves before it has proved
    /// its identity. So the accepting end causes no [`ConnectFailed`](Event::ConnectFailed), in this process or in another,
    /// and is counted in [`Counts::without_id`](super::Counts::without_id).
    LocalPeer,
    /// The address is of a kind that our transport does not support, or the peer does not speak the protocol.
    Unsupported,
    /// A limit is reached: one side has no place for another listener, connection or stream.
    Limit,
    /// A list or a gate of this node does not allow the connection or stream. No peer causes this reason: a peer that denies
    /// us something ends the connection, which is reported as [`Eof`](Self::Eof) or [`Reset`](Self::Reset), or refuses the
    /// protocol, which is reported as [`Unsupported`](Self::Unsupported). A swarm's `connection(id).error` has the rule in
    /// words.
    ///
    /// - For a connection that we dialed, there are three cases. The address, or the peer that it names, is denied: the
    ///   other side sees nothing. The name in the address has led to an address that is denied: the other side sees its
    ///   socket closed before any byte. The peer that has answered is denied: that peer sees its socket closed before our
    ///   last handshake message, and does not learn our identity.
    /// - A connection that we accepted was denied after its peer was authenticated and before it opened. The peer sees its
    ///   socket closed. A connection that is denied before its peer is authenticated has no id and is only counted.
    /// - For a stream that its peer has begun, there are two cases. The gate has allowed none of the proposed protocols: the
    ///   peer sees `na` for each, like for a protocol that is not spoken. Or the gate was asked again before the stream was
    ///   open, and denied the protocol then: the peer sees a reset.
    Denied,
    /// Another socket listens on the address.
    AddressInUse,
    /// No interface of this machine has the address, or the transport reports an address to which nobody can connect.
    AddressNotAvailable,
    /// The system does not allow this process to listen on the address or to dial it.
    PermissionDenied,
    /// The connection or stream was reset by us or by the peer before it was open. The field says which of the two.
    Reset(Side),
    /// The byte pipe ended before the connection or stream was open.
    Eof,
    /// The peer broke a protocol, or the bytes were changed on the way.
    Protocol,
    /// The owner closed the listener, connection or stream before it was open.
    Requested,
    /// The connection ended before the stream was open.
    ConnectionClosed,
    /// The owner is shutting the whole swarm down.
    Shutdown,
    /// An error of a socket or of the system that no other variant describes.
    Io,
}

impl From<ListenerEnd> for Failure {
    /// Converts the reason for the end of an open listener into the failure that is reported for a listener that was not
    /// open yet.
    fn from(end: ListenerEnd) -> Self {
        match end {
            ListenerEnd::Requested => Self::Requested,
            ListenerEnd::Failed(fault) => fault.into(),
            ListenerEnd::Shutdown => Self::Shutdown,
        }
    }
}

impl From<ConnectionEnd> for Failure {
    /// Converts the reason for the end of an open connection into the failure that is reported for a connection that was not
    /// open yet.
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
    /// Converts the reason for the end of an open stream into the failure that is reported for a stream that was not open
    /// yet.
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
