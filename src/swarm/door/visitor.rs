//! [`Visitor`]: an accepted connection whose peer is not authenticated yet.

use super::crowd::HandshakeProgress;
use crate::connection::{Error, Fact, HandshakeStep, Input};
use crate::lifecycle::{ConnectionId, Direction, ListenerId};
use crate::swarm::pipe::{Pipe, PipeTransport};
use crate::swarm::run_queue::HelpingsTaken;
use crate::swarm::socket_connection::{ConnectionStage, HELPING_READS, SocketConnection};
use crate::swarm::state::SwarmState;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use libp2p_core::{Multiaddr, Transport};
use std::io;

/// An accepted connection, from the moment at which its socket is accepted until its peer is authenticated.
pub(super) struct Visitor<T: Transport> {
    pub(super) remote: Multiaddr,
    pub(super) local: Multiaddr,
    pub(super) listener: ListenerId,
    pub(super) began: Duration,
    /// The number of helpings that this visitor has had in the last tick.
    pub(super) share: HelpingsTaken,
    pub(super) stage: VisitorStage<T>,
    /// The part of this visitor's bytes held that is counted in the door's [budget](super::budget).
    pub(super) counted: usize,
    /// `true` once the peer has sent a byte.
    has_spoken: bool,
    /// The number of bytes that were read from the byte pipe. `sent` is the number of bytes written to it.
    received: u64,
    sent: u64,
    /// The output that was taken from the handshake. `out[written..]` is still to be written to the byte pipe.
    out: Vec<u8>,
    written: usize,
}

#[expect(clippy::large_enum_variant, reason = "a visitor is boxed as a whole")]
pub(super) enum VisitorStage<T: Transport> {
    Upgrading(Pin<Box<T::ListenerUpgrade>>),
    Up(Pipe<T::Output>),
    /// The byte pipe was handed to the connection that this visitor became, or the socket is closed.
    Over,
}

/// The outcome of a visitor's helping.
pub(super) enum HelpingOutcome {
    /// The visitor waits for its socket to be readable or writable.
    Waits,
    /// The socket may have more bytes to read, so that the visitor needs another helping.
    HasMore,
    /// The visitor's peer is authenticated.
    Authenticated,
    Over(VisitorFlaw),
}

/// The reason why a visitor ended before its peer was authenticated, for the log.
pub(super) enum VisitorFlaw {
    Upgrade(Box<dyn fmt::Display>),
    Handshake(Error),
    Io(io::Error),
    Eof,
}

impl fmt::Display for VisitorFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upgrade(error) => error.fmt(f),
            Self::Handshake(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
            Self::Eof => f.write_str("the peer has left"),
        }
    }
}

