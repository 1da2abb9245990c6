//! The bottom of a terminal: a text that stands below all lines, such as a progress bar, and is torn by none of them.

use super::{Descriptor, writer};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What stands at the bottom of the terminal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Bottom {
    /// One line, shorter than the terminal is wide.
    Text(String),
    Nothing,
}

/// What is shown by now.
static SHOWN: Mutex<Bottom> = Mutex::new(Bottom::Nothing);

/// The right to write to the terminal, which one thread has at a time.
pub(super) struct Screen(MutexGuard<'static, Bottom>);

impl Screen {
    /// Waits for the other thread that writes, if it does, for as long as the terminal takes nothing.
    pub(super) fn lock() -> Self {
        Self(SHOWN.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes way for lines.
    pub(super) fn clear(&self) {
        if let Bottom::Text(text) = &*self.0 {
            write(&over(text, ""));
        }
    }

    /// Shows another text, or the same again, which lines may have taken the place of.
    pub(super) fn show(&mut self, other: Option<&Bottom>) {
        let now = other.unwrap_or(&self.0).clone();
        let last = core::mem::replace(&mut *self.0, now);
        let width = if let Bottom::Text(last) = &last { last.as_str() } else { "" };
        match &*self.0 {
            Bottom::Text(text) => write(&over(width, text)),
            Bottom::Nothing if last != Bottom::Nothing => write(&over(width, "")),
            Bottom::Nothing => {}
        }
    }
}

/// Returns what has a terminal show `text` from the left margin on, in the place of `last`.
fn over(last: &str, text: &str) -> String {
    if cfg!(windows) {
        // A console there may not know escape sequences.
        let blanks = last.chars().count().saturating_sub(text.chars().count());
        let back = if text.is_empty() { "\r" } else { "" };
        format!("\r{text}{:blanks$}{back}", "")
    } else {
        format!("\r{text}\x1b[K")
    }
}

fn write(text: &str) {
    // The next lines tell what is wrong with the terminal, if there are any.
    let _ = writer::write_all(Descriptor::Err, text.as_bytes(), |_, _| {});
}
