//! [`PeerEntry`]: what is known of one peer, and what is done about it.

use super::known_address::{AddressSource, KnownAddress};
use crate::lifecycle::{ConnectionId, Failure};
use crate::swarm::Multiaddr;
use alloc::vec::Vec;
use core::time::Duration;

/// A peer.
///
/// ```text
///              dial_peer, or the time has come              an address connects, or all have failed
/// Resting ────────────────────────────────────▶ Dialing ────────────────────────────────────────────▶ Resting
/// ```
#[derive(Default, Debug)]
pub(super) struct PeerEntry {
    known: Vec<KnownAddress>,
    pub(super) dialing: Option<Dialing>,
    /// The time at which it is dialed, or its next address is.
    pub(super) deadline: Option<Duration>,
    /// It stands in line to be dialed.
    pub(super) is_in_line: bool,
    /// The owner waits for an outcome.
    pub(super) is_asked: bool,
    keeps: Keeps,
    /// The failures in a row to connect.
    pub(super) failures: u32,
    /// The number of what was heard last of it.
    pub(super) heard: u64,
}

/// Says whether a peer is kept connected.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Keeps {
    #[default]
    No,
    Yes,
    /// Its last connection was closed by our side.
    Rests,
}

/// A peer's addresses, being dialed.
#[derive(Debug)]
pub(super) struct Dialing {
    /// The addresses that are left, the next one last.
    pub(super) left: Vec<Multiaddr>,
    /// Those that are taken for dead, the next one last: they are left once all others have failed.
    pub(super) dead: Vec<Multiaddr>,
    /// The dials under way.
    pub(super) dials: Vec<(ConnectionId, Multiaddr)>,
    /// The reason for which the last dial has failed.
    pub(super) reason: Failure,
}

impl PeerEntry {
    pub(super) const fn has_addresses(&self) -> bool {
        !self.known.is_empty()
    }

    pub(super) const fn is_dialing(&self) -> bool {
        self.dialing.is_some()
    }

    pub(super) const fn is_kept(&self) -> bool {
        matches!(self.keeps, Keeps::Yes | Keeps::Rests)
    }

    /// Returns whether it is to be dialed without being asked.
    pub(super) const fn is_wanted(&self) -> bool {
        matches!(self.keeps, Keeps::Yes)
    }

    pub(super) const fn keep(&mut self) {
        self.keeps = Keeps::Yes;
    }

    /// Returns whether it was kept.
    pub(super) fn release(&mut self) -> bool {
        core::mem::take(&mut self.keeps) != Keeps::No
    }

    /// Our side has closed its last connection.
    pub(super) const fn rest(&mut self) {
        if self.is_kept() {
            self.keeps = Keeps::Rests;
        }
    }

    /// Returns whether nothing is known of it, and nothing is done about it.
    pub(super) const fn is_empty(&self) -> bool {
        self.known.is_empty() && !self.is_kept() && !self.is_busy()
    }

    const fn is_busy(&self) -> bool {
        self.is_dialing() || self.is_in_line || self.is_asked
    }

    /// Returns whether it may go for another peer, if it is not connected.
    pub(super) fn gives_way(&self) -> bool {
        !self.is_busy() && !self.is_kept() && self.best_source() != Some(AddressSource::Owner)
    }

    /// Ranks those that may go: the one that is worth least does.
    pub(super) fn worth(&self) -> (bool, u64) {
        (self.best_source() == Some(AddressSource::Dialed), self.heard)
    }

    fn best_source(&self) -> Option<AddressSource> {
        self.known.iter().map(|known| known.source).max()
    }

    /// The addresses in the order in which they are dialed: those that may be dead last, the best source first.
    pub(super) fn in_order(&self, attempts: u32) -> Vec<&KnownAddress> {
        let mut known: Vec<_> = self.known.iter().collect();
        known.sort_by_key(|known| (known.failures >= attempts, known.failures > 0, core::cmp::Reverse(known.source)));
        known
    }

    /// Adds an address, or a better source of it. Returns false if it finds no place.
    pub(super) fn add(&mut self, address: Multiaddr, source: AddressSource, most: usize, attempts: u32) -> bool {
        if let Some(known) = self.known.iter_mut().find(|known| known.address == address) {
            known.source = known.source.max(source);
            return true;
        }
        if self.known.len() >= most {
            let Some(last) = self.in_order(attempts).into_iter().rfind(|known| known.source < AddressSource::Owner)
            else {
                return false;
            };
            // A peer does not push out what is known better by saying more.
            if last.source > source && last.failures == 0 {
                return false;
            }
            let last = last.address.clone();
            self.remove(&last);
        }
        self.known.push(KnownAddress { address, source, failures: 0 });
        true
    }

    pub(super) fn remove(&mut self, address: &Multiaddr) -> bool {
        let before = self.known.len();
        self.known.retain(|known| known.address != *address);
        self.known.len() < before
    }

    /// The peer has said where it listens: what it said before and does not say now is out of date.
    pub(super) fn forget_said(&mut self, now: &[Multiaddr]) {
        self.known.retain(|known| known.source > AddressSource::Signed || now.contains(&known.address));
    }

    /// A dial to an address has connected.
    pub(super) fn has_connected(&mut self, address: &Multiaddr) {
        if let Some(known) = self.known.iter_mut().find(|known| known.address == *address) {
            (known.failures, known.source) = (0, known.source.max(AddressSource::Dialed));
        }
    }

    /// A dial to an address has failed.
    pub(super) fn has_failed(&mut self, address: &Multiaddr, reason: Failure) {
        let Some(known) = self.known.iter_mut().find(|known| known.address == *address) else { return };
        known.failures = known.failures.saturating_add(1);
        let is_hopeless = matches!(reason, Failure::WrongPeer | Failure::LocalPeer | Failure::Unsupported);
        if is_hopeless && known.source < AddressSource::Owner {
            self.remove(address);
        }
    }
}
