//! [`Identify`] as a notifee: its reaction to each notification.

use super::message::most_memory;
use super::streams::{Item, KnownConnection};
use super::{Event, Identify, PROTOCOL, PUSH_PROTOCOL};
use crate::connection::Protocol;
use crate::lifecycle::{ConnectionEnd, ConnectionId, Failure, Limits, ListenerEnd, ListenerId, StreamEnd, StreamId};
use crate::notifee::{HasNode, Interest, Notifee, NotifeeContext};
use crate::protocols::{CONNECTIONS_KEPT, STREAMS_KEPT, Service};
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

impl<N: HasNode> Service<N> for Identify {
    fn protocols(&self) -> Vec<Protocol> {
        vec![PROTOCOL, PUSH_PROTOCOL]
    }
}

impl<N: HasNode> Notifee<N> for Identify {
    fn interest(&self) -> Interest {
        Interest::LISTEN
            | Interest::LISTEN_CLOSE
            | Interest::ADDRESSES_CHANGED
            | Interest::CONNECTED
            | Interest::DISCONNECTED
            | Interest::OPENED_STREAM
            | Interest::STREAM_FAILED
            | Interest::CLOSED_STREAM
            | Interest::STREAM_READY
            | Interest::TIME
    }

    fn listen(&mut self, _cx: &mut NotifeeContext<'_, N>, _listener: ListenerId) {
        self.is_dirty = true;
    }

    fn listen_close(&mut self, _cx: &mut NotifeeContext<'_, N>, _listener: ListenerId, _reason: ListenerEnd) {
        self.is_dirty = true;
    }

    fn addresses_changed(&mut self, _cx: &mut NotifeeContext<'_, N>, _listener: ListenerId) {
        self.is_dirty = true;
    }

    fn connected(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId) {
        // An open connection has an authenticated peer.
        let Some(peer) = cx.network().node().connection(connection).and_then(|view| view.peer) else { return };
        self.connections.insert(connection, KnownConnection::new(peer, self.config.asks));
        if self.config.asks {
            self.to_ask.push_back(connection);
        }
    }

    fn disconnected(&mut self, _cx: &mut NotifeeContext<'_, N>, connection: ConnectionId, _reason: ConnectionEnd) {
        let Some(entry) = self.connections.remove(connection) else { return };
        self.held.forget(Item::Info(connection));
        self.connections.give_up_slots(CONNECTIONS_KEPT);
        self.streams.give_up_slots(STREAMS_KEPT);
        if entry.is_asked {
            // All streams of the connection have been told as ended before it, so this is a question for which no stream was
            // opened. Only the owner is told: the other notifees have been told of the end of the connection, and must not
            // be told of the connection after that.
            let reason = Failure::ConnectionClosed;
            self.events.push(Event::Failed { connection, peer: entry.peer, reason });
        }
    }

    fn opened_stream(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId, stream: StreamId) {
        let now = cx.now();
        self.opened(cx.network().node_mut(), connection, stream, now);
        self.tell(cx);
    }

    fn stream_failed(&mut self, cx: &mut NotifeeContext<'_, N>, _: ConnectionId, stream: StreamId, reason: Failure) {
        let now = cx.now();
        self.stream_ended(cx.network().node_mut(), stream, reason, now);
        self.tell(cx);
    }

    fn closed_stream(&mut self, cx: &mut NotifeeContext<'_, N>, _: ConnectionId, stream: StreamId, reason: StreamEnd) {
        let now = cx.now();
        self.stream_ended(cx.network().node_mut(), stream, reason.into(), now);
        self.tell(cx);
    }

    fn stream_ready(&mut self, cx: &mut NotifeeContext<'_, N>, stream: StreamId, _readable: bool, _writable: bool) {
        let now = cx.now();
        self.drive_stream(cx.network().node_mut(), stream, now);
        self.tell(cx);
    }

    fn memory_bound(&self, limits: &Limits) -> usize {
        self.config.memory_bound(limits)
    }

    fn poll_at(&self) -> Option<Duration> {
        // Queued pushes do not ask for a drive while as many as allowed are under way: the end of one of them is told
        // as an event.
        let is_due = self.is_dirty || !self.to_ask.is_empty() || (!self.to_push.is_empty() && self.may_push());
        if is_due {
            return Some(Duration::ZERO);
        }
        self.deadlines.first().into_iter().chain(self.push_again_at).min()
    }

    fn tick(&mut self, cx: &mut NotifeeContext<'_, N>) {
        let now = cx.now();
        // While there is no room to emit an event, deadlines are not handled and remain due. The remaining deadlines also
        // remain due once the information reported in this tick takes as much memory as the information of one peer may
        // take: an emitted event keeps its information until all notifees have been told, and all deadlines may come at
        // once.
        self.said_bytes = 0;
        let most = most_memory(self.config.max_bytes);
        while cx.room_to_emit() > 0
            && self.said_bytes <= most
            && let Some(stream) = self.deadlines.take_due(now)
        {
            self.late(cx.network().node_mut(), stream, now);
            self.tell(cx);
        }
        while cx.room_to_emit() > 0
            && let Some(connection) = self.to_ask.pop_front()
        {
            self.ask(cx.network().node_mut(), connection, now);
            self.tell(cx);
        }
        let node = cx.network().node_mut();
        if self.push_again_at.take_if(|at| *at <= now).is_some() {
            self.to_push.extend(self.to_push_again.drain(..));
        }
        // The owner may have called `push` after a change of protocols, which no notification reports.
        if core::mem::take(&mut self.is_dirty) || !self.to_push.is_empty() {
            self.look_again(node);
        }
        self.push_on(node, now);
    }
}
