//! The states of pub/sub peers and of the streams between the peers and us: peers are added and removed, and streams are
//! opened, end, and are opened again.

use super::PubSub;
use super::counters::count;
use super::events::Event;
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
    /// Returns the open connections of a peer, in ascending order of their ids.
    pub(super) fn connections_of(&self, peer: PeerId) -> impl Iterator<Item = ConnectionId> {
        let range = self.connections.range((peer, ConnectionId::FIRST)..);
        range.take_while(move |(other, _)| *other == peer).map(|(_, connection)| *connection)
    }

    /// Makes a connected peer a pub/sub peer, unless it is denied or there is no place for it, and opens our stream to the
    /// peer. The stream shows whether the peer speaks the protocol.
    pub(super) fn add(&mut self, node: &mut dyn Node, id: PeerId) {
        let first = self.connections_of(id).next();
        if first.is_some_and(|connection| self.admit(node, id, connection)) {
            self.ask(node, id);
        }
    }

    /// Makes a peer a pub/sub peer, unless it is denied or there is no place for it. Returns whether it is a pub/sub peer
    /// now. The peer has to be connected by `connection`.
    fn admit(&mut self, node: &mut dyn Node, id: PeerId, connection: ConnectionId) -> bool {
        if self.denied.contains(&id) {
            return false;
        }
        if self.peers.contains_key(&id) {
            return true;
        }
        let Some(view) = node.connection(connection) else { return false };
        let group = AddressGroup::of(view.remote);
        // A loopback address is shared by all programs of a machine, and an address without an IP address may be shared by
        // anybody.
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

    /// Removes a pub/sub peer, whether it is connected or not, and resets the streams between the peer and us.
    pub(super) fn expel(&mut self, node: &mut dyn Node, id: PeerId) {
        for stream in self.remove(id) {
            // The stream may have ended already, and its end be told later.
            let _ = node.reset(stream);
        }
    }

    /// Opens our stream to a peer, unless the stream exists already or another attempt is scheduled.
    fn ask(&mut self, node: &mut dyn Node, id: PeerId) {
        match self.peers.get(&id).map(|peer| peer.outbound) {
            // A new connection or stream of the peer is a new chance.
            Some(OutboundStream::None | OutboundStream::Refused) => self.open(node, id),
            Some(OutboundStream::Waiting(_) | OutboundStream::Opening(_) | OutboundStream::Open { .. }) | None => {}
        }
    }

    /// Removes a pub/sub peer. Returns the streams between the peer and us that have not ended.
    pub(super) fn remove(&mut self, id: PeerId) -> Vec<StreamId> {
        let Some(mut peer) = self.peers.remove(&id) else { return Vec::new() };
        peer.outbox.clear(&mut self.backlog);
        peer.control.clear(&mut self.control);
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
        self.records.remove(&id);
        self.router.peer_gone(id, self.now.unwrap_or_default());
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

    /// Opens our stream to a peer, which must not have one, on the first of the peer's connections that allows another
    /// stream.
    pub(super) fn open(&mut self, node: &mut dyn Node, id: PeerId) {
        let protocols = self.router.protocols();
        let connections: Vec<_> = self.connections_of(id).collect();
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if peer.is_leaving {
            // If the peer connects again, it is added anew.
            peer.outbound = OutboundStream::None;
            return;
        }
        let mut is_full = false;
        for connection in connections {
            match node.open_stream(connection, &protocols) {
                Ok(stream) => {
                    self.streams.insert(stream, id);
                    // The stream is never finished by us, even if nothing is to be sent: js-libp2p takes a peer whose
                    // stream to it has ended for gone.
                    peer.outbound = OutboundStream::Opening(stream);
                    return;
                }
                Err(OpenStreamError::Limit) => is_full = true,
                // The connection is ending, or the node is shutting down.
                Err(OpenStreamError::NoProtocol | OpenStreamError::NotOpen) => {}
                Err(OpenStreamError::Closing | OpenStreamError::Stale) => {}
            }
        }
        peer.outbound = OutboundStream::None;
        if is_full {
            self.retry(node, id);
        }
    }

    /// Schedules another attempt to open our stream to a peer, or gives up the stream after too many attempts.
    fn retry(&mut self, node: &mut dyn Node, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        match peer.retry(self.now.unwrap_or_default(), &self.config) {
            Some(at) => {
                peer.outbound = OutboundStream::Waiting(at);
                // The peer has no deadline yet: its state was not `Waiting`, or its deadline has just been taken.
                self.deadlines.set(id, &mut None, Some(at));
            }
            None => self.refused(node, id),
        }
    }

    /// Stops opening our stream to a peer, and drops the messages that wait for the peer. The peer remains a pub/sub peer only
    /// as long as it has streams to us.
    fn refused(&mut self, node: &mut dyn Node, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.outbound = OutboundStream::Refused;
        let lost = peer.outbox.clear(&mut self.backlog);
        peer.control.clear(&mut self.control);
        self.dropped(node, id, lost);
        self.remove_if_mute(id);
    }

    fn remove_if_mute(&mut self, id: PeerId) {
        let is_mute = |peer: &Peer| peer.outbound == OutboundStream::Refused && peer.inbound.is_empty();
        // Otherwise the peers that do not speak the protocol would take the places of those that do.
        if self.peers.get(&id).is_some_and(is_mute) {
            // The peer has no streams.
            self.remove(id);
        }
    }

    /// Tells the owner, once, that a peer speaks the protocol. Returns whether it was told now.
    fn tell(&mut self, id: PeerId) -> bool {
        if let Some(peer) = self.peers.get_mut(&id)
            && !core::mem::replace(&mut peer.is_told, true)
        {
            self.events.push(Event::PeerAdded { peer: id });
            return true;
        }
        false
    }

    /// Handles a notification that our stream to a peer has opened.
    pub(super) fn outbound_opened(&mut self, node: &mut dyn Node, stream: StreamId, now: Duration) {
        let Some(id) = self.streams.get(&stream).copied() else { return };
        self.tell(id);
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.opened(stream, now, &self.subscriptions);
        self.route_peer(node, id, stream);
        self.flush(node, id);
    }

    /// Handles a notification that our stream to a peer could not be opened.
    pub(super) fn outbound_failed(&mut self, node: &mut dyn Node, stream: StreamId, reason: Failure) {
        let Some(id) = self.streams.remove(&stream) else { return };
        match reason {
            // It is not tried again. A peer that begins to speak the protocol later opens a stream to us.
            Failure::Unsupported => self.refused(node, id),
            // There may be another connection.
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

    /// Handles a notification that a peer has opened a stream to us.
    pub(super) fn inbound_opened(&mut self, node: &mut dyn Node, id: PeerId, stream: StreamId) {
        let connection = node.stream(stream).map(|view| view.connection);
        let Some(connection) = connection.filter(|connection| self.admit(node, id, *connection)) else {
            self.counters.streams_refused.raise(1);
            // The stream may have ended already.
            let _ = node.reset(stream);
            return;
        };
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.inbound.push_back(InboundStream::new(stream, connection, self.config.rpc_bytes));
        self.streams.insert(stream, id);
        self.make_room(node, id);
        if self.tell(id) {
            // Subscriptions and control messages may arrive on this stream before ours is open.
            self.route_peer(node, id, stream);
        }
        // This stream is read from even if none of ours opens.
        self.ask(node, id);
        // If the stream was open before this service was installed, its readiness may have been told already.
        self.readable(node, stream);
    }

    /// Resets the oldest streams that a peer has opened, if the peer has more open streams than
    /// [`inbound_streams`](super::Config::inbound_streams). The newest streams are kept: when a peer opens another stream,
    /// its old streams may be on a connection that is dead without the peer's knowledge. A stream is reset only after all
    /// bytes that have arrived on it are processed.
    pub(super) fn make_room(&mut self, node: &mut dyn Node, id: PeerId) {
        let most = self.config.inbound_streams;
        while let Some(oldest) = self.peers.get(&id).and_then(|peer| peer.oldest_beyond(most)) {
            count!(self, &id, streams_refused);
            self.forget_inbound(node, id, oldest);
            // The stream may have ended already.
            let _ = node.reset(oldest);
        }
    }

    /// Forgets a stream that a peer has opened, because the stream has ended or its bytes are not needed any more. If the
    /// peer has no connection, the peer is removed when its last such stream is forgotten.
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

    /// Handles the end of a peer's last connection. The peer is removed once the remaining bytes of its streams are
    /// processed.
    pub(super) fn disconnected(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if !peer.has_rest() {
            // The peer's streams have ended, and their ends were told.
            self.remove(id);
            return;
        }
        peer.is_leaving = true;
        if let OutboundStream::Waiting(at) = core::mem::replace(&mut peer.outbound, OutboundStream::None) {
            self.deadlines.set(id, &mut Some(at), None);
        }
    }

    /// Removes a peer that has disconnected. If the peer has connected again meanwhile, it is added anew.
    fn leave(&mut self, node: &mut dyn Node, id: PeerId) {
        let streams = self.remove(id);
        if self.connections_of(id).next().is_some() {
            self.add(node, id);
            streams.into_iter().for_each(|stream| self.inbound_opened(node, id, stream));
        }
    }

    /// Handles the end of a stream that we or a peer had opened.
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
            // The peer has not refused the stream, so this is no failed attempt, and another connection may be open.
            StreamEnd::ConnectionClosed => self.open(node, id),
            StreamEnd::Finished
            | StreamEnd::Reset(Side::Local | Side::Remote)
            | StreamEnd::Timeout
            | StreamEnd::Limit
            | StreamEnd::Denied => self.retry(node, id),
        }
    }

    /// Opens our streams to the peers for which the time of the next attempt has come.
    pub(super) fn reopen(&mut self, node: &mut dyn Node, now: Duration) {
        while let Some(id) = self.deadlines.take_due(now) {
            self.open(node, id);
        }
    }
}
