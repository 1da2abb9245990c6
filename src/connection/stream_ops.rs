//! The commands of an owner for streams: begin, accept, read, write, finish, close, reset.
//!
//! A command returns its result at once. It causes no [`Fact`] other than the one that it returns.

use super::negotiate::send_first_proposal;
use super::stream::Negotiation;
use super::stream::machine::{Life, Trigger};
use super::stream_deadlines::StreamWait;
use super::unnamed_facts::Offered;
use super::{Connection, Environment, Fact, Phase, UNTIMED, yamux};
use crate::arithmetic::Count;
use crate::lifecycle::{Failure, Side, StreamEnd, StreamId};
use core::fmt;
use core::time::Duration;

/// The reason why nothing was read. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// Nothing is unread, or the stream is not open yet. [`Fact::Readable`] follows when more comes on an open stream.
    Blocked,
    /// The owner has closed the stream.
    Closed,
    /// The stream has ended. Bytes that came before the end can be taken as a whole:
    /// [`Stream::take_unread`](super::Stream::take_unread).
    Ended,
    /// The table has no stream under this id, or no longer has it.
    Stale,
}

/// The reason why nothing was written. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// There is no room: the peer grants no window, the connection's output is full, the protocol is not agreed yet, or the
    /// stream waits behind others that the peer has not acknowledged. [`Fact::Writable`] follows when there is room, or at
    /// the latest the stream's opening.
    Blocked,
    /// The owner has finished or closed its side, or is closing the connection.
    Closed,
    /// The stream has ended.
    Ended,
    /// The table has no stream under this id, or no longer has it.
    Stale,
}

impl Connection {
    /// Accepts the stream of the last [`Fact::StreamOffered`]. The owner has put a stream into the table under `id` before;
    /// if it has not, the peer's stream is refused. The call may return the fact that follows from the first proposals,
    /// [`Fact::StreamReadyToOpen`] or [`Fact::StreamFailed`]; otherwise that fact follows later.
    /// [`Config::negotiation_timeout`](super::Config::negotiation_timeout) goes on from the time at which the peer began the
    /// stream.
    #[must_use = "the fact is not said again"]
    pub fn accept_stream(&mut self, id: StreamId, env: &mut Environment<'_>) -> Option<Fact> {
        let offered = self.offered?;
        let Phase::Open(open) = &mut self.phase else { return None };
        let Some(stream) = env.streams.get_mut(id) else {
            self.refuse_stream(env);
            return None;
        };
        self.offered = None;
        match offered {
            Offered::Beginning => {
                stream.yamux = open.session.accept(id.into());
                // Its proposal has come with its first frame, so it waits for nothing now. If we do not speak that protocol,
                // the negotiation starts the wait.
                self.count_inbound_begun();
                None
            }
            Offered::Waiting(slot) => {
                let begun = self.unnamed.remove(slot, &mut env.scratch.unnamed)?;
                open.session.rename(&begun.yamux, id.into());
                stream.yamux = Some(begun.yamux);
                stream.negotiation = Negotiation::Listener(begun.listener);
                self.stream_deadlines.join_proposal(env.streams, id, begun.since.time());
                self.negotiate(id, env)
            }
        }
    }

    /// Refuses the stream of the last [`Fact::StreamOffered`] with a reset. It takes no token of
    /// [`Config::openings`](super::Config::openings).
    pub fn refuse_stream(&mut self, env: &mut Environment<'_>) {
        let (Some(offered), Phase::Open(open)) = (self.offered.take(), &mut self.phase) else { return };
        open.put_back_opening(env.config, env.now);
        match offered {
            Offered::Beginning => open.session.refuse(),
            Offered::Waiting(slot) => drop(self.give_up_unnamed(slot, env)),
        }
    }

