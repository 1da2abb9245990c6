//! Steps of streams: what a step of a stream's [machine](super::stream::machine) asks of its connection, its end, and the
//! time that a half-open one has.

use super::stream::Stream;
use super::stream::machine::{Life, StreamEffect, StreamState, Trigger};
use super::stream_deadlines::StreamWait;
use super::unnamed::StreamKey;
use super::yamux::{self, Session};
use super::{Connection, Environment, Fact, Phase, UNTIMED};
use crate::arithmetic::Count;
use crate::lifecycle::{Failure, Side, StreamEnd, StreamId};
use core::time::Duration;

impl Connection {
    /// Takes a step of a stream's [machine](super::stream::machine), and does what that asks for. The fact is the stream's
    /// end.
    #[inline(always)]
    pub(super) fn step(&mut self, id: StreamId, trigger: Trigger, env: &mut Environment<'_>) -> Option<Fact> {
        let stream = env.streams.get_mut(id)?;
        let before = stream.state();
        let fact = match stream.on(trigger)? {
            StreamEffect::Nothing => return None,
            StreamEffect::SendFin => {
                if let (Phase::Open(open), Some(yamux)) = (&mut self.phase, &mut stream.yamux) {
                    open.session.finish(yamux);
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

    /// Takes a step that ends no stream.
    #[inline(always)]
    pub(super) fn advance(&mut self, id: StreamId, trigger: Trigger, env: &mut Environment<'_>) {
        let ended = self.step(id, trigger, env);
        debug_assert_eq!(ended, None, "{trigger:?} ends no stream");
    }

    /// A stream has ended that was in the state `before`; its connection waits for nothing of it any more.
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
            // The oldest goes at once, so that failing all of them costs O(1) for each.
            if self.queued.front() == Some(&id) {
                self.queued.pop_front();
            } else {
                self.queued.retain(|queued| *queued != id);
            }
        }
        // That a stream ends is no movement by itself: streams that time out one by one would put the end off for ever.
        if before.is_ready_to_open() {
            self.ready_to_open.lower(1);
            self.note_activity(env.now);
        }
        self.count_stream_ended(env);
    }

    /// A stream has ended, with an id or without.
    pub(super) fn count_stream_ended(&mut self, env: &mut Environment<'_>) {
        self.live.lower(1);
        if self.live == 0 {
            self.is_untimed |= env.now == UNTIMED;
            self.timers.set_idle_since(Some(env.now));
        }
        self.open_queued(env);
    }

    /// Resets a stream that has not ended. The fact is its end: `end` if it was open, and `failure` if it was not.
    pub(super) fn reset_and_end(
        &mut self,
        id: StreamId,
        end: StreamEnd,
        failure: Failure,
        env: &mut Environment<'_>,
    ) -> Option<Fact> {
        self.reset_and_end_by(Session::reset, id, Trigger::End(end, failure), env)
    }

    /// Does the same because the peer has not agreed with us on a protocol: of a stream that it has begun, that counts
    /// against it.
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

    /// A stream's deadline has come.
    pub(super) fn stream_timeout(&mut self, id: StreamId, env: &mut Environment<'_>) -> Option<Fact> {
        let failure = env.streams.get(id)?.failed(Failure::Timeout);
        self.reset_and_end(id, StreamEnd::Timeout, failure, env)
    }

    /// Half of it is over: from now on the peer is not to let the other hang. A peer that has said all
    /// that its window allows waits for our owner to read, and not we for it.
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

    /// Something has moved on a half-open stream, so that its time starts again.
    pub(super) fn revive(&mut self, id: StreamId, env: &mut Environment<'_>) {
        if env.streams.get(id).is_some_and(Stream::is_half_open) {
            self.stream_deadlines.leave(env.streams, id);
            self.wait_half_open(id, env);
        }
    }

    /// Something has moved on a stream, which matters once the peer has sent go-away. While a stream waits for its owner
    /// the peer is not to blame for the silence.
    pub(super) fn note_activity(&mut self, now: Duration) {
        if self.timers.is_leaving() {
            self.is_untimed |= now == UNTIMED;
            self.timers.note_activity((self.ready_to_open == 0).then_some(now));
        }
    }
}
