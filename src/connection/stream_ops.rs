//! The methods by which an owner begins, accepts, reads, writes, finishes, closes and resets streams.
//!
//! Each method returns its result at once. If a call causes a [`Fact`], the method returns that fact.

use super::negotiate::send_first_proposal;
use super::stream::machine::{Life, Trigger};
use super::stream::{Negotiation, ReadError, WriteError};
use super::stream_deadlines::StreamWait;
use super::unnamed_facts::Offered;
use super::{Connection, Environment, Fact, Phase, muxer};
use crate::arithmetic::Count;
use crate::lifecycle::{Failure, Side, StreamEnd, StreamId};
use core::time::Duration;

impl Connection {
    /// Accepts the stream of the last [`Fact::StreamOffered`]. The owner has to put a stream into the table under `id`
    /// before; otherwise the peer's stream is refused. The call may return the fact that follows from the peer's first
    /// proposals, [`Fact::StreamReadyToOpen`] or [`Fact::StreamFailed`]; otherwise [`Connection::receive`] returns that fact
    /// later. The time of [`Config::negotiation_timeout`](super::Config::negotiation_timeout) continues from the moment at
    /// which the peer began the stream.
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
                stream.muxed = open.session.accept(id.into());
                // The stream's first frame contained its proposal, so the stream waits for nothing now. If we do not speak
                // the proposed protocol, the negotiation starts the wait for another proposal.
                self.count_inbound_begun();
                None
            }
            Offered::Waiting(slot) => {
                let begun = self.unnamed.remove(slot, &mut env.scratch.unnamed)?;
                open.session.rename(&begun.muxed, id.into());
                stream.muxed = Some(begun.muxed);
                stream.negotiation = Negotiation::Listener(begun.listener);
                self.stream_deadlines.join_proposal(env.streams, id, begun.since.time());
                self.negotiate(id, env)
            }
        }
    }

    /// Refuses the stream of the last [`Fact::StreamOffered`] with a reset. A refused stream takes no token of
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
    /// acknowledged [`ack_backlog`](super::yamux::Config::ack_backlog) streams, while
    /// [`early_streams`](super::yamux::Config::early_streams) have begun and the peer has not sent a frame, and while the
    /// peer does not read pending output. The wait counts as a part of the negotiation.
    ///
    /// # Errors
    /// The reason why the stream was not begun: [`Failure::ConnectionClosed`] if the connection is not open or either side
    /// has sent go-away, [`Failure::Limit`] if yamux's stream ids are used up. Nothing has changed.
    pub fn open_stream(&mut self, id: StreamId, env: &mut Environment<'_>) -> Result<(), Failure> {
        let Phase::Open(open) = &mut self.phase else { return Err(Failure::ConnectionClosed) };
        open.session.borrow_output(&mut env.scratch.output);
        // While nothing can be written, a new stream waits in the queue. Otherwise the frames of streams that are opened and
        // given up meanwhile would pile up in the output. An owner that opened and reset streams in a loop once made the
        // output grow without bound in this way: a stream that is reset no longer counts as unacknowledged.
        let waits = !self.queued.is_empty() || open.session.is_clogged();
        let started = match open.session.can_open() {
            Ok(()) if waits => Err(muxer::OpenError::AckBacklog),
            Ok(()) => send_first_proposal(&mut open.session, env.streams, id, &mut env.scratch.lines),
            Err(error) => Err(error),
        };
        match started {
            Ok(()) => {}
            Err(muxer::OpenError::AckBacklog) => self.queued.push_back(id),
            Err(muxer::OpenError::Unheard) => {
                self.queued.push_back(id);
                open.session.ask_for_first_frame();
            }
            Err(muxer::OpenError::IdsExhausted) => return Err(Failure::Limit),
            Err(muxer::OpenError::GoneAway) => return Err(Failure::ConnectionClosed),
        }
        self.live.raise(1);
        self.timers.set_idle_since(None);
        self.wait(id, StreamWait::Negotiation, env);
        Ok(())
    }

    /// Moves a stream to the queue of `wait`. The time of this wait starts at `env.now`.
    pub(super) fn wait(&mut self, id: StreamId, wait: StreamWait, env: &mut Environment<'_>) {
        self.is_untimed |= env.now.is_untimed();
        self.stream_deadlines.join(env.streams, id, wait, env.now);
    }

    /// Reads bytes that have arrived into `buffer`, and returns their number. If `buffer` is not empty, a result of `Ok(0)`
    /// is the end of the peer's data: the peer's FIN has been read. With an empty buffer nothing is read, not even the end.
    /// The returned fact, if there is one, is the end of the stream, which follows if our FIN is sent already.
    ///
    /// # Errors
    /// The reason why nothing was read, as a [`ReadError`]; nothing has changed.
    pub fn read(
        &mut self,
        id: StreamId,
        buffer: &mut [u8],
        env: &mut Environment<'_>,
    ) -> Result<(usize, Option<Fact>), ReadError> {
        let Phase::Open(open) = &mut self.phase else { return Err(ReadError::Ended) };
        let stream = env.streams.get_mut(id).ok_or(ReadError::Stale)?;
        stream.state().may_read()?;
        let Some(muxed) = &mut stream.muxed else { return Err(ReadError::Blocked) };
        // The owner could not tell an end that is read into an empty buffer from a read that had nothing to do.
        if buffer.is_empty() {
            return Ok((0, None));
        }
        match open.session.read_with(muxed, buffer, &mut env.scratch.buffers) {
            muxer::ReadOutcome::Bytes(n) => {
                if let Negotiation::Over { received } = &mut stream.negotiation {
                    received.raise(n as u64);
                }
                self.revive(id, env);
                self.wait_half_open(id, env);
                self.note_activity(env.now);
                Ok((n, None))
            }
            muxer::ReadOutcome::Blocked => Err(ReadError::Blocked),
            muxer::ReadOutcome::Reset => Err(ReadError::Ended),
            muxer::ReadOutcome::End => Ok((0, self.step(id, Trigger::EndRead, env))),
        }
    }

    /// Writes as many bytes of `data` as there is room for, and returns the number of bytes written. If this number is less
    /// than the length of `data`, [`Fact::Writable`] follows once there is room again.
    ///
    /// # Errors
    /// The reason why nothing was written, as a [`WriteError`]; nothing has changed.
    pub fn write(&mut self, id: StreamId, data: &[u8], env: &mut Environment<'_>) -> Result<usize, WriteError> {
        let Phase::Open(open) = &mut self.phase else { return Err(WriteError::Ended) };
        let stream = env.streams.get_mut(id).ok_or(WriteError::Stale)?;
        match stream.may_write() {
            // `Blocked` promises a later `Writable`, which does not come after our go-away.
            Ok(()) | Err(WriteError::Blocked) if open.session.has_gone_away() => return Err(WriteError::Closed),
            may_write => may_write?,
        }
        let Some(muxed) = &mut stream.muxed else { return Err(WriteError::Blocked) };
        open.session.borrow_output(&mut env.scratch.output);
        let n = open.session.write(muxed, data);
        // The session gives back the memory of its output if it has nothing to send, which is the case if nothing was
        // written.
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

    /// Finishes our side of a stream, after the data that was written. On a stream that we began, the FIN is not sent before
    /// the peer has answered our proposal, since some peers, js-libp2p among them, reset a stream that ends before their
    /// answer. On a stream that the peer began, the FIN is not sent before we have confirmed the peer's proposal. A second
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

    /// Closes an open stream politely: our side is finished. Data that still arrives is dropped, and the peer is granted
    /// window for the dropped data, until the peer has finished its side or
    /// [`Config::close_timeout`](super::Config::close_timeout) has passed. A stream that is not open yet is given up at
    /// once, and fails with [`Failure::Requested`]. The returned fact, if there is one, is the end of the stream.
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
        if let Some(muxed) = &mut stream.muxed {
            open.session.discard(muxed);
        }
        let has_end = stream.is_remote_finished();
        self.wait(id, StreamWait::Close, env);
        if has_end { self.step(id, Trigger::EndRead, env) } else { None }
    }

    /// Sets a half-open timeout that applies to this stream alone, in place of
    /// [`Config::half_open_timeout`](super::Config::half_open_timeout); `None` means no limit. If the stream is half-open
    /// already, the time starts with this call. A stream that has ended, or that was closed, keeps its deadline.
    pub fn set_half_open_timeout(&mut self, id: StreamId, time: Option<Duration>, env: &mut Environment<'_>) {
        let Some(stream) = env.streams.get_mut(id).filter(|stream| !stream.state().is_over()) else { return };
        stream.has_own_time = true;
        let waits = stream.is_half_open();
        // The stream leaves its queue before its time changes, since `OwnTimes` finds the deadline to remove by the time that
        // it has for the stream.
        if waits {
            self.stream_deadlines.leave(env.streams, id);
        }
        self.stream_deadlines.set_own_time(id, time);
        if waits {
            self.wait(id, StreamWait::OwnHalfOpen, env);
        }
    }

    /// Gives up the half-open stream that has been silent longest, if its silence has lasted for
    /// [`Config::half_open_grace`](super::Config::half_open_grace). The method is for an owner that has no place for another
    /// stream. Returns the fact that reports the end of that stream, or `None` if no stream was given up.
    pub fn give_up_silent(&mut self, env: &mut Environment<'_>) -> Option<Fact> {
        let (since, id) = self.stream_deadlines.silent_longest(env.streams)?;
        if since.saturating_add(env.config.half_open_grace) > env.now.or_never() {
            return None;
        }
        self.stream_timeout(id, env)
    }

    /// Returns the half-open stream that has been silent longest, and the time since which it has been silent.
    #[cfg(feature = "swarm")]
    pub(crate) fn silent_longest(&self, streams: &super::Streams) -> Option<(Duration, StreamId)> {
        self.stream_deadlines.silent_longest(streams)
    }

    /// Resets a stream in any state: both directions are over at once, and no fact reports this end. A second call changes
    /// nothing.
    pub fn reset_stream(&mut self, id: StreamId, env: &mut Environment<'_>) {
        // No fact is returned, since the owner itself has ended the stream.
        if self.reset_and_end(id, StreamEnd::Reset(Side::Local), Failure::Requested, env).is_some() {
            self.note_activity(env.now);
        }
    }
}
