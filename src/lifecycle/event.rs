//! What is told: the nine [`Event`]s and the reasons they carry.
//!
//! |            | opened         | failed to open   | closed         |
//! |------------|----------------|------------------|----------------|
//! | listener   | `Listen`       | `ListenFailed`   | `ListenClose`  |
//! | connection | `Connected`    | `ConnectFailed`  | `Disconnected` |
//! | stream     | `OpenedStream` | `StreamFailed`   | `ClosedStream` |
//!
//! Every id gets exactly one of the first two columns and, if it opened, exactly one of the third. No reason is told
//! by its absence, and the same word means the same thing in every enum.

use super::id::{ConnectionId, Id, ListenerId, StreamId};
use core::fmt;

/// One transition that the owner is told of. `Copy`, at most 24 bytes, self-contained apart from what an id can be
/// asked for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Event {
    /// A listener has its first address: a connect to it succeeds from now on.
    Listen {
        /// The listener that opened.
        listener: ListenerId,
    },
    /// A listener could not open.
    ListenFailed {
        /// The listener; this is its last event.
        listener: ListenerId,
        /// Why.
        reason: Failure,
    },
    /// An open listener has ended; its socket is closed.
    ListenClose {
        /// The listener; this is its last event.
        listener: ListenerId,
        /// Why.
        reason: ListenerEnd,
    },
    /// A connection is up: the peer is authenticated and the muxer agreed.
    Connected {
        /// The connection that opened.
        connection: ConnectionId,
    },
    /// A connection could not open: one that was dialed, or one that was accepted, whose peer is authenticated, and that
    /// ended while it waited for room.
    ConnectFailed {
        /// The connection; this is its last event.
        connection: ConnectionId,
        /// Why.
        reason: Failure,
    },
    /// An open connection has ended; its socket is closed and all its streams' last events came before.
    Disconnected {
        /// The connection; this is its last event.
        connection: ConnectionId,
        /// Why.
        reason: ConnectionEnd,
    },
    /// A stream is up: its protocol is agreed by both sides and named.
    OpenedStream {
        /// The connection it runs on.
        connection: ConnectionId,
        /// The stream that opened.
        stream: StreamId,
    },
    /// A stream could not open, ours or the peer's. Nothing is told of one that the peer began and that ended before it had
    /// proposed a protocol: it had no id, and is counted in [`Counts::without_id`](super::Counts::without_id).
    StreamFailed {
        /// The connection it would have run on.
        connection: ConnectionId,
        /// The stream; this is its last event.
        stream: StreamId,
        /// Why.
        reason: Failure,
    },
    /// An open stream has ended: both directions are over.
    ClosedStream {
        /// The connection it ran on.
        connection: ConnectionId,
        /// The stream; this is its last event.
        stream: StreamId,
        /// Why.
        reason: StreamEnd,
    },
}

const _: () = assert!(size_of::<Event>() <= 24);

impl Event {
    /// The event's name in libp2p's notifee interface, as the command prints it: `listen`, `listen_failed`, …
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Listen { .. } => "listen",
            Self::ListenFailed { .. } => "listen_failed",
            Self::ListenClose { .. } => "listen_close",
            Self::Connected { .. } => "connected",
            Self::ConnectFailed { .. } => "connect_failed",
            Self::Disconnected { .. } => "disconnected",
            Self::OpenedStream { .. } => "opened_stream",
            Self::StreamFailed { .. } => "stream_failed",
            Self::ClosedStream { .. } => "closed_stream",
        }
    }

    /// What it is told of.
    #[must_use]
    #[inline]
    pub const fn id(&self) -> Id {
        match *self {
            Self::Listen { listener } | Self::ListenFailed { listener, .. } | Self::ListenClose { listener, .. } => {
                Id::Listener(listener)
            }
            Self::Connected { connection }
            | Self::ConnectFailed { connection, .. }
            | Self::Disconnected { connection, .. } => Id::Connection(connection),
            Self::OpenedStream { stream, .. }
            | Self::StreamFailed { stream, .. }
            | Self::ClosedStream { stream, .. } => Id::Stream(stream),
        }
    }

    /// Whether this is the last event of what it names, which is vacated once the event has been handled.
    #[must_use]
    #[inline]
    pub const fn is_last(&self) -> bool {
        match self {
            Self::Listen { .. } | Self::Connected { .. } | Self::OpenedStream { .. } => false,
            Self::ListenFailed { .. }
            | Self::ListenClose { .. }
            | Self::ConnectFailed { .. }
            | Self::Disconnected { .. }
            | Self::StreamFailed { .. }
            | Self::ClosedStream { .. } => true,
        }
    }
}

/// Who began something.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Direction {
    /// The peer: it dialed us, it opened the stream.
    Inbound,
    /// We did.
    Outbound,
}

