//! What comes from peers: read, decoded, checked, told and forwarded.

mod messages;

use super::PubSub;
use super::config::Config;
use super::counters::count;
use super::events::Event;
use super::inbound::{InboundState, RpcEntry};
use super::peer::Peer;
use super::router::Router;
use super::wire::{RpcLimits, SubOpts};
use crate::arithmetic::Count;
use crate::identity::PeerId;
use crate::lifecycle::{ConnectionId, Fault, Side, StreamEnd, StreamId};
use crate::notifee::Node;
use crate::swarm::Refusal;
use alloc::vec::Vec;

/// The bytes of a message that are looked at for the price of an entry, beside the first one: as many as a read has.
const BYTES_PER_ENTRY: usize = 4 * 1024;

/// What a subscription is counted as, beside its topic: about what remembering the only one to a topic takes.
const SUBSCRIPTION: usize = 1_280;

/// What a subscription to a topic is counted as.
const fn takes(topic: &str) -> usize {
    topic.len().saturating_add(SUBSCRIPTION)
}

/// Where something has come from.
#[derive(Clone, Copy)]
struct Via {
    peer: PeerId,
    connection: ConnectionId,
}

/// How much may still be done in a turn.
struct TurnLimits {
    messages: usize,
    entries: usize,
}

impl TurnLimits {
    fn new(config: &Config) -> Self {
        Self { messages: config.messages_per_turn.max(1), entries: config.entries_per_turn.max(1) }
    }

    const fn is_over(&self) -> bool {
        self.messages == 0 || self.entries == 0
    }
}

impl<R: Router> PubSub<R> {
    /// A stream can be read: a peer's is, when it is the peer's turn.
    pub(super) fn readable(&mut self, node: &mut dyn Node, stream: StreamId) {
        let Some(id) = self.streams.get(&stream).copied() else { return };
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if let Some(inbound) = peer.inbound(stream) {
            inbound.state = InboundState::Readable;
            self.in_line(id);
        } else {
            // Ours: nothing belongs there, and an end means nothing, since it is not written to.
            while let Ok(1..) = node.read(stream, &mut [0; 512]) {}
        }
    }

    /// Has a peer wait for its turn.
    fn in_line(&mut self, id: PeerId) {
        if let Some(peer) = self.peers.get_mut(&id)
            && !core::mem::replace(&mut peer.is_in_line, true)
        {
            self.line.push_back(id);
        }
    }

    /// Looks at what has come, as much as one turn may, and as events have room for: an entry of each peer, and again. Who has
    /// more stays in line, and who has had more than one's worth is passed over for as long.
    pub(super) fn take_turns(&mut self, node: &mut dyn Node) {
        let mut left = TurnLimits::new(&self.config);
        self.events.begin_turn();
        while !left.is_over()
            && !self.events.are_enough_for_a_turn(self.config.rpc_bytes)
            && let Some(id) = self.line.pop_front()
        {
            // Before anybody looks at anything: if a validator panics, it goes on from here.
            self.line.push_back(id);
            if let Some(peer) = self.peers.get_mut(&id)
                && let Some(less) = peer.debt.checked_sub(1)
            {
                peer.debt = less;
                left.entries.lower(1);
                continue;
            }
            self.look_at(node, id, &mut left);
            if let Some(peer) = self.peers.get_mut(&id)
                && peer.is_in_line
                && peer.due().is_none()
            {
                // It is the last in line, where it was put; one that went and came anew is not there.
                self.line.pop_back();
                peer.is_in_line = false;
            }
        }
    }

    /// Looks at the next entry of a peer's, if there is one.
    fn look_at(&mut self, node: &mut dyn Node, id: PeerId, left: &mut TurnLimits) {
        let most =
            RpcLimits { subscriptions: self.config.subscriptions_per_rpc, messages: self.config.messages_per_rpc };
        while !left.is_over()
            && let Some(inbound) = self.peers.get_mut(&id).and_then(Peer::due)
        {
            left.entries.lower(1);
            let (stream, connection) = (inbound.stream, inbound.connection);
            match inbound.next(most) {
                Ok(Some(RpcEntry::Change(change))) => {
                    let via = Via { peer: id, connection };
                    return self.subscribes(node, via, change);
                }
                Ok(Some(RpcEntry::Message(message))) => {
                    let via = Via { peer: id, connection };
                    left.entries = left.entries.saturating_sub(message.len() / BYTES_PER_ENTRY);
                    return self.message(node, via, message, left);
                }
                Ok(Some(RpcEntry::BadTopic)) => {
                    count!(self, &id, topics_refused);
                    return;
                }
                Ok(Some(RpcEntry::Nothing)) => return,
                Ok(Some(RpcEntry::TooLong)) => {
                    // Others may read longer ones, and forward what is in them.
                    self.counters.too_long.raise(1);
                    return node.count_refusals(connection, Refusal::MessageRefused, 1);
                }
                Ok(None) => self.read(node, id, stream),
                Err(_) => self.broken(node, Via { peer: id, connection }, stream),
            }
        }
    }

    /// Reads more of a peer's stream, all of which has been looked at but for a part of an RPC.
    fn read(&mut self, node: &mut dyn Node, id: PeerId, stream: StreamId) {
        let Some(inbound) = self.peers.get_mut(&id).and_then(|peer| peer.inbound(stream)) else { return };
        if inbound.state == InboundState::Ended {
            return self.forget_inbound(node, id, stream);
        }
        let via = Via { peer: id, connection: inbound.connection };
        let read = inbound.frames.read(node, stream);
        let is_cut = inbound.frames.is_cut();
        if read.is_err() {
            // More is told, and so is the end.
            inbound.state = InboundState::Idle;
        }
        if !self.count(id, stream) {
            return self.cut(node, id, stream);
        }
        match read {
            Ok(true) => {}
            Ok(false) if is_cut => self.broken(node, via, stream),
            Ok(false) => {
                self.forget_inbound(node, id, stream);
                // Nothing was written on it, so that it is over with this.
                let _ = node.close_stream(stream);
            }
            Err(_) => self.make_room(node, id),
        }
    }

