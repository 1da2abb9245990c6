//! [`Shares`]: the numbers of connections and streams that each holder has, and the rules that decide whether a holder may
//! have one more.
//!
//! A *holder* is a peer, an address (one IPv4 address or one IPv6 /64), or a site (one IPv6 /48). A *place* is one of the
//! connections, or one of the streams, that may exist at the same time:
//! [`limits.connections`](crate::lifecycle::Limits::connections) and [`limits.streams`](crate::lifecycle::Limits::streams)
//! are the numbers of places. The rules are the same for connections and for streams:
//!
//! 1. **Share.** A holder may not have more places than its share. Peers, addresses and sites have shares of the
//!    connections; only peers have a share of the streams.
//! 2. **Last quarter.** While at most a quarter of all places is free, a holder that has more than a sixteenth of all places
//!    gets no more.
//! 3. **Reserve.** While at most 1/64 of all places is free, a new connection or stream replaces an old one of the holder
//!    that has the most places. That holder must have more places than the holder of the new one would then have, and a
//!    connection is replaced only if it has no stream. If nothing can be replaced, the new connection or stream is refused,
//!    unless its holder has no place yet: then it gets one of the free places.
//! 4. **Exception.** Loopback addresses, and addresses without an IP address, are not holders, since they do not tell one
//!    host from another.
//!
//! The rules apply to connections that peers have dialed, and to streams that peers have opened. The connections and streams
//! that our owner begins use up places, but no holder's share.
//!
//! Counting a stream costs a lookup by index and the update of a few counters; counting a connection costs O(log n). A holder
//! without a place needs no memory.

mod protocols;
mod ranking;
mod streams;
#[cfg(test)]
mod tests;

use super::address_group::{AddressGroup, is_loopback};
use super::config::Config;
use crate::lifecycle::{ConnectionId, Direction, Table};
use alloc::collections::BTreeSet;
use core::fmt;
use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;
use protocols::LimitedProtocols;
pub use protocols::ProtocolLimits;
use ranking::Ranking;
use slab::Slab;

/// The divisor of the last quarter of all connections or streams that may exist. Peers, addresses and sites that have more
/// than a sixteenth of all get none of this quarter.
const LAST: u64 = 4;

/// The divisor of the sixteenth of all connections or streams above which a peer, an address or a site is greedy, so that it
/// gets none of the last quarter.
const GREEDY: u64 = 16;

/// The divisor of the reserve, which is the last 1/64 of all connections or streams that may exist, but at least one. When
/// only the reserve is free, a new connection or stream replaces a connection or stream of the holder (a peer, an address or
/// a site) that has most.
const RESERVE: u32 = 64;

/// The smallest limit on connections or streams of which the last 1/64, but at least one, is a reserve. In a smaller limit,
/// a reserve of one connection or stream would be more than a quarter.
const SMALLEST_WITH_RESERVE: u32 = 4;

/// The number of peers, and of address groups, for which memory is never given back.
const FEW: usize = 8;

/// The value that stands in [`Member::groups`] for an address group that has no slot, since it is not a holder.
const NONE: u32 = u32::MAX;

/// The numbers of connections and streams of all holders, which are peers, addresses and sites.
#[derive(Debug)]
pub(super) struct Shares {
    bounds: ShareBounds,
    members: Table<ConnectionId, Member>,
    by_peer: BTreeSet<(PeerId, ConnectionId)>,
    by_group: BTreeSet<(AddressGroup, ConnectionId)>,
    peers: Slab<PeerShare>,
    groups: Slab<GroupShare>,
    /// The number of inbound connections of each peer, and the order of the peers by this number.
    peer_connections: Ranking,
    /// The number of streams that each peer has begun, on inbound and outbound connections, and the order of the peers by
    /// this number.
    peer_streams: Ranking,
    /// The number of inbound connections of each address group, and the order of the groups by this number.
    group_connections: Ranking,
    protocols: LimitedProtocols,
    /// The number of streams that still have to be reset to make room for new ones. Each time, the stream to reset is one of
    /// the peer that has the most. The number grows by one when another peer, or our owner, begins a stream while at most
    /// 1/64 of `limits.streams` is free.
    wanted: u32,
}

#[derive(Debug)]
struct ShareBounds {
    connections: u32,
    connections_per_address: u32,
    connections_per_site: u32,
    connections_per_peer: u32,
    streams: u32,
    streams_per_peer: u32,
}

/// A connection whose peer is authenticated, and which is counted for this peer and for its address groups.
#[derive(Debug)]
struct Member {
    peer: u32,
    /// The slots of the connection's address (an IPv4 address or a /64) and of its /48 in [`Shares::groups`], or [`NONE`].
    groups: [u32; 2],
    /// The number of streams that the peer has begun on this connection.
    streams: u32,
    is_inbound: bool,
}

