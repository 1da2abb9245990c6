//! [`Call`]: one stream of `dial`, which sends bytes and compares the bytes that come back with them.

// The paths are given, since `tests/attacks/attacked.rs` includes this file from another folder.
#[path = "call/faults.rs"]
mod faults;

use crate::args;
use crate::listen::SINK;
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::{Side, State, StreamEnd, StreamId};
use swarm_notify::tcp;

/// The length of a *stretch* of a stream, in bytes. The bytes that a stream sends and receives are divided into stretches,
/// and each stretch has to be transferred within the time of `--timeout`. The last stretch of a stream may be shorter, and
/// has the same time.
pub(super) const STRETCH: u64 = 1024;

/// The way in which `dial` ends its side of a stream.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OurEnd {
    /// The side is finished as soon as all bytes are sent.
    HalfClose,
    /// The side is finished once all bytes have come back.
    Finish,
    /// The whole stream is reset once all bytes have come back.
    Reset,
}

/// An answer of the peer for which a stream waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Awaited {
    /// The peer's agreement to the protocol of the stream.
    Protocol,
    /// A window update from the peer, which allows the stream to send more bytes.
    Room,
    /// The bytes of the echo that have not come back yet.
    Echo,
    /// The end of the peer's side of the stream.
    End,
}

impl Awaited {
    /// Returns the name of the answer in the log.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Protocol => "protocol",
            Self::Room => "room",
            Self::Echo => "echo",
            Self::End => "end",
        }
    }
}

/// The fault of the first wrong byte that the peer has sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wrong {
    /// The byte of the echo at this position, counted from 0, differs from the byte that was sent.
    Byte(u64),
    /// The byte arrived although all bytes that were sent so far had come back already.
    Surplus,
    /// The byte arrived from a sink, which must not send bytes.
    Unasked,
}

/// Mixes the bits of a number, so that the results for two consecutive numbers look unrelated. This is the last step of the
/// random number generator SplitMix64.
const fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// The state of one stream of `dial`.
pub(super) struct Call {
    /// The number of streams that were begun before this stream.
    pub(super) number: u64,
    /// The position at which the stream's bytes begin in the sequence from which the bytes of all streams are taken. The
    /// position differs for each stream and each run, so that a peer cannot send the right bytes without having read them.
    first: u64,
    pub(super) begun_at: Duration,
    /// The time at which the present [stretch](STRETCH) of the stream began. `None` until the stream is open.
    pub(super) since: Option<Duration>,
    /// The value that [`moved`](Self::moved) returned when the present stretch began.
    moved_before: u64,
    /// The answer for which the stream was waiting when it was given up because a stretch took too long. `None` if the
    /// stream was not given up.
    pub(super) gave_up_on: Option<Awaited>,
    protocol: Protocol,
    /// The number of bytes that the stream has to send.
    bytes: u64,
    /// `true` if other streams may be open at the same time, because `--concurrency` is more than 1.
    has_company: bool,
    expects_echo: bool,
    ending: OurEnd,
    pub(super) sent: u64,
    received: u64,
    is_reset: bool,
    /// The fault of the first wrong byte, or `None` if all bytes were right. After a wrong byte, this command resets the
    /// stream, and neither reads from it nor writes to it.
    wrong: Option<Wrong>,
    /// `true` once the peer has ended its side of the stream.
    is_over: bool,
    /// `true` if the peer has ended its side of the stream before all bytes had come back.
    is_short: bool,
}

impl Call {
    /// Makes the state of a stream. The bytes that the stream sends depend on its `number` and on the `seed` of the run.
    pub(super) fn new(number: u64, begun_at: Duration, seed: u64, args: &args::Dial) -> Self {
        let expects_echo = args.protocol != SINK;
        let ending = match args.reset {
            true => OurEnd::Reset,
            false if args.half_close || !expects_echo => OurEnd::HalfClose,
            false => OurEnd::Finish,
        };
        Self {
            number,
            first: mixed(seed.wrapping_add(number)),
            begun_at,
            since: None,
            moved_before: 0,
            gave_up_on: None,
            protocol: args.protocol.clone(),
            bytes: args.bytes,
            has_company: args.concurrency > 1,
            expects_echo,
            ending,
            sent: 0,
            received: 0,
            is_reset: false,
            wrong: None,
            is_over: false,
            is_short: false,
        }
    }

    /// Returns the byte that this stream sends at the position `at`, counted from 0.
    const fn byte(&self, at: u64) -> u8 {
        let at = self.first.wrapping_add(at);
        (at.wrapping_mul(31) ^ (at >> 8) ^ (at >> 16)) as u8
    }

