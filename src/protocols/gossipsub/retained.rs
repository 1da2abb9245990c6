//! [`Retained`]: the scores and backoffs of peers that have disconnected.

use super::tables::Member;
use crate::identity::PeerId;
use crate::protocols::pubsub::Topic;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// The scores and backoffs of peers that have disconnected, so that a peer cannot get rid of them by connecting again. A
/// positive score is not kept, as libp2p/specs, `pubsub/gossipsub/gossipsub-v1.1.md`, allows: the peer could otherwise collect
/// it in advance.
#[derive(Debug)]
pub(super) struct Retained {
    peers: BTreeMap<PeerId, RetainedPeer>,
    max: usize,
}

/// What is remembered of a peer that has disconnected.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct RetainedPeer {
    /// The score at the time at which the peer disconnected.
    pub(super) score: f64,
    pub(super) app_score: f64,
    pub(super) misbehaviour: f64,
    pub(super) members: Vec<(Topic, Member)>,
    /// The time until which this is remembered, in nanoseconds.
    pub(super) until: u64,
}

impl Retained {
    pub(super) const fn new(max: usize) -> Self {
        Self { peers: BTreeMap::new(), max }
    }

    /// Remembers a peer. If there is no room, the peer with the highest score is forgotten; of several such peers, the one
    /// that would be forgotten first.
    pub(super) fn add(&mut self, peer: PeerId, retained: RetainedPeer) {
        self.peers.insert(peer, retained);
        if self.peers.len() > self.max {
            let best = self
                .peers
                .iter()
                .max_by(|(_, one), (_, other)| one.score.total_cmp(&other.score).then(other.until.cmp(&one.until)));
            if let Some(best) = best.map(|(peer, _)| *peer) {
                self.peers.remove(&best);
            }
        }
    }

    /// Returns what is remembered of a peer that is connected again, and forgets it.
    pub(super) fn take(&mut self, peer: &PeerId, now: u64) -> Option<RetainedPeer> {
        self.peers.remove(peer).filter(|retained| retained.until > now)
    }

    /// Forgets what has been remembered for long enough.
    pub(super) fn expire(&mut self, now: u64) {
        self.peers.retain(|_, retained| retained.until > now);
    }

    /// Returns the number of peers that are remembered.
    pub(super) fn len(&self) -> usize {
        self.peers.len()
    }
}
