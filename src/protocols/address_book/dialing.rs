//! The dialing of peers. In a round of dials, the addresses of a peer are dialed until one of them connects. If none
//! connects and the owner wants the peer to be kept connected, another round follows later.

use super::entry::Dialing;
use super::known_address::KnownAddress;
use super::{AddressBook, Event, PeerDial};
use crate::arithmetic::Count;
use crate::identity::PeerId;
use crate::lifecycle::{ConnectionId, Failure};
use crate::notifee::Node;
use crate::swarm::{DialError, Multiaddr, leads_here, multiaddr, plain_address};
use alloc::vec::Vec;
use chacha20::rand_core::Rng as _;
use core::time::Duration;

/// The minimum wait between two attempts to connect. It is not 0, so that time advances from one attempt to the next.
const MIN_WAIT: Duration = Duration::from_millis(1);

impl AddressBook {
    /// Queues a peer to be dialed, if the owner wants it to be kept connected, if it has an address, and if it is neither
    /// connected nor waiting for its next round of dials.
    pub(super) fn may_be_reached(&mut self, peer: PeerId) {
        let Some(entry) = self.book.get(&peer) else { return };
        let is_connected = self.book.connection(&peer).is_some();
        if entry.is_wanted() && !is_connected && entry.has_addresses() && entry.deadline.is_none() {
            self.stand_in_line(peer);
        }
    }

    pub(super) fn stand_in_line(&mut self, peer: PeerId) {
        let Some(entry) = self.book.get_mut(&peer) else { return };
        if !entry.is_dialing() && !core::mem::replace(&mut entry.is_in_line, true) {
            self.deadlines.set(peer, &mut entry.deadline, None);
            self.line.push_back(peer);
        }
    }

    /// Tells the owner that the peer is connected, if the owner still waits for this outcome. If the peer has been
    /// disconnected in the meantime, queues it to be dialed instead.
    pub(super) fn tell(&mut self, peer: PeerId) {
        let connection = self.book.connection(&peer);
        let Some(entry) = self.book.get_mut(&peer).filter(|entry| entry.is_asked) else { return };
        match connection {
            None => self.stand_in_line(peer),
            Some(connection) => {
                entry.is_asked = false;
                self.events.say(Event::Connected { peer, connection });
            }
        }
    }

    /// Returns whether the next peer in the queue may be dialed.
    pub(super) fn may_begin(&self) -> bool {
        self.dialing < self.config.peers_at_a_time.max(1)
    }

    /// Begins a round of dials to a peer that was in the queue, if the owner still wants the peer to be connected.
    pub(super) fn begin(&mut self, node: &mut dyn Node, peer: PeerId, now: Duration) {
        let attempts = self.config.attempts;
        let connection = self.book.connection(&peer);
        let Some(entry) = self.book.get_mut(&peer) else { return };
        entry.is_in_line = false;
        if let Some(connection) = connection {
            if core::mem::take(&mut entry.is_asked) {
                self.events.say(Event::Connected { peer, connection });
            }
            return;
        }
        if !entry.is_asked && !entry.is_wanted() {
            return;
        }
        // `dial_on` removes the next address from the end of the list.
        let known = entry.in_order(attempts).into_iter().rev();
        let (dead, left): (Vec<_>, Vec<_>) = known.partition(|known| known.failures >= attempts);
        let addresses = |known: Vec<&KnownAddress>| known.into_iter().map(|known| known.address.clone()).collect();
        let (left, dead) = (addresses(left), addresses(dead));
        entry.dialing = Some(Dialing { left, dead, dials: Vec::new(), reason: Failure::Unreachable });
        self.dialing.raise(1);
        self.dial_on(node, peer, now);
    }

    /// Handles the deadline of a peer: dials the peer's next address if a round of dials is under way, or queues the peer
    /// for a new round.
    pub(super) fn due(&mut self, node: &mut dyn Node, peer: PeerId, now: Duration) {
        let Some(entry) = self.book.get_mut(&peer) else { return };
        entry.deadline = None;
        if entry.is_dialing() {
            self.dial_on(node, peer, now);
        } else {
            self.stand_in_line(peer);
        }
    }

    /// Dials the next address of a peer, if the bounds allow. If no address is left and no dial is under way, the present
    /// round of dials to the peer has failed.
    pub(super) fn dial_on(&mut self, node: &mut dyn Node, peer: PeerId, now: Duration) {
        let Some(entry) = self.book.get_mut(&peer) else { return };
        let Some(dialing) = &mut entry.dialing else { return };
        let most = self.config.dials_per_peer.max(1);
        if dialing.left.is_empty() && dialing.dials.is_empty() {
            dialing.left = core::mem::take(&mut dialing.dead);
        }
        // Each call dials one address. The next address is dialed after `attempt_delay`, or at once when a dial has failed.
        if dialing.dials.len() < most
            && let Some(address) = dialing.left.pop()
        {
            // The address names the peer, so that the dial fails if anybody else answers: a peer may have sent the
            // addresses of others.
            match node.dial(address.clone().with(multiaddr::Protocol::P2p(peer))) {
                Ok(connection) => {
                    dialing.dials.push((connection, address));
                    self.dials.insert(connection, PeerDial { peer, is_given_up: false });
                }
                Err(error) => {
                    // The swarm now refuses dials to any address, so the round ends.
                    dialing.left.clear();
                    dialing.dead.clear();
                    dialing.reason = match error {
                        DialError::Limit => Failure::Limit,
                        DialError::Closing => Failure::Shutdown,
                    };
                }
            }
        }
        if dialing.dials.is_empty() && dialing.left.is_empty() {
            return self.failed(peer, now);
        }
        let is_next = !dialing.left.is_empty() && dialing.dials.len() < most;
        let next = is_next.then(|| now.saturating_add(self.config.attempt_delay.max(MIN_WAIT)));
        self.deadlines.set(peer, &mut entry.deadline, next);
    }

