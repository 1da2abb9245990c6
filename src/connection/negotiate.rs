//! What the muxer says of a stream, understood: its negotiation, and what of it its owner is to know.

use super::multistream::{self, Outcome, Protocol};
use super::queue::Wait;
use super::stream::machine::{Life, Trigger};
use super::stream::{Negotiation, Stream, Streams};
use super::unnamed::{Key, Named};
use super::yamux::{self, Session};
use super::{Connection, Fact, Phase, Turn};
use crate::arithmetic::Count;
use crate::lifecycle::{Failure, Side, StreamEnd, StreamId};
use alloc::vec::Vec;

impl Connection {
    /// What a fact of the session means for the owner; `None` if it is the connection's own affair.
    pub(super) fn understand(&mut self, said: yamux::Fact<Key>, turn: &mut Turn<'_>) -> Option<Fact> {
        match said {
            yamux::Fact::Inbound => self.inbound(false, turn),
            yamux::Fact::Pong(_) => {
                self.round_trip.answered(turn.now);
                None
            }
            yamux::Fact::Heard => {
                self.open_queued(turn);
                None
            }
            yamux::Fact::GoAway(code) => {
                self.timers.leaving((self.at_gate == 0).then_some(turn.now));
                Some(Fact::GoAway(code))
            }
            yamux::Fact::Readable(key)
            | yamux::Fact::Writable(key)
            | yamux::Fact::Window(key)
            | yamux::Fact::FinSent(key)
            | yamux::Fact::Reset(key)
            | yamux::Fact::Acknowledged(key) => {
                let fact = match key.named() {
                    Named::Id(id) => self.understand_stream(said, id, turn),
                    Named::Slot(slot) => self.understand_unnamed(said, slot, turn),
                };
                self.moved(turn.now);
                fact
            }
        }
    }

    /// The same for what has moved on a stream with an id.
    fn understand_stream(&mut self, said: yamux::Fact<Key>, id: StreamId, turn: &mut Turn<'_>) -> Option<Fact> {
        match said {
            yamux::Fact::Readable(_) => self.readable(id, turn),
            yamux::Fact::Writable(_) => self.writable(id, turn),
            yamux::Fact::Window(_) => {
                self.revive(id, turn);
                None
            }
            yamux::Fact::FinSent(_) => self.fin_sent(id, turn),
            yamux::Fact::Reset(_) => self.reset_by_peer(id, turn),
            yamux::Fact::Acknowledged(_) => {
                self.open_queued(turn);
                None
            }
            yamux::Fact::Inbound | yamux::Fact::Pong(_) | yamux::Fact::Heard | yamux::Fact::GoAway(_) => None,
        }
    }

    /// Our next stream that is not on the wire yet and never will be, since the peer has sent go-away.
    pub(super) fn fail_queued(&mut self, turn: &mut Turn<'_>) -> Option<Fact> {
        while let Some(id) = self.queued.front().copied() {
            if !matches!(&self.phase, Phase::Open(open) if open.session.has_peer_gone_away()) {
                return None;
            }
            match self.step(id, Trigger::End(StreamEnd::ConnectionClosed, Failure::ConnectionClosed), turn) {
                None => drop(self.queued.pop_front()),
                fact => return fact,
            }
        }
        None
    }

    /// Data or the FIN has come.
    fn readable(&mut self, id: StreamId, turn: &mut Turn<'_>) -> Option<Fact> {
        let stream = turn.streams.get_mut(id)?;
        match stream.state().life() {
            Life::Proposing | Life::Answering => self.negotiate(id, turn),
            // It is announced first; then it is readable from the start.
            Life::Queued | Life::Agreed | Life::Confirming => None,
            Life::Open => {
                self.revive(id, turn);
                self.wait_half_open(id, turn);
                Some(Fact::Readable(id))
            }
            Life::Closing if stream.is_remote_finished() => self.step(id, Trigger::EndRead, turn),
            Life::Closing | Life::Finished | Life::Cut | Life::Failed => None,
        }
    }

    /// The peer has granted window, or our output has got shorter. A stream with one proposal may have been written to
    /// before it is agreed.
    fn writable(&mut self, id: StreamId, turn: &mut Turn<'_>) -> Option<Fact> {
        self.revive(id, turn);
        let stream = turn.streams.get_mut(id)?;
        stream.may_write().is_ok().then_some(Fact::Writable(id))
    }