    /// Begins a stream that the owner has put into the table under `id`. The stream waits in a queue while the peer has not
    /// acknowledged [`yamux::Config::ack_backlog`] streams, while [`yamux::Config::early_streams`] have begun and the peer
    /// has not sent a frame, and while the peer does not read pending output. The wait counts as negotiation.
    ///
    /// # Errors
    /// The failure of the stream, which was not begun: [`Failure::ConnectionClosed`] if the connection is not open or either
    /// side has sent go-away, [`Failure::Limit`] if yamux's ids are used up. Nothing has changed.
    pub fn open_stream(&mut self, id: StreamId, env: &mut Environment<'_>) -> Result<(), Failure> {
        let Phase::Open(open) = &mut self.phase else { return Err(Failure::ConnectionClosed) };
        open.session.borrow_output(&mut env.scratch.output);
        // Otherwise streams that are opened and given up while nothing can be written would pile up in the output.
        let waits = !self.queued.is_empty() || open.session.is_clogged();
        let started = match open.session.can_open() {
            Ok(()) if waits => Err(yamux::OpenError::AckBacklog),
            Ok(()) => send_first_proposal(&mut open.session, env.streams, id, &mut env.scratch.lines),
            Err(error) => Err(error),
        };
        match started {
            Ok(()) => {}
            Err(yamux::OpenError::AckBacklog) => self.queued.push_back(id),
            Err(yamux::OpenError::Unheard) => {
                self.queued.push_back(id);
                open.session.ask_for_first_frame();
            }
            Err(yamux::OpenError::IdsExhausted) => return Err(Failure::Limit),
            Err(yamux::OpenError::GoneAway) => return Err(Failure::ConnectionClosed),
        }
        self.live.raise(1);
        self.timers.set_idle_since(None);
        self.wait(id, StreamWait::Negotiation, env);
        Ok(())
    }

    /// Makes a stream wait for `wait` from `env.now` on.
    pub(super) fn wait(&mut self, id: StreamId, wait: StreamWait, env: &mut Environment<'_>) {
        self.is_untimed |= env.now == UNTIMED;
        self.stream_deadlines.join(env.streams, id, wait, env.now);
    }

    /// Reads bytes that have come, and returns their number. `Ok(0)` with a buffer that is not empty is the end: the peer's
    /// FIN has been read. With an empty buffer nothing is read, not even the end. The fact, if there is one, is the stream's
    /// own end, which follows if our FIN is sent already.
    ///
    /// # Errors
    /// A [`ReadError`]; nothing has changed.
    pub fn read(
        &mut self,
        id: StreamId,
        buffer: &mut [u8],
        env: &mut Environment<'_>,
    ) -> Result<(usize, Option<Fact>), ReadError> {
        let Phase::Open(open) = &mut self.phase else { return Err(ReadError::Ended) };
        let stream = env.streams.get_mut(id).ok_or(ReadError::Stale)?;
        stream.state().may_read()?;
        let Some(yamux) = &mut stream.yamux else { return Err(ReadError::Blocked) };
        if buffer.is_empty() {
            return Ok((0, None));
        }
        match open.session.read_with(yamux, buffer, &mut env.scratch.buffers) {
            yamux::ReadOutcome::Bytes(n) => {
                if let Negotiation::Over { received } = &mut stream.negotiation {
                    received.raise(n as u64);
                }
                self.revive(id, env);
                self.wait_half_open(id, env);
                self.note_activity(env.now);
                Ok((n, None))
            }
            yamux::ReadOutcome::Blocked => Err(ReadError::Blocked),
            yamux::ReadOutcome::Reset => Err(ReadError::Ended),
            yamux::ReadOutcome::End => Ok((0, self.step(id, Trigger::EndRead, env))),
        }
    }

    /// Writes as much as there is room for, and returns the number of bytes written. If these are not all,
    /// [`Fact::Writable`] follows once there is room again.
    ///
    /// # Errors
    /// A [`WriteError`]; nothing has changed.
    pub fn write(&mut self, id: StreamId, data: &[u8], env: &mut Environment<'_>) -> Result<usize, WriteError> {
        let Phase::Open(open) = &mut self.phase else { return Err(WriteError::Ended) };
        let stream = env.streams.get_mut(id).ok_or(WriteError::Stale)?;
        match stream.may_write() {
            Ok(()) | Err(WriteError::Blocked) if open.session.has_gone_away() => return Err(WriteError::Closed),
            may_write => may_write?,
        }
        let Some(yamux) = &mut stream.yamux else { return Err(WriteError::Blocked) };
        open.session.borrow_output(&mut env.scratch.output);
        let n = open.session.write(yamux, data);
        // If nothing was written, this session would keep the memory although it has nothing to send.
        open.session.give_output(&mut env.scratch.output);
        stream.sent.raise(n as u64);
        if n > 0 {
            self.has_data_due = true;
            self.note_activity(env.now);
        }
        if n < data.len() {
            self.wait_half_open(id, env);
        }
        if n == 0 && !data.is_empty() { Err(WriteError::Blocked) } else { Ok(n) }
    }

