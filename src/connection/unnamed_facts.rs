//! The handling of the muxer's facts about streams without an id: a stream begins, its first proposal arrives, or it ends
//! before it is offered.
//!
//! Most peers send their proposal in the frame that begins the stream. If the whole proposal is in that frame, and the peer
//! has a token ([`Config::openings`](super::Config::openings)), the stream is offered to the owner at once, and is never
//! kept among the streams without an id. Without a token, the stream is kept among the streams without an id, and is offered
//! after the streams that wait for a token already.

use super::unnamed::{StreamKey, UnnamedSlot};
use super::{Config, Connection, Environment, Fact, Phase, muxer};
use crate::arithmetic::Count;
use core::time::Duration;

/// The location of a stream that was offered to the owner, until the owner accepts or refuses the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Offered {
    /// The stream is in the frame that begins it. The muxer holds this frame back until the owner's answer. The proposal is
    /// in the same frame.
    Beginning,
    /// The stream is among the streams without an id, in this slot. Its proposal arrived after its first frame, or it has
    /// waited for a token.
    Waiting(UnnamedSlot),
}

impl Connection {
    /// Handles the beginning of a stream of the peer. `is_proposed` is `true` if the first frame contains a whole proposal.
    /// A stream that the peer begins after its own go-away is refused.
    pub(super) fn peer_begins_stream(&mut self, is_proposed: bool, env: &mut Environment<'_>) -> Option<Fact> {
        let Phase::Open(open) = &mut self.phase else { return None };
        if open.session.has_peer_gone_away() {
            open.session.refuse();
            return None;
        }
        // This refusal does not count against the peer's rate of resets, and neither does the refusal for `most_unnamed`: an
        // honest peer cannot know these limits, and can exceed them at any rate.
        if self.backlog >= env.config.inbound_backlog {
            open.session.refuse();
            return Some(Fact::StreamRefused);
        }
        // While other streams wait for a token, a new stream waits behind them, so that the order of proposals is kept.
        if is_proposed && self.unnamed.waiting() == 0 && open.take_opening(env.config, env.now) {
            self.offered = Some(Offered::Beginning);
            return Some(Fact::StreamOffered);
        }
        if self.unnamed.len() >= env.scratch.most_unnamed {
            open.session.refuse();
            return Some(Fact::StreamRefused);
        }
        self.unnamed.begin(env.now, &mut env.scratch.unnamed, |key| open.session.accept(key))?;
        self.is_untimed |= env.now.is_untimed();
        self.count_inbound_begun();
        None
    }

    /// Counts an inbound stream that has begun, whether the stream has an id or not.
    pub(super) fn count_inbound_begun(&mut self) {
        self.backlog.raise(1);
        self.live.raise(1);
        self.timers.set_idle_since(None);
    }

    /// Handles a fact of the muxer about a stream without an id.
    pub(super) fn handle_unnamed_fact(
        &mut self,
        said: muxer::Fact<StreamKey>,
        slot: UnnamedSlot,
        env: &mut Environment<'_>,
    ) -> Option<Fact> {
        match said {
            muxer::Fact::Readable(_) => self.hear_proposal(slot, env),
            muxer::Fact::Reset(_) => self.end_unproposed(slot, env),
            muxer::Fact::Inbound
            | muxer::Fact::Writable(_)
            | muxer::Fact::Window(_)
            | muxer::Fact::FinSent(_)
            | muxer::Fact::Heard
            | muxer::Fact::Acknowledged(_)
            | muxer::Fact::Pong(_)
            | muxer::Fact::GoAway(_) => None,
        }
    }

