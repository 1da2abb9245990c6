//! Facts of the muxer about streams without an id: such a stream begins, its first proposal comes, or it ends before it is
//! offered.
//!
//! Most peers send their proposal in the frame that begins the stream. If the whole proposal is there, and the peer has a
//! token ([`Config::openings`](super::Config::openings)), the stream is offered at once, and is never kept among those
//! without an id. Without a token it waits there, behind those that wait already.

use super::unnamed::{StreamKey, UnnamedSlot};
use super::{Config, Connection, Environment, Fact, Phase, UNTIMED, yamux};
use crate::arithmetic::Count;
use core::time::Duration;

/// A stream that its owner has to accept or refuse.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Offered {
    /// The stream is in the frame that begins it, which the muxer holds back until the answer. The proposal is in that
    /// frame.
    Beginning,
    /// The stream was kept among those without an id, in this slot, and its proposal has come since.
    Waiting(UnnamedSlot),
}

impl Connection {
    /// Handles the beginning of a stream of the peer's, whose first frame may hold a whole proposal. A peer that has sent
    /// go-away may begin none.
    pub(super) fn peer_begins_stream(&mut self, is_proposed: bool, env: &mut Environment<'_>) -> Option<Fact> {
        let Phase::Open(open) = &mut self.phase else { return None };
        if open.session.has_peer_gone_away() {
            open.session.refuse();
            return None;
        }
        if self.backlog >= env.config.inbound_backlog {
            open.session.refuse();
            return Some(Fact::StreamRefused);
        }
        // While other streams wait for a token, a new one waits behind them, so that the order of proposals is kept.
        if is_proposed && self.unnamed.waiting() == 0 && open.take_opening(env.config, env.now) {
            self.offered = Some(Offered::Beginning);
            return Some(Fact::StreamOffered);
        }
        if self.unnamed.len() >= env.scratch.most_unnamed {
            open.session.refuse();
            return Some(Fact::StreamRefused);
        }
        self.unnamed.begin(env.now, &mut env.scratch.unnamed, |key| open.session.accept(key))?;
        self.is_untimed |= env.now == UNTIMED;
        self.count_inbound_begun();
        None
    }

    /// Counts an inbound stream that has begun, with an id or without.
    pub(super) fn count_inbound_begun(&mut self) {
        self.backlog.raise(1);
        self.live.raise(1);
        self.timers.set_idle_since(None);
    }

    /// Handles a fact of the muxer about a stream without an id.
    pub(super) fn handle_unnamed_fact(
        &mut self,
        said: yamux::Fact<StreamKey>,
        slot: UnnamedSlot,
        env: &mut Environment<'_>,
    ) -> Option<Fact> {
        match said {
            yamux::Fact::Readable(_) => self.hear_proposal(slot, env),
            yamux::Fact::Reset(_) => self.end_unproposed(slot, env),
            yamux::Fact::Inbound
            | yamux::Fact::Writable(_)
            | yamux::Fact::Window(_)
            | yamux::Fact::FinSent(_)
            | yamux::Fact::Heard
            | yamux::Fact::Acknowledged(_)
            | yamux::Fact::Pong(_)
            | yamux::Fact::GoAway(_) => None,
        }
    }

    /// Handles new data or the FIN. The header and requests for a list are answered; the first proposal is offered.
    fn hear_proposal(&mut self, slot: UnnamedSlot, env: &mut Environment<'_>) -> Option<Fact> {
        let Phase::Open(open) = &mut self.phase else { return None };
        if self.unnamed.waits(slot) {
            return None;
        }
        let is_first = self.unnamed.waiting() == 0;
        let stream = self.unnamed.get_mut(slot)?;
        let lines = &mut env.scratch.lines;
        lines.clear();
        let heard = stream.listener.receive_until_proposal(stream.yamux.unread(), env.protocols, lines);
        if !lines.is_empty() {
            // The answer is sent even before a reset, since it tells the peer the reason.
            open.session.write_whole(&mut stream.yamux, lines);
        }
        let is_proposed = match heard {
            Ok((consumed, is_proposed)) => {
                open.session.consume_with(&mut stream.yamux, consumed, &mut env.scratch.buffers);
                is_proposed
            }
            Err(error) => {
                log::debug!("the negotiation of a stream without an id failed: {error}");
                return self.give_up_unnamed_for_peer(slot, env);
            }
        };
        if is_proposed && is_first && open.take_opening(env.config, env.now) {
            self.offered = Some(Offered::Waiting(slot));
            return Some(Fact::StreamOffered);
        }
        if is_proposed {
            self.unnamed.wait(slot);
            open.paced.raise(1);
            return None;
        }
        if stream.yamux.is_remote_finished() {
            return self.give_up_unnamed_for_peer(slot, env);
        }
        None
    }

    /// Returns the time at which the stream that has waited longest for a token gets one.
    pub(super) fn next_opening_at(&self, config: &Config) -> Option<Duration> {
        let Phase::Open(open) = &self.phase else { return None };
        (self.unnamed.waiting() > 0 && !open.is_broken).then(|| open.next_opening_at(config))
    }

    /// Offers the stream that has waited longest for a token, if there is one by now.
    pub(super) fn offer_paced(&mut self, env: &Environment<'_>) -> Option<Fact> {
        let Phase::Open(open) = &mut self.phase else { return None };
        if self.unnamed.waiting() == 0 || open.is_broken || !open.take_opening(env.config, env.now) {
            return None;
        }
        self.offered = Some(Offered::Waiting(self.unnamed.end_wait()?));
        Some(Fact::StreamOffered)
    }

    /// Ends a stream without an id whose deadline has come. A stream that waited for a token counts as refused, since the
    /// limit is ours.
    pub(super) fn unnamed_timeout(&mut self, slot: UnnamedSlot, env: &mut Environment<'_>) -> Option<Fact> {
        let was_paced = self.unnamed.waits(slot);
        let fact = self.give_up_unnamed(slot, env);
        if was_paced { Some(Fact::StreamRefused) } else { fact }
    }

    /// Resets a stream without an id and removes it.
    pub(super) fn give_up_unnamed(&mut self, slot: UnnamedSlot, env: &mut Environment<'_>) -> Option<Fact> {
        if let (Phase::Open(open), Some(stream)) = (&mut self.phase, self.unnamed.get_mut(slot)) {
            open.session.reset(&mut stream.yamux);
        }
        self.end_unproposed(slot, env)
    }

    /// Resets and removes a stream without an id that the peer has broken or finished before a whole proposal. The reset
    /// counts against the peer.
    fn give_up_unnamed_for_peer(&mut self, slot: UnnamedSlot, env: &mut Environment<'_>) -> Option<Fact> {
        if let (Phase::Open(open), Some(stream)) = (&mut self.phase, self.unnamed.get_mut(slot)) {
            open.session.reset_for_peer(&mut stream.yamux);
        }
        self.end_unproposed(slot, env)
    }

    /// Removes a stream without an id that has ended, and takes it out of the counts.
    fn end_unproposed(&mut self, slot: UnnamedSlot, env: &mut Environment<'_>) -> Option<Fact> {
        let gone = self.unnamed.remove(slot, &mut env.scratch.unnamed)?;
        self.uncount(gone.yamux.held());
        self.offered.take_if(|offered| *offered == Offered::Waiting(slot));
        self.backlog.lower(1);
        self.count_stream_ended(env);
        Some(Fact::StreamUnproposed)
    }
}
