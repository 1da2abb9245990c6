//! The streams of a [`Link`]: which ones open, get a place, or give theirs up.

use super::{Link, Stage};
use crate::connection::Fact;
use crate::lifecycle::StreamId;
use crate::swarm::ledger::Ledger;
use crate::swarm::refusals::Refusal;
use core::time::Duration;
use futures_lite::io::{AsyncRead, AsyncWrite};
use libp2p_core::Transport;

impl<T> Link<T>
where
    T: Transport,
    T::Output: AsyncRead + AsyncWrite + Unpin,
    T::Error: 'static,
{
    /// A stream is ready, and there is room: it opens.
    pub(in crate::swarm) fn admit_stream<const E: usize>(
        &mut self,
        id: StreamId,
        ledger: &mut Ledger<E>,
        now: Duration,
    ) {
        // On a connection that we are closing our word would not be sent: the stream fails with it.
        let is_open = matches!(self.stage, Stage::Up(_)) || self.is_serving();
        if !is_open || ledger.lifecycle.opened(id).is_err() {
            return;
        }
        if let Some(connection) = self.connection() {
            connection.confirm_stream(id, &mut ledger.turn(now));
        }
        self.mark_dirty(ledger);
    }

    /// Gives up the half-open stream that has been silent longest, if a new stream finds no place without that and the old
    /// one has been silent for long enough. It gives up none while the owner is late: bytes that would have kept the stream
    /// alive may be unread yet.
    pub(in crate::swarm) fn make_place<const E: usize>(&mut self, ledger: &mut Ledger<E>, now: Duration) {
        if !ledger.lifecycle.is_crowded(self.id) || ledger.is_owner_late {
            return;
        }
        let given_up = self.connection().and_then(|connection| connection.give_up_silent(&mut ledger.turn(now)));
        if let Some(Fact::StreamEnded(id, end)) = given_up {
            let _ = ledger.lifecycle.end_stream(id, end);
            self.mark_dirty(ledger);
        }
    }

    /// The peer begins a stream: it gets a place, or is refused.
    pub(super) fn offered<const E: usize>(&mut self, ledger: &mut Ledger<E>, now: Duration) {
        let id = self.id;
        let Some(connection) = self.connection() else { return };
        let mut offered = None;
        if connection.has_backlog(&ledger.config.connection) {
            self.make_place(ledger, now);
            offered = ledger.offered(id);
        }
        if offered.is_none() {
            ledger.refuse(id, Refusal::StreamLimit);
        }
        let Some(connection) = self.connection() else { return };
        match offered {
            Some(stream) => connection.accept_stream(stream, &mut ledger.turn(now)),
            None => connection.refuse_stream(),
        }
    }
}
