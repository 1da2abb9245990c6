//! [`Visitor`]: an accepted connection whose peer is not authenticated.

use super::crowd::HandshakeProgress;
use crate::connection::{Error, Fact, HandshakeStep, Input};
use crate::lifecycle::ListenerId;
use crate::swarm::retry::retry_interrupted;
use crate::swarm::run_queue::HelpingsTaken;
use crate::swarm::socket_connection::{HELPING_READS, Pipe};
use crate::swarm::state::SwarmState;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use futures_lite::io::{AsyncRead, AsyncWrite};
use libp2p_core::{Multiaddr, Transport};
use std::io;

/// An accepted connection, from its socket to the authentication of its peer.
pub(in crate::swarm) struct Visitor<T: Transport> {
    pub(in crate::swarm) remote: Multiaddr,
    pub(in crate::swarm) local: Multiaddr,
    pub(in crate::swarm) listener: ListenerId,
    pub(in crate::swarm) began: Duration,
    /// The helpings that it has had in the last tick.
    pub(super) share: HelpingsTaken,
    pub(super) stage: VisitorStage<T>,
    /// The part of the bytes held that counts for the door's budget.
    pub(super) counted: usize,
    /// Its peer has sent a byte.
    has_spoken: bool,
    /// The number of bytes that were read from its pipe. `sent` is the number written to it.
    pub(in crate::swarm) received: u64,
    pub(in crate::swarm) sent: u64,
    /// The output. `out[written..]` waits to be written.
    pub(in crate::swarm) out: Vec<u8>,
    pub(in crate::swarm) written: usize,
}

#[expect(clippy::large_enum_variant, reason = "a visitor is boxed as a whole")]
pub(super) enum VisitorStage<T: Transport> {
    Upgrading(Pin<Box<T::ListenerUpgrade>>),
    Up(Pipe<T::Output>),
    /// The pipe has gone to its connection, or the socket is closed.
    Over,
}

/// The outcome of a helping.
pub(super) enum HelpingOutcome {
    /// It waits for its socket.
    Waits,
    /// It may have more to read, and needs another helping.
    HasMore,
    /// Its peer is authenticated.
    Authenticated,
    Over(VisitorFlaw),
}

/// The reason for which a visitor ended before its peer was authenticated, for a log.
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
    T: Transport,
    T::Output: AsyncRead + AsyncWrite + Unpin,
    T::Error: 'static,
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

    /// Returns the last step that its handshake has reached.
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

    /// Returns the bytes of memory that it holds: input that is not complete, and output that is not written.
    pub(super) fn held(&self) -> usize {
        let VisitorStage::Up(pipe) = &self.stage else { return 0 };
        pipe.connection.bytes_held() + self.out.capacity()
    }

    /// Returns a hash of the handshake's transcript, if the handshake is at a step at which a dial of ours can have the same
    /// one.
    pub(super) fn transcript(&self) -> Option<[u8; 32]> {
        match &self.stage {
            VisitorStage::Up(pipe) => pipe.connection.transcript(),
            VisitorStage::Upgrading(_) | VisitorStage::Over => None,
        }
    }

    /// Takes the pipe out, to hand it to the connection or to close it.
    pub(super) fn take_pipe(&mut self) -> Option<Pipe<T::Output>> {
        match core::mem::replace(&mut self.stage, VisitorStage::Over) {
            VisitorStage::Up(pipe) => Some(pipe),
            VisitorStage::Upgrading(_) | VisitorStage::Over => None,
        }
    }

    /// Polls for the byte pipe. `Ok(Some(_))`: it has just come.
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

    /// Reads at most `most` bytes, handles them, and writes the answer at once. Bytes behind the handshake are kept for the
    /// connection.
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
            let read = retry_interrupted(Pin::new(&mut pipe.io).poll_read(cx, &mut space[..asked]), cx);
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

    /// Writes as much pending output as the pipe takes.
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
                match retry_interrupted(Pin::new(&mut pipe.io).poll_write(cx, &self.out[self.written..]), cx) {
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
            match retry_interrupted(Pin::new(&mut pipe.io).poll_flush(cx), cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(())) => (self.out, self.written) = (Vec::new(), 0),
                Poll::Ready(Err(error)) => return Err(VisitorFlaw::Io(error)),
            }
        }
    }

    /// Tries once to write the last output of a failed handshake: a refusal tells the peer its reason.
    fn last_words(&mut self, cx: &mut Context<'_>, now: Duration) {
        let has_words = |stage: &VisitorStage<T>| matches!(stage, VisitorStage::Up(pipe) if pipe.connection.is_due());
        if (has_words(&self.stage) || !self.out.is_empty())
            && self.write(cx, now).is_ok()
            && self.out.is_empty()
            && let VisitorStage::Up(pipe) = &mut self.stage
        {
            let _ = Pin::new(&mut pipe.io).poll_close(cx);
        }
    }
}
