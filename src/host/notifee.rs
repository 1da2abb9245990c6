//! [`HostNotifee`]: the host's own notifee. It passes the outcome that an event contains to the future, the stream or the
//! handler that waits for the outcome.

use super::any_swarm::AnySwarm;
use super::error::Error;
use super::handler_queue::QueuedStream;
use super::handlers::HandlerChoice;
use super::opened_stream::StreamOutcome;
use super::shared::HostShared;
use super::unread;
use crate::lifecycle::{
    ConnectionEnd, ConnectionId, Direction, Failure, Limits, ListenerEnd, ListenerId, StreamEnd, StreamId,
};
use crate::notifee::{HasNode, Interest, Node, Notifee, NotifeeContext};
use crate::text::for_log;
use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;

/// The host's own notifee. It borrows the [`Waiters`](super::shared::Waiters) only briefly each time. It calls no wakers and
/// no handlers: the driver calls them after the turn.
pub(super) struct HostNotifee(pub(super) Rc<HostShared>);

impl HostNotifee {
    /// Queues an inbound stream for the handler of its protocol, or resets the stream if nobody will answer it. A stream of
    /// a protocol that another notifee speaks is left to that notifee.
    fn inbound(&self, node: &mut dyn Node, id: StreamId) {
        let Some(view) = node.stream(id).filter(|view| view.direction == Direction::Inbound) else { return };
        let Some(protocol) = view.protocol else { return };
        // The peer is known, since the connection is authenticated.
        let Some(peer) = node.connection(view.connection).and_then(|view| view.peer) else { return };
        let from = (peer, view.connection);
        match self.0.waiters(|waiters| waiters.handlers.answer(protocol, from, &self.0.config)) {
            HandlerChoice::Handler(handler, last) => {
                // The handler of the stream that gives way may be the last reference to an owner's closure. Its drop runs
                // the owner's code, which may use the host, so it is dropped here, where the tables are not borrowed.
                if let Some(QueuedStream { handler: _dropped_outside_the_book, stream: last, .. }) = last {
                    log::debug!(
                        "{}: {}: reset, since others wait for a handler, too",
                        last.id,
                        for_log(&last.protocol)
                    );
                    // The stream may have ended already.
                    let _ = node.reset(last.id);
                    drop(self.0.waiters(|waiters| waiters.streams.remove(last.id)));
                }
                if let Some(stream) = self.0.stream(node, id) {
                    let now = self.0.now();
                    self.0.waiters(|waiters| waiters.handlers.wait(handler, stream, now));
                }
            }
            HandlerChoice::Full => {
                log::debug!("{id}: {}: reset, since too many streams wait for a handler", for_log(protocol));
                // The resets below do not fail, since the stream has just opened.
                let _ = node.reset(id);
            }
            HandlerChoice::Nobody => {
                let _ = node.reset(id);
            }
            // After the handler of the protocol was removed, a service may have begun to speak the protocol. If no service
            // has, the stream is reset.
            HandlerChoice::Other { was_ours: true } if !node.protocols().contains(protocol) => {
                let _ = node.reset(id);
            }
            HandlerChoice::Other { .. } => {}
        }
    }
}

fn failed(reason: Failure, text: Option<&str>) -> Error {
    Error::Failed { reason, text: text.map(Box::from) }
}

impl Notifee<AnySwarm> for HostNotifee {
    fn interest(&self) -> Interest {
        Interest::EVENTS | Interest::STREAM_READY
    }

    fn memory_bound(&self, limits: &Limits) -> usize {
        self.0.config.own_memory(limits)
    }

    fn listen(&mut self, cx: &mut NotifeeContext<'_, AnySwarm>, id: ListenerId) {
        let Some(slot) = self.0.waiters(|waiters| waiters.listening.remove(id)) else { return };
        let addresses = cx.network().node().listener(id).map(|view| view.addresses.to_vec()).unwrap_or_default();
        self.0.fill(&slot, Ok((id, addresses)));
    }

    fn listen_failed(&mut self, cx: &mut NotifeeContext<'_, AnySwarm>, id: ListenerId, reason: Failure) {
        self.0.ended(id);
        let Some(slot) = self.0.waiters(|waiters| waiters.listening.remove(id)) else { return };
        let view = cx.network().node().listener(id);
        self.0.fill(&slot, Err(failed(reason, view.and_then(|view| view.error))));
    }

