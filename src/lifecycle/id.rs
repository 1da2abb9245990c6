//! Names of what lives: [`ListenerId`], [`ConnectionId`], [`StreamId`].
//!
//! An id is the index of an arena slot and the generation of what sits there. A slot is used again, an id never
//! is: what has ended is refused for good, and a slot whose generations are spent is retired.

use core::fmt;
use core::num::NonZeroU32;

/// What the three kinds of id have in common, so that one [`Table`](super::Table) serves all of them.
///
/// Sealed: the ids of this crate are its only implementors.
pub trait Key: Copy + Eq + Ord + fmt::Display + private::Sealed {
    /// The arena slot, dense from 0: an index into side tables of your own.
    fn index(self) -> usize;
    /// How many entities the slot has held up to and including this one.
    fn generation(self) -> NonZeroU32;
}

mod private {
    pub trait Sealed {}
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
            pub(crate) const fn new(index: u32, generation: NonZeroU32) -> Self {
                Self { index, generation }
            }

            /// The arena slot, dense from 0: an index into side tables of your own. Two ids that are alive at the
            /// same time never share it; a later one may.
            #[must_use]
            pub const fn index(self) -> usize {
                self.index as usize
            }

            /// How many entities the slot has held up to and including this one.
            #[must_use]
            pub const fn generation(self) -> NonZeroU32 {
                self.generation
            }
        }

        impl private::Sealed for $name {}

        impl Key for $name {
            fn index(self) -> usize {
                self.index()
            }

            fn generation(self) -> NonZeroU32 {
                self.generation()
            }
        }

        /// The letter of the kind, the slot and the generation.
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
    /// Names a listener, from `listen` to its last event. Shown as `l0.1`.
    ListenerId, "l"
}
id! {
    /// Names a connection, from the dial or the accepted socket to its last event. Shown as `c3.1`.
    ConnectionId, "c"
}
id! {
    /// Names a stream, from the command or the peer's SYN to its last event. Shown as `s17.4`.
    StreamId, "s"
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn ids_show_kind_slot_and_generation() {
        let generation = NonZeroU32::new(4).unwrap();
        assert_eq!(format!("{}", ListenerId::new(0, NonZeroU32::MIN)), "l0.1");
        assert_eq!(format!("{:?}", ConnectionId::new(3, NonZeroU32::MIN)), "c3.1");
        assert_eq!(format!("{}", StreamId::new(17, generation)), "s17.4");
    }
}
