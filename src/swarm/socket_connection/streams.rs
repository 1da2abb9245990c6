//! The methods by which streams of a [`SocketConnection`] begin, open, or are given up for a new stream.

use super::{ConnectionStage, SocketConnection};
use crate::connection::Fact;
use crate::lifecycle::StreamId;
use crate::swarm::pipe::PipeTransport;
use crate::swarm::refusals::Refusal;
use crate::swarm::state::SwarmState;
use core::task::Context;
use core::time::Duration;

impl<T> SocketConnection<T>
where
    T: PipeTransport,
{
    /// Opens a stream that is ready, if the event queue has room and we are not closing the connection.
    pub(in crate::swarm) fn admit_stream<const E: usize>(
        &mut self,
        id: StreamId,
        state: &mut SwarmState<E>,
        now: Duration,
    ) {
        // On a connection that we are closing, our answer would not be sent: the stream fails with the connection.
        let is_open = matches!(self.stage, ConnectionStage::Up(_)) || self.is_serving();
        if !is_open || state.lifecycle.opened(id).is_err() {
            return;
        }
        self.has_had_stream = true;
        if let Some(connection) = self.connection() {
            connection.confirm_stream(id, &mut state.environment(now));
        }
        self.mark_dirty(state);
    }

    /// Makes room for a new stream on a connection that has as many streams as allowed: gives up the half-open stream that
    /// has been silent longest, if it has been silent for at least
    /// [`half_open_grace`](crate::connection::Config::half_open_grace). While the owner is late in taking turns, no stream
    /// is given up, since bytes of the old stream may still be unread.
    pub(in crate::swarm) fn make_place<const E: usize>(&mut self, state: &mut SwarmState<E>, now: Duration) {
        // js-libp2p never closes a half-open stream of which nothing more comes, and some implementations send nothing when
        // they drop a stream behind its FIN. Such streams would fill the connection for good.
        if !state.lifecycle.is_crowded(self.id) || state.is_owner_late {
            return;
        }
        let given_up = self.connection().and_then(|connection| connection.give_up_silent(&mut state.environment(now)));
        if let Some(Fact::StreamEnded(id, end)) = given_up {
            state.end_stream(id, end);
            self.mark_dirty(state);
        }
    }

    /// Handles the first proposal on a stream of the peer: the stream gets an id, or is refused because a limit is reached.
    pub(super) fn offered<const E: usize>(&mut self, state: &mut SwarmState<E>, cx: &mut Context<'_>, now: Duration) {
        let id = self.id;
        // No stream is given up for one that is going to be refused anyway.
        if !state.lifecycle.is_behind(id) {
            self.make_place(state, now);
        }
        // A connection that we are closing accepts no more streams. A peer that has sent go-away may have begun this one
        // before.
        let is_open = matches!(self.stage, ConnectionStage::Up(_)) || self.is_serving();
        let offered = if is_open { state.begin_offered_stream(id, now) } else { None };
        let Some(connection) = self.connection() else { return };
        match offered {
            Some(stream) => {
                if let Some(fact) = connection.accept_stream(stream, &mut state.environment(now)) {
                    self.handle(fact, state, cx, now);
                }
            }
            None => {
                connection.refuse_stream(&mut state.environment(now));
                state.stream_without_id(id, Refusal::StreamLimit);
            }
        }
    }
}
