//! [`Screen`]: the form of a line of the log at a terminal. The line is arranged in columns that stay aligned at any width
//! of the terminal.

use super::line::{LogLine, is_word, of_line, word};
use crate::paint::{self, Span};
use crate::terminal::{MARK, MARK_COLUMNS, columns_of};
use anstyle::Style;
use serde_json::Value;

/// The width of the field for the time since the start, in columns. Long times are printed with fewer digits after the
/// point.
const TIME: usize = 8;
/// The width of an event's name, in columns. The longest name is `identify_push_failed`.
const EVENT: usize = 20;
/// The minimum width of the column for ids. This width is enough for the ids of 99 999 streams of which only one is open at
/// a time.
pub(crate) const ID: usize = 8;
/// The minimum width, in characters, of the last column, in which all fields after the id are printed. A row that continues
/// a value contains the mark and a piece of the value. The longest piece that is never broken is
/// `/tcp/65535/p2p/12D3KooW…6wQGfa",`, which fits into this width together with the mark. If the terminal is too narrow for
/// this width, the fields are printed in rows below the first row.
const LEAST_ROOM: usize = 34;
/// The minimum width, in characters, of fields that are printed in rows below the first row.
const LEAST_ROOM_BELOW: usize = 20;
/// The indent, in characters, of fields that are printed in rows below the first row.
const INDENT: usize = 4;
/// The minimum width of the terminal, in characters, at which two blanks separate the columns.
const WIDE: usize = 100;
/// The maximum number of rows that one field takes, unless `--long` is given. The number is limited because a peer can
/// choose long values.
const MAX_ROWS: usize = 6;

/// The number of characters at the start of a peer id that are printed if the id is shortened in its middle. All ids of
/// Ed25519 keys begin with the same characters.
const PEER_HEAD: usize = 8;
/// The number of characters at the end of a peer id that are printed if the id is shortened in its middle.
const PEER_TAIL: usize = 6;

/// The properties of a terminal on which the form of a line depends.
#[derive(Clone, Copy)]
pub(crate) struct Screen {
    /// The width of the terminal, in characters. Nothing is printed at the last position of a row, since some terminals then
    /// begin a new row.
    pub(crate) columns: usize,
    /// The width of the column for ids, in characters.
    pub(crate) id: usize,
    /// `true` if values are not shortened and no field is left out (`--long`).
    pub(crate) is_long: bool,
}

/// A character that is printed at a terminal, and its style.
type Cell = (char, Style);

impl Screen {
    /// Returns the rows in which a line is printed. The first row contains the time, the side, the name of the event, the
    /// id, and as many of the other fields as fit into the last column. The remaining fields are in further rows, also in
    /// the last column.
    pub(crate) fn rows(self, line: &LogLine) -> Vec<Vec<Span>> {
        let gap = if self.columns < WIDE { 1 } else { 2 };
        let mut first = Vec::new();
        for (key, value) in line.fields() {
            match (*key, value) {
                ("t", value) => first.push((time(value.as_f64().unwrap_or_default()), paint::FAINT, TIME)),
                ("side", Value::String(side)) => first.push((side.clone(), paint::of_side(side), 1)),
                ("event", Value::String(name)) => first.push((name.clone(), of_line(line), EVENT)),
                _ => {}
            }
        }
        let about = about(line);
        first.push((about.and_then(|key| line.text(key)).unwrap_or_default().to_owned(), paint::ID, self.id));
        let margin: usize = first.iter().map(|(_, _, columns)| columns + gap).sum();
        let room = self.columns.saturating_sub(margin + 1);
        let is_beside = room >= LEAST_ROOM;
        let (margin, room) = match is_beside {
            true => (margin, room),
            false => (INDENT, self.columns.saturating_sub(INDENT + 1).max(LEAST_ROOM_BELOW)),
        };
        let mut row = Vec::new();
        for (text, style, columns) in first {
            let padding = if is_beside { columns.saturating_sub(text.chars().count()) + gap } else { 1 };
            row.extend([Span::new(text, style), Span::plain(" ".repeat(padding))]);
        }
        let mut rest =
            wrap(self.fields(line, about), room, if self.is_long { usize::MAX } else { MAX_ROWS }).into_iter();
        if is_beside {
            row.extend(spans(&rest.next().unwrap_or_default()));
        }
        let mut rows = vec![row];
        rows.extend(rest.map(|cells| {
            let mut row = vec![Span::plain(" ".repeat(margin))];
            row.extend(spans(&cells));
            row
        }));
        rows.into_iter().map(trimmed).collect()
    }

