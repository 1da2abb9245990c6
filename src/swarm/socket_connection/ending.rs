//! The methods that end a connection: closed politely, closed at once, failed, or broken. The socket is closed first, and
//! the event follows.

use super::{ConnectionStage, OurSide, SocketConnection};
use crate::connection::muxer::NORMAL;
use crate::connection::{Error, Now, PackedPeer};
use crate::lifecycle::{ConnectionEnd, Direction, Failure, Fault, RemoteEnd};
use crate::swarm::error;
use crate::swarm::pipe::PipeTransport;
use crate::swarm::refusals::Refusal;
use crate::swarm::state::SwarmState;
use crate::text::{for_log, shorten};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::task::{Context, Poll};
use core::time::Duration;
use libp2p_identity::PeerId;

/// The cause of the end of a connection.
pub(in crate::swarm) enum EndCause {
    Ended(ConnectionEnd),
    Broke(Error),
    Io(std::io::Error),
}

/// Writes ` of PEER` after the name of a connection in a log, if the peer is known, and nothing otherwise.
pub(in crate::swarm) struct OfPeer(pub(in crate::swarm) Option<PeerId>);

impl fmt::Display for OfPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |peer| write!(f, " of {peer}"))
    }
}

/// Returns the text of an error, cut to a bounded length, since the text may quote bytes that the peer has sent.
pub(super) fn short(text: &dyn fmt::Display) -> String {
    shorten(&text.to_string()).into_owned()
}

