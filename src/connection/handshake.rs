//! [`ConnectionHandshake`]: the part of a connection from its first raw byte until it is authenticated and multiplexed.
//!
//! | step            | dialer                                       | listener                             |
//! |-----------------|----------------------------------------------|--------------------------------------|
//! | `Security`      | `/noise` is proposed, message 1 right behind | waits for `/noise`, confirms it      |
//! | `Exchange`      | waits for message 2                          | message 1, answers 2, waits for 3    |
//! | `Authenticated` | **gate**: message 3 is withheld              |                                      |
//! | `Muxer`         | `/yamux/1.0.0` is proposed behind message 3  | waits for `/yamux/1.0.0`             |
//! | `Writing`       | message 3 has to reach the wire              |                                      |
//! | `Agreed`        | **gate**                                     | **gate**: confirmation is withheld   |
//!
//! `Muxer` is left out where both sides named their muxers in the Noise handshake, `Writing` where they did not. At a gate
//! the handshake waits for its owner's permission, so that the peer calls no connection open that we have not announced.

use super::config::Role;
use super::error::Error;
use super::input::Input;
use super::multistream::{self, Protocol};
use super::{noise, yamux};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::{mem, slice};
use libp2p_identity::PeerId;

const NOISE: Protocol = Protocol::from_static("/noise");
/// The protocol name of the muxer, as it is negotiated.
const YAMUX: Protocol = Protocol::from_static(yamux::NAME);

/// The handshake of a connection: the security protocol, the Noise messages and the muxer.
#[derive(Debug)]
pub(super) struct ConnectionHandshake {
    role: Role,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Security(Select, noise::Handshake),
    Exchange(noise::Handshake),
    Authenticated(noise::Handshake),
    Muxer(Secured, Select),
    Writing(Secured),
    Agreed(Secured, Option<multistream::ListenerSelect>),
    /// A peer other than the expected one has answered: this one.
    WrongPeer(PeerId),
    /// The step after an error, or after the connection has opened.
    Over,
}

/// The progress of a listener's handshake, for the swarm that admits and evicts handshakes.
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

/// The negotiation of one protocol, as the side that we are.
#[derive(Debug)]
enum Select {
    Dialer(multistream::DialerSelect),
    Listener(multistream::ListenerSelect),
}

/// An authenticated, encrypted byte pipe.
#[derive(Debug)]
pub(super) struct Secured {
    pub(super) transport: noise::Transport,
    pub(super) remote: noise::RemoteIdentity,
}

/// The result of the permission to open.
#[derive(Debug)]
pub(super) enum Permitted {
    /// The connection is open.
    Opened(Box<Secured>),
    /// The handshake goes on: our message has to reach the wire, or the peer has to answer it.
    GoesOn,
}

impl ConnectionHandshake {
    /// Begins a handshake, and appends the dialer's first bytes to `out`. `seed` is the ephemeral key and must be fresh
    /// randomness.
    pub(super) fn new(
        noise: &noise::Config,
        role: Role,
        seed: [u8; 32],
        expected: Option<PeerId>,
        out: &mut Vec<u8>,
    ) -> Result<Self, Error> {
        let mut exchange = noise::Handshake::new(noise, role, seed, expected)?;
        let select = match role {
            Role::Dialer => {
                let dialer = multistream::DialerSelect::start(slice::from_ref(&NOISE), out);
                // The first Noise message leaves with the proposal, which saves a round trip.
                exchange.transmit(out)?;
                Select::Dialer(dialer)
            }
            Role::Listener => Select::Listener(multistream::ListenerSelect::new()),
        };
        Ok(Self { role, step: Step::Security(select, exchange) })
    }

    /// Returns whether the handshake waits for its owner's permission to go on: [`open`](Self::open).
    pub(super) const fn is_at_gate(&self) -> bool {
        matches!(self.step, Step::Authenticated(_) | Step::Agreed(..))
    }

    /// Returns the identity of the peer, once it is authenticated.
    pub(super) fn remote(&self) -> Option<&noise::RemoteIdentity> {
        match &self.step {
            Step::Authenticated(exchange) => exchange.remote(),
            Step::Muxer(secured, _) | Step::Writing(secured) | Step::Agreed(secured, _) => Some(&secured.remote),
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
            | Step::Writing(_)
            | Step::Agreed(..)
            | Step::Over => None,
        }
    }

    /// Returns a hash of the Noise transcript, between the second and the third message.
    #[cfg(feature = "swarm")]
    pub(super) fn transcript(&self) -> Option<[u8; 32]> {
        match &self.step {
            Step::Exchange(exchange) | Step::Authenticated(exchange) => exchange.transcript(),
            Step::Security(..)
            | Step::Muxer(..)
            | Step::Writing(_)
            | Step::Agreed(..)
            | Step::WrongPeer(_)
            | Step::Over => None,
        }
    }

