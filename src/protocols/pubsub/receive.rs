//! Receiving: bytes of peers are read and decoded, and their messages are verified, delivered and forwarded.

mod judging;
mod messages;

use super::PubSub;
use super::config::Config;
use super::counters::count;
use super::events::Event;
use super::inbound::{InboundState, RpcEntry, Via};
use super::peer::Peer;
use super::router::{Accepts, Router};
use super::wire::{RpcLimits, SubOpts};
use crate::arithmetic::Count;
use crate::identity::PeerId;
use crate::lifecycle::{Fault, Side, StreamEnd, StreamId};
use crate::notifee::Node;
use crate::swarm::Refusal;
use alloc::vec::Vec;

/// The work of a turn is counted in entries of RPCs. Each time that a message contains this number of bytes, it counts as
/// one more entry. One read returns at most this number of bytes.
const BYTES_PER_ENTRY: usize = 4 * 1024;

/// Each time that a control message's entry contains this number of bytes, it counts as one more entry: they contain about
/// 16 message ids, of which each is hashed and looked up.
const CONTROL_BYTES_PER_ENTRY: usize = 512;

/// The number of bytes that are counted for a subscription of a peer, in addition to the length of its topic's name. The
/// first subscription to a topic takes about this number of bytes of memory.
const SUBSCRIPTION: usize = 1_280;

/// Returns the number of bytes that are counted for a subscription of a peer to a topic.
const fn takes(topic: &str) -> usize {
    topic.len().saturating_add(SUBSCRIPTION)
}

