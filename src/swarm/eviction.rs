//! Eviction at a limit: choosing the connection that is closed to make room for a new one, and the streams that are reset to
//! make room for new ones.

use super::Swarm;
use super::pipe::PipeTransport;
use super::reactor::Reactor;
use super::shares::{Greediest, Holder, SpentShare};
use super::socket_connection::{SocketConnection, Trim};
use crate::lifecycle::{ConnectionId, Direction, StreamId};
use core::cell::Cell;
use core::cmp::Reverse;
use core::fmt;
use core::time::Duration;
use libp2p_core::Multiaddr;

/// The maximum number of connections that are examined to find one to close, so that the work for one new connection is
/// bounded. It is the number of connections that 128 addresses may have.
const LOOKED_AT: usize = 1_024;

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: PipeTransport,
    R: Reactor,
{
    /// Returns the address or site of `remote` if it has as many connections as allowed, so that a socket accepted from
    /// there has to be refused; `None` if the socket need not be refused. The peer of the socket is not known yet, so the
    /// result is also `None` if a connection from the same address or site looks dead and the new connection could replace
    /// it.
    pub(super) fn crowd_at_door(&self, remote: &Multiaddr) -> Option<SpentShare> {
        let crowd = self.state.shares.crowd(None, remote, self.state.lifecycle.held_connections())?;
        let Holder::Group(group) = crowd.holder else { return None };
        let has_dead = self.state.shares.connections_in(group).any(|id| self.looks_dead(id));
        (!has_dead).then_some(crowd)
    }

    /// Counts a new connection for its peer and its address, before the connection opens. Returns `false` if there is no
    /// place for it; the new connection is then closed. In two cases another connection has to make room. If the peer or the
    /// address already has its share, a connection of this peer that looks dead is closed; if none does, the new one is. If
    /// at most 1/64 of all places is free, an idle connection is closed whose peer or address has more connections than
    /// those of the new one. If there is none, only a newcomer whose peer and address have no connection gets a place.
    pub(super) fn claim_share(&mut self, id: ConnectionId) -> bool {
        if self.connections.get_mut(id).is_none_or(|conn| conn.has_share(&mut self.state)) {
            return true;
        }
        let Some((peer, remote)) = self.connections.get(id).and_then(|conn| Some((conn.peer()?, conn.remote.clone())))
        else {
            return true;
        };
        // The connection itself holds one of the places.
        let taken = self.state.lifecycle.held_connections().saturating_sub(1);
        while let Some(crowd) = self.state.shares.crowd(Some(peer), &remote, taken) {
            // One of the peer's own connections gives way, if it looks dead.
            let is_in = |id: ConnectionId| match crowd.holder {
                Holder::Peer => true,
                Holder::Group(group) => self.state.shares.connections_in(group).any(|other| other == id),
            };
            let dead = self.state.shares.connections_of(peer).find(|id| is_in(*id) && self.looks_dead(*id));
            match dead {
                Some(dead) => self.trim(dead, Trim::Dead),
                None => return self.refuse_connection(id, &crowd),
            }
        }
        if self.state.shares.is_nearly_full(taken) {
            let held = self.state.shares.holds(peer, &remote);
            match self.longest_idle_of_greediest(held + 1) {
                Some(idle) => self.trim(idle, Trim::Greedy),
                None if held > 0 => {
                    let why = "the last places are for peers and addresses without a connection";
                    return self.refuse_connection(id, &why);
                }
                None => {}
            }
        }
        self.state.shares.join(id, Direction::Inbound, peer, &remote);
        true
    }

    /// Closes a new connection that exceeds a limit, with the reason `why` for the log, and returns `false`.
    fn refuse_connection(&mut self, id: ConnectionId, why: &dyn fmt::Display) -> bool {
        if let Some(conn) = self.connections.get_mut(id) {
            conn.refuse_share(&mut self.state, why);
            conn.mark_dirty(&mut self.state);
        }
        false
    }

    /// Returns whether an inbound connection looks dead: it has no stream, and nothing has arrived from its peer for longer
    /// than the interval between pings. While the owner is late in taking turns, no connection looks dead, since the answer
    /// to a ping may have arrived and be unread.
    fn looks_dead(&self, id: ConnectionId) -> bool {
        let interval = self.state.config.connection.keep_alive_interval;
        let heard = self.idle_times(id).map(|rest| rest.heard);
        !self.state.is_owner_late && heard.is_some_and(|heard| heard.saturating_add(interval) < self.now)
    }

    /// Returns the connection to close for a new one. Peers and address groups with more than `than` inbound connections are
    /// searched, those with the most connections first, until one of them has a connection without a stream. Of the
    /// connections without a stream that this holder has, the one that has had no stream for longest is returned.
    /// Connections of protected peers are skipped, and at most [`LOOKED_AT`] connections are examined.
    fn longest_idle_of_greediest(&self, than: u32) -> Option<ConnectionId> {
        let shares = &self.state.shares;
        let is_protected =
            |id| self.connections.get(id).and_then(SocketConnection::peer).is_some_and(|peer| self.is_protected(peer));
        let left = Cell::new(LOOKED_AT);
        let idle = |id: ConnectionId| {
            left.set(left.get().checked_sub(1)?);
            let rest = self.idle_times(id).filter(|_| !is_protected(id));
            Some(rest.map(|rest| (rest.since, id)))
        };
        let mut holders = shares.greediest_beyond(than).take_while(|_| left.get() > 0);
        let longest = holders.find_map(|holder| match holder {
            Greediest::PeerOf(one) => {
                let peer = self.connections.get(one)?.peer()?;
                shares.connections_of(peer).map_while(idle).flatten().min()
            }
            Greediest::Group(group) => shares.connections_in(group).map_while(idle).flatten().min(),
        });
        longest.map(|(_, id)| id)
    }

    /// Returns the time since which an open inbound connection has had no stream, and the time since which its peer has been
    /// silent; `None` if the connection has a stream, is not open, or is outbound.
    fn idle_times(&self, id: ConnectionId) -> Option<crate::connection::IdleTimes> {
        self.connections.get(id).filter(|_| self.state.shares.is_inbound(id)).and_then(SocketConnection::idle_times)
    }

    /// Resets one stream of the peer with the most streams for each stream that has begun, since the last call, when only
    /// the last sixty-fourth of `limits.streams` was free. That last part is a reserve for peers with few streams and for
    /// ourselves.
    pub(super) fn give_way_to_streams(&mut self) {
        while let Some(one) = self.state.shares.take_wanted() {
            let Some(victim) = self.stream_to_give_way(one) else { continue };
            let Some(connection) = self.state.lifecycle.connection_of(victim) else { continue };
            if let Some(conn) = self.connections.get_mut(connection) {
                conn.take_stream(victim, &mut self.state, self.now);
            }
            self.driven(connection);
        }
    }

    /// Returns the stream to reset, of the streams that the peer of connection `one` has begun on any connection. A
    /// half-open stream that has been silent for at least [`half_open_grace`](crate::connection::Config::half_open_grace)
    /// was most likely forgotten: of these, the one that has been silent longest is returned. Otherwise the youngest stream
    /// of the peer's connection with the most streams is returned: a young stream has transferred least, while an old stream
    /// may be the purpose of the connection.
    fn stream_to_give_way(&self, one: ConnectionId) -> Option<StreamId> {
        let (shares, lifecycle) = (&self.state.shares, &self.state.lifecycle);
        let peer = self.connections.get(one)?.peer()?;
        let grace = self.state.config.connection.half_open_grace;
        let silent = |id| self.connections.get(id)?.silent_longest(&self.state);
        let is_theirs = |id| lifecycle.direction(id) == Some(Direction::Inbound);
        let is_old = |since: Duration| !self.state.is_owner_late && since.saturating_add(grace) <= self.now;
        let silent = shares.connections_of(peer).filter_map(silent);
        let silent = silent.filter(|(since, id)| is_theirs(*id) && is_old(*since)).min();
        silent.map(|(_, id)| id).or_else(|| {
            let connections = shares.connections_of(peer);
            let fullest = connections.max_by_key(|id| (shares.streams_on(*id), Reverse(*id)))?;
            lifecycle.youngest_inbound(fullest)
        })
    }
}
