//! `swarm-notify dial`: opens streams, a number at a time, and checks what comes back.

use crate::args;
use crate::listen::SINK;
use crate::node::{App, Error, Node};
use crate::report::Reporter;
use futures_lite::future::poll_fn;
use libp2p_identity::Keypair;
use std::collections::HashMap;
use std::task::Poll;
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId, Event, Side, State, StreamEnd, StreamId};
use swarm_notify::swarm::{Config, Ready};

pub(crate) fn run(args: &args::Dial, json: bool) -> Result<bool, Error> {
    let mut config = Config::default();
    let streams = u32::try_from(args.concurrency).unwrap_or(u32::MAX);
    config.limits.streams_per_connection = config.limits.streams_per_connection.max(streams);
    config.limits.streams = config.limits.streams.max(streams);
    let mut node = Node::new(&Keypair::generate_ed25519(), config, Reporter::new(json))?;
    let connection = node.swarm.dial(args.address.clone()).map_err(|error| Error::Dial(error.to_string()))?;
    let mut caller = Caller::new(args, connection);
    async_io::block_on(poll_fn(|cx| {
        loop {
            let release = caller.release;
            let happened = node.turn(cx, &mut caller, release);
            if caller.release.is_some_and(|release| release <= node.reporter.elapsed()) {
                caller.release = None;
                caller.is_released = true;
                node.swarm.shutdown();
                continue;
            }
            if caller.is_over {
                node.swarm.shutdown();
                if node.swarm.is_shut_down() {
                    return Poll::Ready(());
                }
            }
            if !happened {
                return Poll::Pending;
            }
        }
    }));
    let (ok, failed) = (caller.ok, args.streams - caller.ok);
    node.reporter.summary(args.streams, ok, failed, caller.bytes, caller.seconds(&node));
    Ok(failed == 0 && caller.is_right)
}

/// What is under way.
struct Caller<'a> {
    args: &'a args::Dial,
    connection: ConnectionId,
    streams: HashMap<StreamId, Call>,
    /// How many streams have been begun.
    begun: u64,
    ok: u64,
    /// How many have ended or failed.
    ended: u64,
    /// How many bytes were sent and came back right, or were sent to a sink.
    bytes: u64,
    connected: Option<Duration>,
    done: Option<Duration>,
    /// When the connection is let go.
    release: Option<Duration>,
    is_released: bool,
    is_over: bool,
    /// Nothing was wrong with the connection.
    is_right: bool,
}

/// One stream.
struct Call {
    /// Which it is: its bytes differ from the others'.
    number: u64,
    sent: u64,
    received: u64,
    is_finished: bool,
    is_reset: bool,
    is_wrong: bool,
}

impl Call {
    /// The byte at a place of this stream.
    fn byte(&self, at: u64) -> u8 {
        (at.wrapping_mul(31).wrapping_add(self.number.wrapping_mul(7)) ^ (at >> 8)) as u8
    }
}

impl<'a> Caller<'a> {
    fn new(args: &'a args::Dial, connection: ConnectionId) -> Self {
        Self {
            args,
            connection,
            streams: HashMap::new(),
            begun: 0,
            ok: 0,
            ended: 0,
            bytes: 0,
            connected: None,
            done: None,
            release: None,
            is_released: false,
            is_over: false,
            is_right: false,
        }
    }

    /// From the connection to the last stream's end.
    fn seconds(&self, node: &Node) -> f64 {
        let end = self.done.unwrap_or_else(|| node.reporter.elapsed());
        self.connected.map_or(0.0, |connected| end.saturating_sub(connected).as_secs_f64())
    }

    fn expects_echo(&self) -> bool {
        self.args.protocol != SINK
    }

