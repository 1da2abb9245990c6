//! [`RequestResponse`] as a notifee: its reaction to each notification.

use super::{Codec, Exchange, RequestResponse};
use crate::connection::Protocol;
use crate::lifecycle::{ConnectionEnd, ConnectionId, Failure, Limits, StreamEnd, StreamId};
use crate::notifee::{HasNode, Interest, Notifee, NotifeeContext};
use crate::protocols::{CONNECTIONS_KEPT, STREAMS_KEPT, Service};
use alloc::vec::Vec;
use core::time::Duration;

impl<N: HasNode, C: Codec> Service<N> for RequestResponse<C> {
    fn protocols(&self) -> Vec<Protocol> {
        if self.config.answers { self.protocols.clone() } else { Vec::new() }
    }
}

impl<N: HasNode, C: Codec> Notifee<N> for RequestResponse<C> {
    fn interest(&self) -> Interest {
        Interest::CONNECTED
            | Interest::DISCONNECTED
            | Interest::OPENED_STREAM
            | Interest::STREAM_FAILED
            | Interest::CLOSED_STREAM
            | Interest::STREAM_READY
            | Interest::TIME
    }

    fn connected(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId) {
        // An open connection has an authenticated peer.
        let Some(peer) = cx.network().node().connection(connection).and_then(|view| view.peer) else { return };
        self.connections.insert(connection, peer);
        self.peers.entry(peer).or_default().push(connection);
        self.to_send.extend(self.waiting.remove(&peer).unwrap_or_default());
    }

    fn disconnected(&mut self, _cx: &mut NotifeeContext<'_, N>, connection: ConnectionId, _reason: ConnectionEnd) {
        // The requests on the connection have ended already: the ends of streams are told before the end of their
        // connection.
        let Some(peer) = self.connections.remove(connection) else { return };
        self.connections.give_up_slots(CONNECTIONS_KEPT);
        self.streams.give_up_slots(STREAMS_KEPT);
        if let Some(connections) = self.peers.get_mut(&peer) {
            connections.retain(|other| *other != connection);
            if connections.is_empty() {
                self.peers.remove(&peer);
            }
        }
    }

    fn opened_stream(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId, stream: StreamId) {
        let now = cx.now();
        let node = cx.network().node_mut();
        match self.streams.get(stream) {
            Some(Exchange::Ask(id)) => self.go_on_asking(node, *id),
            Some(Exchange::Answer(_)) => {}
            None => self.peer_asks(node, connection, stream, now),
        }
    }

    fn stream_failed(&mut self, cx: &mut NotifeeContext<'_, N>, _: ConnectionId, stream: StreamId, reason: Failure) {
        if let Some(Exchange::Ask(id)) = self.streams.remove(stream) {
            self.asked_is_over(cx.network().node_mut(), id, stream, reason);
        }
    }

    fn closed_stream(&mut self, cx: &mut NotifeeContext<'_, N>, _: ConnectionId, stream: StreamId, reason: StreamEnd) {
        match self.streams.remove(stream) {
            Some(Exchange::Ask(id)) => self.asked_is_over(cx.network().node_mut(), id, stream, reason.into()),
            Some(Exchange::Answer(id)) => self.answered_is_over(id, reason),
            None => {}
        }
    }

    fn stream_ready(&mut self, cx: &mut NotifeeContext<'_, N>, stream: StreamId, _readable: bool, _writable: bool) {
        let node = cx.network().node_mut();
        match self.streams.get(stream) {
            Some(Exchange::Ask(id)) => self.go_on_asking(node, *id),
            Some(Exchange::Answer(id)) => self.go_on_answering(node, *id),
            None => {}
        }
    }

    fn memory_bound(&self, limits: &Limits) -> usize {
        self.config.memory_bound::<C>(limits)
    }

    fn poll_at(&self) -> Option<Duration> {
        let is_due = !self.to_send.is_empty() || !self.to_answer.is_empty();
        if is_due { Some(Duration::ZERO) } else { self.deadlines.first() }
    }

    fn tick(&mut self, cx: &mut NotifeeContext<'_, N>) {
        let now = cx.now();
        let node = cx.network().node_mut();
        while let Some(role) = self.deadlines.take_due(now) {
            match role {
                Exchange::Ask(id) => self.asked_is_late(node, id),
                Exchange::Answer(id) => self.answered_is_late(node, id),
            }
        }
        while let Some(id) = self.to_answer.pop_front() {
            self.go_on_answering(node, id);
        }
        while let Some(id) = self.to_send.pop_front() {
            self.send(node, id, now);
        }
    }
}
