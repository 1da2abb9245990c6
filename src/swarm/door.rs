//! [`Door`]: the table of visitors. A visitor is an accepted connection whose peer is not authenticated yet.
//!
//! Anybody who can reach a listener's port can become a visitor, so a visitor has no id, no record in the lifecycle, and no
//! event. The number of visitors is bounded: in all, for an address, and for a site (an IPv6 /48). At a bound one visitor is
//! closed to make room for the new one; [`VisitorTable`] explains which, and why. The bytes that all visitors hold are
//! bounded, too; beyond that bound the visitor that holds most is closed.
//!
//! ```text
//!  accept ─▶ upgrade ─▶ multistream, Noise ─▶ authenticated: an id, a place, and queued for room
//!    │          │                │
//!    └──────────┴────────────────┴──▶ refused, evicted, broken, too late: closed and counted
//! ```
//!
//! Our answer to a handshake message is written in the same helping that has read the message. The answer is short, and no
//! other output of the turn could share its packet.

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

/// The reason that is logged when a socket is closed because `limits.connections` is reached.
const NO_PLACE: &str = "there are as many connections as limits.connections allows";

/// The number of bytes of input and output that each visitor may always hold: enough for the longest message of a Noise
/// handshake and for our answers. Bytes beyond this number count towards [`budget`].
const OWN: usize = 8 * 1024;

/// Returns the number of bytes that all visitors together may hold, not counting the first [`OWN`] bytes of each visitor. A
/// visitor needs more than [`OWN`] bytes for the first message after the handshake: a dialer proposes its muxer in that
/// message and may add data, up to 64 KiB.
pub(super) const fn budget(config: &Config) -> usize {
    config.held_bytes / 32
}

/// The table of visitors (accepted connections whose peers are not authenticated yet), with their counts and budgets.
pub(super) struct Door<T: Transport> {
    places: VisitorTable<Visitor<T>>,
    /// The number of bytes that all visitors hold, not counting the first [`OWN`] bytes of each visitor.
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
    /// Returns the number of the visitor whose handshake has this transcript hash. The search visits every visitor.
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
    /// These connections have no ids and no events. Their number is bounded by
    /// [`Config::inbound_handshakes`](super::Config::inbound_handshakes) in all and by
    /// [`handshakes_per_address`](super::Config::handshakes_per_address) for each address. At a bound one of them is closed
    /// for the connection that is accepted next. [`refused`](Self::refused) counts the connections that failed or were
    /// closed to make room.
    ///
    /// In this example a silent socket takes the only place until somebody else connects:
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

    /// Adds an accepted connection to the table of visitors (connections whose peers are not authenticated yet), or closes
    /// it if it is denied or exceeds a limit. If the table is full, another visitor is closed first.
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
        // During a shutdown the transport is still polled for the ends of its listeners, and may report a socket before
        // them.
        let flaw: Option<&dyn fmt::Display> = if self.is_shutting_down {
            Some(&"the swarm shuts down")
        } else if self.connections.len() >= self.state.config.limits.connections as usize {
            // Without a place for one more connection, the handshake would end in a refusal anyway.
            Some(&NO_PLACE)
        // With a bound of 0 there is no visitor that could be closed to make room.
        } else if self.door.places.is_shut(origin) {
            Some(&"no handshake is allowed (inbound_handshakes, handshakes_per_address, handshakes_per_site)")
        } else {
            crowd.as_ref().map(|crowd| crowd as _)
        };
        if let Some(why) = flaw {
            drop(upgrade);
            return self.refuse(listener, &remote, None, Refusal::ConnectionLimit, why);
        }
        // The newcomer always gets the place. Refusing it instead, as go-libp2p and rust-libp2p do at their bounds, would
        // let whoever holds all places keep everybody out: 128 silent sockets of one address once did that to this crate for
        // as long as they wished, at the cost of 13 connects a second.
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

    /// Frees descriptors after a listener could not accept for lack of descriptors or memory, so that the sockets in the
    /// system's backlog can be accepted. Open connections are trimmed as
    /// [`Config::descriptor_reserve`](super::Config::descriptor_reserve) says; if none can be trimmed, a sixteenth of the
    /// visitors is closed.
    pub(super) fn give_back(&mut self) {
        if self.need_descriptors() {
            self.give_back_handshakes(self.next_at_door());
        }
    }

    /// Returns the number that the next accepted connection gets in the table of visitors.
    pub(super) fn next_at_door(&self) -> u64 {
        self.door.places.next_number()
    }

    /// Closes a sixteenth of the visitors, those of the addresses and sites with the most visitors first
    /// ([`VisitorTable::greediest`]). No visitor whose number is `before` or greater is closed.
    pub(super) fn give_back_handshakes(&mut self, before: u64) {
        for _ in 0..self.door.len().div_ceil(16) {
            let Some(number) = self.door.places.greediest().filter(|number| *number < before) else { return };
            self.turn_away(number, Refusal::HandshakeEvicted, &"the system has run out of something");
        }
    }

