//! How a link ends: politely, cut, failed or broken; the socket is closed first, and told of after.

use super::{Link, Ours, Stage};
use crate::connection::yamux::NORMAL;
use crate::connection::{Error, PackedPeer};
use crate::lifecycle::{ConnectionEnd, Direction, Failure, Fault, RemoteEnd};
use crate::swarm::error;
use crate::swarm::ledger::Ledger;
use crate::swarm::refusals::Refusal;
use crate::text::{for_log, shorten};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use futures_lite::io::{AsyncRead, AsyncWrite};
use libp2p_core::Transport;
use libp2p_identity::PeerId;

/// Why a link is over.
pub(in crate::swarm) enum Why {
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

impl<T> Link<T>
where
    T: Transport,
    T::Output: AsyncRead + AsyncWrite + Unpin,
    T::Error: 'static,
{
    /// Ends our side of a pipe that is being closed and has no pending output.
    ///
    /// After the peer's go-away this takes two steps: our own go-away is written first, so that a peer whose pipe cannot be
    /// half-closed hears that we are done. The socket stays until the peer has ended its side, since it may still grant
    /// window for what it reads, and a system that gets data for a closed socket throws away what it has not sent.
    pub(super) fn end_ours<const E: usize>(&mut self, ledger: &mut Ledger<E>, cx: &mut Context<'_>, now: Duration) {
        let Stage::Closing(pipe, end, ours) = &mut self.stage else { return };
        match ours {
            Ours::Serving if !pipe.connection.is_spent() => return,
            Ours::Serving => {
                pipe.connection.close(&ledger.config.connection, now);
                *ours = Ours::Open;
                return self.mark_dirty(ledger);
            }
            Ours::Closed => return,
            Ours::Open | Ours::Last => {}
        }
        match Pin::new(&mut pipe.io).poll_close(cx) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) if *ours == Ours::Open => *ours = Ours::Closed,
            Poll::Ready(Ok(())) => {
                let end = *end;
                self.over(ledger, Why::Ended(end));
            }
            Poll::Ready(Err(error)) => self.over(ledger, Why::Io(error)),
        }
    }

    /// Goes on with the live streams of a connection whose peer has sent go-away 0. No new stream begins.
    pub(super) fn serve<const E: usize>(&mut self, ledger: &mut Ledger<E>) {
        self.stage = match core::mem::replace(&mut self.stage, Stage::Over(None)) {
            Stage::Up(pipe) => {
                // It is open, since it has heard a frame, so that it can leave.
                let _ = ledger.lifecycle.leave(self.id);
                self.mark_dirty(ledger);
                Stage::Closing(pipe, ConnectionEnd::Remote(RemoteEnd::GoAway(NORMAL)), Ours::Serving)
            }
            stage @ (Stage::Dialing(_) | Stage::Closing(..) | Stage::Over(_)) => stage,
        };
    }

    /// Returns whether the peer has sent go-away 0 and live streams go on.
    pub(super) const fn is_serving(&self) -> bool {
        matches!(self.stage, Stage::Closing(_, _, Ours::Serving))
    }

    /// Returns whether nothing is left that a polite close would change: it is being closed, or over.
    pub(in crate::swarm) const fn is_closing(&self) -> bool {
        matches!(self.stage, Stage::Closing(_, _, Ours::Open | Ours::Last | Ours::Closed) | Stage::Over(_))
    }

    /// Tries once to write what a connection that is over still has to say: yamux's go-away if it broke, or answers.
    pub(super) fn last_words(&mut self, cx: &mut Context<'_>) {
        let (Stage::Up(pipe) | Stage::Closing(pipe, ..)) = &mut self.stage else { return };
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
        let _ = Pin::new(&mut pipe.io).poll_close(cx);
    }

    /// Closes politely. What is not open yet fails at once.
    pub(in crate::swarm) fn close<const E: usize>(
        &mut self,
        ledger: &mut Ledger<E>,
        end: ConnectionEnd,
        now: Duration,
    ) {
        if ledger.is_opening(self.id) {
            return self.over(ledger, Why::Ended(end));
        }
        self.stage = match core::mem::replace(&mut self.stage, Stage::Over(None)) {
            Stage::Up(mut pipe) => {
                // It is open, since it is up and not opening, so that it can leave.
                let _ = ledger.lifecycle.leave(self.id);
                pipe.connection.close(&ledger.config.connection, now);
                self.mark_dirty(ledger);
                Stage::Closing(pipe, end, Ours::Open)
            }
            // The reason stays the peer's go-away.
            Stage::Closing(mut pipe, end, Ours::Serving) => {
                pipe.connection.close(&ledger.config.connection, now);
                self.mark_dirty(ledger);
                Stage::Closing(pipe, end, Ours::Open)
            }
            stage @ (Stage::Dialing(_) | Stage::Closing(..) | Stage::Over(_)) => stage,
        };
    }

    /// Cuts a close that takes too long, or that nobody wants to wait for.
    pub(in crate::swarm) fn cut<const E: usize>(&mut self, ledger: &mut Ledger<E>) {
        self.over(ledger, Why::Ended(ConnectionEnd::Requested));
    }

    /// Ends a connection whose peer is to blame, and tells the peer so.
    pub(in crate::swarm) fn blame<const E: usize>(
        &mut self,
        ledger: &mut Ledger<E>,
        cx: &mut Context<'_>,
        fault: Fault,
    ) {
        if let Some(connection) = self.connection() {
            connection.blame();
        }
        self.last_words(cx);
        self.over(ledger, Why::Ended(ConnectionEnd::Failed(fault)));
    }

    /// A transport's refusal: it cannot open.
    pub(in crate::swarm) fn fail<const E: usize>(
        &mut self,
        ledger: &mut Ledger<E>,
        failure: Failure,
        text: &dyn fmt::Display,
    ) {
        let text = short(text);
        log::debug!("{}: {failure}: {}", self.id, for_log(&text));
        self.error = Some(text);
        self.stage = Stage::Over(self.round_trip());
        if ledger.lifecycle.fail(self.id, failure).is_ok() {
            self.opening_ends(ledger);
        }
    }

    /// It is open, or has failed to open.
    pub(super) fn opening_ends<const E: usize>(&self, ledger: &mut Ledger<E>) {
        if self.direction == Direction::Outbound {
            let named = || self.expected.as_deref().copied().and_then(PackedPeer::pack);
            ledger.dials.end(self.id, self.peer.or_else(named));
        }
    }

    /// The peer of a dial has proved to hold our identity key: the dial has failed. An accepted connection with such a peer
    /// is not let in.
    pub(super) fn refuse_ourselves<const E: usize>(&mut self, ledger: &mut Ledger<E>) {
        ledger.own_end = self.transcript();
        self.fail(ledger, Failure::LocalPeer, &"we dialed ourselves");
    }

    /// Closes the socket, and then tells so.
    pub(in crate::swarm) fn over<const E: usize>(&mut self, ledger: &mut Ledger<E>, why: Why) {
        let asked = match &self.stage {
            Stage::Closing(_, end, _) => Some(*end),
            Stage::Dialing(_) | Stage::Up(_) => None,
            Stage::Over(_) => return,
        };
        let over = Stage::Over(self.round_trip());
        let stage = core::mem::replace(&mut self.stage, over);
        let mut found = None;
        if let Stage::Up(pipe) | Stage::Closing(pipe, ..) = &stage {
            for _ in 0..pipe.connection.streams_without_id() {
                ledger.stream_without_id(self.id, Refusal::StreamUnproposed);
            }
            // The other streams outlive it, until their owners drop them.
            let gone = pipe.connection.unread_held_without_id();
            self.left = pipe.connection.unread_held().saturating_sub(gone);
            self.paced = pipe.connection.streams_paced();
            found = pipe.connection.wrong_peer();
        }
        drop(stage);
        (self.out, self.written) = (Vec::new(), 0);
        self.settle(ledger);
        match &why {
            Why::Ended(_) => {}
            Why::Broke(error) => {
                self.error = Some(match self.expected.as_deref().zip(found) {
                    Some((expected, found)) => short(&format_args!("expected {expected}, found {found}")),
                    None => short(error),
                });
            }
            Why::Io(error) => self.error = Some(short(error)),
        }
        if let Some(text) = &self.error {
            log::debug!("{}{}: {}", self.id, OfPeer(self.peer()), for_log(text));
        }
        if let Some(peer) = self.peer() {
            ledger.shares.leave(self.id, peer);
        }
        if ledger.is_opening(self.id) {
            let failure = match why {
                Why::Ended(end) => end.into(),
                Why::Broke(error) => error.failure(),
                Why::Io(error) => error::failure(&error),
            };
            self.opening_ends(ledger);
            // It is opening, as the line above says, so that it can fail.
            let _ = ledger.lifecycle.fail(self.id, failure);
            return;
        }
        // Whoever asked for the end is the reason, however it came.
        let end = asked.unwrap_or(match why {
            Why::Ended(end) => end,
            Why::Broke(error) => ConnectionEnd::Failed(error.fault()),
            Why::Io(error) => ConnectionEnd::Failed(error::fault(&error)),
        });
        let _ = ledger.lifecycle.end_connection(self.id, end);
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