    /// Returns whether all bytes were sent and, if an echo is expected, have come back.
    fn is_complete(&self) -> bool {
        self.sent == self.bytes && (!self.expects_echo || self.received >= self.bytes)
    }

    /// Returns the amount that was transferred on the stream so far: the number of bytes that were sent and received, plus 1
    /// once the peer has ended its side.
    const fn moved(&self) -> u64 {
        self.sent + self.received + self.is_over as u64
    }

    /// Returns the amount that was transferred in the present stretch, counted like the result of [`moved`](Self::moved).
    const fn moved_in_stretch(&self) -> u64 {
        self.moved() - self.moved_before
    }

    /// Returns whether the present stretch is complete: [`STRETCH`] bytes, or all remaining bytes if fewer were left, were
    /// transferred since the stretch began.
    pub(super) fn is_stretch_over(&self) -> bool {
        let all = if self.expects_echo { 2 * self.bytes + 1 } else { self.bytes + 1 };
        self.moved_in_stretch() >= STRETCH.min(all.saturating_sub(self.moved_before)).max(1)
    }

    /// Begins a stretch at the time `now`. The stretch has to be complete within the time of `--timeout`.
    pub(super) const fn begin_stretch(&mut self, now: Duration) {
        self.since = Some(now);
        self.moved_before = self.moved();
    }

    /// Returns whether the present stretch began at least `time` before `now`.
    pub(super) fn is_older(&self, time: Duration, now: Duration) -> bool {
        self.since.is_some_and(|since| since + time <= now)
    }

    /// Returns whether the stream, which has ended with the reason `end`, counts as successful: all bytes were right, and
    /// the stream has ended in the way that the options ask for.
    pub(super) fn is_right(&self, end: StreamEnd) -> bool {
        let expected = if self.is_reset { StreamEnd::Reset(Side::Local) } else { StreamEnd::Finished };
        let is_as_sent = self.is_complete() && self.wrong.is_none() && !self.is_short;
        end == expected && self.is_reset == (self.ending == OurEnd::Reset) && is_as_sent && self.gave_up_on.is_none()
    }

    /// Returns the number of bytes that the progress bar counts: bytes that came back, or, on a stream to a sink, bytes that
    /// were sent.
    pub(super) const fn done(&self) -> u64 {
        if self.expects_echo { self.received } else { self.sent }
    }

    /// Returns the answer for which the stream waits at present.
    pub(super) const fn awaits(&self) -> Awaited {
        if self.since.is_none() {
            Awaited::Protocol
        } else if self.sent < self.bytes {
            Awaited::Room
        } else if self.expects_echo && self.received < self.bytes {
            Awaited::Echo
        } else {
            Awaited::End
        }
    }

    /// Writes bytes, reads the echo and ends our side of the stream, as far as each is possible now. After a wrong byte,
    /// this function resets the stream.
    pub(super) fn drive(&mut self, swarm: &mut tcp::Swarm, stream: StreamId) {
        if self.wrong.is_none() {
            self.move_on(swarm, stream);
        }
        // A stream that is not open yet is not reset, since its reset would be told as a failure to open.
        let is_open = || swarm.stream(stream).is_some_and(|view| view.state == State::Open);
        if self.wrong.is_some() && is_open() {
            // This does not fail, since the stream is open.
            let _ = swarm.reset(stream);
        }
    }

