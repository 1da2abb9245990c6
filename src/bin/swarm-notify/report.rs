//! The log of the command, which has one line for each event, as text or as JSON. At a terminal, the text is in columns. The
//! library's page `guide::command_log` specifies the format.

// The paths are given, since `tests/attacks/attacked.rs` includes this file from another folder.
#[path = "report/clock.rs"]
mod clock;
#[path = "report/describe.rs"]
mod describe;
#[path = "report/line.rs"]
mod line;
#[path = "report/open_ids.rs"]
mod open_ids;
#[path = "report/screen.rs"]
mod screen;

pub(crate) use line::{LogLine, named, seen};
pub(crate) use open_ids::OpenIds;

use crate::output::STDOUT;
use crate::paint::{self, Span};
use crate::terminal::{self, Terminal, wrap_words};
use clock::Moment;
use describe::{describe, describe_refused, opening, split_peer, with_peer};
use libp2p_identity::PeerId;
use open_ids::Part;
use screen::Screen;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};
use swarm_notify::lifecycle::{ConnectionId, Event, Id, ListenerId, StreamId};
use swarm_notify::swarm::{Multiaddr, Refusal, RefusedAt};
use swarm_notify::tcp;

/// The version of the log's format, which is raised when a field is removed or changes its name, type or meaning.
const FORMAT: u32 = 2;

/// The form in which the lines of the log are printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogForm {
    Json,
    Text {
        /// `true` if values are printed whole even at a terminal (`--long`).
        is_long: bool,
    },
}

/// The width, in columns, of the longest id that was printed at a terminal so far. Later lines use the same width, so that
/// their columns stay aligned.
static ID_COLUMNS: AtomicUsize = AtomicUsize::new(screen::ID);

/// A printer of the lines of the log, which queues each line for standard output when the line's event is told.
#[derive(Clone, Copy)]
pub(crate) struct Reporter {
    start: Instant,
    form: LogForm,
    terminal: Terminal,
    is_quiet: bool,
    /// The name of the side of `demo` that this value prints for, which is `a` or `b`. `None` in other commands.
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

    /// Prints the first line of a run, `start`, with the version of the format, the version of this program, the command,
    /// and the peer id of this node.
    pub(crate) fn start(&self, command: &str, peer: PeerId) {
        let mut line = self.line("start");
        line.put("format", FORMAT);
        line.put("version", env!("CARGO_PKG_VERSION"));
        line.put("command", command);
        line.put("peer", peer.to_string());
        self.print(&line);
    }

    /// Prints the line of an event, with the event's ids and reason, and with properties of the listener, connection or
    /// stream. If a snapshot is under way and has not listed an id of the event yet, a part of the snapshot that lists the
    /// id is printed in front of the line.
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

    /// Prints a line with the number (`count`) of refusals of one kind, at one listener or connection, since the last line
    /// about the same kind there.
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

    /// Prints a line about a stream that was given up because the peer did not answer. `awaited` is the name of the answer
    /// that the stream was waiting for, and `time` is the time for which the stream has waited.
    pub(crate) fn unanswered(&self, connection: ConnectionId, stream: StreamId, awaited: &str, time: Duration) {
        let mut line = self.line("unanswered");
        line.put("connection", connection.to_string());
        line.put("stream", stream.to_string());
        line.put("awaited", awaited);
        line.put("seconds", seconds(time));
        self.print(&line);
    }

    /// Prints the summary at the end of `dial`. If the log is JSON, the summary is a line with the fields that `put` adds.
    /// Otherwise, the summary is the text `sentences`.
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

    /// Prints the summary at the end of `demo`: the number of events that were told as expected, and the number of expected
    /// events.
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

    /// Prints a command, for users to copy, that dials this node at `address` and joins the `topic` if there is one. Nothing
    /// is printed if the log is JSON, since programs find the address in the line `listen`.
    pub(crate) fn dial_me(&self, swarm: &tcp::Swarm, address: &Multiaddr, topic: Option<(&str, &str)>) {
        if !self.is_json() {
            let address = with_peer(address, swarm.local_peer());
            let topic = topic.map(|(option, topic)| format!(" {option} {}", for_shell(topic))).unwrap_or_default();
            let command = Span::new(format!("swarm-notify dial {address}{topic}"), paint::PLAIN.bold());
            let line = paint::write(&[Span::plain("dial me: "), command], self.terminal.has_colour);
            STDOUT.push(self.terminal.margin().to_owned() + &line);
        }
    }

