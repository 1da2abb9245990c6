//! [`Budget`]: the limit on the work of one turn. [`Helping`]: the amount of input that one connection may have handled
//! before the other connections have their turn.

/// The limit on the work of one turn. The swarm asks the owner before each unit of work, until the owner refuses one.
pub(super) struct Budget<'a> {
    may: &'a mut dyn FnMut() -> bool,
    is_spent: bool,
    /// `true` if the turn is a tick. In a tick, each connection, and the transport, gets at most a fixed number of helpings.
    pub(super) shares: bool,
}

impl<'a> Budget<'a> {
    /// Makes an unspent budget. `may` asks the owner whether one more unit of work is allowed.
    pub(super) fn new(may: &'a mut dyn FnMut() -> bool) -> Self {
        Self { may, is_spent: false, shares: false }
    }

    /// Asks the owner for one more unit of work. The caller has to ask before it removes an entry from a queue, so that no
    /// entry is lost if the owner's function panics.
    pub(super) fn allows(&mut self) -> bool {
        // After a refusal the owner is not asked again. An owner that counts calls, or reads a clock that is set back, would
        // otherwise let the turn go on after it has refused.
        self.is_spent = self.is_spent || !(self.may)();
        !self.is_spent
    }
}

/// The size of one helping: the most input of one connection that is read and handled at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Helping {
    pub(super) bytes: usize,
    /// The maximum number of frames that are handled after each read. If a read brings this many frames or more, the helping
    /// ends, and the other connections have their turn.
    pub(super) frames: u32,
}

impl Helping {
    /// The usual size of a helping.
    pub(super) const WHOLE: Self = Self { bytes: 16 * 1024, frames: 256 };
    /// The size of a helping in a tick while no other slot waits for work.
    pub(super) const ALONE: Self = Self { bytes: 8 * Self::WHOLE.bytes, ..Self::WHOLE };
    /// The smallest size of a helping. With smaller reads, the unfinished part of a Noise message of 64 KiB would be copied
    /// too often.
    const LEAST: Self = Self { bytes: 8 * 1024, frames: 32 };

    /// Returns the size of a helping while `waiting` other slots wait for work. With more than 64 slots the helpings shrink,
    /// so that one round of helpings for all of them takes no longer than a round for 64, until [`LEAST`](Self::LEAST) is
    /// reached.
    pub(super) fn beside(waiting: usize) -> Self {
        // A budget bounds the length of a turn, but not the time that a quiet connection waits behind busy ones: that is a
        // whole round. One round of helpings for 64 flooding peers was some 32 ms of work when this was measured, so 64 is
        // where the helpings begin to shrink.
        let (slots, whole, least) = (waiting + 1, Self::WHOLE, Self::LEAST);
        let bytes = (64 * whole.bytes / slots).clamp(least.bytes, whole.bytes);
        // The quotient fits: it is at most 64 times 256.
        let frames = (64 * whole.frames as usize / slots) as u32;
        Self { bytes, frames: frames.clamp(least.frames, whole.frames) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn helpings_get_smaller_beside_more_than_64() {
        assert_eq!([0, 1, 63].map(Helping::beside), [Helping::WHOLE; 3]);
        assert_eq!(Helping::beside(95), Helping { bytes: 10_922, frames: 170 });
        assert_eq!(Helping::beside(127), Helping { bytes: 8_192, frames: 128 });
        assert_eq!([511, 16_383, usize::MAX - 1].map(Helping::beside), [Helping::LEAST; 3]);
    }
}
