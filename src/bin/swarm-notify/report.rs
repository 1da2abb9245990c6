//! The log: each event as one line, as text or as JSON, and as text in columns at a terminal. The page
//! `guide::command_log` of the library states it.

// By path, since `tests/attacks/attacked.rs` includes this file from elsewhere.
#[path = "report/clock.rs"]
mod clock;
#[path = "report/describe.rs"]
mod describe;
#[path = "report/line.rs"]
mod line;
#[path = "report/open_ids.rs"]
mod open_ids;
#[path = "report/paint.rs"]
pub(crate) mod paint;
#[path = "report/screen.rs"]
mod screen;

pub(crate) use line::{LogLine, named, seen};
pub(crate) use open_ids::OpenIds;

use crate::output::STDOUT;
use crate::terminal::{self, Terminal, wrap_words};
use clock::Moment;
use describe::{describe, describe_refused, opening, split_peer, with_peer};
use libp2p_identity::PeerId;
use open_ids::Part;
use paint::Span;
use screen::Screen;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};
use swarm_notify::lifecycle::{ConnectionId, Event, Id, ListenerId, StreamId};
use swarm_notify::swarm::{Multiaddr, Refusal, RefusedAt};
use swarm_notify::tcp;

/// The version of the log's format. It grows when a field changes its name, type or meaning, or is gone.
const FORMAT: u32 = 2;

/// The form of the log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogForm {
    Json,
    Text {
        /// At a terminal nothing is shortened.
        is_long: bool,
    },
}

/// The columns of the longest id on a screen so far: those of the last lines stay in line.
static ID_COLUMNS: AtomicUsize = AtomicUsize::new(screen::ID);

/// Prints lines, each as soon as it is known.
#[derive(Clone, Copy)]
pub(crate) struct Reporter {
    start: Instant,
    form: LogForm,
    terminal: Terminal,
    is_quiet: bool,
    /// The name of one of the demo's two sides.
    side: Option<&'static str>,
}

impl Reporter {
    pub(crate) fn new(form: LogForm, is_quiet: bool) -> Self {
        Self { start: Instant::now(), form, is_quiet, terminal: terminal::stdout(), side: None }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.form == LogForm::Json
    }

