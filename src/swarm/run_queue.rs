//! [`RunQueue`]: the work that one turn leaves to the next, which is the queue of woken slots, the helpings that the
//! transport has had, and the state of an unfinished shutdown. A slot is the transport, a visitor or a connection.

use super::wake::WakeTarget;
use alloc::collections::VecDeque;

/// The state of an unfinished shutdown. The listeners and connections whose indices in their tables are at least these
/// numbers are still to be closed.
#[derive(Debug, Default)]
pub(super) struct Closing {
    pub(super) listener: usize,
    pub(super) connection: usize,
}

/// The queue of woken slots. It is kept from turn to turn, since the budget of a turn may be spent before every slot has had
/// a helping.
#[derive(Debug, Default)]
pub(super) struct RunQueue {
    /// The slots that were woken and wait for a helping, in the order in which they woke.
    pub(super) woken: VecDeque<WakeTarget>,
    /// The slots that woke again after they had had all helpings that a slot may have in one tick. These slots wait for the
    /// next tick.
    pub(super) served: VecDeque<WakeTarget>,
    /// The numbers of the visitors whose next signature would exceed the work that this turn may do for their address. These
    /// visitors get a helping when no other slot waits, if the turn may still verify signatures; otherwise they wait for the
    /// next turn.
    pub(super) held_over: VecDeque<u64>,
    /// The number of connections with pending output that the last turn has left unwritten because its budget was spent.
    pub(super) unwritten: usize,
    /// The number of the current turn. [`HelpingsTaken`] starts anew when this number changes.
    pub(super) turn: u32,
    /// The number of helpings that the transport has had in this turn.
    pub(super) transport: HelpingsTaken,
    /// A turn whose budget is spent at once either begins a close or handles a deadline; these alternate. `true` if the next
    /// such turn begins a close, and `false` if it handles a deadline.
    pub(super) closes_next: bool,
}

/// The number of helpings that a slot has had in the most recent turn in which it had a helping.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HelpingsTaken {
    turn: u32,
    helpings: u32,
}

impl HelpingsTaken {
    /// Counts one more helping in the turn number `turn`. Returns `false` and counts nothing if the slot has had `most`
    /// helpings in this turn.
    pub(super) fn take(&mut self, turn: u32, most: u32) -> bool {
        // The counts of all slots start anew when the number of the turn changes: a turn then visits none of the slots that
        // are idle. The number wraps around, so that a slot which had its last helping 2^32 turns ago may get fewer in one
        // turn.
        if self.turn != turn {
            *self = Self { turn, helpings: 0 };
        }
        let has_left = self.helpings < most;
        self.helpings += u32::from(has_left);
        has_left
    }
}
