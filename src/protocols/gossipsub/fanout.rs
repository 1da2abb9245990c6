//! [`Fanout`]: the peers to which we send our messages on topics that we do not subscribe to.

use super::tables::PeerIndex;
use crate::protocols::pubsub::Topic;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Bound;
use core::time::Duration;

/// The peers to which we send our messages on topics that we do not subscribe to: libp2p/specs,
/// `pubsub/gossipsub/gossipsub-v1.0.md`, "Publishing". They stay the same for a while, so that messages of one publisher take
/// the same way.
#[derive(Debug)]
pub(super) struct Fanout {
    topics: BTreeMap<Topic, FanoutTopic>,
    max: usize,
    ttl: Duration,
}

#[derive(Default, Debug)]
struct FanoutTopic {
    peers: Vec<PeerIndex>,
    /// The time of the turn after the last message; `None` if there was no turn since.
    used: Option<Duration>,
}

impl Fanout {
    pub(super) const fn new(max: usize, ttl: Duration) -> Self {
        Self { topics: BTreeMap::new(), max, ttl }
    }

    /// Returns the peers of a topic, on which a message is published now. If the topic is new and there are too many, the one
    /// that was used least lately is forgotten.
    pub(super) fn publish(&mut self, topic: &Topic) -> &mut Vec<PeerIndex> {
        if !self.topics.contains_key(topic) && self.topics.len() >= self.max.max(1) {
            // A topic without a time was used since the last turn, so it is the latest.
            let oldest = self.topics.iter().min_by_key(|(_, state)| state.used.unwrap_or(Duration::MAX));
            if let Some(oldest) = oldest.map(|(topic, _)| topic.clone()) {
                self.topics.remove(&oldest);
            }
        }
        let state = self.topics.entry(topic.clone()).or_default();
        state.used = None;
        &mut state.peers
    }

    /// Returns the peers of a topic, and forgets the topic. We have subscribed to it.
    pub(super) fn join(&mut self, topic: &Topic) -> Vec<PeerIndex> {
        self.topics.remove(topic).map(|state| state.peers).unwrap_or_default()
    }

    /// Removes a peer from a topic.
    pub(super) fn remove(&mut self, topic: &Topic, peer: PeerIndex) {
        if let Some(state) = self.topics.get_mut(topic) {
            state.peers.retain(|other| *other != peer);
        }
    }

    /// Removes a peer from all topics.
    pub(super) fn remove_peer(&mut self, peer: PeerIndex) {
        self.topics.values_mut().for_each(|state| state.peers.retain(|other| *other != peer));
    }

    /// Sets the time of the messages since the last turn.
    pub(super) fn advance(&mut self, now: Duration) {
        for state in self.topics.values_mut() {
            state.used.get_or_insert(now);
        }
    }

    /// Returns whether messages were published since the last turn.
    pub(super) fn is_untimed(&self) -> bool {
        self.topics.values().any(|state| state.used.is_none())
    }

    /// Forgets the topics on which nothing was published for long enough.
    pub(super) fn expire(&mut self, now: Duration) {
        self.topics.retain(|_, state| state.used.is_none_or(|used| now < used.saturating_add(self.ttl)));
    }

    /// Returns the peers of a topic; none if the topic is not remembered.
    pub(super) fn of(&self, topic: &str) -> &[PeerIndex] {
        self.topics.get(topic).map_or(&[], |state| &state.peers)
    }

    /// Takes the peers of the topic that comes after `topic` in the order of names. They have to be [put back](Self::put_back).
    pub(super) fn take_after(&mut self, topic: Option<&Topic>) -> Option<(Topic, Vec<PeerIndex>)> {
        let after = topic.map_or(Bound::Unbounded, Bound::Excluded);
        let (topic, state) = self.topics.range_mut::<Topic, _>((after, Bound::Unbounded)).next()?;
        Some((topic.clone(), core::mem::take(&mut state.peers)))
    }

    /// Puts back the peers of a topic.
    pub(super) fn put_back(&mut self, topic: &Topic, peers: Vec<PeerIndex>) {
        if let Some(state) = self.topics.get_mut(topic) {
            state.peers = peers;
        }
    }
}