    fn listen_close(&mut self, _: &mut NotifeeContext<'_, AnySwarm>, id: ListenerId, _: ListenerEnd) {
        self.0.ended(id);
    }

    fn connected(&mut self, cx: &mut NotifeeContext<'_, AnySwarm>, id: ConnectionId) {
        let Some(slot) = self.0.waiters(|waiters| waiters.dialing.remove(id)) else { return };
        // A connection can be looked up until its last event has been handled.
        let Some(view) = cx.network().node().connection(id) else { return };
        // The peer is known, since the connection is authenticated.
        let Some(peer) = view.peer else { return };
        self.0.fill(&slot, Ok((id, peer, view.remote.clone())));
    }

    fn connect_failed(&mut self, cx: &mut NotifeeContext<'_, AnySwarm>, id: ConnectionId, reason: Failure) {
        self.0.ended(id);
        let Some(slot) = self.0.waiters(|waiters| waiters.dialing.remove(id)) else { return };
        let view = cx.network().node().connection(id);
        self.0.fill(&slot, Err(failed(reason, view.and_then(|view| view.error))));
    }

    fn disconnected(&mut self, _: &mut NotifeeContext<'_, AnySwarm>, id: ConnectionId, _: ConnectionEnd) {
        self.0.ended(id);
        self.0.end_line(id);
    }

    fn opened_stream(&mut self, cx: &mut NotifeeContext<'_, AnySwarm>, _: ConnectionId, id: StreamId) {
        let node = cx.network().node_mut();
        match self.0.waiters(|waiters| waiters.opening.remove(id)) {
            Some(slot) => {
                if let Some(stream) = self.0.stream(node, id) {
                    self.0.fill(&slot, Ok(stream));
                }
            }
            // The stream was opened lazily, and its holder has closed and dropped it in the meantime.
            None if self.0.waiters(|waiters| waiters.streams.get(id).is_some_and(|ends| ends.is_let_go.get())) => {
                // This cannot fail: the stream has just opened.
                let _ = node.close_stream(id);
            }
            None => self.inbound(node, id),
        }
    }

    fn stream_failed(&mut self, _: &mut NotifeeContext<'_, AnySwarm>, on: ConnectionId, id: StreamId, reason: Failure) {
        self.0.waiters(|waiters| waiters.opening_queues.give_turn(on));
        if let Some(slot) = self.0.waiters(|waiters| waiters.opening.remove(id)) {
            self.0.fill(&slot, Err(failed(reason, None)));
        }
        // A stream that was opened lazily already has a holder, to which the failure has to be told.
        if let Some(ends) = self.0.waiters(|waiters| waiters.streams.remove(id)) {
            ends.end(StreamOutcome::Failed(reason), Vec::new(), false);
            self.0.wake_later(ends.wakers());
        }
    }

    fn closed_stream(
        &mut self,
        cx: &mut NotifeeContext<'_, AnySwarm>,
        on: ConnectionId,
        id: StreamId,
        reason: StreamEnd,
    ) {
        // The stream that has ended leaves a place to the first opening that waits on its connection.
        self.0.waiters(|waiters| waiters.opening_queues.give_turn(on));
        let Some(ends) = self.0.waiters(|waiters| waiters.streams.remove(id)) else { return };
        let node = cx.network().node_mut();
        // This cannot be asked later: the stream can be looked up only while its last event is handled.
        let is_complete = node.stream(id).is_some_and(|view| view.is_remote_finished);
        ends.end(StreamOutcome::Told(reason), node.take_unread(id), is_complete);
        if let Some(peer) = node.connection(on).and_then(|view| view.peer) {
            let bounds = (self.0.config.unread_bytes_per_peer, self.0.config.unread_bytes);
            unread::count(&self.0.unread, (peer, id), &ends, bounds);
        }
        self.0.wake_later(ends.wakers());
    }

    fn stream_ready(&mut self, _: &mut NotifeeContext<'_, AnySwarm>, id: StreamId, readable: bool, writable: bool) {
        self.0.waiters(|waiters| waiters.ready(id, readable, writable));
    }
}
