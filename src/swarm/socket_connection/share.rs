//! The methods by which a [`SocketConnection`] is counted under the limits per peer, address and site, and by which the
//! connection or its streams are ended to make room for others.

use super::ending::short;
use super::{ConnectionStage, EndCause, OurSide, SocketConnection};
use crate::connection::IdleTimes;
use crate::lifecycle::{ConnectionEnd, Direction, Failure, State, StreamEnd, StreamId};
use crate::swarm::pipe::PipeTransport;
use crate::swarm::refusals::Refusal;
use crate::swarm::state::SwarmState;
use core::fmt;
use core::task::Context;
use core::time::Duration;

/// The rule by which a connection is trimmed. The text of the rule is for the log and for the connection's error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::swarm) enum Trim {
    HighWater,
    Need,
    /// The connection has no stream and its peer is silent, so that a new connection of the same peer replaces it.
    Dead,
    /// The connection's peer or address has most connections, and a new connection replaces it because almost all places are
    /// taken.
    Greedy,
}

impl fmt::Display for Trim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HighWater => "there are more connections than high_water allows",
            Self::Need => "the system has run out of descriptors or memory",
            Self::Dead => "it looks dead, and a new connection of its peer takes its place",
            Self::Greedy => {
                "its peer or its address has most connections, and one of them gives its place to a newcomer"
            }
        })
    }
}

impl<T> SocketConnection<T>
where
    T: PipeTransport,
{
    /// Returns whether this connection is counted for its peer and its address. A connection that is not counted yet is
    /// counted now if no limit is reached, so that no other connection has to be closed for it. A dial is always counted.
    pub(in crate::swarm) fn has_share<const E: usize>(&self, state: &mut SwarmState<E>) -> bool {
        let Some(peer) = self.peer().filter(|_| !state.shares.is_member(self.id)) else { return true };
        if self.direction == Direction::Inbound {
            // The connection itself holds one of the places.
            let taken = state.lifecycle.held_connections().saturating_sub(1);
            let shares = &state.shares;
            if shares.is_nearly_full(taken) || shares.crowd(Some(peer), &self.remote, taken).is_some() {
                // The caller queues the connection then, and `claim_share` looks for another one to close for it: this
                // needs the table of connections, which is not at hand here.
                return false;
            }
        }
        state.shares.join(self.id, self.direction, peer, &self.remote);
        true
    }

    /// Closes the connection for the reason `why`, since a limit per peer, address or site leaves no place for it. The
    /// refusal is counted at the connection's listener, where refusals of sockets without an id are counted too, so that one
    /// count includes all refusals.
    pub(in crate::swarm) fn refuse_share<const E: usize>(&mut self, state: &mut SwarmState<E>, why: &dyn fmt::Display) {
        self.error = Some(short(why));
        if let Some(listener) = self.listener {
            state.count_refusal_from(listener, Refusal::ConnectionLimit, &self.remote, self.peer());
        }
        // The connection is still opening, so that its event is `ConnectFailed` with `Limit`.
        self.end(state, EndCause::Ended(ConnectionEnd::Trimmed));
    }

    /// Returns the time since which this connection has had no stream, and the time since which its peer has been silent, if
    /// the connection is open, not being closed, and without a stream.
    pub(in crate::swarm) fn idle_times(&self) -> Option<IdleTimes> {
        match &self.stage {
            ConnectionStage::Up(pipe) => pipe.connection.idle_times(),
            ConnectionStage::Dialing(_) | ConnectionStage::Closing(..) | ConnectionStage::Over(_) => None,
        }
    }

    /// Returns the time at which the last bytes from the peer arrived, if the connection is open and we are not closing it.
    pub(in crate::swarm) fn last_heard(&self) -> Option<Duration> {
        match &self.stage {
            ConnectionStage::Up(pipe) | ConnectionStage::Closing(pipe, _, OurSide::Serving) => {
                pipe.connection.last_heard()
            }
            ConnectionStage::Dialing(_) | ConnectionStage::Closing(..) | ConnectionStage::Over(_) => None,
        }
    }

    /// Closes the connection at once by the rule `why`, to make room for others. The peer is sent yamux's go-away, if the
    /// byte pipe accepts it at once.
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

    /// Returns the half-open stream that has been silent longest, and the time since which it has been silent.
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

    /// Resets a stream because a limit on streams is reached.
    pub(in crate::swarm) fn take_stream<const E: usize>(
        &mut self,
        id: StreamId,
        state: &mut SwarmState<E>,
        now: Duration,
    ) {
        self.reset_as(id, state, now, Failure::Limit, StreamEnd::Limit);
    }

    /// Resets a stream. A stream that is not open yet fails with `failure`; an open one ends with `end`.
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

    /// Resets a stream whose protocol has as many streams as the owner allows. The answer `na` is not sent: it means that we
    /// do not speak the protocol, and peers remember it.
    pub(super) fn refuse_protocol<const E: usize>(&mut self, id: StreamId, state: &mut SwarmState<E>, now: Duration) {
        state.count_refusal(self.id, Refusal::StreamLimit);
        self.take_stream(id, state, now);
    }
}