    /// Prints the line `addresses_changed`, with the addresses of a listener that were added and removed.
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

    /// Begins a line with the present time and the name of its event. The caller has to print the line before it begins
    /// another line. Otherwise, the time `t` could go back from one line of the log to the next.
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

    /// Prints a line, unless `--quiet` is given and leaves the line out.
    pub(crate) fn print(&self, line: &LogLine) {
        if self.is_printed(line) {
            STDOUT.push(self.text(line));
        }
    }

    fn is_printed(&self, line: &LogLine) -> bool {
        !self.is_quiet || self.is_asked_for(line)
    }

    /// Returns whether a line is printed even with `--quiet`, because the user has asked for its content or because a
    /// program needs the line to read the log.
    fn is_asked_for(&self, line: &LogLine) -> bool {
        match line.text("event") {
            Some("start") => self.is_json(),
            Some("listen" | "addresses_changed") => self.side.is_none(),
            Some("identified" | "identify_lagged" | "message" | "pubsub_lagged") => true,
            Some("skipped") => line.text("what") == Some("message"),
            Some(_) | None => false,
        }
    }

    /// Prints a line even if the queue of standard output is full.
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

/// Returns a word in the form in which a shell reads it as one word. If the word contains characters that a terminal does
/// not show, the form is `$'…'`, which not every shell understands.
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
            // Each escape has three digits, so that a digit after it is not read as a part of it. Bytes are escaped, since
            // escapes of characters depend on the locale.
            _ => escaped.extend(text.bytes().map(|byte| format!("\\{byte:03o}"))),
        }
    }
    format!("$'{escaped}'")
}

/// Returns a time in seconds, cut to whole microseconds.
pub(crate) fn seconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1e6
}

impl Reporter {
    /// Prints the line `lagged`, which tells the number (`missed`) of dropped lines, and the first part of a snapshot of
    /// what is open now.
    pub(crate) fn lagged(&self, swarm: &tcp::Swarm, open: &mut OpenIds, missed: u64) {
        let mut line = self.line("lagged");
        line.put("missed", missed);
        self.print_always(&line);
        open.begin_snapshot();
        self.print_part(swarm, open);
    }

    /// Prints the next part of the snapshot that is under way, if there is one.
    pub(crate) fn print_part(&self, swarm: &tcp::Swarm, open: &mut OpenIds) {
        if let Some(part) = open.next_part(open_ids::MOST, self.now()) {
            self.print_always(&self.snapshot(swarm, &part));
        }
    }

    /// Returns the line `snapshot` for one part of a snapshot.
    fn snapshot(&self, swarm: &tcp::Swarm, part: &Part) -> LogLine {
        let mut line = self.line_at(part.at, "snapshot");
        let (mut listeners, mut connections, mut streams) = (Vec::new(), Vec::new(), Vec::new());
        for id in &part.ids {
            // An id can be looked up until its last event has been handled. An id that cannot be looked up is left out.
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

    /// A part of a snapshot that is printed in front of the line of an event has the time of the event, which was read
    /// first. Otherwise, the time `t` would go back from one line to the next.
    #[test]
    fn a_part_of_a_snapshot_has_its_own_moment() {
        let reporter = Reporter::new(LogForm::Json, false);
        let node = Node::new(&Keypair::generate_ed25519(), Config::default(), reporter).unwrap();
        let at = Moment { elapsed: Duration::from_millis(2_500), time: UNIX_EPOCH };
        let part = Part { number: 1, ids: Vec::new(), has_more: false, at };
        let line = reporter.snapshot(&node.world.swarm, &part).to_json();
        assert!(line.starts_with(r#"{"t":2.5,"time":"1970-01-01T00:00:00.000000Z","event":"snapshot""#), "{line}");
    }
}
