//! Facts of the muxer: the part of them that concerns only the connection, and the facts for its owner that follow.

use super::stream::machine::{Life, Trigger};
use super::unnamed::{Named, StreamKey};
use super::yamux;
use super::{Connection, Environment, Fact, Phase};
use crate::lifecycle::{Failure, Side, StreamEnd, StreamId};

impl Connection {
    /// Handles a fact of the session. Returns the fact for the owner; `None` if it concerns only the connection.
    pub(super) fn handle_muxer_fact(
        &mut self,
        said: yamux::Fact<StreamKey>,
        env: &mut Environment<'_>,
    ) -> Option<Fact> {
        match said {
            yamux::Fact::Inbound => self.peer_begins_stream(false, env),
            yamux::Fact::Pong(_) => {
                self.round_trip.answered(env.now);
                None
            }
            yamux::Fact::Heard => {
                self.open_queued(env);
                None
            }
            yamux::Fact::GoAway(code) => {
                // While a stream waits for its owner, the peer is not to blame for the silence.
                self.timers.leaving((self.ready_to_open == 0).then_some(env.now));
                Some(Fact::GoAway(code))
            }
            yamux::Fact::Readable(key)
            | yamux::Fact::Writable(key)
            | yamux::Fact::Window(key)
            | yamux::Fact::FinSent(key)
            | yamux::Fact::Reset(key)
            | yamux::Fact::Acknowledged(key) => {
                let fact = match key.named() {
                    Named::Id(id) => self.handle_stream_fact(said, id, env),
                    Named::Slot(slot) => self.handle_unnamed_fact(said, slot, env),
                };
                self.note_activity(env.now);
                fact
            }
        }
    }

    /// Handles a fact of the session about a stream with an id.
    fn handle_stream_fact(
        &mut self,
        said: yamux::Fact<StreamKey>,
        id: StreamId,
        env: &mut Environment<'_>,
    ) -> Option<Fact> {
        match said {
            yamux::Fact::Readable(_) => self.data_came(id, env),
            yamux::Fact::Writable(_) => self.window_came(id, env),
            yamux::Fact::Window(_) => {
                self.revive(id, env);
                None
            }
            yamux::Fact::FinSent(_) => self.fin_sent(id, env),
            yamux::Fact::Reset(_) => self.reset_by_peer(id, env),
            yamux::Fact::Acknowledged(_) => {
                self.open_queued(env);
                None
            }
            yamux::Fact::Inbound | yamux::Fact::Pong(_) | yamux::Fact::Heard | yamux::Fact::GoAway(_) => None,
        }
    }

    /// Fails our oldest stream that is not on the wire yet, once the peer has sent go-away: it will never get there.
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

    /// Handles new data or the peer's FIN.
    fn data_came(&mut self, id: StreamId, env: &mut Environment<'_>) -> Option<Fact> {
        let stream = env.streams.get_mut(id)?;
        match stream.state().life() {
            Life::Proposing | Life::Answering => self.negotiate(id, env),
            // The opening is reported first. After it the stream is readable from the start.
            Life::Queued | Life::Agreed | Life::Confirming => None,
            Life::Open => {
                self.revive(id, env);
                self.wait_half_open(id, env);
                Some(Fact::Readable(id))
            }
            Life::Closing if stream.is_remote_finished() => self.step(id, Trigger::EndRead, env),
            Life::Closing | Life::Finished | Life::Cut | Life::Failed => None,
        }
    }

    /// Handles a window grant of the peer, or new room in our output. A stream with one proposal may have been written to
    /// before its protocol is agreed, so it can become writable early.
    fn window_came(&mut self, id: StreamId, env: &mut Environment<'_>) -> Option<Fact> {
        self.revive(id, env);
        let stream = env.streams.get_mut(id)?;
        stream.may_write().is_ok().then_some(Fact::Writable(id))
    }

    /// Takes note that our FIN has been written.
    fn fin_sent(&mut self, id: StreamId, env: &mut Environment<'_>) -> Option<Fact> {
        let fact = self.step(id, Trigger::FinSent, env);
        if fact.is_none() {
            self.wait_half_open(id, env);
        }
        fact
    }

    fn reset_by_peer(&mut self, id: StreamId, env: &mut Environment<'_>) -> Option<Fact> {
        let failure = env.streams.get(id)?.failed(Failure::Reset(Side::Remote));
        self.step(id, Trigger::End(StreamEnd::Reset(Side::Remote), failure), env)
    }
}
