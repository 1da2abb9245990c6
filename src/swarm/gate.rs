//! [`Gate`]: the trait for an owner's own rules about who may connect, whom we dial, and which protocols a peer may speak.

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

/// The owner's own rules about who may connect, whom we dial, and which protocols a peer may speak with us. An owner passes
/// its gate to the swarm with [`Swarm::set_gate`](super::Swarm::set_gate). The default of each method allows everything.
///
/// The swarm also has [`Lists`] of peers and networks, which suffice for most owners. The lists are asked first, and the
/// gate is asked only if the lists allow the peer and the address.
///
/// | asked | when | a refusal is told as |
/// |---|---|---|
/// | [`may_accept`](Self::may_accept) | a socket was accepted, before anything is kept of it or read from it | its socket is closed; counted as [`Refusal::ConnectionDenied`](super::Refusal::ConnectionDenied) |
/// | [`may_dial`](Self::may_dial) | a dial is about to begin | [`ConnectFailed`](crate::lifecycle::Event::ConnectFailed) with [`Denied`](crate::lifecycle::Failure::Denied) |
/// | [`may_connect`](Self::may_connect) | a peer was authenticated, before it can open a stream | inbound: closed and counted as `ConnectionDenied`, since it has no id yet; outbound: `ConnectFailed` with `Denied`, before our last handshake message, so that the peer does not learn who we are |
/// | [`may_speak`](Self::may_speak) | a peer has proposed a protocol that is registered, on a stream that the peer has begun | `na` to the proposal, after which the peer may propose another protocol; [`StreamFailed`](crate::lifecycle::Event::StreamFailed) with `Denied` if the stream ends before a protocol is agreed; counted as [`Refusal::StreamDenied`](super::Refusal::StreamDenied) |
///
/// A gate is called within the swarm's turns, and within [`dial`](super::Swarm::dial). A gate has no access to the swarm. It
/// should answer in constant time, since strangers decide how often it is asked. `now` is the time of the swarm, which never
/// goes back. The swarm does not repeat a question: after a change of the gate's rules,
/// [`ask_gate_again`](super::Swarm::ask_gate_again) has the gate judge open connections and streams.
///
/// **A panic of a gate** counts as a refusal, in each of the four methods. The turn or the dial is first completed, so that
/// the swarm is left in a consistent state. Then the panic is resumed in the caller of [`tick`](super::Swarm::tick),
/// [`turn`](super::Swarm::turn), `poll` or `dial`. (If the gate panics in `dial`, the caller does not get the id of the new
/// connection, but the event of its failure follows.) A caller that catches the panic can go on using the swarm. The swarm
/// then goes on calling the gate, so the gate has to be usable after a panic, as with [`AssertUnwindSafe`]. Of several
/// panics in one turn only the first is resumed; the panic hook is called for each. A program that is built with `panic =
/// "abort"` ends at once.
///
/// A dial to a name asks [`may_dial`](Self::may_dial) twice: with the name before the dial begins, and, once the socket is
/// connected and before a byte is sent, with the address to which the name has led. The second call needs a reactor that
/// [knows this address](super::Reactor::dialed_to). `identify` and multistream's `ls` also list protocols that the gate
/// denies to the peer that asks.
///
/// The gate of this example accepts ten connections a second in all:
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

    /// Returns whether a dial to `address` may begin. `peer` is the peer that the dialed address names at its end, if it
    /// names one; `address` is the dialed address without this peer.
    fn may_dial(&mut self, address: &Multiaddr, peer: Option<PeerId>, now: Duration) -> bool {
        true
    }

    /// Returns whether a peer that has just been authenticated may connect. `remote` is the address from which the peer has
    /// connected, or which we have dialed.
    fn may_connect(&mut self, peer: PeerId, direction: Direction, remote: &Multiaddr, now: Duration) -> bool {
        true
    }

    /// Returns whether a peer may speak a protocol on a stream that the peer has begun. The swarm asks for each stream of a
    /// peer, about registered protocols only. The swarm does not ask about streams that we open.
    fn may_speak(&mut self, peer: PeerId, protocol: &Protocol, now: Duration) -> bool {
        true
    }
}

/// The lists and the gate of a swarm. Its methods ask the lists first, and then the gate.
pub(super) struct Access {
    pub(super) lists: Lists,
    pub(super) gate: Option<Box<dyn Gate>>,
    /// The payload of the first panic of the gate in this turn, if the gate has panicked.
    panic: Option<Box<dyn Any + Send>>,
}

/// The rule that has denied a connection, a dial or a protocol. Its text is for the log and for the text of an error.
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

    /// Asks the lists and the gate about an authenticated peer and its address. The lists judge the address again, since
    /// they may have changed after the connection was accepted or dialed.
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

    /// Asks the lists about an address and, if it is known, a peer.
    pub(super) fn lists_allow(&self, peer: Option<PeerId>, address: &Multiaddr, now: Duration) -> Result<(), Denial> {
        if self.lists.denies_address(address) {
            return Err(Denial::ListedAddress);
        }
        match peer.is_some_and(|peer| self.lists.denies_peer_at(peer, now)) {
            true => Err(Denial::ListedPeer),
            false => Ok(()),
        }
    }

    /// Asks the lists about a dial. A DNS name in `address` is not judged here, but the address to which it has led is
    /// judged once that address is known.
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

    /// Asks the gate whether a peer may speak a protocol. The lists are not asked.
    pub(super) fn may_speak(&mut self, peer: PeerId, protocol: &Protocol, now: Duration) -> Result<(), Denial> {
        // The lists have no rules about protocols. They have judged this peer and its address when the connection opened,
        // and after each change since.
        self.ask(|gate| gate.may_speak(peer, protocol, now))
    }

    #[inline]
    fn ask(&mut self, question: impl FnOnce(&mut dyn Gate) -> bool) -> Result<(), Denial> {
        let Some(gate) = &mut self.gate else { return Ok(()) };
        match catch_unwind(AssertUnwindSafe(|| question(&mut **gate))) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Denial::Gate),
            Err(payload) => {
                // The panic goes on only when the turn is complete. When it unwound through the turn, a dial hung until
                // `handshake_timeout`, and a stream until its connection ended.
                self.panic.get_or_insert(payload);
                Err(Denial::GatePanic)
            }
        }
    }

    /// Resumes a panic of the gate, if there was one. The panic counts as a refusal. The caller has handled this refusal
    /// before it calls this method, so that the swarm is in a consistent state.
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
