//! The methods of [`SwarmState`] that count refusals.

use super::SwarmState;
use crate::lifecycle::{ConnectionId, ListenerId, State};
use crate::swarm::refusals::{Refusal, RefusedAt};
use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;

impl<const EVENTS: usize> SwarmState<EVENTS> {
    /// Counts one refusal, or one connection or stream that has ended before it had an id.
    pub(in crate::swarm) fn count_refusal(&mut self, at: impl Into<RefusedAt>, refusal: Refusal) {
        self.count_refusals(at.into(), refusal, 1);
    }

    /// Counts an accepted connection that is refused, and stores its remote address, with the id of its peer if the peer is
    /// known, as the listener's last refused address.
    pub(in crate::swarm) fn count_refusal_from(
        &mut self,
        listener: ListenerId,
        refusal: Refusal,
        remote: &Multiaddr,
        peer: Option<PeerId>,
    ) {
        self.count_refusal(listener, refusal);
        self.refusals.keep_address(listener, refusal, remote, peer);
    }

    /// Counts a stream of a peer that has ended, or that was refused, before it had an id.
    pub(in crate::swarm) fn stream_without_id(&mut self, connection: ConnectionId, refusal: Refusal) {
        self.lifecycle.count_stream_without_id();
        self.count_refusal(connection, refusal);
    }

    /// Adds `count` refusals to the counts of a listener or connection. If the listener or connection is not open, only the
    /// totals change.
    pub(in crate::swarm) fn count_refusals(&mut self, at: RefusedAt, refusal: Refusal, count: u64) {
        log::trace!("{at}: {refusal}, {count} more");
        match self.lifecycle.state(at) {
            Some(State::Open | State::Leaving) => self.refusals.count(at, refusal, count),
            Some(State::Opening | State::Ended) | None => self.refusals.count_in_total(refusal, count),
        }
    }
}
