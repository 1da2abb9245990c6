//! The shares of a [`SocketConnection`] and of its streams in the limited resources, and the ways in which they are given
//! up.

use super::ending::short;
use super::{ConnectionStage, EndCause, OurSide, SocketConnection};
use crate::connection::IdleTimes;
use crate::lifecycle::{ConnectionEnd, Direction, Failure, State, StreamEnd, StreamId};
use crate::swarm::refusals::Refusal;
use crate::swarm::state::SwarmState;
use crate::swarm::trim::Trim;
use core::fmt;
use core::task::Context;
use core::time::Duration;
use futures_lite::io::{AsyncRead, AsyncWrite};
use libp2p_core::Transport;

impl<T> SocketConnection<T>
where
    T: Transport,
    T::Output: AsyncRead + AsyncWrite + Unpin,
    T::Error: 'static,
{
    /// Returns whether this connection has a share, and gives it one if no other connection has to give way. A dial always
    /// gets one.
    pub(in crate::swarm) fn has_share<const E: usize>(&self, state: &mut SwarmState<E>) -> bool {
        let Some(peer) = self.peer().filter(|_| !state.shares.is_member(self.id)) else { return true };
        if self.direction == Direction::Inbound {
            // The connection itself holds one of the places.
            let taken = state.lifecycle.held_connections().saturating_sub(1);
            let shares = &state.shares;
            if shares.is_nearly_full(taken) || shares.crowd(Some(peer), &self.remote, taken).is_some() {
                return false;
            }
        }
        state.shares.join(self.id, self.direction, peer, &self.remote);
        true
    }

    /// Closes it for the reason `why`, since it gets no share. The refusal is counted at its listener, as those of sockets
    /// without an id are, so that one count has them all.
    pub(in crate::swarm) fn refuse_share<const E: usize>(&mut self, state: &mut SwarmState<E>, why: &dyn fmt::Display) {
        self.error = Some(short(why));
        if let Some(listener) = self.listener {
            state.count_refusal_from(listener, Refusal::ConnectionLimit, &self.remote, self.peer());
        }
        // It is still opening, so that its event is `ConnectFailed` with `Limit`.
        self.end(state, EndCause::Ended(ConnectionEnd::Trimmed));
    }

    /// Returns its idle times, if it is open, not being closed, and without a stream.
    pub(in crate::swarm) fn idle_times(&self) -> Option<IdleTimes> {
        match &self.stage {
            ConnectionStage::Up(pipe) => pipe.connection.idle_times(),
            ConnectionStage::Dialing(_) | ConnectionStage::Closing(..) | ConnectionStage::Over(_) => None,
        }
    }

    /// Returns the time at which its peer was last heard, if it is open and we are not closing it.
    pub(in crate::swarm) fn last_heard(&self) -> Option<Duration> {
        match &self.stage {
            ConnectionStage::Up(pipe) | ConnectionStage::Closing(pipe, _, OurSide::Serving) => {
                pipe.connection.last_heard()
            }
            ConnectionStage::Dialing(_) | ConnectionStage::Closing(..) | ConnectionStage::Over(_) => None,
        }
    }

    /// Closes it at once by the rule `why`, in favour of another connection.
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

    /// Returns the half-open stream that has been silent longest, with the time since when.
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

    /// Resets a stream because a limit is reached.
    pub(in crate::swarm) fn take_stream<const E: usize>(
        &mut self,
        id: StreamId,
        state: &mut SwarmState<E>,
        now: Duration,
    ) {
        self.reset_as(id, state, now, Failure::Limit, StreamEnd::Limit);
    }

    /// Resets a stream. If it is not open yet it fails with `failure`, otherwise it ends with `end`.
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

    /// Resets a stream whose protocol is at its owner's limit. It is not answered by `na`: that says that the protocol is
    /// not spoken, which peers remember.
    pub(super) fn refuse_protocol<const E: usize>(&mut self, id: StreamId, state: &mut SwarmState<E>, now: Duration) {
        state.count_refusal(self.id, Refusal::StreamLimit);
        self.take_stream(id, state, now);
    }
}
