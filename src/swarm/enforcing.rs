//! The methods that change the lists and the gate of a running swarm, and the checks that end connections and streams which
//! a change denies.

use super::Swarm;
use super::gate::{Denial, Gate};
use super::lists::{Changed, Lists};
use super::pipe::PipeTransport;
use super::reactor::Reactor;
use super::refusals::Refusal;
use super::socket_connection::SocketConnection;
use super::state::SwarmState;
use super::wake::WakeTarget;
use crate::lifecycle::{ConnectionId, Direction, StreamId};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::task::Context;

/// The maximum number of connections or handshakes that one unit of a turn checks.
const LOOKS: usize = 64;

/// The state of an unfinished check of all connections and handshakes. A change of the lists or the gate has started this
/// check.
#[derive(Debug, Default)]
pub(super) struct Enforcing {
    /// The slot in the table of connections that was checked last. A new check starts at the next slot and goes round the
    /// table, so that every connection is reached however often the lists change.
    slot: usize,
    left: usize,
    /// The number of the next visitor to check; `None` if all visitors have been checked.
    visitor: Option<u64>,
    /// `true` if the gate is asked besides the lists.
    asks_gate: bool,
}

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: PipeTransport,
    R: Reactor,
{
    /// Returns the lists of peers and networks that this swarm allows and denies.
    #[must_use]
    pub const fn lists(&self) -> &Lists {
        &self.state.access.lists
    }

    /// Returns the lists of peers and networks that this swarm allows and denies, for changes at any time. A change applies
    /// to new connections and dials at once. The next turns end open connections, handshakes and dials that have become
    /// denied, in the way that [`Lists`] describes.
    pub const fn lists_mut(&mut self) -> &mut Lists {
        &mut self.state.access.lists
    }

    /// Sets the gate, which decides from now on who may connect, whom we dial, and which protocols peers may speak; returns
    /// the previous gate. `None` removes the gate; without a gate, only the lists decide. Existing connections, dials and
    /// streams stay; call [`ask_gate_again`](Self::ask_gate_again) to let the new gate judge them.
    pub fn set_gate(&mut self, gate: Option<Box<dyn Gate>>) -> Option<Box<dyn Gate>> {
        core::mem::replace(&mut self.state.access.gate, gate)
    }

    /// Asks the gate about open connections and streams again, after the gate's rules have changed. The next turns ask, for
    /// 64 connections in one unit, and [`poll_at`](Self::poll_at) is *now* until all connections are judged. Without a gate
    /// the call changes nothing.
    ///
    /// - **Asked again:** the swarm calls [`may_connect`](Gate::may_connect) for each connection whose peer is
    ///   authenticated, with the connection's address, and [`may_speak`](Gate::may_speak) for each stream that a peer has
    ///   opened and whose protocol was allowed.
    /// - **Not asked again:** the swarm does not call [`may_accept`](Gate::may_accept) and [`may_dial`](Gate::may_dial),
    ///   since many gates count sockets in these methods, and would count a socket twice. So a handshake or a dial under way
    ///   goes on until its peer is authenticated, and is then judged by `may_connect`. A gate that judges addresses can deny
    ///   the address in `may_connect`. To end a handshake or a dial at once, deny its address by the
    ///   [lists](Self::lists_mut), or close the dial.
    ///
    /// The gate of this example shares its rules with the swarm's owner:
    ///
    /// ```
    /// use core::time::Duration;
    /// use std::collections::HashSet;
    /// use std::sync::{Arc, Mutex};
    /// use swarm_notify::connection::Protocol;
    /// use swarm_notify::identity::PeerId;
    /// use swarm_notify::swarm::Gate;
    ///
    /// /// Only these may speak the admin's protocol.
    /// struct Admins(Arc<Mutex<HashSet<PeerId>>>);
    ///
    /// impl Gate for Admins {
    ///     fn may_speak(&mut self, peer: PeerId, protocol: &Protocol, _now: Duration) -> bool {
    ///         protocol.as_str() != "/admin/1.0.0" || self.0.lock().unwrap().contains(&peer)
    ///     }
    /// }
    ///
    /// # use libp2p_core::transport::MemoryTransport;
    /// # use swarm_notify::{identity::Keypair, swarm::{Config, Swarm}};
    /// # let identity = Keypair::ed25519_from_bytes([1; 32]).unwrap();
    /// # let mut swarm = Swarm::new(MemoryTransport::new(), &identity, [1; 32], Config::default())?;
    /// # let (bob, now) = (Keypair::ed25519_from_bytes([2; 32]).unwrap().public().to_peer_id(), Duration::ZERO);
    /// let admins = Arc::new(Mutex::new(HashSet::from([bob])));
    /// swarm.set_gate(Some(Box::new(Admins(admins.clone()))));
    ///
    /// admins.lock().unwrap().remove(&bob);
    /// swarm.ask_gate_again(); // his streams of that protocol end as `Denied` in the next turn
    /// swarm.tick(now);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ask_gate_again(&mut self) {
        if self.state.access.gate.is_some() {
            self.look_at_all().asks_gate = true;
        }
    }

    fn look_at_all(&mut self) -> &mut Enforcing {
        let enforcing = self.enforcing.get_or_insert_default();
        enforcing.left = self.connections.slots();
        enforcing.visitor = Some(0);
        enforcing
    }

    /// Returns whether connections are left to be checked because the lists or the gate have changed.
    pub(super) fn is_enforcing(&self) -> bool {
        self.enforcing.is_some() || self.state.access.lists.has_changes()
    }

    /// Does one unit of enforcing the lists and the gate: ends all connections and dials of one denied peer, or checks up to
    /// [`LOOKS`] connections or handshakes.
    #[cold]
    #[inline(never)]
    pub(super) fn enforce_next(&mut self) {
        match self.state.access.lists.take_changed() {
            Some(Changed::Peer(peer)) => {
                // Only open connections and dials that name a peer are recorded by peer. Visitors and other dials have
                // unknown peers, and are judged when these are authenticated.
                let SwarmState { shares, dials, .. } = &self.state;
                let connections: Vec<_> = shares.connections_of(peer).chain(dials.to(peer)).collect();
                return connections.into_iter().for_each(|id| self.enforce(id, false));
            }
            Some(Changed::All) => _ = self.look_at_all(),
            None => {}
        }
        let slots = self.connections.slots();
        for _ in 0..LOOKS {
            let Some(enforcing) = &mut self.enforcing else { return };
            if enforcing.left > 0 {
                enforcing.left -= 1;
                enforcing.slot = if enforcing.slot + 1 < slots { enforcing.slot + 1 } else { 0 };
                let (slot, asks_gate) = (enforcing.slot, enforcing.asks_gate);
                if let Some(id) = self.connections.key_at(slot) {
                    self.enforce(id, asks_gate);
                }
            } else if let Some(from) = enforcing.visitor.take() {
                let next = self.enforce_at_door(from);
                self.enforcing.as_mut().into_iter().for_each(|enforcing| enforcing.visitor = next);
            } else {
                self.enforcing = None;
            }
        }
    }

    /// Ends a connection if the lists deny it. With `asks_gate`, the gate is asked about the connection too, and if the
    /// connection is allowed, its streams that the gate denies are ended.
    fn enforce(&mut self, id: ConnectionId, asks_gate: bool) {
        let Some(conn) = self.connections.get_mut(id) else { return };
        let (access, now) = (&mut self.state.access, self.now);
        let denial = match conn.peer() {
            Some(peer) if asks_gate => access.may_connect(peer, conn.direction, conn.judged_address(), now),
            Some(peer) => access.lists_allow(Some(peer), conn.judged_address(), now),
            // The dial may be to a DNS name that has not led to an address yet.
            None => access.lists_allow_dial(conn.judged_address(), conn.expected.as_deref().copied(), now),
        };
        let waker = self.wakers.waker(WakeTarget::of(id));
        if let Err(why) = denial {
            conn.deny(&mut self.state, &mut Context::from_waker(&waker), self.now, why);
            self.driven(id);
        } else if asks_gate {
            self.enforce_on_streams(id);
        }
    }

    /// Closes a connection that was allowed, but that the lists deny now, after it has waited for room in the event queue.
    /// Returns `true` if the connection was closed. [`enforce_next`](Self::enforce_next) does not find this connection when
    /// its peer is denied, since a connection is not recorded for its peer before it opens.
    pub(super) fn is_denied_meanwhile(&mut self, id: ConnectionId) -> bool {
        let Some(conn) = self.connections.get_mut(id) else { return false };
        let Err(why) = self.state.access.lists_allow(conn.peer(), conn.judged_address(), self.now) else {
            return false;
        };
        let waker = self.wakers.waker(WakeTarget::of(id));
        conn.deny(&mut self.state, &mut Context::from_waker(&waker), self.now, why);
        conn.mark_dirty(&mut self.state);
        true
    }

    fn enforce_on_streams(&mut self, connection: ConnectionId) {
        let Some(peer) = self.connections.get(connection).and_then(SocketConnection::peer) else { return };
        // The gate is asked for all streams before the first of them ends, since ending one changes the table that is being
        // read.
        let mut denied: Vec<StreamId> = Vec::new();
        let (lifecycle, streams, access) = (&self.state.lifecycle, &self.state.streams, &mut self.state.access);
        for id in lifecycle.streams_of(connection) {
            let is_theirs = lifecycle.direction(id) == Some(Direction::Inbound);
            if is_theirs
                && let Some(protocol) = streams.get(id).and_then(|stream| stream.protocol())
                && access.may_speak(peer, protocol, self.now).is_err()
            {
                denied.push(id);
            }
        }
        if let Some(conn) = self.connections.get_mut(connection) {
            for id in denied {
                conn.deny_stream(id, &mut self.state, self.now);
            }
        }
        self.driven(connection);
    }

    /// Closes the first visitor whose number is at least `from` if the lists deny its address. Returns the number from which
    /// to continue, or `None` if there is no more visitor.
    fn enforce_at_door(&mut self, from: u64) -> Option<u64> {
        let (number, remote) = self.next_visitor(from)?;
        // The gate is not asked again: many gates count sockets in `may_accept`, and would count this one twice.
        if self.state.access.lists.denies_address(&remote) {
            self.turn_away(number, Refusal::ConnectionDenied, &Denial::ListedAddress);
        }
        number.checked_add(1)
    }
}
