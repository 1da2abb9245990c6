//! [`LocalInfo`]: the information that we send about our own node.

use super::{Info, MAX_ADDRESSES, PeerRecord, encode};
use crate::identity::{Keypair, PublicKey};
use crate::lifecycle::ConnectionId;
use crate::notifee::Node;
use crate::swarm::{Multiaddr, multiaddr};
use crate::varint;
use alloc::vec::Vec;

/// The maximum length in bytes of a message that rust-libp2p reads. A node with rust-libp2p reads only the first message on
/// a stream. Go-libp2p sends its signed record in a second message, too.
const SAFE_MESSAGE: usize = 4_096;

/// The information that we send about our own node.
pub(super) struct LocalInfo {
    /// The information about our node, without the parts that differ from peer to peer. The last call of
    /// [`refresh`](Self::refresh) has read the addresses and protocols in it from the node.
    info: Info,
    external: Vec<Multiaddr>,
    /// The key that signs our records, and the sequence number of the next record; `None` if we send no signed record.
    signs: Option<(Keypair, u64)>,
    is_known: bool,
}

impl LocalInfo {
    pub(super) fn new(public_key: PublicKey, protocol_version: &str, agent_version: &str) -> Self {
        let info = Info {
            protocol_version: Some(protocol_version.into()),
            agent_version: Some(agent_version.into()),
            public_key: Some(public_key),
            ..Info::default()
        };
        Self { info, external: Vec::new(), signs: None, is_known: false }
    }

    pub(super) fn sign(&mut self, key: Keypair, sequence: u64) {
        self.signs = Some((key, sequence));
    }

    /// Adds an external address: an address at which we can be reached although we do not listen on it. Returns false if the
    /// address was added before.
    pub(super) fn add(&mut self, address: Multiaddr) -> bool {
        let is_new = !self.external.contains(&address);
        if is_new {
            self.external.push(address);
        }
        is_new
    }

    /// Removes an external address: an address at which we can be reached although we do not listen on it. Returns false if
    /// the address had not been added.
    pub(super) fn remove(&mut self, address: &Multiaddr) -> bool {
        let before = self.external.len();
        self.external.retain(|other| other != address);
        self.external.len() != before
    }

    /// Reads our addresses and protocols from the node. Returns whether they have changed since the last call; the first
    /// call returns false.
    pub(super) fn refresh(&mut self, node: &dyn Node) -> bool {
        let mut addresses = Vec::new();
        let listeners = node.listeners();
        let bound = listeners.iter().filter_map(|id| node.listener(*id)).flat_map(|view| view.addresses);
        for address in bound.chain(&self.external) {
            if addresses.len() < MAX_ADDRESSES && !addresses.contains(address) {
                addresses.push(address.clone());
            }
        }
        let protocols = node.protocols();
        // Before the first message is sent, no peer has been told anything, so that nothing has changed for any peer.
        let is_known = core::mem::replace(&mut self.is_known, true);
        let has_moved = !is_known || addresses != self.info.listen_addresses;
        let has_changed = has_moved || protocols != self.info.protocols;
        // The same addresses are not signed again: a peer with this crate recognizes a known record by its bytes, and
        // verifies it only once.
        if has_moved {
            self.info.record = self.signs.as_mut().and_then(|(key, sequence)| {
                let record = PeerRecord::sign(key, *sequence, &addresses);
                *sequence = sequence.saturating_add(1);
                record.ok()
            });
        }
        (self.info.listen_addresses, self.info.protocols) = (addresses, protocols);
        is_known && has_changed
    }

    /// Returns our information as the bytes to send to the peer of a connection. If the signed record of our addresses would
    /// make the message longer than rust-libp2p reads, the record is put into a second message, so that rust-libp2p can
    /// still read the first message.
    pub(super) fn say(&mut self, node: &dyn Node, connection: ConnectionId) -> Vec<u8> {
        self.info.observed_address = node.connection(connection).map(|view| plain(view.remote));
        let mut said = Vec::new();
        let message = encode(&self.info);
        if message.len() <= SAFE_MESSAGE || self.info.record.is_none() {
            frame(&message, &mut said);
        } else {
            let record = self.info.record.take();
            frame(&encode(&self.info), &mut said);
            frame(&encode(&Info { record: record.clone(), ..Info::default() }), &mut said);
            self.info.record = record;
        }
        said
    }
}

/// Returns an address without the peer id at its end.
fn plain(address: &Multiaddr) -> Multiaddr {
    let mut plain = address.clone();
    if let Some(multiaddr::Protocol::P2p(_)) = address.iter().last() {
        plain.pop();
    }
    plain
}

/// Appends a message to `out`, with its length in bytes in front of it.
fn frame(message: &[u8], out: &mut Vec<u8>) {
    varint::append(message.len(), out);
    out.extend_from_slice(message);
}
