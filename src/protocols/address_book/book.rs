//! [`Book`]: the known peers, and the choice of the peer that a new peer replaces.

use super::entry::PeerEntry;
use super::known_address::AddressSource;
use super::{AddressBookError, Config};
use crate::arithmetic::Count;
use crate::identity::PeerId;
use crate::lifecycle::ConnectionId;
use crate::swarm::{Multiaddr, plain_address};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// The known peers, at most `peers` of them, and the open connections of all peers.
#[derive(Debug)]
pub(super) struct Book {
    local_peer: PeerId,
    entries: BTreeMap<PeerId, PeerEntry>,
    /// The open connections of each peer, the oldest first. No list is empty.
    open: BTreeMap<PeerId, Vec<ConnectionId>>,
    peers: usize,
    addresses_per_peer: usize,
    address_bytes: usize,
    attempts: u32,
    /// A counter that grows by one whenever an address is added to a peer, or the owner tells the book to dial a peer or to
    /// keep it connected. Each peer stores the counter's value at its last such change, so that the peers can be ordered by
    /// it.
    heard: u64,
}

impl Book {
    pub(super) fn new(local_peer: PeerId, config: &Config) -> Self {
        Self {
            local_peer,
            entries: BTreeMap::new(),
            open: BTreeMap::new(),
            peers: config.peers.max(1),
            addresses_per_peer: config.addresses_per_peer.max(1),
            address_bytes: config.address_bytes,
            attempts: config.attempts,
            heard: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn peers(&self) -> impl Iterator<Item = &PeerId> {
        self.entries.iter().filter(|(_, entry)| entry.has_addresses() || entry.is_kept()).map(|(peer, _)| peer)
    }

    pub(super) fn get(&self, peer: &PeerId) -> Option<&PeerEntry> {
        self.entries.get(peer)
    }

    pub(super) fn get_mut(&mut self, peer: &PeerId) -> Option<&mut PeerEntry> {
        self.entries.get_mut(peer)
    }

    /// Returns the oldest open connection of a peer, or `None` if the peer is not connected.
    pub(super) fn connection(&self, peer: &PeerId) -> Option<ConnectionId> {
        self.open.get(peer)?.first().copied()
    }

    /// Adds a connection of `peer` that has opened. Returns whether this connection is the only open one of the peer.
    pub(super) fn opened(&mut self, peer: PeerId, connection: ConnectionId) -> bool {
        let open = self.open.entry(peer).or_default();
        open.push(connection);
        open.len() == 1
    }

    /// Removes a connection of `peer` that has ended. Returns whether this connection was the last open one of the peer.
    pub(super) fn ended(&mut self, peer: PeerId, connection: ConnectionId) -> bool {
        let Some(open) = self.open.get_mut(&peer) else { return false };
        open.retain(|other| *other != connection);
        let was_last = open.is_empty();
        if was_last {
            self.open.remove(&peer);
        }
        was_last
    }

    pub(super) fn check_peer(&self, peer: PeerId) -> Result<(), AddressBookError> {
        if peer == self.local_peer { Err(AddressBookError::LocalPeer) } else { Ok(()) }
    }

    /// Returns the entry of a peer, and creates the entry if there is none. If the book is full, the new entry replaces the
    /// entry of another peer, or the call fails if no entry may be replaced.
    pub(super) fn get_or_insert(&mut self, peer: PeerId) -> Result<&mut PeerEntry, AddressBookError> {
        self.check_peer(peer)?;
        if !self.entries.contains_key(&peer) && self.entries.len() >= self.peers {
            // The search visits all entries, 1 024 by default. `learn` therefore searches at most once for each message
            // of a peer.
            let gives_way = |(peer, entry): &(&PeerId, &PeerEntry)| entry.gives_way() && !self.open.contains_key(*peer);
            let least = self.entries.iter().filter(gives_way).min_by_key(|(_, entry)| entry.worth());
            let least = *least.ok_or(AddressBookError::Limit)?.0;
            self.entries.remove(&least);
        }
        // A counter orders the peers as well as a time would, and the owner's calls bring no time.
        self.heard.raise(1);
        let entry = self.entries.entry(peer).or_default();
        entry.heard = self.heard;
        Ok(entry)
    }

    /// Adds an address of a peer. If the address is known already, the more trusted of its two sources is stored with it.
    pub(super) fn add(
        &mut self,
        peer: PeerId,
        address: &Multiaddr,
        source: AddressSource,
    ) -> Result<(), AddressBookError> {
        self.check_peer(peer)?;
        let plain = plain_address(address, peer).map_err(|_| AddressBookError::BadAddress)?;
        if plain.len() > self.address_bytes {
            return Err(AddressBookError::BadAddress);
        }
        let (most, attempts) = (self.addresses_per_peer, self.attempts);
        if self.get_or_insert(peer)?.add(plain, source, most, attempts) { Ok(()) } else { Err(AddressBookError::Limit) }
    }

    pub(super) fn remove(&mut self, peer: &PeerId, address: &Multiaddr) -> bool {
        let Ok(plain) = plain_address(address, *peer) else { return false };
        let Some(entry) = self.entries.get_mut(peer) else { return false };
        let was_known = entry.remove(&plain);
        self.forget_if_empty(peer);
        was_known
    }

    pub(super) fn addresses(&self, peer: &PeerId) -> impl Iterator<Item = (&Multiaddr, AddressSource)> {
        let known = self.entries.get(peer).map(|entry| entry.in_order(self.attempts)).unwrap_or_default();
        known.into_iter().map(|known| (&known.address, known.source))
    }

    /// Removes the entry of a peer if the entry is empty.
    pub(super) fn forget_if_empty(&mut self, peer: &PeerId) {
        if self.entries.get(peer).is_some_and(PeerEntry::is_empty) {
            self.entries.remove(peer);
        }
    }
}
