//! The reasons that events carry: why something has ended ([`ListenerEnd`], [`ConnectionEnd`], [`StreamEnd`]) or could
//! not open ([`Failure`]).

#[cfg(doc)]
use super::event::Event;
use core::fmt;

/// Which of the two ends of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a connection has two ends")]
pub enum Side {
    /// Ours.
    Local,
    /// The peer's.
    Remote,
}

/// Why a listener that was open has ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ListenerEnd {
    /// Its owner closed it.
    Requested,
    /// Its transport gave it up.
    Failed(Fault),
    /// The whole swarm shuts down.
    Shutdown,
}

/// Why a connection that was open has ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ConnectionEnd {
    /// Its owner closed it.
    Requested,
    /// The peer ended it. Only a go-away says that the peer wanted to: see [`RemoteEnd::Eof`].
    Remote(RemoteEnd),
    /// Nothing was open on it for the idle time-out.
    Idle,
    /// It was one of the least useful, and gave its place to others: at a limit, above the high-water mark of
    /// connections, or where the system had run out of descriptors.
    Trimmed,
    /// Its owner has come to deny its peer or its address, by a list or a gate.
    Denied,
    /// It broke, or so it looks: a go-libp2p node that closes a connection which it dialed ends it so, too. See
    /// [`Fault::Reset`].
    Failed(Fault),
    /// The whole swarm shuts down.
    Shutdown,
}

/// How a peer ended a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum RemoteEnd {
    /// By yamux's go-away, with this code: 0 normal, 1 protocol error, 2 internal error. After code 0 the streams that
    /// lived have gone on: until the last one ended, nothing moved on them any more, or the byte pipe ended.
    GoAway(u32),
    /// By the end of its byte pipe, without a go-away. A process that is killed ends so on most systems, and so does a
    /// go-libp2p listener, whether it closes the connection or is killed.
    Eof,
}

/// Why a stream that was open has ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum StreamEnd {
    /// Our FIN is sent and the peer's FIN has been read.
    Finished,
    /// One side gave it up.
    Reset(Side),
    /// Its connection ended first. The peer may have finished before, and all it had to say may have come: a swarm's
    /// `stream(id)` says so (`is_remote_finished`), and `take_unread` gives what was not read. A go-libp2p node that
    /// finishes its streams and closes the connection right after can lose its last FINs: these streams end so, and look
    /// unfinished. Let the application's protocol say where a message ends.
    ConnectionClosed,
    /// Half of it was over and the peer let the other half hang: for the half-open time-out, or for so long that the
    /// stream was given up for a new one.
    Timeout,
    /// We reset it because a limit was reached, and this stream's peer held most of what was short.
    Limit,
    /// Its owner has come to deny its protocol to this peer, by a gate.
    Denied,
}

/// What broke something that was open.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// The byte pipe was reset by the other side or by the network. A go-libp2p node closes each connection that it
    /// dialed by a TCP reset, without a go-away, so that an ordinary close of such a peer cannot be told from its death.
    Reset,
    /// The peer vanished: it answered nothing in time. An owner that does not drive its swarm looks so to its peers, 45 s
    /// after they last heard it by default.
    Timeout,
    /// The peer broke a protocol, or what arrived was not what the peer sent.
    Protocol,
    /// The peer kept to the protocol, and did something that costs us work more often than its rate allows.
    Flood,
    /// Any other error of a socket or of the system.
    Io,
}

/// Why something could not open.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The other host refuses connections there.
    Refused,
    /// No route leads there, or its name leads nowhere.
    Unreachable,
    /// It did not open in time.
    Timeout,
    /// Another peer answered than the one that was dialed; or the address to listen on names another peer than us. Of a
    /// dial, the error of the connection says who has answered: `expected …, found …`.
    WrongPeer,
    /// We dialed ourselves: the address leads to a listener of ours, or to another process that holds our identity key,
    /// or its `/p2p/…` names us. The accepted end of such a connection in the same swarm is told by no event:
    /// [`Counts::without_id`](super::Counts::without_id) counts it. Another process is told
    /// [`ConnectFailed`](Event::ConnectFailed) with [`Eof`](Self::Eof), where the dialer leaves before it says who it is.
    LocalPeer,
    /// The address or the protocol is not spoken: by our transport, or by the peer.
    Unsupported,
    /// One side has no place for more.
    Limit,
    /// A list or a gate of this node does not allow it. No peer causes it: a peer that denies us something ends the
    /// connection, which is told as [`Eof`](Self::Eof) or [`Reset`](Self::Reset), or does not speak the protocol
    /// ([`Unsupported`](Self::Unsupported)). A swarm's `connection(id).error` has the rule in words.
    ///
    /// - Of a connection that we dialed: the address or the peer that it names is denied, and the other side sees
    ///   nothing. Or the name in the address has led to an address that is, and the other side sees its socket closed
    ///   before a byte. Or the peer that has answered is denied: it sees its socket closed before our last handshake
    ///   message, and does not learn who we are.
    /// - Of a connection that we accepted: it has come to be denied between the proof of its peer and its opening, and
    ///   the peer sees its socket closed. One that was denied before has no id and is counted only.
    /// - Of a stream, which its peer has begun: the gate has allowed none of the protocols that were proposed. The peer
    ///   sees `na` for each, as for one that is not spoken. Or the gate was asked again before the stream was open, and
    ///   the peer sees a reset.
    Denied,
    /// Somebody else listens there.
    AddressInUse,
    /// No interface of this machine has that address; or the transport reports one that nobody can connect to.
    AddressNotAvailable,
    /// The system does not allow it.
    PermissionDenied,
    /// One side gave it up before it was open.
    Reset(Side),
    /// The byte pipe ended before it was open.
    Eof,
    /// The peer broke a protocol, or what arrived was not what the peer sent.
    Protocol,
    /// Its owner closed it before it was open.
    Requested,
    /// What it runs on ended first.
    ConnectionClosed,
    /// The whole swarm shuts down.
    Shutdown,
    /// Any other error of a socket or of the system.
    Io,
}

impl From<ListenerEnd> for Failure {
    /// What a listener that was not open yet is told to have failed of.
    fn from(end: ListenerEnd) -> Self {
        match end {
            ListenerEnd::Requested => Self::Requested,
            ListenerEnd::Failed(fault) => fault.into(),
            ListenerEnd::Shutdown => Self::Shutdown,
        }
    }
}

impl From<ConnectionEnd> for Failure {
    /// What a connection that was not open yet is told to have failed of.
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
    /// What a stream that was not open yet is told to have failed of.
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
