//! The nine [`Event`]s that the owner is told of, and the reasons they carry.
//!
//! |            | opened         | failed to open   | closed         |
//! |------------|----------------|------------------|----------------|
//! | listener   | `Listen`       | `ListenFailed`   | `ListenClose`  |
//! | connection | `Connected`    | `ConnectFailed`  | `Disconnected` |
//! | stream     | `OpenedStream` | `StreamFailed`   | `ClosedStream` |
//!
//! Every id gets exactly one event of the first two columns and, if it opened, exactly one of the third. Every reason is
//! stated in the event, and the same word means the same thing in every enum.

use super::ends::{ConnectionEnd, Failure, ListenerEnd, StreamEnd};
use super::id::{ConnectionId, Id, ListenerId, StreamId};
use core::fmt;

/// One transition that the owner is told of. It is `Copy`, takes at most 24 bytes, and is complete except for the details
/// that can be looked up by its ids.
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
        /// The reason of the failure.
        reason: Failure,
    },
    /// An open listener has ended; its socket is closed.
    ListenClose {
        /// The listener; this is its last event.
        listener: ListenerId,
        /// The reason of the end.
        reason: ListenerEnd,
    },
    /// A connection is up: the peer is authenticated and the muxer agreed.
    Connected {
        /// The connection that opened.
        connection: ConnectionId,
    },
    /// A connection could not open: one that was dialed; or one that was accepted, was authenticated, and ended while it
    /// waited for room.
    ConnectFailed {
        /// The connection; this is its last event.
        connection: ConnectionId,
        /// The reason of the failure.
        reason: Failure,
    },
    /// An open connection has ended; its socket is closed and all its streams' last events came before.
    Disconnected {
        /// The connection; this is its last event.
        connection: ConnectionId,
        /// The reason of the end.
        reason: ConnectionEnd,
    },
    /// A stream is up: its protocol is agreed by both sides and named.
    OpenedStream {
        /// The connection it runs on.
        connection: ConnectionId,
        /// The stream that opened.
        stream: StreamId,
    },
    /// A stream could not open, ours or the peer's. No event reports a stream that the peer began and that ended before it
    /// had a whole proposal: it had no id, and is counted in [`Counts::without_id`](super::Counts::without_id).
    StreamFailed {
        /// The connection it would have run on.
        connection: ConnectionId,
        /// The stream; this is its last event.
        stream: StreamId,
        /// The reason of the failure.
        reason: Failure,
    },
    /// An open stream has ended: both directions are over.
    ClosedStream {
        /// The connection it ran on.
        connection: ConnectionId,
        /// The stream; this is its last event.
        stream: StreamId,
        /// The reason of the end.
        reason: StreamEnd,
    },
}

const _: () = assert!(size_of::<Event>() <= 24);

impl Event {
    /// Returns the event's name in libp2p's notifee interface, as the command prints it: `listen`, `listen_failed`, …
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

    /// Returns the id of the listener, connection or stream whose transition this is.
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

    /// Returns whether this is the last event of its id, which is vacated once the event has been handled.
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
pub enum Direction {
    /// The peer: it dialed us, or it opened the stream.
    Inbound,
    /// We did.
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
