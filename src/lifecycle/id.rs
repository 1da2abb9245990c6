//! The ids of entities: [`ListenerId`], [`ConnectionId`], [`StreamId`], and [`Id`], which is any of them.
//!
//! An id consists of the index of a slot (a place in an array of records) and of a generation, which is the number of
//! entities that have had the slot. A slot is used again, but an id never is: the id of an entity that has ended is stale
//! for ever, and a slot whose generations are used up is retired. An id has a meaning only for the lifecycle or swarm that
//! made it: two lifecycles may make equal ids.

use core::fmt;
use core::num::NonZeroU32;

/// The common interface of the ids of listeners, connections and streams, so that one type, [`Table`](super::Table), works
/// with all of them.
///
/// The trait is sealed: only the ids of this crate implement it.
pub trait EntityId: Copy + Eq + Ord + fmt::Display + private::Sealed {
    /// Returns the index of the id's slot. Indices are dense from 0, so you can use them in tables of your own.
    fn index(self) -> usize;
    /// Returns the number of entities that have had the slot, including the entity of this id.
    fn generation(self) -> NonZeroU32;
}

mod private {
    use core::num::NonZeroU32;

    /// The trait that seals `EntityId`, so that only this crate can make ids.
    #[expect(unnameable_types, reason = "it seals `EntityId`")]
    pub trait Sealed {
        fn from_parts(index: u32, generation: NonZeroU32) -> Self;
    }
}

/// Makes an id from an index and a generation, for code that stores the two separately.
#[inline]
pub(crate) fn from_parts<I: EntityId>(index: u32, generation: NonZeroU32) -> I {
    I::from_parts(index, generation)
}

/// The id of a listener, a connection or a stream.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "listeners, connections and streams are all that has a life of its own")]
pub enum Id {
    /// The id of a listener.
    Listener(ListenerId),
    /// The id of a connection.
    Connection(ConnectionId),
    /// The id of a stream.
    Stream(StreamId),
}

/// Writes the id of the listener, connection or stream, for example `c3.1`.
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listener(id) => id.fmt(f),
            Self::Connection(id) => id.fmt(f),
            Self::Stream(id) => id.fmt(f),
        }
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<ListenerId> for Id {
    #[inline]
    fn from(id: ListenerId) -> Self {
        Self::Listener(id)
    }
}

impl From<ConnectionId> for Id {
    #[inline]
    fn from(id: ConnectionId) -> Self {
        Self::Connection(id)
    }
}

impl From<StreamId> for Id {
    #[inline]
    fn from(id: StreamId) -> Self {
        Self::Stream(id)
    }
}

// Generations begin at 1, so that an id has a niche: an `Option` of an id takes no more memory than the id. An id consists
// of two numbers of 32 bits. One word of 64 bits would save a few instructions, but an event would take more than its 20
// bytes, and an entry of a map of streams more than 12.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $letter:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            index: u32,
            generation: NonZeroU32,
        }

        impl $name {
            /// The smallest id of this kind.
            #[allow(dead_code, reason = "each kind has it, for ranges; not each is ranged over")]
            pub(crate) const FIRST: Self = Self { index: 0, generation: NonZeroU32::MIN };

            /// Returns the index of the id's slot. Indices are dense from 0, so you can use them in tables of your own. Two
            /// ids that are valid at the same time never have the same index; a later id may get the index again.
            #[must_use]
            #[inline]
            pub const fn index(self) -> usize {
                self.index as usize
            }

            /// Returns the number of entities that have had the slot, including the entity of this id.
            #[must_use]
            #[inline]
            pub const fn generation(self) -> NonZeroU32 {
                self.generation
            }
        }

        impl private::Sealed for $name {
            #[inline]
            fn from_parts(index: u32, generation: NonZeroU32) -> Self {
                Self { index, generation }
            }
        }

        impl EntityId for $name {
            #[inline]
            fn index(self) -> usize {
                self.index()
            }

            #[inline]

            fn generation(self) -> NonZeroU32 {
                self.generation()
            }
        }

        /// Writes the letter of the kind, the index, a dot and the generation, for example `c3.1`.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($letter, "{}.{}"), self.index, self.generation)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

id! {
    /// The id of a listener. It is valid from the call of `listen` until the listener's last event has been handled. It is
    /// shown as `l0.1`.
    ListenerId, "l"
}
id! {
    /// The id of a connection. It is valid from the dial on, or from the moment when the peer of an accepted connection is
    /// authenticated, until the connection's last event has been handled. It is shown as `c3.1`.
    ConnectionId, "c"
}
id! {
    /// The id of a stream. For a stream that we open, the id is valid from the command that opens the stream; for a stream
    /// that the peer opens, from the peer's first whole proposal, which names the protocol that the peer wants. The id is
    /// valid until the stream's last event has been handled, and is shown as `s17.4`.
    StreamId, "s"
}

#[cfg(test)]
mod tests {
    use super::private::Sealed as _;
    use super::*;
    use alloc::format;

    #[test]
    fn ids_show_kind_slot_and_generation() {
        let generation = NonZeroU32::new(4).unwrap();
        assert_eq!(format!("{}", ListenerId::from_parts(0, NonZeroU32::MIN)), "l0.1");
        assert_eq!(format!("{:?}", ConnectionId::from_parts(3, NonZeroU32::MIN)), "c3.1");
        assert_eq!(format!("{}", StreamId::from_parts(17, generation)), "s17.4");
        assert_eq!(format!("{:?}", Id::from(StreamId::from_parts(17, generation))), "s17.4");
    }
}
