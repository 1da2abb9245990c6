//! Asking: [`AskStream`], the stream on which a connection is asked, and what [`Ping`] does with it.

use super::{Event, Failure, MIN_INTERVAL, PAYLOAD, PROTOCOL, Ping, PingStream, PingedConnection, Rng as _};
use crate::arithmetic::Count;
use crate::lifecycle::{ConnectionId, StreamId};
use crate::notifee::Node;
use crate::protocols::fails;
use core::time::Duration;

/// The stream on which a connection is asked: one at most.
#[derive(Debug)]
pub(super) enum AskStream {
    /// There is none.
    Closed,
    /// It is on its way. Nothing is written before it is open: negotiation is no part of the round trip.
    Opening(StreamId),
    /// It is open, and nothing is asked.
    Quiet(StreamId),
    /// It is open, and the peer owes an answer.
    Asking(StreamId, Question),
}

/// A payload on its way.
#[derive(Debug)]
pub(super) struct Question {
    payload: [u8; PAYLOAD],
    written: usize,
    /// How much of it has come back.
    back: usize,
    /// When it was written.
    since: Duration,
    /// The stream has served before, so that its end may have been on its way already.
    is_repeated: bool,
}

impl AskStream {
    /// How much may be read: what is missing of the answer, or anything, which nobody asked for.
    const fn wanted(&self) -> usize {
        match self {
            Self::Closed | Self::Opening(_) | Self::Quiet(_) => 1,
            Self::Asking(_, question) => PAYLOAD.saturating_sub(question.back),
        }
    }
}

impl Ping {
    /// The time to ask has come, or that to wait no longer.
    pub(super) fn deadline(&mut self, node: &mut dyn Node, connection: ConnectionId, now: Duration) {
        let Some(pinged) = self.connections.get_mut(connection) else { return };
        pinged.deadline = None;
        let timeout = Some(now.saturating_add(self.config.timeout));
        match pinged.ask_stream {
            AskStream::Closed => {
                self.deadlines.set(connection, &mut pinged.deadline, timeout);
                self.open(node, connection, now);
            }
            AskStream::Quiet(_) => {
                self.deadlines.set(connection, &mut pinged.deadline, timeout);
                self.ask(node, connection, now);
            }
            AskStream::Opening(_) | AskStream::Asking(..) => self.fail(node, connection, Failure::Timeout, now),
        }
    }

    /// Opens the stream; the deadline runs.
    fn open(&mut self, node: &mut dyn Node, connection: ConnectionId, now: Duration) {
        let Some(pinged) = self.connections.get_mut(connection) else { return };
        match node.open_stream(connection, &[PROTOCOL]) {
            Ok(stream) => {
                pinged.ask_stream = AskStream::Opening(stream);
                self.streams.insert(stream, PingStream::Ask(connection));
            }
            Err(error) => self.fail(node, connection, fails(error), now),
        }
    }

    /// The stream is open: writes a payload.
    pub(super) fn ask(&mut self, node: &mut dyn Node, connection: ConnectionId, now: Duration) {
        let Some(pinged) = self.connections.get_mut(connection) else { return };
        let (stream, is_repeated) = match pinged.ask_stream {
            AskStream::Opening(stream) => (stream, false),
            AskStream::Quiet(stream) => (stream, true),
            AskStream::Closed | AskStream::Asking(..) => return,
        };
        let mut payload = [0; PAYLOAD];
        self.rng.fill_bytes(&mut payload);
        pinged.ask_stream =
            AskStream::Asking(stream, Question { payload, written: 0, back: 0, since: now, is_repeated });
        self.read_answer(node, connection, now);
    }

    /// Writes and reads what can be.
    pub(super) fn read_answer(&mut self, node: &mut dyn Node, connection: ConnectionId, now: Duration) {
        let Some(pinged) = self.connections.get_mut(connection) else { return };
        if let AskStream::Asking(stream, question) = &mut pinged.ask_stream {
            question.write(node, *stream, now);
        }
        let mut buffer = [0; PAYLOAD];
        loop {
            let Some(pinged) = self.connections.get(connection) else { return };
            let stream = match pinged.ask_stream {
                AskStream::Closed | AskStream::Opening(_) => return,
                AskStream::Quiet(stream) | AskStream::Asking(stream, _) => stream,
            };
            let Some(wanted) = buffer.get_mut(..pinged.ask_stream.wanted()) else { return };
            match node.read(stream, wanted) {
                Ok(0) => {
                    self.streams.remove(stream);
                    // It has just been read from.
                    let _ = node.close_stream(stream);
                    return self.asked_is_over(node, connection, &[], Failure::Eof, now);
                }
                Ok(n) => self.came(node, connection, buffer.get(..n).unwrap_or_default(), now),
                // More is told, and so is the end.
                Err(_) => return,
            }
        }
    }

