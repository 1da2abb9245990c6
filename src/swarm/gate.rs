//! [`Gate`]: the owner's own rule for who comes in, whom we dial, and which protocols a peer may speak.

use super::address_group::is_name;
use super::lists::Lists;
use crate::connection::Protocol;
use crate::lifecycle::Direction;
use alloc::boxed::Box;
use core::any::Any;
use core::fmt;
use core::time::Duration;
use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Decides who comes in, whom we dial, and which protocols a peer may speak with us. An owner gives it to its swarm with
/// [`Swarm::set_gate`](super::Swarm::set_gate). Each method allows everything unless it is written anew.
///
/// The swarm has [`Lists`] of peers and networks besides, which suffice for most owners. They are asked first, and a gate
/// is asked about what they allow.
///
/// | asked | when | a refusal is told as |
/// |---|---|---|
/// | [`may_accept`](Self::may_accept) | a socket was accepted, before anything is kept of it or read from it | its socket is closed; counted as [`Refusal::ConnectionDenied`](super::Refusal::ConnectionDenied) |
/// | [`may_dial`](Self::may_dial) | a dial is about to begin | [`ConnectFailed`](crate::lifecycle::Event::ConnectFailed) with [`Denied`](crate::lifecycle::Failure::Denied) |
/// | [`may_connect`](Self::may_connect) | a peer was authenticated, before it can open a stream | inbound: closed and counted as `ConnectionDenied`, since it has no id yet; outbound: `ConnectFailed` with `Denied`, before our last handshake message, so that the peer does not learn who we are |
/// | [`may_speak`](Self::may_speak) | a peer has proposed a protocol that is registered, on a stream of its own | `na` to its proposal, and it may propose another one; [`StreamFailed`](crate::lifecycle::Event::StreamFailed) with `Denied` if the stream ends without; counted as [`Refusal::StreamDenied`](super::Refusal::StreamDenied) |
///
/// A gate is called within the swarm's turns, and within [`dial`](super::Swarm::dial). It gets no swarm, so it can change
/// nothing there. Let it answer in constant time, since strangers decide how often it is asked. `now` is the time of the swarm,
/// which never goes back. What it has allowed stays allowed; after a change of its rules,
/// [`ask_gate_again`](super::Swarm::ask_gate_again) has it judge what is open.
///
/// **A panic of a gate** is a refusal, at each of the four questions: what it was asked about is denied as in the table. The
/// turn or the dial goes on to its end, so that the swarm is whole. Then the panic goes on to who has called it:
/// [`tick`](super::Swarm::tick), [`turn`](super::Swarm::turn), `poll` or `dial`, whose connection has an id then that nobody
/// was given, and is told to have failed. Who catches it there can go on, and the gate is asked again, so it has to be fit for
/// that, as behind [`AssertUnwindSafe`](std::panic::AssertUnwindSafe). Of several panics in one turn the first one goes on.
/// The panic hook has seen each. A program that is built with `panic = "abort"` ends.
///
/// A dial to a name asks [`may_dial`](Self::may_dial) twice: with the name before it begins, and with the address that the
/// name has led to once that is connected, before a byte is sent, if the transport's reactor
/// [tells it](super::Reactor::dialed_to). `identify` and `ls` go on listing a protocol that it denies to a peer.
///
/// A gate that lets strangers connect ten times a second in all:
///
/// ```
/// use core::time::Duration;
/// use swarm_notify::swarm::{Gate, Multiaddr};
///
/// #[derive(Default)]
/// struct TenASecond {
///     second: u64,
///     accepted: u32,
/// }
///
/// impl Gate for TenASecond {
///     fn may_accept(&mut self, _remote: &Multiaddr, now: Duration) -> bool {
///         if self.second != now.as_secs() {
///             *self = Self { second: now.as_secs(), accepted: 0 };
///         }
///         self.accepted += 1;
///         self.accepted <= 10
///     }
/// }
///
/// # use libp2p_core::transport::MemoryTransport;
/// # use swarm_notify::{identity::Keypair, swarm::{Config, Swarm}};
/// # let identity = Keypair::ed25519_from_bytes([1; 32]).unwrap();
/// # let mut swarm = Swarm::new(MemoryTransport::new(), &identity, [1; 32], Config::default())?;
/// swarm.set_gate(Some(Box::new(TenASecond::default())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[expect(unused_variables, reason = "the parameters have names for whoever writes a gate")]
pub trait Gate: Send {
    /// Returns whether a socket that was accepted from `remote` may begin a handshake.
    fn may_accept(&mut self, remote: &Multiaddr, now: Duration) -> bool {
        true
    }

