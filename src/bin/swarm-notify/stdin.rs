//! [`StdinLines`]: the lines of standard input, which a thread reads so that reading does not block the loop.

use async_channel::{Receiver, bounded};
use futures_lite::Stream as _;
use std::io::{self, ErrorKind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// The maximum number of lines that the thread has read and the loop has not taken yet. If the lines have 1 MiB each, they
/// need 16 MiB of memory.
const AHEAD: usize = 16;

/// The maximum number of bytes that one call of `read` returns.
const READ: usize = 16 * 1024;

/// The pause between two reads of a line that is already too long. Such a line is dropped, and may never end. With the
/// pause, at most 16 MB of the line are read in a second, which needs little processor time.
const PAUSE: Duration = Duration::from_millis(1);

/// The maximum time for which, after publishing has ended, the rest of the input is read in order to count its lines.
const REST: Duration = Duration::from_secs(1);

/// The time without new input after which the rest of the input is not read any more.
const SILENCE: Duration = Duration::from_millis(200);

/// One line of standard input without its newline, or the error that ends the input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum StdinLine {
    /// The bytes of the line, which need not be UTF-8.
    Whole(Vec<u8>),
    /// The text of the error with which reading standard input has failed. No line follows.
    Failed(String),
}

/// The lines of standard input, which a thread reads, since not every system can poll a terminal.
pub(crate) struct StdinLines {
    lines: Pin<Box<Receiver<StdinLine>>>,
    rest: Arc<SharedCount>,
}

/// The counts of lines that the thread has read after the loop has stopped taking them. The loop and the thread share these
/// counts.
#[derive(Default)]
struct SharedCount {
    rest: Mutex<UnreadInput>,
    changed: Condvar,
}

/// The counts of the lines of the input that are dropped after the loop has stopped taking lines.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct UnreadInput {
    /// The number of lines that were read and not published.
    pub(crate) lines: u64,
    /// The number of lines that were too long since [`StdinLines::take_too_long`] has last returned this number.
    too_long: u64,
    /// `true` once the input was read to its end, or reading it has failed.
    pub(crate) is_whole: bool,
}

