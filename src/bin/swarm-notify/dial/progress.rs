//! [`DialProgress`]: the progress bar that `dial` shows at a terminal during a long run.

use crate::args;
use crate::node::LoggedSwarm;
use crate::output::{Bottom, show_at_bottom};
use crate::report::Reporter;
use crate::tally::number;
use crate::terminal;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use std::io::{self, IsTerminal as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext};

/// The time after which the bar appears. A run that ends before this time has no bar.
const LONG: Duration = Duration::from_millis(500);
/// The time between two drawings of the bar.
const PAUSE: Duration = Duration::from_millis(200);

/// The part of a run's work that is done.
#[derive(Clone, Copy)]
pub(super) struct Done {
    pub(super) is_connected: bool,
    pub(super) streams: u64,
    pub(super) bytes: u64,
    pub(super) pings: u64,
    /// The time until which the connection is kept open for `--hold`. `None` until everything else is done.
    pub(super) held_until: Option<Duration>,
}

/// The kind of thing that the bar counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Bytes,
    Streams,
    Pings,
}

impl Unit {
    /// Returns the template of the bar and the words beside it, for a terminal with `columns` columns. While `has_come` is
    /// `false`, nothing is done yet, so that neither the rate nor the remaining time is known.
    const fn template(self, columns: u16, has_come: bool) -> &'static str {
        match (self, columns) {
            _ if !has_come => "{wide_bar} {msg}",
            (Self::Bytes, ..100) => "{wide_bar} {percent} %, {decimal_bytes_per_sec}, {eta} left",
            (Self::Bytes, 100..) => {
                "{wide_bar} {msg}, {decimal_bytes} of {decimal_total_bytes}, {decimal_bytes_per_sec}, {eta} left"
            }
            (Self::Streams | Self::Pings, _) => "{wide_bar} {msg}, {eta} left",
        }
    }
}

/// The number of columns that stay free after the bar. The terminal shows a typed key there, such as `^C`, and then the
/// cursor. If the key and the cursor did not fit into the row of the bar, the terminal would move to the next row, and a
/// copy of the bar would remain in the old row.
const FREE: u16 = 3;

/// Returns the width of the row with the bar, in columns.
fn width() -> u16 {
    terminal_size::terminal_size_of(io::stderr()).map_or(80, |(width, _)| width.0).saturating_sub(FREE)
}

/// A progress bar on standard error. When this value is dropped, the bar is removed from the terminal.
pub(super) struct DialProgress {
    bar: ProgressBar,
    unit: Unit,
    streams: u64,
    pings: u64,
    /// The time of the next drawing.
    next: Duration,
}

impl DialProgress {
    /// Returns a bar, also for a run with `--quiet`. Returns `None` if standard error is not a terminal, the terminal may
    /// not understand escape sequences, JSON is printed to a terminal, or there is nothing to count.
    pub(super) fn new(args: &args::Dial, reporter: Reporter) -> Option<Self> {
        // A program that reads JSON from a terminal expects nothing else there.
        let is_in_the_way = reporter.is_json() && io::stdout().is_terminal();
        if terminal::is_dumb() || is_in_the_way || !io::stderr().is_terminal() {
            return None;
        }
        let (streams, bytes) = (args.streams(), args.bytes);
        let (unit, all) = match (streams, args.ping) {
            (0, 0) => return None,
            (0, pings) => (Unit::Pings, pings),
            (streams, _) if bytes == 0 => (Unit::Streams, streams),
            (streams, _) => (Unit::Bytes, streams.saturating_mul(bytes)),
        };
        // With this target, the bar has no refresh rate of its own, and is drawn only when `update` ticks it.
        let bar = ProgressBar::with_draw_target(Some(all), ProgressDrawTarget::term_like(Box::<Picture>::default()));
        Some(Self { bar, unit, streams, pings: args.ping, next: LONG })
    }

    /// Draws the bar if the time of the next drawing is not later than `now`. `done` returns the progress so far.
    pub(super) fn update(&mut self, now: Duration, done: impl FnOnce() -> Done) {
        if now < self.next {
            return;
        }
        let done = done();
        self.next = now + PAUSE;
        // Before the connection has opened and after everything is done, a text is shown in place of the bar.
        if !done.is_connected {
            return show(&format!("connecting, {} s", now.as_secs()));
        }
        if let Some(left) = done.held_until.map(|until| until.saturating_sub(now)) {
            return match left.is_zero() {
                true => show_at_bottom(Bottom::Nothing),
                false => show(&format!("held, {} s left", left.as_secs_f64().ceil())),
            };
        }
        let streams = format!("{} of {}", done.streams, number(self.streams, "stream"));
        let (message, position) = match self.unit {
            Unit::Bytes => (streams, done.bytes),
            Unit::Streams => (streams, done.streams),
            Unit::Pings => (format!("{} of {}", done.pings, number(self.pings, "ping")), done.pings),
        };
        if let Ok(style) = ProgressStyle::with_template(self.unit.template(width(), position > 0)) {
            self.bar.set_style(style.progress_chars("=> "));
        }
        self.bar.set_message(message);
        self.bar.set_position(position);
        self.bar.tick();
    }

    /// Returns a notifee that wakes the loop for each drawing of the bar, so that the bar is drawn even if nothing else
    /// happens.
    pub(super) const fn beat() -> Beat {
        Beat { next: LONG }
    }
}

impl Drop for DialProgress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        show_at_bottom(Bottom::Nothing);
    }
}

/// Shows a text in place of the bar, cut to the width of the terminal.
fn show(text: &str) {
    show_at_bottom(Bottom::Text(text.chars().take(width().into()).collect()));
}

/// A notifee that wakes the loop once in each [`PAUSE`].
pub(super) struct Beat {
    next: Duration,
}

impl Notifee<LoggedSwarm> for Beat {
    fn interest(&self) -> Interest {
        Interest::TIME
    }

    fn poll_at(&self) -> Option<Duration> {
        Some(self.next)
    }

    fn tick(&mut self, cx: &mut NotifeeContext<'_, LoggedSwarm>) {
        self.next = cx.now() + PAUSE;
    }
}

/// The target to which the progress bar is drawn, which collects the text of the bar. Another thread shows the text on the
/// real terminal, so that a terminal that has stopped delays only that thread.
#[derive(Debug, Default)]
struct Picture(Mutex<String>);

impl Picture {
    fn add(&self, text: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
    }
}

impl TermLike for Picture {
    fn width(&self) -> u16 {
        width()
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.add(text);
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.add(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let picture = core::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let text: String = picture.trim_matches(['\r', ' ']).chars().take(self.width().into()).collect();
        show_at_bottom(if text.is_empty() { Bottom::Nothing } else { Bottom::Text(text) });
        Ok(())
    }
}