    fn move_on(&mut self, swarm: &mut tcp::Swarm, stream: StreamId) {
        self.write(swarm, stream);
        if self.sent == self.bytes && self.ending == OurEnd::HalfClose {
            // An error, here and below, means that the stream has ended. Its last event contains the reason.
            let _ = swarm.finish(stream);
        }
        self.read(swarm, stream);
        if self.wrong.is_some() {
            return;
        }
        if self.is_over || (self.is_complete() && self.ending == OurEnd::Finish) {
            let _ = swarm.finish(stream);
        } else if self.is_complete() && self.ending == OurEnd::Reset {
            let is_open = swarm.stream(stream).is_some_and(|view| view.state == State::Open);
            self.is_reset |= is_open && swarm.reset(stream).is_ok();
        }
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
                // An error means that there is no room to write yet, or that the stream has ended. Its last event contains
                // the reason.
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
                    if !self.expects_echo {
                        self.wrong = Some(Wrong::Unasked);
                        return;
                    }
                    let sent = (self.received..self.sent).map(|at| self.byte(at));
                    let right = sent.zip(&buffer[..n]).take_while(|(sent, byte)| sent == *byte).count();
                    self.received += right as u64;
                    if right < n {
                        let is_surplus = self.received == self.sent;
                        self.wrong = Some(if is_surplus { Wrong::Surplus } else { Wrong::Byte(self.received) });
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Args, Command};
    use clap::Parser as _;
    use std::collections::BTreeSet;

    const SECOND: Duration = Duration::from_secs(1);

    fn args(args: &[&str]) -> args::Dial {
        let args = ["swarm-notify", "dial", "/ip4/127.0.0.1/tcp/1"].iter().chain(args);
        let Command::Dial(args) = Args::try_parse_from(args).unwrap_or_else(|error| panic!("{error}")).command else {
            panic!("it is a dial")
        };
        args
    }

    fn call(given: &[&str]) -> Call {
        let mut call = Call::new(0, Duration::ZERO, 7, &args(given));
        call.begin_stretch(SECOND);
        call
    }

    #[test]
    fn each_stream_of_each_run_has_bytes_of_its_own() {
        let bytes = |seed, number| {
            let call = Call::new(number, Duration::ZERO, seed, &args(&[]));
            (0..8).map(|at| call.byte(at)).collect::<Vec<_>>()
        };
        let all: BTreeSet<_> = (0..4).flat_map(|seed| (0..4).map(move |number| bytes(seed << 32, number))).collect();
        assert_eq!(all.len(), 16);
        assert_eq!(bytes(5, 6), bytes(5, 6));
    }

    #[test]
    fn a_stretch_is_1024_bytes_or_the_rest() {
        let mut echo = call(&["--bytes", "2000"]);
        for (moved, is_over) in [((1_000, 23), false), ((1_000, 24), true), ((2_000, 0), true)] {
            (echo.sent, echo.received) = moved;
            assert_eq!(echo.is_stretch_over(), is_over, "{moved:?}");
        }
        // The amount that is left is 1 001: 1 000 of the 4 000 bytes, and the end of the peer's side.
        (echo.sent, echo.received) = (2_000, 1_000);
        echo.begin_stretch(2 * SECOND);
        assert!(!echo.is_stretch_over() && echo.is_older(SECOND, 3 * SECOND) && !echo.is_older(2 * SECOND, 3 * SECOND));
        echo.received = 2_000;
        assert!(!echo.is_stretch_over());
        echo.is_over = true;
        assert!(echo.is_stretch_over());
        // Nothing is left to transfer, and a stretch is never complete before something was transferred in it.
        echo.begin_stretch(2 * SECOND);
        assert!(!echo.is_stretch_over());
    }

    #[test]
    fn a_stream_without_bytes_waits_for_the_end() {
        let mut sink = call(&["--bytes", "0", "--protocol", "/sink/1.0.0"]);
        assert!(!sink.is_stretch_over());
        sink.is_over = true;
        assert!(sink.is_stretch_over());
    }

    #[test]
    fn a_slow_stream_is_reported_as_slow() {
        let mut sink = call(&["--bytes", "1M", "--protocol", "/sink/1.0.0"]);
        sink.sent = 262_000;
        sink.begin_stretch(SECOND);
        let why = |call: &Call| call.why_unanswered(call.awaits(), 2 * SECOND);
        assert_eq!(why(&sink), "it waited 2 s for the peer to take more when 262000 of 1000000 bytes were sent");
        sink.sent += 39;
        let said =
            "it was too slow: 39 bytes moved in 2 s when 262039 of 1000000 were sent; raise --timeout for a slow peer";
        assert_eq!(why(&sink), said);
        // The echo has just arrived completely, so that a peer that does not end its side yet is not slow.
        let mut echo = call(&["--bytes", "100"]);
        (echo.sent, echo.received) = (100, 100);
        assert_eq!(why(&echo), "it waited 2 s for the peer to end its side");
    }

    #[test]
    fn a_stream_that_lacks_the_peers_end_says_so() {
        let mut echo = call(&["--bytes", "100"]);
        (echo.sent, echo.received) = (100, 99);
        let why = |call: &Call, end| call.why_wrong(end, SECOND);
        let said = "its connection ended when 99 of 100 bytes had come back";
        assert_eq!(why(&echo, StreamEnd::ConnectionClosed), said);
        echo.received = 100;
        let said = "its connection ended before the peer had ended its side, though all 100 bytes had come back";
        assert_eq!(why(&echo, StreamEnd::ConnectionClosed), said);
        let mut sink = call(&["--bytes", "7", "--protocol", "/sink/1.0.0"]);
        sink.sent = 7;
        let said = "the peer reset it before the peer had ended its side, though all 7 bytes were sent";
        assert_eq!(why(&sink, StreamEnd::Reset(Side::Remote)), said);
    }
}
