//! The negotiation of a stream's protocol, which the muxer's facts and the owner's calls advance.

use super::multistream::{self, Protocol, Selection};
use super::muxer::{self, Session};
use super::stream::machine::{Life, Trigger};
use super::stream::{Negotiation, Stream, Streams};
use super::stream_deadlines::StreamWait;
use super::unnamed::StreamKey;
use super::{Connection, Environment, Fact, Phase};
use crate::arithmetic::Count;
use crate::lifecycle::{Failure, StreamId};
use alloc::vec::Vec;

impl Connection {
    /// Reads the lines of multistream-select that have arrived on a stream and continues the negotiation. Returns the fact
    /// for the owner, if one follows.
    pub(super) fn negotiate(&mut self, id: StreamId, env: &mut Environment<'_>) -> Option<Fact> {
        let Phase::Open(open) = &mut self.phase else { return None };
        let stream = env.streams.get_mut(id)?;
        env.scratch.lines.clear();
        let step = stream.negotiate(env.protocols, &mut env.scratch.lines);
        if let Some(muxed) = &mut stream.muxed {
            if let Ok((consumed, _)) = &step {
                open.session.consume_with(muxed, *consumed, &mut env.scratch.buffers);
            }
            // The lines are sent even before a reset, since they tell the peer the reason. The send window is many times
            // larger than all lines of a negotiation together.
            open.session.write_whole(muxed, &env.scratch.lines);
        }
        let ended = stream.is_remote_finished();
        let failure = match step {
            Ok((_, Chosen::Agreed)) => {
                self.stream_deadlines.leave(env.streams, id);
                self.ready_to_open.raise(1);
                self.advance(id, Trigger::Agreed, env);
                return Some(Fact::StreamReadyToOpen(id));
            }
            Ok((_, Chosen::NotYet)) if !ended => {
                // If the stream's first proposal arrived with its first frame, the stream has waited for nothing until now,
                // and its wait starts here.
                if stream.waits.is_none() {
                    self.wait(id, StreamWait::Proposal, env);
                }
                return None;
            }
            Ok((_, Chosen::NotYet)) => stream.failed(Failure::Eof),
            Ok((_, Chosen::Nothing)) => Failure::Unsupported,
            Err(error) => {
                log::debug!("{id}: the negotiation failed: {error}");
                // A lazy dialer sends data behind its proposal. If we have refused that proposal, the data is not a valid
                // line, and the failure is `Unsupported`.
                stream.failed(Failure::Protocol)
            }
        };
        self.reset_and_end_for_peer(id, failure, env)
    }

    /// Gives a stream permission to open after its [`Fact::StreamReadyToOpen`]. The stream is open now, and if the peer
    /// waits for our confirmation, the confirmation is sent. At any other time the call changes nothing.
    pub fn confirm_stream(&mut self, id: StreamId, env: &mut Environment<'_>) {
        let Phase::Open(open) = &mut self.phase else { return };
        let Some(stream) = env.streams.get_mut(id).filter(|stream| stream.state().is_ready_to_open()) else { return };
        if let (Negotiation::Listener(listener), Some(protocol), Some(muxed)) =
            (&stream.negotiation, stream.protocol.some(), &mut stream.muxed)
        {
            env.scratch.lines.clear();
            listener.confirm(protocol, &mut env.scratch.lines);
            // The ACK is permitted before the confirmation is written, so that both are sent in one frame.
            open.session.acknowledge(muxed);
            open.session.write_whole(muxed, &env.scratch.lines);
            stream.negotiation = Negotiation::Over { received: 0 };
            self.backlog.lower(1);
            self.has_data_due = true;
        }
        self.ready_to_open.lower(1);
        // If our FIN has waited for our confirmation, the FIN is sent after the confirmation.
        self.advance(id, Trigger::Permitted, env);
        self.wait_half_open(id, env);
        self.note_activity(env.now);
    }