    /// Begins streams, as many as are wanted at a time.
    fn begin(&mut self, node: &mut Node) {
        while self.begun < self.args.streams && self.begun - self.ended < self.args.concurrency {
            let protocols = core::slice::from_ref(&self.args.protocol);
            match node.swarm.open_stream(self.connection, protocols) {
                Ok(stream) => {
                    let number = self.begun;
                    let call =
                        Call { number, sent: 0, received: 0, is_finished: false, is_reset: false, is_wrong: false };
                    self.streams.insert(stream, call);
                    self.begun += 1;
                    self.go_on(node, stream);
                }
                // The connection is ending; its last event says why.
                Err(_) => return,
            }
        }
        if self.ended == self.args.streams && self.done.is_none() {
            self.done = Some(node.reporter.elapsed());
            self.release = self.done.map(|done| done + Duration::from_secs_f64(self.args.hold));
        }
    }

    fn go_on(&mut self, node: &mut Node, stream: StreamId) {
        let echoes = self.expects_echo();
        let Some(call) = self.streams.get_mut(&stream) else { return };
        let mut buffer = [0; 16 * 1024];
        while call.sent < self.args.bytes {
            let n = (self.args.bytes - call.sent).min(buffer.len() as u64) as usize;
            for (at, byte) in (call.sent..).zip(&mut buffer[..n]) {
                *byte = call.byte(at);
            }
            match node.swarm.write(stream, &buffer[..n]) {
                Ok(n) => call.sent += n as u64,
                Err(_) => break,
            }
        }
        if call.sent == self.args.bytes && (self.args.half_close || !echoes) && !self.args.reset {
            call.is_finished = node.swarm.finish(stream).is_ok();
        }
        loop {
            if echoes && call.sent == self.args.bytes && call.received == self.args.bytes {
                if self.args.reset {
                    call.is_reset = node.swarm.reset(stream).is_ok();
                    return;
                }
                if !call.is_finished {
                    call.is_finished = node.swarm.finish(stream).is_ok();
                }
            }
            match node.swarm.read(stream, &mut buffer) {
                Ok(0) => {
                    // A peer that ends before it has sent everything back.
                    call.is_wrong |= echoes && call.received < self.args.bytes;
                    let _ = node.swarm.finish(stream);
                    return;
                }
                Ok(n) => {
                    let right = (call.received..).zip(&buffer[..n]).all(|(at, byte)| *byte == call.byte(at));
                    call.received += n as u64;
                    call.is_wrong |= !right || !echoes || call.received > call.sent;
                }
                Err(_) => break,
            }
        }
        if self.args.reset && !echoes && call.sent == self.args.bytes {
            let open = node.swarm.stream(stream).is_some_and(|view| view.state == State::Open);
            call.is_reset = open && node.swarm.reset(stream).is_ok();
        }
    }

    fn ended(&mut self, node: &mut Node, stream: StreamId, end: Option<StreamEnd>) {
        let Some(call) = self.streams.remove(&stream) else { return };
        let expected = if call.is_reset { StreamEnd::Reset(Side::Local) } else { StreamEnd::Finished };
        let complete = call.sent == self.args.bytes && (!self.expects_echo() || call.received == self.args.bytes);
        if end == Some(expected) && complete && !call.is_wrong {
            self.ok += 1;
            self.bytes += call.sent;
        }
        self.ended += 1;
        self.begin(node);
    }
}

impl App for Caller<'_> {
    fn event(&mut self, node: &mut Node, event: Event) {
        match event {
            Event::Connected { .. } => {
                self.connected = Some(node.reporter.elapsed());
                self.begin(node);
            }
            Event::ConnectFailed { .. } => self.is_over = true,
            Event::Disconnected { reason, .. } => {
                self.is_over = true;
                self.is_right = self.is_released && reason == ConnectionEnd::Shutdown;
            }
            Event::OpenedStream { stream, .. } => self.go_on(node, stream),
            Event::StreamFailed { stream, .. } => self.ended(node, stream, None),
            Event::ClosedStream { stream, reason, .. } => self.ended(node, stream, Some(reason)),
            Event::Listen { .. } | Event::ListenFailed { .. } | Event::ListenClose { .. } => {}
        }
    }

    fn ready(&mut self, node: &mut Node, ready: Ready) {
        if let Ready::Stream { stream, .. } = ready {
            self.go_on(node, stream);
        }
    }
}
