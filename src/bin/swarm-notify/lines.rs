//! [`Lines`]: standard input, a line at a time, without holding up the loop.

use async_channel::{Receiver, bounded};
use futures_lite::Stream as _;
use std::io::{BufRead as _, Read as _};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

/// The longest line, as long as a message may be; what is longer is cut there.
const MAX_LINE: u64 = 1 << 20;

/// How many lines are read ahead.
const AHEAD: usize = 16;

/// Lines of standard input, which a thread of their own waits for: a terminal cannot be polled everywhere.
pub(crate) struct Lines {
    lines: Pin<Box<Receiver<Vec<u8>>>>,
}

impl Lines {
    pub(crate) fn new() -> Self {
        let (sender, lines) = bounded(AHEAD);
        std::thread::spawn(move || {
            let mut input = std::io::stdin().lock();
            loop {
                let mut line = Vec::new();
                match input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {}
                }
                if line.last() == Some(&b'\n') {
                    line.pop();
                }
                if sender.send_blocking(line).is_err() {
                    return;
                }
            }
        });
        Self { lines: Box::pin(lines) }
    }

    /// The next line; `None` at the end of input, from then on.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        pin!(&mut self.lines).poll_next(cx)
    }
}
