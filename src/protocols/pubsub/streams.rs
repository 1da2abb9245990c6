//! Peers and their streams: asked for, opened, ended, tried again.

use super::PubSub;
use super::counters::count;
use super::events::Event;
use super::flush;
use super::inbound::{InboundState, InboundStream};
use super::peer::{OutboundStream, Peer};
use super::peer_places::Admission;
use super::router::Router;
use crate::arithmetic::Count;
use crate::identity::PeerId;
use crate::lifecycle::{ConnectionId, Failure, Side, StreamEnd, StreamId};
use crate::notifee::Node;
use crate::swarm::{AddressGroup, OpenStreamError, is_loopback};
use alloc::vec::Vec;
use core::time::Duration;

impl<R: Router> PubSub<R> {
    /// The connections to a peer.
    pub(super) fn connections_of(&self, peer: PeerId) -> impl Iterator<Item = ConnectionId> {
        let range = self.connections.range((peer, ConnectionId::FIRST)..);
        range.take_while(move |(other, _)| *other == peer).map(|(_, connection)| *connection)
    }

    /// Asks a connected peer whether it speaks the protocol, unless that is known or it is denied.
    pub(super) fn add(&mut self, node: &mut dyn Node, id: PeerId) {
        let first = self.connections_of(id).next();
        if first.is_some_and(|connection| self.admit(node, id, connection)) {
            self.ask(node, id);
        }
    }

    /// Whether somebody, who is connected by this connection, is one of our peers, from now on if not before.
    fn admit(&mut self, node: &mut dyn Node, id: PeerId, connection: ConnectionId) -> bool {
        if self.denied.contains(&id) {
            return false;
        }
        if self.peers.contains_key(&id) {
            return true;
        }
        let Some(view) = node.connection(connection) else { return false };
        let group = AddressGroup::of(view.remote);
        // Who is on this machine, or on no network of IP, shares its address with everybody there.
        let is_common = is_loopback(view.remote) || matches!(group, AddressGroup::Other(_));
        match self.places.room(group, is_common, self.now.unwrap_or_default()) {
            Admission::Free => {}
            Admission::Instead(silent) => {
                self.counters.peers_evicted.raise(1);
                self.expel(node, silent);
            }
            Admission::None => {
                self.counters.peers_refused.raise(1);
                return false;
            }
        }
        let mut peer = Peer::new(&self.config, self.places.take(group, id));
        peer.address = (!is_common).then_some(group);
        self.peers.insert(id, peer);
        true
    }

    /// A peer is none any more, although it is connected: its streams are reset.
    pub(super) fn expel(&mut self, node: &mut dyn Node, id: PeerId) {
        for stream in self.remove(id) {
            // It may have ended, and be told so later.
            let _ = node.reset(stream);
        }
    }

    /// Opens our stream to a peer, unless there is one or it is to be opened later.
    fn ask(&mut self, node: &mut dyn Node, id: PeerId) {
        match self.peers.get(&id).map(|peer| peer.outbound) {
            // A new connection, or a stream of the peer's, is a new chance.
            Some(OutboundStream::None | OutboundStream::Refused) => self.open(node, id),
            Some(OutboundStream::Waiting(_) | OutboundStream::Opening(_) | OutboundStream::Open { .. }) | None => {}
        }
    }

    /// A peer is none any more: gives the streams that it had.
    pub(super) fn remove(&mut self, id: PeerId) -> Vec<StreamId> {
        let Some(mut peer) = self.peers.remove(&id) else { return Vec::new() };
        peer.outbox.clear(&mut self.backlog);
        self.places.give_back(peer.place);
        self.topics.change(&mut peer.topic_bytes, 0);
        self.unread.change(&mut peer.inbound_bytes, 0);
        if let OutboundStream::Waiting(at) = peer.outbound {
            self.deadlines.set(id, &mut Some(at), None);
        }
        if peer.is_in_line {
            self.line.retain(|other| *other != id);
        }
        let live = peer.inbound.iter().filter(|inbound| inbound.state != InboundState::Ended);
        let streams: Vec<_> = live.map(|inbound| inbound.stream).chain(peer.stream()).collect();
        for stream in &streams {
            self.streams.remove(stream);
        }
        for topic in &peer.topics {
            self.remove_subscriber(id, topic);
        }
        if peer.is_told {
            self.events.push(Event::PeerGone { peer: id });
        }
        streams
    }

