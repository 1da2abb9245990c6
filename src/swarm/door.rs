//! [`Door`]: the place of accepted connections until their peers are authenticated.
//!
//! Anybody who reaches a listener's port can stand here, so that nothing here has an id, a record in the lifecycle, or an
//! event. The number of places is bounded: in all, for an address, and for a site. At a bound one visitor is closed, and the
//! newcomer comes in; [`VisitorTable`] says which one, and why. The bytes that all visitors hold are bounded, too; beyond
//! that bound the largest holder is closed.
//!
//! ```text
//!  accept ─▶ upgrade ─▶ multistream, Noise ─▶ authenticated: an id, a place, and in line for room
//!    │          │                │
//!    └──────────┴────────────────┴──▶ refused, evicted, broken, too late: closed and counted
//! ```
//!
//! A handshake's answer is written in the same helping that has read the question. It is short, and no other output of the
//! turn could share its packet.

mod crowd;
mod signature_budget;
mod visitor;
mod visitor_table;

use super::Swarm;
use super::address_group::AddressGroup;
use super::config::Config;
use super::pipe::{Pipe, PipeTransport};
use super::reactor::Reactor;
use super::refusals::Refusal;
use super::socket_connection::OfPeer;
use super::wake::WakeTarget;
use crate::connection::{Connection, Role};
use crate::lifecycle::{Direction, ListenerId};
use crate::text::for_log;
use core::cmp::Reverse;
use core::fmt;
use core::task::Context;
use core::time::Duration;
use crowd::HandshakeProgress;
use libp2p_core::{Multiaddr, Transport};
use libp2p_identity::PeerId;
use signature_budget::SignatureBudget;
use visitor::{HelpingOutcome, Visitor, VisitorFlaw, VisitorStage};
use visitor_table::{VisitorOrigin, VisitorTable};

/// The reason for which a socket is closed when no connection is free.
const NO_PLACE: &str = "there are as many connections as limits.connections allows";

/// The bytes that each visitor may always hold beside its records: enough for the longest message of a Noise handshake and
/// our answers. Bytes beyond these count towards [`budget`].
const OWN: usize = 8 * 1024;

/// Returns the bytes that all visitors together may hold beyond their [`OWN`] ones. They hold parts of the first message
/// behind the handshake: a dialer that proposes its muxer there may add data, up to 64 KiB.
pub(super) const fn budget(config: &Config) -> usize {
    config.held_bytes / 32
}

/// The accepted connections whose peers are not authenticated.
pub(super) struct Door<T: Transport> {
    places: VisitorTable<Visitor<T>>,
    /// The bytes that visitors hold beyond their [`OWN`].
    held: usize,
    budget: usize,
    work: SignatureBudget,
}

impl<T: Transport> Door<T> {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            places: VisitorTable::new(config),
            held: 0,
            budget: budget(config),
            work: SignatureBudget::new(config.handshake_work_per_turn),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn oldest(&self) -> Option<u64> {
        self.places.oldest()
    }
}

