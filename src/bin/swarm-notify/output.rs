//! [`OutputQueue`]: a queue of lines that a thread writes to a descriptor. The program, file or terminal at the other end of
//! the descriptor is called its reader. If the reader is slow or has stopped, only this thread is delayed.
//!
//! There is one queue for standard output and one for standard error. Each queue is full when it contains [`MAX_LINES`]
//! lines or [`MAX_BYTES`] bytes.

// The paths are given, since `tests/attacks/attacked.rs` includes this file from another folder.
#[path = "output/bottom.rs"]
mod bottom;
#[path = "output/state.rs"]
mod state;
#[path = "output/system.rs"]
mod system;
#[path = "output/writer.rs"]
mod writer;

pub(crate) use bottom::Bottom;

use crate::paint::{self, Span};
use crate::terminal::{self, wrap_marked, wrap_words};
use state::{OutputEnd, OutputState, Policy, Said};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Context;
use std::time::{Duration, Instant};
use swarm_notify::connection::Config;

/// The number of waiting lines at which a queue is full.
pub(crate) const MAX_LINES: usize = 4_096;
/// The number of waiting bytes at which a queue is full.
pub(crate) const MAX_BYTES: usize = 4 << 20;

/// The maximum number of bytes in one write of several lines. A pipe accepts a write of up to this size completely or not at
/// all (`PIPE_BUF` on Linux), so that the number of lines that were not written is known exactly.
const BATCH: usize = 4_096;
/// The size, in bytes, of the stack of a thread that only writes.
const STACK: usize = 128 * 1024;
/// The minimum time, at the end of the command, that is left for writing the lines of standard error and the last lines of
/// standard output.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The queue of standard output, to which the log of events is written.
pub(crate) static STDOUT: OutputQueue = OutputQueue::new(Descriptor::Out, Policy::Wait);
/// The queue of standard error, to which errors are written, and the records of the `log` crate that `RUST_LOG` selects. If
/// its reader does not keep up, some of its lines are lost.
static STDERR: OutputQueue = OutputQueue::new(Descriptor::Err, Policy::Drop);

/// Prints an error on standard error. This function neither waits nor fails.
pub(crate) fn say(text: impl std::fmt::Display) {
    label("error", paint::BAD, &text);
}

/// Prints on standard error why the command ends, after the label `error` or `interrupted`. If standard output is a
/// terminal, or is the same file or pipe as standard error, the reason is printed after all earlier lines, unless their
/// reader has stopped. Otherwise, the reason does not wait for the reader of standard output.
pub(crate) fn say_last(text: impl std::fmt::Display, is_interrupted: bool) {
    if terminal::stdout().columns().is_some() || system::is_one_file() {
        STDOUT.finish(LAST_WORDS);
    }
    match is_interrupted {
        true => push_labelled("interrupted", paint::WARNING, text.to_string()),
        false => say(text),
    }
}

/// Prints a warning on standard error. A warning is about something that the user may want to change, although it does no
/// harm yet.
pub(crate) fn warn(text: impl std::fmt::Display) {
    label("warning", paint::WARNING, &text);
}

/// Prints a note on standard error. A note is about something that the user may want to know at this moment.
#[cfg(unix)]
pub(crate) fn note(text: impl std::fmt::Display) {
    label("note", paint::PLAIN, &text);
}

/// Prints a text after a label and a colon on standard error, in the form of clap's messages.
fn label(label: &str, style: anstyle::Style, text: &dyn std::fmt::Display) {
    push_labelled(&format!("{label}:"), style, format!("{label}: {text}"));
}

/// Prints on standard error a text that begins with `label`. The label is bold and has the given style.
fn push_labelled(label: &str, style: anstyle::Style, mut text: String) {
    let terminal = terminal::stderr();
    if let Some(columns) = terminal.columns() {
        text = wrap_words(&text, columns);
    }
    // Wrapping leaves the label at the start of the text.
    let rest = text.split_off(label.len());
    let text = paint::write(&[Span::new(text, style.bold()), Span::plain(rest)], terminal.has_colour);
    STDERR.push(terminal.margin().to_owned() + &text);
}

/// Shows a text below all lines of the terminal to which standard error is written. This function neither waits nor fails.
pub(crate) fn show_at_bottom(bottom: Bottom) {
    STDERR.show(bottom);
}

/// Makes a write fail with an error if the file has reached the largest size that the system allows (`ulimit -f`). Without
/// this call, the system would kill the process with a signal.
pub(crate) fn outlive_size_limits() {
    system::outlive_size_limits();
}