impl<T> SocketConnection<T>
where
    T: PipeTransport,
{
    /// Ends our side of a byte pipe that is being closed and has no pending output.
    ///
    /// After the peer's go-away this happens in two steps: our own go-away is written first, so that a peer whose pipe
    /// cannot be half-closed learns that we have ended. The socket stays open until the peer has ended its side: the peer
    /// may still send window updates, and an operating system that receives data for a closed socket drops the output that
    /// it has not sent yet.
    pub(super) fn end_ours<const E: usize>(&mut self, state: &mut SwarmState<E>, cx: &mut Context<'_>, now: Duration) {
        let ConnectionStage::Closing(pipe, end, ours) = &mut self.stage else { return };
        match ours {
            OurSide::Serving if !pipe.connection.is_spent() => return,
            // When the socket was closed right here, none of the 250 000 bytes of an answer arrived at a peer that granted
            // window while it was reading.
            OurSide::Serving => {
                pipe.connection.close(&state.config.connection, now);
                *ours = OurSide::Open;
                return self.mark_dirty(state);
            }
            OurSide::Closed => return,
            OurSide::Open | OurSide::Last => {}
        }
        match pipe.end_ours(cx) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) if *ours == OurSide::Open => *ours = OurSide::Closed,
            Poll::Ready(Ok(())) => {
                let end = *end;
                self.end(state, EndCause::Ended(end));
            }
            Poll::Ready(Err(error)) => self.end(state, EndCause::Io(error)),
        }
    }

    /// Starts the close of a connection whose peer has sent go-away 0. Its live streams go on, and no new stream begins.
    pub(super) fn serve<const E: usize>(&mut self, state: &mut SwarmState<E>) {
        self.stage = match core::mem::replace(&mut self.stage, ConnectionStage::Over(None)) {
            ConnectionStage::Up(pipe) => {
                // This cannot fail: only an open connection handles frames, and an open one can leave.
                let _ = state.lifecycle.leave(self.id);
                self.mark_dirty(state);
                ConnectionStage::Closing(pipe, ConnectionEnd::Remote(RemoteEnd::GoAway(NORMAL)), OurSide::Serving)
            }
            stage @ (ConnectionStage::Dialing(_) | ConnectionStage::Closing(..) | ConnectionStage::Over(_)) => stage,
        };
    }

    /// Returns whether the peer has sent go-away 0 and the connection still serves its live streams.
    pub(super) const fn is_serving(&self) -> bool {
        matches!(self.stage, ConnectionStage::Closing(_, _, OurSide::Serving))
    }

    /// Returns whether a polite close would change nothing, because the connection is being closed already or is over.
    pub(in crate::swarm) const fn is_closing(&self) -> bool {
        matches!(
            self.stage,
            ConnectionStage::Closing(_, _, OurSide::Open | OurSide::Last | OurSide::Closed) | ConnectionStage::Over(_)
        )
    }

    /// Tries once to write the last output of a connection that is about to end: pending answers, and yamux's go-away.
    pub(super) fn last_words(&mut self, cx: &mut Context<'_>) {
        let (ConnectionStage::Up(pipe) | ConnectionStage::Closing(pipe, ..)) = &mut self.stage else { return };
        if !pipe.connection.is_due() && self.out.is_empty() {
            return;
        }
        // One attempt, and no wait: a peer that reads nothing must not be able to put off its own end.
        while pipe.connection.is_due() {
            if pipe.connection.transmit(&mut self.out).is_err() {
                return;
            }
        }
        while self.written < self.out.len() {
            match pipe.write(cx, &self.out[self.written..]) {
                Poll::Ready(Ok(n)) if n > 0 => {
                    self.written += n;
                    self.sent += n as u64;
                }
                Poll::Ready(_) | Poll::Pending => return,
            }
        }
        // The socket is closed next, whether this succeeds or not.
        let _ = pipe.end_ours(cx);
    }

    /// Closes the connection politely. A connection that is not open yet fails at once.
    pub(in crate::swarm) fn close<const E: usize>(
        &mut self,
        state: &mut SwarmState<E>,
        end: ConnectionEnd,
        now: impl Into<Now>,
    ) {
        let now = now.into();
        if state.is_opening(self.id) {
            return self.end(state, EndCause::Ended(end));
        }
        self.stage = match core::mem::replace(&mut self.stage, ConnectionStage::Over(None)) {
            // go-libp2p and js-libp2p end the session when they read a go-away, so that ours is the last frame, behind all
            // pending output.
            ConnectionStage::Up(mut pipe) => {
                // This cannot fail: the connection is up and not opening, so that it is open, and an open one can leave.
                let _ = state.lifecycle.leave(self.id);
                pipe.connection.close(&state.config.connection, now);
                self.mark_dirty(state);
                ConnectionStage::Closing(pipe, end, OurSide::Open)
            }
            // The reported reason stays the peer's go-away.
            ConnectionStage::Closing(mut pipe, end, OurSide::Serving) => {
                pipe.connection.close(&state.config.connection, now);
                self.mark_dirty(state);
                ConnectionStage::Closing(pipe, end, OurSide::Open)
            }
            stage @ (ConnectionStage::Dialing(_) | ConnectionStage::Closing(..) | ConnectionStage::Over(_)) => stage,
        };
    }

    /// Ends the connection at once, without waiting for a polite close.
    pub(in crate::swarm) fn cut<const E: usize>(&mut self, state: &mut SwarmState<E>) {
        self.end(state, EndCause::Ended(ConnectionEnd::Requested));
    }

    /// Ends the connection because of a fault of its peer, and tells the peer by a go-away if the byte pipe accepts it at
    /// once.
    pub(in crate::swarm) fn blame<const E: usize>(
        &mut self,
        state: &mut SwarmState<E>,
        cx: &mut Context<'_>,
        fault: Fault,
    ) {
        if let Some(connection) = self.connection() {
            connection.blame();
        }
        self.last_words(cx);
        self.end(state, EndCause::Ended(ConnectionEnd::Failed(fault)));
    }

    /// Fails a dial for the reason `failure`, with `text` for the log and for the connection's error.
    pub(in crate::swarm) fn fail<const E: usize>(
        &mut self,
        state: &mut SwarmState<E>,
        failure: Failure,
        text: &dyn fmt::Display,
    ) {
        let text = short(text);
        log::debug!("{}: {failure}: {}", self.id, for_log(&text));
        self.error = Some(text);
        self.stage = ConnectionStage::Over(self.round_trip());
        if state.lifecycle.fail(self.id, failure).is_ok() {
            self.opening_ends(state);
        }
    }

    /// Removes this connection, which has opened or failed, from the dials under way. For an accepted connection nothing
    /// changes.
    pub(super) fn opening_ends<const E: usize>(&self, state: &mut SwarmState<E>) {
        if self.direction == Direction::Outbound {
            let named = || self.expected.as_deref().copied().and_then(PackedPeer::pack);
            state.dials.end(self.id, self.peer.or_else(named));
        }
    }

    /// Fails a dial whose peer has proved to hold our own identity key.
    pub(super) fn refuse_ourselves<const E: usize>(&mut self, state: &mut SwarmState<E>) {
        // First, since `fail` drops the handshake.
        state.own_end = self.transcript();
        self.fail(state, Failure::LocalPeer, &"we dialed ourselves");
    }

    /// Closes the socket, and then queues the last event of the connection.
    pub(in crate::swarm) fn end<const E: usize>(&mut self, state: &mut SwarmState<E>, why: EndCause) {
        // The socket is closed before the event is queued: when the owner hears of the end, the descriptor has been given
        // back.
        let asked = match &self.stage {
            ConnectionStage::Closing(_, end, _) => Some(*end),
            ConnectionStage::Dialing(_) | ConnectionStage::Up(_) => None,
            ConnectionStage::Over(_) => return,
        };
        let over = ConnectionStage::Over(self.round_trip());
        let stage = core::mem::replace(&mut self.stage, over);
        let mut found = None;
        if let ConnectionStage::Up(pipe) | ConnectionStage::Closing(pipe, ..) = &stage {
            // These streams have no events. If they were not counted, nothing would tell of them.
            for _ in 0..pipe.connection.streams_without_id() {
                state.stream_without_id(self.id, Refusal::StreamUnproposed);
            }
            // Unread bytes of streams with an id outlive the connection, until their owner has taken or dropped them.
            let gone = pipe.connection.unread_held_without_id();
            self.left = pipe.connection.unread_held().saturating_sub(gone);
            self.paced = pipe.connection.streams_paced();
            found = pipe.connection.wrong_peer();
        }
        drop(stage);
        (self.out, self.written) = (Vec::new(), 0);
        self.settle(state);
        match &why {
            EndCause::Ended(_) => {}
            EndCause::Broke(error) => {
                self.error = Some(match self.expected.as_deref().zip(found) {
                    Some((expected, found)) => short(&format_args!("expected {expected}, found {found}")),
                    None => short(error),
                });
            }
            EndCause::Io(error) => self.error = Some(short(error)),
        }
        if let Some(text) = &self.error {
            log::debug!("{}{}: {}", self.id, OfPeer(self.peer()), for_log(text));
        }
        if let Some(peer) = self.peer() {
            state.shares.leave(self.id, peer);
        }
        if state.is_opening(self.id) {
            let failure = match why {
                EndCause::Ended(end) => end.into(),
                EndCause::Broke(error) => error.failure(),
                EndCause::Io(error) => error::failure(&error),
            };
            self.opening_ends(state);
            // This cannot fail: the connection is opening, as the line above says.
            let _ = state.lifecycle.fail(self.id, failure);
            return;
        }
        // If the connection was already being closed, the reason of that close is reported, whatever has ended the pipe.
        let end = asked.unwrap_or(match why {
            EndCause::Ended(end) => end,
            EndCause::Broke(error) => ConnectionEnd::Failed(error.fault()),
            EndCause::Io(error) => ConnectionEnd::Failed(error::fault(&error)),
        });
        // This cannot fail: the connection is open, since it is not opening and had not ended before.
        let _ = state.lifecycle.end_connection(self.id, end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::MAX_TEXT;

    /// The text of a transport's error may quote bytes that a peer has sent.
    #[test]
    fn the_text_of_an_error_is_short() {
        let error = std::io::Error::other("é".repeat(64 * 1024));
        assert!(short(&error).len() <= MAX_TEXT);
        assert_eq!(short(&Error::Silence), Error::Silence.to_string());
    }
}
