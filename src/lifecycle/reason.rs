//! [`Reason`]: the reason of a failure or an end, for listeners, connections and streams alike. The module also contains the
//! methods that return the fields of an [`Event`].

use super::ends::{ConnectionEnd, Failure, ListenerEnd, StreamEnd};
use super::event::Event;
use super::id::{ConnectionId, ListenerId, StreamId};
use core::fmt;

/// The reason that an event reports.
///
/// The text of a `Reason` is the text of the reason that it contains. `Failure::from` converts any reason into the closest
/// variant of [`Failure`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// The reason why a listener, connection or stream could not open.
    Failed(Failure),
    /// The reason why an open listener has ended.
    Listener(ListenerEnd),
    /// The reason why an open connection has ended.
    Connection(ConnectionEnd),
    /// The reason why an open stream has ended.
    Stream(StreamEnd),
}

impl From<Failure> for Reason {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<ListenerEnd> for Reason {
    fn from(end: ListenerEnd) -> Self {
        Self::Listener(end)
    }
}

impl From<ConnectionEnd> for Reason {
    fn from(end: ConnectionEnd) -> Self {
        Self::Connection(end)
    }
}

impl From<StreamEnd> for Reason {
    fn from(end: StreamEnd) -> Self {
        Self::Stream(end)
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Failed(failure) => failure,
            Reason::Listener(end) => end.into(),
            Reason::Connection(end) => end.into(),
            Reason::Stream(end) => end.into(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => failure.fmt(f),
            Self::Listener(end) => end.fmt(f),
            Self::Connection(end) => end.fmt(f),
            Self::Stream(end) => end.fmt(f),
        }
    }
}

impl Event {
    /// Returns the reason of a failure or an end; `None` for an event that reports an opening.
    ///
    /// ```
    /// use swarm_notify::lifecycle::{Direction, Event, Failure, Lifecycle, Limits, Reason};
    ///
    /// let mut lifecycle = Lifecycle::<8>::new(Limits::default());
    /// let connection = lifecycle.begin_connection(Direction::Outbound)?;
    /// lifecycle.fail(connection, Failure::Refused)?;
    /// let event = lifecycle.next_event().unwrap();
    /// assert_eq!(event.reason(), Some(Reason::Failed(Failure::Refused)));
    /// assert_eq!((event.connection(), event.stream()), (Some(connection), None));
    /// assert_eq!(event.to_string(), "connect_failed c0.1: refused");
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn reason(&self) -> Option<Reason> {
        match *self {
            Self::Listen { .. } | Self::Connected { .. } | Self::OpenedStream { .. } => None,
            Self::ListenFailed { reason, .. }
            | Self::ConnectFailed { reason, .. }
            | Self::StreamFailed { reason, .. } => Some(Reason::Failed(reason)),
            Self::ListenClose { reason, .. } => Some(Reason::Listener(reason)),
            Self::Disconnected { reason, .. } => Some(Reason::Connection(reason)),
            Self::ClosedStream { reason, .. } => Some(Reason::Stream(reason)),
        }
    }

    /// Returns the listener that this event is about, or `None` if the event is about a connection or a stream.
    #[must_use]
    pub const fn listener(&self) -> Option<ListenerId> {
        match *self {
            Self::Listen { listener } | Self::ListenFailed { listener, .. } | Self::ListenClose { listener, .. } => {
                Some(listener)
            }
            Self::Connected { .. }
            | Self::ConnectFailed { .. }
            | Self::Disconnected { .. }
            | Self::OpenedStream { .. }
            | Self::StreamFailed { .. }
            | Self::ClosedStream { .. } => None,
        }
    }

    /// Returns the connection that this event is about, or the connection of the stream that this event is about. Returns
    /// `None` if the event is about a listener.
    #[must_use]
    pub const fn connection(&self) -> Option<ConnectionId> {
        match *self {
            Self::Listen { .. } | Self::ListenFailed { .. } | Self::ListenClose { .. } => None,
            Self::Connected { connection }
            | Self::ConnectFailed { connection, .. }
            | Self::Disconnected { connection, .. }
            | Self::OpenedStream { connection, .. }
            | Self::StreamFailed { connection, .. }
            | Self::ClosedStream { connection, .. } => Some(connection),
        }
    }

