//! Commands that act on all connections of a peer.

use super::Swarm;
use super::reactor::Reactor;
use crate::connection::UNTIMED;
use crate::lifecycle::ConnectionEnd;
#[cfg(doc)]
use crate::lifecycle::Event;
use futures_lite::io::{AsyncRead, AsyncWrite};
use libp2p_core::Transport;
use libp2p_identity::PeerId;

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: Transport + Unpin,
    T::Output: AsyncRead + AsyncWrite + Unpin,
    T::Error: 'static,
    R: Reactor,
{
    /// Closes all connections of a peer politely, each as [`close_connection`](Self::close_connection) does, and returns
    /// their number. It looks at all slots of connections.
    ///
    /// - An open connection is closed, even if the peer has sent go-away 0 and live streams go on.
    /// - A connection that is not open yet is given up at once if it is known to be this peer's: it was dialed with the
    ///   peer's `/p2p/…` at the end of its address, or its handshake has authenticated the peer and it waits for room to
    ///   open.
    /// - A connection that is being closed already, by its owner or because it is idle, is left as it is and not counted.
    /// - A connection whose peer is not known yet goes on: an accepted connection in its handshake, or a dial that accepts
    ///   any peer. If its peer turns out to be this one, it opens.
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
            conn.close(state, ConnectionEnd::Requested, UNTIMED);
            conn.mark_commanded(state);
            count += 1;
        }
        count
    }
}
