//! [`PeerEntry`]: the addresses of one peer, and the state of dialing it.

use super::known_address::{AddressSource, KnownAddress};
use crate::lifecycle::{ConnectionId, Failure};
use crate::swarm::Multiaddr;
use alloc::vec::Vec;
use core::time::Duration;

/// The entry of a peer in the address book. Its state is `Dialing` while the field `dialing` is set, and `Resting`
/// otherwise:
///
/// ```text
///           dial_peer, or the deadline has come             an address connects, or all have failed
/// Resting ────────────────────────────────────▶ Dialing ────────────────────────────────────────────▶ Resting
/// ```
#[derive(Default, Debug)]
pub(super) struct PeerEntry {
    known: Vec<KnownAddress>,
    pub(super) dialing: Option<Dialing>,
    /// The time at which the peer is dialed again, or at which its next address is dialed.
    pub(super) deadline: Option<Duration>,
    /// True if the peer is in the queue of peers to dial.
    pub(super) is_in_line: bool,
    /// True if the owner has called `dial_peer` and waits for the outcome.
    pub(super) is_asked: bool,
    keeps: Keeps,
    /// The number of consecutive failures: rounds of dials in which no address of the peer connected, and connections to the
    /// peer that ended before they were stable.
    pub(super) failures: u32,
    /// The value that the counter of [`Book`](super::book::Book) had when an address of the peer was last added, or when the
    /// owner last told the book to dial the peer or to keep it connected.
    pub(super) heard: u64,
}

/// The state of the owner's wish that the book keeps a peer connected.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Keeps {
    #[default]
    No,
    Yes,
    /// The owner wants the peer to be kept connected, but our own side has closed the last connection to it, or the node is
    /// shutting down. The peer is not dialed until the owner calls `keep` again.
    Rests,
}

/// A round of dials to the addresses of a peer.
#[derive(Debug)]
pub(super) struct Dialing {
    /// The addresses that are still to be dialed in this round of dials, the next one last.
    pub(super) left: Vec<Multiaddr>,
    /// The addresses that count as dead after too many failures, the next one last. They are dialed once all other addresses
    /// of the peer have failed.
    pub(super) dead: Vec<Multiaddr>,
    /// The dials under way, each with its address.
    pub(super) dials: Vec<(ConnectionId, Multiaddr)>,
    /// The reason for which the last dial of this round failed.
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

    /// Returns whether to dial the peer whenever it is not connected.
    pub(super) const fn is_wanted(&self) -> bool {
        matches!(self.keeps, Keeps::Yes)
    }

    pub(super) const fn keep(&mut self) {
        self.keeps = Keeps::Yes;
    }

    /// Stops keeping the peer connected. Returns false if the owner had not asked to keep it connected.
    pub(super) fn release(&mut self) -> bool {
        core::mem::take(&mut self.keeps) != Keeps::No
    }

    /// Stops dialing a peer that the owner wants to be kept connected, until the owner calls `keep` again: our own side has
    /// closed the last connection to the peer, or the node is shutting down.
    pub(super) const fn rest(&mut self) {
        if self.is_kept() {
            self.keeps = Keeps::Rests;
        }
    }

    /// Returns whether the entry contains nothing worth keeping: it has no address, the owner neither wants the peer to be
    /// kept connected nor waits for it, and the peer is neither being dialed nor queued.
    pub(super) const fn is_empty(&self) -> bool {
        self.known.is_empty() && !self.is_kept() && !self.is_busy()
    }

    const fn is_busy(&self) -> bool {
        self.is_dialing() || self.is_in_line || self.is_asked
    }

    /// Returns whether nothing in this entry forbids its removal in favour of another peer. The caller has to check in
    /// addition that the peer is not connected.
    pub(super) fn gives_way(&self) -> bool {
        !self.is_busy() && !self.is_kept() && self.best_source() != Some(AddressSource::Owner)
    }

    /// Returns a value by which entries that may be removed are compared. The entry with the lowest value is removed first.
    pub(super) fn worth(&self) -> (bool, u64) {
        (self.best_source() == Some(AddressSource::Dialed), self.heard)
    }

    fn best_source(&self) -> Option<AddressSource> {
        self.known.iter().map(|known| known.source).max()
    }

    /// Returns the addresses in the order of dialing: first those that have not failed, then those that have failed, and
    /// last those that count as dead after `attempts` failures. Within each group, the addresses from more trusted sources
    /// are first.
    pub(super) fn in_order(&self, attempts: u32) -> Vec<&KnownAddress> {
        let mut known: Vec<_> = self.known.iter().collect();
        known.sort_by_key(|known| (known.failures >= attempts, known.failures > 0, core::cmp::Reverse(known.source)));
        known
    }

    /// Adds an address. If the address is known already, the more trusted of its two sources is stored with it. Returns
    /// false if there is no room for the address.
    pub(super) fn add(&mut self, address: Multiaddr, source: AddressSource, most: usize, attempts: u32) -> bool {
        if let Some(known) = self.known.iter_mut().find(|known| known.address == address) {
            // The failures stay: otherwise a peer could repeat a dead address and have it dialed before the others each
            // time.
            known.source = known.source.max(source);
            return true;
        }
        if self.known.len() >= most {
            let Some(last) = self.in_order(attempts).into_iter().rfind(|known| known.source < AddressSource::Owner)
            else {
                return false;
            };
            // A peer that sends many addresses does not replace an address that is from a better source and has not failed.
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

    /// Removes the addresses that the peer has sent earlier and that are not in `now`, the addresses that it sends now.
    /// Addresses that the owner added, or to which a dial has connected, stay.
    pub(super) fn forget_said(&mut self, now: &[Multiaddr]) {
        self.known.retain(|known| known.source > AddressSource::Signed || now.contains(&known.address));
    }

    /// Records that a dial to an address of the peer has connected.
    pub(super) fn has_connected(&mut self, address: &Multiaddr) {
        if let Some(known) = self.known.iter_mut().find(|known| known.address == *address) {
            (known.failures, known.source) = (0, known.source.max(AddressSource::Dialed));
        }
    }

    /// Records that a dial to an address of the peer has failed. If `reason` means that the address can never work, the
    /// address is removed, unless the owner has added it.
    pub(super) fn has_failed(&mut self, address: &Multiaddr, reason: Failure) {
        let Some(known) = self.known.iter_mut().find(|known| known.address == *address) else { return };
        known.failures = known.failures.saturating_add(1);
        // Another peer or we ourselves live at the address, or no transport of the node dials such addresses. Any other
        // failure may pass.
        let is_hopeless = matches!(reason, Failure::WrongPeer | Failure::LocalPeer | Failure::Unsupported);
        if is_hopeless && known.source < AddressSource::Owner {
            self.remove(address);
        }
    }
}
