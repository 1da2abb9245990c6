//! Dials that reach our own listener. Such a dial fails as soon as its peer has proved to have our key, which is before our
//! last handshake message. The accepted end of such a dial is then still a visitor (an accepted connection whose peer is not
//! authenticated yet), and waits for that message. This visitor has no id; it is closed and counted as a failed handshake.

use super::Swarm;
use super::pipe::PipeTransport;
use super::reactor::Reactor;
use super::refusals::Refusal;

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: PipeTransport,
    R: Reactor,
{
    /// Closes the accepted end of a dial whose peer has just proved to have our own key, if the accepted end is in this
    /// swarm.
    ///
    /// The search visits every visitor. Only a dial of ours to a peer with our key causes a search.
    pub(super) fn turn_away_own_end(&mut self) {
        // The two ends are matched by the hash of their handshake, which no other connection has. The peer id would not do:
        // another process with our key has the same one.
        let Some(transcript) = self.state.own_end.take() else { return };
        // If no visitor has this transcript, the dial has led to another process that has our key.
        if let Some(number) = self.door.of_transcript(transcript) {
            self.turn_away(number, Refusal::HandshakeFailed, &"we dialed ourselves");
        }
    }
}