    /// The stream that a connection is asked on is over: what was `unread` on it may be the answer.
    pub(super) fn asked_is_over(
        &mut self,
        node: &mut dyn Node,
        connection: ConnectionId,
        unread: &[u8],
        reason: Failure,
        now: Duration,
    ) {
        let Some(pinged) = self.connections.get(connection) else { return };
        if let Some(bytes) =
            unread.get(..pinged.ask_stream.wanted().min(unread.len())).filter(|bytes| !bytes.is_empty())
        {
            self.came(node, connection, bytes, now);
        }
        let Some(pinged) = self.connections.get_mut(connection) else { return };
        match core::mem::replace(&mut pinged.ask_stream, AskStream::Closed) {
            // The next ping opens another.
            AskStream::Closed | AskStream::Quiet(_) => {}
            // That the connection has ended, if it has, is what the new stream fails of.
            AskStream::Asking(_, Question { is_repeated: true, .. }) => self.open(node, connection, now),
            AskStream::Opening(_) | AskStream::Asking(..) => self.fail(node, connection, reason, now),
        }
    }

    /// Bytes came back.
    fn came(&mut self, node: &mut dyn Node, connection: ConnectionId, bytes: &[u8], now: Duration) {
        let Some(pinged) = self.connections.get_mut(connection) else { return };
        let is_right = match &mut pinged.ask_stream {
            AskStream::Asking(_, question) => question.takes(bytes),
            // Nobody has asked.
            AskStream::Closed | AskStream::Opening(_) | AskStream::Quiet(_) => false,
        };
        match pinged.ask_stream {
            _ if !is_right => self.fail(node, connection, Failure::Protocol, now),
            AskStream::Asking(stream, Question { back: PAYLOAD, since, .. }) => {
                self.pong(node, connection, stream, since, now)
            }
            AskStream::Closed | AskStream::Opening(_) | AskStream::Quiet(_) | AskStream::Asking(..) => {}
        }
    }

    /// All of it is back.
    fn pong(
        &mut self,
        node: &mut dyn Node,
        connection: ConnectionId,
        stream: StreamId,
        since: Duration,
        now: Duration,
    ) {
        let Some(pinged) = self.connections.get_mut(connection) else { return };
        let round_trip = now.saturating_sub(since);
        node.note_round_trip(connection, round_trip);
        self.events.say(Event::Pong { connection, peer: pinged.peer, round_trip });
        pinged.is_asked = false;
        pinged.ask_stream = AskStream::Quiet(stream);
        if self.config.interval.is_none() {
            pinged.ask_stream = AskStream::Closed;
            self.streams.remove(stream);
            // It has ended already if this came with its end.
            let _ = node.close_stream(stream);
        }
        let next = next(self.config.interval, now);
        self.deadlines.set(connection, &mut pinged.deadline, next);
    }

    /// Gives up the stream, and with it the ping, if one is under way.
    fn fail(&mut self, node: &mut dyn Node, connection: ConnectionId, reason: Failure, now: Duration) {
        let Some(PingedConnection { ask_stream, peer, is_asked, deadline, .. }) = self.connections.get_mut(connection)
        else {
            return;
        };
        let is_quiet = matches!(ask_stream, AskStream::Quiet(_));
        match core::mem::replace(ask_stream, AskStream::Closed) {
            AskStream::Closed => {}
            AskStream::Opening(stream) | AskStream::Quiet(stream) | AskStream::Asking(stream, _) => {
                self.streams.remove(stream);
                // It may have ended already.
                let _ = node.reset(stream);
            }
        }
        if is_quiet {
            return;
        }
        *is_asked = false;
        self.events.say(Event::Failed { connection, peer: *peer, reason });
        let next = next(self.config.interval, now).filter(|_| reason != Failure::Unsupported);
        self.deadlines.set(connection, deadline, next);
    }
}

/// When to ask again.
fn next(interval: Option<Duration>, now: Duration) -> Option<Duration> {
    interval.map(|interval| now.saturating_add(interval.max(MIN_INTERVAL)))
}

impl Question {
    fn write(&mut self, node: &mut dyn Node, stream: StreamId, now: Duration) {
        while let Some(rest @ [_, ..]) = self.payload.get(self.written..) {
            match node.write(stream, rest) {
                Ok(n) => {
                    self.written.raise(n);
                    self.since = now;
                }
                // Place is told, and so is the end.
                Err(_) => return,
            }
        }
    }

    /// Whether `bytes` are how the answer goes on.
    fn takes(&mut self, bytes: &[u8]) -> bool {
        let rest = self.payload.get(self.back..self.written).unwrap_or_default();
        let is_right = rest.starts_with(bytes);
        self.back.raise(if is_right { bytes.len() } else { 0 });
        is_right
    }
}
