//! [`Terminal`]: whether standard output or standard error is a terminal, how wide the terminal is, and whether it shows
//! colours.

use anstream::adapter::strip_str;
use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use std::io;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The width, in columns, that is assumed for a terminal whose width the system does not know.
const COLUMNS: usize = 80;

/// The text at the start of each row that continues a value of a field, or a record of the library's log. A row without the
/// mark begins with a field that this program has written. A row with the mark contains only the rest of a value or record,
/// which a peer may have chosen. So wherever a row ends, the text of a peer never looks like a field or a line of this
/// program.
pub(crate) const MARK: &str = "│ ";
/// The width of [`MARK`], in columns.
pub(crate) const MARK_COLUMNS: usize = 2;

/// The properties of the terminal, file or pipe that standard output or standard error is. Only the width of a terminal
/// changes while the command runs.
#[derive(Clone, Copy)]
pub(crate) struct Terminal {
    is_stdout: bool,
    is_terminal: bool,
    /// `true` if lines are printed with colours: at a terminal that shows colours, unless `NO_COLOR` is set and not empty;
    /// and anywhere if `CLICOLOR_FORCE` is set to a value other than 0.
    pub(crate) has_colour: bool,
}

pub(crate) fn stdout() -> Terminal {
    Terminal::of(true, &io::stdout())
}

pub(crate) fn stderr() -> Terminal {
    Terminal::of(false, &io::stderr())
}

/// Returns whether lines at a terminal have colours, if the variable `CLICOLOR_FORCE` does not force colours.
fn is_coloured_unforced() -> bool {
    let is = |name: &str, value: &str| std::env::var_os(name).is_some_and(|set| set == value);
    let is_refused = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
    !(is_refused || is("CLICOLOR", "0") || is_dumb())
}

/// Returns whether the terminal may not understand escape sequences. That is so if `TERM` is empty or `dumb`, and on Unix
/// also if `TERM` is not set.
pub(crate) fn is_dumb() -> bool {
    std::env::var_os("TERM").map_or(cfg!(unix), |term| term == "dumb" || term.is_empty())
}

/// Returns whether the crate `anstream` may wrongly choose colours. That is so if the variable `CLICOLOR_FORCE` is 0, or if
/// `CLICOLOR_FORCE` is not set and the variable `TERM` is empty.
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

    /// Returns the text to print in front of each line. At a terminal, this text makes the line overwrite typed keys that
    /// the terminal shows, such as `^C`.
    pub(crate) const fn margin(self) -> &'static str {
        match (self.is_terminal, self.has_colour) {
            (true, true) => "\r\x1b[K",
            // No escape sequence is printed, since a terminal without colours may not understand any.
            (true, false) => "\r",
            (false, _) => "",
        }
    }

    /// Returns the present width of the terminal, in columns, or `None` if the descriptor is not a terminal.
    pub(crate) fn columns(self) -> Option<usize> {
        if !self.is_terminal {
            return None;
        }
        let size = match self.is_stdout {
            true => terminal_size::terminal_size_of(io::stdout()),
            false => terminal_size::terminal_size_of(io::stderr()),
        };
        // If the system does not know the width, the variable `COLUMNS` is used, as it is for the help.
        let said = || std::env::var("COLUMNS").ok()?.parse().ok().filter(|columns| *columns > 0);
        Some(size.map(|(width, _)| width.0.into()).or_else(said).unwrap_or(COLUMNS))
    }
}

/// Returns a text whose lines are broken at blanks, so that each row is narrower than `columns`. Each row of a broken line
/// has the indent of that line. A word that is longer than a row is not broken, so that a user can copy the whole word.
/// Escape sequences for colours do not count as columns.
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

/// Returns a text that is broken into rows which have fewer columns than `columns`. Each row except the first begins with
/// the [`MARK`].
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

/// Returns the maximum number of columns that a character takes at any terminal. The number can differ: some terminals
/// combine certain characters with the previous character, and then these take no column.
pub(crate) fn columns_of(character: char) -> usize {
    match character {
        // Two of these characters together are a flag. Some terminals show the two characters separately, each in two
        // columns.
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
