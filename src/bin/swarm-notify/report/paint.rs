//! [`Span`]: a piece of a line in one style, and the styles.

use super::line::LogLine;
use anstyle::{AnsiColor, Color, Style};
use std::fmt::Write as _;

/// A piece of text in one style.
pub(crate) struct Span {
    pub(crate) text: String,
    pub(crate) style: Style,
}

impl Span {
    pub(crate) fn new(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }

    /// Returns text in the terminal's own colour.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self::new(text, PLAIN)
    }
}

pub(crate) const PLAIN: Style = Style::new();
/// The time, and the names of fields: they are the same on each line.
pub(crate) const FAINT: Style = Style::new().dimmed();
pub(crate) const ID: Style = coloured(AnsiColor::Cyan);
pub(crate) const GOOD: Style = coloured(AnsiColor::Green);
pub(crate) const BAD: Style = coloured(AnsiColor::Red);
pub(crate) const WARNING: Style = coloured(AnsiColor::Yellow);

const fn coloured(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(color)))
}

/// The style of the name of a line's event. A stream of the peer's for what we do not speak is no failure of ours: peers try
/// what they know.
pub(super) fn of_line(line: &LogLine) -> Style {
    let event = line.text("event").unwrap_or_default();
    let is_try = line.text("direction") == Some("inbound") && line.text("reason") == Some("unsupported");
    if event == "stream_failed" && is_try { FAINT } else { of_event(event) }
}

/// The style of an event's name: green where something opens or is answered, blue where it ends, red where it fails, and
/// yellow for what an operator may want to look at.
fn of_event(name: &str) -> Style {
    match name {
        "listen" | "connected" | "opened_stream" | "ping" | "identified" => GOOD,
        "listen_close" | "disconnected" | "closed_stream" => coloured(AnsiColor::Blue),
        "unanswered" | "refused" | "skipped" | "lagged" | "identify_lagged" | "pubsub_lagged" | "key_exposed"
        | "addresses_changed" => WARNING,
        _ if name.ends_with("_failed") => BAD,
        _ => PLAIN.bold(),
    }
}

/// The style of a side of the demo.
pub(crate) fn of_side(side: &str) -> Style {
    coloured(if side == "a" { AnsiColor::Cyan } else { AnsiColor::Magenta })
}

/// The style of a field's value.
pub(crate) fn of_value(key: &str) -> Style {
    match key {
        "reason" | "error" => WARNING,
        "connection" | "listener" | "stream" => ID,
        _ => PLAIN,
    }
}

/// Returns spans as text, with escape sequences for their styles if it `has_colour`.
pub(crate) fn write(spans: &[Span], has_colour: bool) -> String {
    let mut text = String::new();
    for Span { text: piece, style } in spans {
        // A string takes all that is written to it.
        let _ = match has_colour {
            true => write!(text, "{style}{piece}{style:#}"),
            false => write!(text, "{piece}"),
        };
    }
    text
}
