//! [`Notice`]: an event that can be sent to another thread, since it contains the data that an observer would look up.

use crate::connection::Protocol;
use crate::identity::PeerId;
use crate::lifecycle::{
    ConnectionEnd, ConnectionId, Direction, Event, Failure, Id, ListenerEnd, ListenerId, StreamEnd, StreamId,
};
use crate::notifee::Node;
use crate::swarm::{Multiaddr, Refusal, RefusedAt};
use alloc::vec::Vec;

/// A message of a [`Subscription`](super::Subscription): one of the nine events or a refusal, with the data that could be
/// looked up when the event or refusal was told; or a message of the subscription itself, [`Lagged`](Self::Lagged) or
/// [`Snapshot`](Self::Snapshot).
///
/// Making or cloning a notice increments the reference counts of its addresses and protocol. Memory is allocated only for
/// lists: the addresses of a listener, or the notices of a snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Notice {
    /// A listener has opened, that is, has its first address.
    Listen(ListenerInfo),
    /// A listener could not open.
    ListenFailed(ListenerInfo, Failure),
    /// An open listener has ended.
    ListenClose(ListenerInfo, ListenerEnd),
    /// A connection has opened.
    Connected(ConnectionInfo),
    /// A connection could not open.
    ConnectFailed(ConnectionInfo, Failure),
    /// An open connection has ended.
    Disconnected(ConnectionInfo, ConnectionEnd),
    /// A stream has opened.
    OpenedStream(StreamInfo),
    /// A stream could not open.
    StreamFailed(StreamInfo, Failure),
    /// An open stream has ended.
    ClosedStream(StreamInfo, StreamEnd),
    /// Peers were refused something, or connections or streams of theirs ended before they had an id. This notice belongs to
    /// none of the nine events.
    Refused(RefusalInfo),
    /// This number of notices, at least 1, was lost because the subscription was full. The next notice is a
    /// [`Snapshot`](Self::Snapshot).
    Lagged(u64),
    /// The opening notices of everything that is open at this point in the order of events: of listeners first, then of
    /// connections, then of streams. A snapshot replaces all that the receiver knew before.
    Snapshot(Vec<Self>),
}

/// The data of a listener at the time when the event was told.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ListenerInfo {
    /// The id of the listener.
    pub listener: ListenerId,
    /// The address that the owner passed to `listen`.
    pub address: Multiaddr,
    /// The addresses on which the listener accepts connections, without `/p2p/…`.
    pub addresses: Vec<Multiaddr>,
}

/// The data of a connection at the time when the event was told.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// The id of the connection.
    pub connection: ConnectionId,
    /// The peer at the other end; `None` if the peer was not authenticated. A connection that has opened always has a peer.
    pub peer: Option<PeerId>,
    /// The peer's address: the one that we dialed, or the one from which the peer connected.
    pub remote: Multiaddr,
    /// The side that dialed: `Outbound` means that we did.
    pub direction: Direction,
    /// The listener that accepted the connection; `None` if we dialed.
    pub listener: Option<ListenerId>,
}

/// The data of a stream at the time when the event was told.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct StreamInfo {
    /// The id of the stream.
    pub stream: StreamId,
    /// The connection that carries the stream.
    pub connection: ConnectionId,
    /// The peer at the other end of the stream. It is always known, since only a connection with an authenticated peer has
    /// streams.
    pub peer: Option<PeerId>,
    /// The side that opened the stream: `Outbound` means that we did.
    pub direction: Direction,
    /// The agreed protocol. Before both sides have agreed, the proposed protocol if only one was proposed; otherwise `None`.
    /// A stream that has opened always has a protocol.
    pub protocol: Option<Protocol>,
    /// The number of bytes that the owner has written to the stream and that were accepted.
    pub sent: u64,
    /// The number of bytes that the owner has read from the stream.
    pub received: u64,
}

/// The refusals of one kind at one connection or listener. The numbers are those at the time of the notification.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RefusalInfo {
    /// The connection to whose peer something was refused; or the listener, if the peer was not authenticated.
    pub at: RefusedAt,
    /// The peer of the connection; `None` if the refusals were at a listener.
    pub peer: Option<PeerId>,
    /// The kind of refusal.
    pub refusal: Refusal,
    /// The number of refusals since the last notification, at least 1. If that notification was lost because the
    /// subscription was full, its refusals are not counted here, but they are in `total`.
    pub count: u64,
    /// The number of refusals since the connection or listener opened.
    pub total: u64,
}

