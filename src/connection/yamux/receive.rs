//! The parser of a session: [`Session::receive`] handles the bytes of the peer, from the first byte of a frame's header to
//! the last byte of the frame's payload. The following diagram shows the parser's states, which are the variants of
//! [`Incoming`], and the events that lead from one state to the next:
//!
//! ```text
//!           ┌──────────────── frame without payload, or the payload's end ────────────────┐
//!           ▼                                                                             │
//!        Header ──last byte seen──▶ Frame ──its last header byte is consumed──▶ Payload ──┘
//!                                    │ ▲
//!                                SYN ▼ │ accept, refuse
//!                                 Undecided                  any ──violation──▶ Broken
//! ```
//!
//! A frame can cause several facts (for ACK, then for data, then for FIN), and a call reports only one of them. So the last
//! byte of a header is left unconsumed until the facts of the header have been reported. A caller that passes bytes until
//! all are consumed has therefore received every fact.

use super::buffer_pool::BufferPool;
use super::fact::{Fact, Violation};
use super::frame::{ACK, FIN, FrameType, HEADER, Header, RST, SYN};
use super::incoming::Incoming;
use super::session::Session;
use super::stream::{Half, SynState};
use super::window::{PROBE, Pong};
use super::{PROTOCOL_ERROR, Streams};
use crate::arithmetic::{Count, copy_front};

/// The result of one step in the handling of a header.
enum FrameStep<K> {
    /// The step reports this fact. The contained header is the part that still has to be handled.
    Tell(Fact<K>, Header),
    /// The peer opens a stream, which the caller has to accept or refuse.
    Ask,
    /// The header is handled. The step reports this fact, if there is one, and the parser continues in this state.
    Done(Option<Fact<K>>, Incoming<K>),
}

impl<K: Copy> Session<K> {
    /// Handles bytes from the peer, which may be cut anywhere. Returns the number of bytes consumed and at most one fact;
    /// payload is put into its stream's buffer. The caller calls this method again with the rest of the bytes until there is
    /// no rest; once all bytes are consumed, no fact is left. If no fact is returned, all bytes were consumed, unless the
    /// number of frames [is limited](Self::limit_frames).
    ///
    /// If a frame arrives for a stream that was removed from `streams` before it was reset, the session resets the stream.
    ///
    /// # Errors
    /// A [`Violation`]: go-away has been appended to the output as our last frame. Every later call returns the same error.
    pub fn receive(
        &mut self,
        streams: &mut impl Streams<K>,
        bytes: &[u8],
    ) -> Result<(usize, Option<Fact<K>>), Violation> {
        self.receive_with(streams, bytes, &mut BufferPool::shut())
    }

    /// Handles bytes like [`receive`](Self::receive), and takes the receive buffers that it needs from `buffers`.
    ///
    /// # Errors
    /// The errors of [`receive`](Self::receive).
    pub fn receive_with(
        &mut self,
        streams: &mut impl Streams<K>,
        bytes: &[u8],
        buffers: &mut BufferPool,
    ) -> Result<(usize, Option<Fact<K>>), Violation> {
        let mut rest = bytes;
        while !rest.is_empty() && (self.frames_left > 0 || !self.incoming.is_between()) {
            match self.advance(streams, &mut rest, buffers) {
                Ok(None) => {}
                Ok(fact) => return Ok((bytes.len().saturating_sub(rest.len()), fact)),
                Err(violation) => {
                    self.go_away(PROTOCOL_ERROR);
                    self.incoming = Incoming::Broken(violation);
                    return Err(violation);
                }
            }
        }
        Ok((bytes.len().saturating_sub(rest.len()), None))
    }

