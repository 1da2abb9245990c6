//! [`ConnectionHandshake`]: the part of a connection from its first raw byte until it is authenticated and multiplexed.
//!
//! The following table lists the steps of both sides. "Message" is a message of the Noise handshake, which has three:
//!
//! | step            | dialer                                            | listener                                             |
//! |-----------------|---------------------------------------------------|------------------------------------------------------|
//! | `Security`      | proposes `/noise`, and sends message 1 with it    | waits for the proposal of `/noise`, and confirms it  |
//! | `Exchange`      | waits for message 2                               | waits for message 1, sends 2, and waits for 3        |
//! | `Authenticated` | waits for **permission** to send message 3        |                                                      |
//! | `Muxer`         | sends message 3, and proposes the muxer with it   | waits for the proposal of a muxer                    |
//! | `Writing`       | waits until message 3 is written to the byte pipe |                                                      |
//! | `Agreed`        | waits for **permission** to open                  | waits for **permission** to open and confirm a muxer |
//!
//! The step `Muxer` is left out if both sides named their muxers in the Noise handshake; the step `Writing` is left out if
//! they did not. The owner gives permission, so that no connection is open at the peer before our owner is told of it.

use super::config::Role;
use super::error::Error;
use super::input::Input;
use super::multistream::{self, Protocol};
use super::muxer::Muxer;
use super::security;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::{mem, slice};
use libp2p_identity::PeerId;

/// The handshake of a connection: it agrees on the security protocol, exchanges the Noise messages and agrees on the muxer.
#[derive(Debug)]
pub(super) struct ConnectionHandshake {
    role: Role,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Security(Select, security::Handshake),
    Exchange(security::Handshake),
    Authenticated(security::Handshake),
    Muxer(Secured, Select),
    Writing(Secured, Muxer),
    Agreed(Secured, Muxer, Option<multistream::ListenerSelect>),
    /// The peer with this id has answered in place of the expected one.
    WrongPeer(PeerId),
    /// The handshake is over, after an error or because the connection has opened.
    Over,
}

/// The progress of a listener's handshake. The swarm reads it to decide which handshakes it admits and which it ends early.
#[cfg(feature = "swarm")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HandshakeStep {
    /// The peer has not chosen Noise yet, or the handshake is over.
    Security,
    /// We wait for the peer's first Noise message.
    Exchange,
    /// We have answered the peer's first Noise message and wait for its second.
    Answered,
    /// The peer is authenticated.
    Authenticated,
}

/// The negotiation of one protocol by multistream-select, in our role.
#[derive(Debug)]
enum Select {
    Dialer(multistream::DialerSelect),
    Listener(multistream::ListenerSelect),
}

/// An authenticated, encrypted byte pipe, with the identity of the peer at its other end.
#[derive(Debug)]
pub(super) struct Secured {
    pub(super) transport: security::Transport,
    pub(super) remote: security::RemoteIdentity,
}

/// The result of [`open`](ConnectionHandshake::open), with which the owner gives the handshake permission to continue.
#[derive(Debug)]
pub(super) enum Permitted {
    /// The connection is open. The values are the encrypted byte pipe and the muxer on which both sides agreed.
    Opened(Box<Secured>, Muxer),
    /// The handshake is not over: our message has to be written to the byte pipe, or the peer has to answer it.
    GoesOn,
}

impl ConnectionHandshake {
    /// Begins a handshake. A dialer's first bytes are appended to `out`. `seed` is the ephemeral key and must be fresh
    /// randomness.
    pub(super) fn new(
        security: &security::Config,
        role: Role,
        seed: [u8; 32],
        expected: Option<PeerId>,
        out: &mut Vec<u8>,
    ) -> Result<Self, Error> {
        let mut exchange = security::Handshake::new(security, role, seed, expected)?;
        let select = match role {
            Role::Dialer => {
                let dialer = multistream::DialerSelect::start(slice::from_ref(&security::PROTOCOL), out);
                // The first Noise message leaves with the proposal, which saves a round trip.
                exchange.transmit(out)?;
                Select::Dialer(dialer)
            }
            Role::Listener => Select::Listener(multistream::ListenerSelect::new()),
        };
        Ok(Self { role, step: Step::Security(select, exchange) })
    }

    /// Returns whether the handshake waits for its owner's permission to continue. The owner gives permission by
    /// [`open`](Self::open).
    pub(super) const fn is_at_gate(&self) -> bool {
        matches!(self.step, Step::Authenticated(_) | Step::Agreed(..))
    }