    /// Returns the fields that are printed in the last column. `about` is the name of the field whose value is printed in
    /// the column for ids.
    fn fields(self, line: &LogLine, about: Option<&str>) -> Vec<Vec<Cell>> {
        let event = line.text("event").unwrap_or_default();
        let mut fields = Vec::new();
        for (key, value) in line.fields() {
            match (*key, value) {
                // Only the line `start` shows the time of day. Other lines show the time since the start.
                ("time", Value::String(time)) if event == "start" => {
                    let to_the_second = time.split('.').next().unwrap_or_default();
                    fields.push(self.field(key, &format!("{to_the_second}Z").into()));
                }
                ("t" | "time" | "side" | "event", _) => {}
                (key, _) if Some(key) == about => {}
                // The number of a message is left out. The peer from which the message arrived is left out if it is the
                // author of the message.
                ("seqno", _) if !self.is_long => {}
                ("via", via) if !self.is_long && via.as_str() == line.text("from") => {}
                // The format is left out, since it is for programs, and the command, since the user has typed it. The list
                // of all addresses is left out if the line has the changes of the addresses.
                ("format" | "command", _) if !self.is_long => {}
                ("addresses", _) if event == "addresses_changed" && !self.is_long => {}
                ("seconds", Value::Number(seconds)) if event == "ping" => {
                    let milliseconds = seconds.as_f64().unwrap_or_default() * 1e3;
                    fields.push(cells(&[Span::plain(format!("{milliseconds:.3} ms"))]));
                }
                ("addresses" | "added" | "removed", Value::Array(addresses)) if about == Some("listener") => {
                    // Our own peer id is left out, since the line `start` contains it, unless the address may contain
                    // another peer id.
                    let may_be_others = matches!(line.text("reason"), None | Some("wrong_peer" | "unsupported"));
                    let is_whole = self.is_long || (event == "listen_failed" && may_be_others);
                    let of = |address: &str| match address.rsplit_once("/p2p/").filter(|_| !is_whole) {
                        Some((address, _)) => address.to_owned(),
                        None => address.to_owned(),
                    };
                    let addresses = addresses.iter().filter_map(Value::as_str);
                    fields.extend(addresses.map(|address| self.field(key, &of(address).into())));
                }
                ("remote", Value::String(remote)) => {
                    // The peer id is left out of the address, since it is printed as another field.
                    let peer = line.text("peer").map(|peer| format!("/p2p/{peer}")).unwrap_or_default();
                    let remote = remote.strip_suffix(&*peer).filter(|rest| !rest.is_empty()).unwrap_or(remote);
                    fields.push(self.field(key, &remote.into()));
                }
                // The peer has shut down, or has closed the connection. This reason reads like an error, although it is
                // none.
                ("reason", value) if !self.is_long && value == "remote(go_away(0))" => {
                    fields.push(cells(&[Span::new("peer said goodbye", paint::of_value(key))]));
                }
                (key, value) => fields.push(self.field(key, value)),
            }
        }
        fields
    }

    /// Returns the text of a field. The name of the field is left out if the value is clear without the name and no peer can
    /// forge the value.
    fn field(self, key: &str, value: &Value) -> Vec<Cell> {
        let is_plain = match key {
            "connection" | "direction" | "protocol" | "reason" | "remote" => true,
            "addresses" => value.is_string(),
            _ => false,
        };
        let name = Span::new(if is_plain { String::new() } else { format!("{key}=") }, paint::FAINT);
        let text = match value.as_str().filter(|text| is_word(text)) {
            _ if self.is_long => word(value),
            Some(text) => with_short_peers(key, text),
            None => word(&short(key, value)),
        };
        cells(&[name, Span::new(text, paint::of_value(key))])
    }
}

