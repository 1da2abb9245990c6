//! [`LimitedProtocols`]: the streams of protocols that the owner has limited.

use super::Shares;
use crate::connection::Protocol;
use crate::lifecycle::{ConnectionId, StreamId, Table};
use alloc::vec::Vec;

/// The limits of one protocol for [`limit_protocol`](crate::swarm::Swarm::limit_protocol): the most streams that peers may
/// have open with us. The default limits nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ProtocolLimits {
    /// The most that one peer may have, on all its connections together.
    pub per_peer: u32,
    /// The most that all peers may have together.
    pub total: u32,
}

impl Default for ProtocolLimits {
    fn default() -> Self {
        Self { per_peer: u32::MAX, total: u32::MAX }
    }
}

#[derive(Debug, Default)]
pub(super) struct LimitedProtocols {
    limited: Vec<Limited>,
    /// The counted streams, with the slots of their protocol and of their peer.
    counted: Table<StreamId, (u32, u32)>,
}

#[derive(Debug)]
struct Limited {
    protocol: Protocol,
    limits: ProtocolLimits,
    total: u32,
    /// The number of streams, by the slot of the peer.
    peers: Vec<u32>,
}

impl LimitedProtocols {
    /// Returns the number of streams that are counted.
    pub(super) const fn kept(&self) -> usize {
        self.counted.len()
    }
}

impl Shares {
    /// Sets the limits of a protocol. Returns `true` if it had none before, so that its streams are not counted yet.
    pub(in crate::swarm) fn limit_protocol(&mut self, protocol: &Protocol, limits: ProtocolLimits) -> bool {
        let limited = &mut self.protocols.limited;
        match limited.iter_mut().find(|other| other.protocol == *protocol) {
            Some(other) => {
                other.limits = limits;
                false
            }
            None => {
                limited.push(Limited { protocol: protocol.clone(), limits, total: 0, peers: Vec::new() });
                true
            }
        }
    }

    /// Returns whether any protocol is limited.
    pub(in crate::swarm) const fn limits_protocols(&self) -> bool {
        !self.protocols.limited.is_empty()
    }

    /// Counts a stream that the peer of a connection has begun and that has chosen `protocol`. Returns `false`, and does not
    /// count it, if a limit does not allow it; with `is_open` it is counted in any case. Streams of a protocol without
    /// limits are not counted.
    pub(in crate::swarm) fn may_speak(
        &mut self,
        id: ConnectionId,
        stream: StreamId,
        protocol: &Protocol,
        is_open: bool,
    ) -> bool {
        let LimitedProtocols { limited, counted } = &mut self.protocols;
        let Some(index) = limited.iter().position(|other| other.protocol == *protocol) else { return true };
        let Some(peer) = self.members.get(id).map(|member| member.peer) else { return true };
        let Limited { limits, total, peers, .. } = &mut limited[index];
        if peers.len() <= peer as usize {
            peers.resize(peer as usize + 1, 0);
        }
        let own = &mut peers[peer as usize];
        if !is_open && (*own >= limits.per_peer || *total >= limits.total) {
            return false;
        }
        *own += 1;
        *total += 1;
        counted.insert(stream, (index as u32, peer));
        // A stream is counted until its last event, which may come after the last connection of its peer has gone.
        if let Some(peer) = self.peers.get_mut(peer as usize) {
            peer.references += 1;
        }
        true
    }

    /// Takes a stream that has ended off the count of its protocol, if it was counted.
    #[inline]
    pub(in crate::swarm) fn speaks_no_more(&mut self, stream: StreamId) {
        if !self.protocols.counted.is_empty() {
            self.uncount(stream);
        }
    }

    #[inline(never)]
    fn uncount(&mut self, stream: StreamId) {
        let LimitedProtocols { limited, counted } = &mut self.protocols;
        let Some((index, peer)) = counted.remove(stream) else { return };
        let Limited { total, peers, .. } = &mut limited[index as usize];
        *total -= 1;
        peers[peer as usize] -= 1;
        self.release_peer(peer);
    }
}
