//! [`Entity`]: the constants and types in which the records of listeners, connections and streams differ. An entity is a
//! listener, a connection or a stream.

use super::ends::{ConnectionEnd, ListenerEnd, StreamEnd};
use super::id::{ConnectionId, EntityId, Id, ListenerId, StreamId};
use super::links::{ConnectionLinks, ListLink, StreamLinks};
use core::fmt::Debug;

/// A type of id: [`ListenerId`], [`ConnectionId`] or [`StreamId`]. An [`Arena`](super::arena::Arena) contains the records of
/// the entities with ids of one type.
pub(super) trait Entity: EntityId + Debug + Into<Id> {
    /// The number of the kind of entity: 1, 2 or 3. Links contain this number.
    const KIND: u8;
    /// The type of the reasons why an open listener, connection or stream ends.
    type End: Copy + Eq + Debug;
    /// The type of the additional fields in the records of this kind of entity.
    type Links: Copy + Eq + Debug;

    /// Returns a link to the entity. The index of the entity fits in a link, since [`IdBounds`](super::arena::IdBounds)
    /// limits it.
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
