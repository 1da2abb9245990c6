//! [`OutputState`]: a queue of lines, the count of lines that it did not take, and the consequence of a full queue.

use super::{Bottom, MAX_BYTES, MAX_LINES};
use std::collections::VecDeque;
use std::task::Waker;
use std::time::Instant;

/// The consequence of a full queue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    /// [`OutputQueue::is_full`](super::OutputQueue::is_full) returns `true`. The queue takes further lines nevertheless.
    Wait,
    /// Further lines are counted and not taken, until the owner takes the count with
    /// [`OutputQueue::take_missed`](super::OutputQueue::take_missed).
    Lag,
    /// The queue takes twice as much as a full one, and further lines are lost. This holds once the command was told to end.
    End,
    /// Further lines are lost.
    Drop,
}

/// The reason why nothing can be written any more.
#[derive(Clone)]
pub(super) enum OutputEnd {
    /// The reader has left.
    Gone,
    /// A write has failed with an error of this text.
    Failed(String),
}

/// A line that says how many lines were missed before it.
pub(super) struct Said {
    pub(super) missed: u64,
    /// The number of lines that were queued before this line.
    pub(super) line: u64,
}

/// The state that the loop and the thread of an output share.
pub(super) struct OutputState {
    pub(super) lines: VecDeque<Vec<u8>>,
    /// The number of bytes of `lines`.
    pub(super) bytes: usize,
    /// The number of lines that the thread has taken and not written.
    pub(super) in_hand: usize,
    /// The number of bytes that were written so far. It grows while the reader takes lines.
    pub(super) written: u64,
    pub(super) policy: Policy,
    pub(super) is_full: bool,
    /// The number of lines that were not queued and whose number was not taken.
    pub(super) missed: u64,
    /// The number of lines that were queued so far.
    pub(super) queued: u64,
    /// The queued lines that say how many were missed and that may not have been written.
    pub(super) said: VecDeque<Said>,
    /// `true` while the loop waits for room.
    pub(super) is_awaited: bool,
    pub(super) end: Option<OutputEnd>,
    /// The time at which the command was told to end.
    pub(super) told_to_end: Option<Instant>,
    pub(super) has_thread: bool,
    /// The next text at the bottom of the terminal, until the thread takes it.
    pub(super) bottom: Option<Bottom>,
    /// `true` from when the thread takes `bottom` until it has shown it.
    pub(super) is_drawing: bool,
    /// The waker of the loop, for room and for the end.
    pub(super) waker: Option<Waker>,
}

impl OutputState {
    pub(super) const fn new(policy: Policy) -> Self {
        Self {
            lines: VecDeque::new(),
            bytes: 0,
            in_hand: 0,
            written: 0,
            policy,
            is_full: false,
            missed: 0,
            queued: 0,
            said: VecDeque::new(),
            is_awaited: false,
            end: None,
            told_to_end: None,
            has_thread: false,
            bottom: None,
            is_drawing: false,
            waker: None,
        }
    }

    pub(super) fn is_beyond(&self, factor: usize) -> bool {
        self.lines.len() >= factor * MAX_LINES || self.bytes >= factor * MAX_BYTES
    }

    pub(super) fn is_half_empty(&self) -> bool {
        self.lines.len() <= MAX_LINES / 2 && self.bytes <= MAX_BYTES / 2
    }

    /// Queues a line.
    pub(super) fn put(&mut self, line: String) {
        let mut line = line.into_bytes();
        line.push(b'\n');
        self.bytes += line.len();
        self.lines.push_back(line);
        self.queued += 1;
        self.is_full |= self.policy == Policy::Wait && self.is_beyond(1);
    }

    /// Returns whether nothing is left to be written.
    pub(super) fn is_written(&self) -> bool {
        self.lines.is_empty() && self.in_hand == 0 && self.bottom.is_none() && !self.is_drawing
    }

    /// Returns the number of lines that were queued and not written.
    pub(super) fn unwritten(&self) -> u64 {
        (self.lines.len() + self.in_hand) as u64
    }

    /// Returns the number of lines that the reader has not got and does not know of. It includes those whose number stands in
    /// a line that was not written.
    pub(super) fn lost(&self) -> u64 {
        let written = self.queued - self.unwritten();
        let unsaid = self.said.iter().filter(|said| said.line >= written).map(|said| said.missed);
        self.missed + self.unwritten() + unsaid.sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_whose_number_is_lost_are_lost_as_well() {
        let mut state = OutputState::new(Policy::Lag);
        let write = |state: &mut OutputState, lines| {
            for _ in 0..lines {
                state.lines.pop_front().unwrap();
            }
        };
        state.put("one".to_owned());
        for missed in [100, 1_000] {
            state.said.push_back(Said { missed, line: state.queued });
            state.put("lagged".to_owned());
            state.put("snapshot".to_owned());
        }
        assert_eq!((state.lost(), state.unwritten()), (5 + 1_100, 5));
        // Of each pair of lines, the first one says the number.
        for (lines, lost) in [(1, 4 + 1_100), (1, 3 + 1_000), (1, 2 + 1_000), (1, 1), (1, 0)] {
            write(&mut state, lines);
            assert_eq!(state.lost(), lost);
        }
        state.missed = 7;
        assert_eq!(state.lost(), 7);
    }
}
