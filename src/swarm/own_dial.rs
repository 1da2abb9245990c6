//! Connections with ourselves. A dial that leads to a listener of our own has failed as soon as its peer has proved to be
//! us, which is before our last handshake message. Its accepted end still stands at the door and waits for that message:
//! it has no id, and is closed and counted.

use super::Swarm;
use super::reactor::Reactor;
use super::refusals::Refusal;
use crate::swarm::SwarmTransport;

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: SwarmTransport,
    R: Reactor,
{
    /// Closes the accepted end of a dial of ours that has just found our own key, if that end is here, too.
    ///
    /// It looks at each visitor. That happens only after a dial of ours has reached a peer with our key.
    pub(super) fn turn_away_own_end(&mut self) {
        let Some(transcript) = self.state.own_end.take() else { return };
        // Without one the dial has led to another process that has our key.
        if let Some(number) = self.door.of_transcript(transcript) {
            self.turn_away(number, Refusal::HandshakeFailed, &"we dialed ourselves");
        }
    }
}
