//! The methods that end a [`SocketConnection`] whose peer or address is denied, and streams whose protocol is denied.

use super::ending::short;
use super::{ConnectionStage, EndCause, SocketConnection};
use crate::lifecycle::{ConnectionEnd, Direction, Failure, StreamEnd, StreamId};
use crate::swarm::gate::Denial;
use crate::swarm::pipe::PipeTransport;
use crate::swarm::refusals::Refusal;
use crate::swarm::state::SwarmState;
use crate::text::for_log;
use alloc::boxed::Box;
use core::task::Context;
use core::time::Duration;
use libp2p_core::Multiaddr;

impl<T> SocketConnection<T>
where
    T: PipeTransport,
{
    /// Returns the address by which the lists and the gate judge this connection: its remote address, or, if the remote
    /// address begins with a DNS name, the address to which the name has led.
    pub(in crate::swarm) fn judged_address(&self) -> &Multiaddr {
        self.reached.as_deref().unwrap_or(&self.remote)
    }

    /// Stores the address to which a dialed DNS name has led, and asks the lists and the gate whether this address may be
    /// dialed.
    #[cold]
    #[inline(never)]
    pub(super) fn judge_reached<const E: usize>(
        &mut self,
        reached: Multiaddr,
        state: &mut SwarmState<E>,
        now: Duration,
    ) -> Result<(), Denial> {
        let reached = self.reached.insert(Box::new(reached));
        state.access.may_dial(reached, self.expected.as_deref().copied(), now)
    }

    /// Closes the connection at once, since its peer or its address is denied. The peer of an open connection is sent
    /// yamux's go-away, if the byte pipe accepts it at once.
    #[cold]
    #[inline(never)]
    pub(in crate::swarm) fn deny<const E: usize>(
        &mut self,
        state: &mut SwarmState<E>,
        cx: &mut Context<'_>,
        now: Duration,
        why: Denial,
    ) {
        if matches!(self.stage, ConnectionStage::Over(_)) {
            return;
        }
        self.error = Some(short(&why));
        // Before a connection is open, there is no yamux on it that could carry a go-away.
        if !state.is_opening(self.id) {
            if let ConnectionStage::Up(pipe) = &mut self.stage {
                pipe.connection.close(&state.config.connection, now);
            }
            self.last_words(cx);
        } else if let Some(listener) = self.listener {
            state.count_refusal_from(listener, Refusal::ConnectionDenied, &self.remote, self.peer());
        }
        self.end(state, EndCause::Ended(ConnectionEnd::Denied));
    }

    /// Asks the gate whether the peer may speak the protocol that the peer has chosen on a stream. The gate is not asked
    /// about streams that we open.
    #[cold]
    #[inline(never)]
    pub(super) fn gate_allows<const E: usize>(&self, id: StreamId, state: &mut SwarmState<E>, now: Duration) -> bool {
        let Some((_, Direction::Inbound)) = state.lifecycle.unended(id) else { return true };
        let protocol = state.streams.get(id).and_then(|stream| stream.protocol());
        let Some((peer, protocol)) = self.peer().zip(protocol) else { return true };
        let allowed = state.access.may_speak(peer, protocol, now);
        if let Err(why) = &allowed {
            log::debug!("{id}: {peer} may not speak {}: {why}", for_log(protocol));
        }
        allowed.is_ok()
    }

    /// Answers the peer that we do not speak the proposed protocol, and handles the peer's next proposal, if it has arrived.
    #[cold]
    #[inline(never)]
    pub(super) fn refuse_proposal<const E: usize>(
        &mut self,
        id: StreamId,
        state: &mut SwarmState<E>,
        cx: &mut Context<'_>,
        now: Duration,
    ) {
        state.count_refusal(self.id, Refusal::StreamDenied);
        let refused =
            self.connection().and_then(|connection| connection.refuse_protocol(id, &mut state.environment(now)));
        if let Some(fact) = refused {
            self.handle(fact, state, cx, now);
        }
        self.mark_dirty(state);
    }

    /// Resets a stream whose protocol the peer may not speak any more.
    pub(in crate::swarm) fn deny_stream<const E: usize>(
        &mut self,
        id: StreamId,
        state: &mut SwarmState<E>,
        now: Duration,
    ) {
        self.reset_as(id, state, now, Failure::Denied, StreamEnd::Denied);
    }
}
