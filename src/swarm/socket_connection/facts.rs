//! The handling of the facts that a connection reports: the connection opens, or waits for room in the event queue; its
//! streams open, end or fail.

use super::ending::EndCause;
use super::{ConnectionStage, OurSide, SocketConnection};
use crate::connection::{Fact, PackedPeer};
use crate::lifecycle::{ConnectionEnd, Direction, RemoteEnd};
use crate::swarm::pipe::PipeTransport;
use crate::swarm::refusals::Refusal;
use crate::swarm::state::SwarmState;
use core::task::Context;
use core::time::Duration;

impl<T> SocketConnection<T>
where
    T: PipeTransport,
{
    pub(super) fn handle<const E: usize>(
        &mut self,
        fact: Fact,
        state: &mut SwarmState<E>,
        cx: &mut Context<'_>,
        now: Duration,
    ) {
        match fact {
            Fact::ReadyToOpen => self.ready_to_open(state, cx, now),
            Fact::StreamOffered => self.offered(state, cx, now),
            Fact::StreamUnproposed => state.stream_without_id(self.id, Refusal::StreamUnproposed),
            Fact::StreamRefused => state.stream_without_id(self.id, Refusal::StreamLimit),
            // The gate is asked before the limits: a stream that the gate denies uses up none of its protocol's places, and
            // the peer hears `na` and may propose another protocol.
            Fact::StreamReadyToOpen(id) if state.access.has_gate() && !self.gate_allows(id, state, now) => {
                self.refuse_proposal(id, state, cx, now);
            }
            Fact::StreamReadyToOpen(id) if !state.may_speak(id) => self.refuse_protocol(id, state, now),
            Fact::StreamReadyToOpen(id) => match state.may_open_now() {
                true => self.admit_stream(id, state, now),
                false => state.enqueue_opening(id),
            },
            Fact::StreamFailed(id, failure) => state.fail_stream(id, failure),
            // The stream is open. One that ends before it was allowed to open is told by `StreamFailed`.
            Fact::StreamEnded(id, end) => state.end_stream(id, end),
            Fact::Readable(id) => state.mark_readable(id),
            Fact::Writable(id) => state.mark_writable(id),
            Fact::GoAway(code) => match &mut self.stage {
                // Two polite closes have crossed: our pending output is still written.
                ConnectionStage::Closing(_, _, ours @ (OurSide::Open | OurSide::Last)) if code == 0 => {
                    *ours = OurSide::Last
                }
                ConnectionStage::Closing(_, _, OurSide::Serving) if code == 0 => {}
                // Go-away 0 is a normal end, after which the peer may still read. If it ended the streams, a request whose
                // frames share a write with the go-away would be lost.
                ConnectionStage::Up(_) if code == 0 => self.serve(state),
                ConnectionStage::Dialing(_)
                | ConnectionStage::Up(_)
                | ConnectionStage::Closing(..)
                | ConnectionStage::Over(_) => {
                    self.end(state, EndCause::Ended(ConnectionEnd::Remote(RemoteEnd::GoAway(code))));
                }
            },
            Fact::Idle => self.close(state, ConnectionEnd::Idle, now),
            Fact::CloseTimeout => self.cut(state),
            Fact::Failed(error) => {
                self.last_words(cx);
                self.end(state, EndCause::Broke(error));
            }
        }
    }

    /// Continues a connection whose peer was authenticated, or whose muxer was agreed; or queues it for opening if the event
    /// queue has no room, or if another connection has to be closed first to make room for it.
    pub(in crate::swarm) fn ready_to_open<const E: usize>(
        &mut self,
        state: &mut SwarmState<E>,
        cx: &mut Context<'_>,
        now: Duration,
    ) {
        let peer = self.connection().and_then(|connection| connection.peer());
        let is_new = self.peer.is_none();
        self.peer = peer.and_then(PackedPeer::pack);
        self.expected = None;
        if peer == Some(state.local_peer) {
            return self.refuse_ourselves(state);
        }
        // An accepted connection was judged before it got its id.
        if let Some(peer) = peer.filter(|_| is_new && self.direction == Direction::Outbound)
            && let Err(why) = state.access.may_connect(peer, self.direction, self.judged_address(), now)
        {
            return self.deny(state, cx, now, why);
        }
        match state.may_open_now() && self.has_share(state) {
            true => self.admit(state, cx, now),
            false => state.enqueue_opening(self.id),
        }
    }

    /// Continues a connection that is ready and for whose event the queue has room: the connection opens, or goes on with
    /// its handshake until it is ready again.
    pub(in crate::swarm) fn admit<const E: usize>(
        &mut self,
        state: &mut SwarmState<E>,
        cx: &mut Context<'_>,
        now: Duration,
    ) {
        let config = &state.config.connection;
        match self.connection().map(|connection| connection.open(config, now)) {
            Some(Ok(opened)) => {
                if opened && state.lifecycle.opened(self.id).is_ok() {
                    self.opening_ends(state);
                    if let Some(peer) = self.peer() {
                        state.held_bytes.join(&mut self.account, peer);
                    }
                }
                // Bytes that came behind the handshake were kept, and no socket will wake for them. If there are none, a
                // wake would cost the owner a turn with nothing to do.
                if self.connection().is_some_and(|connection| connection.keeps_input()) {
                    cx.waker().wake_by_ref();
                }
            }
            Some(Err(error)) => self.end(state, EndCause::Broke(error)),
            None => {}
        }
        self.settle(state);
        self.mark_dirty(state);
    }
}
