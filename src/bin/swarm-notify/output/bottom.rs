//! The bottom of a terminal: a text that is shown below all lines, such as a progress bar. Lines are printed above the text,
//! and never into it.

use super::{Descriptor, system};
use crate::terminal;
use std::sync::{Mutex, MutexGuard, PoisonError};
use unicode_width::UnicodeWidthStr as _;

/// The text to show at the bottom of the terminal, or no text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Bottom {
    /// One line, which has fewer columns than the terminal.
    Text(String),
    Nothing,
}

/// The text that the terminal shows at present.
static SHOWN: Mutex<Bottom> = Mutex::new(Bottom::Nothing);

/// A guard that lets only one thread at a time write to the terminal of standard error.
pub(super) struct TerminalLock(MutexGuard<'static, Bottom>);

impl TerminalLock {
    /// Takes the lock of the terminal. While another thread writes to the terminal, this call waits, without a time limit. A
    /// thread that does not write to the terminal does not call this function.
    pub(super) fn lock() -> Self {
        Self(SHOWN.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Removes the text at the bottom from the terminal, so that lines can be written in its place.
    pub(super) fn clear(&mut self) {
        if let Bottom::Text(text) = &*self.0 {
            match is_ours() {
                true => write(&over(text, "", rows_below(text))),
                // If this process is in the background, the shell's prompt is at that place, and must not be overwritten.
                false => *self.0 = Bottom::Nothing,
            }
        }
    }

    /// Shows the text `other`. If `other` is `None`, the present text is shown again, after lines have been written in its
    /// place. If the process is in the background, no text is shown or overwritten.
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

/// Returns whether the process is in the foreground of the terminal. If the terminal does not control the process,
/// foreground and background do not exist, and the result is `true`.
#[cfg(unix)]
fn is_ours() -> bool {
    let foreground = rustix::termios::tcgetpgrp(rustix::stdio::stderr());
    foreground.map_or(true, |group| group == rustix::process::getpgrp())
}

#[cfg(not(unix))]
const fn is_ours() -> bool {
    true
}

/// Returns the number of rows below the first row over which the shown text extends. The text was shown in one row. If the
/// terminal was made narrower later, it may have broken the text into several rows. Only tmux is known to break text in this
/// way. Other terminals cut the row, so that the result is 0 there: clearing more rows would remove lines of the log.
fn rows_below(text: &str) -> usize {
    let is_broken = std::env::var_os("TMUX").is_some();
    let columns = terminal::stderr().columns().filter(|_| is_broken);
    columns.map_or(0, |columns| text.width().saturating_sub(1) / columns)
}

/// Returns the output that makes a terminal replace the text `last` with `text`, beginning at the left margin. `last`
/// extends over `rows_below` rows below its first row.
fn over(last: &str, text: &str, rows_below: usize) -> String {
    if cfg!(windows) {
        // Blanks overwrite the last text, since a console of Windows may not know escape sequences.
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
    // An error is ignored, since the write of the next line fails, too.
    let _ = system::write_all(Descriptor::Err, text.as_bytes(), |_, _| {});
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::num::NonZeroU16;

    /// The terminal of this test has broken the text into rows, as tmux does when its window is made narrower.
    #[test]
    fn a_broken_text_is_removed_and_the_log_is_not() {
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