    /// Handles new data on a stream without an id, or the stream's FIN. The multistream-select header and requests for a
    /// list of protocols are answered; the stream is offered to the owner when its first proposal has arrived.
    fn hear_proposal(&mut self, slot: UnnamedSlot, env: &mut Environment<'_>) -> Option<Fact> {
        let Phase::Open(open) = &mut self.phase else { return None };
        // The proposal has been read already. What arrives after it stays in the receive buffer, where it counts as bytes
        // held.
        if self.unnamed.waits(slot) {
            return None;
        }
        let is_first = self.unnamed.waiting() == 0;
        let stream = self.unnamed.get_mut(slot)?;
        let lines = &mut env.scratch.lines;
        lines.clear();
        let heard = stream.listener.receive_until_proposal(stream.muxed.unread(), env.protocols, lines);
        if !lines.is_empty() {
            // The answer is sent even before a reset, since it tells the peer the reason.
            open.session.write_whole(&mut stream.muxed, lines);
        }
        let is_proposed = match heard {
            Ok((consumed, is_proposed)) => {
                open.session.consume_with(&mut stream.muxed, consumed, &mut env.scratch.buffers);
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
        if stream.muxed.is_remote_finished() {
            return self.give_up_unnamed_for_peer(slot, env);
        }
        None
    }

    /// Returns the earliest time at which there is a token of [`Config::openings`] for the stream that has waited longest
    /// for one, or `None` if no stream waits.
    pub(super) fn next_opening_at(&self, config: &Config) -> Option<Duration> {
        let Phase::Open(open) = &self.phase else { return None };
        (self.unnamed.waiting() > 0 && !open.is_broken).then(|| open.next_opening_at(config))
    }

    /// If there is a token of [`Config::openings`], offers to the owner the stream that has waited longest for one.
    pub(super) fn offer_paced(&mut self, env: &Environment<'_>) -> Option<Fact> {
        let Phase::Open(open) = &mut self.phase else { return None };
        if self.unnamed.waiting() == 0 || open.is_broken || !open.take_opening(env.config, env.now) {
            return None;
        }
        self.offered = Some(Offered::Waiting(self.unnamed.end_wait()?));
        Some(Fact::StreamOffered)
    }

    /// Ends a stream without an id whose deadline has passed. A stream that waited for a token of [`Config::openings`] is
    /// reported as refused, since our limit, and not the peer, has caused its end.
    pub(super) fn unnamed_timeout(&mut self, slot: UnnamedSlot, env: &mut Environment<'_>) -> Option<Fact> {
        // The stream is asked before it is removed: afterwards nobody knows whether it had a proposal.
        let was_paced = self.unnamed.waits(slot);
        let fact = self.give_up_unnamed(slot, env);
        if was_paced { Some(Fact::StreamRefused) } else { fact }
    }

    /// Resets a stream without an id and removes it.
    pub(super) fn give_up_unnamed(&mut self, slot: UnnamedSlot, env: &mut Environment<'_>) -> Option<Fact> {
        if let (Phase::Open(open), Some(stream)) = (&mut self.phase, self.unnamed.get_mut(slot)) {
            open.session.reset(&mut stream.muxed);
        }
        self.end_unproposed(slot, env)
    }

    /// Resets and removes a stream without an id whose negotiation the peer has broken, or which the peer has finished
    /// before a whole proposal. The reset counts against the peer's rate.
    fn give_up_unnamed_for_peer(&mut self, slot: UnnamedSlot, env: &mut Environment<'_>) -> Option<Fact> {
        if let (Phase::Open(open), Some(stream)) = (&mut self.phase, self.unnamed.get_mut(slot)) {
            open.session.reset_for_peer(&mut stream.muxed);
        }
        self.end_unproposed(slot, env)
    }

    /// Removes a stream without an id that has ended, and subtracts it from the counts.
    fn end_unproposed(&mut self, slot: UnnamedSlot, env: &mut Environment<'_>) -> Option<Fact> {
        let gone = self.unnamed.remove(slot, &mut env.scratch.unnamed)?;
        self.uncount(gone.muxed.held());
        self.offered.take_if(|offered| *offered == Offered::Waiting(slot));
        self.backlog.lower(1);
        self.count_stream_ended(env);
        Some(Fact::StreamUnproposed)
    }
}