    /// Returns the identity of the peer, once the peer is authenticated.
    pub(super) fn remote(&self) -> Option<&security::RemoteIdentity> {
        match &self.step {
            Step::Authenticated(exchange) => exchange.remote(),
            Step::Muxer(secured, _) | Step::Writing(secured, _) | Step::Agreed(secured, ..) => Some(&secured.remote),
            Step::Security(..) | Step::Exchange(_) | Step::WrongPeer(_) | Step::Over => None,
        }
    }

    /// Returns the peer that answered in place of the expected one.
    pub(super) const fn wrong_peer(&self) -> Option<PeerId> {
        match &self.step {
            Step::WrongPeer(peer) => Some(*peer),
            Step::Security(..)
            | Step::Exchange(_)
            | Step::Authenticated(_)
            | Step::Muxer(..)
            | Step::Writing(..)
            | Step::Agreed(..)
            | Step::Over => None,
        }
    }

    /// Returns a hash of the transcript of the Noise handshake, between its second and its third message.
    #[cfg(feature = "swarm")]
    pub(super) fn transcript(&self) -> Option<[u8; 32]> {
        match &self.step {
            Step::Exchange(exchange) | Step::Authenticated(exchange) => exchange.transcript(),
            Step::Security(..)
            | Step::Muxer(..)
            | Step::Writing(..)
            | Step::Agreed(..)
            | Step::WrongPeer(_)
            | Step::Over => None,
        }
    }

    /// Returns the step that the handshake of a listener has reached.
    #[cfg(feature = "swarm")]
    pub(super) fn listener_step(&self) -> HandshakeStep {
        match &self.step {
            Step::Security(..) | Step::WrongPeer(_) | Step::Over => HandshakeStep::Security,
            Step::Exchange(exchange) if exchange.transcript().is_none() => HandshakeStep::Exchange,
            Step::Exchange(_) => HandshakeStep::Answered,
            Step::Authenticated(_) | Step::Muxer(..) | Step::Writing(..) | Step::Agreed(..) => {
                HandshakeStep::Authenticated
            }
        }
    }

