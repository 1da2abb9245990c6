//! The part of [`Shares`] that counts and limits streams.

use super::{Shares, is_greedy, is_last, is_nearly_full};
use crate::lifecycle::ConnectionId;

impl Shares {
    /// Returns whether the peer of the connection `id` may begin another stream while `taken` streams exist.
    #[inline]
    pub(in crate::swarm) fn may_begin_stream(&self, id: ConnectionId, taken: u32) -> bool {
        let Some(member) = self.members.get(id) else { return true };
        let (own, limit) = (self.peer_streams.count(member.peer), self.bounds.streams);
        if own >= self.bounds.streams_per_peer {
            return false;
        }
        if !is_last(taken, limit) {
            return true;
        }
        // Addresses and sites have no share of the streams, so that the last quarter is what stops them: the 64 connections
        // of one /48 may be those of 64 peers with 1 024 streams each, which would be all 65 536 streams.
        let mut groups = member.groups.into_iter().filter_map(|slot| self.groups.get(slot as usize));
        if is_greedy(own, limit) || groups.any(|group| is_greedy(group.streams, limit)) {
            return false;
        }
        // `own + 1`: when the greediest peer has given up a stream, it still has as many as this peer has then. Otherwise
        // two peers with equally many would reset each other's streams in turns.
        !is_nearly_full(taken, limit) || own == 0 || self.most_streams() > own + 1
    }

    pub(super) fn most_streams(&self) -> u32 {
        self.peer_streams.greediest().map_or(0, |(_, count)| count)
    }

    /// Counts a stream that the peer of the connection `id` has begun. `taken` is the number of streams that existed before.
    #[inline]
    pub(in crate::swarm) fn stream_begins(&mut self, id: ConnectionId, taken: u32) {
        let Some(member) = self.members.get_mut(id) else { return };
        member.streams += 1;
        let (peer, groups) = (member.peer, member.groups);
        self.peer_streams.add(peer);
        for slot in groups {
            if let Some(group) = self.groups.get_mut(slot as usize) {
                group.streams += 1;
            }
        }
        // The other stream is reset later: it may be on another connection, and only the connection of the new stream is at
        // hand here. A peer without a stream may begin one even if nobody has more than one; then none is reset, and the
        // new stream uses up a place of the reserve.
        if is_nearly_full(taken, self.bounds.streams) && self.most_streams() > self.peer_streams.count(peer) {
            self.wanted += 1;
        }
    }

    /// Records that our owner has begun a stream. `taken` is the number of streams that existed before. If only the last
    /// sixty-fourth of `limits.streams` was free, the peer with the most streams has to give one up, so that peers with many
    /// streams cannot keep us from opening streams of our own.
    pub(in crate::swarm) fn own_stream_begins(&mut self, taken: u32) {
        if is_nearly_full(taken, self.bounds.streams) && self.most_streams() > 1 {
            self.wanted += 1;
        }
    }

    /// Subtracts one stream from the counts. The peer of the connection `id` has begun this stream.
    #[inline]
    pub(in crate::swarm) fn stream_ends(&mut self, id: ConnectionId) {
        let Some(member) = self.members.get_mut(id) else { return };
        member.streams -= 1;
        let (peer, groups) = (member.peer, member.groups);
        self.peer_streams.subtract(peer, 1);
        for slot in groups {
            if let Some(group) = self.groups.get_mut(slot as usize) {
                group.streams -= 1;
            }
        }
    }

    /// Returns the number of streams that the peer of a connection has begun on this connection.
    pub(in crate::swarm) fn streams_on(&self, id: ConnectionId) -> u32 {
        self.members.get(id).map_or(0, |member| member.streams)
    }

    /// If a stream has to be reset because a new one has begun when only the last sixty-fourth of `limits.streams` was free,
    /// returns a connection of the peer with the most streams, and counts the reset as done. Otherwise returns `None`.
    pub(in crate::swarm) fn take_wanted(&mut self) -> Option<ConnectionId> {
        if self.wanted == 0 {
            return None;
        }
        self.wanted -= 1;
        // The peer with the most is found now, not when the new stream began, since other streams may have ended meanwhile.
        self.peer_streams.greediest().and_then(|(slot, _)| self.one_of(slot))
    }
}
