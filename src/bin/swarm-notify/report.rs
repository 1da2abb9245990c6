//! What is printed: each event as one line, for people or as JSON.

use libp2p_identity::PeerId;
use serde_json::{Value, json};
use std::fmt;
use std::io::Write as _;
use std::time::{Duration, Instant};
use swarm_notify::lifecycle::{ConnectionId, Event, ListenerId, StreamId};
use swarm_notify::swarm::{Multiaddr, multiaddr};
use swarm_notify::tcp;

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
        let text = if self.json { line.to_json() } else { line.to_string() };
        let mut out = std::io::stdout().lock();
        // Nobody reads on: there is nobody left to tell.
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }
}

/// What is printed on one line, in order.
pub(crate) struct Line(Vec<(&'static str, Value)>);

impl Line {
    pub(crate) fn put(&mut self, key: &'static str, value: impl Into<Value>) {
        self.0.push((key, value.into()));
    }

    fn to_json(&self) -> String {
        let fields: Vec<_> = self.0.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        format!("{{{}}}", fields.join(","))
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

    #[test]
    fn what_a_peer_says_of_itself_cannot_command_a_terminal() {
        let mut line = Line(vec![("t", json!(1.5)), ("event", json!("identified"))]);
        line.put("agent", "go\u{1b}[2J\n 0.1 connected \u{9b}\u{7f}é");
        line.put("protocols", vec!["/a\u{9b}\n".to_owned()]);
        let expected =
            r#" 1.500000  identified     agent=go\u{1b}[2J\n 0.1 connected \u{9b}\u{7f}é protocols=["/a\u{9b}\n"]"#;
        assert_eq!(line.to_string(), expected);
    }
}