    /// Makes one transition of the diagram in this file's documentation, which consumes bytes from the front of `rest`.
    /// `rest` must not be empty. Returns the fact that follows, if there is one.
    fn advance(
        &mut self,
        streams: &mut impl Streams<K>,
        rest: &mut &[u8],
        buffers: &mut BufferPool,
    ) -> Result<Option<Fact<K>>, Violation> {
        match &mut self.incoming {
            Incoming::Header { bytes, have } => {
                // A header mostly arrives in one piece, and then its bytes need not be collected in `bytes`.
                if let (0, Some(whole)) = (*have, rest.first_chunk()) {
                    *rest = rest.get(HEADER - 1..).unwrap_or_default();
                    return self.header(whole);
                }
                let n = bytes.get_mut(*have..).map_or(0, |room| copy_front(rest, room));
                have.raise(n);
                *rest = rest.get(n..).unwrap_or_default();
                if let (true, Some(last)) = (*have >= bytes.len(), rest.first()) {
                    let mut whole = [*last; HEADER];
                    copy_front(bytes, &mut whole);
                    return self.header(&whole);
                }
                Ok(None)
            }
            Incoming::Frame(header) => {
                let header = *header;
                match self.step(streams, header)? {
                    FrameStep::Tell(fact, left) => {
                        self.incoming = Incoming::Frame(left);
                        Ok(Some(fact))
                    }
                    FrameStep::Ask => {
                        self.incoming = Incoming::Undecided(header);
                        Ok(Some(Fact::Inbound))
                    }
                    FrameStep::Done(fact, next) => {
                        if let Some((_, tail)) = rest.split_first() {
                            *rest = tail;
                        }
                        self.incoming = next;
                        Ok(fact)
                    }
                }
            }
            Incoming::Undecided(_) => Ok(Some(Fact::Inbound)),
            Incoming::Payload { id, key, left, fin } => {
                let n = rest.len().min(*left as usize);
                let (head, tail) = rest.split_at(n);
                *rest = tail;
                // `n` is at most `left`, which is a `u32`, so the cast loses nothing.
                left.lower(n as u32);
                let (id, key, ended) = (*id, *key, *left == 0);
                let fin = *fin && ended;
                if ended {
                    self.incoming = Incoming::start();
                }
                Ok(key.and_then(|key| self.deliver(streams, id, key, head, fin, buffers)))
            }
            Incoming::Broken(violation) => Err(*violation),
        }
    }

    /// Decodes and counts a header that has arrived as a whole. Its last byte is not consumed yet: see the [module](self).
    #[inline]
    fn header(&mut self, bytes: &[u8; HEADER]) -> Result<Option<Fact<K>>, Violation> {
        self.frames_left = self.frames_left.saturating_sub(1);
        let header = Header::decode(bytes)?;
        // Every frame is counted here, even one for a stream that does not exist, since it costs us as much as others.
        self.costs.frame(&header, self.config.max_empty_frames)?;
        self.incoming = Incoming::Frame(header);
        // A peer whose first frame is go-away accepts no stream. The streams that wait for the peer's first frame fail then,
        // so the caller is not told that they can be opened.
        Ok((self.hear() && header.kind != FrameType::GoAway).then_some(Fact::Heard))
    }

    /// Handles a header, or the part of a header that is left after an earlier step.
    fn step(&mut self, streams: &mut impl Streams<K>, header: Header) -> Result<FrameStep<K>, Violation> {
        match header.kind {
            FrameType::Ping if header.has(ACK) => {
                let pong = self.growth.on_pong(header.length);
                if pong == Pong::Again {
                    self.ping(PROBE);
                }
                let fact = (pong == Pong::Owners).then_some(Fact::Pong(header.length));
                Ok(FrameStep::Done(fact, Incoming::start()))
            }
            // Some peers send a ping without SYN.
            FrameType::Ping => {
                // Equal pings in a row share one answer while it still waits at the end of the output.
                if !self.output.ends_with_pong(header.length) {
                    self.output.answer(Header::new(FrameType::Ping, ACK, 0, header.length));
                }
                Ok(FrameStep::Done(None, Incoming::start()))
            }
            FrameType::GoAway => {
                // The streams go on, whatever the code, until the caller ends the connection. rust-yamux ends all streams at
                // once. While this crate did so, too, a request that shared a write with the go-away was lost.
                self.peer_left = true;
                Ok(FrameStep::Done(Some(Fact::GoAway(header.length)), Incoming::start()))
            }
            FrameType::Data | FrameType::WindowUpdate => self.step_stream(streams, header),
        }
    }

