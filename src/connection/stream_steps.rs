//! Steps of streams: the effects of a stream's [machine](super::stream::machine) on its connection, the end of a stream, and
//! the time of a half-open one.

use super::stream::Stream;
use super::stream::machine::{Effect, Life, State, Trigger};
use super::stream_deadlines::StreamWait;
use super::unnamed::StreamKey;
use super::yamux::{self, Session};
use super::{Connection, Environment, Fact, Phase, UNTIMED};
use crate::arithmetic::Count;
use crate::lifecycle::{Failure, Side, StreamEnd, StreamId};
use core::time::Duration;

impl Connection {
    /// Takes a step of a stream's [machine](super::stream::machine), and carries out the effect. The fact, if there is one,
    /// is the stream's end.
    #[inline(always)]
    pub(super) fn step(&mut self, id: StreamId, trigger: Trigger, env: &mut Environment<'_>) -> Option<Fact> {
        let stream = env.streams.get_mut(id)?;
        let before = stream.state();
        let fact = match stream.on(trigger)? {
            Effect::Nothing => return None,
            Effect::SendFin => {
                if let (Phase::Open(open), Some(yamux)) = (&mut self.phase, &mut stream.yamux) {
                    open.session.finish(yamux);
                    self.has_data_due = true;
                }
                return None;
            }
            Effect::TellFailed(failure) => Fact::StreamFailed(id, failure),
            Effect::TellEnded(end) => Fact::StreamEnded(id, end),
        };
        self.forget(id, before, env);
        Some(fact)
    }

    /// Takes a step that does not end the stream.
    #[inline(always)]
    pub(super) fn advance(&mut self, id: StreamId, trigger: Trigger, env: &mut Environment<'_>) {
        let ended = self.step(id, trigger, env);
        debug_assert_eq!(ended, None, "{trigger:?} ends no stream");
    }

    /// Removes a stream that has ended from the connection's queues and counts. `before` is its state before the end.
    #[inline(never)]
    fn forget(&mut self, id: StreamId, before: State, env: &mut Environment<'_>) {
        self.stream_deadlines.leave(env.streams, id);
        if env.streams.get(id).is_some_and(|stream| stream.has_own_time) {
            self.stream_deadlines.forget_own_time(id);
        }
        if before.is_in_backlog() {
            self.backlog.lower(1);
        }
        if before.life() == Life::Queued {
            // The oldest stream is popped at once, so that failing all queued streams costs O(1) for each.
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

    /// Counts the end of a stream, with an id or without.
    pub(super) fn count_stream_ended(&mut self, env: &mut Environment<'_>) {
        self.live.lower(1);
        if self.live == 0 {
            self.is_untimed |= env.now == UNTIMED;
            self.timers.set_idle_since(Some(env.now));
        }
        self.open_queued(env);
    }

    /// Resets a stream that has not ended. The fact is its end: `end` if the stream was open, `failure` if it was not.
    pub(super) fn reset_and_end(
        &mut self,
        id: StreamId,
        end: StreamEnd,
        failure: Failure,
        env: &mut Environment<'_>,
    ) -> Option<Fact> {
        self.reset_and_end_by(Session::reset, id, Trigger::End(end, failure), env)
    }

    /// Resets a stream because the negotiation has failed on the peer's side. If the peer began the stream, the reset counts
    /// against the peer.
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
        reset: fn(&mut Session<StreamKey>, &mut yamux::Stream),
        id: StreamId,
        end: Trigger,
        env: &mut Environment<'_>,
    ) -> Option<Fact> {
        let stream = env.streams.get_mut(id).filter(|stream| !stream.state().is_over())?;
        if let (Phase::Open(open), Some(yamux)) = (&mut self.phase, &mut stream.yamux) {
            reset(&mut open.session, yamux);
        }
        self.step(id, end, env)
    }

    /// Ends a stream whose deadline has come.
    pub(super) fn stream_timeout(&mut self, id: StreamId, env: &mut Environment<'_>) -> Option<Fact> {
        let failure = env.streams.get(id)?.failed(Failure::Timeout);
        self.reset_and_end(id, StreamEnd::Timeout, failure, env)
    }

    /// Starts the half-open time of a stream if it waits for the peer: after our FIN for the peer's, while the peer has
    /// window left; after the peer's FIN for window for our bytes. A peer that has used up its window waits for our owner to
    /// read, so no time runs then.
    pub(super) fn wait_half_open(&mut self, id: StreamId, env: &mut Environment<'_>) {
        let Some(stream) = env.streams.get_mut(id) else { return };
        let waits = stream.yamux.as_ref().is_some_and(|yamux| match yamux.is_remote_finished() {
            true => yamux.wants_window(),
            false => stream.state().is_fin_sent() && yamux.grants_window(),
        });
        if waits && stream.waits.is_none() && stream.state().is_open() {
            let wait = if stream.has_own_time { StreamWait::OwnHalfOpen } else { StreamWait::HalfOpen };
            self.wait(id, wait, env);
        }
    }

    /// Restarts the half-open time of a stream on which something has moved.
    pub(super) fn revive(&mut self, id: StreamId, env: &mut Environment<'_>) {
        if env.streams.get(id).is_some_and(Stream::is_half_open) {
            self.stream_deadlines.leave(env.streams, id);
            self.wait_half_open(id, env);
        }
    }

    /// Takes note that something has moved on a stream. It counts only after the peer's go-away. While a stream waits for
    /// its owner's permission, the peer is not to blame for the silence, so no time runs.
    pub(super) fn note_activity(&mut self, now: Duration) {
        if self.timers.is_leaving() {
            self.is_untimed |= now == UNTIMED;
            self.timers.note_activity((self.ready_to_open == 0).then_some(now));
        }
    }
}