/// The amount of work that may still be done in the current turn.
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
    /// Handles a notification that a stream is readable. Bytes of a stream that a peer has opened are read later, when it is
    /// the peer's turn.
    pub(super) fn readable(&mut self, node: &mut dyn Node, stream: StreamId) {
        let Some(id) = self.streams.get(&stream).copied() else { return };
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if let Some(inbound) = peer.inbound(stream) {
            inbound.state = InboundState::Readable;
            self.in_line(id);
        } else {
            // On our own stream the peer has nothing to write, so its bytes are dropped. Unread, they would stay in memory
            // for as long as the stream is open. If the peer ends its side, nothing changes, since we only write there.
            while let Ok(1..) = node.read(stream, &mut [0; 512]) {}
        }
    }

    /// Adds a peer at the end of the queue of peers that have bytes to read or to process, unless it is in the queue
    /// already.
    fn in_line(&mut self, id: PeerId) {
        if let Some(peer) = self.peers.get_mut(&id)
            && !core::mem::replace(&mut peer.is_in_line, true)
        {
            self.line.push_back(id);
        }
    }

    /// Processes input of peers, until the limits of one turn are reached or the event queue has no more room. One entry of
    /// an RPC of each peer is processed, then the next entry of each peer, and so on. A peer with more entries stays in the
    /// queue. A peer whose message cost as much work as n messages is skipped n - 1 times.
    pub(super) fn take_turns(&mut self, node: &mut dyn Node) {
        // Peers take turns by entry, and not by RPC or stream: one RPC may contain 1 024 messages, whose Ed25519
        // signatures take 42 ms to verify, and a full window contains thousands. So whoever sends much waits for its own
        // messages, and a peer with one message waits for at most one entry of each other peer.
        let mut left = TurnLimits::new(&self.config);
        self.events.begin_turn();
        while !left.is_over()
            && !self.events.are_enough_for_a_turn(self.config.rpc_bytes)
            && let Some(id) = self.line.pop_front()
        {
            // The peer is back in the queue before its entry is processed. If a validator panics, the next turn goes on with
            // the peer after it.
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
                // The peer is still at the end of the queue, where it was put. If it was removed and added again meanwhile,
                // it is not in the queue.
                self.line.pop_back();
                peer.is_in_line = false;
            }
        }
    }

    /// Processes the next entry of a peer's RPCs, after reading from the peer's streams if necessary. Does nothing if there
    /// is no entry.
    fn look_at(&mut self, node: &mut dyn Node, id: PeerId, left: &mut TurnLimits) {
        let most = RpcLimits {
            subscriptions: self.config.subscriptions_per_rpc,
            messages: self.config.messages_per_rpc,
            control: self.config.control_per_rpc,
        };
        while !left.is_over()
            && let Some(inbound) = self.peers.get_mut(&id).and_then(Peer::due)
        {
            left.entries.lower(1);
            let (stream, connection) = (inbound.stream, inbound.connection);
            match inbound.next(most, &mut self.rpcs) {
                Ok(Some(RpcEntry::Change(change))) => {
                    let via = Via { peer: id, connection };
                    return self.subscribes(node, via, change);
                }
                // A peer that is not listened to is asked about before its entry is decoded, so that its entries cost
                // nothing more.
                Ok(Some(RpcEntry::Message(_))) if self.router.accepts(id) != Accepts::All => return,
                Ok(Some(RpcEntry::Control { .. })) if self.router.accepts(id) == Accepts::Subscriptions => return,
                Ok(Some(RpcEntry::Control { number, body, rpc })) => {
                    left.entries = left.entries.saturating_sub(body.len() / CONTROL_BYTES_PER_ENTRY);
                    return self.control(node, id, rpc, number, &body);
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
                    // A peer that reads longer RPCs forwards them, so this one does not count against it.
                    self.counters.too_long.raise(1);
                    return node.count_refusals(connection, Refusal::MessageRefused, 1);
                }
                Ok(None) => self.read(node, id, stream),
                Err(_) => self.broken(node, Via { peer: id, connection }, stream),
            }
        }
    }

    /// Reads more bytes from a peer's stream. All bytes that were read before have been processed, except those of an
    /// incomplete RPC.
    fn read(&mut self, node: &mut dyn Node, id: PeerId, stream: StreamId) {
        let Some(inbound) = self.peers.get_mut(&id).and_then(|peer| peer.inbound(stream)) else { return };
        if inbound.state == InboundState::Ended {
            return self.forget_inbound(node, id, stream);
        }
        let via = Via { peer: id, connection: inbound.connection };
        let read = inbound.frames.read(node, stream);
        let is_cut = inbound.frames.is_cut();
        if read.is_err() {
            // We are notified when there is more to read, and of the end of the stream.
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
                // We write nothing on this stream, so closing ends it.
                let _ = node.close_stream(stream);
            }
            Err(_) => self.make_room(node, id),
        }
    }

    /// Updates the number of bytes that are counted for a peer's stream. Returns `false`, and changes nothing, if there
    /// would be more bytes than the bound on unprocessed bytes allows.
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

    /// Resets a stream of a peer because too many unprocessed bytes are held. The bytes of the stream are lost.
    fn cut(&mut self, node: &mut dyn Node, id: PeerId, stream: StreamId) {
        count!(self, &id, streams_cut);
        self.forget_inbound(node, id, stream);
        // The stream may have ended already.
        let _ = node.reset(stream);
    }

    /// Resets a stream of a peer because its bytes are no RPC, so it is unknown where the next RPC begins. This counts as an
    /// invalid message of the peer.
    fn broken(&mut self, node: &mut dyn Node, via: Via, stream: StreamId) {
        // The stream is forgotten before its end is told. Otherwise the bytes that were read from it would be processed
        // again then, and count against the peer a second time.
        self.forget_inbound(node, via.peer, stream);
        // The stream may have ended already.
        let _ = node.reset(stream);
        self.counters.invalid.raise(1);
        self.invalid(node, via);
    }

    /// Handles the end of a stream that a peer had opened. Bytes that had arrived on the stream and were not read are
    /// processed later, when it is the peer's turn, unless we have reset the stream ourselves.
    pub(super) fn inbound_closed(&mut self, node: &mut dyn Node, id: PeerId, stream: StreamId, reason: StreamEnd) {
        match reason {
            StreamEnd::Reset(Side::Local) => return self.forget_inbound(node, id, stream),
            // A peer may publish and leave at once, and its messages count however its stream ends. For example,
            // go-libp2p closes the connections that it has dialed with a TCP reset.
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

    /// Counts an invalid message against the peer that sent it to us. If the peer exceeds the rate of such messages, it is
    /// [cut off](Self::cut_off).
    fn invalid(&mut self, node: &mut dyn Node, via: Via) {
        node.count_refusals(via.connection, Refusal::MessageInvalid, 1);
        let now = self.now.unwrap_or_default();
        let Some(peer) = self.peers.get_mut(&via.peer) else { return };
        peer.counters.invalid.raise(1);
        if !peer.invalid.take(1, self.config.invalid, now) {
            self.cut_off(node, via, "sends too many invalid messages");
        }
    }

    /// Ends all connections of a peer that has broken a rule, and denies the peer for a while. The peer is denied even if it
    /// has disconnected already, since its messages may be processed after that. `why` completes a log line that begins with
    /// "the peer".
    fn cut_off(&mut self, node: &mut dyn Node, via: Via, why: &str) {
        log::debug!("{}: the peer {why}", via.connection);
        self.counters.peers_cut.raise(1);
        // The connections are failed here, and not left to the list of denied peers, which would end them in the next
        // turn with the reason `Denied` instead of `Failed(Flood)`.
        let connections: Vec<_> = self.connections_of(via.peer).collect();
        for connection in connections {
            // The connection may have ended already.
            let _ = node.fail_connection(connection, Fault::Flood);
        }
        // The unprocessed bytes of the peer are dropped.
        self.expel(node, via.peer);
        if !self.config.denied_for.is_zero() {
            // This fails if the list of temporary denials is full of longer ones. The peer may come back at once then.
            let _ = node.lists_mut().deny_peer_for(via.peer, self.config.denied_for);
        }
    }

    /// Applies a peer's change of its subscription to a topic. A subscription that exceeds a bound is counted and ignored.
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
                self.with_turn(node, |router, cx| router.unsubscribed(id, &topic, cx));
                self.events.push(Event::Unsubscribed { peer: id, topic });
            }
        } else if !peer.topics.contains(name) {
            // A subscription counts only if the peer has left another topic before. A peer that subscribes to its 1 024
            // topics at once is honest; one that leaves and subscribes in turn causes two events each time.
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
            // All subscriptions to a topic share one copy of its name.
            let topic = self.subscribers.get_key_value(name).map_or_else(|| name.into(), |(topic, _)| topic.clone());
            peer.topics.insert(topic.clone());
            self.subscribers.entry(topic.clone()).or_default().insert(id);
            self.router.subscribed(id, &topic);
            self.events.push(Event::Subscribed { peer: id, topic });
        }
    }
}