impl<T> Door<T>
where
    T: PipeTransport,
{
    /// Returns the visitor whose handshake has this transcript. It looks at every visitor.
    pub(super) fn of_transcript(&self, transcript: [u8; 32]) -> Option<u64> {
        let mut visitors = self.places.iter();
        visitors.find(|(_, visitor)| visitor.transcript() == Some(transcript)).map(|(number, _)| number)
    }
}

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: PipeTransport,
    R: Reactor,
{
    /// Returns the number of accepted connections whose peers are not authenticated yet.
    ///
    /// They have no ids, and no event tells of them. They are bounded by
    /// [`Config::inbound_handshakes`](super::Config::inbound_handshakes) in all and by
    /// [`handshakes_per_address`](super::Config::handshakes_per_address) for each address. At a bound one of them is closed,
    /// so that a newcomer always comes in. [`refused`](Self::refused) counts those that failed or were closed for a
    /// newcomer.
    ///
    /// A silent socket holds the only place until somebody else connects:
    ///
    #[cfg_attr(feature = "rand", doc = "```")]
    #[cfg_attr(not(feature = "rand"), doc = "```ignore")]
    /// use core::{pin::pin, task::Context, time::Duration};
    /// use libp2p_core::Endpoint;
    /// use libp2p_core::transport::{DialOpts, MemoryTransport, PortUse};
    /// use std::task::Waker;
    /// use swarm_notify::keys;
    /// use swarm_notify::lifecycle::Event;
    /// use swarm_notify::swarm::{Config, Refusal, Swarm, Transport};
    ///
    /// let mut config = Config::default();
    /// config.inbound_handshakes = 1;
    /// let swarm = |identity, config| Swarm::from_os_rng((), MemoryTransport::new(), &identity, config);
    /// let (mut server, mut client) = (swarm(keys::generate()?, config)?, swarm(keys::generate()?, Config::default())?);
    /// server.listen("/memory/4712".parse()?)?;
    /// server.tick(Duration::ZERO);
    ///
    /// let options = DialOpts { role: Endpoint::Dialer, port_use: PortUse::New };
    /// let mut silent = pin!(MemoryTransport::new().dial("/memory/4712".parse()?, options)?);
    /// let silent = silent.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    /// assert!(silent.is_ready());
    /// server.tick(Duration::ZERO);
    /// assert_eq!((server.inbound_handshakes(), server.connections().count()), (1, 0));
    ///
    /// client.dial("/memory/4712".parse()?)?;
    /// let mut told = Vec::new();
    /// while told.len() < 2 {
    ///     client.tick(Duration::ZERO);
    ///     server.tick(Duration::ZERO);
    ///     told.extend(std::iter::from_fn(|| server.next_event()));
    /// }
    /// assert!(matches!(told[..], [Event::Listen { .. }, Event::Connected { .. }]));
    /// assert_eq!((server.inbound_handshakes(), server.refused(Refusal::HandshakeEvicted)), (0, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn inbound_handshakes(&self) -> usize {
        self.door.len()
    }

    /// Gives an accepted connection a place at the door, for which another visitor may have to go.
    pub(super) fn accept(
        &mut self,
        listener: ListenerId,
        upgrade: T::ListenerUpgrade,
        remote: Multiaddr,
        local: Multiaddr,
        now: Duration,
    ) {
        // The lists come first, before anything is looked up, allocated or drawn for this socket, so that a refusal costs
        // little.
        if let Err(why) = self.state.access.may_accept(&remote, now) {
            drop(upgrade);
            return self.refuse(listener, &remote, None, Refusal::ConnectionDenied, &why);
        }
        let origin = VisitorOrigin::of(&remote);
        let crowd = self.crowd_at_door(&remote);
        let flaw: Option<&dyn fmt::Display> = if self.is_shutting_down {
            Some(&"the swarm shuts down")
        } else if self.connections.len() >= self.state.config.limits.connections as usize {
            // Without a place for one more connection, the handshake would end in a refusal anyway.
            Some(&NO_PLACE)
        } else if self.door.places.is_shut(origin) {
            Some(&"no handshake is allowed (inbound_handshakes, handshakes_per_address, handshakes_per_site)")
        } else {
            crowd.as_ref().map(|crowd| crowd as _)
        };
        if let Some(why) = flaw {
            drop(upgrade);
            return self.refuse(listener, &remote, None, Refusal::ConnectionLimit, why);
        }
        if let Some(victim) = self.door.places.victim(origin) {
            self.turn_away(victim, Refusal::HandshakeEvicted, &"it gave its place to a newcomer");
        }
        let slot = WakeTarget::Visitor(self.door.places.next_number());
        self.door.places.insert(origin, now, Visitor::new(listener, upgrade, remote, local, now));
        // The waker has to exist to be marked.
        let _ = self.wakers.waker(slot);
        self.wakers.mark(slot);
        self.arm_door();
    }

    /// Frees descriptors after a listener could not accept for lack of descriptors or memory. Connections make room for the
    /// reserve of handshakes; if none can, a sixteenth of the visitors is closed. So the sockets in the system's backlog get
    /// in.
    pub(super) fn give_back(&mut self) {
        if self.need_descriptors() {
            self.give_back_handshakes(self.next_at_door());
        }
    }

    /// Returns the number that the next visitor gets.
    pub(super) fn next_at_door(&self) -> u64 {
        self.door.places.next_number()
    }

    /// Closes a sixteenth of the visitors, in the order in which they go, but none with the number `before` or a later one.
    pub(super) fn give_back_handshakes(&mut self, before: u64) {
        for _ in 0..self.door.len().div_ceil(16) {
            let Some(number) = self.door.places.greediest().filter(|number| *number < before) else { return };
            self.turn_away(number, Refusal::HandshakeEvicted, &"the system has run out of something");
        }
    }

    /// Returns the first visitor whose number is at least `from`, with the address that it came from.
    pub(super) fn next_visitor(&self, from: u64) -> Option<(u64, Multiaddr)> {
        self.door.places.first_from(from).map(|(number, visitor)| (number, visitor.remote.clone()))
    }

    /// Takes a helping of a visitor's share of this tick. Returns `false` if its share is used up.
    pub(super) fn visitor_has_share(&mut self, number: u64, turn: u32, most: u32) -> bool {
        self.door.places.get_mut(number).is_none_or(|visitor| visitor.share.take(turn, most))
    }

    /// Returns whether a visitor may be helped in this turn while something else is ready. A visitor whose next message
    /// brings a signature may not be helped once the turn has verified its limit of signatures, of that address or in all.
    pub(super) fn visitor_may_cost(&mut self, number: u64, turn: u32) -> bool {
        let Some(visitor) = self.door.places.get_mut(number) else { return true };
        let address = AddressGroup::of(&visitor.remote);
        visitor.progress() != HandshakeProgress::Answered || self.door.work.allows(turn, address)
    }

    /// Takes the next visitor out of those whose signatures had to wait, if this turn may verify one more.
    pub(super) fn next_held_over(&mut self) -> Option<u64> {
        let has_left = self.door.work.has_left(self.queue.turn);
        if has_left { self.queue.held_over.pop_front() } else { None }
    }

    /// Polls a visitor's upgrade; or reads at most `most` bytes from its pipe and handles them.
    pub(super) fn help_visitor(&mut self, number: u64, most: usize) {
        let Some(visitor) = self.door.places.get_mut(number) else { return };
        let (slot, now) = (WakeTarget::Visitor(number), self.now);
        let waker = self.wakers.waker(slot);
        let mut cx = Context::from_waker(&waker);
        match visitor.poll_pipe(&mut cx) {
            Ok(None) => {}
            Ok(Some(io)) => {
                let seed = self.seeds.next();
                let config = &self.state.config.connection;
                match Connection::new(&self.security, Role::Listener, *seed, None, config, visitor.began) {
                    Ok(connection) => visitor.stage = VisitorStage::Up(Pipe { io, connection }),
                    Err(error) => {
                        drop(io);
                        return self.handshake_fails(number, &VisitorFlaw::Handshake(error));
                    }
                }
            }
            Err(flaw) => return self.handshake_fails(number, &flaw),
        }
        let outcome = visitor.drive(&mut self.state, &mut cx, &mut self.input, most, now);
        let progress = visitor.progress();
        let held = visitor.held().saturating_sub(OWN);
        self.door.held = self.door.held + held - core::mem::replace(&mut visitor.counted, held);
        self.door.work.add(AddressGroup::of(&visitor.remote), self.state.work_of_signatures());
        match outcome {
            HelpingOutcome::Waits => {}
            HelpingOutcome::HasMore => self.wakers.mark(slot),
            HelpingOutcome::Authenticated => return self.comes_in(number),
            HelpingOutcome::Over(flaw) => return self.handshake_fails(number, &flaw),
        }
        self.door.places.advance(number, progress);
        self.keep_budget();
        self.arm_door();
    }

    /// Closes the visitors that hold most, until all together are within the budget. It looks at every visitor, which is no
    /// way to make us work: each one that it closes has cost its peer a handshake.
    fn keep_budget(&mut self) {
        while self.door.held > self.door.budget {
            let largest = self.door.places.iter().max_by_key(|(number, visitor)| (visitor.counted, Reverse(*number)));
            let Some((number, _)) = largest else { return };
            self.turn_away(number, Refusal::HandshakeEvicted, &"it held most of what waits at the door");
        }
    }

    /// Handles the earliest deadline at the door, if it has come.
    pub(super) fn judge_door(&mut self, most: usize) {
        if let Some((deadline, number)) = self.door.places.first_due()
            && deadline <= self.now
        {
            // Bytes that would move the deadline may be in the socket already, without a wake yet. Their work counts towards
            // the turn that begins.
            self.state.take_work_of_signatures();
            if self.visitor_may_cost(number, self.queue.turn.wrapping_add(1)) {
                self.help_visitor(number, most);
            }
            if self.door.places.deadline(number).is_some_and(|deadline| deadline <= self.now) {
                self.turn_away(number, Refusal::HandshakeFailed, &"it took too long");
            }
        }
        self.arm_door();
    }

    /// Gives a visitor whose peer is authenticated its id. It opens as soon as there is room.
    fn comes_in(&mut self, number: u64) {
        let Some(mut visitor) = self.leaves(number) else { return };
        let Some(pipe) = visitor.take_pipe() else { return };
        let (listener, remote, peer) = (visitor.listener, &visitor.remote, pipe.connection.peer());
        if peer == Some(self.state.local_peer) {
            drop(pipe);
            return self.refuse(listener, remote, peer, Refusal::HandshakeFailed, &"the peer has our identity key");
        }
        if self.is_shutting_down {
            drop(pipe);
            return self.refuse(listener, remote, peer, Refusal::HandshakeFailed, &"the swarm shuts down");
        }
        if let Some(known) = peer
            && let Err(why) = self.state.access.may_connect(known, Direction::Inbound, remote, self.now)
        {
            drop(pipe);
            return self.refuse(listener, remote, peer, Refusal::ConnectionDenied, &why);
        }
        let Ok(id) = self.state.lifecycle.begin_connection(Direction::Inbound) else {
            drop(pipe);
            return self.refuse(listener, remote, peer, Refusal::ConnectionLimit, &NO_PLACE);
        };
        let mut conn = visitor.into_connection(id, pipe);
        let waker = self.wakers.waker(WakeTarget::of(id));
        conn.ready_to_open(&mut self.state, &mut Context::from_waker(&waker), self.now);
        self.insert_connection(conn);
    }

    fn handshake_fails(&mut self, number: u64, flaw: &VisitorFlaw) {
        self.turn_away(number, Refusal::HandshakeFailed, flaw);
    }

    /// Closes a visitor's socket, and counts it.
    pub(super) fn turn_away(&mut self, number: u64, refusal: Refusal, why: &dyn fmt::Display) {
        let Some(mut visitor) = self.leaves(number) else { return };
        // The socket is closed before its count is visible to anybody.
        visitor.stage = VisitorStage::Over;
        self.refuse(visitor.listener, &visitor.remote, None, refusal, why);
    }

    /// Takes a visitor away from the door, with its deadline and its slot.
    fn leaves(&mut self, number: u64) -> Option<Visitor<T>> {
        let visitor = self.door.places.remove(number)?;
        self.door.held -= visitor.counted;
        self.wakers.forget(number);
        self.arm_door();
        Some(visitor)
    }

    /// Counts an accepted connection that has no id and is closed.
    fn refuse(
        &mut self,
        listener: ListenerId,
        remote: &Multiaddr,
        peer: Option<PeerId>,
        refusal: Refusal,
        why: &dyn fmt::Display,
    ) {
        let of = OfPeer(peer);
        log::debug!("{listener}: a connection from {}{of} is closed: {}", for_log(remote), for_log(why));
        self.state.count_refusal_from(listener, refusal, remote, peer);
        self.state.lifecycle.count_connection_without_id();
    }

    fn arm_door(&mut self) {
        self.timers.arm_door(self.door.places.first_due().map(|(deadline, _)| deadline));
    }
}
