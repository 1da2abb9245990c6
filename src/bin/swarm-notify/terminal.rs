//! [`Terminal`]: the properties of what standard output and standard error lead to, so that lines fit its width and have
//! colours where it shows them.

use anstream::adapter::strip_str;
use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use std::io;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The width that is assumed for a terminal that does not say, in columns.
const COLUMNS: usize = 80;

/// The begin of each row that continues a value, or a record of the library's log. A row without the mark begins with a field
/// of ours, and a row with the mark has nothing else of ours. So a peer's text never looks like a field or a line, wherever it
/// is broken.
pub(crate) const MARK: &str = "│ ";
/// The width of the mark, in columns.
pub(crate) const MARK_COLUMNS: usize = 2;

/// The properties of what a standard descriptor leads to. Only the width changes while the command runs.
#[derive(Clone, Copy)]
pub(crate) struct Terminal {
    is_stdout: bool,
    is_terminal: bool,
    /// `true` if lines have colours: at a terminal that shows colours, unless `NO_COLOR` is set, and anywhere if
    /// `CLICOLOR_FORCE` is set to something other than 0.
    pub(crate) has_colour: bool,
}

pub(crate) fn stdout() -> Terminal {
    Terminal::of(true, &io::stdout())
}

pub(crate) fn stderr() -> Terminal {
    Terminal::of(false, &io::stderr())
}

/// Returns whether a terminal has colours if nothing forces them.
fn is_coloured_unforced() -> bool {
    let is = |name: &str, value: &str| std::env::var_os(name).is_some_and(|set| set == value);
    let is_refused = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
    !(is_refused || is("CLICOLOR", "0") || is_dumb())
}

/// Returns whether a terminal may know no escape sequences: if `TERM` is empty or `dumb`, and on Unix also if it is not set.
pub(crate) fn is_dumb() -> bool {
    std::env::var_os("TERM").map_or(cfg!(unix), |term| term == "dumb" || term.is_empty())
}

/// Returns whether `anstream` misreads the environment: it takes a `CLICOLOR_FORCE` of 0 as forcing colours, and an empty
/// `TERM` as a terminal with colours.
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

    /// Returns the begin of each line. At a terminal, it overwrites keys that were typed and are shown, such as `^C`.
    pub(crate) const fn margin(self) -> &'static str {
        match (self.is_terminal, self.has_colour) {
            (true, true) => "\r\x1b[K",
            // A terminal without colours may know no escape sequences.
            (true, false) => "\r",
            (false, _) => "",
        }
    }

    /// Returns the present width of the terminal, in columns, or `None` if it is no terminal.
    pub(crate) fn columns(self) -> Option<usize> {
        if !self.is_terminal {
            return None;
        }
        let size = match self.is_stdout {
            true => terminal_size::terminal_size_of(io::stdout()),
            false => terminal_size::terminal_size_of(io::stderr()),
        };
        // `COLUMNS` counts if the terminal does not say its width, as for the help.
        let said = || std::env::var("COLUMNS").ok()?.parse().ok().filter(|columns| *columns > 0);
        Some(size.map(|(width, _)| width.0.into()).or_else(said).unwrap_or(COLUMNS))
    }
}

/// Returns a text whose lines are broken at blanks to fit `columns`. Each part of a line has the indent of the line. A word
/// that is longer stays whole, so that it can be copied. Colours take no columns.
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

/// Returns a text in rows that are shorter than `columns`, each but the first after the [`MARK`].
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

/// Returns the largest number of columns that any terminal takes for a character. Some terminals combine it with the character
/// before it, and take none.
pub(crate) fn columns_of(character: char) -> usize {
    match character {
        // Two of these characters are a flag. Some terminals show them one by one, each in two columns.
        '\u{1f1e6}'..='\u{1f1ff}' => 2,
        _ => character.width().unwrap_or_default().max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_record_fit_and_are_marked() {
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