    /// Returns the stream that this event is about, or `None` if the event is about a listener or a connection.
    #[must_use]
    pub const fn stream(&self) -> Option<StreamId> {
        match *self {
            Self::OpenedStream { stream, .. }
            | Self::StreamFailed { stream, .. }
            | Self::ClosedStream { stream, .. } => Some(stream),
            Self::Listen { .. }
            | Self::ListenFailed { .. }
            | Self::ListenClose { .. }
            | Self::Connected { .. }
            | Self::ConnectFailed { .. }
            | Self::Disconnected { .. } => None,
        }
    }
}

/// Writes one line: the event's [name](Event::name), its id, the connection of a stream, and the reason if there is one.
/// Three examples are `connected c0.1`, `disconnected c0.1: remote(eof)` and `closed_stream s3.1 on c0.1: finished`.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name(), self.id())?;
        if let (Some(_), Some(connection)) = (self.stream(), self.connection()) {
            write!(f, " on {connection}")?;
        }
        match self.reason() {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ends::{Fault, RemoteEnd, Side};
    use super::super::id::from_parts;
    use super::*;
    use alloc::string::ToString as _;
    use core::num::NonZeroU32;

    #[test]
    fn every_event_is_shown_as_one_line_with_id_and_reason() {
        let one = NonZeroU32::MIN;
        let (listener, connection, stream): (ListenerId, ConnectionId, StreamId) =
            (from_parts(1, one), from_parts(2, one), from_parts(3, one));
        let (l, c, s) = (Some(listener), Some(connection), Some(stream));
        let lost = ListenerEnd::Failed(Fault::Io);
        let gone = ConnectionEnd::Remote(RemoteEnd::GoAway(2));
        let reset = StreamEnd::Reset(Side::Remote);
        let rows = [
            (Event::Listen { listener }, "listen l1.1", (l, None, None)),
            (
                Event::ListenFailed { listener, reason: Failure::AddressInUse },
                "listen_failed l1.1: address_in_use",
                (l, None, None),
            ),
            (Event::ListenClose { listener, reason: lost }, "listen_close l1.1: failed(io)", (l, None, None)),
            (Event::Connected { connection }, "connected c2.1", (None, c, None)),
            (
                Event::ConnectFailed { connection, reason: Failure::WrongPeer },
                "connect_failed c2.1: wrong_peer",
                (None, c, None),
            ),
            (
                Event::Disconnected { connection, reason: gone },
                "disconnected c2.1: remote(go_away(2))",
                (None, c, None),
            ),
            (Event::OpenedStream { connection, stream }, "opened_stream s3.1 on c2.1", (None, c, s)),
            (
                Event::StreamFailed { connection, stream, reason: Failure::Unsupported },
                "stream_failed s3.1 on c2.1: unsupported",
                (None, c, s),
            ),
            (
                Event::ClosedStream { connection, stream, reason: reset },
                "closed_stream s3.1 on c2.1: reset(remote)",
                (None, c, s),
            ),
        ];
        for (event, line, ids) in rows {
            assert_eq!(event.to_string(), line);
            assert_eq!((event.listener(), event.connection(), event.stream()), ids);
            assert_eq!(event.reason().is_some(), line.contains(": "), "{line}");
        }
    }

    #[test]
    fn a_reason_of_any_kind_converts_into_a_failure() {
        let reasons: [Reason; 4] = [
            Failure::Shutdown.into(),
            ListenerEnd::Shutdown.into(),
            ConnectionEnd::Shutdown.into(),
            StreamEnd::Limit.into(),
        ];
        assert_eq!(
            reasons.map(Failure::from),
            [Failure::Shutdown, Failure::Shutdown, Failure::Shutdown, Failure::Limit]
        );
    }
}