    fn step_stream(&mut self, streams: &mut impl Streams<K>, header: Header) -> Result<FrameStep<K>, Violation> {
        // Unknown flags, and an ACK without a SYN to acknowledge, are ignored, as go-yamux and rust-yamux do.
        let Header { kind, id, length, .. } = header;
        if id == 0 || header.has(SYN) && self.is_ours(id) {
            return Err(Violation::StreamId(id));
        }
        let payload = |key| match kind {
            FrameType::Data if length > 0 => Incoming::Payload { id, key, left: length, fin: header.has(FIN) },
            FrameType::Data | FrameType::WindowUpdate | FrameType::Ping | FrameType::GoAway => Incoming::start(),
        };
        if header.has(SYN) {
            // rust-yamux ends the connection in this case, too, and in the case of an overrun window.
            if self.wire_ids.contains(id) {
                return Err(Violation::StreamExists(id));
            }
            // After our go-away we could not send an answer.
            return Ok(if self.output.is_closed() { FrameStep::Done(None, payload(None)) } else { FrameStep::Ask });
        }
        // Frames for a stream that is over, or that never was, are discarded and not answered, as go-yamux and rust-yamux
        // do: the peer may have sent them before our RST arrived (paritytech/yamux, issue 110).
        let Some(key) = self.wire_ids.look_up(id) else { return Ok(FrameStep::Done(None, payload(None))) };
        // The caller may have put another stream under the same key, so the id on the wire decides.
        let Some(stream) = streams.stream_mut(key).filter(|stream| stream.id == id) else {
            self.wire_ids.remove(id);
            self.output.answer(Header::new(FrameType::WindowUpdate, RST, id, 0));
            return Ok(FrameStep::Done(None, payload(None)));
        };
        // The peer cannot know a stream whose SYN has not been sent, so this frame belongs to no stream.
        if stream.opening == SynState::SynDue {
            return Ok(FrameStep::Done(None, payload(None)));
        }
        if header.has(RST) {
            // The length in the header is ignored: go-yamux puts an error code there (libp2p/specs, pull request 622).
            self.peer_resets(stream);
            self.set_reset(stream);
            return Ok(FrameStep::Done(Some(Fact::Reset(key)), payload(None)));
        }
        if header.has(ACK) {
            let fact = stream.opening == SynState::SynSent;
            if fact {
                self.acknowledged(stream);
                return Ok(FrameStep::Tell(Fact::Acknowledged(key), header.without(ACK)));
            }
        }
        if kind == FrameType::WindowUpdate {
            stream.send_window = stream.send_window.checked_add(length).ok_or(Violation::SendWindow(id))?;
            let goes_on = self.window_raised(stream);
            if length > 0 {
                let left = Header { length: 0, ..header };
                return Ok(FrameStep::Tell(if goes_on { Fact::Writable(key) } else { Fact::Window(key) }, left));
            }
        } else if length > 0 {
            if !stream.receiving.is_open() {
                // Data after FIN is a fault on this stream alone: the other streams go on.
                self.reset_for_peer(stream);
                return Ok(FrameStep::Done(Some(Fact::Reset(key)), payload(None)));
            }
            // The whole frame is judged by its header, so that nothing of a frame that is too long is put into a buffer.
            if !stream.window.allows(length) {
                return Err(Violation::ReceiveWindow(id));
            }
            return Ok(FrameStep::Done(None, payload(Some(key))));
        }
        let fact =
            if header.has(FIN) { self.deliver(streams, id, key, &[], true, &mut BufferPool::shut()) } else { None };
        Ok(FrameStep::Done(fact, Incoming::start()))
    }

    /// Delivers payload to a stream, and FIN after the payload if `fin` is set. Nothing happens if the stream was reset in
    /// the meantime.
    fn deliver(
        &mut self,
        streams: &mut impl Streams<K>,
        id: u32,
        key: K,
        payload: &[u8],
        fin: bool,
        buffers: &mut BufferPool,
    ) -> Option<Fact<K>> {
        let stream = streams.stream_mut(key).filter(|stream| stream.id == id && stream.receiving.is_open())?;
        if !payload.is_empty() {
            // The length of the whole frame was checked against the window before its payload arrived. The window is a
            // `u32`, so the cast loses nothing.
            stream.window.arrived(payload.len() as u32);
            if stream.discarding {
                self.grant(stream);
            } else {
                let before = stream.held();
                stream.push(payload, buffers);
                let after = stream.held();
                self.recount(before, after);
            }
        }
        if fin {
            stream.receiving = Half::Finished;
            self.end_if_over(stream);
        }
        (fin || !stream.discarding).then_some(Fact::Readable(key))
    }
}