    /// Returns how far a listener's handshake has come.
    #[cfg(feature = "swarm")]
    pub(super) fn listener_step(&self) -> HandshakeStep {
        match &self.step {
            Step::Security(..) | Step::WrongPeer(_) | Step::Over => HandshakeStep::Security,
            Step::Exchange(exchange) if exchange.transcript().is_none() => HandshakeStep::Exchange,
            Step::Exchange(_) => HandshakeStep::Answered,
            Step::Authenticated(_) | Step::Muxer(..) | Step::Writing(_) | Step::Agreed(..) => {
                HandshakeStep::Authenticated
            }
        }
    }

    /// Consumes what it can decode of `input`, and appends the answers to `out`. Returns `true` if the handshake has come to
    /// a gate. The cost of verifying a signature is added to `work`, whether the signature is right or wrong.
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
                let (consumed, agreed) = select.receive(input.wire(), &NOISE, out)?;
                input.consume_wire(consumed);
                if !agreed {
                    return Ok((Step::Security(select, exchange), false));
                }
                if let Select::Listener(listener) = select {
                    listener.confirm(&NOISE, out);
                }
                Ok((Step::Exchange(exchange), true))
            }
            Step::Exchange(mut exchange) => {
                let received = exchange.receive(input.wire());
                *work = work.saturating_add(exchange.take_work());
                if let Some(peer) = exchange.wrong_peer() {
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
                let selected = select.receive(input.plain(), &YAMUX, &mut lines);
                // A refusal is sent even before an error, since it tells the peer the reason.
                secured.transport.seal(&lines, out)?;
                let (consumed, agreed) = selected?;
                input.consume_plain(consumed);
                if !agreed {
                    return Ok((Step::Muxer(secured, select), opened));
                }
                let confirmation = match select {
                    Select::Dialer(_) => None,
                    Select::Listener(listener) => Some(listener),
                };
                Ok((Step::Agreed(secured, confirmation), true))
            }
            step @ (Step::Authenticated(_) | Step::Writing(_) | Step::Agreed(..) | Step::WrongPeer(_) | Step::Over) => {
                Ok((step, false))
            }
        }
    }

    /// Returns the step after the Noise handshake, which depends on whether Noise has settled the muxer, too.
    fn secured(&self, exchange: noise::Handshake, out: &mut Vec<u8>) -> Result<Step, Error> {
        let dialer = self.role == Role::Dialer;
        let (transport, remote) = exchange.finish()?;
        let early = remote.muxer.is_some();
        let mut secured = Secured { transport, remote };
        Ok(match (early, dialer) {
            (true, true) => Step::Writing(secured),
            (true, false) => Step::Agreed(secured, None),
            (false, true) => {
                let mut lines = Vec::new();
                let select = Select::Dialer(multistream::DialerSelect::start(slice::from_ref(&YAMUX), &mut lines));
                secured.transport.seal(&lines, out)?;
                Step::Muxer(secured, select)
            }
            (false, false) => Step::Muxer(secured, Select::Listener(multistream::ListenerSelect::new())),
        })
    }

    /// Takes note that all bytes that were appended to `out` have been written. Returns `true` if this brings the handshake
    /// to a gate.
    pub(super) fn written(&mut self) -> bool {
        let step = mem::replace(&mut self.step, Step::Over);
        let is_written = matches!(step, Step::Writing(_));
        self.step = if let Step::Writing(secured) = step { Step::Agreed(secured, None) } else { step };
        is_written
    }

    /// Gives permission to pass the gate. At any other step it changes nothing.
    pub(super) fn open(&mut self, out: &mut Vec<u8>) -> Result<Permitted, Error> {
        match mem::replace(&mut self.step, Step::Over) {
            Step::Authenticated(mut exchange) => {
                exchange.transmit(out)?;
                self.step = self.secured(exchange, out)?;
                Ok(Permitted::GoesOn)
            }
            Step::Agreed(mut secured, confirmation) => {
                if let Some(listener) = confirmation {
                    let mut lines = Vec::new();
                    listener.confirm(&YAMUX, &mut lines);
                    secured.transport.seal(&lines, out)?;
                }
                Ok(Permitted::Opened(Box::new(secured)))
            }
            step @ (Step::Security(..)
            | Step::Exchange(_)
            | Step::Muxer(..)
            | Step::Writing(_)
            | Step::WrongPeer(_)
            | Step::Over) => {
                self.step = step;
                Ok(Permitted::GoesOn)
            }
        }
    }
}

impl Select {
    /// Negotiates the one protocol that we speak here. Returns the bytes consumed, and `true` if the protocol is agreed; a
    /// listener has yet to confirm it.
    fn receive(&mut self, bytes: &[u8], protocol: &Protocol, out: &mut Vec<u8>) -> Result<(usize, bool), Error> {
        match self {
            Self::Dialer(dialer) => {
                let (consumed, outcome) = dialer.receive(bytes, slice::from_ref(protocol), out)?;
                match outcome {
                    None => Ok((consumed, false)),
                    Some(multistream::Selection::Agreed(_)) => Ok((consumed, true)),
                    Some(multistream::Selection::Rejected) => Err(Error::Unsupported),
                }
            }
            Self::Listener(listener) => {
                let (consumed, accepted) = listener.receive(bytes, slice::from_ref(protocol), out)?;
                Ok((consumed, accepted.is_some()))
            }
        }
    }
}