#[derive(Debug)]
struct PeerShare {
    /// The number of the peer's connections, plus the number of its streams of protocols that the owner has limited. The
    /// record is removed when this number is 0.
    references: u32,
    /// The id of one of the peer's connections, while the peer has any.
    one: ConnectionId,
}

#[derive(Debug)]
struct GroupShare {
    key: AddressGroup,
    /// The number of inbound and outbound connections of this address group.
    members: u32,
    /// The number of streams that peers have begun on the connections of this address group.
    streams: u32,
}

/// A holder that may not have another connection, and the rule that forbids it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SpentShare {
    pub(super) holder: Holder,
    rule: Rule,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Holder {
    Peer,
    Group(AddressGroup),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rule {
    OwnShare,
    LastQuarter,
}

/// Writes the error text for a connection that is refused because this holder may not have another one.
impl fmt::Display for SpentShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (holder, field) = match self.holder {
            Holder::Peer => ("peer", "connections_per_peer"),
            Holder::Group(AddressGroup::V4(_) | AddressGroup::Other(_)) => ("address", "connections_per_address"),
            Holder::Group(AddressGroup::Net64(_)) => ("/64", "connections_per_address"),
            Holder::Group(AddressGroup::Net48(_)) => ("/48", "connections_per_site"),
        };
        match self.rule {
            Rule::OwnShare => write!(f, "the {holder} has its share of connections ({field})"),
            Rule::LastQuarter => {
                write!(f, "the {holder} has more than a sixteenth of all connections, and less than a quarter is free")
            }
        }
    }
}

/// A peer or an address group with many inbound connections, as [`Shares::greediest_beyond`] returns it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Greediest {
    /// A peer, identified by one of its connections.
    PeerOf(ConnectionId),
    Group(AddressGroup),
}

/// Returns the address groups of a remote address that are holders: its IPv4 address or /64, and its /48.
fn groups_of(remote: &Multiaddr) -> [Option<AddressGroup>; 2] {
    let narrow = AddressGroup::of(remote);
    if is_loopback(remote) || matches!(narrow, AddressGroup::Other(_)) {
        return [None; 2];
    }
    [Some(narrow), AddressGroup::wide(remote)]
}

/// Returns whether the next connection or stream, after `taken` existing ones, is one of the last quarter of `limit`.
fn is_last(taken: u32, limit: u32) -> bool {
    u64::from(taken) * LAST >= u64::from(limit) * (LAST - 1)
}

/// Returns whether `held` connections or streams are more than a sixteenth of `limit`, so that their holder (a peer, an
/// address or a site) gets none of the last quarter.
fn is_greedy(held: u32, limit: u32) -> bool {
    u64::from(held) * GREEDY > u64::from(limit)
}

/// Returns whether only the reserve (the last sixty-fourth) of `limit` connections or streams is free while `taken` exist.
/// Limits below [`SMALLEST_WITH_RESERVE`] have no reserve.
fn is_nearly_full(taken: u32, limit: u32) -> bool {
    // Shares alone keep no place free for somebody who has none: with the defaults, 2 016 IPv4 addresses fill all
    // connections but the reserve, with 8 each. From there on each place costs an attacker an address of its own, and 256
    // more of them take the reserve. Of the streams, 64 peers take all but the reserve, with 1 024 each; then each new peer
    // costs one of them a stream.
    limit >= SMALLEST_WITH_RESERVE && limit.saturating_sub(taken) <= (limit / RESERVE).max(1)
}

impl Shares {
    pub(super) fn new(config: &Config) -> Self {
        let bounds = ShareBounds {
            connections: config.limits.connections,
            connections_per_address: config.connections_per_address,
            connections_per_site: config.connections_per_site,
            connections_per_peer: config.connections_per_peer,
            streams: config.limits.streams,
            streams_per_peer: config.streams_per_peer,
        };
        Self {
            bounds,
            members: Table::new(),
            by_peer: BTreeSet::new(),
            by_group: BTreeSet::new(),
            peers: Slab::new(),
            groups: Slab::new(),
            peer_connections: Ranking::default(),
            peer_streams: Ranking::default(),
            group_connections: Ranking::default(),
            protocols: LimitedProtocols::default(),
            wanted: 0,
        }
    }

    // Connections.

    /// Returns the counted connections of `peer`, in the order of their ids. Connections that are not open yet may be
    /// missing.
    pub(super) fn connections_of(&self, peer: PeerId) -> impl Iterator<Item = ConnectionId> {
        let connections = self.by_peer.range((peer, ConnectionId::FIRST)..);
        connections.take_while(move |(other, _)| *other == peer).map(|(_, id)| *id)
    }

