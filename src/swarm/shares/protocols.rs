//! [`LimitedProtocols`]: the protocols whose streams the owner has limited, and the numbers of these streams.

use super::Shares;
use crate::connection::Protocol;
use crate::lifecycle::{ConnectionId, StreamId, Table};
use alloc::vec::Vec;

/// The limits of one protocol for [`limit_protocol`](crate::swarm::Swarm::limit_protocol): the maximum numbers of streams
/// that peers may have open with us. The default is no limit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct ProtocolLimits {
    /// The maximum number of streams that one peer may have open, on all its connections together.
    pub per_peer: u32,
    /// The maximum number of streams that all peers together may have open.
    pub total: u32,
}

impl ProtocolLimits {
    /// Makes limits that allow any number of streams.
    #[must_use]
    pub const fn new() -> Self {
        Self { per_peer: u32::MAX, total: u32::MAX }
    }

    /// Sets the limit [`per_peer`](Self::per_peer), and returns the limits.
    #[must_use]
    pub const fn with_per_peer(mut self, streams: u32) -> Self {
        self.per_peer = streams;
        self
    }

    /// Sets the limit [`total`](Self::total), and returns the limits.
    #[must_use]
    pub const fn with_total(mut self, streams: u32) -> Self {
        self.total = streams;
        self
    }
}

impl Default for ProtocolLimits {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Debug, Default)]
pub(super) struct LimitedProtocols {
    limited: Vec<Limited>,
    /// The counted streams, each with the index of its protocol in `limited` and the slot of its peer.
    counted: Table<StreamId, (u32, u32)>,
}

#[derive(Debug)]
struct Limited {
    protocol: Protocol,
    limits: ProtocolLimits,
    total: u32,
    /// The number of streams of each peer, indexed by the slot of the peer.
    peers: Vec<u32>,
}

impl LimitedProtocols {
    /// Returns the number of counted streams, for all limited protocols together.
    pub(super) const fn kept(&self) -> usize {
        self.counted.len()
    }
}

impl Shares {
    /// Sets the limits of a protocol. Returns `true` if the protocol had no limits before, so that its streams are not
    /// counted yet.
    pub(in crate::swarm) fn limit_protocol(&mut self, protocol: &Protocol, limits: ProtocolLimits) -> bool {
        let limited = &mut self.protocols.limited;
        match limited.iter_mut().find(|other| other.protocol == *protocol) {
            Some(other) => {
                other.limits = limits;
                false
            }
            None => {
                // An entry is never removed, not even if its limits limit nothing any more: `counted` refers to it by its
                // index.
                limited.push(Limited { protocol: protocol.clone(), limits, total: 0, peers: Vec::new() });
                true
            }
        }
    }

    /// Returns whether the owner has limited the streams of any protocol.
    pub(in crate::swarm) const fn limits_protocols(&self) -> bool {
        !self.protocols.limited.is_empty()
    }

    /// Counts a stream that the peer of the connection `id` has begun and that has chosen `protocol`. Returns `false`, and
    /// does not count the stream, if a limit of the protocol does not allow it. With `is_open`, the stream is counted even
    /// beyond a limit. Streams of a protocol without limits are not counted.
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
        // Streams that are open when their protocol is limited go on, and are counted, so that no new ones begin until
        // enough of them have ended.
        if !is_open && (*own >= limits.per_peer || *total >= limits.total) {
            return false;
        }
        *own += 1;
        *total += 1;
        counted.insert(stream, (index as u32, peer));
        // A stream is counted until its last event, which may be handled after the last connection of its peer was removed.
        if let Some(peer) = self.peers.get_mut(peer as usize) {
            peer.references += 1;
        }
        true
    }

    /// Removes a stream that has ended from the count of its protocol, if it was counted.
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
