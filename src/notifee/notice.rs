//! [`Notice`]: an event that can leave the thread of its network, with all that an observer may want to look up.

use crate::connection::Protocol;
use crate::identity::PeerId;
use crate::lifecycle::{
    ConnectionEnd, ConnectionId, Direction, Event, Failure, Id, ListenerEnd, ListenerId, StreamEnd, StreamId,
};
use crate::notifee::Node;
use crate::swarm::{Multiaddr, Refusal, RefusedAt};
use alloc::vec::Vec;

/// A notice of a [`Subscription`](super::Subscription): one of the nine events, or a refusal, with the data that could be
/// looked up when it was told; or one of two notices of the subscription itself.
///
/// A clone, like the making of one, costs a reference count for an address or a protocol, and an allocation only where
/// there is a list: of a listener's addresses, and a snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Notice {
    /// A listener has its first address.
    Listen(ListenerInfo),
    /// A listener could not open.
    ListenFailed(ListenerInfo, Failure),
    /// An open listener has ended.
    ListenClose(ListenerInfo, ListenerEnd),
    /// A connection is up.
    Connected(ConnectionInfo),
    /// A connection could not open.
    ConnectFailed(ConnectionInfo, Failure),
    /// An open connection has ended.
    Disconnected(ConnectionInfo, ConnectionEnd),
    /// A stream is up.
    OpenedStream(StreamInfo),
    /// A stream could not open.
    StreamFailed(StreamInfo, Failure),
    /// An open stream has ended.
    ClosedStream(StreamInfo, StreamEnd),
    /// Something of a peer's was refused, or was over, that has no id. It is no event.
    Refused(RefusalInfo),
    /// So many notices found no place, at least 1: a [`Snapshot`](Self::Snapshot) is the next one.
    Lagged(u64),
    /// All that is open at this place in the order, each as the notice of its opening: listeners, then connections,
    /// then streams. Whatever was known before is out of date.
    Snapshot(Vec<Self>),
}

/// A listener, as it was when the event was told.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ListenerInfo {
    /// Its id.
    pub listener: ListenerId,
    /// The address that was given to `listen`.
    pub address: Multiaddr,
    /// The addresses on which it listens, without `/p2p/…`.
    pub addresses: Vec<Multiaddr>,
}

/// A connection, as it was when the event was told.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// Its id.
    pub connection: ConnectionId,
    /// The peer, once it is authenticated: always known of a connection that opened.
    pub peer: Option<PeerId>,
    /// The peer's address: what was dialed, or where it came from.
    pub remote: Multiaddr,
    /// The side that dialed: `Outbound` is ours.
    pub direction: Direction,
    /// The listener that accepted it, if it was not dialed.
    pub listener: Option<ListenerId>,
}

/// A stream, as it was when the event was told.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct StreamInfo {
    /// Its id.
    pub stream: StreamId,
    /// The connection it runs on.
    pub connection: ConnectionId,
    /// The peer at the other end.
    pub peer: Option<PeerId>,
    /// The side that opened it: `Outbound` is ours.
    pub direction: Direction,
    /// The protocol: agreed on, or the only one that was proposed. Always known of one that opened.
    pub protocol: Option<Protocol>,
    /// The number of bytes of data that were accepted from the owner.
    pub sent: u64,
    /// The number of bytes of data that the owner has read.
    pub received: u64,
}

/// The refusals of one kind at one connection or listener, as they were when this was told.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RefusalInfo {
    /// The connection; or the listener, where the peer was not authenticated.
    pub at: RefusedAt,
    /// The peer of the connection.
    pub peer: Option<PeerId>,
    /// The kind of refusal.
    pub refusal: Refusal,
    /// The number since this was told last, at least 1. What was told when a notice found no place is not in it.
    pub count: u64,
    /// The number since the connection or listener opened.
    pub total: u64,
}

impl Notice {
    /// Returns the id of its listener, connection or stream; none for [`Lagged`](Self::Lagged) and [`Snapshot`](Self::Snapshot).
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

    /// The event that it was made of; none for [`Refused`](Self::Refused), [`Lagged`](Self::Lagged) and
    /// [`Snapshot`](Self::Snapshot).
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

    /// The notice of an event that is being told, or of the opening of something that can be looked up; `None` if it
    /// cannot.
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
