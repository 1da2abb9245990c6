//! Connections with ourselves. A dial that leads to a listener of our own has failed as soon as its peer has proved to be
//! us, which is before our last handshake message. Its accepted end waits for that message. It has no peer yet, so nobody
//! has been told of it, and it is dropped without an event.

use super::Swarm;
use super::link::Link;
use super::reactor::Reactor;
use crate::lifecycle::{ConnectionId, Direction};
use futures_lite::io::{AsyncRead, AsyncWrite};
use libp2p_core::Transport;

/// A connection whose peer has proved to hold our identity key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum OwnEnd {
    /// Our dial, with a hash of its handshake's transcript, which its accepted end has, too. The dial has failed already.
    Dialed([u8; 32]),
    /// One that was accepted from another process.
    Accepted(ConnectionId),
}

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: Transport + Unpin,
    T::Output: AsyncRead + AsyncWrite + Unpin,
    T::Error: 'static,
    R: Reactor,
{
    /// Drops the accepted end of a connection with ourselves, if one has just been found.
    ///
    /// For a dial it looks at each connection. That happens only after a dial of ours has reached a peer with our key.
    pub(super) fn discard_own_end(&mut self) {
        let id = match self.ledger.own_end.take() {
            None => return,
            Some(OwnEnd::Accepted(id)) => id,
            Some(OwnEnd::Dialed(transcript)) => {
                let is_other_end =
                    |link: &Link<T>| link.direction == Direction::Inbound && link.transcript() == Some(transcript);
                let other = self.links.iter().find(|(_, link)| is_other_end(link));
                // The dial led to another process that has our key.
                let Some((id, _)) = other else { return };
                id
            }
        };
        if self.ledger.lifecycle.discard(id).is_ok() {
            self.ledger.handshake_ends(Direction::Inbound);
            self.remove_link(id);
            self.forget_deadlines();
        }
    }
}
