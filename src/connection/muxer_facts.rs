//! The handling of the muxer's facts: the effects of a fact on the connection, and the connection's own fact for the owner
//! that follows from it.

use super::muxer;
use super::stream::machine::{Life, Trigger};
use super::unnamed::{Named, StreamKey};
use super::{Connection, Environment, Fact, Phase};
use crate::lifecycle::{Failure, Side, StreamEnd, StreamId};

impl Connection {
    /// Handles a fact of the muxer's session. Returns the fact for the owner, or `None` if the muxer's fact concerns only
    /// the connection.
    pub(super) fn handle_muxer_fact(
        &mut self,
        said: muxer::Fact<StreamKey>,
        env: &mut Environment<'_>,
    ) -> Option<Fact> {
        match said {
            muxer::Fact::Inbound => self.peer_begins_stream(false, env),
            muxer::Fact::Pong(_) => {
                // The value of the pong is not compared, since all pings of a connection carry 0.
                self.round_trip.answered(env.now.or_never());
                None
            }
            muxer::Fact::Heard => {
                self.open_queued(env);
                None
            }
            muxer::Fact::GoAway(code) => {
                // While a stream waits for its owner's permission, the silence is not the peer's fault, so the time does not
                // run.
                self.timers.leaving((self.ready_to_open == 0).then_some(env.now));
                Some(Fact::GoAway(code))
            }
            muxer::Fact::Readable(key)
            | muxer::Fact::Writable(key)
            | muxer::Fact::Window(key)
            | muxer::Fact::FinSent(key)
            | muxer::Fact::Reset(key)
            | muxer::Fact::Acknowledged(key) => {
                let fact = match key.named() {
                    Named::Id(id) => self.handle_stream_fact(said, id, env),
                    Named::Slot(slot) => self.handle_unnamed_fact(said, slot, env),
                };
                self.note_activity(env.now);
                fact
            }
        }
    }

    /// Handles a fact of the muxer's session about a stream with an id. Returns the fact for the owner, if one follows.
    fn handle_stream_fact(
        &mut self,
        said: muxer::Fact<StreamKey>,
        id: StreamId,
        env: &mut Environment<'_>,
    ) -> Option<Fact> {
        match said {
            muxer::Fact::Readable(_) => self.data_came(id, env),
            muxer::Fact::Writable(_) => self.window_came(id, env),
            muxer::Fact::Window(_) => {
                self.revive(id, env);
                None
            }
            muxer::Fact::FinSent(_) => self.fin_sent(id, env),
            muxer::Fact::Reset(_) => self.reset_by_peer(id, env),
            muxer::Fact::Acknowledged(_) => {
                self.open_queued(env);
                None
            }
            muxer::Fact::Inbound | muxer::Fact::Pong(_) | muxer::Fact::Heard | muxer::Fact::GoAway(_) => None,
        }
    }

    /// Fails our oldest stream that has not been sent yet, once the peer has sent go-away: such a stream can never be
    /// opened. Returns the fact for the owner, or `None` if there is no such stream.
    pub(super) fn fail_queued(&mut self, env: &mut Environment<'_>) -> Option<Fact> {
        while let Some(id) = self.queued.front().copied() {
            if !matches!(&self.phase, Phase::Open(open) if open.session.has_peer_gone_away()) {
                return None;
            }
            match self.step(id, Trigger::End(StreamEnd::ConnectionClosed, Failure::ConnectionClosed), env) {
                None => drop(self.queued.pop_front()),
                fact => return fact,
            }
        }
        None
    }

    /// Handles new data of the peer on a stream, or the peer's FIN.
    fn data_came(&mut self, id: StreamId, env: &mut Environment<'_>) -> Option<Fact> {
        let stream = env.streams.get_mut(id)?;
        match stream.state().life() {
            Life::Proposing | Life::Answering => self.negotiate(id, env),
            // The stream's opening has to be reported first. The stream is readable as soon as it is open.
            Life::Queued | Life::Agreed | Life::Confirming => None,
            Life::Open => {
                self.revive(id, env);
                self.wait_half_open(id, env);
                Some(Fact::Readable(id))
            }
            // Nobody reads a stream that its owner has closed, so its end counts as read when it arrives.
            Life::Closing if stream.is_remote_finished() => self.step(id, Trigger::EndRead, env),
            Life::Closing | Life::Finished | Life::Cut | Life::Failed => None,
        }
    }

    /// Handles a window grant of the peer, or new room in our output buffer. A stream with one proposal may have been
    /// written to before its protocol is agreed, so it can become writable before it is open.
    fn window_came(&mut self, id: StreamId, env: &mut Environment<'_>) -> Option<Fact> {
        self.revive(id, env);
        let stream = env.streams.get_mut(id)?;
        stream.may_write().is_ok().then_some(Fact::Writable(id))
    }

    /// Records that our FIN has been written to the byte pipe.
    fn fin_sent(&mut self, id: StreamId, env: &mut Environment<'_>) -> Option<Fact> {
        let fact = self.step(id, Trigger::FinSent, env);
        if fact.is_none() {
            self.wait_half_open(id, env);
        }
        fact
    }

    fn reset_by_peer(&mut self, id: StreamId, env: &mut Environment<'_>) -> Option<Fact> {
        // A peer that resets its stream after our `na` has been refused, and that is the more useful reason.
        let failure = env.streams.get(id)?.failed(Failure::Reset(Side::Remote));
        self.step(id, Trigger::End(StreamEnd::Reset(Side::Remote), failure), env)
    }
}
