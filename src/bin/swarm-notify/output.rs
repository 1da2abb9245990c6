//! [`OutputQueue`]: a queue of lines that a thread writes, so that a reader that is slow or has stopped delays nothing
//! else.
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

/// The number of lines from which on a queue is full.
pub(crate) const MAX_LINES: usize = 4_096;
/// The number of bytes from which on a queue is full.
pub(crate) const MAX_BYTES: usize = 4 << 20;

/// The maximum number of bytes of several lines in one write. A pipe takes up to this many bytes whole or not at all
/// (`PIPE_BUF` on Linux), so that the number of lines which were not written is exact.
const BATCH: usize = 4_096;
/// The stack of a thread that only writes, in bytes.
const STACK: usize = 128 * 1024;
/// The time that standard error has at the end, and standard output for lines that are printed last.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The queue of standard output, which has the log of events.
pub(crate) static STDOUT: OutputQueue = OutputQueue::new(Descriptor::Out, Policy::Wait);
/// The queue of standard error, which has errors and the records of `RUST_LOG`. A reader that does not keep up misses some.
static STDERR: OutputQueue = OutputQueue::new(Descriptor::Err, Policy::Drop);

/// Prints an error on standard error. It neither waits nor fails.
pub(crate) fn say(text: impl std::fmt::Display) {
    label("error", paint::BAD, &text);
}

/// Prints the reason why the command ends on standard error, after the label `error:` or `interrupted`. At a terminal, and if
/// both outputs lead to one file or pipe, it stands below all that was printed before, unless nobody reads that. A reader of
/// standard output alone that has stopped does not delay it.
pub(crate) fn say_last(text: impl std::fmt::Display, is_interrupted: bool) {
    if terminal::stdout().columns().is_some() || system::is_one_file() {
        STDOUT.finish(LAST_WORDS);
    }
    match is_interrupted {
        true => push_labelled("interrupted", paint::WARNING, text.to_string()),
        false => say(text),
    }
}

/// Prints a warning on standard error: of something that the user may want to change, though it does no harm yet.
pub(crate) fn warn(text: impl std::fmt::Display) {
    label("warning", paint::WARNING, &text);
}

/// Prints a note on standard error: something that the user may like to know at this moment.
#[cfg(unix)]
pub(crate) fn note(text: impl std::fmt::Display) {
    label("note", paint::PLAIN, &text);
}

/// Prints a text after a label, as clap does.
fn label(label: &str, style: anstyle::Style, text: &dyn std::fmt::Display) {
    push_labelled(&format!("{label}:"), style, format!("{label}: {text}"));
}

/// Prints a text that begins with a label.
fn push_labelled(label: &str, style: anstyle::Style, mut text: String) {
    let terminal = terminal::stderr();
    if let Some(columns) = terminal.columns() {
        text = wrap_words(&text, columns);
    }
    // Wrapping leaves the label at the begin of the text.
    let rest = text.split_off(label.len());
    let text = paint::write(&[Span::new(text, style.bold()), Span::plain(rest)], terminal.has_colour);
    STDERR.push(terminal.margin().to_owned() + &text);
}

/// Shows a text below all lines of the terminal that standard error leads to. It neither waits nor fails.
pub(crate) fn show_at_bottom(bottom: Bottom) {
    STDERR.show(bottom);
}

/// Makes a write to a file that is as large as the system allows (`ulimit -f`) fail, as on a full disk. Without this, the
/// system's signal would kill the process.
pub(crate) fn outlive_size_limits() {
    system::outlive_size_limits();
}

/// Writes the `log` crate's records to standard error, as `RUST_LOG` selects them.
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

