//! The ends of pipes: what is written at one, and read at the other.

use super::network::{Cut, Flight, State};
use super::reactor::{Poller, Signal};
use std::collections::VecDeque;
use std::io;
use std::task::Waker;
use std::time::Duration;

/// One end of a pipe; the dialer's is 0.
#[derive(Default)]
pub(super) struct End {
    pub(super) inbox: VecDeque<u8>,
    /// How many of the bytes written here have not been read there.
    pub(super) queued: usize,
    /// When the last piece that was sent from here arrives.
    pub(super) last_arrival: Duration,
    pub(super) eof: bool,
    pub(super) error: Option<io::ErrorKind>,
    pub(super) peer_gone: bool,
    pub(super) closed: bool,
    pub(super) dropped: bool,
    pub(super) stalled: bool,
    /// So much is taken of each write at most; 0: nothing, and it is said so.
    pub(super) most: Option<usize>,
    /// So much is given to each read at most.
    pub(super) sip: Option<usize>,
    /// What is sent from here never arrives.
    pub(super) lost: bool,
    /// How many bytes have arrived here, and which of them is to be flipped.
    pub(super) arrived: u64,
    pub(super) flips: Option<u64>,
    /// The pipe is reset once so many bytes have arrived here.
    pub(super) resets: Option<u64>,
    /// What arrives here is never read.
    pub(super) deaf: bool,
    /// How many bytes were written here.
    pub(super) sent: u64,
    pub(super) reader: Signal,
    pub(super) writer: Signal,
    /// How often it was read from or written to, and how often of these something came of it.
    pub(super) calls: u64,
    pub(super) reads: u64,
    pub(super) writes: u64,
}

impl End {
    /// Has a poller name it. A socket that is new has place.
    pub(super) fn attach(&self, poller: Option<Poller>) {
        self.reader.attach(poller.clone());
        self.writer.attach(poller);
        self.writer.set_ready();
    }
}

impl State {
    /// Writes as much as fits; `None` while nothing does.
    pub(super) fn write(&mut self, pipe: usize, end: usize, bytes: &[u8], waker: &Waker) -> Option<io::Result<usize>> {
        let capacity = self.capacity;
        let from = &mut self.pipes[pipe][end];
        from.calls += 1;
        if !from.writer.is_ready() {
            from.writer.wait(waker);
            return None;
        }
        if let Some(kind) = from.error {
            return Some(Err(kind.into()));
        }
        if from.peer_gone || from.closed {
            return Some(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let n = bytes.len().min(capacity.saturating_sub(from.queued));
        if from.stalled || n == 0 {
            from.writer.wait(waker);
            return None;
        }
        let n = from.most.map_or(n, |most| most.min(n));
        from.sent += n as u64;
        from.writes += 1;
        if from.lost {
            return Some(Ok(n));
        }
        from.queued += n;
        let mut rest = bytes[..n].to_vec();
        while !rest.is_empty() {
            let piece = match self.cut {
                Cut::Whole => std::mem::take(&mut rest),
                Cut::One => rest.drain(..1).collect(),
                Cut::Random => self.random.cut(&mut rest),
            };
            let at = self.next_slot(pipe, end, piece.len());
            self.fly(at, Flight::Bytes { pipe, to: 1 - end, bytes: piece });
        }
        Some(Ok(n))
    }

    /// When the next piece from an end, of so many bytes, can arrive.
    fn next_slot(&mut self, pipe: usize, end: usize, len: usize) -> Duration {
        let latency = self.latency();
        let time = self.bandwidth.map_or(Duration::ZERO, |bandwidth| Duration::from_secs(len as u64) / bandwidth);
        let from = &mut self.pipes[pipe][end];
        let at = (self.now + latency).max(from.last_arrival + self.spacing) + time;
        from.last_arrival = at;
        at
    }

    /// Both ends find the pipe reset.
    pub(super) fn reset(&mut self, pipe: usize) {
        (0..2).for_each(|end| self.fail(pipe, end, io::ErrorKind::ConnectionReset));
    }

    /// One end finds the pipe broken.
    pub(super) fn fail(&mut self, pipe: usize, end: usize, kind: io::ErrorKind) {
        let end = &mut self.pipes[pipe][end];
        end.error = Some(kind);
        end.inbox.clear();
        end.reader.happens();
        end.writer.happens();
    }

    /// Reads what there is; `None` while there is nothing.
    pub(super) fn read(
        &mut self,
        pipe: usize,
        end: usize,
        buffer: &mut [u8],
        waker: &Waker,
    ) -> Option<io::Result<usize>> {
        let [from, to] = ends(&mut self.pipes[pipe], end);
        to.calls += 1;
        if !to.reader.is_ready() {
            to.reader.wait(waker);
            return None;
        }
        if let Some(kind) = to.error {
            return Some(Err(kind.into()));
        }
        if to.deaf || to.inbox.is_empty() && !to.eof {
            to.reader.wait(waker);
            return None;
        }
        let n = buffer.len().min(to.inbox.len()).min(to.sip.unwrap_or(usize::MAX));
        to.inbox.drain(..n).zip(buffer).for_each(|(byte, place)| *place = byte);
        to.reads += 1;
        from.queued -= n;
        from.writer.happens_again();
        Some(Ok(n))
    }

    /// Ends one direction.
    pub(super) fn close_end(&mut self, pipe: usize, end: usize) {
        if !std::mem::replace(&mut self.pipes[pipe][end].closed, true) {
            let at = self.next_slot(pipe, end, 0);
            self.fly(at, Flight::End { pipe, to: 1 - end, gone: false });
        }
    }

    /// Closes an end's socket.
    pub(super) fn drop_end(&mut self, pipe: usize, end: usize) {
        if !std::mem::replace(&mut self.pipes[pipe][end].dropped, true) {
            let at = self.next_slot(pipe, end, 0);
            self.fly(at, Flight::End { pipe, to: 1 - end, gone: true });
        }
    }
}

/// The sending and the receiving end of one direction.
pub(super) fn ends(pipe: &mut [End; 2], to: usize) -> [&mut End; 2] {
    let [dialer, listener] = pipe;
    if to == 0 { [listener, dialer] } else { [dialer, listener] }
}
