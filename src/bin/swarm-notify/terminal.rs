//! [`Terminal`]: what standard output and standard error lead to, for lines that fit it and have its colours.

use anstream::adapter::strip_str;
use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use std::io;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The width of a terminal that has none: one in a program that does not say.
const COLUMNS: usize = 80;

/// The begin of each row that goes on in the middle of a value, or of a record of the library's log. A row without it begins
/// with something of ours, and a row with it has nothing else of ours: so nothing of a peer's looks like a field or a line,
/// wherever it is broken.
pub(crate) const MARK: &str = "│ ";
pub(crate) const MARK_COLUMNS: usize = 2;

/// The end of a standard descriptor. It does not change while the command runs, apart from the width.
#[derive(Clone, Copy)]
pub(crate) struct Terminal {
    is_stdout: bool,
    is_terminal: bool,
    /// Lines have colours: those of a terminal that has some, unless `NO_COLOR` is set, and all if `CLICOLOR_FORCE` is, to
    /// something else than 0.
    pub(crate) has_colour: bool,
}

pub(crate) fn stdout() -> Terminal {
    Terminal::of(true, &io::stdout())
}

pub(crate) fn stderr() -> Terminal {
    Terminal::of(false, &io::stderr())
}

/// Returns whether a terminal has colours where nothing forces them.
fn is_coloured_unforced() -> bool {
    let is = |name: &str, value: &str| std::env::var_os(name).is_some_and(|set| set == value);
    let is_refused = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
    !(is_refused || is("CLICOLOR", "0") || is_dumb())
}

/// Returns whether a terminal may know nothing but text. On Windows none says what it knows.
pub(crate) fn is_dumb() -> bool {
    std::env::var_os("TERM").map_or(cfg!(unix), |term| term == "dumb" || term.is_empty())
}

/// Returns whether `anstream` takes the environment for more than it says: a `CLICOLOR_FORCE` of 0 for a force, and an empty
/// `TERM` for a terminal with colours.
fn is_overrated() -> bool {
    let force = std::env::var_os("CLICOLOR_FORCE").filter(|force| !force.is_empty());
    match force {
        Some(force) => force == "0",
        None => std::env::var_os("TERM").is_some_and(|term| term.is_empty()),
    }
}

impl Terminal {
    fn of(is_stdout: bool, stream: &impl RawStream) -> Self {
        let is_terminal = stream.is_terminal();
        let has_colour = match is_overrated() {
            true => is_terminal && is_coloured_unforced(),
            false => AutoStream::choice(stream) != ColorChoice::Never,
        };
        Self { is_stdout, is_terminal, has_colour }
    }

    /// Returns what each line begins with: what the terminal shows of keys that were typed, such as `^C`, makes way for it.
    pub(crate) const fn margin(self) -> &'static str {
        match (self.is_terminal, self.has_colour) {
            (true, true) => "\r\x1b[K",
            // It may know no escape sequence.
            (true, false) => "\r",
            (false, _) => "",
        }
    }

    /// Returns the width that the terminal has now. `None`: it is no terminal.
    pub(crate) fn columns(self) -> Option<usize> {
        if !self.is_terminal {
            return None;
        }
        let size = match self.is_stdout {
            true => terminal_size::terminal_size_of(io::stdout()),
            false => terminal_size::terminal_size_of(io::stderr()),
        };
        // As clap does for the help.
        let said = || std::env::var("COLUMNS").ok()?.parse().ok().filter(|columns| *columns > 0);
        Some(size.map(|(width, _)| width.0.into()).or_else(said).unwrap_or(COLUMNS))
    }
}

/// Returns a text whose lines are broken at blanks to fit `columns`, each behind the indent that its line has. A word that
/// is longer stays whole, so that it can be copied. Colours take no columns.
pub(crate) fn wrap_words(text: &str, columns: usize) -> String {
    let mut wrapped = String::new();
    for (at, line) in text.split('\n').enumerate() {
        let words = line.trim_start_matches(' ');
        let indent = &line[..line.len() - words.len()];
        wrapped.extend([if at == 0 { "" } else { "\n" }, indent]);
        let mut column = indent.len();
        for (at, word) in words.split(' ').enumerate() {
            let width = strip_str(word).to_string().width();
            let is_beyond = column + 1 + width >= columns;
            match at {
                0 => {}
                _ if is_beyond && !word.is_empty() => {
                    wrapped.extend(["\n", indent]);
                    column = indent.len();
                }
                _ => {
                    wrapped.push(' ');
                    column += 1;
                }
            }
            wrapped.push_str(word);
            column += width;
        }
    }
    wrapped
}

/// Returns a text in rows that are shorter than `columns`, each but the first behind the [`MARK`].
pub(crate) fn wrap_marked(text: &str, columns: usize) -> String {
    let mut wrapped = String::new();
    let mut column = 0;
    for character in text.chars() {
        let width = columns_of(character);
        if character == '\n' || column + width >= columns.max(MARK_COLUMNS + 3) {
            wrapped.extend(["\n", MARK]);
            column = MARK_COLUMNS;
        }
        if character != '\n' {
            wrapped.push(character);
            column += width;
        }
    }
    wrapped
}

/// Returns the columns of a character: no fewer than any terminal takes for it. Some combine it with the one before, and
/// take none.
pub(crate) fn columns_of(character: char) -> usize {
    match character {
        // Two of these are a flag. Some terminals show them one by one, each in two columns.
        '\u{1f1e6}'..='\u{1f1ff}' => 2,
        _ => character.width().unwrap_or_default().max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_record_fit_and_say_which_go_on() {
        for columns in 0..=60 {
            let text = "[DEBUG] \"語語語 ".to_owned() + &"peer=FORGED ".repeat(20) + "\n12.5 e\u{301}nd";
            let wrapped = wrap_marked(&text, columns);
            let mut rows = wrapped.split('\n');
            let width = |row: &str| row.chars().map(columns_of).sum::<usize>();
            assert!(wrapped.split('\n').all(|row| width(row) < columns.max(MARK_COLUMNS + 3)), "{wrapped}");
            let first = rows.next().unwrap().to_owned();
            let rest: String = rows.map(|row| row.strip_prefix(MARK).unwrap()).collect();
            assert_eq!(first + &rest, text.replace('\n', ""));
        }
        assert_eq!(wrap_marked("a row that fits", 16), "a row that fits");
    }
}
