//! [`Dials`]: the dials under way, and the peers that they name.

use crate::connection::PackedPeer;
use crate::lifecycle::ConnectionId;
use alloc::collections::BTreeSet;
use libp2p_identity::PeerId;

/// The dials that are not open yet.
#[derive(Debug, Default)]
pub(super) struct Dials {
    count: u32,
    /// The dials that name a peer, in the order of peers, so that a denial of a peer finds its dials.
    named: BTreeSet<(PackedPeer, ConnectionId)>,
}

impl Dials {
    pub(super) const fn count(&self) -> u32 {
        self.count
    }

    pub(super) const fn begin(&mut self) {
        self.count += 1;
    }

    /// Takes note of the peer that a dial names.
    pub(super) fn name(&mut self, id: ConnectionId, peer: PeerId) {
        self.named.extend(PackedPeer::pack(peer).map(|peer| (peer, id)));
    }

    /// Takes note that a dial has opened or failed. `peer` is its peer, if that is known; the dial need not have named it.
    pub(super) fn end(&mut self, id: ConnectionId, peer: Option<PackedPeer>) {
        self.count -= 1;
        if let Some(peer) = peer
            && !self.named.is_empty()
        {
            self.named.remove(&(peer, id));
        }
    }

    /// Returns the dials that name a peer, in order of their ids.
    pub(super) fn to(&self, peer: PeerId) -> impl Iterator<Item = ConnectionId> {
        let packed = PackedPeer::pack(peer);
        let dials = packed.map(|peer| self.named.range((peer, ConnectionId::FIRST)..));
        dials.into_iter().flatten().take_while(move |(other, _)| Some(*other) == packed).map(|(_, id)| *id)
    }

    /// Returns the number of dials that name a peer.
    pub(super) fn named(&self) -> usize {
        self.named.len()
    }
}
