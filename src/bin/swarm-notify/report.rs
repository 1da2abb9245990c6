//! What is printed: each event as one line, for people or as JSON.

use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};
use swarm_notify::lifecycle::{ConnectionId, Event, ListenerId, StreamId};
use swarm_notify::swarm::{Multiaddr, Swarm, multiaddr};
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
    pub(crate) fn event(&self, swarm: &Swarm<tcp::Transport>, event: Event) {
        let mut line = self.line(event.name());
        describe(swarm, event, &mut line);
        self.print(&line);
    }

    /// The end of `dial`.
    pub(crate) fn summary(&self, streams: u64, ok: u64, failed: u64, bytes: u64, time: Duration) {
        let mut line = self.line("summary");
        line.insert("streams".into(), streams.into());
        line.insert("ok".into(), ok.into());
        line.insert("failed".into(), failed.into());
        line.insert("bytes".into(), bytes.into());
        line.insert("seconds".into(), json!(seconds(time)));
        self.print(&line);
    }

    fn line(&self, event: &str) -> Map<String, Value> {
        let mut line = Map::new();
        line.insert("t".into(), json!(seconds(self.elapsed())));
        if let Some(side) = self.side {
            line.insert("side".into(), side.into());
        }
        line.insert("event".into(), event.into());
        line
    }

    fn print(&self, line: &Map<String, Value>) {
        let mut text = String::new();
        if self.json {
            text = Value::Object(line.clone()).to_string();
        } else {
            for (key, value) in line {
                // Writing to a string does not fail.
                let _ = match (key.as_str(), value) {
                    ("t", value) => write!(text, "{:>9.6}", value.as_f64().unwrap_or_default()),
                    ("side", Value::String(side)) => write!(text, "  {side}"),
                    ("event", Value::String(event)) => write!(text, "  {event:<14}"),
                    (_, Value::String(value)) => write!(text, " {key}={value}"),
                    (_, value) => write!(text, " {key}={value}"),
                };
            }
        }
        let mut out = std::io::stdout().lock();
        // Nobody reads on: there is nobody left to tell.
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }
}

/// Seconds, to the microsecond.
fn seconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1e6
}

fn describe(swarm: &Swarm<tcp::Transport>, event: Event, line: &mut Map<String, Value>) {
    let mut put = |key: &str, value: String| {
        line.insert(key.into(), value.into());
    };
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

fn describe_listener(swarm: &Swarm<tcp::Transport>, id: ListenerId, line: &mut Map<String, Value>) {
    let Some(listener) = swarm.listener(id) else { return };
    // One that could not open is known by what it was asked for.
    let addresses =
        if listener.addresses.is_empty() { core::slice::from_ref(listener.address) } else { listener.addresses };
    let full = |address: &Multiaddr| address.clone().with(multiaddr::Protocol::P2p(swarm.local_peer())).to_string();
    line.insert("addresses".into(), addresses.iter().map(full).collect());
    if let Some(error) = listener.error {
        line.insert("error".into(), error.into());
    }
}

fn describe_connection(swarm: &Swarm<tcp::Transport>, id: ConnectionId, line: &mut Map<String, Value>) {
    let Some(connection) = swarm.connection(id) else { return };
    line.insert("remote".into(), connection.remote.to_string().into());
    if let Some(peer) = connection.peer {
        line.insert("peer".into(), peer.to_string().into());
    }
    line.insert("direction".into(), connection.direction.to_string().into());
    if let Some(error) = connection.error {
        line.insert("error".into(), error.into());
    }
}

fn describe_stream(swarm: &Swarm<tcp::Transport>, id: StreamId, line: &mut Map<String, Value>) {
    let Some(stream) = swarm.stream(id) else { return };
    line.insert("direction".into(), stream.direction.to_string().into());
    if let Some(protocol) = stream.protocol {
        line.insert("protocol".into(), protocol.to_string().into());
    }
}
