//! [`Lines`]: standard input, a line at a time, without holding up the loop.

use async_channel::{Receiver, bounded};
use futures_lite::Stream as _;
use std::io::{self, ErrorKind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// The bytes of the longest line, as long as a message may be.
const MAX_LINE: usize = 1 << 20;

/// The number of lines that are read ahead. With [`MAX_LINE`] that bounds their memory by 16 MiB.
const AHEAD: usize = 16;

/// The bytes that one read asks for.
const READ: usize = 16 * 1024;

/// The time that the rest of the input has to come to its end once nobody publishes it any more.
const REST: Duration = Duration::from_secs(1);

/// The rest is left as soon as nothing more has come of it for so long.
const SILENCE: Duration = Duration::from_millis(200);

/// One line of standard input, without its newline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Line {
    /// Its bytes, of any value.
    Whole(Vec<u8>),
    /// It had so many bytes, which are more than [`MAX_LINE`], and none of them is kept.
    TooLong(u64),
    /// Standard input failed with this error, and has ended.
    Failed(String),
}

/// Lines of standard input, which a thread of their own waits for: a terminal cannot be polled everywhere.
pub(crate) struct Lines {
    lines: Pin<Box<Receiver<Line>>>,
    rest: Arc<Shared>,
}

/// The count of what the thread reads and nobody takes any more.
#[derive(Default)]
struct Shared {
    rest: Mutex<Rest>,
    changed: Condvar,
}

/// The rest of the input, which is counted and not kept.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Rest {
    /// The lines of it that were read.
    pub(crate) lines: u64,
    /// The input was read to its end, or to an error.
    pub(crate) is_whole: bool,
}

impl Shared {
    fn change(&self, change: impl FnOnce(&mut Rest)) {
        change(&mut self.rest.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Waits until the input has ended, is silent, or has taken too long.
    fn wait(&self) -> Rest {
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

impl Lines {
    pub(crate) fn new() -> Self {
        let (sender, lines) = bounded(AHEAD);
        let rest = Arc::<Shared>::default();
        let counted = rest.clone();
        std::thread::spawn(move || {
            let read = read_lines(system::read, |line| {
                if sender.send_blocking(line).is_err() {
                    counted.change(|rest| rest.lines += 1);
                }
                true
            });
            if let Err(error) = read {
                // Nobody is there to hear it if it is not sent.
                let _ = sender.send_blocking(Line::Failed(error.to_string()));
            }
            counted.change(|rest| rest.is_whole = true);
        });
        Self { lines: Box::pin(lines), rest }
    }

    /// Gives up the rest of the input, and counts its lines: to its end, or for about a second, or until nothing more comes.
    /// An error of the input, which is no line, goes to `failed`.
    pub(crate) fn give_up(self, mut failed: impl FnMut(String)) -> Rest {
        self.lines.close();
        let mut ahead = 0;
        // What is there already can be taken after the close.
        while let Ok(line) = self.lines.try_recv() {
            match line {
                Line::Failed(error) => failed(error),
                Line::Whole(_) | Line::TooLong(_) => ahead += 1,
            }
        }
        let rest = self.rest.wait();
        Rest { lines: ahead + rest.lines, ..rest }
    }

    /// The next line; `None` at the end of input, from then on.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Line>> {
        pin!(&mut self.lines).poll_next(cx)
    }
}

/// A line that is being read.
#[derive(Default)]
struct Partial {
    /// The bytes so far, unless it is too long.
    bytes: Vec<u8>,
    len: u64,
}

impl Partial {
    fn add(&mut self, bytes: &[u8]) {
        self.len += bytes.len() as u64;
        match self.len <= MAX_LINE as u64 {
            true => self.bytes.extend_from_slice(bytes),
            false => self.bytes = Vec::new(),
        }
    }

    fn end(&mut self) -> Line {
        let Self { bytes, len } = core::mem::take(self);
        if len <= MAX_LINE as u64 { Line::Whole(bytes) } else { Line::TooLong(len) }
    }
}

/// Reads to the end of input, or until `took` says that nobody takes more. Bytes without a newline at the end are a line.
fn read_lines(
    mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
    mut took: impl FnMut(Line) -> bool,
) -> io::Result<()> {
    let mut buffer = [0; READ];
    let mut line = Partial::default();
    loop {
        let n = match read(&mut buffer) {
            Ok(0) => {
                if line.len > 0 {
                    took(line.end());
                }
                return Ok(());
            }
            Ok(n) => n,
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => continue,
            Err(error) => {
                if line.len > 0 {
                    took(line.end());
                }
                return Err(error);
            }
        };
        let mut rest = &buffer[..n];
        while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
            line.add(&rest[..at]);
            if !took(line.end()) {
                return Ok(());
            }
            rest = &rest[at + 1..];
        }
        line.add(rest);
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

    /// The time between two looks whether a terminal is ours again. No system call waits for that.
    const PATIENCE: Duration = Duration::from_millis(200);

    /// Waits until there is something to read, or the end. The descriptor may be non-blocking.
    pub(super) fn read(buffer: &mut [u8]) -> io::Result<usize> {
        poll(&mut [PollFd::from_borrowed_fd(stdin(), PollFlags::IN)], None)?;
        // A read from a terminal in the background stops the process by SIGTTIN, so the input is left to whom it is for.
        while is_in_background() {
            std::thread::sleep(PATIENCE);
        }
        Ok(rustix::io::read(stdin(), buffer)?)
    }

    /// Input that is no terminal, or not the one that controls this process, stops nobody.
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

    /// The lines of an input that comes `step` bytes at a time, and that has nothing yet before each of them.
    fn lines(input: &[u8], step: usize) -> Vec<Line> {
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
        let read = read_lines(read, |line| {
            lines.push(line);
            true
        });
        read.unwrap();
        lines
    }

    #[test]
    fn lines_are_the_same_however_they_come() {
        let whole = |bytes: &[u8]| Line::Whole(bytes.to_vec());
        for step in [1, 2, 3, READ] {
            assert_eq!(lines(b"", step), []);
            assert_eq!(lines(b"a\n\n\xff\0b\nrest", step), [&b"a"[..], b"", b"\xff\0b", b"rest"].map(whole));
        }
    }

    #[test]
    fn a_line_that_is_too_long_leaves_nothing_behind() {
        let mut input = vec![b'a'; MAX_LINE];
        input.extend_from_slice(b"\nb\n");
        assert_eq!(lines(&input, READ), [Line::Whole(vec![b'a'; MAX_LINE]), Line::Whole(b"b".into())]);
        input.insert(0, b'a');
        assert_eq!(lines(&input, READ), [Line::TooLong(MAX_LINE as u64 + 1), Line::Whole(b"b".into())]);
        assert_eq!(lines(&vec![0; 3 * MAX_LINE], READ), [Line::TooLong(3 * MAX_LINE as u64)]);
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
        let failed = read_lines(read, |line| {
            lines.push(line);
            true
        });
        assert_eq!((failed.unwrap_err().to_string().as_str(), lines), ("gone", vec![Line::Whole(b"rest".into())]));
    }
}
