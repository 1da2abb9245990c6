//! Dials that reach our own listener. Such a dial fails as soon as its peer has proved to have our key, which is before our
//! last handshake message. Its accepted end still stands at the door and waits for that message. It has no id; it is closed
//! and counted.

use super::Swarm;
use super::reactor::Reactor;
use super::refusals::Refusal;
use futures_lite::io::{AsyncRead, AsyncWrite};
use libp2p_core::Transport;

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: Transport + Unpin,
    T::Output: AsyncRead + AsyncWrite + Unpin,
    T::Error: 'static,
    R: Reactor,
{
    /// Closes the accepted end of a dial of ours that has just found our own key, if that end is in this swarm.
    ///
    /// It looks at every visitor, which only a dial of ours to a peer with our key can cause.
    pub(super) fn turn_away_own_end(&mut self) {
        let Some(transcript) = self.state.own_end.take() else { return };
        // If there is none, the dial has led to another process that has our key.
        if let Some(number) = self.door.of_transcript(transcript) {
            self.turn_away(number, Refusal::HandshakeFailed, &"we dialed ourselves");
        }
    }
}
