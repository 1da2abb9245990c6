//! The writing half of a [`Link`]: its output, the batches that [`flush`](Link::flush) waits for, and the write time-out.

use super::{Link, Ours, Stage, Why};
use crate::lifecycle::{State, StreamId};
use crate::swarm::interrupted::or_again;
use crate::swarm::ledger::Ledger;
use alloc::vec::Vec;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use futures_lite::io::{AsyncRead, AsyncWrite};
use libp2p_core::Transport;
use std::io;

impl<T> Link<T>
where
    T: Transport,
    T::Output: AsyncRead + AsyncWrite + Unpin,
    T::Error: 'static,
{
    /// Returns whether a turn has to write output of this connection, or to end our side of its pipe.
    pub(in crate::swarm) fn wants_output(&self) -> bool {
        match &self.stage {
            Stage::Up(pipe) => !self.out.is_empty() || pipe.connection.is_due(),
            Stage::Closing(pipe, _, Ours::Serving) => {
                !self.out.is_empty() || pipe.connection.is_due() || pipe.connection.is_spent()
            }
            Stage::Closing(_, _, Ours::Open | Ours::Last) => true,
            Stage::Dialing(_) | Stage::Closing(_, _, Ours::Closed) | Stage::Over(_) => false,
        }
    }

    /// Notes that a stream's owner has written to it, into the batch that is gathering now.
    pub(in crate::swarm) fn wrote<const E: usize>(&self, id: StreamId, ledger: &mut Ledger<E>) {
        ledger.wrote(id, self.batches.gathering());
    }

    /// Returns whether everything that was written to a stream has been written to the pipe. If not, the stream becomes
    /// ready once it has.
    pub(in crate::swarm) fn flush<const E: usize>(&mut self, id: StreamId, ledger: &mut Ledger<E>) -> bool {
        let connection = self.connection();
        let (gathers, is_part_taken) =
            connection.map_or((false, false), |connection| (connection.gathers(), connection.is_part_taken()));
        let batch = ledger.last_batch(id);
        if self.batches.is_written(batch, gathers, is_part_taken || !self.out.is_empty()) {
            ledger.knows_flushed(id);
            return true;
        }
        if ledger.flush_short(id) {
            let live = ledger.lifecycle.live_streams(self.id);
            let lives = |id| ledger.lifecycle.state(id).is_some_and(|state| state != State::Ended);
            self.batches.wait(batch, id, live, lives);
        }
        false
    }

    /// Writes one batch of pending output, as far as the pipe takes it. `spare` lends its memory to a link that has
    /// none. Returns `true` if more output is pending that the pipe may take.
    pub(in crate::swarm) fn drive_output<const E: usize>(
        &mut self,
        ledger: &mut Ledger<E>,
        cx: &mut Context<'_>,
        spare: &mut Vec<u8>,
        now: Duration,
    ) -> bool {
        if self.out.capacity() == 0 {
            core::mem::swap(&mut self.out, spare);
        }
        let written = self.write_due(ledger, cx, now);
        if self.out.is_empty() {
            match spare.capacity() {
                0 => core::mem::swap(&mut self.out, spare),
                _ => self.out = Vec::new(),
            }
        }
        match written {
            Poll::Ready(Ok(())) if self.connection().is_some_and(|connection| connection.is_due()) => {
                self.settle(ledger);
                return true;
            }
            Poll::Ready(Ok(())) => self.end_ours(ledger, cx, now),
            Poll::Ready(Err(why)) => self.over(ledger, why),
            Poll::Pending => self.trim_memory(),
        }
        self.settle(ledger);
        false
    }

    /// Writes and flushes one batch. Ready once that is done, or if no output is pending; `Err` says why the connection
    /// cannot go on.
    fn write_due<const E: usize>(
        &mut self,
        ledger: &mut Ledger<E>,
        cx: &mut Context<'_>,
        now: Duration,
    ) -> Poll<Result<(), Why>> {
        let (Stage::Up(pipe) | Stage::Closing(pipe, _, Ours::Serving | Ours::Open | Ours::Last)) = &mut self.stage
        else {
            return Poll::Ready(Ok(()));
        };
        if self.out.is_empty() {
            if !pipe.connection.is_due() {
                return Poll::Ready(Ok(()));
            }
            if !pipe.connection.is_part_taken() {
                self.batches.taken();
            }
            if let Err(error) = pipe.connection.transmit(&mut self.out) {
                return Poll::Ready(Err(Why::Broke(error)));
            }
        }
        while self.written < self.out.len() {
            match or_again(Pin::new(&mut pipe.io).poll_write(cx, &self.out[self.written..]), cx) {
                Poll::Pending => {
                    self.blocked.get_or_insert(now);
                    return Poll::Pending;
                }
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(Why::Io(std::io::ErrorKind::WriteZero.into()))),
                Poll::Ready(Ok(n)) => {
                    self.written += n;
                    self.sent += n as u64;
                    self.blocked = None;
                    pipe.connection.part_written(now);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Why::Io(error))),
            }
        }
        match or_again(Pin::new(&mut pipe.io).poll_flush(cx), cx) {
            Poll::Pending => {
                self.blocked.get_or_insert(now);
                return Poll::Pending;
            }
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => return Poll::Ready(Err(Why::Io(error))),
        }
        self.out.clear();
        (self.written, self.blocked) = (0, None);
        if pipe.connection.is_part_taken() {
            return Poll::Ready(Ok(()));
        }
        self.batches.written(|id| ledger.flushed(id));
        while let Some(fact) = self.connection().and_then(|connection| connection.written(&mut ledger.turn(now))) {
            self.handle(fact, ledger, cx, now);
        }
        Poll::Ready(Ok(()))
    }

    /// Ends the connection if its pipe has taken nothing for the write time-out.
    pub(super) fn drive_write_timeout<const E: usize>(
        &mut self,
        ledger: &mut Ledger<E>,
        cx: &mut Context<'_>,
        now: Duration,
    ) {
        if self.is_write_late(ledger, now) {
            // The pipe may have room again, without a wake yet.
            match self.write_due(ledger, cx, now) {
                Poll::Ready(Err(why)) => self.over(ledger, why),
                Poll::Pending if self.is_write_late(ledger, now) => {
                    self.over(ledger, Why::Io(io::Error::new(io::ErrorKind::TimedOut, "the peer reads nothing")));
                }
                Poll::Pending | Poll::Ready(Ok(())) => {}
            }
        }
    }

    fn is_write_late<const E: usize>(&self, ledger: &Ledger<E>, now: Duration) -> bool {
        self.write_deadline(ledger).is_some_and(|deadline| deadline <= now)
    }

    /// Returns the deadline by which the pipe has to take some bytes, or `None` if it is not blocked. A close has a time-out
    /// of its own.
    pub(super) fn write_deadline<const E: usize>(&self, ledger: &Ledger<E>) -> Option<Duration> {
        let since = self.blocked.filter(|_| matches!(self.stage, Stage::Up(_)) || self.is_serving())?;
        Some(since.saturating_add(ledger.config.write_timeout))
    }
}