    /// Our FIN is on the wire.
    fn fin_sent(&mut self, id: StreamId, turn: &mut Turn<'_>) -> Option<Fact> {
        let fact = self.step(id, Trigger::FinSent, turn);
        if fact.is_none() {
            self.wait_half_open(id, turn);
        }
        fact
    }

    fn reset_by_peer(&mut self, id: StreamId, turn: &mut Turn<'_>) -> Option<Fact> {
        let failure = turn.streams.get(id)?.failed(Failure::Reset(Side::Remote));
        self.step(id, Trigger::End(StreamEnd::Reset(Side::Remote), failure), turn)
    }

    /// One more turn of the choice of a protocol.
    pub(super) fn negotiate(&mut self, id: StreamId, turn: &mut Turn<'_>) -> Option<Fact> {
        let Phase::Open(open) = &mut self.phase else { return None };
        let stream = turn.streams.get_mut(id)?;
        turn.scratch.lines.clear();
        let step = stream.negotiate(turn.protocols, &mut turn.scratch.lines);
        if let Some(yamux) = &mut stream.yamux {
            if let Ok((consumed, _)) = &step {
                open.session.consume_with(yamux, *consumed, &mut turn.scratch.spares);
            }
            // Even before a reset: it says why. The window holds many times what a negotiation may say.
            open.session.write_whole(yamux, &turn.scratch.lines);
        }
        let ended = stream.is_remote_finished();
        let failure = match step {
            Ok((_, Chosen::Agreed)) => {
                self.queues.leave(turn.streams, id);
                self.at_gate.raise(1);
                self.advance(id, Trigger::Agreed, turn);
                return Some(Fact::StreamAtGate(id));
            }
            Ok((_, Chosen::NotYet)) if !ended => {
                if stream.waits.is_none() {
                    self.wait(id, Wait::Proposal, turn);
                }
                return None;
            }
            Ok((_, Chosen::NotYet)) => stream.failed(Failure::Eof),
            Ok((_, Chosen::Nothing)) => Failure::Unsupported,
            Err(error) => {
                log::debug!("{id}: {error}");
                // What a lazy dialer sends behind a proposal that was refused is no line.
                stream.failed(Failure::Protocol)
            }
        };
        self.give_up_for_peer(id, failure, turn)
    }

    /// Gives permission to open to a stream that was [`Fact::StreamAtGate`]: it is open now, and the peer is told if it
    /// waits for our word. At any other time it changes nothing.
    pub fn confirm_stream(&mut self, id: StreamId, turn: &mut Turn<'_>) {
        let Phase::Open(open) = &mut self.phase else { return };
        let Some(stream) = turn.streams.get_mut(id).filter(|stream| stream.state().is_ready_to_open()) else { return };
        if let (Negotiation::Listener(listener), Some(protocol), Some(yamux)) =
            (&stream.negotiation, stream.protocol.some(), &mut stream.yamux)
        {
            turn.scratch.lines.clear();
            listener.confirm(protocol, &mut turn.scratch.lines);
            open.session.acknowledge(yamux);
            open.session.write_whole(yamux, &turn.scratch.lines);
            stream.negotiation = Negotiation::Over { received: 0 };
            self.backlog.lower(1);
            self.has_data_due = true;
        }
        self.at_gate.lower(1);
        // A FIN that waits for our word comes behind it.
        self.advance(id, Trigger::Permitted, turn);
        self.wait_half_open(id, turn);
        self.moved(turn.now);
    }

    /// Refuses the protocol of a stream of the peer's that was [`Fact::StreamAtGate`], as if it were not spoken: the peer hears
    /// `na`, and may propose another one. Returns what comes of it at once; the stream fails of [`Failure::Denied`] if the
    /// peer proposes nothing that is spoken. Of any other stream, or at any other time, it changes nothing.
    pub fn refuse_protocol(&mut self, id: StreamId, turn: &mut Turn<'_>) -> Option<Fact> {
        let Phase::Open(open) = &mut self.phase else { return None };
        let stream = turn.streams.get_mut(id)?;
        stream.on(Trigger::Denied)?;
        turn.scratch.lines.clear();
        if let Negotiation::Listener(listener) = &mut stream.negotiation {
            listener.refuse(&mut turn.scratch.lines);
        }
        if let Some(yamux) = &mut stream.yamux {
            open.session.write_whole(yamux, &turn.scratch.lines);
        }
        self.at_gate.lower(1);
        self.moved(turn.now);
        // The next proposal may be there already.
        self.negotiate(id, turn)
    }

