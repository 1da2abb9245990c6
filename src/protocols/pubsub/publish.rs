//! Publishing: a message is queued for its recipients, and other messages are dropped if there is no room for that message.

use super::backlog::BacklogRoom;
use super::encoded_message::{EncodedMessage, Frame, MessageSource};
use super::error::PublishError;
use super::message::{Message, MessageId, Topic};
use super::outbox::Dropped;
use super::peer::{OutboundStream, Peer};
use super::router::{Outgoing, Router};
use super::seen::{Digest, MessageOrigin, Settled};
use super::seqno::Bringer;
use super::{PubSub, count, wire};
use crate::arithmetic::Count;
use crate::identity::PeerId;
use crate::notifee::Node;
use crate::swarm::Refusal;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

impl<R: Router> PubSub<R> {
    /// Publishes a message to the peers that are known to subscribe to its topic, and returns the message's id. We need not
    /// subscribe to the topic ourselves. The message is not delivered to us.
    ///
    /// # Errors
    /// Returns a [`PublishError`] if the message cannot be published. Nothing has changed then.
    pub fn publish(&mut self, node: &mut dyn Node, topic: &str, data: &[u8]) -> Result<MessageId, PublishError> {
        if topic.len() > self.config.topic_bytes {
            return Err(PublishError::TopicTooLong);
        }
        // Data that is too long is refused before it is signed. The length of the other fields is only known after signing.
        if data.len() > self.config.rpc_bytes {
            return Err(PublishError::TooLarge);
        }
        let (message, id) = self.signing.seal(topic, data).ok_or(PublishError::Signing)?;
        let id = self.own_id(topic, data).unwrap_or(id);
        let rpc = wire::Rpc { subscriptions: Vec::new(), publish: [message].into() };
        if prost::Message::encoded_len(&rpc) > self.config.rpc_bytes {
            return Err(PublishError::TooLarge);
        }
        let digest = Digest::of(&id);
        let is_known = self.seen.number(&digest).is_some();
        // A message that reached nobody may be tried again.
        if is_known && self.seen.settled(&digest).0 != Settled::Unsent {
            return Err(PublishError::Duplicate);
        }
        let origin = MessageOrigin { author: self.author, is_ours: self.author.is_none(), ..MessageOrigin::default() };
        match self.seen.room(&origin) {
            _ if is_known => {}
            Ok(room) => drop(self.seen.insert(digest, room, self.now)),
            // If a peer sends the message back, we recognise it by its author.
            Err(_) if self.author.is_some() => {}
            Err(_) => return Err(PublishError::Full),
        }
        // The number is used up only now, so that a message that could not be published leaves no gap.
        self.signing.advance();
        self.counters.published.raise(1);
        let origin = Sent { id: &id, digest, author: self.author, sender: None };
        let has_sent = self.send(node, &topic.into(), rpc.to_frame().into(), &origin);
        self.seen.settle(&digest, if has_sent { Settled::Not } else { Settled::Unsent }, self.now);
        Ok(id)
    }

    /// Returns the id of our next message if the owner has set a function for its topic.
    fn own_id(&self, topic: &str, data: &[u8]) -> Option<MessageId> {
        if self.message_ids.is_empty() {
            return None;
        }
        let (source, seqno) = (self.author, self.signing.next_seqno());
        self.message_id(&Message { topic: topic.into(), source, seqno, data: data.to_vec() })
    }

