//! [`Limits`]: the maximum numbers of entities. [`BeginError`]: the reason why an entity cannot begin.

use core::fmt;

/// The maximum numbers of entities. They bound the memory of a lifecycle, whatever the peers and the owner do.
///
/// At a limit no further entity begins: [`BeginError::Limit`]. An entity that has ended counts until its last event has been
/// handled. A limit of 0 allows none; a limit above 2³⁰ − 1 counts as that.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Limits {
    /// The maximum number of listeners. Default 64.
    pub listeners: u32,
    /// The maximum number of connections of both directions. Default 16 384.
    pub connections: u32,
    /// The maximum number of streams of both directions on all connections. Default 65 536.
    pub streams: u32,
    /// The maximum number of streams of both directions on one connection that have not ended. Default 1 024. In addition,
    /// as many streams may have ended and wait for their last event to be handled, so that the owner is not refused because
    /// of streams that are over. The streams that a peer begins have a limit of their own:
    /// [`owed_per_connection`](Self::owed_per_connection).
    pub streams_per_connection: u32,
    /// The maximum number of owed events of one connection: streams that have ended and whose last event has not been
    /// handled. While a connection has more, or has had more since the queue last had room, its peer begins no stream; the
    /// owner still may. So a peer whose streams end as fast as they begin takes no more of the event queue than this,
    /// however slowly that is drained. Default 64.
    ///
    /// Openings wait while anything is owed. Assume n connections whose peers open and end streams as fast as they can.
    /// There is room again once n × (this limit + 1) events have been drained, and in addition all that were
    /// [pending](super::Lifecycle::pending_events), and one for each stream that lived then and has ended since. With the
    /// defaults and 64 such connections that is within 18 turns of 256 events each, or within one turn that drains all. A
    /// limit of 65 535 or more bounds only the streams whose last event has not been handled yet.
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

/// The reason why no entity was begun. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum BeginError {
    /// One of the [`Limits`] is reached.
    Limit,
    /// The connection's id is stale: its last event has been handled, or the id was not given here.
    Stale,
    /// The connection is still opening.
    NotOpen,
    /// The connection has ended, or it is leaving and takes no new streams of ours.
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