/// Waits until all lines are written, as long as their reader takes some within [`patience`]. Once the command was told to
/// end, that time counts from there on, even if the reader takes lines meanwhile. Returns `false`, with an error on standard
/// error, if lines were lost. If the reader has left, the rest of the lines is not lost, since nobody wants them. If standard
/// output could not be written, the error also says what the command has left `undone` because of that, if anything.
pub(crate) fn finish(undone: Option<&str>) -> bool {
    let is_right = match STDOUT.finish(patience()) {
        (0, None) | (_, Some(OutputEnd::Gone)) => true,
        (lost, None) => {
            say(format_args!("{}: nobody reads stdout in time; read it to its end", are_lost(lost)));
            false
        }
        (lost, Some(OutputEnd::Failed(error))) => {
            // "At least", since the work that was not done would have printed lines, too.
            let lost = if lost == 0 { String::new() } else { format!(", at least {}", are_lost(lost)) };
            let undone = undone.map(|what| format!("; the command ended there: {what}")).unwrap_or_default();
            say(format_args!("stdout cannot be written{lost}: {error}{undone}"));
            false
        }
    };
    STDERR.finish_by(Instant::now() + LAST_WORDS);
    is_right
}

/// Returns the words for a number of lost lines.
fn are_lost(lines: u64) -> String {
    let (lines_are, one_is) = ("lines of output are lost", "line of output is lost");
    format!("{lines} {}", if lines == 1 { one_is } else { lines_are })
}

/// Returns the time that the reader of standard output has at the end: as much as a polite close of a connection.
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
    /// A condition that is notified when there is something to write, and when something was written.
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

    /// Has the queue, from now on, count lines instead of taking them while it is full, as a subscription counts events.
    pub(crate) fn lag(&self) {
        self.lock().policy = Policy::Lag;
    }

    /// Stops waiting for the reader, except for the last lines, since the command is told to end now.
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

    /// Returns whether the owner should wait before it prints more. The waker of [`poll_end`](Self::poll_end) is woken when
    /// half of the queue has been written.
    pub(crate) fn is_full(&self) -> bool {
        self.lock().is_full
    }

    /// Returns whether nothing can be written any more. Has `cx` woken when that changes, and when there is room again.
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

    /// Takes the number of lines that were not queued since the last call, once there is room. The caller has to print that
    /// number in the next line. Returns `None` if there were none, or if there is no room yet. At the `end`, room does not
    /// matter.
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

    /// Returns whether half of the queue is free. If it is not, the loop is woken when it is.
    pub(crate) fn has_room(&self) -> bool {
        let mut state = self.lock();
        let has_room = state.is_half_empty();
        state.is_awaited = !has_room;
        has_room
    }

    /// Queues a line. If the queue does not take it, the line is counted.
    pub(crate) fn push(&'static self, line: String) {
        self.push_behind(None, line);
    }

    /// Queues a line, with another one before it. If the queue does not take them, it counts one line. Returns whether they
    /// were queued.
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

    /// Queues a line even if the queue is full.
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

    /// Shows a text at the bottom of the terminal that this leads to, below all lines, or removes it. A slow terminal shows
    /// only the last of several texts.
    fn show(&'static self, bottom: Bottom) {
        let mut state = self.lock();
        if state.end.is_none() {
            state.bottom = Some(bottom);
            self.wake_thread(state);
        }
    }

    /// Waits until nothing is left to write, or until nothing was written for `timeout`. A command that was told to end waits
    /// until [`patience`] has passed since then, but at least for [`LAST_WORDS`]. Returns the number of lines that were lost,
    /// and the reason if nothing can be written any more.
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

    /// Waits until nothing is left to write or the deadline has passed. Returns the same as [`finish`](Self::finish).
    fn finish_by(&self, deadline: Instant) -> (u64, Option<OutputEnd>) {
        self.wait(self.lock(), |_| deadline)
    }

    /// Waits until nothing is left to write or the deadline has passed. `deadline` is asked again each time that something was
    /// written.
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

    /// Ends the output after an error of a write.
    fn end_by(&self, error: &io::Error) {
        let is_gone = matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset);
        self.end(if is_gone { OutputEnd::Gone } else { OutputEnd::Failed(error.to_string()) });
    }

    fn end(&self, end: OutputEnd) {
        let mut state = self.lock();
        // Only the first reason counts: it is the cause of those that follow.
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

/// Wakes the loop, after it has released the lock: the loop may look at the state at once.
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