    /// Counts what a peer's stream holds by now. `false`: it is too much.
    fn count(&mut self, id: PeerId, stream: StreamId) -> bool {
        let Some(peer) = self.peers.get_mut(&id) else { return true };
        let Some(inbound) = peer.inbound.iter_mut().find(|inbound| inbound.stream == stream) else { return true };
        let holds = inbound.holds();
        let all = peer.inbound_bytes.saturating_sub(inbound.held).saturating_add(holds);
        let is_counted = self.unread.change(&mut peer.inbound_bytes, all);
        if is_counted {
            inbound.held = holds;
        }
        is_counted
    }

    /// A peer's stream holds too much.
    fn cut(&mut self, node: &mut dyn Node, id: PeerId, stream: StreamId) {
        count!(self, &id, streams_cut);
        self.forget_inbound(node, id, stream);
        // It may have ended.
        let _ = node.reset(stream);
    }

    /// What came on a peer's stream is no RPC: there is no telling where the next one begins.
    fn broken(&mut self, node: &mut dyn Node, via: Via, stream: StreamId) {
        self.forget_inbound(node, via.peer, stream);
        // It may have ended.
        let _ = node.reset(stream);
        self.counters.invalid.raise(1);
        self.invalid(node, via);
    }

    /// A peer's stream has ended: what had arrived on it, and was not read, is looked at in its turn.
    pub(super) fn inbound_closed(&mut self, node: &mut dyn Node, id: PeerId, stream: StreamId, reason: StreamEnd) {
        match reason {
            StreamEnd::Reset(Side::Local) => return self.forget_inbound(node, id, stream),
            StreamEnd::Finished | StreamEnd::Reset(Side::Remote) => {}
            StreamEnd::ConnectionClosed | StreamEnd::Timeout | StreamEnd::Limit | StreamEnd::Denied => {}
        }
        self.streams.remove(&stream);
        if let Some(inbound) = self.peers.get_mut(&id).and_then(|peer| peer.inbound(stream)) {
            inbound.frames.extend(&node.take_unread(stream));
            inbound.state = InboundState::Ended;
            if !self.count(id, stream) {
                return self.cut(node, id, stream);
            }
            self.in_line(id);
        }
    }

    /// A peer has sent what is no message, or none that is taken. Beyond its budget it is cut.
    fn invalid(&mut self, node: &mut dyn Node, via: Via) {
        node.count_refusals(via.connection, Refusal::MessageInvalid, 1);
        let now = self.now.unwrap_or_default();
        let Some(peer) = self.peers.get_mut(&via.peer) else { return };
        peer.counters.invalid.raise(1);
        if !peer.invalid.take(1, self.config.invalid, now) {
            self.cut_off(node, via, "sends too much that is no message");
        }
    }

    /// Cuts a peer: all its connections end, and it is denied for a while. One that has left already is denied, too: what
    /// it had sent is looked at after that.
    fn cut_off(&mut self, node: &mut dyn Node, via: Via, why: &str) {
        log::debug!("{}: the peer {why}", via.connection);
        self.counters.peers_cut.raise(1);
        let connections: Vec<_> = self.connections_of(via.peer).collect();
        for connection in connections {
            // It may have ended.
            let _ = node.fail_connection(connection, Fault::Flood);
        }
        // What else has come of it is not looked at.
        self.expel(node, via.peer);
        if !self.config.denied_for.is_zero() {
            // Where so many are denied longer, it may come back at once.
            let _ = node.lists_mut().deny_peer_for(via.peer, self.config.denied_for);
        }
    }

    /// A peer subscribes to something, or does no longer.
    fn subscribes(&mut self, node: &mut dyn Node, via: Via, change: SubOpts) {
        let (id, now) = (via.peer, self.now.unwrap_or_default());
        let Some(peer) = self.peers.get_mut(&id) else { return };
        self.places.speaks(&mut peer.place, now);
        let (subscribe, name) = (change.subscribe(), change.topic());
        if !subscribe {
            if let Some(topic) = peer.topics.take(name) {
                let left = peer.topic_bytes.saturating_sub(takes(name));
                self.topics.change(&mut peer.topic_bytes, left);
                peer.topics_left.raise(1);
                self.remove_subscriber(id, &topic);
                self.events.push(Event::Unsubscribed { peer: id, topic });
            }
        } else if !peer.topics.contains(name) {
            if peer.topics_left > 0 {
                peer.topics_left.lower(1);
                if !peer.resubscriptions.take(1, self.config.resubscriptions, now) {
                    return self.cut_off(node, via, "subscribes and leaves again too often");
                }
            }
            let more = peer.topic_bytes.saturating_add(takes(name));
            if name.len() > self.config.topic_bytes
                || peer.topics.len() >= self.config.topics_per_peer
                || !self.topics.change(&mut peer.topic_bytes, more)
            {
                count!(self, &id, topics_refused);
                return;
            }
            // One name is kept once, whoever subscribes.
            let topic = self.subscribers.get_key_value(name).map_or_else(|| name.into(), |(topic, _)| topic.clone());
            peer.topics.insert(topic.clone());
            self.subscribers.entry(topic.clone()).or_default().insert(id);
            self.events.push(Event::Subscribed { peer: id, topic });
        }
    }
}
