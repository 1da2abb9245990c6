//! The threads of an [`OutputQueue`]: one writes its lines, the other waits until its reader has left.

use super::bottom::{Bottom, TerminalLock};
use super::{BATCH, Descriptor, OutputEnd, OutputQueue, OutputState, STACK, system, wake};
use std::io::{self, IsTerminal as _};
use std::sync::PoisonError;
use std::thread;

impl OutputQueue {
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

    /// The thread: writes lines until that fails. The text at the bottom of a terminal makes way for them.
    fn write_lines(&'static self) {
        // The text stands where standard error leads to. Elsewhere nothing makes way for lines, and they wait for nobody.
        let has_bottom = match self.descriptor {
            Descriptor::Out => system::is_one_terminal(),
            Descriptor::Err => io::stderr().is_terminal(),
        };
        let (mut batch, mut ends) = (Vec::new(), Vec::new());
        loop {
            let bottom = self.take_batch(&mut batch, &mut ends);
            // Both descriptors may lead to one terminal, which takes the lines of one at a time.
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

    /// Waits for lines or for another text at the bottom, and takes what there is. `ends` gets the end of each line: one may
    /// have several rows.
    fn take_batch(&self, batch: &mut Vec<u8>, ends: &mut Vec<usize>) -> Option<Bottom> {
        batch.clear();
        ends.clear();
        batch.shrink_to(BATCH);
        let mut state = self.lock();
        while state.lines.is_empty() && state.bottom.is_none() {
            // Memory that a burst has taken is given back.
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

    /// `n` more bytes are written, and so many lines of the batch are not.
    fn wrote(&self, n: usize, in_hand: usize) {
        let mut state = self.lock();
        state.written += n as u64;
        // After an end they are counted already.
        state.in_hand = state.in_hand.min(in_hand);
        drop(state);
        self.changed.notify_all();
    }

    /// The text at the bottom is what it was last said to be.
    fn has_drawn(&self) {
        let was_drawing = core::mem::take(&mut self.lock().is_drawing);
        if was_drawing {
            self.changed.notify_all();
        }
    }

    /// Another thread: waits until the reader has left, since nothing may be written for a long time.
    fn watch(&'static self) {
        if system::wait_gone(self.descriptor) {
            self.end(OutputEnd::Gone);
        }
    }
}
