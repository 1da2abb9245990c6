//! The bottom of a terminal: a text that stands below all lines, such as a progress bar, and is torn by none of them.

use super::{Descriptor, system};
use crate::terminal;
use std::sync::{Mutex, MutexGuard, PoisonError};
use unicode_width::UnicodeWidthStr as _;

/// The text at the bottom of the terminal, or none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Bottom {
    /// One line, shorter than the terminal is wide.
    Text(String),
    Nothing,
}

/// The text that is shown by now.
static SHOWN: Mutex<Bottom> = Mutex::new(Bottom::Nothing);

/// The right to write to the terminal that standard error leads to, which one thread has at a time.
pub(super) struct TerminalLock(MutexGuard<'static, Bottom>);

impl TerminalLock {
    /// Waits for the other thread that writes, if it does, for as long as the terminal takes nothing. Lines for another terminal
    /// take no lock.
    pub(super) fn lock() -> Self {
        Self(SHOWN.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes way for lines.
    pub(super) fn clear(&mut self) {
        if let Bottom::Text(text) = &*self.0 {
            match is_ours() {
                true => write(&over(text, "", rows_below(text))),
                // A shell has its prompt there now.
                false => *self.0 = Bottom::Nothing,
            }
        }
    }

    /// Shows another text, or the same again, which lines may have taken the place of. In the background it shows none, and
    /// leaves alone what stands where the last one was.
    pub(super) fn show(&mut self, other: Option<&Bottom>) {
        let now = other.unwrap_or(&self.0).clone();
        let last = core::mem::replace(&mut *self.0, now);
        if last == Bottom::Nothing && *self.0 == Bottom::Nothing {
            return;
        }
        if !is_ours() {
            *self.0 = Bottom::Nothing;
            return;
        }
        let width = if let Bottom::Text(last) = &last { last.as_str() } else { "" };
        let text = if let Bottom::Text(text) = &*self.0 { text.as_str() } else { "" };
        write(&over(width, text, rows_below(width)));
    }
}

/// Returns whether the process is in the foreground of the terminal. One that it does not control has none.
#[cfg(unix)]
fn is_ours() -> bool {
    let foreground = rustix::termios::tcgetpgrp(rustix::stdio::stderr());
    foreground.map_or(true, |group| group == rustix::process::getpgrp())
}

#[cfg(not(unix))]
const fn is_ours() -> bool {
    true
}

/// Returns the number of rows that the text has taken below its first since it was shown: a terminal that was made narrower
/// may have broken it. That is sure of tmux only. One that cuts its rows would lose lines of the log.
fn rows_below(text: &str) -> usize {
    let is_broken = std::env::var_os("TMUX").is_some();
    let columns = terminal::stderr().columns().filter(|_| is_broken);
    columns.map_or(0, |columns| text.width().saturating_sub(1) / columns)
}

/// Returns what has a terminal show `text` from the left margin on, in the place of `last` and of the rows below its first.
fn over(last: &str, text: &str, rows_below: usize) -> String {
    if cfg!(windows) {
        // A console there may not know escape sequences.
        let blanks = last.chars().count().saturating_sub(text.chars().count());
        let back = if text.is_empty() { "\r" } else { "" };
        return format!("\r{text}{:blanks$}{back}", "");
    }
    match rows_below {
        0 => format!("\r{text}\x1b[K"),
        rows => format!("\r\x1b[{rows}A\x1b[J{text}"),
    }
}

fn write(text: &str) {
    // The next lines tell what is wrong with the terminal, if there are any.
    let _ = system::write_all(Descriptor::Err, text.as_bytes(), |_, _| {});
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::num::NonZeroU16;

    /// As tmux does, this terminal breaks what stood in one row as it is made narrower.
    #[test]
    fn a_text_that_was_broken_is_gone_and_the_log_is_not() {
        let size = |columns| (NonZeroU16::new(9).unwrap(), NonZeroU16::new(columns).unwrap());
        for (rows_below, broken) in [(0, "=====   30 %"), (1, "=====\r\n   30 %"), (2, "==\r\n===\r\n 30 %")] {
            let (rows, columns) = size(40);
            let mut terminal = vt100::Parser::new(rows, columns, 0);
            terminal.process(format!("a line of the log\r\n{broken}").as_bytes());
            terminal.process(over("=====   30 %", "=> 31 %", rows_below).as_bytes());
            assert_eq!(terminal.screen().contents(), "a line of the log\n=> 31 %");
            assert_eq!(terminal.screen().cursor_position(), (1, 7));
        }
    }
}
