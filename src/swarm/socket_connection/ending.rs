//! How a connection ends: politely, cut, failed or broken; the socket is closed first, and told of after.

use super::{ConnectionStage, OurSide, SocketConnection};
use crate::connection::yamux::NORMAL;
use crate::connection::{Error, Now, PackedPeer};
use crate::lifecycle::{ConnectionEnd, Direction, Failure, Fault, RemoteEnd};
use crate::swarm::SwarmTransport;
use crate::swarm::error;
use crate::swarm::refusals::Refusal;
use crate::swarm::state::SwarmState;
use crate::text::{for_log, shorten};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use futures_lite::io::AsyncWrite;
use libp2p_identity::PeerId;

/// Why a connection is over.
pub(in crate::swarm) enum EndCause {
    Ended(ConnectionEnd),
    Broke(Error),
    Io(std::io::Error),
}

/// The peer of what stands before it in a log, if that is known.
pub(in crate::swarm) struct OfPeer(pub(in crate::swarm) Option<PeerId>);

impl fmt::Display for OfPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |peer| write!(f, " of {peer}"))
    }
}

/// The text of an error. It may quote the peer.
pub(super) fn short(text: &dyn fmt::Display) -> String {
    shorten(&text.to_string()).into_owned()
}

impl<T> SocketConnection<T>
where
    T: SwarmTransport,
{
    /// Ends our side of a pipe that is being closed and has no pending output.
    ///
    /// After the peer's go-away this takes two steps: our own go-away is written first, so that a peer whose pipe cannot be
    /// half-closed hears that we are done. The socket stays until the peer has ended its side, since it may still grant
    /// window for what it reads, and a system that gets data for a closed socket throws away what it has not sent.
    pub(super) fn end_ours<const E: usize>(&mut self, state: &mut SwarmState<E>, cx: &mut Context<'_>, now: Duration) {
        let ConnectionStage::Closing(pipe, end, ours) = &mut self.stage else { return };
        match ours {
            OurSide::Serving if !pipe.connection.is_spent() => return,
            OurSide::Serving => {
                pipe.connection.close(&state.config.connection, now);
                *ours = OurSide::Open;
                return self.mark_dirty(state);
            }
            OurSide::Closed => return,
            OurSide::Open | OurSide::Last => {}
        }
        match Pin::new(&mut pipe.io).poll_close(cx) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) if *ours == OurSide::Open => *ours = OurSide::Closed,
            Poll::Ready(Ok(())) => {
                let end = *end;
                self.end(state, EndCause::Ended(end));
            }
            Poll::Ready(Err(error)) => self.end(state, EndCause::Io(error)),
        }
    }

    /// Goes on with the live streams of a connection whose peer has sent go-away 0. No new stream begins.
    pub(super) fn serve<const E: usize>(&mut self, state: &mut SwarmState<E>) {
        self.stage = match core::mem::replace(&mut self.stage, ConnectionStage::Over(None)) {
            ConnectionStage::Up(pipe) => {
                // It is open, since it has heard a frame, so that it can leave.
                let _ = state.lifecycle.leave(self.id);
                self.mark_dirty(state);
                ConnectionStage::Closing(pipe, ConnectionEnd::Remote(RemoteEnd::GoAway(NORMAL)), OurSide::Serving)
            }
            stage @ (ConnectionStage::Dialing(_) | ConnectionStage::Closing(..) | ConnectionStage::Over(_)) => stage,
        };
    }

    /// Returns whether the peer has sent go-away 0 and live streams go on.
    pub(super) const fn is_serving(&self) -> bool {
        matches!(self.stage, ConnectionStage::Closing(_, _, OurSide::Serving))
    }

    /// Returns whether nothing is left that a polite close would change: it is being closed, or over.
    pub(in crate::swarm) const fn is_closing(&self) -> bool {
        matches!(
            self.stage,
            ConnectionStage::Closing(_, _, OurSide::Open | OurSide::Last | OurSide::Closed) | ConnectionStage::Over(_)
        )
    }

    /// Tries once to write what a connection that is over still has to say: yamux's go-away if it broke, or answers.
    pub(super) fn last_words(&mut self, cx: &mut Context<'_>) {
        let (ConnectionStage::Up(pipe) | ConnectionStage::Closing(pipe, ..)) = &mut self.stage else { return };
        if !pipe.connection.is_due() && self.out.is_empty() {
            return;
        }
        while pipe.connection.is_due() {
            if pipe.connection.transmit(&mut self.out).is_err() {
                return;
            }
        }
        while self.written < self.out.len() {
            match Pin::new(&mut pipe.io).poll_write(cx, &self.out[self.written..]) {
                Poll::Ready(Ok(n)) if n > 0 => {
                    self.written += n;
                    self.sent += n as u64;
                }
                Poll::Ready(_) | Poll::Pending => return,
            }
        }
        // The socket is closed next, whatever comes of this.
        let _ = Pin::new(&mut pipe.io).poll_close(cx);
    }

    /// Closes politely. What is not open yet fails at once.
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
            ConnectionStage::Up(mut pipe) => {
                // It is open, since it is up and not opening, so that it can leave.
                let _ = state.lifecycle.leave(self.id);
                pipe.connection.close(&state.config.connection, now);
                self.mark_dirty(state);
                ConnectionStage::Closing(pipe, end, OurSide::Open)
            }
            // The reason stays the peer's go-away.
            ConnectionStage::Closing(mut pipe, end, OurSide::Serving) => {
                pipe.connection.close(&state.config.connection, now);
                self.mark_dirty(state);
                ConnectionStage::Closing(pipe, end, OurSide::Open)
            }
            stage @ (ConnectionStage::Dialing(_) | ConnectionStage::Closing(..) | ConnectionStage::Over(_)) => stage,
        };
    }

    /// Cuts a close that takes too long, or that nobody wants to wait for.
    pub(in crate::swarm) fn cut<const E: usize>(&mut self, state: &mut SwarmState<E>) {
        self.end(state, EndCause::Ended(ConnectionEnd::Requested));
    }

    /// Ends a connection whose peer is to blame, and tells the peer so.
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

    /// A transport's refusal: it cannot open.
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

    /// It is open, or has failed to open.
    pub(super) fn opening_ends<const E: usize>(&self, state: &mut SwarmState<E>) {
        if self.direction == Direction::Outbound {
            let named = || self.expected.as_deref().copied().and_then(PackedPeer::pack);
            state.dials.end(self.id, self.peer.or_else(named));
        }
    }

    /// The peer of a dial has proved to hold our identity key: the dial has failed. An accepted connection with such a peer
    /// is not let in.
    pub(super) fn refuse_ourselves<const E: usize>(&mut self, state: &mut SwarmState<E>) {
        state.own_end = self.transcript();
        self.fail(state, Failure::LocalPeer, &"we dialed ourselves");
    }

    /// Closes the socket, and then tells so.
    pub(in crate::swarm) fn end<const E: usize>(&mut self, state: &mut SwarmState<E>, why: EndCause) {
        let asked = match &self.stage {
            ConnectionStage::Closing(_, end, _) => Some(*end),
            ConnectionStage::Dialing(_) | ConnectionStage::Up(_) => None,
            ConnectionStage::Over(_) => return,
        };
        let over = ConnectionStage::Over(self.round_trip());
        let stage = core::mem::replace(&mut self.stage, over);
        let mut found = None;
        if let ConnectionStage::Up(pipe) | ConnectionStage::Closing(pipe, ..) = &stage {
            for _ in 0..pipe.connection.streams_without_id() {
                state.stream_without_id(self.id, Refusal::StreamUnproposed);
            }
            // The other streams outlive it, until their owners drop them.
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
            // It is opening, as the line above says, so that it can fail.
            let _ = state.lifecycle.fail(self.id, failure);
            return;
        }
        // Whoever asked for the end is the reason, however it came.
        let end = asked.unwrap_or(match why {
            EndCause::Ended(end) => end,
            EndCause::Broke(error) => ConnectionEnd::Failed(error.fault()),
            EndCause::Io(error) => ConnectionEnd::Failed(error::fault(&error)),
        });
        // It is open, since it is not opening and had not ended before, so that it can end.
        let _ = state.lifecycle.end_connection(self.id, end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::MAX_TEXT;

    /// A transport may quote what a peer has said.
    #[test]
    fn the_text_of_an_error_is_short() {
        let error = std::io::Error::other("é".repeat(64 * 1024));
        assert!(short(&error).len() <= MAX_TEXT);
        assert_eq!(short(&Error::Silence), Error::Silence.to_string());
    }
}
