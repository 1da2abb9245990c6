//! The writing half of a [`SocketConnection`]: it writes the connection's output in batches, tells streams when a
//! [`flush`](SocketConnection::flush) is complete, and ends the connection at the write timeout.

use super::{ConnectionStage, EndCause, OurSide, SocketConnection};
use crate::lifecycle::{State, StreamId};
use crate::swarm::pipe::PipeTransport;
use crate::swarm::state::SwarmState;
use alloc::vec::Vec;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;

impl<T> SocketConnection<T>
where
    T: PipeTransport,
{
    /// Returns whether a turn has to write output of this connection, or to end our side of its byte pipe.
    pub(in crate::swarm) fn wants_output(&self) -> bool {
        match &self.stage {
            ConnectionStage::Up(pipe) => !self.out.is_empty() || pipe.connection.is_due(),
            ConnectionStage::Closing(pipe, _, OurSide::Serving) => {
                !self.out.is_empty() || pipe.connection.is_due() || pipe.connection.is_spent()
            }
            ConnectionStage::Closing(_, _, OurSide::Open | OurSide::Last) => true,
            ConnectionStage::Dialing(_)
            | ConnectionStage::Closing(_, _, OurSide::Closed)
            | ConnectionStage::Over(_) => false,
        }
    }

    /// Records that the output batch that is gathering output now contains data of a stream.
    pub(in crate::swarm) fn wrote<const E: usize>(&self, id: StreamId, state: &mut SwarmState<E>) {
        state.note_batch(id, self.flush_tracker.gathering());
    }

    /// Returns whether all data of a stream has been written to the byte pipe. Otherwise the stream becomes ready once all
    /// its data has been written.
    pub(in crate::swarm) fn flush<const E: usize>(&mut self, id: StreamId, state: &mut SwarmState<E>) -> bool {
        let connection = self.connection();
        let (gathers, is_part_taken) =
            connection.map_or((false, false), |connection| (connection.gathers(), connection.is_part_taken()));
        let batch = state.last_batch(id);
        if self.flush_tracker.is_written(batch, gathers, is_part_taken || !self.out.is_empty()) {
            state.knows_flushed(id);
            return true;
        }
        if state.flush_short(id) {
            let live = state.lifecycle.live_streams(self.id);
            let lives = |id| state.lifecycle.state(id).is_some_and(|state| state != State::Ended);
            self.flush_tracker.wait(batch, id, live, lives);
        }
        false
    }

    /// Writes one batch of pending output (at most 64 KiB), as far as the byte pipe accepts it. A connection without a
    /// buffer takes `spare`, and gives it back when the output is written. Returns `true` if more output is pending that the
    /// pipe may accept.
    pub(in crate::swarm) fn drive_output<const E: usize>(
        &mut self,
        state: &mut SwarmState<E>,
        cx: &mut Context<'_>,
        spare: &mut Vec<u8>,
        now: Duration,
    ) -> bool {
        // One buffer serves all connections, as long as their pipes accept what is written. Only a connection whose pipe is
        // blocked keeps it, so that an idle one holds no buffer.
        if self.out.capacity() == 0 {
            core::mem::swap(&mut self.out, spare);
        }
        let written = self.write_due(state, cx, now);
        if self.out.is_empty() {
            match spare.capacity() {
                0 => core::mem::swap(&mut self.out, spare),
                _ => self.out = Vec::new(),
            }
        }
        match written {
            // One batch at a time: the caller queues the connection behind all others that have output.
            Poll::Ready(Ok(())) if self.connection().is_some_and(|connection| connection.is_due()) => {
                self.settle(state);
                return true;
            }
            Poll::Ready(Ok(())) => self.end_ours(state, cx, now),
            Poll::Ready(Err(why)) => self.end(state, why),
            Poll::Pending => self.trim_memory(),
        }
        self.settle(state);
        false
    }

    /// Writes and flushes one batch. Returns `Ready` once the batch is written and flushed, or if no output is pending. An
    /// error is the cause of the connection's end.
    fn write_due<const E: usize>(
        &mut self,
        state: &mut SwarmState<E>,
        cx: &mut Context<'_>,
        now: Duration,
    ) -> Poll<Result<(), EndCause>> {
        let (ConnectionStage::Up(pipe)
        | ConnectionStage::Closing(pipe, _, OurSide::Serving | OurSide::Open | OurSide::Last)) = &mut self.stage
        else {
            return Poll::Ready(Ok(()));
        };
        if self.out.is_empty() {
            if !pipe.connection.is_due() {
                return Poll::Ready(Ok(()));
            }
            // A run of frames that is longer than one Noise message is one batch in several parts: only its first part ends
            // the gathering of output.
            if !pipe.connection.is_part_taken() {
                self.flush_tracker.taken();
            }
            if let Err(error) = pipe.connection.transmit(&mut self.out) {
                return Poll::Ready(Err(EndCause::Broke(error)));
            }
        }
        while self.written < self.out.len() {
            match pipe.write(cx, &self.out[self.written..]) {
                Poll::Pending => {
                    self.blocked.get_or_insert(now);
                    return Poll::Pending;
                }
                // A pipe that accepts nothing and is not pending would be written to for ever.
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(EndCause::Io(std::io::ErrorKind::WriteZero.into()))),
                Poll::Ready(Ok(n)) => {
                    self.written += n;
                    self.sent += n as u64;
                    // Any byte that the pipe accepts shows that the peer reads, however slowly, so that the write timeout
                    // begins anew.
                    self.blocked = None;
                    pipe.connection.part_written(now);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(EndCause::Io(error))),
            }
        }
        match pipe.flush(cx) {
            Poll::Pending => {
                self.blocked.get_or_insert(now);
                return Poll::Pending;
            }
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => return Poll::Ready(Err(EndCause::Io(error))),
        }
        self.out.clear();
        (self.written, self.blocked) = (0, None);
        if pipe.connection.is_part_taken() {
            return Poll::Ready(Ok(()));
        }
        self.flush_tracker.written(|id| state.mark_flushed(id));
        while let Some(fact) = self.connection().and_then(|connection| connection.written(&mut state.environment(now)))
        {
            self.handle(fact, state, cx, now);
        }
        Poll::Ready(Ok(()))
    }

    /// Ends the connection if its byte pipe has accepted no bytes for the write timeout.
    pub(super) fn drive_write_timeout<const E: usize>(
        &mut self,
        state: &mut SwarmState<E>,
        cx: &mut Context<'_>,
        now: Duration,
    ) {
        if self.is_write_late(state, now) {
            // The pipe may accept bytes again although it has not woken its slot yet.
            match self.write_due(state, cx, now) {
                Poll::Ready(Err(why)) => self.end(state, why),
                Poll::Pending if self.is_write_late(state, now) => {
                    self.end(state, EndCause::Io(io::Error::new(io::ErrorKind::TimedOut, "the peer reads nothing")));
                }
                Poll::Pending | Poll::Ready(Ok(())) => {}
            }
        }
    }

    fn is_write_late<const E: usize>(&self, state: &SwarmState<E>, now: Duration) -> bool {
        self.write_deadline(state).is_some_and(|deadline| deadline <= now)
    }

    /// Returns the deadline by which the byte pipe has to accept some bytes; `None` if the pipe is not blocked. A connection
    /// that is being closed has the timeout of the close instead.
    pub(super) fn write_deadline<const E: usize>(&self, state: &SwarmState<E>) -> Option<Duration> {
        let since = self.blocked.filter(|_| matches!(self.stage, ConnectionStage::Up(_)) || self.is_serving())?;
        Some(since.saturating_add(state.config.write_timeout))
    }
}