    /// Handles a dial that has failed: dials the next address of the peer, or ends the round of dials.
    pub(super) fn dial_failed(
        &mut self,
        node: &mut dyn Node,
        connection: ConnectionId,
        reason: Failure,
        now: Duration,
    ) {
        let Some(PeerDial { peer, .. }) = self.dials.remove(connection) else { return };
        let Some(entry) = self.book.get_mut(&peer) else { return };
        let Some(dialing) = &mut entry.dialing else { return };
        let Some(place) = dialing.dials.iter().position(|(id, _)| *id == connection) else { return };
        let (_, address) = dialing.dials.remove(place);
        dialing.reason = reason;
        // These reasons are not the fault of the address: the node is full or shutting down, its owner forbids the dial, or
        // the owner has closed the dial.
        if !matches!(reason, Failure::Limit | Failure::Denied | Failure::Shutdown | Failure::Requested) {
            entry.has_failed(&address, reason);
        }
        self.dial_on(node, peer, now);
    }

    /// Handles the opening of the first connection to a peer, whether the book has dialed it or not. All other dials of the
    /// book to the peer are given up.
    pub(super) fn reached(&mut self, node: &mut dyn Node, peer: PeerId, connection: ConnectionId) {
        let Some(entry) = self.book.get_mut(&peer) else { return };
        self.deadlines.set(peer, &mut entry.deadline, None);
        if let Some(dialing) = entry.dialing.take() {
            self.dialing.lower(1);
            for (other, address) in dialing.dials {
                if other == connection {
                    entry.has_connected(&address);
                    continue;
                }
                if let Some(dial) = self.dials.get_mut(other) {
                    dial.is_given_up = true;
                }
                // The dial may have ended already, or its connection may be open although no notifee has been told yet.
                let _ = node.close_connection(other);
            }
        }
        if core::mem::take(&mut entry.is_asked) || entry.is_wanted() {
            self.events.say(Event::Connected { peer, connection });
        }
    }

    /// Ends a round of dials in which no address of the peer has connected, and reports the failure.
    fn failed(&mut self, peer: PeerId, now: Duration) {
        let Some(entry) = self.book.get_mut(&peer) else { return };
        let Some(dialing) = entry.dialing.take() else { return };
        self.dialing.lower(1);
        let reason = dialing.reason;
        self.deadlines.set(peer, &mut entry.deadline, None);
        entry.is_asked = false;
        // That the node has reached its limit is not the fault of the peer, whose wait would otherwise double in each round
        // until the node has room.
        if reason != Failure::Limit {
            entry.failures = entry.failures.saturating_add(1);
        }
        if reason == Failure::Shutdown {
            // A swarm that shuts down refuses each further dial.
            entry.rest();
        }
        // This sets the deadline, which the event tells.
        self.try_again(peer, now);
        let again_at = self.book.get(&peer).and_then(|entry| entry.deadline);
        self.events.say(Event::Failed { peer, reason, again_at });
        self.book.forget_if_empty(&peer);
    }

    /// Sets the time of the next round of dials to a peer that is kept connected, if an address of the peer is known and no
    /// round is under way or queued.
    pub(super) fn try_again(&mut self, peer: PeerId, now: Duration) {
        let Some(entry) = self.book.get_mut(&peer) else { return };
        if !entry.is_wanted() || !entry.has_addresses() || entry.is_dialing() || entry.is_in_line {
            return;
        }
        // 2^31 is the largest power of two in a `u32`, by which a `Duration` is multiplied.
        let doublings = entry.failures.saturating_sub(1).min(31);
        let longest = self.config.min_backoff.saturating_mul(1 << doublings);
        let half = longest.min(self.config.max_backoff).checked_div(2).unwrap_or_default().max(MIN_WAIT);
        // The wait is chosen at random between half of the base and all of the base, so that nodes that lost the peer at one
        // moment do not all dial it at one moment. `mul_f64` cannot overflow, since its factor is at most 1 and half of any
        // duration is far below the maximum.
        let part = f64::from(self.rng.next_u32()) / f64::from(u32::MAX);
        let at = now.saturating_add(half).saturating_add(half.mul_f64(part));
        self.deadlines.set(peer, &mut entry.deadline, Some(at));
    }

    /// Adds the addresses that a peer has sent, and removes the addresses that the peer had sent before and has not sent
    /// again. Loopback addresses are left out unless `is_near` is true, which means that the peer is connected over
    /// loopback.
    pub(super) fn learn(&mut self, peer: PeerId, addresses: &[Multiaddr], source: super::AddressSource, is_near: bool) {
        // Addresses that cannot be dialed are left out: a wildcard, port 0, or an address that names another peer.
        let said: Vec<_> = addresses.iter().filter_map(|address| plain_address(address, peer).ok()).collect();
        // The peer has sent all of its addresses, so earlier ones that are missing now lead nowhere any more. This also
        // makes room for the new ones.
        if let Some(entry) = self.book.get_mut(&peer) {
            entry.forget_said(&said);
        }
        for address in said.iter().filter(|address| is_near || !leads_here(address)) {
            // An address for which there is no room is left out. If there is no room for the peer itself, its other
            // addresses are not tried, since each attempt to add one scans the whole book.
            if self.book.add(peer, address, source).is_err() && self.book.get(&peer).is_none() {
                break;
            }
        }
        self.may_be_reached(peer);
    }
}