    /// Returns whether a dial to `address` may begin. `peer` is the one that the address names at its end, if it does; the
    /// address is without it.
    fn may_dial(&mut self, address: &Multiaddr, peer: Option<PeerId>, now: Duration) -> bool {
        true
    }

    /// Returns whether a peer that has just proved who it is may connect. `remote` is where it came from, or what was
    /// dialed.
    fn may_connect(&mut self, peer: PeerId, direction: Direction, remote: &Multiaddr, now: Duration) -> bool {
        true
    }

    /// Returns whether a peer may speak a protocol on a stream that it has begun. It is asked for each such stream, about
    /// registered protocols only. Streams of ours are our own choice, and it is not asked.
    fn may_speak(&mut self, peer: PeerId, protocol: &Protocol, now: Duration) -> bool {
        true
    }
}

/// The lists and the gate of a swarm, asked as one.
pub(super) struct Access {
    pub(super) lists: Lists,
    pub(super) gate: Option<Box<dyn Gate>>,
    /// The payload of the gate's first panic in this turn.
    panic: Option<Box<dyn Any + Send>>,
}

/// The rule that has refused something, in words for a log and for the text of an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Denial {
    ListedAddress,
    ListedPeer,
    Gate,
    GatePanic,
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ListedAddress => "the lists deny its address",
            Self::ListedPeer => "the lists deny its peer",
            Self::Gate => "the gate does not allow it",
            Self::GatePanic => "the gate has panicked",
        })
    }
}

impl Access {
    pub(super) const fn new(lists: Lists) -> Self {
        Self { lists, gate: None, panic: None }
    }

    #[inline]
    pub(super) fn may_accept(&mut self, remote: &Multiaddr, now: Duration) -> Result<(), Denial> {
        if self.lists.denies_address(remote) {
            return Err(Denial::ListedAddress);
        }
        self.ask(|gate| gate.may_accept(remote, now))
    }

    pub(super) fn may_dial(&mut self, address: &Multiaddr, peer: Option<PeerId>, now: Duration) -> Result<(), Denial> {
        self.lists_allow_dial(address, peer, now)?;
        self.ask(|gate| gate.may_dial(address, peer, now))
    }

    /// Asks about a peer that is authenticated. Its address is looked up again, since the lists may have changed.
    pub(super) fn may_connect(
        &mut self,
        peer: PeerId,
        direction: Direction,
        remote: &Multiaddr,
        now: Duration,
    ) -> Result<(), Denial> {
        self.lists_allow(Some(peer), remote, now)?;
        self.ask(|gate| gate.may_connect(peer, direction, remote, now))
    }

    /// Returns the list that denies a peer or an address, if one does.
    pub(super) fn lists_allow(&self, peer: Option<PeerId>, address: &Multiaddr, now: Duration) -> Result<(), Denial> {
        if self.lists.denies_address(address) {
            return Err(Denial::ListedAddress);
        }
        match peer.is_some_and(|peer| self.lists.denies_peer_at(peer, now)) {
            true => Err(Denial::ListedPeer),
            false => Ok(()),
        }
    }

    /// Does the same for a dial. A name is judged by the address that it leads to, once that is known.
    pub(super) fn lists_allow_dial(
        &self,
        address: &Multiaddr,
        peer: Option<PeerId>,
        now: Duration,
    ) -> Result<(), Denial> {
        if peer.is_some_and(|peer| self.lists.denies_peer_at(peer, now)) {
            return Err(Denial::ListedPeer);
        }
        match !is_name(address) && self.lists.denies_address(address) {
            true => Err(Denial::ListedAddress),
            false => Ok(()),
        }
    }

    #[inline]
    pub(super) const fn has_gate(&self) -> bool {
        self.gate.is_some()
    }

    /// Returns whether a peer may speak a protocol.
    pub(super) fn may_speak(&mut self, peer: PeerId, protocol: &Protocol, now: Duration) -> Result<(), Denial> {
        self.ask(|gate| gate.may_speak(peer, protocol, now))
    }

    #[inline]
    fn ask(&mut self, question: impl FnOnce(&mut dyn Gate) -> bool) -> Result<(), Denial> {
        let Some(gate) = &mut self.gate else { return Ok(()) };
        match catch_unwind(AssertUnwindSafe(|| question(&mut **gate))) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Denial::Gate),
            Err(payload) => {
                self.panic.get_or_insert(payload);
                Err(Denial::GatePanic)
            }
        }
    }

    /// Lets a panic of the gate go on, if there was one. The swarm is whole: all that had to be done about it is done.
    #[inline]
    pub(super) fn resume_panic(&mut self) {
        if let Some(payload) = self.panic.take() {
            resume_unwind(payload);
        }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("lists", &self.lists).field("has_gate", &self.gate.is_some()).finish()
    }
}