    /// Returns the counted connections of an address group, in the order of their ids. Connections that are not open yet may
    /// be missing.
    pub(super) fn connections_in(&self, group: AddressGroup) -> impl Iterator<Item = ConnectionId> {
        let connections = self.by_group.range((group, ConnectionId::FIRST)..);
        connections.take_while(move |(other, _)| *other == group).map(|(_, id)| *id)
    }

    /// Returns whether a connection is counted for its peer and its address groups.
    pub(super) fn is_member(&self, id: ConnectionId) -> bool {
        self.members.get(id).is_some()
    }

    /// Returns whether a connection is inbound and counted, so that it counts towards the limits per peer, address and site.
    pub(super) fn is_inbound(&self, id: ConnectionId) -> bool {
        self.members.get(id).is_some_and(|member| member.is_inbound)
    }

    /// Returns the holder that may not have another inbound connection while `taken` other connections exist: the peer, or
    /// the address or site of `remote`. Returns `None` if all of these may have another one. `peer` is `None` for a socket
    /// that has just been accepted.
    pub(super) fn crowd(&self, peer: Option<PeerId>, remote: &Multiaddr, taken: u32) -> Option<SpentShare> {
        // The default shares (8, 8 and 64) are below a sixteenth of 16 384 connections, so that the last quarter refuses
        // nobody there. It protects small nodes, and owners who have raised the shares: of the 16 places of
        // `Config::small`, the last four are for holders that have at most one.
        let ShareBounds { connections: limit, .. } = self.bounds;
        let broken = |held, share| match held >= share {
            true => Some(Rule::OwnShare),
            false => (is_last(taken, limit) && is_greedy(held, limit)).then_some(Rule::LastQuarter),
        };
        if let Some(slot) = peer.and_then(|peer| self.slot_of_peer(peer))
            && let Some(rule) = broken(self.peer_connections.count(slot), self.bounds.connections_per_peer)
        {
            return Some(SpentShare { holder: Holder::Peer, rule });
        }
        let crowded = |(group, share): (Option<AddressGroup>, u32)| {
            let group = group?;
            let held = self.slot_of_group(group).map_or(0, |slot| self.group_connections.count(slot));
            broken(held, share).map(|rule| SpentShare { holder: Holder::Group(group), rule })
        };
        let shares = [self.bounds.connections_per_address, self.bounds.connections_per_site];
        groups_of(remote).into_iter().zip(shares).find_map(crowded)
    }

    /// Returns whether only the last sixty-fourth of `limits.connections` is free while `taken` connections exist.
    pub(super) fn is_nearly_full(&self, taken: u32) -> bool {
        is_nearly_full(taken, self.bounds.connections)
    }

    /// Returns the number of inbound connections of a peer, of its address or of its site, whichever is largest.
    pub(super) fn holds(&self, peer: PeerId, remote: &Multiaddr) -> u32 {
        let of_peer = self.slot_of_peer(peer).map_or(0, |slot| self.peer_connections.count(slot));
        let of_group = |group| self.slot_of_group(group).map_or(0, |slot| self.group_connections.count(slot));
        groups_of(remote).into_iter().flatten().map(of_group).fold(of_peer, u32::max)
    }

    /// Returns the peers and address groups that hold more than `than` inbound connections, those with the most connections
    /// first. Of those with equally many, address groups are first.
    pub(super) fn greediest_beyond(&self, than: u32) -> impl Iterator<Item = Greediest> {
        let mut groups = self.group_connections.descending().peekable();
        let mut peers = self.peer_connections.descending().peekable();
        core::iter::from_fn(move || {
            let held = |next: Option<&(u32, u32)>| next.map_or(0, |(_, count)| *count);
            let (of_group, of_peer) = (held(groups.peek()), held(peers.peek()));
            if of_group.max(of_peer) <= than {
                return None;
            }
            match of_group >= of_peer {
                true => self.groups.get(groups.next()?.0 as usize).map(|group| Greediest::Group(group.key)),
                false => self.one_of(peers.next()?.0).map(Greediest::PeerOf),
            }
        })
    }

    /// Counts a connection whose peer is known, until [`leave`](Self::leave) is called.
    pub(super) fn join(&mut self, id: ConnectionId, direction: Direction, peer: PeerId, remote: &Multiaddr) {
        if self.is_member(id) {
            return;
        }
        // A dial is counted as a member, too, since its peer may open streams on it. But it uses up no share of
        // connections: a peer that we have dialed can still connect to us as often as any other peer.
        let is_inbound = direction == Direction::Inbound;
        let slot = self.slot_of_peer(peer).unwrap_or_else(|| {
            let slot = self.peers.insert(PeerShare { references: 0, one: id }) as u32;
            self.peer_connections.make_room(slot);
            self.peer_streams.make_room(slot);
            slot
        });
        if let Some(peer) = self.peers.get_mut(slot as usize) {
            peer.references += 1;
        }
        self.by_peer.insert((peer, id));
        if is_inbound {
            self.peer_connections.add(slot);
        }
        let groups = groups_of(remote).map(|group| group.map_or(NONE, |group| self.join_group(id, group, is_inbound)));
        self.members.insert(id, Member { peer: slot, groups, streams: 0, is_inbound });
    }