    pub(super) fn remove_subscriber(&mut self, id: PeerId, topic: &str) {
        let Some(subscribers) = self.subscribers.get_mut(topic) else { return };
        subscribers.remove(&id);
        if subscribers.is_empty() {
            self.subscribers.remove(topic);
        }
    }

    /// Opens our stream to a peer that has none, on the first of its connections that takes it.
    pub(super) fn open(&mut self, node: &mut dyn Node, id: PeerId) {
        let protocols = self.router.protocols();
        let connections: Vec<_> = self.connections_of(id).collect();
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if peer.is_leaving {
            // If it comes again, it does so anew.
            peer.outbound = OutboundStream::None;
            return;
        }
        let mut is_full = false;
        for connection in connections {
            match node.open_stream(connection, &protocols) {
                Ok(stream) => {
                    self.streams.insert(stream, id);
                    peer.outbound = OutboundStream::Opening(stream);
                    return;
                }
                Err(OpenStreamError::Limit) => is_full = true,
                // It is ending, or the node is.
                Err(OpenStreamError::NoProtocol | OpenStreamError::NotOpen) => {}
                Err(OpenStreamError::Closing | OpenStreamError::Stale) => {}
            }
        }
        peer.outbound = OutboundStream::None;
        if is_full {
            self.retry(node, id);
        }
    }

    /// Has our stream to a peer opened again after a while, if it is not enough.
    fn retry(&mut self, node: &mut dyn Node, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        match peer.retry(self.now.unwrap_or_default(), &self.config) {
            Some(at) => {
                peer.outbound = OutboundStream::Waiting(at);
                self.deadlines.set(id, &mut None, Some(at));
            }
            None => self.refused(node, id),
        }
    }

    /// No stream of ours to a peer comes about: it is one only as long as it has some to us.
    fn refused(&mut self, node: &mut dyn Node, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.outbound = OutboundStream::Refused;
        let lost = peer.outbox.clear(&mut self.backlog);
        self.dropped(node, id, lost);
        self.remove_if_mute(id);
    }

    fn remove_if_mute(&mut self, id: PeerId) {
        let is_mute = |peer: &Peer| peer.outbound == OutboundStream::Refused && peer.inbound.is_empty();
        if self.peers.get(&id).is_some_and(is_mute) {
            // It has no streams.
            self.remove(id);
        }
    }

    /// A peer speaks the protocol: the owner is told once.
    fn tell(&mut self, id: PeerId) {
        if let Some(peer) = self.peers.get_mut(&id)
            && !core::mem::replace(&mut peer.is_told, true)
        {
            self.events.push(Event::PeerAdded { peer: id });
        }
    }

    /// A stream of ours has opened.
    pub(super) fn outbound_opened(&mut self, node: &mut dyn Node, stream: StreamId, now: Duration) {
        let Some(id) = self.streams.get(&stream).copied() else { return };
        self.tell(id);
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.opened(stream, now, &self.subscriptions);
        flush(node, peer, &self.subscriptions, &mut self.backlog);
    }

    /// A stream of ours did not open.
    pub(super) fn outbound_failed(&mut self, node: &mut dyn Node, stream: StreamId, reason: Failure) {
        let Some(id) = self.streams.remove(&stream) else { return };
        match reason {
            Failure::Unsupported => self.refused(node, id),
            // Perhaps there is another connection.
            Failure::ConnectionClosed | Failure::Shutdown => self.open(node, id),
            Failure::Refused
            | Failure::Unreachable
            | Failure::Timeout
            | Failure::WrongPeer
            | Failure::LocalPeer
            | Failure::Limit
            | Failure::Denied
            | Failure::AddressInUse
            | Failure::AddressNotAvailable
            | Failure::PermissionDenied
            | Failure::Reset(_)
            | Failure::Eof
            | Failure::Protocol
            | Failure::Requested
            | Failure::Io => self.retry(node, id),
        }
    }

