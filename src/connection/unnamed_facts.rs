//! What the muxer says of a stream without an id: it begins, its first proposal comes, or it ends before it is offered.
//!
//! Most peers send their proposal in the frame that begins the stream. If all of that is there, and the peer has a token
//! ([`Config::openings`](super::Config::openings)), the stream is offered at once, and never stands among those without an
//! id. Without a token it waits there, behind those that wait already.

use super::unnamed::{StreamKey, UnnamedSlot};
use super::{Config, Connection, Environment, Fact, Phase, muxer};
use crate::arithmetic::Count;
use core::time::Duration;

/// A stream that its owner has to accept or refuse.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Offered {
    /// Its proposal is in the frame that begins it, which the muxer has not let through.
    Beginning,
    /// It has waited for its proposal.
    Waiting(UnnamedSlot),
}

impl Connection {
    /// The peer begins a stream, perhaps with a whole proposal. One that has sent go-away has none to begin.
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

    /// An inbound stream has begun, with an id or without.
    pub(super) fn count_inbound_begun(&mut self) {
        self.backlog.raise(1);
        self.live.raise(1);
        self.timers.set_idle_since(None);
    }

    /// Something has moved on a stream without an id.
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

    /// Data or the FIN has come. The header and requests for a list are answered; the first proposal is offered.
    fn hear_proposal(&mut self, slot: UnnamedSlot, env: &mut Environment<'_>) -> Option<Fact> {
        let Phase::Open(open) = &mut self.phase else { return None };
        if self.unnamed.waits(slot) {
            return None;
        }
        let is_first = self.unnamed.waiting() == 0;
        let stream = self.unnamed.get_mut(slot)?;
        let lines = &mut env.scratch.lines;
        lines.clear();
        let heard = stream.listener.receive_until_proposal(stream.muxed.unread(), env.protocols, lines);
        if !lines.is_empty() {
            // Even before a reset: it says why.
            open.session.write_whole(&mut stream.muxed, lines);
        }
        let is_proposed = match heard {
            Ok((consumed, is_proposed)) => {
                open.session.consume_with(&mut stream.muxed, consumed, &mut env.scratch.buffers);
                is_proposed
            }
            Err(error) => {
                log::debug!("a stream without an id: {error}");
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

    /// Returns the time from which on the stream that has waited longest for a token has one.
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

    /// The deadline of a stream without an id has come. One that waited for a token is lost by our limit.
    pub(super) fn unnamed_timeout(&mut self, slot: UnnamedSlot, env: &mut Environment<'_>) -> Option<Fact> {
        let was_paced = self.unnamed.waits(slot);
        let fact = self.give_up_unnamed(slot, env);
        if was_paced { Some(Fact::StreamRefused) } else { fact }
    }

    /// Resets a stream without an id, and forgets it.
    pub(super) fn give_up_unnamed(&mut self, slot: UnnamedSlot, env: &mut Environment<'_>) -> Option<Fact> {
        if let (Phase::Open(open), Some(stream)) = (&mut self.phase, self.unnamed.get_mut(slot)) {
            open.session.reset(&mut stream.muxed);
        }
        self.end_unproposed(slot, env)
    }

    /// Does the same because the peer has broken or finished it before a whole proposal, which counts against the peer.
    fn give_up_unnamed_for_peer(&mut self, slot: UnnamedSlot, env: &mut Environment<'_>) -> Option<Fact> {
        if let (Phase::Open(open), Some(stream)) = (&mut self.phase, self.unnamed.get_mut(slot)) {
            open.session.reset_for_peer(&mut stream.muxed);
        }
        self.end_unproposed(slot, env)
    }

    /// A stream without an id has ended.
    fn end_unproposed(&mut self, slot: UnnamedSlot, env: &mut Environment<'_>) -> Option<Fact> {
        let gone = self.unnamed.remove(slot, &mut env.scratch.unnamed)?;
        self.uncount(gone.muxed.held());
        self.offered.take_if(|offered| *offered == Offered::Waiting(slot));
        self.backlog.lower(1);
        self.count_stream_ended(env);
        Some(Fact::StreamUnproposed)
    }
}
