//! The handling of a connection's input: it is decrypted, handed to the muxer, and turned into facts.

use super::environment::Environment;
use super::error::Error;
use super::fact::Fact;
use super::input::{Input, Kept};
use super::multistream::is_proposal;
use super::unnamed::AllStreams;
use super::{Connection, KEPT_UNTIL_OPEN, Phase, muxer};
use alloc::boxed::Box;

impl Connection {
    /// Returns whether the owner should read from the byte pipe. The owner should not read while the peer leaves our answers
    /// unread, nor once 64 KiB have arrived for a connection that waits for permission to open, nor when the connection is
    /// over. The result may change with every call of another method.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        match &self.phase {
            Phase::Handshake(_) => self.kept.len() < KEPT_UNTIL_OPEN,
            Phase::Open(open) => !open.is_broken && !open.session.is_clogged(),
            Phase::Over { .. } => false,
        }
    }

    /// Prepares `input` for this connection, before bytes are read into it. The bytes that the connection kept from its last
    /// turn are at the front; the bytes of another connection are dropped.
    pub fn begin_input(&mut self, input: &mut Input) {
        input.begin(&mut self.kept);
    }

    /// Decodes `input` up to the next fact. Call this method until it returns `None`: then the whole input has been decoded
    /// or is kept, and the next read starts with [`begin_input`](Self::begin_input). [`is_cut_short`](Self::is_cut_short)
    /// returns whether whole frames may have been kept.
    #[must_use]
    pub fn receive(&mut self, input: &mut Input, env: &mut Environment<'_>) -> Option<Fact> {
        if input.take_fresh() {
            self.timers.note_heard(env.now.or_never());
        }
        let fact = match &mut self.phase {
            Phase::Handshake(handshake) if handshake.is_at_gate() => None,
            Phase::Handshake(handshake) => match handshake.receive(input, &mut self.out, &mut env.scratch.work) {
                Ok(true) => {
                    self.timers.pause(env.now.or_never());
                    self.round_trip.authenticated(env.now.or_never());
                    Some(Fact::ReadyToOpen)
                }
                Ok(false) => None,
                // Pending output is still sent, since a refusal in it tells the peer the reason.
                Err(error) => {
                    self.phase = Phase::Over { found: handshake.wrong_peer().map(Box::new), paced: 0 };
                    Some(Fact::Failed(error))
                }
            },
            Phase::Open(open) if open.is_broken => None,
            Phase::Open(_) => self.receive_frames(input, env),
            Phase::Over { .. } => None,
        };
        if fact.is_none() {
            input.end(&mut self.kept);
        }
        fact
    }

    /// Returns whether the last [`receive`](Self::receive) stopped early, so that whole frames may have been kept: at the
    /// [limit](Input::limit_frames) of frames or of [memory](Input::limit_memory), or because the peer leaves our answers
    /// unread. Once [`wants_input`](Self::wants_input) returns `true`, call [`begin_input`](Self::begin_input) and
    /// [`receive`](Self::receive) again, without another read.
    #[must_use]
    pub fn is_cut_short(&self) -> bool {
        self.kept.is_cut_short()
    }

    /// Returns whether the connection keeps bytes of earlier input that have not been decoded or handled.
    #[cfg(feature = "swarm")]
    pub(crate) fn keeps_input(&self) -> bool {
        self.kept.len() > 0 || !self.kept.frames().is_empty()
    }

    fn receive_frames(&mut self, input: &mut Input, env: &mut Environment<'_>) -> Option<Fact> {
        // These streams fail one by one, a fact for each call. After the peer's go-away, no other input would make them
        // fail.
        if let Some(fact) = self.fail_queued(env) {
            return Some(fact);
        }
        // The owner has not answered the last offer, so the offer is repeated.
        if self.offered.is_some() {
            return Some(Fact::StreamOffered);
        }
        input.count_memory_from(self.unread_held());
        loop {
            let Phase::Open(open) = &mut self.phase else { return None };
            // The limits are checked for each Noise message and after each fact, and not once for each input. A peer that
            // does not read our answers therefore exceeds `max_control` by at most the length of one message, since the
            // muxer's answer to a frame is no longer than the frame.
            if let Err(flood) = open.charge(env.config, env.now) {
                open.session.go_away(muxer::PROTOCOL_ERROR);
                return Some(self.broken_by(Error::Flood(flood), input));
            }
            if input.is_exhausted(open.session.unread_held()) || open.session.is_clogged() {
                input.cut_short(&mut self.kept);
                return None;
            }
            let is_kept = !self.kept.frames().is_empty();
            let plain = if is_kept { self.kept.frames() } else { input.plain() };
            if plain.is_empty() {
                match input.decrypt(&mut open.security) {
                    Ok(true) => continue,
                    Ok(false) => return None,
                    Err(error) => return Some(self.fail(error.into())),
                }
            }
            open.session.limit_frames(input.frames_left());
            let streams = &mut AllStreams { ids: env.streams, unnamed: &mut self.unnamed };
            match open.session.receive_with(streams, plain, &mut env.scratch.buffers) {
                Ok((consumed, said)) => {
                    // The muxer does not handle the payload of a stream's first frame before the stream is accepted or
                    // refused. If that payload contains a whole proposal, the stream needs no place among the streams
                    // without an id.
                    let begins = said == Some(muxer::Fact::Inbound);
                    let is_proposed = begins
                        && plain
                            .get(consumed..)
                            .is_some_and(|rest| is_proposal(open.session.offered_payload(rest), env.protocols));
                    input.set_frames_left(open.session.frames_left());
                    if is_kept {
                        self.kept.consume_frames(consumed);
                        // Once the kept frames are handled, the kept bytes that follow them are moved into the input.
                        input.load(&mut self.kept);
                    } else {
                        input.consume_plain(consumed);
                    }
                    let fact = match said {
                        Some(_) if begins => self.peer_begins_stream(is_proposed, env),
                        Some(said) => self.handle_muxer_fact(said, env),
                        None => None,
                    };
                    if fact.is_some() {
                        return fact;
                    }
                }
                Err(violation) => return Some(self.broken_by(violation.into(), input)),
            }
        }
    }

    /// Ends the connection because of the peer's frames. The phase stays `Open`, since the session still has a go-away to
    /// send.
    fn broken_by(&mut self, error: Error, input: &mut Input) -> Fact {
        if let Phase::Open(open) = &mut self.phase {
            open.is_broken = true;
        }
        self.kept = Kept::default();
        input.consume_plain(input.plain().len());
        Fact::Failed(error)
    }
}