impl Notice {
    /// Returns the id of the listener, connection or stream that this notice is about; `None` for [`Lagged`](Self::Lagged)
    /// and [`Snapshot`](Self::Snapshot).
    #[must_use]
    pub const fn id(&self) -> Option<Id> {
        match self {
            Self::Listen(info) | Self::ListenFailed(info, _) | Self::ListenClose(info, _) => {
                Some(Id::Listener(info.listener))
            }
            Self::Connected(info) | Self::ConnectFailed(info, _) | Self::Disconnected(info, _) => {
                Some(Id::Connection(info.connection))
            }
            Self::OpenedStream(info) | Self::StreamFailed(info, _) | Self::ClosedStream(info, _) => {
                Some(Id::Stream(info.stream))
            }
            Self::Refused(info) => Some(match info.at {
                RefusedAt::Listener(id) => Id::Listener(id),
                RefusedAt::Connection(id) => Id::Connection(id),
            }),
            Self::Lagged(_) | Self::Snapshot(_) => None,
        }
    }

    /// Returns the event from which this notice was made; `None` for [`Refused`](Self::Refused), [`Lagged`](Self::Lagged)
    /// and [`Snapshot`](Self::Snapshot).
    #[must_use]
    pub const fn event(&self) -> Option<Event> {
        Some(match self {
            Self::Listen(info) => Event::Listen { listener: info.listener },
            Self::ListenFailed(info, reason) => Event::ListenFailed { listener: info.listener, reason: *reason },
            Self::ListenClose(info, reason) => Event::ListenClose { listener: info.listener, reason: *reason },
            Self::Connected(info) => Event::Connected { connection: info.connection },
            Self::ConnectFailed(info, reason) => Event::ConnectFailed { connection: info.connection, reason: *reason },
            Self::Disconnected(info, reason) => Event::Disconnected { connection: info.connection, reason: *reason },
            Self::OpenedStream(info) => Event::OpenedStream { connection: info.connection, stream: info.stream },
            Self::StreamFailed(info, reason) => {
                Event::StreamFailed { connection: info.connection, stream: info.stream, reason: *reason }
            }
            Self::ClosedStream(info, reason) => {
                Event::ClosedStream { connection: info.connection, stream: info.stream, reason: *reason }
            }
            Self::Refused(_) | Self::Lagged(_) | Self::Snapshot(_) => return None,
        })
    }

    /// Makes the notice of an event that is being told, or of the opening event of something that is still open. Returns
    /// `None` if the id in the event cannot be looked up.
    pub(super) fn of(event: Event, node: &dyn Node) -> Option<Self> {
        Some(match event {
            Event::Listen { listener } => Self::Listen(ListenerInfo::of(listener, node)?),
            Event::ListenFailed { listener, reason } => Self::ListenFailed(ListenerInfo::of(listener, node)?, reason),
            Event::ListenClose { listener, reason } => Self::ListenClose(ListenerInfo::of(listener, node)?, reason),
            Event::Connected { connection } => Self::Connected(ConnectionInfo::of(connection, node)?),
            Event::ConnectFailed { connection, reason } => {
                Self::ConnectFailed(ConnectionInfo::of(connection, node)?, reason)
            }
            Event::Disconnected { connection, reason } => {
                Self::Disconnected(ConnectionInfo::of(connection, node)?, reason)
            }
            Event::OpenedStream { stream, .. } => Self::OpenedStream(StreamInfo::of(stream, node)?),
            Event::StreamFailed { stream, reason, .. } => Self::StreamFailed(StreamInfo::of(stream, node)?, reason),
            Event::ClosedStream { stream, reason, .. } => Self::ClosedStream(StreamInfo::of(stream, node)?, reason),
        })
    }
}

impl RefusalInfo {
    pub(super) fn of(at: RefusedAt, refusal: Refusal, count: u64, node: &dyn Node) -> Self {
        let peer = match at {
            RefusedAt::Listener(_) => None,
            RefusedAt::Connection(id) => node.connection(id).and_then(|view| view.peer),
        };
        Self { at, peer, refusal, count, total: node.refused_at(at, refusal) }
    }
}

impl ListenerInfo {
    fn of(listener: ListenerId, node: &dyn Node) -> Option<Self> {
        let view = node.listener(listener)?;
        Some(Self { listener, address: view.address.clone(), addresses: view.addresses.to_vec() })
    }
}

impl ConnectionInfo {
    fn of(connection: ConnectionId, node: &dyn Node) -> Option<Self> {
        let view = node.connection(connection)?;
        Some(Self {
            connection,
            peer: view.peer,
            remote: view.remote.clone(),
            direction: view.direction,
            listener: view.listener,
        })
    }
}

impl StreamInfo {
    fn of(stream: StreamId, node: &dyn Node) -> Option<Self> {
        let view = node.stream(stream)?;
        Some(Self {
            stream,
            connection: view.connection,
            peer: node.connection(view.connection)?.peer,
            direction: view.direction,
            protocol: view.protocol.cloned(),
            sent: view.sent,
            received: view.received,
        })
    }
}
