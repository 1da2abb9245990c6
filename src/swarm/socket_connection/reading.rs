//! The reading half of a [`SocketConnection`]: it polls the dial until there is a byte pipe, reads input in helpings, and
//! handles deadlines.

use super::ending::EndCause;
use super::{ConnectionStage, HELPING_READS, OurSide, SocketConnection};
use crate::connection::Input;
use crate::lifecycle::{ConnectionEnd, Failure, RemoteEnd};
use crate::swarm::address_group::is_name;
use crate::swarm::budget::Helping;
use crate::swarm::error;
use crate::swarm::pipe::PipeTransport;
use crate::swarm::reactor::Reactor;
use crate::swarm::state::SwarmState;
use core::task::{Context, Poll};
use core::time::Duration;

/// The maximum number of timeouts of one connection that are handled together. If more have passed, they are handled with
/// the connection's next deadline, which is due at once.
const MAX_TIMEOUTS: usize = 64;

impl<T> SocketConnection<T>
where
    T: PipeTransport,
{
    /// Polls a dial, and returns the byte pipe once the dial has succeeded.
    pub(in crate::swarm) fn poll_pipe<const E: usize>(
        &mut self,
        state: &mut SwarmState<E>,
        reactor: &mut impl Reactor,
        cx: &mut Context<'_>,
        now: Duration,
    ) -> Option<T::Output> {
        let ConnectionStage::Dialing(dial) = &mut self.stage else { return None };
        // Drops an address that another dial may have left here, which is not the address of this dial.
        let _ = reactor.dialed_from();
        let polled = dial.as_mut().poll(cx);
        if is_name(&self.remote)
            && let Some(reached) = reactor.dialed_to()
        {
            let judged = self.judge_reached(reached, state, now);
            if let Err(why) = judged {
                // The byte pipe is closed before a byte was written to it.
                drop(polled);
                self.fail(state, Failure::Denied, &why);
                return None;
            }
        }
        // A transport that wraps the socket's may be pending for some polls after the socket has connected, so that an
        // address from an earlier poll is kept.
        self.local = reactor.dialed_from().or_else(|| self.local.take());
        match polled {
            Poll::Pending => None,
            Poll::Ready(Ok(io)) => Some(io),
            Poll::Ready(Err(error)) => {
                self.fail(state, error::failure(&error), &error);
                None
            }
        }
    }

    /// Reads and handles one helping of input, in at most [`HELPING_READS`] reads. Returns `true` if the connection may have
    /// more input to read or to handle, so that it needs another helping.
    pub(in crate::swarm) fn drive_input<const E: usize>(
        &mut self,
        state: &mut SwarmState<E>,
        cx: &mut Context<'_>,
        input: &mut Input,
        most: Helping,
        now: Duration,
    ) -> bool {
        // A helping has three bounds, since a peer could get around each one alone. The bytes (16 KiB) do not bound the work
        // of tiny frames: before helpings had these bounds, 64 connections that sent empty frames made one tick take 248 ms.
        // The frames (256) do not bound a pipe that brings a few bytes with each read, since a frame that is not whole
        // counts as none; the reads (8) do. The rest of the input is handled in a later helping, behind all other slots that
        // are ready.
        let Helping { bytes: mut left, mut frames } = most;
        self.heed_pressure(state);
        for _ in 0..HELPING_READS {
            let (ConnectionStage::Up(pipe)
            | ConnectionStage::Closing(pipe, _, OurSide::Serving | OurSide::Open | OurSide::Closed)) = &mut self.stage
            else {
                return false;
            };
            if !pipe.connection.wants_input() {
                return false;
            }
            let is_cut_short = pipe.connection.is_cut_short();
            pipe.connection.begin_input(input);
            input.limit_frames(frames);
            input.limit_memory(state.held_bytes.helping());
            if is_cut_short || input.space().is_empty() {
                // Frames that the last helping left, or a full buffer, are handled before more is read.
                self.handle_received(state, input, cx, now);
                return true;
            }
            let space = input.space();
            let asked = space.len().min(left);
            let read = pipe.read(cx, &mut space[..asked]);
            if let Poll::Ready(Ok(n)) = read {
                input.filled(n);
                self.received += n as u64;
            }
            self.handle_received(state, input, cx, now);
            match read {
                Poll::Pending => return false,
                Poll::Ready(Ok(0)) => {
                    if self.is_serving() {
                        // The peer may have ended only its own side, so that answers from before we noticed can still
                        // arrive.
                        self.last_words(cx);
                    }
                    self.end(state, EndCause::Ended(ConnectionEnd::Remote(RemoteEnd::Eof)));
                    return false;
                }
                // More bytes may have arrived meanwhile, or the end. If neither has arrived, our TCP reports that without a
                // system call.
                Poll::Ready(Ok(n)) if n < asked => left -= n,
                // The helping is used up. The rest may still be in the pipe, which would not wake the slot for it.
                Poll::Ready(Ok(_)) => return true,
                // go-libp2p sets `SO_LINGER` to 0 on sockets that it has dialed, so that each ordinary close of such a
                // socket arrives here as a reset, without a go-away.
                Poll::Ready(Err(error)) => {
                    self.end(state, EndCause::Io(error));
                    return false;
                }
            }
            frames = input.frames_left();
            let is_cut_short = self.connection().is_some_and(|connection| connection.is_cut_short());
            // Above the budget of bytes held, the helping ends early: the window that was granted before may bring as much
            // again in the next read.
            if frames == 0 || is_cut_short || state.held_bytes.is_over() {
                return true;
            }
        }
        true
    }

    fn handle_received<const E: usize>(
        &mut self,
        state: &mut SwarmState<E>,
        input: &mut Input,
        cx: &mut Context<'_>,
        now: Duration,
    ) {
        while let Some(fact) =
            self.connection().and_then(|connection| connection.receive(input, &mut state.environment(now)))
        {
            self.handle(fact, state, cx, now);
        }
        self.settle(state);
    }

    /// Handles the timeouts that have passed at `now`.
    pub(in crate::swarm) fn drive_timeouts<const E: usize>(
        &mut self,
        state: &mut SwarmState<E>,
        cx: &mut Context<'_>,
        now: Duration,
    ) {
        if matches!(self.stage, ConnectionStage::Dialing(_)) {
            if self.deadline(state).is_some_and(|deadline| deadline <= now) {
                // No handshake has begun, so the error says that nobody has answered at all.
                self.end(
                    state,
                    EndCause::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "nobody has answered in time")),
                );
            }
            return;
        }
        for _ in 0..MAX_TIMEOUTS {
            let timeout =
                self.connection().and_then(|connection| connection.handle_timeout(&mut state.environment(now)));
            let Some(fact) = timeout else { break };
            self.handle(fact, state, cx, now);
        }
        self.drive_write_timeout(state, cx, now);
        self.settle(state);
    }

    /// Returns the earliest deadline of this connection.
    pub(in crate::swarm) fn deadline<const E: usize>(&self, state: &SwarmState<E>) -> Option<Duration> {
        let config = &state.config.connection;
        match &self.stage {
            ConnectionStage::Dialing(_) => Some(self.began.or_never().saturating_add(config.handshake_timeout)),
            ConnectionStage::Up(pipe) | ConnectionStage::Closing(pipe, ..) => {
                let deadlines = [pipe.connection.poll_at(&state.streams, config), self.write_deadline(state)];
                deadlines.into_iter().flatten().min()
            }
            ConnectionStage::Over(_) => None,
        }
    }
}