    /// Finishes our side, after the data that was written. The FIN waits until the peer has answered our proposal, since
    /// some peers reset a stream that ends before their answer, and until we have confirmed the peer's proposal. A second
    /// call changes nothing.
    ///
    /// # Errors
    /// [`WriteError::Ended`] or [`WriteError::Stale`]; nothing has changed.
    pub fn finish(&mut self, id: StreamId, env: &mut Environment<'_>) -> Result<(), WriteError> {
        let Phase::Open(_) = &self.phase else { return Err(WriteError::Ended) };
        let state = env.streams.get(id).ok_or(WriteError::Stale)?.state();
        if state.is_over() {
            return Err(WriteError::Ended);
        }
        if !state.is_local_finished() {
            self.advance(id, Trigger::Finish, env);
            self.note_activity(env.now);
        }
        Ok(())
    }

    /// Closes an open stream politely: our side is finished, and data that still comes is dropped while window is granted
    /// for it, until the peer is done or [`Config::close_timeout`](super::Config::close_timeout) has passed. A stream that
    /// is not open yet is given up at once, and fails with [`Failure::Requested`]. The fact, if there is one, is the
    /// stream's end.
    pub fn close_stream(&mut self, id: StreamId, env: &mut Environment<'_>) -> Option<Fact> {
        let Phase::Open(_) = &self.phase else { return None };
        let state = env.streams.get(id)?.state();
        match state.life() {
            Life::Open => {}
            Life::Queued | Life::Proposing | Life::Answering | Life::Agreed | Life::Confirming => {
                let fact = self.reset_and_end(id, StreamEnd::Reset(Side::Local), Failure::Requested, env);
                self.note_activity(env.now);
                return fact;
            }
            Life::Closing | Life::Finished | Life::Cut | Life::Failed => return None,
        }
        self.advance(id, Trigger::Close, env);
        if !state.is_local_finished() {
            self.note_activity(env.now);
        }
        let Phase::Open(open) = &mut self.phase else { return None };
        let stream = env.streams.get_mut(id)?;
        if let Some(yamux) = &mut stream.yamux {
            open.session.discard(yamux);
        }
        let has_end = stream.is_remote_finished();
        self.wait(id, StreamWait::Close, env);
        if has_end { self.step(id, Trigger::EndRead, env) } else { None }
    }

    /// Gives a stream a half-open time of its own, in place of
    /// [`Config::half_open_timeout`](super::Config::half_open_timeout); `None` means no limit. If the stream is half-open
    /// already, the time begins with this call. A stream that has ended, or that was closed, keeps its deadline.
    pub fn set_half_open_timeout(&mut self, id: StreamId, time: Option<Duration>, env: &mut Environment<'_>) {
        let Some(stream) = env.streams.get_mut(id).filter(|stream| !stream.state().is_over()) else { return };
        stream.has_own_time = true;
        let waits = stream.is_half_open();
        if waits {
            self.stream_deadlines.leave(env.streams, id);
        }
        self.stream_deadlines.set_own_time(id, time);
        if waits {
            self.wait(id, StreamWait::OwnHalfOpen, env);
        }
    }

    /// Gives up the half-open stream that has been silent longest, if its silence has lasted
    /// [`Config::half_open_grace`](super::Config::half_open_grace). It is for an owner that has no place for another stream.
    pub fn give_up_silent(&mut self, env: &mut Environment<'_>) -> Option<Fact> {
        let (since, id) = self.stream_deadlines.silent_longest(env.streams)?;
        if since.saturating_add(env.config.half_open_grace) > env.now {
            return None;
        }
        self.stream_timeout(id, env)
    }

    /// Returns the half-open stream that has been silent longest, and the time since when.
    #[cfg(feature = "swarm")]
    pub(crate) fn silent_longest(&self, streams: &super::Streams) -> Option<(Duration, StreamId)> {
        self.stream_deadlines.silent_longest(streams)
    }

    /// Resets a stream, whatever its state: both directions are over at once, and no fact reports it. A second call changes
    /// nothing.
    pub fn reset_stream(&mut self, id: StreamId, env: &mut Environment<'_>) {
        // No fact is returned, since the owner itself has ended the stream.
        if self.reset_and_end(id, StreamEnd::Reset(Side::Local), Failure::Requested, env).is_some() {
            self.note_activity(env.now);
        }
    }
}

impl core::error::Error for ReadError {}
impl core::error::Error for WriteError {}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blocked => "there is nothing to read at the moment",
            Self::Closed => "the stream was closed by its owner",
            Self::Ended => "the stream has ended",
            Self::Stale => "no stream has this id any more",
        })
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blocked => "nothing can be written at the moment",
            Self::Closed => "the stream was finished by its owner",
            Self::Ended => "the stream has ended",
            Self::Stale => "no stream has this id any more",
        })
    }
}