    pub(crate) const fn side(self, side: &'static str) -> Self {
        Self { side: Some(side), ..self }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// The first line of a run, once nothing is wrong with the command line: the format, the version, and who we are.
    pub(crate) fn start(&self, command: &str, peer: PeerId) {
        let mut line = self.line("start");
        line.put("format", FORMAT);
        line.put("version", env!("CARGO_PKG_VERSION"));
        line.put("command", command);
        line.put("peer", peer.to_string());
        self.print(&line);
    }

    /// An event, with what can be looked up of it. Before it stands what a snapshot has not listed yet of what it names.
    pub(crate) fn event(&self, swarm: &tcp::Swarm, open: &mut OpenIds, event: Event) {
        let now = self.now();
        let mut line = self.line_at(now, event.name());
        describe(swarm, event, &mut line);
        if event.is_last() {
            describe_refused(swarm, event.id(), &mut line);
        }
        let is_printed = self.is_printed(&line);
        open.tell(event, now, |part| {
            let before = part.filter(|_| is_printed).map(|part| self.text(&self.snapshot(swarm, part)));
            is_printed && STDOUT.push_behind(before, self.text(&line))
        });
    }

    /// Refusals of one kind, of which there were so many since the last line.
    pub(crate) fn refused(&self, swarm: &tcp::Swarm, at: RefusedAt, refusal: Refusal, count: u64) {
        let mut line = self.line("refused");
        match at {
            RefusedAt::Listener(id) => {
                line.put("listener", id.to_string());
                if let Some(remote) = swarm.last_refused_from(id, refusal) {
                    let (remote, peer) = split_peer(remote);
                    line.put("remote", remote.to_string());
                    if let Some(peer) = peer {
                        line.put("peer", peer.to_string());
                    }
                }
            }
            RefusedAt::Connection(id) => {
                line.put("connection", id.to_string());
                if let Some(peer) = swarm.connection(id).and_then(|view| view.peer) {
                    line.put("peer", peer.to_string());
                }
            }
        }
        line.put("kind", refusal.to_string());
        line.put("count", count);
        line.put("total", swarm.refused_at(at, refusal));
        self.print(&line);
    }

    /// A stream that was given up since it got no answer: what it waited for, and for how long.
    pub(crate) fn unanswered(&self, connection: ConnectionId, stream: StreamId, awaited: &str, time: Duration) {
        let mut line = self.line("unanswered");
        line.put("connection", connection.to_string());
        line.put("stream", stream.to_string());
        line.put("awaited", awaited);
        line.put("seconds", seconds(time));
        self.print(&line);
    }

    /// The end of `dial`: the fields that `put` adds, or sentences for people.
    pub(crate) fn summary(&self, put: impl FnOnce(&mut LogLine), sentences: impl fmt::Display) {
        if self.is_json() {
            let mut line = self.line("summary");
            put(&mut line);
            return self.print_always(&line);
        }
        let sentences = sentences.to_string();
        let sentences = match self.terminal.columns() {
            Some(columns) => wrap_words(&sentences, columns),
            None => sentences,
        };
        STDOUT.push_beyond(self.terminal.margin().to_owned() + &sentences);
    }

    /// The end of `demo`: the number of events that came as promised, of all.
    pub(crate) fn shown(&self, shown: usize, promised: usize, is_right: bool) {
        if self.is_json() {
            let mut line = self.line("summary");
            line.put("shown", shown);
            line.put("promised", promised);
            line.put("as_promised", is_right);
            return self.print_always(&line);
        }
        let (judgement, style) = match is_right {
            true => ("as promised", paint::GOOD),
            false => ("and not as promised", paint::BAD),
        };
        let sentence = [Span::new(format!("{shown} of {promised} events, {judgement}"), style)];
        let sentence = paint::write(&sentence, self.terminal.has_colour);
        STDOUT.push_beyond(self.terminal.margin().to_owned() + &sentence);
    }

    /// A command to copy, which dials us, and joins our topic of floodsub. It is not for programs, which have the address.
    pub(crate) fn dial_me(&self, swarm: &tcp::Swarm, address: &Multiaddr, topic: Option<&str>) {
        if !self.is_json() {
            let address = with_peer(address, swarm.local_peer());
            let topic = topic.map(|topic| format!(" --floodsub {}", for_shell(topic))).unwrap_or_default();
            let command = Span::new(format!("swarm-notify dial {address}{topic}"), paint::PLAIN.bold());
            let line = paint::write(&[Span::plain("dial me: "), command], self.terminal.has_colour);
            STDOUT.push(self.terminal.margin().to_owned() + &line);
        }
    }

    /// Addresses of a listener have come or gone.
    pub(crate) fn addresses_changed(
        &self,
        swarm: &tcp::Swarm,
        listener: ListenerId,
        added: &[Multiaddr],
        removed: &[Multiaddr],
    ) {
        let full = |addresses: &[Multiaddr]| {
            addresses.iter().map(|address| with_peer(address, swarm.local_peer()).to_string()).collect::<Vec<_>>()
        };
        let mut line = self.line("addresses_changed");
        line.put("listener", listener.to_string());
        line.put("addresses", full(swarm.listener(listener).map_or(&[], |view| view.addresses)));
        line.put("added", full(added));
        line.put("removed", full(removed));
        self.print(&line);
    }

    fn now(&self) -> Moment {
        Moment { elapsed: self.elapsed(), time: SystemTime::now() }
    }

    /// A line of now, with both times and the side in it. It is printed before another one is begun, so that no time goes
    /// back from line to line.
    pub(crate) fn line(&self, event: &str) -> LogLine {
        self.line_at(self.now(), event)
    }

    fn line_at(&self, at: Moment, event: &str) -> LogLine {
        let mut line = LogLine::default();
        line.put("t", seconds(at.elapsed));
        line.put("time", clock::rfc3339(at.time));
        if let Some(side) = self.side {
            line.put("side", side);
        }
        line.put("event", event);
        line
    }

    /// Prints a line, unless it is one that `--quiet` leaves out.
    pub(crate) fn print(&self, line: &LogLine) {
        if self.is_printed(line) {
            STDOUT.push(self.text(line));
        }
    }

    fn is_printed(&self, line: &LogLine) -> bool {
        !self.is_quiet || self.is_asked_for(line)
    }

    /// Returns `true` if a line is an answer that was asked for, or without it the log could not be read.
    fn is_asked_for(&self, line: &LogLine) -> bool {
        match line.text("event") {
            Some("start") => self.is_json(),
            Some("listen" | "addresses_changed") => self.side.is_none(),
            Some("identified" | "identify_lagged" | "message" | "pubsub_lagged") => true,
            Some("skipped") => line.text("what") == Some("message"),
            Some(_) | None => false,
        }
    }

    /// Prints a line that is not left out however slow its reader is.
    pub(crate) fn print_always(&self, line: &LogLine) {
        STDOUT.push_beyond(self.text(line));
    }

    fn text(&self, line: &LogLine) -> String {
        match (self.form, self.terminal.columns()) {
            (LogForm::Json, _) => line.to_json(),
            (LogForm::Text { .. }, None) => paint::write(&line.spans(), self.terminal.has_colour),
            (LogForm::Text { is_long }, Some(columns)) => {
                let id =
                    ["stream", "listener", "connection"].iter().filter_map(|key| line.text(key)).map(str::len).max();
                let id = id.unwrap_or_default().max(ID_COLUMNS.fetch_max(id.unwrap_or_default(), Ordering::Relaxed));
                let rows = Screen { columns, id, is_long }.rows(line);
                let rows: Vec<_> = rows.iter().map(|row| paint::write(row, self.terminal.has_colour)).collect();
                self.terminal.margin().to_owned() + &rows.join("\n")
            }
        }
    }
}

/// Returns a word as a shell reads it. One that a terminal does not show as it is has escapes, which not every shell knows.
fn for_shell(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/.:_+%".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    if seen(word) == word {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    let mut escaped = String::new();
    for character in word.chars() {
        let mut buffer = [0; 4];
        let text = &*character.encode_utf8(&mut buffer);
        match character {
            '\'' | '\\' => escaped.extend(['\\', character]),
            _ if seen(text) == text => escaped.push(character),
            // Three digits, so that none behind them is one of these, and in bytes, so that no locale matters.
            _ => escaped.extend(text.bytes().map(|byte| format!("\\{byte:03o}"))),
        }
    }
    format!("$'{escaped}'")
}

/// Seconds, to the microsecond.
pub(crate) fn seconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1e6
}

