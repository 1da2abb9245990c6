//! [`Entity`]: the parts in which listeners, connections and streams differ for the arenas that hold their records.

use super::ends::{ConnectionEnd, ListenerEnd, StreamEnd};
use super::id::{ConnectionId, EntityId, Id, ListenerId, StreamId};
use super::links::{ConnectionLinks, ListLink, StreamLinks};
use core::fmt::Debug;

/// The id of a listener, connection or stream, for the arena that holds its record.
pub(super) trait Entity: EntityId + Debug + Into<Id> {
    /// The number of the kind, 1, 2 or 3, by which links distinguish the kinds.
    const KIND: u8;
    /// The reason why an open entity of this kind ends.
    type End: Copy + Eq + Debug;
    /// The fields of a record that only this kind has.
    type Links: Copy + Eq + Debug;

    /// Returns a link to the entity. Its index fits, since [`IdBounds`](super::arena::IdBounds) go no further.
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