    /// Announces a change of our subscriptions to all pub/sub peers.
    pub(super) fn announce(&mut self, node: &mut dyn Node) {
        let peers: Vec<_> = self.peers.keys().copied().collect();
        for id in peers {
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.is_stale = true;
            }
            self.flush(node, id);
        }
    }

    /// Returns whom to charge for messages from the peer `sender`: the address from which the peer connects, or the peer
    /// itself if unrelated peers may share that address.
    pub(super) fn bringer(&self, sender: PeerId) -> Bringer {
        let address = self.peers.get(&sender).and_then(|peer| peer.address);
        address.map_or(Bringer::Peer(sender), Bringer::Address)
    }

    /// Sends a message to the recipients that the router picks, except the message's author and the peer that sent the
    /// message to us. Returns whether the message was queued for any peer.
    pub(super) fn send(&mut self, node: &mut dyn Node, topic: &Topic, frame: Frame, sent: &Sent<'_>) -> bool {
        let before = self.counters.sent;
        let Sent { id, digest, author, sender } = *sent;
        let source = MessageSource::of(author, sender.map(|sender| self.bringer(sender)));
        let message = self.backlog.number(frame, source, digest);
        let none = BTreeSet::new();
        let subscribers = self.subscribers.get(topic).unwrap_or(&none);
        let mut to = core::mem::take(&mut self.to);
        self.router.recipients(&Outgoing { topic, id, message: &message, author, sender }, subscribers, &mut to);
        to.retain(|id| ![author, sender].contains(&Some(*id)));
        if !to.is_empty() {
            self.put_in_line(node, &message, &mut to);
        }
        self.to = to;
        self.counters.sent > before
    }

    /// Queues a message for a peer that has asked for it.
    pub(super) fn send_asked(&mut self, node: &mut dyn Node, peer: PeerId, message: &Arc<EncodedMessage>) {
        let mut to = core::mem::take(&mut self.to);
        to.push(peer);
        self.put_in_line(node, message, &mut to);
        self.to = to;
    }

    /// Queues a message for the peers in `to` for which there is room, and counts it as dropped for the others. Empties
    /// `to`.
    pub(super) fn put_in_line(&mut self, node: &mut dyn Node, message: &Arc<EncodedMessage>, to: &mut Vec<PeerId>) {
        let len = message.frame.len();
        to.retain(|id| {
            // A peer that accepts no stream of ours cannot be sent anything, so nothing is kept for it. For a peer whose
            // stream is only being opened again, messages are kept.
            let takes = |peer: &Peer| peer.outbound != OutboundStream::Refused && peer.outbox.can_take(len);
            let taken = self.peers.get(id).map(takes);
            if taken == Some(false) {
                self.dropped(node, *id, 1);
            }
            taken == Some(true)
        });
        // If the message does not fit into an empty backlog, no other message is dropped for it.
        if self.backlog.room(len, to.len()) == BacklogRoom::Never {
            return to.drain(..).for_each(|id| self.dropped(node, id, 1));
        }
        // Each outbox makes room before anything is evicted for the backlog, so that such an eviction cannot admit the
        // message to a peer whose outbox was full.
        to.retain(|id| {
            let Some(peer) = self.peers.get_mut(id) else { return false };
            let (dropped, is_taken) = peer.outbox.make_room(message, &mut self.backlog);
            let all = dropped.saturating_add(usize::from(!is_taken));
            if all > 0 {
                self.dropped(node, *id, all);
            }
            is_taken
        });
        let has_room = !to.is_empty() && self.make_room_for(node, len, to.len());
        for id in to.drain(..) {
            if !has_room {
                self.dropped(node, id, 1);
            } else if let Some(peer) = self.peers.get_mut(&id) {
                self.counters.sent.raise(1);
                peer.outbox.push(message, &mut self.backlog);
                self.flush(node, id);
            }
        }
    }

    /// Makes room in the backlog for a message of `len` bytes that is to wait for `peers` peers. Returns whether there is
    /// room. The peer that is furthest [behind](super::outbox::Outbox::behind) loses messages, the oldest message of the
    /// author with the most bytes first. If that does not make enough room, the peer that is then furthest behind loses
    /// messages, and so on. So a large number of peers that read nothing costs no messages of a peer that reads. A message
    /// that is partly written is dropped last, and our stream to that peer is then reset.
    fn make_room_for(&mut self, node: &mut dyn Node, len: usize, peers: usize) -> bool {
        loop {
            match self.backlog.room(len, peers) {
                BacklogRoom::Now => return true,
                BacklogRoom::Never => return false,
                BacklogRoom::Later => {}
            }
            // The alternative, to drop the oldest messages for all peers that they wait for, had the wrong peers pay:
            // beside 200 peers that read nothing, an honest peer that paused for 4 s lost two of three messages, and its
            // stream was reset twice. A scan of the peers is made once for each peer that loses messages. A peer that is
            // behind has a message to drop, so each pass makes room and the loop ends.
            let behind = self.peers.iter_mut().filter_map(|(id, peer)| Some((peer.outbox.behind()?, *id, peer)));
            let Some((_, id, peer)) = behind.max_by_key(|(behind, id, _)| (*behind, *id)) else { return false };
            let mut dropped = 0_usize;
            while self.backlog.room(len, peers) == BacklogRoom::Later
                && let Some(one) = peer.outbox.drop_one(&mut self.backlog)
            {
                dropped.raise(1);
                if one == Dropped::Begun {
                    // The reset fails only if the stream has ended already.
                    let _ = peer.stream().map(|stream| node.reset(stream));
                }
            }
            self.dropped(node, id, dropped);
        }
    }

    /// Counts messages that were dropped for the peer `id`, and reports them to the swarm.
    pub(super) fn dropped(&mut self, node: &mut dyn Node, id: PeerId, messages: usize) {
        let messages = messages as u64;
        self.counters.dropped.raise(messages);
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.counters.dropped.raise(messages);
        }
        count(node, &self.connections, id, Refusal::MessageDropped, messages);
    }

    /// Writes the bytes that wait for a peer, until none are left or the stream accepts no more.
    pub(super) fn flush(&mut self, node: &mut dyn Node, id: PeerId) {
        let Self { peers, subscriptions, backlog, control, router, .. } = self;
        let Some(peer) = peers.get_mut(&id) else { return };
        let OutboundStream::Open { stream, .. } = peer.outbound else { return };
        while let Some(bytes) = peer.next(subscriptions, control, backlog, |message| router.is_wanted(id, message)) {
            // After a short write we are notified when there is room again, and of the end of the stream.
            let Ok(n) = node.write(stream, bytes) else { return };
            if !peer.written(n, backlog) {
                return;
            }
        }
    }
}

/// What is known of a message that is sent: its id with the digest of it, its author, and the peer that sent it to us, which
/// is `None` if we publish it.
#[derive(Clone, Copy)]
pub(super) struct Sent<'a> {
    pub(super) id: &'a MessageId,
    pub(super) digest: Digest,
    pub(super) author: Option<PeerId>,
    pub(super) sender: Option<PeerId>,
}
