//! [`Asked`]: the messages that we have asked peers for (IWANT) and that have not arrived yet.

use super::tables::PeerIndex;
use crate::arithmetic::Count;
use crate::protocols::pubsub::Digest;
use alloc::collections::{BTreeMap, VecDeque};
use core::time::Duration;

/// The messages that we have asked peers for and that have not arrived yet. No message is asked for twice within the time
/// that a peer has to send it, since most of the answers would be duplicates.
///
/// Of the messages that one IWANT asks for, one is a promise: if it does not arrive from anybody in time, the peer has
/// advertised what it does not send. libp2p/specs, `pubsub/gossipsub/gossipsub-v1.1.md`, "Spam Protection Measures", chooses
/// that message at random, so that a peer cannot know which one it has to send.
#[derive(Default, Debug)]
pub(super) struct Asked {
    open: BTreeMap<Digest, OpenAsk>,
    /// The messages in the order in which they were asked for, with the time until which they are open.
    order: VecDeque<(Duration, Digest)>,
    /// The number of messages that each peer has been asked for, by the serial number of the peer.
    of_peer: BTreeMap<u64, usize>,
}

#[derive(Clone, Copy, Debug)]
struct OpenAsk {
    peer: Asker,
    until: Duration,
    is_promise: bool,
}

/// A peer that was asked: its number and, since the number may be used again, its serial number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Asker {
    pub(super) index: PeerIndex,
    pub(super) serial: u64,
}

impl Asked {
    /// Returns how many more messages a peer may be asked for: as many as there are free places beyond those that it has.
    pub(super) fn room(&self, peer: Asker, most: usize) -> usize {
        let free = most.saturating_sub(self.order.len());
        let taken = self.of_peer.get(&peer.serial).copied().unwrap_or(0);
        free.saturating_sub(taken)
    }

    pub(super) fn is_open(&self, digest: &Digest) -> bool {
        self.open.contains_key(digest)
    }

    /// Records that a peer was asked for a message, which has until `until` to arrive.
    pub(super) fn add(&mut self, digest: Digest, peer: Asker, until: Duration) {
        if self.open.insert(digest, OpenAsk { peer, until, is_promise: false }).is_none() {
            self.order.push_back((until, digest));
            self.of_peer.entry(peer.serial).or_default().raise(1);
        }
    }

    /// Makes the message the one that has to arrive.
    pub(super) fn promise(&mut self, digest: &Digest) {
        if let Some(open) = self.open.get_mut(digest) {
            open.is_promise = true;
        }
    }

    /// Records that a message was sent to us and that we have not taken it. The promise is kept, but the message is not asked for
    /// again before its time is over, since we would not take it then either.
    pub(super) fn kept(&mut self, digest: &Digest) {
        if let Some(open) = self.open.get_mut(digest) {
            open.is_promise = false;
        }
    }

    /// Records that a message has arrived, from whomever, or that we have it ourselves.
    pub(super) fn arrived(&mut self, digest: &Digest) {
        if let Some(open) = self.open.remove(digest) {
            self.release(open.peer.serial);
        }
    }

    fn release(&mut self, serial: u64) {
        if let Some(count) = self.of_peer.get_mut(&serial) {
            count.lower(1);
            if *count == 0 {
                self.of_peer.remove(&serial);
            }
        }
    }

    /// Forgets the messages that have not arrived in time. Calls `with` for each peer that has broken a promise.
    pub(super) fn expire(&mut self, now: Duration, mut with: impl FnMut(Asker)) {
        while let Some((until, digest)) = self.order.front().copied()
            && until <= now
        {
            self.order.pop_front();
            // A message that has arrived, and was asked for again later, has a later time.
            if let Some(open) = self.open.get(&digest).copied()
                && open.until <= now
            {
                self.open.remove(&digest);
                self.release(open.peer.serial);
                if open.is_promise {
                    with(open.peer);
                }
            }
        }
        if self.order.is_empty() && self.order.capacity() > 0 {
            *self = Self::default();
        }
    }
}
