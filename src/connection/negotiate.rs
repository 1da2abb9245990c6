//! The negotiation of a stream's protocol, driven by the muxer's facts and by the owner.

use super::multistream::{self, Protocol, Selection};
use super::stream::machine::{Life, Trigger};
use super::stream::{Negotiation, Stream, Streams};
use super::stream_deadlines::StreamWait;
use super::unnamed::StreamKey;
use super::yamux::{self, Session};
use super::{Connection, Environment, Fact, Phase};
use crate::arithmetic::Count;
use crate::lifecycle::{Failure, StreamId};
use alloc::vec::Vec;

impl Connection {
    /// Reads the lines that have come and continues the negotiation. Returns the fact for the owner, if one follows.
    pub(super) fn negotiate(&mut self, id: StreamId, env: &mut Environment<'_>) -> Option<Fact> {
        let Phase::Open(open) = &mut self.phase else { return None };
        let stream = env.streams.get_mut(id)?;
        env.scratch.lines.clear();
        let step = stream.negotiate(env.protocols, &mut env.scratch.lines);
        if let Some(yamux) = &mut stream.yamux {
            if let Ok((consumed, _)) = &step {
                open.session.consume_with(yamux, *consumed, &mut env.scratch.buffers);
            }
            // The lines are sent even before a reset, since they tell the peer the reason. The window is many times larger
            // than all that a negotiation may send.
            open.session.write_whole(yamux, &env.scratch.lines);
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
                // A stream whose first proposal came with its first frame has waited for nothing until now.
                if stream.waits.is_none() {
                    self.wait(id, StreamWait::Proposal, env);
                }
                return None;
            }
            Ok((_, Chosen::NotYet)) => stream.failed(Failure::Eof),
            Ok((_, Chosen::Nothing)) => Failure::Unsupported,
            Err(error) => {
                log::debug!("{id}: the negotiation failed: {error}");
                // A lazy dialer sends data behind its proposal. Where we have refused that proposal, the data is not a valid
                // line, and the failure is `Unsupported`.
                stream.failed(Failure::Protocol)
            }
        };
        self.reset_and_end_for_peer(id, failure, env)
    }

    /// Gives permission to open to a stream after its [`Fact::StreamReadyToOpen`]: the stream is open now, and a peer that
    /// waits for our confirmation gets it. At any other time the call changes nothing.
    pub fn confirm_stream(&mut self, id: StreamId, env: &mut Environment<'_>) {
        let Phase::Open(open) = &mut self.phase else { return };
        let Some(stream) = env.streams.get_mut(id).filter(|stream| stream.state().is_ready_to_open()) else { return };
        if let (Negotiation::Listener(listener), Some(protocol), Some(yamux)) =
            (&stream.negotiation, stream.protocol.some(), &mut stream.yamux)
        {
            env.scratch.lines.clear();
            listener.confirm(protocol, &mut env.scratch.lines);
            open.session.acknowledge(yamux);
            open.session.write_whole(yamux, &env.scratch.lines);
            stream.negotiation = Negotiation::Over { received: 0 };
            self.backlog.lower(1);
            self.has_data_due = true;
        }
        self.ready_to_open.lower(1);
        // A FIN that waits for our confirmation leaves behind it.
        self.advance(id, Trigger::Permitted, env);
        self.wait_half_open(id, env);
        self.note_activity(env.now);
    }

    /// Refuses the protocol of a peer's stream after its [`Fact::StreamReadyToOpen`], as if we did not speak it: the peer is
    /// answered `na`, and may propose another protocol. Returns the fact that follows at once, if one does. The stream fails
    /// with [`Failure::Denied`] if the peer proposes no other protocol that we speak. For any other stream, or at any other
    /// time, the call changes nothing.
    pub fn refuse_protocol(&mut self, id: StreamId, env: &mut Environment<'_>) -> Option<Fact> {
        let Phase::Open(open) = &mut self.phase else { return None };
        let stream = env.streams.get_mut(id)?;
        stream.on(Trigger::Denied)?;
        env.scratch.lines.clear();
        if let Negotiation::Listener(listener) = &mut stream.negotiation {
            listener.refuse(&mut env.scratch.lines);
        }
        if let Some(yamux) = &mut stream.yamux {
            open.session.write_whole(yamux, &env.scratch.lines);
        }
        self.ready_to_open.lower(1);
        self.note_activity(env.now);
        // The next proposal may have come already.
        self.negotiate(id, env)
    }

    /// Starts streams that waited for yamux's bounds or for the peer to read, as many as are allowed now.
    pub(super) fn open_queued(&mut self, env: &mut Environment<'_>) {
        let Phase::Open(open) = &mut self.phase else { return };
        while !open.session.is_clogged() && !self.queued.is_empty() {
            match open.session.can_open() {
                Ok(()) => {}
                Err(yamux::OpenError::Unheard) => return open.session.ask_for_first_frame(),
                Err(_) => return,
            }
            let Some(id) = self.queued.pop_front() else { return };
            // This does not fail, since `can_open` has returned `Ok`.
            let _ = send_first_proposal(&mut open.session, env.streams, id, &mut env.scratch.lines);
        }
    }
}

/// Sends a queued stream's SYN and its first proposal, in one frame.
pub(super) fn send_first_proposal(
    session: &mut Session<StreamKey>,
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
    *dialer = multistream::DialerSelect::start(Stream::proposals(&stream.protocol, proposals), scratch);
    session.write_whole(yamux, scratch);
    stream.on(Trigger::Placed);
    Ok(())
}

/// The result of one round of a negotiation.
enum Chosen {
    NotYet,
    Agreed,
    /// The peer speaks none of what we proposed.
    Nothing,
}

impl Stream {
    /// Returns the failure of a stream that ends before it opens: `Denied` if we refused a protocol that we speak,
    /// `Unsupported` if we refused all its proposals as ones that we do not speak, and `otherwise` if we refused none. A
    /// peer whose only proposals we refused had no other reason to leave.
    pub(super) fn failed(&self, otherwise: Failure) -> Failure {
        match (self.state().life(), &self.negotiation) {
            (Life::Answering, Negotiation::Listener(listener)) if listener.has_denied() => Failure::Denied,
            (Life::Answering, Negotiation::Listener(listener)) if listener.has_refused() => Failure::Unsupported,
            _ => otherwise,
        }
    }

    /// Reads whole lines of the unread bytes. Returns the number of bytes that they were, and the result.
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
