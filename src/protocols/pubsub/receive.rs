//! What comes from peers: read, decoded, checked, told and forwarded.

use super::events::{Event, Tally};
use super::peer::Peer;
use super::router::Router;
use super::wire::{Malformed, Most, Rpc, SubOpts};
use super::{PubSub, Verdict};
use crate::identity::PeerId;
use crate::lifecycle::{Side, StreamEnd, StreamId};
use crate::notifee::Node;
use crate::protocols::frames::Frames;
use alloc::vec::Vec;

impl<R: Router> PubSub<R> {
    /// A stream can be read: takes all there is.
    pub(super) fn readable(&mut self, node: &mut dyn Node, stream: StreamId) {
        self.reading = Some(stream);
        self.read_all(node, stream);
        self.reading = None;
    }

    /// Goes on where a validator has panicked: that there is more to read is not told again.
    pub(super) fn resume_reading(&mut self, node: &mut dyn Node) {
        if let Some(stream) = self.reading {
            self.readable(node, stream);
        }
    }

    fn read_all(&mut self, node: &mut dyn Node, stream: StreamId) {
        let Some(id) = self.streams.get(&stream).copied() else { return };
        if self.peers.get(&id).and_then(Peer::stream) == Some(stream) {
            // Ours: nothing belongs there, and an end means nothing, since it is not written to.
            while let Ok(1..) = node.read(stream, &mut [0; 512]) {}
            return;
        }
        let is_broken = loop {
            if self.take(node, id, stream).is_err() {
                break true;
            }
            let Some(frames) = self.frames(id, stream) else { return };
            match frames.read(node, stream) {
                Ok(true) => {}
                Ok(false) => break frames.is_cut(),
                // More is told, and so is the end.
                Err(_) => return,
            }
        };
        let _ = if is_broken {
            self.invalid(id);
            self.forget_inbound(id, stream);
            node.reset(stream)
        } else {
            // Nothing was written on it, so that it is over with this.
            node.close_stream(stream)
        };
    }

    /// Takes what had arrived on a peer's stream before it ended.
    pub(super) fn read_rest(&mut self, node: &mut dyn Node, id: PeerId, stream: StreamId, reason: StreamEnd) {
        match reason {
            StreamEnd::Reset(Side::Local) => return,
            StreamEnd::Finished | StreamEnd::Reset(Side::Remote) => {}
            StreamEnd::ConnectionClosed | StreamEnd::Timeout => {}
        }
        let Some(frames) = self.frames(id, stream) else { return };
        frames.extend(&node.take_unread(stream));
        if self.take(node, id, stream).is_err() {
            self.invalid(id);
        }
    }

    /// What has been read of a peer's stream.
    fn frames(&mut self, id: PeerId, stream: StreamId) -> Option<&mut Frames> {
        Some(&mut self.peers.get_mut(&id)?.inbound(stream)?.frames)
    }

    /// Handles the RPCs that are whole. Each has left the stream before anybody looks at it: a validator that panics
    /// takes no other with it.
    fn take(&mut self, node: &mut dyn Node, id: PeerId, stream: StreamId) -> Result<(), Malformed> {
        let most = Most { subscriptions: self.config.subscriptions_per_rpc, messages: self.config.messages_per_rpc };
        while let Some(frames) = self.frames(id, stream) {
            let Some(bytes) = frames.next().map_err(|_| Malformed)? else { break };
            let Rpc { subscriptions, publish } = Rpc::decode_at_most(bytes, most)?;
            for change in subscriptions {
                self.subscribes(id, change);
            }
            for message in publish {
                self.message(node, id, message);
            }
        }
        Ok(())
    }

    fn invalid(&mut self, id: PeerId) {
        self.counters.invalid += 1;
        self.events.count(id, Tally::Invalid);
    }

    /// A peer subscribes to something, or does no longer.
    fn subscribes(&mut self, id: PeerId, change: SubOpts) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let (subscribe, name) = (change.subscribe(), change.topic());
        if !subscribe {
            if let Some(topic) = peer.topics.take(name) {
                self.remove_subscriber(id, &topic);
                self.events.push(Event::Unsubscribed { peer: id, topic });
            }
        } else if !peer.topics.contains(name) {
            if name.len() > self.config.topic_bytes || peer.topics.len() >= self.config.topics_per_peer {
                self.counters.topics_refused += 1;
                return;
            }
            // One name is kept once, whoever subscribes.
            let topic = self.subscribers.get_key_value(name).map_or_else(|| name.into(), |(topic, _)| topic.clone());
            peer.topics.insert(topic.clone());
            self.subscribers.entry(topic.clone()).or_default().insert(id);
            self.events.push(Event::Subscribed { peer: id, topic });
        }
    }

    /// A peer has sent a message.
    fn message(&mut self, node: &mut dyn Node, via: PeerId, bytes: Vec<u8>) {
        let Ok(claim) = self.signing.open(&bytes) else { return self.invalid(via) };
        if !self.subscriptions.contains(&claim.message.topic) {
            self.counters.unwanted += 1;
            return;
        }
        if claim.message.source.is_some_and(|source| self.denied.contains(&source)) {
            self.counters.denied += 1;
            return;
        }
        // What is known already costs no look at the signature.
        let is_ours = self.author.is_some() && claim.message.source == self.author;
        if is_ours || self.seen.contains(&claim.id) {
            self.counters.duplicates += 1;
            return;
        }
        if claim.verify(&bytes).is_err() {
            return self.invalid(via);
        }
        let message = claim.message;
        self.seen.insert(claim.id, self.now);
        match self.validator.as_mut().map_or(Verdict::Accept, |validator| validator(&via, &message)) {
            Verdict::Accept => {}
            Verdict::Ignore => {
                self.counters.ignored += 1;
                return;
            }
            Verdict::Reject => {
                self.counters.rejected += 1;
                self.events.count(via, Tally::Invalid);
                return;
            }
        }
        self.counters.received += 1;
        let rpc = Rpc { subscriptions: Vec::new(), publish: [bytes].into() };
        self.send(node, &message.topic, &rpc.to_frame().into(), [message.source, Some(via)]);
        self.events.push(Event::Message { message, via });
    }
}
