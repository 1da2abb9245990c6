//! Acts on all connections of a peer.

use super::Swarm;
use super::reactor::Reactor;
use crate::connection::Now;
use crate::lifecycle::ConnectionEnd;
#[cfg(doc)]
use crate::lifecycle::Event;
use crate::swarm::SwarmTransport;
use libp2p_identity::PeerId;

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: SwarmTransport,
    R: Reactor,
{
    /// Closes all connections of a peer politely, each as [`close_connection`](Self::close_connection) does, and returns
    /// how many it acts on. It walks all slots of connections.
    ///
    /// - One that is open is closed, and so is one that the peer is leaving by go-away 0 while its streams go on.
    /// - One that is not open yet is given up at once if it is known to be this peer's: it was dialed with the peer's
    ///   `/p2p/…` at the end of its address, or its handshake has named the peer and it waits for room to open.
    /// - One that is being closed already, by its owner or for idleness, is left as it is and not counted.
    /// - One whose peer is not known yet goes on: an accepted connection in its handshake, and a dial that would take any
    ///   peer. If it turns out to be this peer's, it opens.
    ///
    /// The peer can connect again at once. To keep it out, [deny](super::Lists::deny_peer) it.
    ///
    /// # Events
    /// Those of [`close_connection`](Self::close_connection), for each connection that it acts on:
    /// [`Disconnected`](Event::Disconnected) with [`ConnectionEnd::Requested`], or with
    /// [`RemoteEnd::GoAway`](crate::lifecycle::RemoteEnd::GoAway) where the peer was leaving, or
    /// [`ConnectFailed`](Event::ConnectFailed) with [`Failure::Requested`](crate::lifecycle::Failure::Requested).
    pub fn disconnect_peer(&mut self, peer: PeerId) -> usize {
        let Self { connections, state, .. } = self;
        let of_peer =
            connections.iter_mut().filter(|(_, conn)| conn.peer().or(conn.expected.as_deref().copied()) == Some(peer));
        let mut count = 0;
        for (_, conn) in of_peer.filter(|(_, conn)| !conn.is_closing()) {
            conn.close(state, ConnectionEnd::Requested, Now::Untimed);
            conn.mark_commanded(state);
            count += 1;
        }
        count
    }
}
