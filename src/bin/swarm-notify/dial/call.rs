//! [`Call`]: one stream of `dial`, which sends bytes that are its own and compares what comes back.

use crate::args;
use crate::listen::SINK;
use crate::report::named;
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::{Failure, Side, State, StreamEnd, StreamId};
use swarm_notify::tcp;

/// When our side of a stream ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// As soon as all is sent.
    HalfClose,
    /// Once all has come back.
    Finish,
    /// Once all has come back, by a reset.
    Reset,
}

/// The answer that a stream waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Awaited {
    /// The peer's word on the protocol.
    Protocol,
    /// Room at the peer for more bytes.
    Room,
    /// The rest of the echo.
    Echo,
    /// The end of the peer's side.
    End,
}

impl Awaited {
    /// Its name in the log.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Protocol => "protocol",
            Self::Room => "room",
            Self::Echo => "echo",
            Self::End => "end",
        }
    }
}

/// One stream.
pub(super) struct Call {
    /// Its place in the order in which streams were begun: its bytes differ from the others'.
    pub(super) number: u64,
    pub(super) begun_at: Duration,
    /// The time at which it opened, or bytes or the end of the peer's side last moved on it. `None` until it is open.
    pub(super) moved_at: Option<Duration>,
    /// Nothing has moved on it for too long while it waited for this.
    pub(super) gave_up_on: Option<Awaited>,
    protocol: Protocol,
    bytes: u64,
    /// Others are open at the same time.
    has_company: bool,
    expects_echo: bool,
    ending: Ending,
    pub(super) sent: u64,
    received: u64,
    is_reset: bool,
    /// Something came back that was not sent.
    is_wrong: bool,
    /// The peer has ended its side.
    is_over: bool,
    /// It did so before all had come back.
    is_short: bool,
}

impl Call {
    pub(super) fn new(number: u64, begun_at: Duration, args: &args::Dial) -> Self {
        let expects_echo = args.protocol != SINK;
        let ending = match args.reset {
            true => Ending::Reset,
            false if args.half_close || !expects_echo => Ending::HalfClose,
            false => Ending::Finish,
        };
        Self {
            number,
            begun_at,
            moved_at: None,
            gave_up_on: None,
            protocol: args.protocol.clone(),
            bytes: args.bytes,
            has_company: args.concurrency > 1,
            expects_echo,
            ending,
            sent: 0,
            received: 0,
            is_reset: false,
            is_wrong: false,
            is_over: false,
            is_short: false,
        }
    }

    /// The byte at a place of this stream.
    fn byte(&self, at: u64) -> u8 {
        (at.wrapping_mul(31).wrapping_add(self.number.wrapping_mul(7)) ^ (at >> 8)) as u8
    }

    /// All is sent, and all that was expected has come.
    fn is_complete(&self) -> bool {
        self.sent == self.bytes && (!self.expects_echo || self.received >= self.bytes)
    }

    /// Whether a stream that ended like this was all right.
    pub(super) fn is_right(&self, end: StreamEnd) -> bool {
        let expected = if self.is_reset { StreamEnd::Reset(Side::Local) } else { StreamEnd::Finished };
        let is_as_sent = self.is_complete() && !self.is_wrong && !self.is_short;
        end == expected && self.is_reset == (self.ending == Ending::Reset) && is_as_sent && self.gave_up_on.is_none()
    }

    /// The bytes that count as done: those that came back, or that a sink was sent.
    pub(super) const fn done(&self) -> u64 {
        if self.expects_echo { self.received } else { self.sent }
    }

    /// What it waits for.
    pub(super) const fn awaits(&self) -> Awaited {
        if self.moved_at.is_none() {
            Awaited::Protocol
        } else if self.sent < self.bytes {
            Awaited::Room
        } else if self.expects_echo && self.received < self.bytes {
            Awaited::Echo
        } else {
            Awaited::End
        }
    }