    /// Decodes as much of `input` as it can, and appends the answers to `out`. Returns `true` if the handshake has reached a
    /// step in which it waits for its owner's permission. The cost of verifying a signature is added to `work`, whether the
    /// signature is right or wrong.
    pub(super) fn receive(&mut self, input: &mut Input, out: &mut Vec<u8>, work: &mut u32) -> Result<bool, Error> {
        while !self.is_at_gate() {
            let step = mem::replace(&mut self.step, Step::Over);
            let (next, progress) = self.advance(step, input, out, work)?;
            self.step = next;
            if !progress {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn advance(
        &mut self,
        step: Step,
        input: &mut Input,
        out: &mut Vec<u8>,
        work: &mut u32,
    ) -> Result<(Step, bool), Error> {
        match step {
            Step::Security(mut select, exchange) => {
                let (consumed, agreed) = select.receive(input.wire(), slice::from_ref(&security::PROTOCOL), out)?;
                input.consume_wire(consumed);
                if agreed.is_none() {
                    return Ok((Step::Security(select, exchange), false));
                }
                if let Select::Listener(listener) = select {
                    listener.confirm(&security::PROTOCOL, out);
                }
                Ok((Step::Exchange(exchange), true))
            }
            Step::Exchange(mut exchange) => {
                let received = exchange.receive(input.wire());
                // The work is counted before the error is returned: a wrong signature costs as much to verify as a right
                // one.
                *work = work.saturating_add(exchange.take_work());
                if let Some(peer) = exchange.wrong_peer() {
                    // `receive` has left `Over` in the field, and an error leaves it there: the peer has to be recorded
                    // before the error.
                    self.step = Step::WrongPeer(peer);
                }
                let (consumed, complete) = received?;
                input.consume_wire(consumed);
                if !complete {
                    return Ok((Step::Exchange(exchange), false));
                }
                if exchange.is_finished() {
                    return self.secured(exchange, out).map(|step| (step, true));
                }
                if exchange.is_authenticated() {
                    return Ok((Step::Authenticated(exchange), true));
                }
                exchange.transmit(out)?;
                Ok((Step::Exchange(exchange), true))
            }
            Step::Muxer(mut secured, mut select) => {
                let opened = input.decrypt(&mut secured.transport)?;
                let mut lines = Vec::new();
                let selected = select.receive(input.plain(), &Muxer::ALL.map(Muxer::protocol), &mut lines);
                // A refusal is sent even before an error, since it tells the peer the reason.
                secured.transport.seal(&lines, out)?;
                let (consumed, agreed) = selected?;
                input.consume_plain(consumed);
                let Some(muxer) = agreed.and_then(|index| Muxer::ALL.get(index).copied()) else {
                    return Ok((Step::Muxer(secured, select), opened));
                };
                let confirmation = match select {
                    Select::Dialer(_) => None,
                    Select::Listener(listener) => Some(listener),
                };
                Ok((Step::Agreed(secured, muxer, confirmation), true))
            }
            step
            @ (Step::Authenticated(_) | Step::Writing(..) | Step::Agreed(..) | Step::WrongPeer(_) | Step::Over) => {
                Ok((step, false))
            }
        }
    }

    /// Returns the step that follows the Noise handshake. This step depends on whether the two sides agreed on the muxer
    /// within the Noise handshake.
    fn secured(&self, exchange: security::Handshake, out: &mut Vec<u8>) -> Result<Step, Error> {
        let (transport, remote) = exchange.finish()?;
        let early = remote.muxer.as_deref().map(|name| Muxer::named(name).ok_or(Error::Unsupported)).transpose()?;
        let mut secured = Secured { transport, remote };
        Ok(match (early, self.role) {
            // The handshake of the listener has no answer to our message 3, so the connection can open as soon as this
            // message has been written.
            (Some(muxer), Role::Dialer) => Step::Writing(secured, muxer),
            (Some(muxer), Role::Listener) => Step::Agreed(secured, muxer, None),
            (None, Role::Dialer) => {
                let mut lines = Vec::new();
                let dialer = multistream::DialerSelect::start(&Muxer::ALL.map(Muxer::protocol), &mut lines);
                secured.transport.seal(&lines, out)?;
                Step::Muxer(secured, Select::Dialer(dialer))
            }
            (None, Role::Listener) => Step::Muxer(secured, Select::Listener(multistream::ListenerSelect::new())),
        })
    }

    /// Records that all bytes that were appended to `out` have been written to the byte pipe. Returns `true` if the
    /// handshake has thereby reached a step in which it waits for its owner's permission.
    pub(super) fn written(&mut self) -> bool {
        let step = mem::replace(&mut self.step, Step::Over);
        let is_written = matches!(step, Step::Writing(..));
        self.step = if let Step::Writing(secured, muxer) = step { Step::Agreed(secured, muxer, None) } else { step };
        is_written
    }

    /// Gives the handshake the permission for which it waits, so that it continues. If the handshake does not wait for
    /// permission, the call changes nothing.
    pub(super) fn open(&mut self, out: &mut Vec<u8>) -> Result<Permitted, Error> {
        // Each side withholds the message by which the other side opens until its owner permits it, so that an owner without
        // room for the event, or with a rule against the peer, is never late. rust-libp2p has no such step: with lazy
        // negotiation, its dialer believes itself connected before the listener does, and if it closes at once, the listener
        // gets an error for a connection of which it was never told. A dialer withholds message 3, since it reveals our
        // identity, which a denied peer does not learn.
        match mem::replace(&mut self.step, Step::Over) {
            Step::Authenticated(mut exchange) => {
                exchange.transmit(out)?;
                self.step = self.secured(exchange, out)?;
                Ok(Permitted::GoesOn)
            }
            Step::Agreed(mut secured, muxer, confirmation) => {
                if let Some(listener) = confirmation {
                    let mut lines = Vec::new();
                    listener.confirm(&muxer.protocol(), &mut lines);
                    secured.transport.seal(&lines, out)?;
                }
                Ok(Permitted::Opened(Box::new(secured), muxer))
            }
            step @ (Step::Security(..)
            | Step::Exchange(_)
            | Step::Muxer(..)
            | Step::Writing(..)
            | Step::WrongPeer(_)
            | Step::Over) => {
                self.step = step;
                Ok(Permitted::GoesOn)
            }
        }
    }
}

impl Select {
    /// Negotiates one of `protocols`. Returns the number of bytes of `bytes` that were consumed, and the index of the agreed
    /// protocol once there is one. A listener still has to confirm the agreed protocol.
    fn receive(
        &mut self,
        bytes: &[u8],
        protocols: &[Protocol],
        out: &mut Vec<u8>,
    ) -> Result<(usize, Option<usize>), Error> {
        match self {
            Self::Dialer(dialer) => {
                let (consumed, outcome) = dialer.receive(bytes, protocols, out)?;
                match outcome {
                    None => Ok((consumed, None)),
                    Some(multistream::Selection::Agreed(index)) => Ok((consumed, Some(index))),
                    Some(multistream::Selection::Rejected) => Err(Error::Unsupported),
                }
            }
            Self::Listener(listener) => Ok(listener.receive(bytes, protocols, out)?),
        }
    }
}
