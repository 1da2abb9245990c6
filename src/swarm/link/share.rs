//! The share that a [`Link`] and its streams have of what all connections share, and how they give it up.

use super::ending::short;
use super::{Link, Ours, Stage, Why};
use crate::connection::Rest;
use crate::lifecycle::{ConnectionEnd, Direction, Failure, State, StreamEnd, StreamId};
use crate::swarm::ledger::Ledger;
use crate::swarm::refusals::Refusal;
use crate::swarm::trim::Trim;
use core::fmt;
use core::task::Context;
use core::time::Duration;
use futures_lite::io::{AsyncRead, AsyncWrite};
use libp2p_core::Transport;

impl<T> Link<T>
where
    T: Transport,
    T::Output: AsyncRead + AsyncWrite + Unpin,
    T::Error: 'static,
{
    /// Returns whether this connection has its share, or gets it now without another one giving way. A dial always gets it.
    pub(in crate::swarm) fn has_share<const E: usize>(&self, ledger: &mut Ledger<E>) -> bool {
        let Some(peer) = self.peer().filter(|_| !ledger.shares.is_member(self.id)) else { return true };
        if self.direction == Direction::Inbound {
            // It holds a place itself.
            let taken = ledger.lifecycle.held_connections().saturating_sub(1);
            let shares = &ledger.shares;
            if shares.is_nearly_full(taken) || shares.crowd(Some(peer), &self.remote, taken).is_some() {
                return false;
            }
        }
        ledger.shares.join(self.id, self.direction, peer, &self.remote);
        true
    }

    /// Closes it, since it gets no share, for the reason `why`. Its listener counts it beside those that are refused before
    /// they have an id, so that one count has all.
    pub(in crate::swarm) fn refuse_share<const E: usize>(&mut self, ledger: &mut Ledger<E>, why: &dyn fmt::Display) {
        self.error = Some(short(why));
        if let Some(listener) = self.listener {
            ledger.refuse_from(listener, Refusal::ConnectionLimit, &self.remote, self.peer());
        }
        // It is opening, so that it is told to have failed of the limit.
        self.over(ledger, Why::Ended(ConnectionEnd::Trimmed));
    }

    /// Returns its times, if it is open, nobody closes it and it has no stream.
    pub(in crate::swarm) fn rest(&self) -> Option<Rest> {
        match &self.stage {
            Stage::Up(pipe) => pipe.connection.rest(),
            Stage::Dialing(_) | Stage::Closing(..) | Stage::Over(_) => None,
        }
    }

    /// Returns when its peer was last heard, if it is open and we do not close it.
    pub(in crate::swarm) fn heard(&self) -> Option<Duration> {
        match &self.stage {
            Stage::Up(pipe) | Stage::Closing(pipe, _, Ours::Serving) => pipe.connection.heard(),
            Stage::Dialing(_) | Stage::Closing(..) | Stage::Over(_) => None,
        }
    }

    /// Closes it at once, in favour of another connection, for the reason `why`.
    pub(in crate::swarm) fn trim<const E: usize>(
        &mut self,
        ledger: &mut Ledger<E>,
        cx: &mut Context<'_>,
        now: Duration,
        why: Trim,
    ) {
        if !matches!(self.stage, Stage::Over(_)) {
            self.error = Some(short(&why));
        }
        let config = &ledger.config.connection;
        if let Stage::Up(pipe) = &mut self.stage {
            pipe.connection.close(config, now);
        }
        self.last_words(cx);
        self.over(ledger, Why::Ended(ConnectionEnd::Trimmed));
    }

    /// Returns the half-open stream that has been silent longest, and since when.
    pub(in crate::swarm) fn silent_longest<const E: usize>(&self, ledger: &Ledger<E>) -> Option<(Duration, StreamId)> {
        match &self.stage {
            Stage::Up(pipe) | Stage::Closing(pipe, ..) => pipe.connection.silent_longest(&ledger.streams),
            Stage::Dialing(_) | Stage::Over(_) => None,
        }
    }

    /// Resets a stream at a limit.
    pub(in crate::swarm) fn take_stream<const E: usize>(
        &mut self,
        id: StreamId,
        ledger: &mut Ledger<E>,
        now: Duration,
    ) {
        self.reset_as(id, ledger, now, Failure::Limit, StreamEnd::Limit);
    }

    /// Resets a stream for one of two reasons: the first if it is not open yet.
    pub(super) fn reset_as<const E: usize>(
        &mut self,
        id: StreamId,
        ledger: &mut Ledger<E>,
        now: Duration,
        failure: Failure,
        end: StreamEnd,
    ) {
        if let Some(connection) = self.connection() {
            connection.reset_stream(id, &mut ledger.turn(now));
        }
        match ledger.lifecycle.state(id) {
            Some(State::Opening) => ledger.fail_stream(id, failure),
            Some(State::Open | State::Leaving | State::Ended) | None => ledger.end_stream(id, end),
        }
        self.mark_dirty(ledger);
    }

    /// Resets a stream whose protocol has as many as its owner allows. A refusal in words would say that the protocol is
    /// not spoken, which peers remember.
    pub(super) fn refuse_protocol<const E: usize>(&mut self, id: StreamId, ledger: &mut Ledger<E>, now: Duration) {
        ledger.refuse(self.id, Refusal::StreamLimit);
        self.take_stream(id, ledger, now);
    }
}