/// Returns the name of the field with the id of the stream, listener or connection that a line is about.
fn about(line: &LogLine) -> Option<&'static str> {
    ["stream", "listener", "connection"].into_iter().find(|key| line.text(key).is_some())
}

/// Returns a number of seconds as a text of [`TIME`] characters. This length is enough for three years.
fn time(seconds: f64) -> String {
    let digits = (0..=3).rev().find(|digits| format!("{seconds:.digits$}").len() <= TIME).unwrap_or_default();
    format!("{seconds:>TIME$.digits$}")
}

/// Returns `value`, which is the value of the field `key`, with its peer ids shortened.
fn short(key: &str, value: &Value) -> Value {
    match value {
        Value::String(text) => with_short_peers(key, text).into(),
        Value::Array(values) => values.iter().map(|value| short(key, value)).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(key, value)| (key.clone(), short(key, value))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// Returns `text`, which is a value of the field `key`. If fields of that name contain peer ids, they are shortened.
fn with_short_peers(key: &str, text: &str) -> String {
    match key {
        "peer" | "from" | "via" => short_peer(text),
        "remote" | "addresses" | "added" | "removed" | "observed" => {
            let mut parts = text.split("/p2p/");
            let mut short = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                let (peer, rest) = part.split_at(part.find('/').unwrap_or(part.len()));
                short.extend(["/p2p/", &short_peer(peer), rest]);
            }
            short
        }
        _ => text.to_owned(),
    }
}

fn short_peer(peer: &str) -> String {
    let is_long = peer.len() > PEER_HEAD + PEER_TAIL + 1;
    match is_long && peer.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        true => format!("{}…{}", &peer[..PEER_HEAD], &peer[peer.len() - PEER_TAIL..]),
        false => peer.to_owned(),
    }
}

/// Arranges fields in rows of at most `room` characters, with a blank between two fields. A field that is longer than a row
/// is broken into at most `most_rows` rows, which contain no other field.
fn wrap(fields: Vec<Vec<Cell>>, room: usize, most_rows: usize) -> Vec<Vec<Cell>> {
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    // `true` if the last row belongs to a value that was broken. No other field may follow in such a row.
    let mut is_marked = false;
    for field in fields {
        match rows.last_mut().filter(|_| !is_marked) {
            Some(row) if width(row) + 1 + width(&field) <= room => {
                row.push((' ', paint::PLAIN));
                row.extend(field);
            }
            _ => {
                let broken = broken(&field, room, most_rows);
                is_marked = broken.len() > 1;
                rows.extend(broken);
            }
        }
    }
    rows
}

/// Breaks a field into rows of at most `room` columns. Each row except the first begins with the [`MARK`]. If the field
/// needs more than `most_rows` rows, its end is replaced by `…` and by the quotes and brackets that close the value.
fn broken(field: &[Cell], room: usize, most_rows: usize) -> Vec<Vec<Cell>> {
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    let mut begin = 0;
    while begin < field.len() && rows.len() < most_rows {
        let (mark, room) = match rows.len() {
            0 => (Vec::new(), room),
            _ => (cells(&[Span::new(MARK, paint::FAINT)]), room - MARK_COLUMNS),
        };
        let end = begin + end_of_row(&field[begin..], room);
        let is_cut = end < field.len() && rows.len() + 1 == most_rows;
        let row = match is_cut {
            true => cut(&field[..begin], &field[begin..end], room),
            false => field[begin..end].to_vec(),
        };
        rows.push([mark, row].concat());
        begin = end;
    }
    rows
}

/// Returns the start of `row`, followed by `…` and by the quotes and brackets that close the value, of which earlier rows
/// contain the part `before`. The result has at most `room` columns.
fn cut(before: &[Cell], row: &[Cell], room: usize) -> Vec<Cell> {
    let ends: Vec<usize> = units(row).scan(0, |end, unit| Some(core::mem::replace(end, *end + unit))).collect();
    let shorter = ends.iter().rev().map(|end| {
        let mut shorter = row[..*end].to_vec();
        let closing = closing(before.iter().chain(&shorter).map(|(character, _)| *character));
        shorter.push(('…', paint::FAINT));
        shorter.extend(closing.into_iter().map(|one| (one, paint::PLAIN)));
        shorter
    });
    let mut shorter = shorter.chain([vec![('…', paint::FAINT)]]);
    shorter.find(|row| width(row) <= room).unwrap_or_default()
}

