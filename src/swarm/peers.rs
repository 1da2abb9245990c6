//! The command that acts on all connections of a peer.

use super::Swarm;
use super::pipe::PipeTransport;
use super::reactor::Reactor;
use crate::connection::Now;
use crate::lifecycle::ConnectionEnd;
#[cfg(doc)]
use crate::lifecycle::Event;
use libp2p_identity::PeerId;

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: PipeTransport,
    R: Reactor,
{
    /// Closes all connections of a peer politely, like [`close_connection`](Self::close_connection), and returns their
    /// number. The call visits the whole table of connections.
    ///
    /// - An open connection is closed, even if the peer has sent go-away 0 and live streams go on.
    /// - A connection that is not open yet is given up at once if its peer is known to be this peer: its address was dialed
    ///   with the peer's `/p2p/…` at the end, or its handshake has authenticated the peer and it waits for room in the event
    ///   queue.
    /// - A connection that is being closed already, by its owner or because it is idle, is left as it is and not counted.
    /// - A connection whose peer is not known yet goes on: an accepted connection in its handshake, or a dial that accepts
    ///   any peer. This connection opens even if its peer turns out to be the given one.
    ///
    /// The peer can connect again at once. To prevent that, [deny](super::Lists::deny_peer) the peer.
    ///
    /// # Events
    /// The events of [`close_connection`](Self::close_connection), for each connection that is closed:
    /// [`Disconnected`](Event::Disconnected) with [`ConnectionEnd::Requested`], or with
    /// [`RemoteEnd::GoAway`](crate::lifecycle::RemoteEnd::GoAway) if the peer was leaving already, or
    /// [`ConnectFailed`](Event::ConnectFailed) with [`Failure::Requested`](crate::lifecycle::Failure::Requested).
    pub fn disconnect_peer(&mut self, peer: PeerId) -> usize {
        let Self { connections, state, .. } = self;
        // The table is searched, and not the shares: these know no connection before it opens, and dials have to be given up
        // here, too.
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
