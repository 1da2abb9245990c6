//! [`Entity`]: what an arena needs to know of listeners, connections and streams, whose records it holds.

use super::ends::{ConnectionEnd, ListenerEnd, StreamEnd};
use super::id::{ConnectionId, EntityId, Id, ListenerId, StreamId};
use super::links::{ConnectionLinks, ListLink, StreamLinks};
use core::fmt::Debug;

/// The id of an entity, for the arena that holds its record.
pub(super) trait Entity: EntityId + Debug + Into<Id> {
    /// 1, 2 or 3: how a link tells them apart.
    const KIND: u8;
    /// Why an open one ends.
    type End: Copy + Eq + Debug;
    /// What is kept of this kind besides what is kept of all.
    type Links: Copy + Eq + Debug;

    /// Returns a link to it. Its index fits, since [`IdBounds`](super::arena::IdBounds) go no further.
    #[inline]
    fn link(self) -> ListLink {
        ListLink::new(Self::KIND, self.index())
    }
}

impl Entity for ListenerId {
    const KIND: u8 = 1;
    type End = ListenerEnd;
    type Links = ();
}

impl Entity for ConnectionId {
    const KIND: u8 = 2;
    type End = ConnectionEnd;
    type Links = ConnectionLinks;
}

impl Entity for StreamId {
    const KIND: u8 = 3;
    type End = StreamEnd;
    type Links = StreamLinks;
}
