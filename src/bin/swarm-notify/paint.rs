//! [`Span`], a piece of text with one style, and the styles of the parts of a line.

use anstyle::{AnsiColor, Color, Style};
use std::fmt::Write as _;

/// A piece of text with one style (colour, bold or faint).
pub(crate) struct Span {
    pub(crate) text: String,
    pub(crate) style: Style,
}

impl Span {
    pub(crate) fn new(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }

    /// Returns a span of text without a style: the terminal shows it in its usual colour.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self::new(text, PLAIN)
    }
}

pub(crate) const PLAIN: Style = Style::new();
/// The style of the time and of the names of fields in a line. The style is faint, since these parts are nearly the same in
/// each line.
pub(crate) const FAINT: Style = Style::new().dimmed();
pub(crate) const ID: Style = coloured(AnsiColor::Cyan);
pub(crate) const GOOD: Style = coloured(AnsiColor::Green);
pub(crate) const BAD: Style = coloured(AnsiColor::Red);
pub(crate) const WARNING: Style = coloured(AnsiColor::Yellow);

const fn coloured(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(color)))
}

/// Returns the style of an event's name. The colour is green if something opens or is answered, blue if something ends, red
/// if something fails, and yellow for other events that the user may want to look at.
pub(crate) fn of_event(name: &str) -> Style {
    match name {
        "listen" | "connected" | "opened_stream" | "ping" | "identified" => GOOD,
        "listen_close" | "disconnected" | "closed_stream" => coloured(AnsiColor::Blue),
        "unanswered" | "refused" | "skipped" | "lagged" | "identify_lagged" | "pubsub_lagged" | "key_exposed"
        | "addresses_changed" => WARNING,
        _ if name.ends_with("_failed") => BAD,
        _ => PLAIN.bold(),
    }
}

/// Returns the style of the name of a side of the demo, which is `a` or `b`.
pub(crate) fn of_side(side: &str) -> Style {
    coloured(if side == "a" { AnsiColor::Cyan } else { AnsiColor::Magenta })
}

/// Returns the style of the value of the field named `key`.
pub(crate) fn of_value(key: &str) -> Style {
    match key {
        "reason" | "error" => WARNING,
        "connection" | "listener" | "stream" => ID,
        _ => PLAIN,
    }
}

/// Returns the text of the spans, with escape sequences for their styles if `has_colour` is `true`.
pub(crate) fn write(spans: &[Span], has_colour: bool) -> String {
    let mut text = String::new();
    for Span { text: piece, style } in spans {
        // Writing to a string cannot fail.
        let _ = match has_colour {
            true => write!(text, "{style}{piece}{style:#}"),
            false => write!(text, "{piece}"),
        };
    }
    text
}
