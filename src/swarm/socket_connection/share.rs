//! The share that a [`SocketConnection`] and its streams have of what all connections share, and how they give it up.

use super::ending::short;
use super::{ConnectionStage, EndCause, OurSide, SocketConnection};
use crate::connection::IdleTimes;
use crate::lifecycle::{ConnectionEnd, Direction, Failure, State, StreamEnd, StreamId};
use crate::swarm::SwarmTransport;
use crate::swarm::refusals::Refusal;
use crate::swarm::state::SwarmState;
use crate::swarm::trim::Trim;
use core::fmt;
use core::task::Context;
use core::time::Duration;

impl<T> SocketConnection<T>
where
    T: SwarmTransport,
{
    /// Returns whether this connection has its share, or gets it now without another one giving way. A dial always gets it.
    pub(in crate::swarm) fn has_share<const E: usize>(&self, state: &mut SwarmState<E>) -> bool {
        let Some(peer) = self.peer().filter(|_| !state.shares.is_member(self.id)) else { return true };
        if self.direction == Direction::Inbound {
            // It holds a place itself.
            let taken = state.lifecycle.held_connections().saturating_sub(1);
            let shares = &state.shares;
            if shares.is_nearly_full(taken) || shares.crowd(Some(peer), &self.remote, taken).is_some() {
                return false;
            }
        }
        state.shares.join(self.id, self.direction, peer, &self.remote);
        true
    }

    /// Closes it, since it gets no share, for the reason `why`. Its listener counts it beside those that are refused before
    /// they have an id, so that one count has all.
    pub(in crate::swarm) fn refuse_share<const E: usize>(&mut self, state: &mut SwarmState<E>, why: &dyn fmt::Display) {
        self.error = Some(short(why));
        if let Some(listener) = self.listener {
            state.count_refusal_from(listener, Refusal::ConnectionLimit, &self.remote, self.peer());
        }
        // It is opening, so that it is told to have failed of the limit.
        self.end(state, EndCause::Ended(ConnectionEnd::Trimmed));
    }

    /// Returns its times, if it is open, nobody closes it and it has no stream.
    pub(in crate::swarm) fn idle_times(&self) -> Option<IdleTimes> {
        match &self.stage {
            ConnectionStage::Up(pipe) => pipe.connection.idle_times(),
            ConnectionStage::Dialing(_) | ConnectionStage::Closing(..) | ConnectionStage::Over(_) => None,
        }
    }

    /// Returns when its peer was last heard, if it is open and we do not close it.
    pub(in crate::swarm) fn last_heard(&self) -> Option<Duration> {
        match &self.stage {
            ConnectionStage::Up(pipe) | ConnectionStage::Closing(pipe, _, OurSide::Serving) => {
                pipe.connection.last_heard()
            }
            ConnectionStage::Dialing(_) | ConnectionStage::Closing(..) | ConnectionStage::Over(_) => None,
        }
    }

    /// Closes it at once, in favour of another connection, for the reason `why`.
    pub(in crate::swarm) fn trim<const E: usize>(
        &mut self,
        state: &mut SwarmState<E>,
        cx: &mut Context<'_>,
        now: Duration,
        why: Trim,
    ) {
        if !matches!(self.stage, ConnectionStage::Over(_)) {
            self.error = Some(short(&why));
        }
        let config = &state.config.connection;
        if let ConnectionStage::Up(pipe) = &mut self.stage {
            pipe.connection.close(config, now);
        }
        self.last_words(cx);
        self.end(state, EndCause::Ended(ConnectionEnd::Trimmed));
    }

    /// Returns the half-open stream that has been silent longest, and since when.
    pub(in crate::swarm) fn silent_longest<const E: usize>(
        &self,
        state: &SwarmState<E>,
    ) -> Option<(Duration, StreamId)> {
        match &self.stage {
            ConnectionStage::Up(pipe) | ConnectionStage::Closing(pipe, ..) => {
                pipe.connection.silent_longest(&state.streams)
            }
            ConnectionStage::Dialing(_) | ConnectionStage::Over(_) => None,
        }
    }

    /// Resets a stream at a limit.
    pub(in crate::swarm) fn take_stream<const E: usize>(
        &mut self,
        id: StreamId,
        state: &mut SwarmState<E>,
        now: Duration,
    ) {
        self.reset_as(id, state, now, Failure::Limit, StreamEnd::Limit);
    }

    /// Resets a stream for one of two reasons: the first if it is not open yet.
    pub(super) fn reset_as<const E: usize>(
        &mut self,
        id: StreamId,
        state: &mut SwarmState<E>,
        now: Duration,
        failure: Failure,
        end: StreamEnd,
    ) {
        if let Some(connection) = self.connection() {
            connection.reset_stream(id, &mut state.environment(now));
        }
        match state.lifecycle.state(id) {
            Some(State::Opening) => state.fail_stream(id, failure),
            Some(State::Open | State::Leaving | State::Ended) | None => state.end_stream(id, end),
        }
        self.mark_dirty(state);
    }

    /// Resets a stream whose protocol has as many as its owner allows. A refusal in words would say that the protocol is
    /// not spoken, which peers remember.
    pub(super) fn refuse_protocol<const E: usize>(&mut self, id: StreamId, state: &mut SwarmState<E>, now: Duration) {
        state.count_refusal(self.id, Refusal::StreamLimit);
        self.take_stream(id, state, now);
    }
}
