//! [`Screen`]: the form of a line of the log at a terminal, in columns that stay aligned whatever the width of the terminal
//! is.

use super::line::{LogLine, is_word, of_line, word};
use crate::paint::{self, Span};
use crate::terminal::{MARK, MARK_COLUMNS, columns_of};
use anstyle::Style;
use serde_json::Value;

/// The width of the time since the start, in columns. As the time grows, it is printed with fewer digits after the point.
const TIME: usize = 8;
/// The width of an event's name, in columns. The longest name is `identify_push_failed`.
const EVENT: usize = 20;
/// The minimum width of an id, in columns. It is enough for the ids of 99 999 streams of which only one is open at a time.
pub(crate) const ID: usize = 8;
/// The minimum width, in columns, of the last column, in which all fields after the id are printed. It has room for the mark
/// and the longest piece that is not broken in a row which continues a value: `/tcp/65535/p2p/12D3KooW…6wQGfa",`. In a
/// narrower terminal, these fields are printed in rows below the first one.
const LEAST_ROOM: usize = 34;
/// The minimum width, in columns, of fields that are printed in rows below the first one.
const LEAST_ROOM_BELOW: usize = 20;
/// The indent, in columns, of fields that are printed in rows below the first one.
const INDENT: usize = 4;
/// The minimum width of the terminal, in characters, at which two blanks separate the columns.
const WIDE: usize = 100;
/// The maximum number of rows of one field, unless `--long` is given. The number is limited because a peer can choose long
/// values.
const MAX_ROWS: usize = 6;

/// The number of characters at the start of a peer id that are printed if the id is shortened in its middle. All ids of
/// Ed25519 keys begin with the same characters.
const PEER_HEAD: usize = 8;
/// The number of characters at the end of a peer id that are printed if the id is shortened in its middle.
const PEER_TAIL: usize = 6;

/// The properties of a terminal on which the form of a line depends.
#[derive(Clone, Copy)]
pub(crate) struct Screen {
    /// The width of the terminal, in columns. The last column stays free, since some terminals begin a new row when
    /// something is printed there.
    pub(crate) columns: usize,
    /// The width of the column for ids, in characters.
    pub(crate) id: usize,
    /// `true` if no value is shortened and no field is left out (`--long`).
    pub(crate) is_long: bool,
}

/// A character and its style.
type Cell = (char, Style);

impl Screen {
    /// Returns the rows of a line. The first row contains the time, the side, the name of the event, the id, and as many of
    /// the other fields as fit into the last column. The remaining fields are printed in rows below, also in the last
    /// column.
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

    /// Returns the fields of the last column. `about` is the name of the field with the id, which has a column of its own.
    fn fields(self, line: &LogLine, about: Option<&str>) -> Vec<Vec<Cell>> {
        let event = line.text("event").unwrap_or_default();
        let mut fields = Vec::new();
        for (key, value) in line.fields() {
            match (*key, value) {
                // Other lines have only the time since the start.
                ("time", Value::String(time)) if event == "start" => {
                    let to_the_second = time.split('.').next().unwrap_or_default();
                    fields.push(self.field(key, &format!("{to_the_second}Z").into()));
                }
                ("t" | "time" | "side" | "event", _) => {}
                (key, _) if Some(key) == about => {}
                // Left out: the number of a message, and the neighbour that has sent it if that is its author.
                ("seqno", _) if !self.is_long => {}
                ("via", via) if !self.is_long && via.as_str() == line.text("from") => {}
                // Left out: the format, which is for programs; the command, which the user has typed; and all addresses where
                // the changes of addresses say more.
                ("format" | "command", _) if !self.is_long => {}
                ("addresses", _) if event == "addresses_changed" && !self.is_long => {}
                ("seconds", Value::Number(seconds)) if event == "ping" => {
                    let milliseconds = seconds.as_f64().unwrap_or_default() * 1e3;
                    fields.push(cells(&[Span::plain(format!("{milliseconds:.3} ms"))]));
                }
                ("addresses" | "added" | "removed", Value::Array(addresses)) if about == Some("listener") => {
                    // Our own peer id is left out, since `start` has it, unless the address may have another one.
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
                    // The peer is left out of the address, since it has a field of its own.
                    let peer = line.text("peer").map(|peer| format!("/p2p/{peer}")).unwrap_or_default();
                    let remote = remote.strip_suffix(&*peer).filter(|rest| !rest.is_empty()).unwrap_or(remote);
                    fields.push(self.field(key, &remote.into()));
                }
                // The peer has shut down, or has closed the connection. The reason reads like an error, but is none.
                ("reason", value) if !self.is_long && value == "remote(go_away(0))" => {
                    fields.push(cells(&[Span::new("peer said goodbye", paint::of_value(key))]));
                }
                (key, value) => fields.push(self.field(key, value)),
            }
        }
        fields
    }

    /// Returns the text of a field. The name of the field is left out if the value is clear without the name and no peer can
    /// forge it.
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

/// Returns a number of seconds as a text of [`TIME`] characters, which has room for three years.
fn time(seconds: f64) -> String {
    let digits = (0..=3).rev().find(|digits| format!("{seconds:.digits$}").len() <= TIME).unwrap_or_default();
    format!("{seconds:>TIME$.digits$}")
}

/// Returns the value of the field `key` with the peer ids in it shortened.
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

/// Returns the text of the field `key`, with the peer ids in it shortened if fields of that name contain peer ids.
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

/// Arranges fields in rows of at most `room` columns, with a blank between two fields. A field that is longer than a row has
/// rows of its own, at most `most_rows` of them.
fn wrap(fields: Vec<Vec<Cell>>, room: usize, most_rows: usize) -> Vec<Vec<Cell>> {
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    // `true` if the last row belongs to a value that was broken. No other field may follow in it.
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
/// needs more than `most_rows` rows, its end is replaced by `…` and the quotes and brackets that close it.
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

/// Returns the start of `row`, followed by `…` and the quotes and brackets that close those which are open in it or in the
/// rows `before`. The result has at most `room` columns.
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

/// Returns the quotes and brackets that have to follow a text, which is the start of a JSON value, to close all that are
/// open at its end.
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
/// address that does not fit completely, if the row is then at least half full. Otherwise the row ends before the last part
/// of an address that begins in it, or before a group of an IPv6 address. If there is neither, as many characters as fit are
/// in the row.
fn end_of_row(cells: &[Cell], room: usize) -> usize {
    let (mut fits, mut columns) = (0, 0);
    for unit in units(cells) {
        columns += width(&cells[fits..fits + unit]);
        // A row has at least one character, so that the loop of the caller ends.
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
    // A bracket that closes a value does not stand alone in a row.
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
