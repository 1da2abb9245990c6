//! What is printed: each event as one line, for people or as JSON.

use libp2p_identity::PeerId;
use serde_json::{Map, Value, json};
use std::fmt;
use std::io::Write as _;
use std::time::{Duration, Instant};
use swarm_notify::lifecycle::{ConnectionId, Event, Id, ListenerId, StreamId};
use swarm_notify::swarm::{Multiaddr, Refusal, RefusedAt, multiaddr};
use swarm_notify::tcp;
use swarm_notify::text::{shorten, shorten_to};

/// Prints lines, each as soon as it is known.
#[derive(Clone, Copy)]
pub(crate) struct Reporter {
    start: Instant,
    json: bool,
    /// Which of the demo's two.
    side: Option<&'static str>,
}

impl Reporter {
    pub(crate) fn new(json: bool) -> Self {
        Self { start: Instant::now(), json, side: None }
    }

    pub(crate) const fn side(self, side: &'static str) -> Self {
        Self { side: Some(side), ..self }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// An event, with what can be looked up of it.
    pub(crate) fn event(&self, swarm: &tcp::Swarm, event: Event) {
        let mut line = self.line(event.name());
        describe(swarm, event, &mut line);
        if event.is_last() {
            describe_refused(swarm, event.id(), &mut line);
        }
        self.print(&line);
    }

    /// Refusals of one kind, of which there were so many since the last line.
    pub(crate) fn refused(&self, swarm: &tcp::Swarm, at: RefusedAt, refusal: Refusal, count: u64) {
        let mut line = self.line("refused");
        match at {
            RefusedAt::Listener(id) => line.put("listener", id.to_string()),
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

    /// The end of `dial`.
    pub(crate) fn summary(&self, streams: u64, ok: u64, failed: u64, bytes: u64, time: Duration) {
        let mut line = self.line("summary");
        line.put("streams", streams);
        line.put("ok", ok);
        line.put("failed", failed);
        line.put("bytes", bytes);
        line.put("seconds", seconds(time));
        self.print(&line);
    }

    /// The end of `demo`: the number of events that came as promised, of all.
    pub(crate) fn shown(&self, shown: usize, promised: usize, is_right: bool) {
        if self.json {
            let mut line = self.line("summary");
            line.put("shown", shown);
            line.put("promised", promised);
            line.put("as_promised", is_right);
            self.print(&line);
        } else {
            let judgement = if is_right { "as promised" } else { "and not as promised" };
            self.write(&format!("{shown} of {promised} events, {judgement}"));
        }
    }

    /// A line, with the time and the side in it.
    pub(crate) fn line(&self, event: &str) -> Line {
        let mut line = Line(vec![("t", json!(seconds(self.elapsed())))]);
        if let Some(side) = self.side {
            line.put("side", side);
        }
        line.put("event", event);
        line
    }

    pub(crate) fn print(&self, line: &Line) {
        self.write(&if self.json { line.to_json() } else { line.to_string() });
    }

    fn write(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        // Nobody reads on: there is nobody left to tell.
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }
}

/// What is printed on one line, in order.
pub(crate) struct Line(Vec<(&'static str, Value)>);

impl Line {
    /// Adds a value. Strings in it are cut at [`MAX_TEXT`](swarm_notify::text::MAX_TEXT) bytes, since a peer may have
    /// chosen them.
    pub(crate) fn put(&mut self, key: &'static str, value: impl Into<Value>) {
        self.0.push((key, shortened(value.into())));
    }

    /// Adds the data of a message, cut at [`MAX_DATA`] bytes. Its whole length follows if it was cut.
    pub(crate) fn put_data(&mut self, key: &'static str, data: &str) {
        self.0.push((key, shorten_to(data, MAX_DATA).into()));
        if data.len() > MAX_DATA {
            self.put("length", data.len());
        }
    }

    fn to_json(&self) -> String {
        let fields: Vec<_> = self.0.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        format!("{{{}}}", fields.join(","))
    }
}

/// The most bytes of a message's data on one line.
const MAX_DATA: usize = 4_096;

/// A value whose strings are short.
fn shortened(value: Value) -> Value {
    match value {
        Value::String(text) => shorten(&text).into(),
        Value::Array(values) => values.into_iter().map(shortened).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value,
    }
}

/// For people. What peers have chosen can neither begin a line nor command a terminal.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, value) in &self.0 {
            match (*key, value) {
                ("t", value) => write!(f, "{:>9.6}", value.as_f64().unwrap_or_default())?,
                ("side", Value::String(side)) => write!(f, "  {side}")?,
                ("event", Value::String(event)) => write!(f, "  {event:<14}")?,
                (_, Value::String(value)) => write!(f, " {key}={}", harmless(value))?,
                (_, value) => write!(f, " {key}={}", harmless(&value.to_string()))?,
            }
        }
        Ok(())
    }
}

/// Control characters become what they are written as in Rust.
fn harmless(text: &str) -> String {
    let (mut harmless, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(char::is_control) {
        harmless.push_str(&rest[..at]);
        let mut chars = rest[at..].chars();
        harmless.extend(chars.next().into_iter().flat_map(char::escape_default));
        rest = chars.as_str();
    }
    harmless + rest
}

/// Seconds, to the microsecond.
pub(crate) fn seconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1e6
}

fn describe(swarm: &tcp::Swarm, event: Event, line: &mut Line) {
    let mut put = |key, value: String| line.put(key, value);
    match event {
        Event::Listen { listener } => put("listener", listener.to_string()),
        Event::ListenFailed { listener, reason } => {
            put("listener", listener.to_string());
            put("reason", reason.to_string());
        }
        Event::ListenClose { listener, reason } => {
            put("listener", listener.to_string());
            put("reason", reason.to_string());
        }
        Event::Connected { connection } => put("connection", connection.to_string()),
        Event::ConnectFailed { connection, reason } => {
            put("connection", connection.to_string());
            put("reason", reason.to_string());
        }
        Event::Disconnected { connection, reason } => {
            put("connection", connection.to_string());
            put("reason", reason.to_string());
        }
        Event::OpenedStream { connection, stream } => {
            put("connection", connection.to_string());
            put("stream", stream.to_string());
        }
        Event::StreamFailed { connection, stream, reason } => {
            put("connection", connection.to_string());
            put("stream", stream.to_string());
            put("reason", reason.to_string());
        }
        Event::ClosedStream { connection, stream, reason } => {
            put("connection", connection.to_string());
            put("stream", stream.to_string());
            put("reason", reason.to_string());
        }
    }
    match event {
        Event::Listen { listener } | Event::ListenFailed { listener, .. } | Event::ListenClose { listener, .. } => {
            describe_listener(swarm, listener, line);
        }
        Event::Connected { connection }
        | Event::ConnectFailed { connection, .. }
        | Event::Disconnected { connection, .. } => describe_connection(swarm, connection, line),
        Event::OpenedStream { stream, .. }
        | Event::StreamFailed { stream, .. }
        | Event::ClosedStream { stream, .. } => describe_stream(swarm, stream, line),
    }
}

fn describe_listener(swarm: &tcp::Swarm, id: ListenerId, line: &mut Line) {
    let Some(listener) = swarm.listener(id) else { return };
    // One that could not open is known by what it was asked for.
    let addresses =
        if listener.addresses.is_empty() { core::slice::from_ref(listener.address) } else { listener.addresses };
    let full = |address| with_peer(address, swarm.local_peer()).to_string();
    line.put("addresses", addresses.iter().map(full).collect::<Vec<_>>());
    if let Some(error) = listener.error {
        line.put("error", error);
    }
}

/// The whole counts of refusals, where something was refused.
fn describe_refused(swarm: &tcp::Swarm, id: Id, line: &mut Line) {
    let at = match id {
        Id::Listener(id) => RefusedAt::Listener(id),
        Id::Connection(id) => RefusedAt::Connection(id),
        Id::Stream(_) => return,
    };
    let counts = Refusal::ALL.iter().map(|refusal| (refusal, swarm.refused_at(at, *refusal)));
    let counts: Map<_, _> =
        counts.filter(|(_, count)| *count > 0).map(|(refusal, count)| (refusal.to_string(), count.into())).collect();
    if !counts.is_empty() {
        line.put("refused", counts);
    }
}

/// An address with `peer` at its end, unless it names a peer there.
fn with_peer(address: &Multiaddr, peer: PeerId) -> Multiaddr {
    match address.iter().last() {
        Some(multiaddr::Protocol::P2p(_)) => address.clone(),
        Some(_) | None => address.clone().with(multiaddr::Protocol::P2p(peer)),
    }
}

fn describe_connection(swarm: &tcp::Swarm, id: ConnectionId, line: &mut Line) {
    let Some(connection) = swarm.connection(id) else { return };
    line.put("remote", connection.remote.to_string());
    if let Some(peer) = connection.peer {
        line.put("peer", peer.to_string());
    }
    line.put("direction", connection.direction.to_string());
    if let Some(error) = connection.error {
        line.put("error", error);
    }
}

fn describe_stream(swarm: &tcp::Swarm, id: StreamId, line: &mut Line) {
    let Some(stream) = swarm.stream(id) else { return };
    line.put("direction", stream.direction.to_string());
    if let Some(protocol) = stream.protocol {
        line.put("protocol", protocol.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use swarm_notify::text::MAX_TEXT;

    #[test]
    fn what_a_peer_says_of_itself_cannot_command_a_terminal() {
        let mut line = Line(vec![("t", json!(1.5)), ("event", json!("identified"))]);
        line.put("agent", "go\u{1b}[2J\n 0.1 connected \u{9b}\u{7f}é");
        line.put("protocols", vec!["/a\u{9b}\n".to_owned()]);
        let expected =
            r#" 1.500000  identified     agent=go\u{1b}[2J\n 0.1 connected \u{9b}\u{7f}é protocols=["/a\u{9b}\n"]"#;
        assert_eq!(line.to_string(), expected);
    }

    #[test]
    fn strings_of_64_kib_are_cut_on_a_line() {
        let mut line = Line(Vec::new());
        line.put("agent", "a".repeat(64 * 1024));
        line.put("protocols", vec!["é".repeat(32 * 1024); 2]);
        line.put_data("data", &"d".repeat(64 * 1024));
        let text = line.to_string();
        assert!(text.len() < 3 * (MAX_TEXT + 20) + MAX_DATA + 40, "{}", text.len());
        assert!(text.contains("a… protocols=[\"éé") && text.ends_with("d… length=65536"), "{text}");
    }
}
