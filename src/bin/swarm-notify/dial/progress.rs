//! [`DialProgress`]: a bar on a terminal that shows the progress of a long run.

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

/// The time after which the bar appears. A run that is over before has no bar.
const LONG: Duration = Duration::from_millis(500);
/// The time between two states of the bar.
const PAUSE: Duration = Duration::from_millis(200);

/// The progress of a run.
#[derive(Clone, Copy)]
pub(super) struct Done {
    pub(super) is_connected: bool,
    pub(super) streams: u64,
    pub(super) bytes: u64,
    pub(super) pings: u64,
    /// The time until which the connection is held, once all is done.
    pub(super) held_until: Option<Duration>,
}

/// The unit that the bar counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Bytes,
    Streams,
    Pings,
}

impl Unit {
    /// Returns the template of the bar and the words beside it, for a terminal of this width. Until something `has_come`,
    /// neither the rate nor the time that is left is known.
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
/// cursor. If these went to the next row, a copy of the bar would be left behind.
const FREE: u16 = 3;

/// Returns the width of the bar's line, in columns.
fn width() -> u16 {
    terminal_size::terminal_size_of(io::stderr()).map_or(80, |(width, _)| width.0).saturating_sub(FREE)
}

/// A bar on standard error, if that is a terminal. Its drop removes the bar.
pub(super) struct DialProgress {
    bar: ProgressBar,
    unit: Unit,
    streams: u64,
    pings: u64,
    /// The time at which the bar is drawn next.
    next: Duration,
}

impl DialProgress {
    /// Returns a bar, or `None` if standard error is no suitable terminal or there is nothing to count. A run with `--quiet`
    /// has one, too.
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
        // This draws the bar only when `update` ticks it, without a refresh rate of its own.
        let bar = ProgressBar::with_draw_target(Some(all), ProgressDrawTarget::term_like(Box::<Picture>::default()));
        Some(Self { bar, unit, streams, pings: args.ping, next: LONG })
    }

    /// Draws the bar, if it is time to.
    pub(super) fn update(&mut self, now: Duration, done: impl FnOnce() -> Done) {
        if now < self.next {
            return;
        }
        let done = done();
        self.next = now + PAUSE;
        // Before the connection is up and after all is done, a text stands in place of the bar.
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

    /// Returns a notifee that wakes the loop for each drawing of the bar, even if nothing else happens.
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

/// Shows a text in place of the bar.
fn show(text: &str) {
    show_at_bottom(Bottom::Text(text.chars().take(width().into()).collect()));
}

/// A notifee that wakes the loop each [`PAUSE`].
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

/// The terminal that the bar is drawn to: it collects the bar's line, which a thread shows. So a terminal that has stopped
/// delays nothing else.
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