    /// Refuses the protocol of a peer's stream after its [`Fact::StreamReadyToOpen`], as if we did not speak the protocol:
    /// we answer the peer with `na`, and the peer may propose another protocol. Returns the fact that follows at once, if
    /// one does. The stream fails with [`Failure::Denied`] if the peer proposes no other protocol that we speak. For any
    /// other stream, or at any other time, the call changes nothing.
    pub fn refuse_protocol(&mut self, id: StreamId, env: &mut Environment<'_>) -> Option<Fact> {
        let Phase::Open(open) = &mut self.phase else { return None };
        let stream = env.streams.get_mut(id)?;
        stream.on(Trigger::Denied)?;
        env.scratch.lines.clear();
        if let Negotiation::Listener(listener) = &mut stream.negotiation {
            listener.refuse(&mut env.scratch.lines);
        }
        if let Some(muxed) = &mut stream.muxed {
            open.session.write_whole(muxed, &env.scratch.lines);
        }
        self.ready_to_open.lower(1);
        self.note_activity(env.now);
        // The next proposal may have arrived already.
        self.negotiate(id, env)
    }

    /// Sends the first proposals of our streams that have waited because too many of our streams were unacknowledged or
    /// because the peer did not read, oldest first, as many as are allowed now.
    pub(super) fn open_queued(&mut self, env: &mut Environment<'_>) {
        let Phase::Open(open) = &mut self.phase else { return };
        while !open.session.is_clogged() && !self.queued.is_empty() {
            match open.session.can_open() {
                Ok(()) => {}
                // The limit is lifted by the peer's first frame, and a ping makes every peer send one.
                Err(muxer::OpenError::Unheard) => return open.session.ask_for_first_frame(),
                Err(_) => return,
            }
            let Some(id) = self.queued.pop_front() else { return };
            // This does not fail, since `can_open` has returned `Ok`.
            let _ = send_first_proposal(&mut open.session, env.streams, id, &mut env.scratch.lines);
        }
    }
}

/// Sends the SYN and the first proposal of a stream that waits in the queue, both in one frame.
pub(super) fn send_first_proposal(
    session: &mut Session<StreamKey>,
    streams: &mut Streams,
    id: StreamId,
    scratch: &mut Vec<u8>,
) -> Result<(), muxer::OpenError> {
    let Some(stream) = streams.get_mut(id) else { return Ok(()) };
    let (Life::Queued, Negotiation::Dialer(dialer, proposals)) = (stream.state().life(), &mut stream.negotiation)
    else {
        return Ok(());
    };
    let muxed = stream.muxed.insert(session.open(id.into())?);
    scratch.clear();
    *dialer = multistream::DialerSelect::start(Stream::proposals(&stream.protocol, proposals), scratch);
    session.write_whole(muxed, scratch);
    stream.on(Trigger::Placed);
    Ok(())
}

/// The result of one round of a negotiation.
enum Chosen {
    NotYet,
    Agreed,
    /// The peer speaks none of the protocols that we proposed.
    Nothing,
}

impl Stream {
    /// Returns the failure to report for a stream that ends before it opens: `Denied` if we refused a protocol that we
    /// speak, `Unsupported` if we refused proposals because we do not speak any of them, and `otherwise` if we refused none.
    /// If we have refused all proposals of a peer, the refusal is the only reason that the peer can have had to leave.
    pub(super) fn failed(&self, otherwise: Failure) -> Failure {
        match (self.state().life(), &self.negotiation) {
            (Life::Answering, Negotiation::Listener(listener)) if listener.has_denied() => Failure::Denied,
            (Life::Answering, Negotiation::Listener(listener)) if listener.has_refused() => Failure::Unsupported,
            _ => otherwise,
        }
    }

    /// Reads whole lines from the front of the stream's unread bytes. Returns the number of bytes in these lines, and the
    /// result of the negotiation so far.
    fn negotiate(
        &mut self,
        supported: &[multistream::Protocol],
        out: &mut Vec<u8>,
    ) -> Result<(usize, Chosen), multistream::Error> {
        let unread = self.muxed.as_ref().map(muxer::Stream::unread).unwrap_or_default();
        match &mut self.negotiation {
            Negotiation::Dialer(dialer, proposals) => {
                let (consumed, outcome) = dialer.receive(unread, Self::proposals(&self.protocol, proposals), out)?;
                match outcome {
                    None => Ok((consumed, Chosen::NotYet)),
                    Some(Selection::Rejected) => Ok((consumed, Chosen::Nothing)),
                    Some(Selection::Agreed(index)) => {
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
