//! [`History`]: the messages of the last heartbeats, which are sent to peers that ask for them (IWANT).

use super::config::Config;
use crate::arithmetic::Count;
use crate::protocols::pubsub::{Digest, EncodedMessage, FairQueue, MessageId, Topic};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The number of bytes that are counted for a message that is kept, in addition to its length.
const PLACE: usize = 256;

/// The messages of the last heartbeats. The specification calls it the message cache. It keeps the frames that were written
/// to peers, not copies of them.
#[derive(Debug)]
pub(super) struct History {
    kept: BTreeMap<Digest, Kept>,
    /// The messages in the order in which they were added. If there is no room for a message, the author with the most bytes
    /// loses its oldest.
    queue: FairQueue,
    bytes: usize,
    max: usize,
    /// The number of heartbeats for which a message is kept, and for which it is gossiped about.
    length: u64,
    gossip: u64,
    /// The number of messages that were dropped for lack of room.
    pub(super) dropped: u64,
}

/// A message that is kept.
#[derive(Debug)]
struct Kept {
    id: MessageId,
    topic: Topic,
    message: Arc<EncodedMessage>,
    /// The number of heartbeats that there had been when the message was added.
    beat: u64,
    /// The number of times that the message was sent to each peer that has asked for it, by the serial number of the peer.
    sent: Vec<(u64, u8)>,
}

impl History {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            kept: BTreeMap::new(),
            queue: FairQueue::new(),
            bytes: 0,
            max: config.history_bytes,
            length: config.history_length as u64,
            gossip: config.history_gossip.min(config.history_length) as u64,
            dropped: 0,
        }
    }

    /// Returns the number of bytes that are counted for the messages that are kept.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keeps a message until enough heartbeats have passed. `beat` is the number of heartbeats that
    /// there have been.
    pub(super) fn add(&mut self, id: &MessageId, topic: &Topic, message: &Arc<EncodedMessage>, beat: u64) {
        let digest = message.digest();
        if self.length == 0 || self.kept.contains_key(&digest) {
            return;
        }
        self.bytes.raise(cost(message));
        self.queue.push_back(message.clone());
        let kept = Kept { id: id.clone(), topic: topic.clone(), message: message.clone(), beat, sent: Vec::new() };
        self.kept.insert(digest, kept);
        while self.bytes > self.max
            && let Some(gone) = self.queue.give_way()
        {
            self.dropped.raise(1);
            self.forget(&gone);
        }
    }

    fn forget(&mut self, message: &EncodedMessage) {
        self.bytes.lower(cost(message));
        self.kept.remove(&message.digest());
    }

    /// Returns a message that the peer with the serial number `peer` has asked for, and counts that it is sent once more.
    /// Returns `None` if the message is not kept, or was sent to the peer `most` times.
    pub(super) fn take(&mut self, digest: &Digest, peer: u64, most: u8) -> Option<&Arc<EncodedMessage>> {
        let kept = self.kept.get_mut(digest)?;
        match kept.sent.iter_mut().find(|(other, _)| *other == peer) {
            Some((_, times)) if *times >= most => return None,
            Some((_, times)) => times.raise(1),
            None if most == 0 => return None,
            None => kept.sent.push((peer, 1)),
        }
        Some(&kept.message)
    }

    /// Appends the topics and ids of the messages that heartbeat number `beat` gossips about to `to`.
    pub(super) fn gossip(&self, beat: u64, to: &mut Vec<(Topic, MessageId)>) {
        let recent = self.kept.values().filter(|kept| kept.beat.saturating_add(self.gossip) >= beat);
        to.extend(recent.map(|kept| (kept.topic.clone(), kept.id.clone())));
    }

    /// Forgets the messages that were kept for as many heartbeats as they should be. `beat` is the number of the heartbeat
    /// that ends.
    pub(super) fn shift(&mut self, beat: u64) {
        while let Some(first) = self.queue.front()
            && self.kept.get(&first.digest()).is_none_or(|kept| kept.beat.saturating_add(self.length) <= beat)
            && let Some(gone) = self.queue.pop_front()
        {
            self.forget(&gone);
        }
    }
}

fn cost(message: &EncodedMessage) -> usize {
    message.size().saturating_add(PLACE)
}
