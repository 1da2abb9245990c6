//! [`Limits`]: the maximum numbers of listeners, connections and streams. [`BeginError`]: the reason why one of these cannot
//! begin.

use core::fmt;

/// The maximum numbers of listeners, connections and streams. They bound the memory of a lifecycle, whatever the peers and
/// the owner do.
///
/// When a limit is reached, a further listener, connection or stream cannot begin, and the call returns
/// [`BeginError::Limit`]. A listener, connection or stream that has ended counts until its last event has been handled. A
/// limit of 0 allows none; a limit above 2³⁰ − 1 has the effect of 2³⁰ − 1.
///
/// ```
/// use swarm_notify::lifecycle::{Lifecycle, Limits};
///
/// let mut limits = Limits::default();
/// limits.connections = 100;
/// let lifecycle = Lifecycle::<64>::new(limits);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The maximum number of listeners. Default 64.
    pub listeners: u32,
    /// The maximum number of connections of both directions. Default 16 384.
    pub connections: u32,
    /// The maximum number of streams of both directions on all connections. Default 65 536.
    pub streams: u32,
    /// The maximum number of streams of both directions on one connection that have not ended. Default 1 024. In addition,
    /// the same number of streams may have ended whose last event has not been handled, so that the owner can open streams
    /// while events of ended streams still wait. A further limit applies to the streams that the peer begins:
    /// [`owed_per_connection`](Self::owed_per_connection).
    pub streams_per_connection: u32,
    /// The maximum number of owed events of one connection: the number of its streams that have ended and whose last event
    /// has not been handled. While a connection has more owed events, or has caused more since the event queue last had
    /// room, its peer cannot begin streams on it; the owner still can. So a peer whose streams end as fast as they begin
    /// fills no more of the event queue than this number, however slowly the owner drains events. Default 64.
    ///
    /// While any event is owed, nothing opens. Assume that the peers of n connections open and end streams as fast as they
    /// can. The queue has room again once the following events have been drained: the events that are
    /// [pending](super::Lifecycle::pending_events) at the start, n × (this limit + 1) further events, and one event for each
    /// stream that lives at the start and has ended since. With the defaults and 64 such connections, there is room again
    /// within 18 turns of 256 events each, or within one turn that drains all events. A limit of 65 535 or more bounds only
    /// the streams whose last event has not been handled yet.
    pub owed_per_connection: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            listeners: 64,
            connections: 16_384,
            streams: 65_536,
            streams_per_connection: 1_024,
            owed_per_connection: 64,
        }
    }
}

/// The reason why a listener, connection or stream could not begin. The call has changed nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum BeginError {
    /// One of the numbers in [`Limits`] is reached.
    Limit,
    /// The connection's id is stale: its last event has been handled, or another lifecycle made the id.
    Stale,
    /// The connection is not open yet.
    NotOpen,
    /// The connection has ended, or it is leaving, so that we can open no new streams on it.
    Closing,
}

impl fmt::Display for BeginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Limit => "the limit of listeners, connections or streams is reached",
            Self::Stale => "no connection has this id any more",
            Self::NotOpen => "the connection is not open yet",
            Self::Closing => "the connection is closing",
        })
    }
}

impl core::error::Error for BeginError {}
