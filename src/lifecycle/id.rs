//! Names of entities: [`ListenerId`], [`ConnectionId`], [`StreamId`], and [`Id`], which is any of them.
//!
//! An id is the index of an arena slot and the generation of the entity in it. A slot is used again, an id never is: the id
//! of an entity that has ended is refused for good, and a slot whose generations are used up is retired. An id has a meaning
//! only where it was given: two lifecycles, and so two swarms, may give equal ones.

use core::fmt;
use core::num::NonZeroU32;

/// The common interface of the three kinds of id, so that one [`Table`](super::Table) serves all of them.
///
/// Sealed: the ids of this crate are its only implementors.
pub trait EntityId: Copy + Eq + Ord + fmt::Display + private::Sealed {
    /// Returns the arena slot, dense from 0: an index into side tables of your own.
    fn index(self) -> usize;
    /// Returns the number of entities that the slot has held, this one included.
    fn generation(self) -> NonZeroU32;
}

mod private {
    use core::num::NonZeroU32;

    /// Only this crate makes ids.
    pub trait Sealed {
        fn from_parts(index: u32, generation: NonZeroU32) -> Self;
    }
}

/// Makes an id of its parts, for code that keeps them apart.
#[inline]
pub(crate) fn from_parts<I: EntityId>(index: u32, generation: NonZeroU32) -> I {
    I::from_parts(index, generation)
}

/// The id of a listener, a connection or a stream.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Id {
    /// The id of a listener.
    Listener(ListenerId),
    /// The id of a connection.
    Connection(ConnectionId),
    /// The id of a stream.
    Stream(StreamId),
}

/// Shows the inner id.
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

            /// Returns the arena slot, dense from 0: an index into side tables of your own. Two ids that are alive at the
            /// same time never share a slot; a later id may get the slot again.
            #[must_use]
            #[inline]
            pub const fn index(self) -> usize {
                self.index as usize
            }

            /// Returns the number of entities that the slot has held, this one included.
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

        /// Shows the letter of the kind, the slot and the generation.
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
    /// The id of a listener, valid from `listen` to its last event. Shown as `l0.1`.
    ListenerId, "l"
}
id! {
    /// The id of a connection, valid to its last event: from the dial on, or from the authentication of an accepted
    /// connection's peer. Shown as `c3.1`.
    ConnectionId, "c"
}
id! {
    /// The id of a stream, valid to its last event: from the command on, or from the first whole proposal on a stream of the
    /// peer's. A peer's stream has no id before the peer has said which protocol it wants. Shown as `s17.4`.
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