    /// A peer has opened a stream to us.
    pub(super) fn inbound_opened(&mut self, node: &mut dyn Node, id: PeerId, stream: StreamId) {
        let connection = node.stream(stream).map(|view| view.connection);
        let Some(connection) = connection.filter(|connection| self.admit(node, id, *connection)) else {
            self.counters.streams_refused.raise(1);
            // It may have ended already.
            let _ = node.reset(stream);
            return;
        };
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.inbound.push_back(InboundStream::new(stream, connection, self.config.rpc_bytes));
        self.streams.insert(stream, id);
        self.make_room(node, id);
        self.tell(id);
        // Whatever becomes of ours, this one is read from.
        self.ask(node, id);
        // If it was open before this was installed, somebody may have been told that it is ready.
        self.readable(node, stream);
    }

    /// Who opens one more stream than is read from means that: an old one may hang on a connection that is dead and
    /// does not know. What has come on that is looked at before.
    pub(super) fn make_room(&mut self, node: &mut dyn Node, id: PeerId) {
        let most = self.config.inbound_streams;
        while let Some(oldest) = self.peers.get(&id).and_then(|peer| peer.oldest_beyond(most)) {
            count!(self, &id, streams_refused);
            self.forget_inbound(node, id, oldest);
            // It may have ended.
            let _ = node.reset(oldest);
        }
    }

    /// A stream of a peer's is over, or nothing that comes on it matters any more.
    pub(super) fn forget_inbound(&mut self, node: &mut dyn Node, id: PeerId, stream: StreamId) {
        self.streams.remove(&stream);
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if let Some(place) = peer.inbound.iter().position(|inbound| inbound.stream == stream)
            && let Some(inbound) = peer.inbound.remove(place)
        {
            let left = peer.inbound_bytes.saturating_sub(inbound.held);
            self.unread.change(&mut peer.inbound_bytes, left);
        }
        if peer.is_leaving && !peer.has_rest() {
            self.leave(node, id);
        } else {
            self.remove_if_mute(id);
        }
    }

    /// The last connection of a peer has ended: it goes, once what is left of its streams has been looked at.
    pub(super) fn disconnected(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if !peer.has_rest() {
            // Its streams have ended, and that was told.
            self.remove(id);
            return;
        }
        peer.is_leaving = true;
        if let OutboundStream::Waiting(at) = core::mem::replace(&mut peer.outbound, OutboundStream::None) {
            self.deadlines.set(id, &mut Some(at), None);
        }
    }

    /// A peer goes; if it is connected again by now, it comes anew.
    fn leave(&mut self, node: &mut dyn Node, id: PeerId) {
        let streams = self.remove(id);
        if self.connections_of(id).next().is_some() {
            self.add(node, id);
            streams.into_iter().for_each(|stream| self.inbound_opened(node, id, stream));
        }
    }

    /// A stream has ended, ours to a peer or its to us.
    pub(super) fn stream_closed(&mut self, node: &mut dyn Node, stream: StreamId, reason: StreamEnd, now: Duration) {
        let Some(id) = self.streams.get(&stream).copied() else { return };
        let is_ours = self.peers.get(&id).and_then(Peer::stream) == Some(stream);
        if !is_ours {
            return self.inbound_closed(node, id, stream, reason);
        }
        self.streams.remove(&stream);
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.closed(now, &self.config);
        match reason {
            StreamEnd::ConnectionClosed => self.open(node, id),
            StreamEnd::Finished
            | StreamEnd::Reset(Side::Local | Side::Remote)
            | StreamEnd::Timeout
            | StreamEnd::Limit
            | StreamEnd::Denied => self.retry(node, id),
        }
    }

    /// Opens again what is due.
    pub(super) fn reopen(&mut self, node: &mut dyn Node, now: Duration) {
        while let Some(id) = self.deadlines.take_due(now) {
            self.open(node, id);
        }
    }
}
