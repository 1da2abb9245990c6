//! [`Dials`]: the dials under way, and the peers that the dialed addresses name.

use crate::connection::PackedPeer;
use crate::lifecycle::ConnectionId;
use alloc::collections::BTreeSet;
use libp2p_identity::PeerId;

/// The outbound connections that have been dialed and are not open yet.
#[derive(Debug, Default)]
pub(super) struct Dials {
    count: u32,
    /// The dials whose address names a peer, ordered by peer, so that the dials to a peer are found when the peer is denied.
    named: BTreeSet<(PackedPeer, ConnectionId)>,
}

impl Dials {
    pub(super) const fn count(&self) -> u32 {
        self.count
    }

    pub(super) const fn begin(&mut self) {
        self.count += 1;
    }

    /// Records the peer that the address of a dial names.
    pub(super) fn name(&mut self, id: ConnectionId, peer: PeerId) {
        // A peer id that cannot be packed cannot be denied by a list, so nobody will search for its dials.
        self.named.extend(PackedPeer::pack(peer).map(|peer| (peer, id)));
    }

    /// Removes a dial that has opened or failed. `peer` is the peer of the dial, if it is known; the dialed address need not
    /// have named this peer.
    pub(super) fn end(&mut self, id: ConnectionId, peer: Option<PackedPeer>) {
        self.count -= 1;
        // `peer` may be another peer than the address named, or have been named by no address. Then there is no such entry,
        // and removing it changes nothing.
        if let Some(peer) = peer
            && !self.named.is_empty()
        {
            self.named.remove(&(peer, id));
        }
    }

    /// Returns the dials whose address names `peer`, in the order of their ids.
    pub(super) fn to(&self, peer: PeerId) -> impl Iterator<Item = ConnectionId> {
        let packed = PackedPeer::pack(peer);
        let dials = packed.map(|peer| self.named.range((peer, ConnectionId::FIRST)..));
        dials.into_iter().flatten().take_while(move |(other, _)| Some(*other) == packed).map(|(_, id)| *id)
    }

    /// Returns the number of dials whose address names a peer.
    pub(super) fn named(&self) -> usize {
        self.named.len()
    }
}
