//! Peer exchange: the peers that a PRUNE offers to us are dialed, if they have signed their addresses.

use super::router::MeshRouter;
use crate::arithmetic::Count;
use crate::identity::PeerId;
use crate::protocols::identify::PeerRecord;
use crate::protocols::pubsub::{Action, OfferedPeers, Turn};

/// The maximum number of addresses of one offered peer that are dialed.
const ADDRESSES: usize = 4;

impl MeshRouter {
    /// Dials the peers that are offered with a record which they have signed. Others are ignored: in a measurement of
    /// go-libp2p, 97 of 100 exchanged peers could not be reached at the addresses that were known of them.
    pub(super) fn dial_offered(&mut self, offered: OfferedPeers<'_>, cx: &mut Turn<'_>) {
        for (peer, record) in offered.take(self.config.offered_peers) {
            let Some(record) = record.and_then(PeerRecord::verify) else { continue };
            let is_signer = PeerId::from_bytes(peer).is_ok_and(|peer| peer == record.peer());
            if !is_signer || self.tables.index_of(&record.peer()).is_some() {
                continue;
            }
            self.counters.offered_dialed.raise(1);
            for address in record.addresses().iter().take(ADDRESSES) {
                if let Ok(address) = address.clone().with_p2p(record.peer()) {
                    cx.actions.act(Action::Dial { address: &address });
                }
            }
        }
    }
}