impl<T> Visitor<T>
where
    T: PipeTransport,
{
    pub(super) fn new(
        listener: ListenerId,
        upgrade: T::ListenerUpgrade,
        remote: Multiaddr,
        local: Multiaddr,
        now: Duration,
    ) -> Self {
        Self {
            remote,
            local,
            listener,
            began: now,
            share: HelpingsTaken::default(),
            stage: VisitorStage::Upgrading(Box::pin(upgrade)),
            counted: 0,
            has_spoken: false,
            received: 0,
            sent: 0,
            out: Vec::new(),
            written: 0,
        }
    }

    /// Returns the last step that this visitor's handshake has reached.
    pub(super) fn progress(&self) -> HandshakeProgress {
        let VisitorStage::Up(pipe) = &self.stage else { return HandshakeProgress::Silent };
        match pipe.connection.handshake_step() {
            HandshakeStep::Security if !self.has_spoken => HandshakeProgress::Silent,
            HandshakeStep::Security => HandshakeProgress::Heard,
            HandshakeStep::Exchange => HandshakeProgress::Agreed,
            HandshakeStep::Answered => HandshakeProgress::Answered,
            HandshakeStep::Authenticated => HandshakeProgress::Proved,
        }
    }

    /// Returns the number of bytes that this visitor holds: input that is not complete, and output that is not written.
    pub(super) fn held(&self) -> usize {
        let VisitorStage::Up(pipe) = &self.stage else { return 0 };
        pipe.connection.bytes_held() + self.out.capacity()
    }

    /// Returns a hash of the handshake's transcript, if the handshake has reached the step at which a dial of ours can have
    /// the same transcript because we have dialed ourselves.
    pub(super) fn transcript(&self) -> Option<[u8; 32]> {
        match &self.stage {
            VisitorStage::Up(pipe) => pipe.connection.transcript(),
            VisitorStage::Upgrading(_) | VisitorStage::Over => None,
        }
    }

    /// Removes and returns the byte pipe, which the caller hands to a connection or closes.
    pub(super) fn take_pipe(&mut self) -> Option<Pipe<T::Output>> {
        match core::mem::replace(&mut self.stage, VisitorStage::Over) {
            VisitorStage::Up(pipe) => Some(pipe),
            VisitorStage::Upgrading(_) | VisitorStage::Over => None,
        }
    }

    /// Makes a connection of this visitor, whose peer is authenticated. The connection keeps the visitor's addresses, start
    /// time, byte counts and pending output.
    pub(super) fn into_connection(self, id: ConnectionId, pipe: Pipe<T::Output>) -> SocketConnection<T> {
        let Self { listener, remote, local, began, received, sent, out, written, .. } = self;
        let mut conn = SocketConnection::new(id, Direction::Inbound, remote, ConnectionStage::Up(pipe), began.into());
        conn.listener = Some(listener);
        conn.local = Some(local);
        (conn.received, conn.sent) = (received, sent);
        conn.take_over_output(out, written);
        conn
    }

    /// Polls the transport's upgrade for the byte pipe. Returns `Ok(Some(_))` with the byte pipe when the upgrade is done,
    /// and `Ok(None)` while it is under way, or after the byte pipe was returned.
    pub(super) fn poll_pipe(&mut self, cx: &mut Context<'_>) -> Result<Option<T::Output>, VisitorFlaw> {
        match &mut self.stage {
            VisitorStage::Up(_) | VisitorStage::Over => Ok(None),
            VisitorStage::Upgrading(upgrade) => match upgrade.as_mut().poll(cx) {
                Poll::Pending => Ok(None),
                Poll::Ready(Ok(io)) => Ok(Some(io)),
                Poll::Ready(Err(error)) => Err(VisitorFlaw::Upgrade(Box::new(error))),
            },
        }
    }

    /// Reads at most `most` bytes, handles them, and writes the answer at once. Bytes that follow the handshake are kept for
    /// the connection.
    pub(super) fn drive<const E: usize>(
        &mut self,
        state: &mut SwarmState<E>,
        cx: &mut Context<'_>,
        input: &mut Input,
        most: usize,
        now: Duration,
    ) -> HelpingOutcome {
        let mut left = most;
        for _ in 0..HELPING_READS {
            let VisitorStage::Up(pipe) = &mut self.stage else { return HelpingOutcome::Waits };
            pipe.connection.begin_input(input);
            let space = input.space();
            let asked = space.len().min(left);
            let read = pipe.read(cx, &mut space[..asked]);
            if let Poll::Ready(Ok(n)) = read {
                input.filled(n);
                self.has_spoken |= n > 0;
                self.received += n as u64;
            }
            let mut is_authenticated = false;
            while let Some(fact) = pipe.connection.receive(input, &mut state.environment(now)) {
                // Before its peer is authenticated a connection has no other facts.
                if let Fact::Failed(error) = fact {
                    self.last_words(cx, now);
                    return HelpingOutcome::Over(VisitorFlaw::Handshake(error));
                }
                is_authenticated |= fact == Fact::ReadyToOpen;
            }
            if let Err(flaw) = self.write(cx, now) {
                return HelpingOutcome::Over(flaw);
            }
            if is_authenticated {
                return HelpingOutcome::Authenticated;
            }
            match read {
                Poll::Pending => return HelpingOutcome::Waits,
                Poll::Ready(Ok(0)) => return HelpingOutcome::Over(VisitorFlaw::Eof),
                Poll::Ready(Ok(n)) if n < asked => left -= n,
                Poll::Ready(Ok(_)) => return HelpingOutcome::HasMore,
                Poll::Ready(Err(error)) => return HelpingOutcome::Over(VisitorFlaw::Io(error)),
            }
        }
        HelpingOutcome::HasMore
    }

    /// Writes as much pending output as the byte pipe accepts.
    fn write(&mut self, cx: &mut Context<'_>, now: Duration) -> Result<(), VisitorFlaw> {
        let VisitorStage::Up(pipe) = &mut self.stage else { return Ok(()) };
        loop {
            if self.out.is_empty() {
                if !pipe.connection.is_due() {
                    return Ok(());
                }
                pipe.connection.transmit(&mut self.out).map_err(VisitorFlaw::Handshake)?;
            }
            while self.written < self.out.len() {
                match pipe.write(cx, &self.out[self.written..]) {
                    Poll::Pending => return Ok(()),
                    Poll::Ready(Ok(0)) => return Err(VisitorFlaw::Io(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(Ok(n)) => {
                        self.written += n;
                        self.sent += n as u64;
                        pipe.connection.part_written(now);
                    }
                    Poll::Ready(Err(error)) => return Err(VisitorFlaw::Io(error)),
                }
            }
            match pipe.flush(cx) {
                Poll::Pending => return Ok(()),
                // The buffer is freed and not cleared: a visitor that waits for its peer holds no memory for output.
                Poll::Ready(Ok(())) => (self.out, self.written) = (Vec::new(), 0),
                Poll::Ready(Err(error)) => return Err(VisitorFlaw::Io(error)),
            }
        }
    }

    /// Tries once to write the last output of a failed handshake, from which the peer learns why we have refused it.
    fn last_words(&mut self, cx: &mut Context<'_>, now: Duration) {
        let has_words = |stage: &VisitorStage<T>| matches!(stage, VisitorStage::Up(pipe) if pipe.connection.is_due());
        if (has_words(&self.stage) || !self.out.is_empty())
            && self.write(cx, now).is_ok()
            && self.out.is_empty()
            && let VisitorStage::Up(pipe) = &mut self.stage
        {
            // The socket is closed next, whether this succeeds or not.
            let _ = pipe.end_ours(cx);
        }
    }
}