    fn join_group(&mut self, id: ConnectionId, key: AddressGroup, is_inbound: bool) -> u32 {
        let slot = self.slot_of_group(key).unwrap_or_else(|| {
            let slot = self.groups.insert(GroupShare { key, members: 0, streams: 0 }) as u32;
            self.group_connections.make_room(slot);
            slot
        });
        if let Some(group) = self.groups.get_mut(slot as usize) {
            group.members += 1;
        }
        self.by_group.insert((key, id));
        if is_inbound {
            self.group_connections.add(slot);
        }
        slot
    }

    /// Removes a connection that is over, and its streams, from the counts. If the connection was not counted, nothing
    /// changes.
    pub(super) fn leave(&mut self, id: ConnectionId, peer: PeerId) {
        let Some(Member { peer: slot, groups, streams, is_inbound }) = self.members.remove(id) else { return };
        self.by_peer.remove(&(peer, id));
        self.peer_streams.subtract(slot, streams);
        self.peer_connections.subtract(slot, u32::from(is_inbound));
        // Without another connection, the record of the peer stays only while streams of limited protocols refer to it, and
        // `one` is stale. Nobody reads it then: the peer's counts are 0, so that it is in no ranking.
        let other = self.connections_of(peer).next();
        if let (Some(other), Some(peer)) = (other, self.peers.get_mut(slot as usize)) {
            peer.one = other;
        }
        self.release_peer(slot);
        for slot in groups {
            let Some(group) = self.groups.get_mut(slot as usize) else { continue };
            group.members -= 1;
            group.streams -= streams;
            let (key, is_gone) = (group.key, group.members == 0);
            self.by_group.remove(&(key, id));
            self.group_connections.subtract(slot, u32::from(is_inbound));
            if is_gone {
                self.groups.remove(slot as usize);
            }
        }
    }

    /// Gives memory back after a connection was removed.
    pub(super) fn give_up_memory(&mut self) {
        self.members.give_up_slots(FEW);
        // Only when half of the slots are free: thousands of connections that end one after the other would otherwise each
        // have the records of all peers moved.
        if self.peers.capacity() > FEW && self.peers.len() < self.peers.capacity() / 2 {
            self.peers.shrink_to_fit();
            let slots = self.peers.iter().next_back().map_or(0, |(last, _)| last + 1);
            self.peer_connections.give_up_memory(slots);
            self.peer_streams.give_up_memory(slots);
        }
        if self.groups.capacity() > FEW && self.groups.len() < self.groups.capacity() / 2 {
            self.groups.shrink_to_fit();
            let slots = self.groups.iter().next_back().map_or(0, |(last, _)| last + 1);
            self.group_connections.give_up_memory(slots);
        }
    }

    fn release_peer(&mut self, slot: u32) {
        let Some(peer) = self.peers.get_mut(slot as usize) else { return };
        peer.references -= 1;
        if peer.references == 0 {
            self.peers.remove(slot as usize);
        }
    }

    /// Returns the slot of a peer. The slot is stored with each connection of the peer, and `by_peer` is ordered by peer, so
    /// that one of these connections is found in O(log n). A map from peers to slots would store each peer id a second time.
    fn slot_of_peer(&self, peer: PeerId) -> Option<u32> {
        let first = self.connections_of(peer).next()?;
        self.members.get(first).map(|member| member.peer)
    }

    fn slot_of_group(&self, key: AddressGroup) -> Option<u32> {
        let first = self.connections_in(key).next()?;
        let slots = self.members.get(first)?.groups;
        slots.into_iter().find(|slot| self.groups.get(*slot as usize).is_some_and(|group| group.key == key))
    }

    fn one_of(&self, slot: u32) -> Option<ConnectionId> {
        self.peers.get(slot as usize).map(|peer| peer.one)
    }

    /// Returns the number of all records, of connections, peers, address groups and streams. Tests check that this number is
    /// 0 after everything has ended.
    pub(super) fn kept(&self) -> usize {
        let Self { members, by_peer, by_group, peers, groups, .. } = self;
        let rankings = self.peer_connections.len() + self.peer_streams.len() + self.group_connections.len();
        members.len() + by_peer.len() + by_group.len() + peers.len() + groups.len() + rankings + self.protocols.kept()
    }
}
