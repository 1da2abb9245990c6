//! Our own pings: [`AskStream`] is the stream on which we ping the peer of a connection, and [`Ping`] drives it.

use super::{Event, Failure, MIN_INTERVAL, PAYLOAD, PROTOCOL, Ping, PingStream, PingedConnection, Rng as _};
use crate::arithmetic::Count;
use crate::lifecycle::{ConnectionId, StreamId};
use crate::notifee::Node;
use crate::protocols::fails;
use core::time::Duration;

/// The state of the stream on which we ping the peer of a connection. Each connection has at most one such stream.
#[derive(Debug)]
pub(super) enum AskStream {
    /// There is no stream.
    Closed,
    /// The stream is being opened. The payload is written once the stream is open, so that the round-trip time does not
    /// include the negotiation of the protocol.
    Opening(StreamId),
    /// The stream is open, and no ping is under way.
    Quiet(StreamId),
    /// The stream is open, and a ping is under way: the peer has to echo the payload.
    Asking(StreamId, Question),
}

/// A payload that the peer has to echo.
#[derive(Debug)]
pub(super) struct Question {
    payload: [u8; PAYLOAD],
    written: usize,
    /// The number of bytes of the echo that have arrived.
    back: usize,
    /// The time at which the last byte of the payload was written.
    since: Duration,
    /// True if an earlier ping used the same stream. If that stream then ends before the whole echo has arrived, the ping is
    /// tried once more on a new stream, since the peer may have ended the stream before this payload arrived.
    is_repeated: bool,
}

impl AskStream {
    /// Returns the maximum number of bytes to read from the stream: the length of the missing part of the echo. If no ping
    /// is under way, returns 1, since any byte that arrives then is an error.
    const fn wanted(&self) -> usize {
        match self {
            Self::Closed | Self::Opening(_) | Self::Quiet(_) => 1,
            Self::Asking(_, question) => PAYLOAD.saturating_sub(question.back),
        }
    }
}

