//! [`OutputState`]: a queue of lines for one descriptor, the number of lines that the queue has dropped, and its policy for
//! further lines while it is full.

use super::{Bottom, MAX_BYTES, MAX_LINES};
use std::collections::VecDeque;
use std::task::Waker;
use std::time::Instant;

/// The policy for further lines while a queue is full.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    /// The queue accepts further lines, and [`OutputQueue::is_full`](super::OutputQueue::is_full) tells the loop to wait.
    Wait,
    /// Further lines are dropped and counted, until the loop fetches the count with
    /// [`OutputQueue::take_missed`](super::OutputQueue::take_missed).
    Lag,
    /// The command was told to end. The queue accepts lines up to twice its usual capacity, and further lines are lost.
    End,
    /// Further lines are lost until there is room again.
    Drop,
}

/// The reason why an output has ended, so that nothing can be written any more.
#[derive(Clone)]
pub(super) enum OutputEnd {
    /// The reader has closed its end.
    Gone,
    /// A write has failed. The field is the text of the error.
    Failed(String),
}

/// A queued line that tells the reader how many lines were dropped before this line.
pub(super) struct Said {
    pub(super) missed: u64,
    /// The total number of lines that were queued before this line.
    pub(super) line: u64,
}

/// The state of an output, which the loop and the thread that writes share.
pub(super) struct OutputState {
    pub(super) lines: VecDeque<Vec<u8>>,
    /// The total length of `lines`, in bytes.
    pub(super) bytes: usize,
    /// The number of lines that the thread that writes has taken from the queue and has not written yet.
    pub(super) in_hand: usize,
    /// The number of bytes that were written so far. [`finish`](super::OutputQueue::finish) waits as long as this number
    /// grows.
    pub(super) written: u64,
    pub(super) policy: Policy,
    pub(super) is_full: bool,
    /// The number of lines that were dropped since [`take_missed`](super::OutputQueue::take_missed) has last returned a
    /// number.
    pub(super) missed: u64,
    /// The total number of lines that were queued so far.
    pub(super) queued: u64,
    /// The queued lines that tell the reader how many lines were dropped, oldest first. Entries of lines that were written
    /// are removed when the next entry is added.
    pub(super) said: VecDeque<Said>,
    /// `true` while the loop waits until half of the queue is free.
    pub(super) is_awaited: bool,
    pub(super) end: Option<OutputEnd>,
    /// The time at which the command was told to end, or `None` if it was not.
    pub(super) told_to_end: Option<Instant>,
    pub(super) has_thread: bool,
    /// The next text for the bottom of the terminal, or `None` once the thread that writes has taken the text to show it.
    pub(super) bottom: Option<Bottom>,
    /// `true` while the thread that writes shows a text that it has taken from `bottom`.
    pub(super) is_drawing: bool,
    /// The waker of the loop, which is woken when a full queue has room again, and when the output ends.
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

    /// Appends a line and its newline to the queue.
    pub(super) fn put(&mut self, line: String) {
        let mut line = line.into_bytes();
        line.push(b'\n');
        self.bytes += line.len();
        self.lines.push_back(line);
        self.queued += 1;
        self.is_full |= self.policy == Policy::Wait && self.is_beyond(1);
    }

    /// Returns whether all lines are written, and the text at the bottom is shown.
    pub(super) fn is_written(&self) -> bool {
        self.lines.is_empty() && self.in_hand == 0 && self.bottom.is_none() && !self.is_drawing
    }

    /// Returns the number of lines that were queued and are not written yet.
    pub(super) fn unwritten(&self) -> u64 {
        (self.lines.len() + self.in_hand) as u64
    }

    /// Returns the number of lines that are lost if nothing more is written. It counts the dropped lines of which no queued
    /// line tells yet, the lines that are not written yet, and the dropped lines of which a line that is not written yet
    /// tells.
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
        // The first line of each pair tells the number of dropped lines.
        for (lines, lost) in [(1, 4 + 1_100), (1, 3 + 1_000), (1, 2 + 1_000), (1, 1), (1, 0)] {
            write(&mut state, lines);
            assert_eq!(state.lost(), lost);
        }
        state.missed = 7;
        assert_eq!(state.lost(), 7);
    }
}
