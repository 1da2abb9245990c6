//! The two threads of an [`OutputQueue`]. The first thread writes the queue's lines. The second thread, which exists only
//! for standard output, waits until the reader has closed its end.

use super::bottom::{Bottom, TerminalLock};
use super::{BATCH, Descriptor, OutputEnd, OutputQueue, OutputState, STACK, system, wake};
use std::io::{self, IsTerminal as _};
use std::sync::PoisonError;
use std::thread;

impl OutputQueue {
    /// Starts the threads. If the system refuses to start a thread, the output ends with the system's error.
    pub(super) fn start(&'static self, state: &mut OutputState) {
        let spawn =
            |run: fn(&'static Self)| thread::Builder::new().stack_size(STACK).spawn(move || run(self)).map(drop);
        let mut started = spawn(Self::write_lines);
        if self.descriptor == Descriptor::Out {
            started = started.and_then(|()| spawn(Self::watch));
        }
        if let Err(error) = started {
            state.end = Some(OutputEnd::Failed(error.to_string()));
        }
    }

    /// Runs the first thread, which writes lines until a write fails. The lines of one write are called a batch. The text at
    /// the bottom of a terminal is removed before each batch and shown again after the batch.
    fn write_lines(&'static self) {
        // The text at the bottom is shown on the terminal to which standard error is written. Lines that are written
        // elsewhere need no lock.
        let has_bottom = match self.descriptor {
            Descriptor::Out => system::is_one_terminal(),
            Descriptor::Err => io::stderr().is_terminal(),
        };
        let (mut batch, mut ends) = (Vec::new(), Vec::new());
        loop {
            let bottom = self.take_batch(&mut batch, &mut ends);
            // Standard output and standard error may be the same terminal. With the lock, only one of their threads writes
            // at a time.
            let mut screen = has_bottom.then(TerminalLock::lock);
            if let Some(screen) = screen.as_mut().filter(|_| !batch.is_empty()) {
                screen.clear();
            }
            let left = |rest: &[u8]| ends.iter().filter(|end| **end > batch.len() - rest.len()).count();
            if let Err(error) = system::write_all(self.descriptor, &batch, |n, rest| self.wrote(n, left(rest))) {
                return self.end_by(&error);
            }
            if let Some(mut screen) = screen {
                screen.show(bottom.as_ref());
            }
            self.has_drawn();
        }
    }

    /// Waits until there are lines to write or another text to show at the bottom. Moves the oldest lines, at most [`BATCH`]
    /// bytes or one longer line, from the queue to `batch`. Stores in `ends` the position at which each of these lines ends.
    /// The positions are stored because a line of the log may have several rows and so contain newlines. Returns the text to
    /// show at the bottom, or `None` if there is no new text.
    fn take_batch(&self, batch: &mut Vec<u8>, ends: &mut Vec<usize>) -> Option<Bottom> {
        batch.clear();
        ends.clear();
        batch.shrink_to(BATCH);
        let mut state = self.lock();
        while state.lines.is_empty() && state.bottom.is_none() {
            // This call frees the memory that many queued lines have taken.
            state.lines.shrink_to(64);
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let bottom = state.bottom.take();
        state.is_drawing = bottom.is_some();
        while state.lines.front().is_some_and(|line| batch.is_empty() || batch.len() + line.len() <= BATCH) {
            let Some(line) = state.lines.pop_front() else { break };
            state.bytes -= line.len();
            state.in_hand += 1;
            batch.extend_from_slice(&line);
            ends.push(batch.len());
        }
        if state.is_half_empty() {
            let (was_full, is_awaited) = (core::mem::take(&mut state.is_full), core::mem::take(&mut state.is_awaited));
            if was_full || is_awaited || state.missed > 0 {
                wake(state);
            }
        }
        bottom
    }

    /// Records that `n` more bytes were written, and that `in_hand` lines of the batch are not written yet.
    fn wrote(&self, n: usize, in_hand: usize) {
        let mut state = self.lock();
        state.written += n as u64;
        // At the end of the output, the unwritten lines of the batch are counted as missed, and the field `in_hand` stays 0
        // from then on.
        state.in_hand = state.in_hand.min(in_hand);
        drop(state);
        self.changed.notify_all();
    }

    /// Records that the terminal shows the text which [`take_batch`](Self::take_batch) has returned.
    fn has_drawn(&self) {
        let was_drawing = core::mem::take(&mut self.lock().is_drawing);
        if was_drawing {
            self.changed.notify_all();
        }
    }

    /// Runs the second thread: waits until the reader has closed its end, and then ends the output. Without this thread, a
    /// command that prints nothing for a long time would not notice that the reader has left.
    fn watch(&'static self) {
        if system::wait_gone(self.descriptor) {
            self.end(OutputEnd::Gone);
        }
    }
}
