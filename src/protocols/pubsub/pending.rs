//! [`Pending`]: the messages whose verdict the owner has put off.

use super::inbound::Via;
use super::message::Message;
use super::seen::Digest;
use crate::arithmetic::Count;
use crate::identity::PeerId;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

/// The number of bytes that are counted for a message, in addition to its length.
const PLACE: usize = 512;

/// The maximum number of peers that are remembered for one message, besides the first, because they have sent it before the
/// verdict. It is more than a mesh has.
const OTHERS: usize = 32;

/// The messages whose verdict the owner has put off, until it reports the verdict or too much time has passed.
#[derive(Debug)]
pub(super) struct Pending {
    messages: BTreeMap<Digest, PendingMessage>,
    /// The messages in the order in which they were put off, with the time until which they wait.
    order: VecDeque<(Duration, Digest)>,
    /// The number of messages of each peer that has sent one of them first.
    of_peer: BTreeMap<PeerId, usize>,
    bytes: usize,
    max: usize,
    max_bytes: usize,
}

/// A message that has been verified and waits for a verdict.
#[derive(Debug)]
pub(super) struct PendingMessage {
    pub(super) via: Via,
    pub(super) message: Message,
    /// The encoded message.
    pub(super) bytes: Vec<u8>,
    pub(super) is_forwardable: bool,
    /// True if the message was delivered before, and only has to be forwarded.
    pub(super) is_late: bool,
    /// The other peers that have sent the message since.
    pub(super) others: Vec<PeerId>,
}

impl Pending {
    pub(super) const fn new(max: usize, max_bytes: usize) -> Self {
        Self { messages: BTreeMap::new(), order: VecDeque::new(), of_peer: BTreeMap::new(), bytes: 0, max, max_bytes }
    }

    /// Adds a message until `until`. Returns `false` if there is no room: a peer may have as many messages as there are free
    /// places, so that one peer leaves half of the places to the others.
    pub(super) fn add(&mut self, digest: Digest, message: PendingMessage, until: Duration) -> bool {
        let free = self.max.saturating_sub(self.order.len());
        let taken = self.of_peer.get(&message.via.peer).copied().unwrap_or(0);
        let bytes = self.bytes.saturating_add(cost(&message));
        if taken >= free || bytes > self.max_bytes || self.messages.contains_key(&digest) {
            return false;
        }
        self.bytes = bytes;
        self.of_peer.entry(message.via.peer).or_default().raise(1);
        self.messages.insert(digest, message);
        self.order.push_back((until, digest));
        true
    }

    /// Removes a message, whose verdict is known.
    pub(super) fn take(&mut self, digest: &Digest) -> Option<PendingMessage> {
        let message = self.messages.remove(digest)?;
        self.bytes.lower(cost(&message));
        if let Some(count) = self.of_peer.get_mut(&message.via.peer) {
            count.lower(1);
            if *count == 0 {
                self.of_peer.remove(&message.via.peer);
            }
        }
        while let Some((_, first)) = self.order.front()
            && !self.messages.contains_key(first)
        {
            self.order.pop_front();
        }
        Some(message)
    }

    /// Records that another peer has sent a message. Returns `false` if the message does not wait.
    pub(super) fn also_from(&mut self, digest: &Digest, peer: PeerId) -> bool {
        let Some(message) = self.messages.get_mut(digest) else { return false };
        if message.others.len() < OTHERS {
            message.others.push(peer);
        }
        true
    }

    /// Removes a message that has waited for too long, and returns its digest with it.
    pub(super) fn take_expired(&mut self, now: Duration) -> Option<(Digest, PendingMessage)> {
        while let Some((until, digest)) = self.order.front().copied()
            && until <= now
        {
            self.order.pop_front();
            if let Some(message) = self.take(&digest) {
                return Some((digest, message));
            }
        }
        None
    }

    /// Returns the time at which the first message has waited for too long.
    pub(super) fn next_expiry(&self) -> Option<Duration> {
        self.order.front().map(|(until, _)| *until)
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
}

fn cost(message: &PendingMessage) -> usize {
    message.bytes.len().saturating_add(message.message.data.len()).saturating_add(PLACE)
}
