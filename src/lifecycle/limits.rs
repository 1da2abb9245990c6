//! [`Limits`]: how much may live at a time, and [`BeginError`], which says that it does.

use core::fmt;

/// How much may live at a time. It bounds the memory of a lifecycle, whatever the peers and the owner do.
///
/// At a bound nothing more begins: [`BeginError::Limit`]. What has ended counts until its last event has been handled.
/// A bound of 0 allows none; above 2³⁰ − 1 a bound is that.
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
    /// Listeners: 64.
    pub listeners: u32,
    /// Connections of both directions: 16 384.
    pub connections: u32,
    /// Streams of both directions on all connections: 65 536.
    pub streams: u32,
    /// Streams of both directions on one connection that have not ended: 1 024. Besides, as many again may have ended
    /// and wait for their last event to be handled, so that the owner is not refused because of what is over. Those that
    /// a peer begins have a bound of their own: [`owed_per_connection`](Self::owed_per_connection).
    pub streams_per_connection: u32,
    /// Owed events of one connection: streams that have ended and whose last event has not been handled. While there are
    /// more, or have been since the queue had room last, its peer begins no stream; the owner still may. So a peer whose
    /// streams end as fast as they begin takes no more of the event queue than this, however slowly that is drained. 64.
    ///
    /// Openings wait while anything is owed. With n connections whose peers do nothing but that, there is room again once
    /// n times (this and one) events and those that were [pending](super::Lifecycle::pending_events) have been drained, and
    /// one for each stream that lived and has ended since. With the defaults and 64 of them that is within 18 turns of 256
    /// events each, or one turn that drains all. A bound of more than 65 535 is none while something is owed.
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

/// Why nothing was begun. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum BeginError {
    /// One of the [`Limits`] is reached.
    Limit,
    /// The connection's id names nothing that lives.
    Stale,
    /// The connection is still opening.
    NotOpen,
    /// The connection has ended, or it is leaving and takes no new streams of ours.
    Closing,
}

impl fmt::Display for BeginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Limit => "the limit of how many may live at a time is reached",
            Self::Stale => "the connection's id names nothing that lives",
            Self::NotOpen => "the connection is not open yet",
            Self::Closing => "the connection is closing",
        })
    }
}

impl core::error::Error for BeginError {}