/// Prints on standard error the records of the `log` crate that `RUST_LOG` selects.
pub(crate) fn init_log() {
    struct Records;
    impl io::Write for Records {
        /// Queues one record of the `log` crate for standard error.
        fn write(&mut self, record: &[u8]) -> io::Result<usize> {
            let text = String::from_utf8_lossy(record.strip_suffix(b"\n").unwrap_or(record));
            let terminal = terminal::stderr();
            STDERR.push(match terminal.columns() {
                Some(columns) => terminal.margin().to_owned() + &wrap_marked(&text, columns),
                None => text.into_owned(),
            });
            Ok(record.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    env_logger::Builder::from_default_env().target(env_logger::Target::Pipe(Box::new(Records))).init();
}

/// Waits until all lines are written, at the end of the command. This function stops waiting when the reader of standard
/// output has accepted nothing for the time of [`patience`]. If the command was told to end, this function also stops
/// waiting when that time has passed since the command was told. If lines were lost, this function prints an error on
/// standard error and returns `false`. If the reader has left, the remaining lines do not count as lost, since nobody wants
/// them. If standard output could not be written, the error also contains `undone`: the work that the command has left
/// undone for that reason, in words.
pub(crate) fn finish(undone: Option<&str>) -> bool {
    let is_right = match STDOUT.finish(patience()) {
        (0, None) | (_, Some(OutputEnd::Gone)) => true,
        (lost, None) => {
            say(format_args!("{}: nobody reads stdout in time; read it to its end", are_lost(lost)));
            false
        }
        (lost, Some(OutputEnd::Failed(error))) => {
            // The number is a minimum, since the work that was not done would have printed lines, too.
            let lost = if lost == 0 { String::new() } else { format!(", at least {}", are_lost(lost)) };
            let undone = undone.map(|what| format!("; the command ended there: {what}")).unwrap_or_default();
            say(format_args!("stdout cannot be written{lost}: {error}{undone}"));
            false
        }
    };
    STDERR.finish_by(Instant::now() + LAST_WORDS);
    is_right
}

/// Returns a sentence which says that this number of lines of output is lost.
fn are_lost(lines: u64) -> String {
    let (lines_are, one_is) = ("lines of output are lost", "line of output is lost");
    format!("{lines} {}", if lines == 1 { one_is } else { lines_are })
}

/// Returns the time that the reader of standard output has for reading at the end of the command. It is the same time that a
/// polite close of a connection may take.
fn patience() -> Duration {
    Config::default().close_timeout
}

/// One of the two descriptors to which a command writes: standard output or standard error.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Descriptor {
    Out,
    Err,
}

/// A queue of lines that a thread writes to one descriptor.
pub(crate) struct OutputQueue {
    descriptor: Descriptor,
    state: Mutex<OutputState>,
    /// A condition variable that is notified when something is queued, and when something was written.
    changed: Condvar,
}

impl OutputQueue {
    const fn new(descriptor: Descriptor, policy: Policy) -> Self {
        Self { descriptor, state: Mutex::new(OutputState::new(policy)), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, OutputState> {
        // A poisoned lock is no error: each change of the state is complete before a call that may panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the queue drop and count further lines, from now on, while it is full ([`Policy::Lag`]). A subscription handles
    /// events in the same way.
    pub(crate) fn lag(&self) {
        self.lock().policy = Policy::Lag;
    }

    /// Records that the command was told to end now. From now on a full queue does not delay the command, and
    /// [`finish`](Self::finish) waits for the reader for a limited time.
    pub(crate) fn stop_waiting(&self) {
        let mut state = self.lock();
        state.told_to_end.get_or_insert_with(Instant::now);
        if state.policy == Policy::Wait {
            state.policy = Policy::End;
            state.is_full = false;
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Returns whether the queue is full, so that the loop should wait before it prints more. Once at least half of the
    /// queue is free, the waker that was passed to [`poll_end`](Self::poll_end) is woken.
    pub(crate) fn is_full(&self) -> bool {
        self.lock().is_full
    }

    /// Returns `true` once nothing can be written any more: the reader has left, or a write has failed. Registers the waker
    /// of `cx`, which is woken when the output has ended, and when a full queue has room again.
    pub(crate) fn poll_end(&self, cx: &Context<'_>) -> bool {
        let mut state = self.lock();
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => state.waker = Some(cx.waker().clone()),
        }
        state.end.is_some()
    }

    /// Returns whether the reader has closed its end.
    pub(crate) fn is_left(&self) -> bool {
        matches!(self.lock().end, Some(OutputEnd::Gone))
    }

    /// Returns the number of lines that the queue has dropped since the last call, and resets the number to 0. The caller
    /// has to print that number in the next line. Returns `None` if no line was dropped, or if less than half of the queue
    /// is free. `end` is `true` at the end of the command, when the number is returned even if the queue is full.
    pub(crate) fn take_missed(&self, end: bool) -> Option<u64> {
        let mut state = self.lock();
        let takes = state.policy == Policy::Lag && state.missed > 0 && (end || state.is_half_empty());
        if !takes {
            return None;
        }
        let missed = core::mem::take(&mut state.missed);
        let written = state.queued - state.unwritten();
        state.said.retain(|said| said.line >= written);
        let line = state.queued;
        state.said.push_back(Said { missed, line });
        Some(missed)
    }

    /// Returns whether at least half of the queue is free. If less is free, the loop is woken as soon as half of the queue
    /// is free.
    pub(crate) fn has_room(&self) -> bool {
        let mut state = self.lock();
        let has_room = state.is_half_empty();
        state.is_awaited = !has_room;
        has_room
    }

    /// Queues a line. If the queue does not accept the line, the line is dropped and counted.
    pub(crate) fn push(&'static self, line: String) {
        self.push_behind(None, line);
    }

    /// Queues the line `before`, if there is one, and then `line`. The queue accepts both or neither. If it accepts neither,
    /// both are dropped and count as one dropped line. Returns whether the lines were queued.
    pub(crate) fn push_behind(&'static self, before: Option<String>, line: String) -> bool {
        let mut state = self.lock();
        let takes = match state.policy {
            Policy::Wait => true,
            Policy::Lag => state.missed == 0 && !state.is_beyond(1),
            Policy::End => !state.is_beyond(2),
            Policy::Drop => !state.is_beyond(1),
        } && state.end.is_none();
        if let Some(before) = before.filter(|_| takes) {
            state.put(before);
        }
        self.put(state, takes, line);
        takes
    }

    /// Queues a line even if the queue is full. After the end of the output, the line is dropped and counted.
    pub(crate) fn push_beyond(&'static self, line: String) {
        self.put(self.lock(), true, line);
    }

    fn put(&'static self, mut state: MutexGuard<'_, OutputState>, takes: bool, line: String) {
        if !takes || state.end.is_some() {
            state.missed += 1;
            return;
        }
        state.put(line);
        self.wake_thread(state);
    }

    fn wake_thread(&'static self, mut state: MutexGuard<'_, OutputState>) {
        if !core::mem::replace(&mut state.has_thread, true) {
            self.start(&mut state);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Shows a text below all lines of the terminal to which this queue is written, or removes the text. If several texts
    /// are set before the terminal accepts the first of them, only the last one is shown.
    fn show(&'static self, bottom: Bottom) {
        let mut state = self.lock();
        if state.end.is_none() {
            state.bottom = Some(bottom);
            self.wake_thread(state);
        }
    }

    /// Waits until nothing is left to write, or until nothing was written for the time `timeout`. If the command was told to
    /// end, this function also stops waiting when the time of [`patience`] has passed since the command was told, but not
    /// before it has waited for [`LAST_WORDS`]. Returns the number of lost lines, and the reason if nothing can be written
    /// any more.
    fn finish(&self, timeout: Duration) -> (u64, Option<OutputEnd>) {
        let state = self.lock();
        let begun = Instant::now();
        let (mut written, mut since) = (state.written, begun);
        self.wait(state, |state| {
            if core::mem::replace(&mut written, state.written) != state.written {
                since = Instant::now();
            }
            let told = state.told_to_end.map(|told| (told + patience()).max(begun + LAST_WORDS));
            told.map_or(since + timeout, |told| told.min(since + timeout))
        })
    }

    /// Waits until nothing is left to write or the deadline has passed. Returns the number of lost lines, and the reason if
    /// nothing can be written any more.
    fn finish_by(&self, deadline: Instant) -> (u64, Option<OutputEnd>) {
        self.wait(self.lock(), |_| deadline)
    }

    /// Waits until nothing is left to write or the deadline has passed. The function `deadline` is called before the first
    /// wait and after each write, and returns the present deadline. Returns the number of lost lines, and the reason if
    /// nothing can be written any more.
    fn wait(
        &self,
        mut state: MutexGuard<'_, OutputState>,
        mut deadline: impl FnMut(&OutputState) -> Instant,
    ) -> (u64, Option<OutputEnd>) {
        while state.end.is_none() && !state.is_written() {
            let left = deadline(&state).saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        (state.lost(), state.end.clone())
    }

    /// Ends the output after a write has failed with `error`. Lines that were not written are lost.
    fn end_by(&self, error: &io::Error) {
        let is_gone = matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset);
        self.end(if is_gone { OutputEnd::Gone } else { OutputEnd::Failed(error.to_string()) });
    }

    fn end(&self, end: OutputEnd) {
        let mut state = self.lock();
        // Only the first reason is stored, since it is the cause of later errors.
        if state.end.is_none() {
            state.missed = state.lost();
            state.said.clear();
            (state.lines, state.bytes, state.in_hand) = (VecDeque::new(), 0, 0);
            state.is_full = false;
            state.end = Some(end);
            wake(state);
        }
        self.changed.notify_all();
    }
}

/// Wakes the loop. The lock of the state is released first, since the loop may take the lock at once.
fn wake(state: MutexGuard<'_, OutputState>) {
    let waker = state.waker.clone();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_lost_line_is_in_the_singular() {
        let said = [1, 2].map(super::are_lost);
        assert_eq!(said, ["1 line of output is lost", "2 lines of output are lost"]);
    }
}