/// Which of the two ends of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
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
    /// It was one of the least useful, and gave its place to others: at a limit, above the high-water mark of connections, or
    /// where the system had run out of descriptors.
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
    /// The byte pipe was reset by the other side or by the network. A go-libp2p node closes each connection that it dialed
    /// by a TCP reset, without a go-away, so that an ordinary close of such a peer cannot be told from its death.
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
    /// Another peer answered than the one that was dialed; or the address to listen on names another peer than us. Of a dial,
    /// the error of the connection says who has answered: `expected …, found …`.
    WrongPeer,
    /// We dialed ourselves: the address leads to a listener of ours, or to another process that holds our identity key, or
    /// its `/p2p/…` names us. The accepted end of such a connection in the same swarm is told by no event:
    /// [`Counts::without_id`](super::Counts::without_id) counts it. Another process is told
    /// [`ConnectFailed`](Event::ConnectFailed) with [`Eof`](Self::Eof), where the dialer leaves before it says who it is.
    LocalPeer,
    /// The address or the protocol is not spoken: by our transport, or by the peer.
    Unsupported,
    /// One side has no place for more.
    Limit,
    /// A list or a gate of this node does not allow it. No peer causes it: a peer that denies us something ends the connection,
    /// which is told as [`Eof`](Self::Eof) or [`Reset`](Self::Reset), or does not speak the protocol
    /// ([`Unsupported`](Self::Unsupported)). A swarm's `connection(id).error` has the rule in words.
    ///
    /// - Of a connection that we dialed: the address or the peer that it names is denied, and the other side sees nothing. Or
    ///   the name in the address has led to an address that is, and the other side sees its socket closed before a byte. Or
    ///   the peer that has answered is denied: it sees its socket closed before our last handshake message, and does not
    ///   learn who we are.
    /// - Of a connection that we accepted: it has come to be denied between the proof of its peer and its opening, and the
    ///   peer sees its socket closed. One that was denied before has no id and is counted only.
    /// - Of a stream, which its peer has begun: the gate has allowed none of the protocols that were proposed. The peer sees
    ///   `na` for each, as for one that is not spoken. Or the gate was asked again before the stream was open, and the peer
    ///   sees a reset.
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

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::id::from_parts;
    use alloc::string::ToString;
    use core::num::NonZeroU32;

    #[test]
    fn every_event_has_its_name_its_id_and_its_place_in_a_life() {
        let one = NonZeroU32::MIN;
        let (listener, connection, stream): (ListenerId, ConnectionId, StreamId) =
            (from_parts(1, one), from_parts(2, one), from_parts(3, one));
        let reason = Failure::Io;
        let rows = [
            (Event::Listen { listener }, "listen", "l1.1", false),
            (Event::ListenFailed { listener, reason }, "listen_failed", "l1.1", true),
            (Event::ListenClose { listener, reason: ListenerEnd::Requested }, "listen_close", "l1.1", true),
            (Event::Connected { connection }, "connected", "c2.1", false),
            (Event::ConnectFailed { connection, reason }, "connect_failed", "c2.1", true),
            (Event::Disconnected { connection, reason: ConnectionEnd::Idle }, "disconnected", "c2.1", true),
            (Event::OpenedStream { connection, stream }, "opened_stream", "s3.1", false),
            (Event::StreamFailed { connection, stream, reason }, "stream_failed", "s3.1", true),
            (Event::ClosedStream { connection, stream, reason: StreamEnd::Finished }, "closed_stream", "s3.1", true),
        ];
        for (event, name, id, last) in rows {
            assert_eq!((event.name(), event.id().to_string().as_str(), event.is_last()), (name, id, last));
        }
    }

    #[test]
    fn reasons_are_shown_in_the_words_that_scripts_read() {
        assert_eq!(ConnectionEnd::Remote(RemoteEnd::GoAway(2)).to_string(), "remote(go_away(2))");
        assert_eq!(ConnectionEnd::Failed(Fault::Timeout).to_string(), "failed(timeout)");
        assert_eq!(StreamEnd::Reset(Side::Remote).to_string(), "reset(remote)");
        assert_eq!(StreamEnd::ConnectionClosed.to_string(), "connection_closed");
        assert_eq!(ListenerEnd::Failed(Fault::Io).to_string(), "failed(io)");
        assert_eq!(Failure::AddressInUse.to_string(), "address_in_use");
        assert_eq!(Failure::LocalPeer.to_string(), "local_peer");
        assert_eq!(Failure::Reset(Side::Local).to_string(), "reset(local)");
        assert_eq!([Direction::Inbound, Direction::Outbound].map(|it| it.to_string()), ["inbound", "outbound"]);
    }

    #[test]
    fn what_ends_an_open_one_has_a_word_for_one_that_was_not() {
        assert_eq!(Failure::from(ConnectionEnd::Remote(RemoteEnd::GoAway(0))), Failure::Refused);
        assert_eq!(Failure::from(ConnectionEnd::Failed(Fault::Reset)), Failure::Reset(Side::Remote));
        assert_eq!(Failure::from(ConnectionEnd::Shutdown), Failure::Shutdown);
        assert_eq!(Failure::from(StreamEnd::Finished), Failure::Eof);
        assert_eq!(Failure::from(ListenerEnd::Requested), Failure::Requested);
    }
}
