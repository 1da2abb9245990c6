//! [`OutputQueue`]: lines that leave the process by a thread, so that a reader that is slow or has stopped delays
//! nobody else.
//!
//! One queue leads to standard output and one to standard error. Each holds [`MAX_LINES`] lines or [`MAX_BYTES`] bytes.

// By path, since `tests/attacks/attacked.rs` includes this file from elsewhere.
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

/// The lines that a queue holds before it is full.
pub(crate) const MAX_LINES: usize = 4_096;
/// The bytes that a queue holds before it is full.
pub(crate) const MAX_BYTES: usize = 4 << 20;

/// The most bytes of several lines in one write. A pipe takes as many as a whole or not at all (`PIPE_BUF` on Linux), so
/// that the number of lines which were not written is exact.
const BATCH: usize = 4_096;
/// The stack of a thread that only writes.
const STACK: usize = 128 * 1024;
/// The time that standard error has at the end, and standard output for what is printed at the very end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The log.
pub(crate) static STDOUT: OutputQueue = OutputQueue::new(Descriptor::Out, Policy::Wait);
/// Errors and the log of `RUST_LOG`. A reader that does not keep up misses some of it.
static STDERR: OutputQueue = OutputQueue::new(Descriptor::Err, Policy::Drop);

/// Says on standard error what has gone wrong. It neither waits nor fails.
pub(crate) fn say(text: impl std::fmt::Display) {
    label("error", paint::BAD, &text);
}

/// Says why the command ends: by an error, or interrupted, with that word at its begin. At a terminal, and where both outputs
/// lead to one file or pipe, it stands below all that was printed before, unless nobody reads that. A reader of standard
/// output alone that has stopped holds up no word.
pub(crate) fn say_last(text: impl std::fmt::Display, is_interrupted: bool) {
    if terminal::stdout().columns().is_some() || system::is_one_file() {
        STDOUT.finish(LAST_WORDS);
    }
    match is_interrupted {
        true => push_labelled("interrupted", paint::WARNING, text.to_string()),
        false => say(text),
    }
}

/// Says on standard error what the user may want to change, though it does no harm yet.
pub(crate) fn warn(text: impl std::fmt::Display) {
    label("warning", paint::WARNING, &text);
}

/// Says on standard error what a user may like to know at this moment.
#[cfg(unix)]
pub(crate) fn note(text: impl std::fmt::Display) {
    label("note", paint::PLAIN, &text);
}

/// Says a text behind a label, as clap does.
fn label(label: &str, style: anstyle::Style, text: &dyn std::fmt::Display) {
    push_labelled(&format!("{label}:"), style, format!("{label}: {text}"));
}

/// Says a text that begins with a label.
fn push_labelled(label: &str, style: anstyle::Style, mut text: String) {
    let terminal = terminal::stderr();
    if let Some(columns) = terminal.columns() {
        text = wrap_words(&text, columns);
    }
    // It is the first word, and stays so.
    let rest = text.split_off(label.len());
    let text = paint::write(&[Span::new(text, style.bold()), Span::plain(rest)], terminal.has_colour);
    STDERR.push(terminal.margin().to_owned() + &text);
}

/// Has a text stand below all lines of the terminal that standard error leads to. It neither waits nor fails.
pub(crate) fn show_at_bottom(bottom: Bottom) {
    STDERR.show(bottom);
}

/// Has each write to a file that is as large as the system allows (`ulimit -f`) fail, as on a full disk.
pub(crate) fn outlive_size_limits() {
    system::outlive_size_limits();
}

