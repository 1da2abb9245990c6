//! The implementation of [`Notifee`] for [`PubSub`], which passes notifications of the swarm on to the methods that handle
//! them.

use super::router::Router;
use super::{PubSub, SeqnoValidator};
use crate::connection::Protocol;
use crate::lifecycle::{ConnectionEnd, ConnectionId, Direction, Failure, Limits, StreamEnd, StreamId};
use crate::notifee::{HasNode, Interest, Node, Notifee, NotifeeContext};
use crate::protocols::Service;
use alloc::vec::Vec;
use core::time::Duration;

impl<R: Router> PubSub<R> {
    /// Runs `act` while the time of the service is `now`, and returns its result. Commands that the owner gives between two
    /// notifications have no time.
    fn at<T>(&mut self, now: Duration, act: impl FnOnce(&mut Self) -> T) -> T {
        self.seen.advance(now);
        if let Some(seqnos) = &mut self.seqnos {
            seqnos.advance(now);
        }
        self.now = Some(now);
        let done = act(self);
        self.now = None;
        done
    }

    fn opened(&mut self, node: &mut dyn Node, connection: ConnectionId, stream: StreamId, now: Duration) {
        let Some(view) = node.stream(stream) else { return };
        match view.direction {
            Direction::Outbound => self.outbound_opened(node, stream, now),
            Direction::Inbound => {
                let is_ours = view.protocol.is_some_and(|protocol| self.router.protocols().contains(protocol));
                let peer = node.connection(connection).and_then(|view| view.peer);
                // The registry tells us of the streams of all services. Streams of other protocols are left alone.
                if let (true, Some(peer)) = (is_ours, peer) {
                    self.inbound_opened(node, peer, stream);
                }
            }
        }
    }
}

impl<N: HasNode, R: Router> Notifee<N> for PubSub<R> {
    fn interest(&self) -> Interest {
        Interest::CONNECTED
            | Interest::DISCONNECTED
            | Interest::OPENED_STREAM
            | Interest::STREAM_FAILED
            | Interest::CLOSED_STREAM
            | Interest::STREAM_READY
            | Interest::TIME
    }

    fn memory_bound(&self, _limits: &Limits) -> usize {
        let seqno = self.seqnos.as_ref().map_or(0, SeqnoValidator::memory_bound);
        let router = self.router.memory_bound(self.config.peers, self.config.subscriptions);
        self.config.memory_bound().saturating_add(seqno).saturating_add(router)
    }

    fn connected(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId) {
        let now = cx.now();
        let node = cx.network().node_mut();
        let Some(peer) = node.connection(connection).and_then(|view| view.peer) else { return };
        self.connections.insert((peer, connection));
        self.at(now, |this| this.add(node, peer));
    }

    fn disconnected(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId, _reason: ConnectionEnd) {
        let now = cx.now();
        let node = cx.network().node_mut();
        let Some(peer) = node.connection(connection).and_then(|view| view.peer) else { return };
        self.connections.remove(&(peer, connection));
        if self.connections_of(peer).next().is_none() {
            self.at(now, |this| this.disconnected(peer));
        }
    }

    fn opened_stream(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId, stream: StreamId) {
        let now = cx.now();
        let node = cx.network().node_mut();
        self.at(now, |this| this.opened(node, connection, stream, now));
    }

    fn stream_failed(&mut self, cx: &mut NotifeeContext<'_, N>, _: ConnectionId, stream: StreamId, reason: Failure) {
        let now = cx.now();
        let node = cx.network().node_mut();
        self.at(now, |this| this.outbound_failed(node, stream, reason));
    }

    fn closed_stream(&mut self, cx: &mut NotifeeContext<'_, N>, _: ConnectionId, stream: StreamId, reason: StreamEnd) {
        let now = cx.now();
        let node = cx.network().node_mut();
        self.at(now, |this| this.stream_closed(node, stream, reason, now));
    }

    fn stream_ready(&mut self, cx: &mut NotifeeContext<'_, N>, stream: StreamId, readable: bool, writable: bool) {
        let now = cx.now();
        let node = cx.network().node_mut();
        if readable {
            self.at(now, |this| this.readable(node, stream));
        }
        if writable
            && let Some(id) = self.streams.get(&stream).copied()
            && let Some(peer) = self.peers.get(&id)
            // The streams that the peer has opened are not written to. In py-libp2p, too, each side writes only to its
            // own.
            && peer.stream() == Some(stream)
        {
            self.flush(node, id);
        }
    }

    fn poll_at(&self) -> Option<Duration> {
        // Time zero is never later than the present, so the driver calls `tick` again without waiting.
        let in_line = self.line.front().map(|_| Duration::ZERO);
        let due =
            [self.pending.next_expiry(), in_line, self.deadlines.first(), self.seen.next_turn(), self.router.poll_at()];
        due.into_iter().flatten().min()
    }

    fn tick(&mut self, cx: &mut NotifeeContext<'_, N>) {
        let now = cx.now();
        let node = cx.network().node_mut();
        self.at(now, |this| {
            this.take_turns(node);
            this.expire_pending(now);
            this.with_turn(node, Router::tick);
            this.reopen(node, now);
        });
    }
}

impl<N: HasNode, R: Router> Service<N> for PubSub<R> {
    fn protocols(&self) -> Vec<Protocol> {
        self.router.protocols()
    }
}
