//! [`LogLine`]: the fields of one line of the log, and the forms of the line as JSON and as plain text.

use crate::paint::{self, Span};
use anstyle::Style;
use data_encoding::BASE64;
use serde_json::Value;
use std::fmt::{self, Write as _};
use swarm_notify::text::{shorten, shorten_to};
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// The maximum number of bytes of a message's data in one line, counted before characters are escaped.
const MAX_DATA: usize = 4_096;

/// The names and values of the fields of one line of the log, in the order in which they are printed.
#[derive(Default)]
pub(crate) struct LogLine(Vec<(&'static str, Value)>);

impl LogLine {
    /// Adds a field. Each string in its value is cut to at most [`MAX_TEXT`](swarm_notify::text::MAX_TEXT) bytes, since a
    /// peer may have chosen the string.
    pub(crate) fn put(&mut self, key: &'static str, value: impl Into<Value>) {
        self.0.push((key, shortened(value.into())));
    }

    /// Adds the data of a message: the field `data` if the data is UTF-8, and otherwise the field `data_base64`. At most
    /// [`MAX_DATA`] bytes of the data are printed. If the data was cut, the field `length` with the length of the whole data
    /// follows.
    pub(crate) fn put_data(&mut self, data: &[u8]) {
        const MAX_BINARY: usize = MAX_DATA / 4 * 3;
        let is_cut = match std::str::from_utf8(data) {
            Ok(text) => {
                self.0.push(("data", shorten_to(text, MAX_DATA).into()));
                data.len() > MAX_DATA
            }
            Err(_) => {
                self.0.push(("data_base64", BASE64.encode(&data[..data.len().min(MAX_BINARY)]).into()));
                data.len() > MAX_BINARY
            }
        };
        if is_cut {
            self.put("length", data.len());
        }
    }

    /// Returns the value of a field, or `None` if the line does not have the field or its value is not a string.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| *name == key)?.1.as_str()
    }

    /// Returns the fields as a JSON object, which can be a value in another line.
    pub(crate) fn into_value(self) -> Value {
        Value::Object(self.0.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    /// Returns the line as the text of a JSON object, without a newline.
    pub(crate) fn to_json(&self) -> String {
        let mut json = String::new();
        for (key, value) in &self.0 {
            json.push(if json.is_empty() { '{' } else { ',' });
            quote(&mut json, key);
            json.push(':');
            write_json(&mut json, value);
        }
        json + "}"
    }
}

impl LogLine {
    /// Returns the names and values of the fields, in the order in which they are printed.
    pub(super) fn fields(&self) -> &[(&'static str, Value)] {
        &self.0
    }

    /// Returns the line as plain text, without a newline, divided into pieces with styles. A program can read each field
    /// back from the text.
    pub(super) fn spans(&self) -> Vec<Span> {
        let mut spans = Vec::new();
        for (key, value) in &self.0 {
            match (*key, value) {
                ("t", value) => {
                    spans.push(Span::new(format!("{:>9.6}", value.as_f64().unwrap_or_default()), paint::FAINT));
                    spans.push(Span::plain("  "));
                }
                ("time", Value::String(time)) => spans.extend([Span::new(time, paint::FAINT), Span::plain("  ")]),
                ("side", Value::String(side)) => {
                    spans.extend([Span::new(side, paint::of_side(side)), Span::plain("  ")]);
                }
                ("event", Value::String(event)) => {
                    spans.push(Span::new(format!("{event:<14}"), of_line(self)));
                }
                (key, value) => {
                    spans.extend([Span::plain(" "), Span::new(format!("{key}="), paint::FAINT)]);
                    spans.push(Span::new(word(value), paint::of_value(key)));
                }
            }
        }
        spans
    }
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&paint::write(&self.spans(), false))
    }
}

/// Returns the style of the event's name in a line. If a stream that a peer has opened fails because we do not speak its
/// protocol, the style is faint and not red: peers try the protocols that they know, which is not a failure of this node.
pub(super) fn of_line(line: &LogLine) -> Style {
    let event = line.text("event").unwrap_or_default();
    let is_try = line.text("direction") == Some("inbound") && line.text("reason") == Some("unsupported");
    if event == "stream_failed" && is_try { paint::FAINT } else { paint::of_event(event) }
}

/// Returns a value in the form that it has in a line of text. The form is JSON, except that a string for which [`is_word`]
/// returns `true` has no quotes.
pub(super) fn word(value: &Value) -> String {
    if let Some(text) = value.as_str().filter(|text| is_word(text)) {
        return text.to_owned();
    }
    let mut json = String::new();
    write_json(&mut json, value);
    json
}

/// Returns a JSON value in which each string is cut to at most [`MAX_TEXT`](swarm_notify::text::MAX_TEXT) bytes.
fn shortened(value: Value) -> Value {
    match value {
        Value::String(text) => shorten(&text).into(),
        Value::Array(values) => values.into_iter().map(shortened).collect(),
        Value::Object(fields) => fields.into_iter().map(|(key, value)| (key, shortened(value))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

/// Returns whether a string is printed without quotes in a line of text. That is so if none of its characters separates
/// fields or needs an escape, and if the string cannot be read as a number or as `null`, `true` or `false`.
pub(super) fn is_word(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/.:_-+()%".contains(&byte);
    let reads_otherwise = ["", "null", "true", "false"].contains(&text) || text.parse::<f64>().is_ok();
    text.bytes().all(is_plain) && !reads_otherwise
}

fn write_json(json: &mut String, value: &Value) {
    match value {
        Value::String(text) => quote(json, text),
        Value::Array(values) => {
            json.push('[');
            for (at, value) in values.iter().enumerate() {
                json.push_str(if at == 0 { "" } else { "," });
                write_json(json, value);
            }
            json.push(']');
        }
        Value::Object(fields) => {
            json.push('{');
            for (at, (key, value)) in fields.iter().enumerate() {
                json.push_str(if at == 0 { "" } else { "," });
                quote(json, key);
                json.push(':');
                write_json(json, value);
            }
            json.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => *json += &value.to_string(),
    }
}

/// Returns a name from the command line in the form in which messages to the user contain it. The name has quotes and
/// escapes if it could be read as something else or could control a terminal.
pub(crate) fn named(name: impl fmt::Display) -> String {
    word(&name.to_string().into())
}

/// Returns a text in which each invisible character is escaped. Quotes and backslashes stay as they are.
pub(crate) fn seen(text: &str) -> String {
    let mut seen = String::new();
    text.chars().for_each(|character| push_seen(&mut seen, character));
    seen
}

/// Appends `text` to `json` as a JSON string, with quotes and escapes.
fn quote(json: &mut String, text: &str) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            _ => push_seen(json, character),
        }
    }
    json.push('"');
}

/// Appends a character to `text`. An invisible character is escaped, since it may control a terminal or a program that reads
/// lines.
fn push_seen(text: &mut String, character: char) {
    match character {
        '\n' => *text += "\\n",
        _ if is_unseen(character) => {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
        _ => text.push(character),
    }
}

/// Returns whether a character is invisible. Such a character is in one of the Unicode categories Cc (controls), Cf
/// (formats, such as the marks that change the direction of text), Zl and Zp (the separators of lines and paragraphs).
fn is_unseen(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    matches!(
        character.general_category(),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    )
}

#[cfg(test)]
#[path = "line/tests.rs"]
pub(super) mod tests;