/// Has the `log` crate's records written to standard error, as `RUST_LOG` selects them.
pub(crate) fn init_log() {
    struct Records;
    impl io::Write for Records {
        /// Takes one record.
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

/// Waits until all lines are written, as long as their reader takes some within the time that a polite close of a connection
/// has. Once the command is told to end, that time counts from there on, whatever the reader takes meanwhile. Returns
/// `false`, with a word on standard error, if lines were lost. A reader that has left wants no more of them: that is no loss.
/// If nothing could be written, the word goes on with what the command has left `undone` for that, if anything.
pub(crate) fn finish(undone: Option<&str>) -> bool {
    let is_right = match STDOUT.finish(patience()) {
        (0, None) | (_, Some(OutputEnd::Gone)) => true,
        (lost, None) => {
            say(format_args!("{}: nobody reads stdout in time; read it to its end", are_lost(lost)));
            false
        }
        (lost, Some(OutputEnd::Failed(error))) => {
            // The rest of the work would have had lines, too.
            let lost = if lost == 0 { String::new() } else { format!(", at least {}", are_lost(lost)) };
            let undone = undone.map(|what| format!("; the command ended there: {what}")).unwrap_or_default();
            say(format_args!("stdout cannot be written{lost}: {error}{undone}"));
            false
        }
    };
    STDERR.finish_by(Instant::now() + LAST_WORDS);
    is_right
}

/// Says that so many lines of output are lost.
fn are_lost(lines: u64) -> String {
    let (lines_are, one_is) = ("lines of output are lost", "line of output is lost");
    format!("{lines} {}", if lines == 1 { one_is } else { lines_are })
}

/// The time that the reader of standard output has at the end: as much as a polite close of a connection.
fn patience() -> Duration {
    Config::default().close_timeout
}

/// One of the two standard descriptors.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Descriptor {
    Out,
    Err,
}

/// A queue of lines, and the thread that writes them.
pub(crate) struct OutputQueue {
    descriptor: Descriptor,
    state: Mutex<OutputState>,
    /// There is a line to write, or something was written.
    changed: Condvar,
}

impl OutputQueue {
    const fn new(descriptor: Descriptor, policy: Policy) -> Self {
        Self { descriptor, state: Mutex::new(OutputState::new(policy)), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, OutputState> {
        // Each change of the state is complete before anything that may panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has lines counted from now on while the queue is full, as a subscription counts events.
    pub(crate) fn lag(&self) {
        self.lock().policy = Policy::Lag;
    }

    /// Has nobody wait for the reader any longer than for its last lines, since the command is told to end now.
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

    /// Returns whether the owner should wait before it prints more; `cx` of [`poll_end`](Self::poll_end) is woken when half
    /// of the queue has been written.
    pub(crate) fn is_full(&self) -> bool {
        self.lock().is_full
    }

    /// Returns whether nothing can be written any more. Has `cx` woken for this, and when there is room again.
    pub(crate) fn poll_end(&self, cx: &Context<'_>) -> bool {
        let mut state = self.lock();
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => state.waker = Some(cx.waker().clone()),
        }
        state.end.is_some()
    }

    /// Returns whether the reader has left.
    pub(crate) fn is_left(&self) -> bool {
        matches!(self.lock().end, Some(OutputEnd::Gone))
    }

    /// Returns the number of lines that were not queued since the last call, once there is room. The next line has to say
    /// it. `None`: none, or no room yet. At the `end` room does not matter.
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

    /// Returns whether half of the queue is free. If not, the loop is woken when it is.
    pub(crate) fn has_room(&self) -> bool {
        let mut state = self.lock();
        let has_room = state.is_half_empty();
        state.is_awaited = !has_room;
        has_room
    }

    /// Queues a line, or counts it.
    pub(crate) fn push(&'static self, line: String) {
        self.push_behind(None, line);
    }

    /// Queues a line, and another before it, or counts the one line. Returns whether it is queued.
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

    /// Queues a line, whatever the queue holds.
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

    /// Has a text stand at the bottom of the terminal that this leads to, below all lines, or none any more. A slow terminal
    /// shows the last of several texts only.
    fn show(&'static self, bottom: Bottom) {
        let mut state = self.lock();
        if state.end.is_none() {
            state.bottom = Some(bottom);
            self.wake_thread(state);
        }
    }

    /// Waits until nothing is left to write, or nothing has moved for `timeout`. A command that is told to end waits for
    /// [`patience`] from there on at most, and for [`LAST_WORDS`] in any case. Returns the number of lines that were lost.
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

    /// Waits until nothing is left to write, or for some time. Returns the number of lines that were lost.
    fn finish_by(&self, deadline: Instant) -> (u64, Option<OutputEnd>) {
        self.wait(self.lock(), |_| deadline)
    }

    /// Waits until nothing is left to write or the deadline has passed, which may change as something is written.
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

    /// Nothing can be written any more.
    fn end_by(&self, error: &io::Error) {
        let is_gone = matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset);
        self.end(if is_gone { OutputEnd::Gone } else { OutputEnd::Failed(error.to_string()) });
    }

    fn end(&self, end: OutputEnd) {
        let mut state = self.lock();
        // The first reason is the cause of others.
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

/// Wakes the loop, which may look at the state at once.
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
    fn one_lost_line_is_one_line() {
        let said = [1, 2].map(super::are_lost);
        assert_eq!(said, ["1 line of output is lost", "2 lines of output are lost"]);
    }
}
