//! The streams of a [`Link`]: which ones open, get a place, or give theirs up.

use super::{Link, Stage};
use crate::connection::Fact;
use crate::lifecycle::StreamId;
use crate::swarm::ledger::Ledger;
use crate::swarm::refusals::Refusal;
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
        self.has_had_stream = true;
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
            ledger.end_stream(id, end);
            self.mark_dirty(ledger);
        }
    }

    /// The peer proposes a protocol on a stream without an id: it gets an id and a place, or is refused.
    pub(super) fn offered<const E: usize>(&mut self, ledger: &mut Ledger<E>, cx: &mut Context<'_>, now: Duration) {
        let id = self.id;
        // No stream is given up for one that is refused in any case.
        if !ledger.lifecycle.is_behind(id) {
            self.make_place(ledger, now);
        }
        // A connection that we are closing takes no more. One whose peer has sent go-away may have begun it before.
        let is_open = matches!(self.stage, Stage::Up(_)) || self.is_serving();
        let offered = if is_open { ledger.offered(id, now) } else { None };
        let Some(connection) = self.connection() else { return };
        match offered {
            Some(stream) => {
                if let Some(fact) = connection.accept_stream(stream, &mut ledger.turn(now)) {
                    self.handle(fact, ledger, cx, now);
                }
            }
            None => {
                connection.refuse_stream(&mut ledger.turn(now));
                ledger.stream_without_id(id, Refusal::StreamLimit);
            }
        }
    }
}