    /// Starts streams that waited for yamux's bounds or for the peer to read, as many as there is place for now.
    pub(super) fn open_queued(&mut self, turn: &mut Turn<'_>) {
        let Phase::Open(open) = &mut self.phase else { return };
        while !open.session.is_clogged() && !self.queued.is_empty() {
            match open.session.can_open() {
                Ok(()) => {}
                Err(yamux::OpenError::Unheard) => return open.session.ask_for_first_frame(),
                Err(_) => return,
            }
            let Some(id) = self.queued.pop_front() else { return };
            // It can, as `can_open` says.
            let _ = start(&mut open.session, turn.streams, id, &mut turn.scratch.lines);
        }
    }
}

/// Gives a queued stream its SYN and its first proposal, in one frame.
pub(super) fn start(
    session: &mut Session<Key>,
    streams: &mut Streams,
    id: StreamId,
    scratch: &mut Vec<u8>,
) -> Result<(), yamux::OpenError> {
    let Some(stream) = streams.get_mut(id) else { return Ok(()) };
    let (Life::Queued, Negotiation::Dialer(dialer, proposals)) = (stream.state().life(), &mut stream.negotiation)
    else {
        return Ok(());
    };
    let yamux = stream.yamux.insert(session.open(id.into())?);
    scratch.clear();
    *dialer = multistream::Dialer::start(Stream::proposals(&stream.protocol, proposals), scratch);
    session.write_whole(yamux, scratch);
    stream.on(Trigger::Placed);
    Ok(())
}

/// What a turn of the negotiation has come to.
enum Chosen {
    NotYet,
    Agreed,
    /// The peer speaks none of what we proposed.
    Nothing,
}

impl Stream {
    /// What a stream that is not open is told to have failed of, when it ends so: a peer that has asked for what we do
    /// not speak, and then for nothing else, had no other reason to leave.
    pub(super) fn failed(&self, otherwise: Failure) -> Failure {
        match (self.state().life(), &self.negotiation) {
            (Life::Answering, Negotiation::Listener(listener)) if listener.has_denied() => Failure::Denied,
            (Life::Answering, Negotiation::Listener(listener)) if listener.has_refused() => Failure::Unsupported,
            _ => otherwise,
        }
    }

    /// Reads complete lines of what has arrived; gives how much they were and what they mean.
    fn negotiate(
        &mut self,
        supported: &[multistream::Protocol],
        out: &mut Vec<u8>,
    ) -> Result<(usize, Chosen), multistream::Error> {
        let unread = self.yamux.as_ref().map(yamux::Stream::unread).unwrap_or_default();
        match &mut self.negotiation {
            Negotiation::Dialer(dialer, proposals) => {
                let (consumed, outcome) = dialer.receive(unread, Self::proposals(&self.protocol, proposals), out)?;
                match outcome {
                    None => Ok((consumed, Chosen::NotYet)),
                    Some(Outcome::Rejected) => Ok((consumed, Chosen::Nothing)),
                    Some(Outcome::Agreed(index)) => {
                        let agreed = Self::proposals(&self.protocol, proposals).get(index).cloned();
                        self.protocol = agreed.unwrap_or(Protocol::NONE);
                        self.negotiation = Negotiation::Over { received: 0 };
                        Ok((consumed, Chosen::Agreed))
                    }
                }
            }
            Negotiation::Listener(listener) => {
                let (consumed, accepted) = listener.receive(unread, supported, out)?;
                match accepted {
                    None => Ok((consumed, Chosen::NotYet)),
                    Some(index) => {
                        self.protocol = supported.get(index).cloned().unwrap_or(Protocol::NONE);
                        Ok((consumed, Chosen::Agreed))
                    }
                }
            }
            Negotiation::Over { .. } => Ok((0, Chosen::NotYet)),
        }
    }
}