    /// Returns the number of the first visitor whose number is at least `from`, and the address from which it has connected.
    pub(super) fn next_visitor(&self, from: u64) -> Option<(u64, Multiaddr)> {
        self.door.places.first_from(from).map(|(number, visitor)| (number, visitor.remote.clone()))
    }

    /// Counts one more helping for a visitor in this tick. Returns `false`, and counts nothing, if the visitor has already
    /// had `most` helpings in this tick.
    pub(super) fn visitor_has_share(&mut self, number: u64, turn: u32, most: u32) -> bool {
        self.door.places.get_mut(number).is_none_or(|visitor| visitor.share.take(turn, most))
    }

    /// Returns whether a visitor may have a helping in this turn while another slot waits for work. A visitor whose next
    /// message contains a signature gets no helping after this turn has done all the work on signatures that is allowed for
    /// the visitor's address or in all.
    pub(super) fn visitor_may_cost(&mut self, number: u64, turn: u32) -> bool {
        let Some(visitor) = self.door.places.get_mut(number) else { return true };
        let address = AddressGroup::of(&visitor.remote);
        visitor.progress() != HandshakeProgress::Answered || self.door.work.allows(turn, address)
    }

    /// Removes and returns the next visitor whose signature had to wait, if this turn may verify one more signature.
    pub(super) fn next_held_over(&mut self) -> Option<u64> {
        let has_left = self.door.work.has_left(self.queue.turn);
        if has_left { self.queue.held_over.pop_front() } else { None }
    }

    /// Gives a visitor a helping: polls the transport's upgrade until the visitor has its byte pipe, then reads at most
    /// `most` bytes from the pipe and handles them.
    pub(super) fn help_visitor(&mut self, number: u64, most: usize) {
        let Some(visitor) = self.door.places.get_mut(number) else { return };
        let (slot, now) = (WakeTarget::Visitor(number), self.now);
        let waker = self.wakers.waker(slot);
        let mut cx = Context::from_waker(&waker);
        match visitor.poll_pipe(&mut cx) {
            Ok(None) => {}
            // The time of the handshake began when the socket was accepted, not now, so that a slow upgrade gets its peer no
            // more time.
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
        // The addition comes first: `door.held + held` is never less than the old number, which is part of `door.held`.
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

    /// Closes the visitors that hold most bytes, until all visitors together are within the budget. Each search for the
    /// largest visits every visitor. An attacker cannot exploit that cost, since each visitor that is closed here has cost
    /// its peer most of a handshake.
    fn keep_budget(&mut self) {
        while self.door.held > self.door.budget {
            // Of visitors that hold equally many bytes, the oldest is closed: `max_by_key` returns the last of equals, hence
            // `Reverse`.
            let largest = self.door.places.iter().max_by_key(|(number, visitor)| (visitor.counted, Reverse(*number)));
            let Some((number, _)) = largest else { return };
            self.turn_away(number, Refusal::HandshakeEvicted, &"it held most of what waits at the door");
        }
    }

    /// Handles the earliest deadline of a visitor, if it has passed.
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

    /// Turns a visitor whose peer is authenticated into a connection with an id. The connection opens as soon as the event
    /// queue has room. If a list, the gate or a limit does not allow the peer, the socket is closed instead.
    fn comes_in(&mut self, number: u64) {
        let Some(mut visitor) = self.leaves(number) else { return };
        let Some(pipe) = visitor.take_pipe() else { return };
        let (listener, remote, peer) = (visitor.listener, &visitor.remote, pipe.connection.peer());
        // This is another process with a copy of our key. A dial of our own to ourselves never gets here: its dialing end
        // fails before it sends the last message of the handshake.
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
        // There was a place when the socket was accepted, but a visitor reserves none: the place is for the peer that is
        // authenticated first.
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

    /// Closes a visitor's socket, and counts the visitor as `refusal`.
    pub(super) fn turn_away(&mut self, number: u64, refusal: Refusal, why: &dyn fmt::Display) {
        let Some(mut visitor) = self.leaves(number) else { return };
        // The socket is closed before its count is visible to anybody.
        visitor.stage = VisitorStage::Over;
        self.refuse(visitor.listener, &visitor.remote, None, refusal, why);
    }

    /// Removes a visitor from the door, together with its deadline and its slot.
    fn leaves(&mut self, number: u64) -> Option<Visitor<T>> {
        let visitor = self.door.places.remove(number)?;
        self.door.held -= visitor.counted;
        self.wakers.forget(number);
        self.arm_door();
        Some(visitor)
    }

    /// Logs and counts an accepted connection that was closed before it had an id.
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
