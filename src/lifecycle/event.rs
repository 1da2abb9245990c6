//! [`Event`]: the nine events, which tell the owner what has opened, failed and closed.
//!
//! |            | opened         | failed to open   | closed         |
//! |------------|----------------|------------------|----------------|
//! | listener   | `Listen`       | `ListenFailed`   | `ListenClose`  |
//! | connection | `Connected`    | `ConnectFailed`  | `Disconnected` |
//! | stream     | `OpenedStream` | `StreamFailed`   | `ClosedStream` |
//!
//! Every id gets exactly one event of the first two columns and, if its listener, connection or stream opened, exactly one
//! of the third column. The events of the last two columns contain the reason. A word for a reason means the same thing in
//! every enum of reasons.

use super::ends::{ConnectionEnd, Failure, ListenerEnd, StreamEnd};
use super::id::{ConnectionId, Id, ListenerId, StreamId};
use core::fmt;

/// A message that tells the owner of one transition of a listener, connection or stream. The type is `Copy` and takes at
/// most 24 bytes. It contains ids and the reason; the owner can look up further details by the ids.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the nine events are the promise of this crate, and an owner may match them all"
)]
pub enum Event {
    /// A listener has its first address, to which peers can connect from now on.
    Listen {
        /// The listener that opened.
        listener: ListenerId,
    },
    /// A listener could not open.
    ListenFailed {
        /// The listener that failed. This is the last event of its id.
        listener: ListenerId,
        /// The reason of the failure.
        reason: Failure,
    },
    /// An open listener has ended, and its socket is closed.
    ListenClose {
        /// The listener that ended. This is the last event of its id.
        listener: ListenerId,
        /// The reason of the end.
        reason: ListenerEnd,
    },
    /// A connection is open: the peer is authenticated, and both sides have agreed on the protocol that carries streams.
    Connected {
        /// The connection that opened.
        connection: ConnectionId,
    },
    /// A connection could not open. Either we dialed it; or we accepted it, its peer was authenticated, and it ended while
    /// it waited for room in the event queue.
    ConnectFailed {
        /// The connection that failed. This is the last event of its id.
        connection: ConnectionId,
        /// The reason of the failure.
        reason: Failure,
    },
    /// An open connection has ended. Its socket is closed. The last events of all its streams have been reported before this
    /// event.
    Disconnected {
        /// The connection that ended. This is the last event of its id.
        connection: ConnectionId,
        /// The reason of the end.
        reason: ConnectionEnd,
    },
    /// A stream is open: both sides have agreed on its protocol.
    OpenedStream {
        /// The connection that carries the stream.
        connection: ConnectionId,
        /// The stream that opened.
        stream: StreamId,
    },
    /// A stream that we or the peer began could not open. If a stream of the peer ended before the peer had sent a whole
    /// proposal of a protocol, the stream had no id: no event reports that stream, and it is counted in
    /// [`Counts::without_id`](super::Counts::without_id).
    StreamFailed {
        /// The connection on which the stream was to open.
        connection: ConnectionId,
        /// The stream that failed. This is the last event of its id.
        stream: StreamId,
        /// The reason of the failure.
        reason: Failure,
    },
    /// An open stream has ended, in both directions.
    ClosedStream {
        /// The connection that carried the stream.
        connection: ConnectionId,
        /// The stream that ended. This is the last event of its id.
        stream: StreamId,
        /// The reason of the end.
        reason: StreamEnd,
    },
}

// The queue of a lifecycle contains its events in place: 256 of them, the default, take 6 KiB.
const _: () = assert!(size_of::<Event>() <= 24);

impl Event {
    /// Returns the name of the event, such as `listen` or `listen_failed`. The names are those of libp2p's notifee
    /// interface, and the command `swarm-notify` prints them.
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

    /// Returns the id of the listener, connection or stream that this event is about.
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

    /// Returns whether this is the last event of its id. Once the last event has been handled, the id is stale.
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

/// The side that began a connection or a stream.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(clippy::exhaustive_enums, reason = "each of the two ends begins something, or the other does")]
pub enum Direction {
    /// The peer began the connection or stream: the peer dialed us, or the peer opened the stream.
    Inbound,
    /// We began the connection or stream: we dialed the peer, or we opened the stream.
    Outbound,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::ends::{Fault, RemoteEnd, Side};
    use crate::lifecycle::id::from_parts;
    use alloc::string::ToString;
    use core::num::NonZeroU32;

    #[test]
    fn every_event_has_a_name_an_id_and_a_place_in_a_life() {
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
    fn every_end_has_a_word_for_a_failure() {
        assert_eq!(Failure::from(ConnectionEnd::Remote(RemoteEnd::GoAway(0))), Failure::Refused);
        assert_eq!(Failure::from(ConnectionEnd::Failed(Fault::Reset)), Failure::Reset(Side::Remote));
        assert_eq!(Failure::from(ConnectionEnd::Shutdown), Failure::Shutdown);
        assert_eq!(Failure::from(StreamEnd::Finished), Failure::Eof);
        assert_eq!(Failure::from(ListenerEnd::Requested), Failure::Requested);
    }
}