impl Reporter {
    /// Says that so many lines are missing, and begins to say what is open by now.
    pub(crate) fn lagged(&self, swarm: &tcp::Swarm, open: &mut OpenIds, missed: u64) {
        let mut line = self.line("lagged");
        line.put("missed", missed);
        self.print_always(&line);
        open.begin_snapshot();
        self.print_part(swarm, open);
    }

    /// Prints the next part of the snapshot, if there is one.
    pub(crate) fn print_part(&self, swarm: &tcp::Swarm, open: &mut OpenIds) {
        if let Some(part) = open.next_part(open_ids::MOST, self.now()) {
            self.print_always(&self.snapshot(swarm, &part));
        }
    }

    /// A part of a snapshot.
    fn snapshot(&self, swarm: &tcp::Swarm, part: &Part) -> LogLine {
        let mut line = self.line_at(part.at, "snapshot");
        let (mut listeners, mut connections, mut streams) = (Vec::new(), Vec::new(), Vec::new());
        for id in &part.ids {
            // Until its last event is handled, each can be looked up.
            let Some(event) = opening(swarm, *id) else { continue };
            let mut opening = LogLine::default();
            describe(swarm, event, &mut opening);
            match id {
                Id::Listener(_) => listeners.push(opening.into_value()),
                Id::Connection(_) => connections.push(opening.into_value()),
                Id::Stream(_) => streams.push(opening.into_value()),
            }
        }
        line.put("part", part.number);
        line.put("more", part.has_more);
        line.put("listeners", listeners);
        line.put("connections", connections);
        line.put("streams", streams);
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Node;
    use libp2p_identity::Keypair;
    use std::time::UNIX_EPOCH;
    use swarm_notify::swarm::Config;

    /// A part before the line of an event has the moment of that, which was looked at first: else `t` goes back.
    #[test]
    fn a_part_of_a_snapshot_is_of_its_own_moment() {
        let reporter = Reporter::new(LogForm::Json, false);
        let node = Node::new(&Keypair::generate_ed25519(), Config::default(), reporter).unwrap();
        let at = Moment { elapsed: Duration::from_millis(2_500), time: UNIX_EPOCH };
        let part = Part { number: 1, ids: Vec::new(), has_more: false, at };
        let line = reporter.snapshot(&node.world.swarm, &part).to_json();
        assert!(line.starts_with(r#"{"t":2.5,"time":"1970-01-01T00:00:00.000000Z","event":"snapshot""#), "{line}");
    }
}