impl SharedCount {
    fn change(&self, change: impl FnOnce(&mut UnreadInput)) {
        change(&mut self.rest.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Waits until the input has ended, nothing was read for the time [`SILENCE`], or the time [`REST`] has passed. Returns
    /// the counts at that time.
    fn wait(&self) -> UnreadInput {
        let began = Instant::now();
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut seen, mut since) = (*rest, began);
        while !rest.is_whole && began.elapsed() < REST {
            if seen != *rest {
                (seen, since) = (*rest, Instant::now());
            }
            let Some(left) = SILENCE.checked_sub(since.elapsed()) else { break };
            rest = self.changed.wait_timeout(rest, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        *rest
    }
}

impl StdinLines {
    /// Begins to read standard input. A line of more than `most` bytes is dropped, and the thread calls `too_long` as soon
    /// as the line exceeds that length. This may happen before the line has ended, and before the loop has taken the earlier
    /// lines.
    pub(crate) fn new(most: usize, too_long: impl Fn() + Send + 'static) -> Self {
        let (sender, lines) = bounded(AHEAD);
        let rest = Arc::<SharedCount>::default();
        let counted = rest.clone();
        std::thread::spawn(move || {
            let read = read_lines(system::read, most, |read| match read {
                ReadStep::Line(bytes) => {
                    if sender.send_blocking(StdinLine::Whole(bytes)).is_err() {
                        counted.change(|rest| rest.lines += 1);
                    }
                }
                ReadStep::TooLong => {
                    if !sender.is_closed() {
                        too_long();
                    }
                    counted.change(|rest| rest.too_long += 1);
                }
                ReadStep::More => std::thread::sleep(PAUSE),
            });
            if let Err(error) = read {
                // Sending fails only if the receiver was dropped.
                let _ = sender.send_blocking(StdinLine::Failed(error.to_string()));
            }
            counted.change(|rest| rest.is_whole = true);
        });
        Self { lines: Box::pin(lines), rest }
    }

    /// Returns the number of lines that were too long since the last call, and resets it to 0.
    pub(crate) fn take_too_long(&self) -> u64 {
        core::mem::take(&mut self.rest.rest.lock().unwrap_or_else(PoisonError::into_inner).too_long)
    }

    /// Stops taking lines, and counts the lines that are still read, until the input ends, nothing was read for the time
    /// [`SILENCE`], or the time [`REST`] has passed. If reading has failed, `failed` is called with the text of the error.
    pub(crate) fn give_up(self, failed: impl FnMut(String)) -> UnreadInput {
        let ahead = self.give_up_ahead(failed);
        let rest = self.rest.wait();
        UnreadInput { lines: ahead + rest.lines + rest.too_long, too_long: 0, ..rest }
    }

    /// Stops taking lines, and counts only the lines that were already read. If reading has failed, `failed` is called with
    /// the text of the error.
    pub(crate) fn give_up_at_once(self, failed: impl FnMut(String)) -> UnreadInput {
        let is_whole = self.rest.rest.lock().unwrap_or_else(PoisonError::into_inner).is_whole;
        UnreadInput { lines: self.give_up_ahead(failed), too_long: 0, is_whole }
    }

    /// Closes the channel in which the thread sends lines. Returns the number of lines that the thread had read and the loop
    /// had not taken.
    fn give_up_ahead(&self, mut failed: impl FnMut(String)) -> u64 {
        self.lines.close();
        let mut ahead = 0;
        // Lines that were sent before the channel was closed can still be received.
        while let Ok(line) = self.lines.try_recv() {
            match line {
                StdinLine::Failed(error) => failed(error),
                StdinLine::Whole(_) => ahead += 1,
            }
        }
        ahead
    }

    /// Returns the next line, or `None` once the input has ended.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<StdinLine>> {
        pin!(&mut self.lines).poll_next(cx)
    }
}

/// The line that is being read: its bytes so far, and whether it is too long.
#[derive(Default)]
struct Partial {
    /// The bytes of the line that were read so far. The vector is empty once the line is too long.
    bytes: Vec<u8>,
    is_too_long: bool,
}

/// A result of reading, which the thread handles before it reads on.
#[derive(PartialEq, Eq, Debug)]
enum ReadStep {
    /// A whole line was read.
    Line(Vec<u8>),
    /// The present line has become too long. Its bytes are dropped.
    TooLong,
    /// More bytes were read and dropped, of a line that was already too long.
    More,
}

impl Partial {
    /// Adds bytes to the line. Returns [`TooLong`](ReadStep::TooLong) if the line has become longer than `most` bytes,
    /// [`More`](ReadStep::More) if the line was too long before, and otherwise `None`.
    fn add(&mut self, bytes: &[u8], most: usize) -> Option<ReadStep> {
        let was_too_long = self.is_too_long;
        self.is_too_long |= self.bytes.len() + bytes.len() > most;
        if !self.is_too_long {
            self.bytes.extend_from_slice(bytes);
            return None;
        }
        self.bytes = Vec::new();
        Some(if was_too_long { ReadStep::More } else { ReadStep::TooLong })
    }

    /// Ends the line. Returns the line, or `None` if the line was too long. The next line begins empty.
    fn end(&mut self) -> Option<ReadStep> {
        let Self { bytes, is_too_long } = core::mem::take(self);
        (!is_too_long).then_some(ReadStep::Line(bytes))
    }
}

/// Reads until the end of the input or an error, and calls `tell` with each result. A line of more than `most` bytes is
/// dropped. The last line need not end with a newline.
fn read_lines(
    mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
    most: usize,
    mut tell: impl FnMut(ReadStep),
) -> io::Result<()> {
    let mut buffer = [0; READ];
    let mut line = Partial::default();
    loop {
        let n = match read(&mut buffer) {
            Ok(0) => {
                if !line.bytes.is_empty() {
                    line.end().map(&mut tell);
                }
                return Ok(());
            }
            Ok(n) => n,
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => continue,
            Err(error) => {
                if !line.bytes.is_empty() {
                    line.end().map(&mut tell);
                }
                return Err(error);
            }
        };
        let mut rest = &buffer[..n];
        while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
            line.add(&rest[..at], most).map(&mut tell);
            line.end().map(&mut tell);
            rest = &rest[at + 1..];
        }
        line.add(rest, most).map(&mut tell);
    }
}

#[cfg(unix)]
mod system {
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::process::getpgrp;
    use rustix::stdio::stdin;
    use rustix::termios::tcgetpgrp;
    use std::io;
    use std::time::Duration;

    /// The time between two checks whether the process is in the foreground again. The checks are repeated, since no system
    /// call waits until a process is in the foreground.
    const PATIENCE: Duration = Duration::from_millis(200);

