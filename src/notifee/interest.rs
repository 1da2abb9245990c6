//! [`Interest`]: the kinds of notification that a notifee wants.

use core::ops::{BitAnd, BitOr};

/// A set of kinds of notification. `|` is the union of two sets, and `&` their intersection.
///
/// ```
/// use swarm_notify::notifee::Interest;
///
/// let peers = Interest::CONNECTED | Interest::DISCONNECTED;
/// assert!(Interest::ALL.contains(peers) && !peers.contains(Interest::OPENED_STREAM));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Interest(u16);

/// The number of kinds.
pub(super) const KINDS: usize = 14;

impl Interest {
    /// The empty set.
    pub const NONE: Self = Self(0);
    /// [`listen`](super::Notifee::listen)
    pub const LISTEN: Self = Self(1);
    /// [`listen_failed`](super::Notifee::listen_failed)
    pub const LISTEN_FAILED: Self = Self(1 << 1);
    /// [`listen_close`](super::Notifee::listen_close)
    pub const LISTEN_CLOSE: Self = Self(1 << 2);
    /// [`connected`](super::Notifee::connected)
    pub const CONNECTED: Self = Self(1 << 3);
    /// [`connect_failed`](super::Notifee::connect_failed)
    pub const CONNECT_FAILED: Self = Self(1 << 4);
    /// [`disconnected`](super::Notifee::disconnected)
    pub const DISCONNECTED: Self = Self(1 << 5);
    /// [`opened_stream`](super::Notifee::opened_stream)
    pub const OPENED_STREAM: Self = Self(1 << 6);
    /// [`stream_failed`](super::Notifee::stream_failed)
    pub const STREAM_FAILED: Self = Self(1 << 7);
    /// [`closed_stream`](super::Notifee::closed_stream)
    pub const CLOSED_STREAM: Self = Self(1 << 8);
    /// [`stream_ready`](super::Notifee::stream_ready)
    pub const STREAM_READY: Self = Self(1 << 9);
    /// [`addresses_changed`](super::Notifee::addresses_changed)
    pub const ADDRESSES_CHANGED: Self = Self(1 << 10);
    /// [`poll_at`](super::Notifee::poll_at) and [`tick`](super::Notifee::tick)
    pub const TIME: Self = Self(1 << 11);
    /// [`emitted`](super::Notifee::emitted)
    pub const EMITTED: Self = Self(1 << 12);
    /// `Notifee::refused`, of a swarm
    pub const REFUSED: Self = Self(1 << 13);
    /// The nine events.
    pub const EVENTS: Self = Self((1 << 9) - 1);
    /// All kinds.
    pub const ALL: Self = Self((1 << KINDS) - 1);

    /// Returns whether all kinds in `other` are in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns the union of two sets: `|` for constants.
    #[cfg(feature = "subscription")]
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the kinds in it, as numbers below [`KINDS`].
    pub(super) fn kinds(self) -> impl Iterator<Item = usize> {
        (0..KINDS).filter(move |kind| self.0 & (1 << kind) != 0)
    }

    /// Returns the number of a set of a single kind.
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
