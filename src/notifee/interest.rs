//! [`Interest`]: the kinds of notification that a notifee wants.

use core::ops::{BitAnd, BitOr};

/// A set of kinds of notification, which a notifee wants to be told. `|` is the union of two sets, and `&` their
/// intersection.
///
/// ```
/// use swarm_notify::notifee::Interest;
///
/// let peers = Interest::CONNECTED | Interest::DISCONNECTED;
/// assert!(Interest::ALL.contains(peers) && !peers.contains(Interest::OPENED_STREAM));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Interest(u16);

/// The number of kinds of notification.
pub(super) const KINDS: usize = 14;

impl Interest {
    /// The empty set: no notifications.
    pub const NONE: Self = Self(0);
    /// The kind of notification that [`listen`](super::Notifee::listen) handles: a listener has opened.
    pub const LISTEN: Self = Self(1);
    /// The kind of notification that [`listen_failed`](super::Notifee::listen_failed) handles: a listener could not open.
    pub const LISTEN_FAILED: Self = Self(1 << 1);
    /// The kind of notification that [`listen_close`](super::Notifee::listen_close) handles: an open listener has ended.
    pub const LISTEN_CLOSE: Self = Self(1 << 2);
    /// The kind of notification that [`connected`](super::Notifee::connected) handles: a connection has opened.
    pub const CONNECTED: Self = Self(1 << 3);
    /// The kind of notification that [`connect_failed`](super::Notifee::connect_failed) handles: a connection could not open.
    pub const CONNECT_FAILED: Self = Self(1 << 4);
    /// The kind of notification that [`disconnected`](super::Notifee::disconnected) handles: an open connection has ended.
    pub const DISCONNECTED: Self = Self(1 << 5);
    /// The kind of notification that [`opened_stream`](super::Notifee::opened_stream) handles: a stream has opened.
    pub const OPENED_STREAM: Self = Self(1 << 6);
    /// The kind of notification that [`stream_failed`](super::Notifee::stream_failed) handles: a stream could not open.
    pub const STREAM_FAILED: Self = Self(1 << 7);
    /// The kind of notification that [`closed_stream`](super::Notifee::closed_stream) handles: an open stream has ended.
    pub const CLOSED_STREAM: Self = Self(1 << 8);
    /// The kind of notification that [`stream_ready`](super::Notifee::stream_ready) handles: a stream can be read or written.
    pub const STREAM_READY: Self = Self(1 << 9);
    /// The kind of notification that [`addresses_changed`](super::Notifee::addresses_changed) handles: the addresses of a
    /// listener have changed.
    pub const ADDRESSES_CHANGED: Self = Self(1 << 10);
    /// The kind of notification that [`tick`](super::Notifee::tick) handles: the time that
    /// [`poll_at`](super::Notifee::poll_at) returned has come.
    pub const TIME: Self = Self(1 << 11);
    /// The kind of notification that [`emitted`](super::Notifee::emitted) handles: another notifee has emitted an event.
    pub const EMITTED: Self = Self(1 << 12);
    /// The kind of notification that `Notifee::refused` handles: peers of a swarm were refused something.
    pub const REFUSED: Self = Self(1 << 13);
    /// The kinds of all nine events.
    pub const EVENTS: Self = Self((1 << 9) - 1);
    /// All kinds of notification.
    pub const ALL: Self = Self((1 << KINDS) - 1);

    /// Returns whether all kinds in `other` are in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns the union of two sets. It is the operator `|` as a function that can be used in constants.
    #[cfg(feature = "subscription")]
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the numbers of the kinds in this set, in ascending order. They are less than [`KINDS`].
    pub(super) fn kinds(self) -> impl Iterator<Item = usize> {
        (0..KINDS).filter(move |kind| self.0 & (1 << kind) != 0)
    }

    /// Returns the number of the only kind in this set. The set must contain exactly one kind.
    pub(super) const fn kind(self) -> usize {
        self.0.trailing_zeros() as usize
    }
}

impl BitOr for Interest {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Interest {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}
