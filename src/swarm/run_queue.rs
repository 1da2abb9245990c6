//! [`RunQueue`]: the work that one turn leaves to the next: woken slots in line, their shares of a tick, and the rest of a
//! shutdown.

use super::wake::WakeTarget;
use alloc::collections::VecDeque;

/// The rest of a shutdown. All listeners and connections from these slots on are still to be closed.
#[derive(Debug, Default)]
pub(super) struct Closing {
    pub(super) listener: usize,
    pub(super) connection: usize,
}

/// The queue of woken slots, which outlives a turn whose budget is spent.
#[derive(Debug, Default)]
pub(super) struct RunQueue {
    /// Woken slots, in the order in which they woke.
    pub(super) woken: VecDeque<WakeTarget>,
    /// Slots that woke again after they had used up their share of this tick. They wait for the next tick.
    pub(super) served: VecDeque<WakeTarget>,
    /// The numbers of visitors whose signatures would exceed their address's part of this turn's work. They get what the
    /// turn has left when nothing else is ready, and otherwise wait for the next turn.
    pub(super) held_over: VecDeque<u64>,
    /// The number of connections whose output the last turn has not reached.
    pub(super) unwritten: usize,
    /// The number of the last turn, against which shares are counted.
    pub(super) turn: u32,
    /// The helpings that the transport has had.
    pub(super) transport: HelpingsTaken,
    /// The next turn whose budget is spent at once begins a close, and not a deadline. The two alternate.
    pub(super) closes_next: bool,
}

/// The number of helpings that a slot has had in its last turn.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HelpingsTaken {
    turn: u32,
    helpings: u32,
}

impl HelpingsTaken {
    /// Takes one of the `most` helpings of this turn. Returns `false` if all have been taken.
    pub(super) fn take(&mut self, turn: u32, most: u32) -> bool {
        if self.turn != turn {
            *self = Self { turn, helpings: 0 };
        }
        let has_left = self.helpings < most;
        self.helpings += u32::from(has_left);
        has_left
    }
}