impl Ping {
    /// Handles the deadline of a connection. If a ping is under way, the ping fails with [`Failure::Timeout`]. Otherwise the
    /// next ping begins.
    pub(super) fn deadline(&mut self, node: &mut dyn Node, connection: ConnectionId, now: Duration) {
        let Some(pinged) = self.connections.get_mut(connection) else { return };
        pinged.deadline = None;
        // The deadline is set before the ping begins: if the ping fails at once, `fail` replaces the deadline with the
        // time of the next ping.
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

    /// Opens the stream for a ping. The caller has already set the deadline of the ping.
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

    /// Sends a ping: writes a fresh payload to the stream, which is open.
    pub(super) fn ask(&mut self, node: &mut dyn Node, connection: ConnectionId, now: Duration) {
        let Some(pinged) = self.connections.get_mut(connection) else { return };
        let (stream, is_repeated) = match pinged.ask_stream {
            AskStream::Opening(stream) => (stream, false),
            AskStream::Quiet(stream) => (stream, true),
            AskStream::Closed | AskStream::Asking(..) => return,
        };
        let mut payload = [0; PAYLOAD];
        // The payload is unpredictable: a peer that could foretell it could send the echo early, and seem closer than
        // it is.
        self.rng.fill_bytes(&mut payload);
        pinged.ask_stream =
            AskStream::Asking(stream, Question { payload, written: 0, back: 0, since: now, is_repeated });
        self.read_answer(node, connection, now);
    }

    /// Writes the rest of the payload and reads the echo, as far as the stream allows.
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
            // No read goes beyond the end of the echo. Bytes behind a right echo are therefore judged when no ping is
            // under way any more: they cost the peer the stream, and not the ping that it has answered.
            let Some(wanted) = buffer.get_mut(..pinged.ask_stream.wanted()) else { return };
            match node.read(stream, wanted) {
                Ok(0) => {
                    self.streams.remove(stream);
                    // This cannot fail: the stream has just been read from.
                    let _ = node.close_stream(stream);
                    return self.asked_is_over(node, connection, &[], Failure::Eof, now);
                }
                Ok(n) => self.came(node, connection, buffer.get(..n).unwrap_or_default(), now),
                // We are notified when there is more to read, and of the end of the stream.
                Err(_) => return,
            }
        }
    }

    /// Handles the end of the stream on which we ping the peer of a connection. `unread` are the bytes of the stream that
    /// were not read before its end; they may contain the echo.
    pub(super) fn asked_is_over(
        &mut self,
        node: &mut dyn Node,
        connection: ConnectionId,
        unread: &[u8],
        reason: Failure,
        now: Duration,
    ) {
        let Some(pinged) = self.connections.get(connection) else { return };
        // The bytes count before the end does: a peer may write the echo and close the stream or the whole connection
        // at once.
        if let Some(bytes) =
            unread.get(..pinged.ask_stream.wanted().min(unread.len())).filter(|bytes| !bytes.is_empty())
        {
            self.came(node, connection, bytes, now);
        }
        let Some(pinged) = self.connections.get_mut(connection) else { return };
        match core::mem::replace(&mut pinged.ask_stream, AskStream::Closed) {
            // The next ping opens another stream.
            AskStream::Closed | AskStream::Quiet(_) => {}
            // js-libp2p resets a ping stream 10 s after its opening, and go-libp2p ends one after 30 s, so with our interval
            // of 15 s a payload can cross the end on its way. The deadline of the ping stays: both streams together have one
            // `timeout`. On the new stream the ping is not repeated again. If the connection has ended too, opening the
            // stream fails with that reason.
            AskStream::Asking(_, Question { is_repeated: true, .. }) => self.open(node, connection, now),
            AskStream::Opening(_) | AskStream::Asking(..) => self.fail(node, connection, reason, now),
        }
    }

    /// Compares bytes that have arrived with the payload. If the bytes differ from the payload, the ping fails; if they
    /// complete the echo, the ping has succeeded.
    fn came(&mut self, node: &mut dyn Node, connection: ConnectionId, bytes: &[u8], now: Duration) {
        let Some(pinged) = self.connections.get_mut(connection) else { return };
        let is_right = match &mut pinged.ask_stream {
            AskStream::Asking(_, question) => question.takes(bytes),
            // No ping is under way.
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

    /// Reports the round-trip time, after the whole echo has arrived.
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
        // The next ping may be far away, and until then an open stream would keep the connection from its idle timeout.
        if self.config.interval.is_none() {
            pinged.ask_stream = AskStream::Closed;
            self.streams.remove(stream);
            // The stream has ended already if these bytes arrived with its end.
            let _ = node.close_stream(stream);
        }
        let next = next(self.config.interval, now);
        self.deadlines.set(connection, &mut pinged.deadline, next);
    }

    /// Resets the stream on which we ping. If a ping is under way, the ping fails with `reason`.
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
                // The stream may have ended already.
                let _ = node.reset(stream);
            }
        }
        // No ping was under way: the peer has sent bytes that nobody asked for, and loses the stream. There is no
        // outcome to report, and the next ping keeps its time.
        if is_quiet {
            return;
        }
        *is_asked = false;
        self.events.say(Event::Failed { connection, peer: *peer, reason });
        let next = next(self.config.interval, now).filter(|_| reason != Failure::Unsupported);
        self.deadlines.set(connection, deadline, next);
    }
}

/// Returns the time of the next ping, or `None` if pings are sent only when the owner asks for them.
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
                // We are notified when there is room again, and of the end of the stream.
                Err(_) => return,
            }
        }
    }

    /// Returns whether `bytes` are the expected next bytes of the echo. If they are, adds their number to `back`.
    fn takes(&mut self, bytes: &[u8]) -> bool {
        // Only bytes that were written can be echoed. Bytes that arrive earlier are no echo, even if they are right.
        let rest = self.payload.get(self.back..self.written).unwrap_or_default();
        let is_right = rest.starts_with(bytes);
        self.back.raise(if is_right { bytes.len() } else { 0 });
        is_right
    }
}
