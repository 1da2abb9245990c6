//! [`Refusal`]: the kinds of things of peers that have no id: refused, or over before they got one. They are counted.

use crate::lifecycle::{ConnectionId, ListenerId};

/// The kind of something of a peer's that was refused, or that ended, without an id, so that no event tells of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// An accepted connection ended before its peer was authenticated: it broke, left, took too long, or turned out to be
    /// ourselves; or the swarm shut down.
    HandshakeFailed,
    /// An accepted connection gave its place to a newcomer before its peer was authenticated, or its descriptor back to a
    /// system that had run out of them.
    HandshakeEvicted,
    /// An accepted connection was closed because a limit of connections was reached.
    ConnectionLimit,
    /// A stream ended before its first whole proposal had come: the peer reset or finished it, or took too long.
    StreamUnproposed,
    /// A stream was reset at once because a limit was reached.
    StreamLimit,
}

impl Refusal {
    /// All kinds, in the order of their numbers.
    pub(super) const ALL: [Self; 5] = [
        Self::HandshakeFailed,
        Self::HandshakeEvicted,
        Self::ConnectionLimit,
        Self::StreamUnproposed,
        Self::StreamLimit,
    ];
}

/// The listener or the open connection at which something was refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RefusedAt {
    /// The peer was not authenticated.
    Listener(ListenerId),
    /// The peer is that of this connection.
    Connection(ConnectionId),
}

impl From<ListenerId> for RefusedAt {
    fn from(id: ListenerId) -> Self {
        Self::Listener(id)
    }
}

impl From<ConnectionId> for RefusedAt {
    fn from(id: ConnectionId) -> Self {
        Self::Connection(id)
    }
}

/// The counts of refusals since the start.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    all: [u64; Refusal::ALL.len()],
}

impl Refusals {
    /// Counts one.
    pub(super) fn count(&mut self, at: RefusedAt, refusal: Refusal) {
        log::debug!("{at:?}: {refusal:?}");
        self.all[refusal as usize] += 1;
    }

    /// Returns the number of refusals of one kind.
    pub(super) const fn all(&self, refusal: Refusal) -> u64 {
        self.all[refusal as usize]
    }
}
