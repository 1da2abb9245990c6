//! The work of a connection for its streams: the effects of the steps of a stream's [machine](super::stream::machine), the
//! end of a stream, and the timeout of a half-open stream.

use super::muxer::{self, Session};
use super::stream::Stream;
use super::stream::machine::{Life, StreamEffect, StreamState, Trigger};
use super::stream_deadlines::StreamWait;
use super::unnamed::StreamKey;
use super::{Connection, Environment, Fact, Now, Phase};
use crate::arithmetic::Count;
use crate::lifecycle::{Failure, Side, StreamEnd, StreamId};

impl Connection {
    /// Applies a trigger to the state of a stream's [machine](super::stream::machine), and carries out the action that
    /// follows. The returned fact, if there is one, is the end of the stream.
    #[inline(always)]
    pub(super) fn step(&mut self, id: StreamId, trigger: Trigger, env: &mut Environment<'_>) -> Option<Fact> {
        let stream = env.streams.get_mut(id)?;
        let before = stream.state();
        let fact = match stream.on(trigger)? {
            StreamEffect::Nothing => return None,
            StreamEffect::SendFin => {
                if let (Phase::Open(open), Some(muxed)) = (&mut self.phase, &mut stream.muxed) {
                    open.session.finish(muxed);
                    self.has_data_due = true;
                }
                return None;
            }
            StreamEffect::TellFailed(failure) => Fact::StreamFailed(id, failure),
            StreamEffect::TellEnded(end) => Fact::StreamEnded(id, end),
        };
        self.forget(id, before, env);
        Some(fact)
    }

    /// Applies a trigger that does not end the stream to the state of a stream's machine.
    #[inline(always)]
    pub(super) fn advance(&mut self, id: StreamId, trigger: Trigger, env: &mut Environment<'_>) {
        let ended = self.step(id, trigger, env);
        debug_assert_eq!(ended, None, "{trigger:?} ends no stream");
    }

    /// Removes a stream that has ended from the connection's queues and counts. `before` is the stream's state before its
    /// end.
    #[inline(never)]
    fn forget(&mut self, id: StreamId, before: StreamState, env: &mut Environment<'_>) {
        self.stream_deadlines.leave(env.streams, id);
        if env.streams.get(id).is_some_and(|stream| stream.has_own_time) {
            self.stream_deadlines.forget_own_time(id);
        }
        if before.is_in_backlog() {
            self.backlog.lower(1);
        }
        if before.life() == Life::Queued {
            // The oldest stream is removed without a search, so that to fail all queued streams costs O(1) for each stream.
            if self.queued.front() == Some(&id) {
                self.queued.pop_front();
            } else {
                self.queued.retain(|queued| *queued != id);
            }
        }
        // The end of a stream is no movement by itself: otherwise streams that time out one by one would put the
        // connection's end off for ever.
        if before.is_ready_to_open() {
            self.ready_to_open.lower(1);
            self.note_activity(env.now);
        }
        self.count_stream_ended(env);
    }

    /// Counts the end of a stream, whether the stream has an id or not.
    pub(super) fn count_stream_ended(&mut self, env: &mut Environment<'_>) {
        self.live.lower(1);
        if self.live == 0 {
            self.is_untimed |= env.now.is_untimed();
            self.timers.set_idle_since(Some(env.now));
        }
        // A stream of ours that has ended no longer counts as unacknowledged.
        self.open_queued(env);
    }

    /// Resets a stream that has not ended yet. The returned fact is the end of the stream: it contains `end` if the stream
    /// was open, and `failure` if it was not.
    pub(super) fn reset_and_end(
        &mut self,
        id: StreamId,
        end: StreamEnd,
        failure: Failure,
        env: &mut Environment<'_>,
    ) -> Option<Fact> {
        self.reset_and_end_by(Session::reset, id, Trigger::End(end, failure), env)
    }

    /// Resets a stream because the peer has broken or ended its negotiation. If the peer began the stream, the reset takes a
    /// token of the peer's rate of resets.
    pub(super) fn reset_and_end_for_peer(
        &mut self,
        id: StreamId,
        failure: Failure,
        env: &mut Environment<'_>,
    ) -> Option<Fact> {
        self.reset_and_end_by(Session::reset_for_peer, id, Trigger::End(StreamEnd::Reset(Side::Local), failure), env)
    }

    fn reset_and_end_by(
        &mut self,
        reset: fn(&mut Session<StreamKey>, &mut muxer::Stream),
        id: StreamId,
        end: Trigger,
        env: &mut Environment<'_>,
    ) -> Option<Fact> {
        let stream = env.streams.get_mut(id).filter(|stream| !stream.state().is_over())?;
        if let (Phase::Open(open), Some(muxed)) = (&mut self.phase, &mut stream.muxed) {
            reset(&mut open.session, muxed);
        }
        self.step(id, end, env)
    }

    /// Ends a stream whose deadline has passed.
    pub(super) fn stream_timeout(&mut self, id: StreamId, env: &mut Environment<'_>) -> Option<Fact> {
        let failure = env.streams.get(id)?.failed(Failure::Timeout);
        self.reset_and_end(id, StreamEnd::Timeout, failure, env)
    }

    /// Starts the half-open timeout of a stream if the stream waits for the peer. A stream waits for the peer in two cases:
    /// after our FIN, while the peer has not sent its FIN and has window left; and after the peer's FIN, while our remaining
    /// bytes wait for window. If the peer has used up its window, the peer waits for our owner to read, so the time does not
    /// run.
    pub(super) fn wait_half_open(&mut self, id: StreamId, env: &mut Environment<'_>) {
        // The deadline exists because peers leave streams half-open for ever: js-libp2p never ends them, and rust-libp2p's
        // yamux 0.13 sends nothing for a stream that its owner drops after its FIN. The time does not run while the peer is
        // not to blame: an owner that paused for a minute, with the window used up, once lost what the peer still had to
        // send. The wait for window counts even if the write was short before the peer's FIN arrived: such a stream once
        // waited for ever.
        let Some(stream) = env.streams.get_mut(id) else { return };
        let waits = stream.muxed.as_ref().is_some_and(|muxed| match muxed.is_remote_finished() {
            true => muxed.wants_window(),
            false => stream.state().is_fin_sent() && muxed.grants_window(),
        });
        if waits && stream.waits.is_none() && stream.state().is_open() {
            let wait = if stream.has_own_time { StreamWait::OwnHalfOpen } else { StreamWait::HalfOpen };
            self.wait(id, wait, env);
        }
    }

    /// Restarts the half-open timeout of a stream, because data or a window grant has moved on the stream.
    pub(super) fn revive(&mut self, id: StreamId, env: &mut Environment<'_>) {
        if env.streams.get(id).is_some_and(Stream::is_half_open) {
            self.stream_deadlines.leave(env.streams, id);
            self.wait_half_open(id, env);
        }
    }

    /// Records that data or a window grant has moved on a stream. The record matters only after the peer's go-away, when a
    /// connection on which nothing moves is cut. While a stream waits for its owner's permission, the peer is not the cause
    /// of the silence, so the time until the connection is cut does not run.
    pub(super) fn note_activity(&mut self, now: Now) {
        if self.timers.is_leaving() {
            self.is_untimed |= now.is_untimed();
            self.timers.note_activity((self.ready_to_open == 0).then_some(now));
        }
    }
}