    /// Waits until standard input has bytes to read or has ended, and reads into `buffer`. While the process is in the
    /// background of its terminal, this function also waits. The descriptor may be non-blocking.
    pub(super) fn read(buffer: &mut [u8]) -> io::Result<usize> {
        poll(&mut [PollFd::from_borrowed_fd(stdin(), PollFlags::IN)], None)?;
        // If the process is in the background, a read from the terminal would stop the process with the signal SIGTTIN, and
        // the typed input is for another process.
        while is_in_background() {
            std::thread::sleep(PATIENCE);
        }
        Ok(rustix::io::read(stdin(), buffer)?)
    }

    /// Returns whether the process is in the background of its terminal, where the system would stop the process at a read
    /// of standard input. Returns `false` if standard input is not the terminal that controls the process.
    fn is_in_background() -> bool {
        tcgetpgrp(stdin()).is_ok_and(|foreground| foreground != getpgrp())
    }
}

#[cfg(not(unix))]
mod system {
    use std::io::{self, Read as _};

    pub(super) fn read(buffer: &mut [u8]) -> io::Result<usize> {
        io::stdin().lock().read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_LINE: usize = 1 << 20;

    /// Reads `input`, of which each read returns `step` bytes. Between two such reads, one read fails because it would
    /// block. Returns all results of reading: the lines, and the reports of lines that are too long.
    fn lines(input: &[u8], step: usize) -> Vec<ReadStep> {
        let (mut rest, mut is_ready, mut lines) = (input, false, Vec::new());
        let read = |buffer: &mut [u8]| {
            is_ready = !is_ready;
            if !is_ready {
                return Err(ErrorKind::WouldBlock.into());
            }
            let n = step.min(rest.len()).min(buffer.len());
            let (now, later) = rest.split_at(n);
            buffer[..n].copy_from_slice(now);
            rest = later;
            Ok(n)
        };
        read_lines(read, MAX_LINE, |read| lines.push(read)).unwrap();
        lines.retain(|read| *read != ReadStep::More);
        lines
    }

    #[test]
    fn lines_are_the_same_however_they_come() {
        let whole = |bytes: &[u8]| ReadStep::Line(bytes.to_vec());
        for step in [1, 2, 3, READ] {
            assert_eq!(lines(b"", step), []);
            assert_eq!(lines(b"a\n\n\xff\0b\nrest", step), [&b"a"[..], b"", b"\xff\0b", b"rest"].map(whole));
        }
    }

    #[test]
    fn a_line_that_is_too_long_leaves_nothing_behind() {
        let mut input = vec![b'a'; MAX_LINE];
        input.extend_from_slice(b"\nb\n");
        assert_eq!(lines(&input, READ), [ReadStep::Line(vec![b'a'; MAX_LINE]), ReadStep::Line(b"b".into())]);
        input.insert(0, b'a');
        assert_eq!(lines(&input, READ), [ReadStep::TooLong, ReadStep::Line(b"b".into())]);
        assert_eq!(lines(&vec![0; 3 * MAX_LINE], READ), [ReadStep::TooLong]);
    }

    #[test]
    fn a_line_without_an_end_is_reported_at_its_limit() {
        let (mut reads, mut told) = (0, Vec::new());
        let read = |buffer: &mut [u8]| {
            reads += 1;
            match reads {
                0..=100 => Ok(buffer.len()),
                _ => Err(io::Error::other("enough")),
            }
        };
        read_lines(read, MAX_LINE, |read| told.push(read)).unwrap_err();
        // Each later read is reported separately, and the thread pauses after it.
        let more = 100 - MAX_LINE / READ - 1;
        assert_eq!((&told[0], told.len()), (&ReadStep::TooLong, 1 + more));
        assert!(told[1..].iter().all(|read| *read == ReadStep::More));
    }

    #[test]
    fn an_input_that_fails_gives_its_rest_and_its_error() {
        let (mut rest, mut lines) = (Some(b"rest"), Vec::new());
        let read = |buffer: &mut [u8]| match rest.take() {
            Some(bytes) => {
                buffer[..4].copy_from_slice(bytes);
                Ok(4)
            }
            None => Err(io::Error::other("gone")),
        };
        let failed = read_lines(read, MAX_LINE, |line| lines.push(line));
        assert_eq!((failed.unwrap_err().to_string().as_str(), lines), ("gone", vec![ReadStep::Line(b"rest".into())]));
    }
}
