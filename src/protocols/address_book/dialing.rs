//! Dialing a peer: its addresses one after the other, until one connects; and again later, if it is kept.

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

/// The shortest wait: so that time moves on from one attempt to the next.
const MIN_WAIT: Duration = Duration::from_millis(1);

impl AddressBook {
    /// A peer may be reached now: if it is kept, and nothing is done about it, it is dialed.
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

    /// Says that a peer is connected, if the owner still waits for that; if it is not any more, it is dialed.
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

    /// Returns whether somebody in line may be dialed.
    pub(super) fn may_begin(&self) -> bool {
        self.dialing < self.config.peers_at_a_time.max(1)
    }

    /// Begins to dial a peer that stood in line, if it is still to be dialed.
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
        let known = entry.in_order(attempts).into_iter().rev();
        let (dead, left): (Vec<_>, Vec<_>) = known.partition(|known| known.failures >= attempts);
        let addresses = |known: Vec<&KnownAddress>| known.into_iter().map(|known| known.address.clone()).collect();
        let (left, dead) = (addresses(left), addresses(dead));
        entry.dialing = Some(Dialing { left, dead, dials: Vec::new(), reason: Failure::Unreachable });
        self.dialing.raise(1);
        self.dial_on(node, peer, now);
    }

    /// The deadline of a peer has come: its next address is dialed, or it is.
    pub(super) fn due(&mut self, node: &mut dyn Node, peer: PeerId, now: Duration) {
        let Some(entry) = self.book.get_mut(&peer) else { return };
        entry.deadline = None;
        if entry.is_dialing() {
            self.dial_on(node, peer, now);
        } else {
            self.stand_in_line(peer);
        }
    }

    /// Dials the next address, if there is place; if none is left, the peer cannot be reached.
    pub(super) fn dial_on(&mut self, node: &mut dyn Node, peer: PeerId, now: Duration) {
        let Some(entry) = self.book.get_mut(&peer) else { return };
        let Some(dialing) = &mut entry.dialing else { return };
        let most = self.config.dials_per_peer.max(1);
        if dialing.left.is_empty() && dialing.dials.is_empty() {
            dialing.left = core::mem::take(&mut dialing.dead);
        }
        // Each is dialed at its time; one that fails at once makes no other wait.
        if dialing.dials.len() < most
            && let Some(address) = dialing.left.pop()
        {
            match node.dial(address.clone().with(multiaddr::Protocol::P2p(peer))) {
                Ok(connection) => {
                    dialing.dials.push((connection, address));
                    self.dials.insert(connection, PeerDial { peer, is_given_up: false });
                }
                Err(error) => {
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

    /// A dial of ours has failed.
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
        // A full or closing node says nothing of the address, and neither does our owner's rule.
        if !matches!(reason, Failure::Limit | Failure::Denied | Failure::Shutdown | Failure::Requested) {
            entry.has_failed(&address, reason);
        }
        self.dial_on(node, peer, now);
    }

    /// A peer has connected, by a dial of ours or another way: what else is dialed of it is given up.
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
                // It may have ended, or be open and not told yet.
                let _ = node.close_connection(other);
            }
        }
        if core::mem::take(&mut entry.is_asked) || entry.is_wanted() {
            self.events.say(Event::Connected { peer, connection });
        }
    }

    /// No address of a peer has connected.
    fn failed(&mut self, peer: PeerId, now: Duration) {
        let Some(entry) = self.book.get_mut(&peer) else { return };
        let Some(dialing) = entry.dialing.take() else { return };
        self.dialing.lower(1);
        let reason = dialing.reason;
        self.deadlines.set(peer, &mut entry.deadline, None);
        entry.is_asked = false;
        // A full node says nothing of the peer.
        if reason != Failure::Limit {
            entry.failures = entry.failures.saturating_add(1);
        }
        if reason == Failure::Shutdown {
            entry.rest();
        }
        self.try_again(peer, now);
        let again_at = self.book.get(&peer).and_then(|entry| entry.deadline);
        self.events.say(Event::Failed { peer, reason, again_at });
        self.book.forget_if_empty(&peer);
    }

    /// A peer is dialed again later, if it is kept, an address of it is known, and nobody dials it.
    pub(super) fn try_again(&mut self, peer: PeerId, now: Duration) {
        let Some(entry) = self.book.get_mut(&peer) else { return };
        if !entry.is_wanted() || !entry.has_addresses() || entry.is_dialing() || entry.is_in_line {
            return;
        }
        let doublings = entry.failures.saturating_sub(1).min(31);
        let longest = self.config.min_backoff.saturating_mul(1 << doublings);
        let half = longest.min(self.config.max_backoff).checked_div(2).unwrap_or_default().max(MIN_WAIT);
        // Between half of it and all of it. Half of the longest time, times at most 1, is a time.
        let part = f64::from(self.rng.next_u32()) / f64::from(u32::MAX);
        let at = now.saturating_add(half).saturating_add(half.mul_f64(part));
        self.deadlines.set(peer, &mut entry.deadline, Some(at));
    }

    /// The addresses that a peer tells, some of them perhaps such as lead nowhere from here.
    pub(super) fn learn(&mut self, peer: PeerId, addresses: &[Multiaddr], source: super::AddressSource, is_near: bool) {
        // What cannot be dialed is left out.
        let said: Vec<_> = addresses.iter().filter_map(|address| plain_address(address, peer).ok()).collect();
        if let Some(entry) = self.book.get_mut(&peer) {
            entry.forget_said(&said);
        }
        for address in said.iter().filter(|address| is_near || !leads_here(address)) {
            // What finds no place is left out. Without one for the peer there is none for its other addresses: to look
            // for it again would take as long as the book is.
            if self.book.add(peer, address, source).is_err() && self.book.get(&peer).is_none() {
                break;
            }
        }
        self.may_be_reached(peer);
    }
}