    /// Tells why it failed to open.
    pub(super) fn why_failed(&self, reason: Failure, timeout: Duration) -> String {
        if reason == Failure::Timeout {
            return self.why_unanswered(Awaited::Protocol, timeout);
        }
        if reason == Failure::Unsupported {
            return format!("the peer does not speak {} (--identify asks it for what it does)", named(&self.protocol));
        }
        if self.has_company && reason == Failure::Reset(Side::Remote) {
            return format!("it could not open: {reason} (the peer may allow fewer at a time: lower --concurrency)");
        }
        format!("it could not open: {reason}")
    }

    /// Tells why one that has ended like this is not right.
    pub(super) fn why_wrong(&self, end: StreamEnd, timeout: Duration) -> String {
        let Self { sent, received, bytes, .. } = self;
        match self.gave_up_on {
            Some(awaited) => self.why_unanswered(awaited, timeout),
            None if self.is_wrong => "bytes came back that were not sent".to_owned(),
            None if self.is_short => format!("the peer ended its side when {received} of {bytes} bytes had come back"),
            None if self.expects_echo => format!("it ended as {end} when {received} of {bytes} bytes had come back"),
            None => format!("it ended as {end} when {sent} of {bytes} bytes were sent"),
        }
    }

    fn why_unanswered(&self, awaited: Awaited, timeout: Duration) -> String {
        let Self { sent, received, bytes, protocol, .. } = self;
        let protocol = named(protocol);
        let seconds = timeout.as_secs_f64();
        match awaited {
            Awaited::Protocol => format!("it waited {seconds} s for the peer to agree on {protocol}"),
            Awaited::Room => {
                format!("it waited {seconds} s for the peer to take more when {sent} of {bytes} bytes were sent")
            }
            Awaited::Echo => {
                format!("it waited {seconds} s for the echo when {received} of {bytes} bytes had come back")
            }
            Awaited::End => format!("it waited {seconds} s for the peer to end its side"),
        }
    }

    /// Writes, reads and ends, as far as that goes now. Returns whether anything has moved.
    pub(super) fn go_on(&mut self, swarm: &mut tcp::Swarm, stream: StreamId) -> bool {
        let before = (self.sent, self.received, self.is_over);
        self.write(swarm, stream);
        if self.sent == self.bytes && self.ending == Ending::HalfClose {
            let _ = swarm.finish(stream);
        }
        self.read(swarm, stream);
        if self.is_over || (self.is_complete() && self.ending == Ending::Finish) {
            let _ = swarm.finish(stream);
        } else if self.is_complete() && self.ending == Ending::Reset {
            // A reset before both have agreed on the protocol would be a failure.
            let is_open = swarm.stream(stream).is_some_and(|view| view.state == State::Open);
            self.is_reset |= is_open && swarm.reset(stream).is_ok();
        }
        before != (self.sent, self.received, self.is_over)
    }

    fn write(&mut self, swarm: &mut tcp::Swarm, stream: StreamId) {
        let mut buffer = [0; 16 * 1024];
        while self.sent < self.bytes {
            let n = (self.bytes - self.sent).min(buffer.len() as u64) as usize;
            for (at, byte) in (self.sent..).zip(&mut buffer[..n]) {
                *byte = self.byte(at);
            }
            match swarm.write(stream, &buffer[..n]) {
                Ok(n) => self.sent += n as u64,
                // There is no place yet; or it has ended, and its last event says why.
                Err(_) => return,
            }
        }
    }

    fn read(&mut self, swarm: &mut tcp::Swarm, stream: StreamId) {
        let mut buffer = [0; 16 * 1024];
        loop {
            match swarm.read(stream, &mut buffer) {
                Ok(0) => {
                    self.is_short |= !self.is_complete();
                    self.is_over = true;
                    return;
                }
                Ok(n) => {
                    let is_echo = (self.received..).zip(&buffer[..n]).all(|(at, byte)| *byte == self.byte(at));
                    self.received += n as u64;
                    self.is_wrong |= !self.expects_echo || !is_echo || self.received > self.sent;
                }
                Err(_) => return,
            }
        }
    }
}