/// Returns the quotes and brackets that have to follow `text`, which is the start of a JSON value, to close all quotes and
/// brackets that are open at its end.
fn closing(text: impl Iterator<Item = char>) -> Vec<char> {
    let mut open = Vec::new();
    let mut is_escaped = false;
    for character in text {
        let is_in_string = open.last() == Some(&'"');
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_in_string => is_escaped = true,
            '"' if is_in_string => drop(open.pop()),
            _ if is_in_string => {}
            '"' => open.push('"'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ']' | '}' => drop(open.pop()),
            _ => {}
        }
    }
    open.reverse();
    open
}

/// Returns the lengths, in characters, of the pieces of a text that must not be broken. A piece is an escape of JSON, two
/// such escapes that form a surrogate pair, or any other single character. The text contains a backslash only at the start
/// of an escape.
fn units(cells: &[Cell]) -> impl Iterator<Item = usize> {
    let mut rest = cells;
    std::iter::from_fn(move || {
        let length = match rest {
            [] => return None,
            [('\\', _), ('u', _), ('d', _), ('8' | '9' | 'a' | 'b', _), ..] => 12,
            [('\\', _), ('u', _), ..] => 6,
            [('\\', _), ..] => 2,
            _ => 1,
        };
        let length = length.min(rest.len());
        rest = &rest[length..];
        Some(length)
    })
}

/// Returns the number of characters of the next row. The row ends before the first word, element of a list or part of an
/// address that does not fit completely, if the row is then at least half full. Otherwise, the row ends before the last part
/// of an address that begins in the row, or, if there is none, before a group of an IPv6 address. If there is no such place
/// either, the row contains as many characters as fit.
fn end_of_row(cells: &[Cell], room: usize) -> usize {
    let (mut fits, mut columns) = (0, 0);
    for unit in units(cells) {
        columns += width(&cells[fits..fits + unit]);
        // At least one character is in a row, so that the loop of the caller ends.
        if columns > room && fits > 0 {
            break;
        }
        fits += unit;
    }
    if fits == cells.len() {
        return fits;
    }
    let begins = |at: usize, with: &str| cells[at..].iter().map(|(character, _)| *character).take(5).eq(with.chars());
    let is_word = |at: &usize| matches!(cells[at - 1].0, ',' | ' ');
    let is_part = |at: &usize| begins(*at, "/tcp/") || begins(*at, "/p2p/");
    let is_group = |at: &usize| cells[at - 1].0 == ':';
    let last = |least, breaks: &dyn Fn(&usize) -> bool| (least..=fits).rev().find(breaks);
    let half = fits / 2 + 1;
    // A bracket that closes a value is never alone in a row.
    let closes = || matches!(cells[fits].0, ']' | '}').then(|| last(1, &is_word)).flatten();
    let of_a_half = last(half, &is_word).or_else(|| last(half, &is_part)).or_else(closes);
    of_a_half.or_else(|| last(1, &is_part)).or_else(|| last(half, &is_group)).unwrap_or(fits)
}

fn width(cells: &[Cell]) -> usize {
    cells.iter().map(|(character, _)| columns_of(*character)).sum()
}

fn cells(spans: &[Span]) -> Vec<Cell> {
    spans.iter().flat_map(|span| span.text.chars().map(|character| (character, span.style))).collect()
}

fn spans(cells: &[Cell]) -> Vec<Span> {
    let same = cells.chunk_by(|one, next| one.1 == next.1);
    same.map(|cells| Span::new(cells.iter().map(|(character, _)| character).collect::<String>(), cells[0].1)).collect()
}

/// Returns a row without the spans at its end that contain only blanks.
fn trimmed(mut row: Vec<Span>) -> Vec<Span> {
    while row.last().is_some_and(|span| span.text.bytes().all(|byte| byte == b' ')) {
        row.pop();
    }
    row
}

#[cfg(test)]
#[path = "screen/tests.rs"]
mod tests;
