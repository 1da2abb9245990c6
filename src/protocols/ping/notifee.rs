//! [`Ping`] as a notifee: its reactions to events, readiness and time.

use super::{AskStream, Event, PROTOCOL, Ping, PingStream, PingedConnection};
use crate::connection::Protocol;
use crate::lifecycle::{ConnectionEnd, ConnectionId, Direction, Failure, Limits, StreamEnd, StreamId};
use crate::notifee::{HasNode, Interest, Notifee, NotifeeContext, Service};
use crate::protocols::{CONNECTIONS_KEPT, STREAMS_KEPT};
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

impl<N: HasNode> Service<N> for Ping {
    fn protocols(&self) -> Vec<Protocol> {
        vec![PROTOCOL]
    }
}

impl<N: HasNode> Notifee<N> for Ping {
    fn interest(&self) -> Interest {
        Interest::CONNECTED
            | Interest::DISCONNECTED
            | Interest::OPENED_STREAM
            | Interest::STREAM_FAILED
            | Interest::CLOSED_STREAM
            | Interest::STREAM_READY
            | Interest::TIME
    }

    fn memory_bound(&self, limits: &Limits) -> usize {
        self.config.memory_bound(limits)
    }

    fn connected(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId) {
        let now = cx.now();
        // An open connection has an authenticated peer.
        let Some(peer) = cx.network().node().connection(connection).and_then(|view| view.peer) else { return };
        let mut pinged = PingedConnection {
            peer,
            ask_stream: AskStream::Closed,
            is_asked: false,
            deadline: None,
            answers: Vec::new(),
        };
        self.deadlines.set(connection, &mut pinged.deadline, self.config.interval.map(|_| now));
        self.connections.insert(connection, pinged);
    }

    fn disconnected(&mut self, _cx: &mut NotifeeContext<'_, N>, connection: ConnectionId, _reason: ConnectionEnd) {
        let Some(mut pinged) = self.connections.remove(connection) else { return };
        self.connections.give_up_slots(CONNECTIONS_KEPT);
        self.streams.give_up_slots(STREAMS_KEPT);
        self.deadlines.set(connection, &mut pinged.deadline, None);
        // All streams of the connection have been told as ended before the connection, and with them each ping that had
        // begun. What is left is a ping that the owner has asked for and that no drive has begun.
        if pinged.is_asked {
            // Only the owner is told: the other notifees have been told of the end of the connection, and must not be told
            // of the connection after that.
            let reason = Failure::ConnectionClosed;
            self.events.push(Event::Failed { connection, peer: pinged.peer, reason });
        }
    }

    fn opened_stream(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId, stream: StreamId) {
        let now = cx.now();
        let node = cx.network().node_mut();
        if self.streams.get(stream).is_some() {
            self.ask(node, connection, now);
            return self.events.publish(cx);
        }
        let is_ours = |view: crate::swarm::StreamView<'_>| {
            view.direction == Direction::Inbound && view.protocol == Some(&PROTOCOL)
        };
        if node.stream(stream).is_some_and(is_ours) {
            self.answer(node, connection, stream, now);
        }
    }

    fn stream_failed(&mut self, cx: &mut NotifeeContext<'_, N>, _: ConnectionId, stream: StreamId, reason: Failure) {
        let now = cx.now();
        self.stream_ended(cx.network().node_mut(), stream, reason, now);
        self.events.publish(cx);
    }

    fn closed_stream(&mut self, cx: &mut NotifeeContext<'_, N>, _: ConnectionId, stream: StreamId, reason: StreamEnd) {
        let now = cx.now();
        self.stream_ended(cx.network().node_mut(), stream, reason.into(), now);
        self.events.publish(cx);
    }

    fn stream_ready(&mut self, cx: &mut NotifeeContext<'_, N>, stream: StreamId, _readable: bool, _writable: bool) {
        let now = cx.now();
        match self.streams.get_mut(stream) {
            Some(PingStream::Ask(connection)) => {
                let connection = *connection;
                self.read_answer(cx.network().node_mut(), connection, now);
                self.events.publish(cx);
            }
            Some(PingStream::Answer { answer, last, .. }) => {
                *last = now;
                answer.echo(cx.network().node_mut(), stream);
            }
            None => {}
        }
    }

    fn poll_at(&self) -> Option<Duration> {
        self.deadlines.first()
    }

    fn tick(&mut self, cx: &mut NotifeeContext<'_, N>) {
        let now = cx.now();
        // While there is no room to emit an event, deadlines are not handled and remain due.
        while cx.room_to_emit() > 0
            && let Some(connection) = self.deadlines.take_due(now)
        {
            self.deadline(cx.network().node_mut(), connection, now);
            self.events.publish(cx);
        }
    }
}
