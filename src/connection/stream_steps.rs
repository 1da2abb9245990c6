//! Steps of streams: what a step of a stream's [machine](super::stream::machine) asks of its connection, its end, and the
//! time that a half-open one has.

use super::queue::Wait;
use super::stream::Stream;
use super::stream::machine::{Effect, Life, State, Trigger};
use super::unnamed::Key;
use super::yamux::{self, Session};
use super::{Connection, Fact, Phase, Turn, UNTIMED};
use crate::arithmetic::Count;
use crate::lifecycle::{Failure, Side, StreamEnd, StreamId};
use core::time::Duration;

impl Connection {
    /// Takes a step of a stream's [machine](super::stream::machine), and does what that asks for. The fact is the stream's
    /// end.
    #[inline(always)]
    pub(super) fn step(&mut self, id: StreamId, trigger: Trigger, turn: &mut Turn<'_>) -> Option<Fact> {
        let stream = turn.streams.get_mut(id)?;
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
        self.forget(id, before, turn);
        Some(fact)
    }

    /// Takes a step that ends no stream.
    #[inline(always)]
    pub(super) fn advance(&mut self, id: StreamId, trigger: Trigger, turn: &mut Turn<'_>) {
        let ended = self.step(id, trigger, turn);
        debug_assert_eq!(ended, None, "{trigger:?} ends no stream");
    }

    /// A stream has ended that was in the state `before`; its connection waits for nothing of it any more.
    #[inline(never)]
    fn forget(&mut self, id: StreamId, before: State, turn: &mut Turn<'_>) {
        self.queues.leave(turn.streams, id);
        if turn.streams.get(id).is_some_and(|stream| stream.has_own_time) {
            self.queues.forget_own_time(id);
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
            self.at_gate.lower(1);
            self.moved(turn.now);
        }
        self.one_less_lives(turn);
    }

    /// A stream has ended, with an id or without.
    pub(super) fn one_less_lives(&mut self, turn: &mut Turn<'_>) {
        self.live.lower(1);
        if self.live == 0 {
            self.is_untimed |= turn.now == UNTIMED;
            self.timers.idle(Some(turn.now));
        }
        self.open_queued(turn);
    }

    /// Resets a stream that has not ended. The fact is its end: `end` if it was open, and `failure` if it was not.
    pub(super) fn give_up(
        &mut self,
        id: StreamId,
        end: StreamEnd,
        failure: Failure,
        turn: &mut Turn<'_>,
    ) -> Option<Fact> {
        self.give_up_by(Session::reset, id, Trigger::End(end, failure), turn)
    }

    /// Does the same because the peer has not agreed with us on a protocol: of a stream that it has begun, that counts
    /// against it.
    pub(super) fn give_up_for_peer(&mut self, id: StreamId, failure: Failure, turn: &mut Turn<'_>) -> Option<Fact> {
        self.give_up_by(Session::reset_for_peer, id, Trigger::End(StreamEnd::Reset(Side::Local), failure), turn)
    }

    fn give_up_by(
        &mut self,
        reset: fn(&mut Session<Key>, &mut yamux::Stream),
        id: StreamId,
        end: Trigger,
        turn: &mut Turn<'_>,
    ) -> Option<Fact> {
        let stream = turn.streams.get_mut(id).filter(|stream| !stream.state().is_over())?;
        if let (Phase::Open(open), Some(yamux)) = (&mut self.phase, &mut stream.yamux) {
            reset(&mut open.session, yamux);
        }
        self.step(id, end, turn)
    }

    /// A stream's deadline has come.
    pub(super) fn stream_timeout(&mut self, id: StreamId, turn: &mut Turn<'_>) -> Option<Fact> {
        let failure = turn.streams.get(id)?.failed(Failure::Timeout);
        self.give_up(id, StreamEnd::Timeout, failure, turn)
    }

    /// Half of it is over: from now on the peer is not to let the other hang. A peer that has said all
    /// that its window allows waits for our owner to read, and not we for it.
    pub(super) fn wait_half_open(&mut self, id: StreamId, turn: &mut Turn<'_>) {
        let Some(stream) = turn.streams.get_mut(id) else { return };
        let waits = stream.yamux.as_ref().is_some_and(|yamux| match yamux.is_remote_finished() {
            true => yamux.wants_window(),
            false => stream.state().is_fin_sent() && yamux.grants_window(),
        });
        if waits && stream.waits.is_none() && stream.state().is_open() {
            let wait = if stream.has_own_time { Wait::OwnHalfOpen } else { Wait::HalfOpen };
            self.wait(id, wait, turn);
        }
    }

    /// Something has moved on a half-open stream, so that its time starts again.
    pub(super) fn revive(&mut self, id: StreamId, turn: &mut Turn<'_>) {
        if turn.streams.get(id).is_some_and(Stream::is_half_open) {
            self.queues.leave(turn.streams, id);
            self.wait_half_open(id, turn);
        }
    }

    /// Something has moved on a stream, which matters once the peer has sent go-away. While a stream waits for its owner
    /// the peer is not to blame for the silence.
    pub(super) fn moved(&mut self, now: Duration) {
        if self.timers.is_leaving() {
            self.is_untimed |= now == UNTIMED;
            self.timers.moved((self.at_gate == 0).then_some(now));
        }
    }
}
