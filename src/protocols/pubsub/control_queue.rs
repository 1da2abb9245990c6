//! [`ControlQueue`]: the control messages that wait to be written to one peer.

use super::control::encode;
use super::message::Topic;
use super::quota::Quota;
use crate::arithmetic::Count;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

/// The number of bytes of control messages in one RPC at which no further entry is added. rust-libp2p reads RPCs of at most
/// 64 KiB, and go reads at most ten RPCs with IHAVE entries of one peer in a heartbeat: so RPCs are large, but not too large.
const RPC: usize = 40 * 1024;

/// The number of bytes that are counted for an entry, in addition to its length.
const PLACE: usize = 32;

/// The number of entries for which an empty queue keeps memory.
const KEPT: usize = 16;

/// The control messages that wait to be written to one peer.
///
/// What is state collapses: of a GRAFT and a PRUNE of one topic only the later one is sent, so that this part is bounded by
/// the number of topics, and is never dropped. The others are hints. They are dropped if too many bytes wait.
#[derive(Default, Debug)]
pub(super) struct ControlQueue {
    has_extensions: bool,
    meshes: BTreeMap<Topic, MeshNews>,
    /// The news of meshes in the RPC that is being written. They are sent again if the stream ends before all of it is
    /// written.
    written: BTreeMap<Topic, MeshNews>,
    /// IDONTWANT entries, which lose their use first and are sent first.
    dont_want: VecDeque<Arc<[u8]>>,
    /// IHAVE and IWANT entries.
    gossip: VecDeque<Arc<[u8]>>,
    /// The number of bytes that are counted for entries, against the bound for all peers.
    bytes: usize,
}

/// What a peer has to be told about our mesh of one topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum MeshNews {
    /// The peer is in our mesh.
    Graft,
    /// The peer is not in our mesh.
    Prune {
        /// The time for which the peer should not graft us; `None` if the peer knows no such time.
        backoff: Option<Duration>,
        /// The ids of the peers that are offered, each with its signed record.
        offered: Vec<(Vec<u8>, Vec<u8>)>,
    },
}

impl ControlQueue {
    pub(super) fn is_empty(&self) -> bool {
        !self.has_extensions && self.meshes.is_empty() && self.dont_want.is_empty() && self.gossip.is_empty()
    }

    /// Adds the extensions message.
    pub(super) const fn add_extensions(&mut self) {
        self.has_extensions = true;
    }

    /// Adds news of the mesh of a topic, which replace earlier news of that topic.
    pub(super) fn add_news(&mut self, topic: &Topic, news: MeshNews) {
        self.meshes.insert(topic.clone(), news);
    }

    /// Adds an IHAVE or IWANT entry. Returns `false` if there is no room for it.
    pub(super) fn add_gossip(&mut self, entry: &Arc<[u8]>, quota: &mut Quota) -> bool {
        let has_room = self.reserve(entry, quota);
        if has_room {
            self.gossip.push_back(entry.clone());
        }
        has_room
    }

    /// Adds an IDONTWANT entry. Returns `false` if there is no room for it.
    pub(super) fn add_dont_want(&mut self, entry: &Arc<[u8]>, quota: &mut Quota) -> bool {
        let has_room = self.reserve(entry, quota);
        if has_room {
            self.dont_want.push_back(entry.clone());
        }
        has_room
    }

    fn reserve(&mut self, entry: &Arc<[u8]>, quota: &mut Quota) -> bool {
        let more = self.bytes.saturating_add(entry.len()).saturating_add(PLACE);
        quota.change(&mut self.bytes, more)
    }

    /// Removes all entries and news.
    pub(super) fn clear(&mut self, quota: &mut Quota) {
        quota.change(&mut self.bytes, 0);
        *self = Self::default();
    }

    /// Handles the end of our stream: news that may not have arrived are sent again, unless there are newer ones.
    pub(super) fn restart(&mut self) {
        for (topic, news) in core::mem::take(&mut self.written) {
            self.meshes.entry(topic).or_insert(news);
        }
    }

    /// Records that the RPC with the latest news was written.
    pub(super) fn written(&mut self) {
        self.written.clear();
    }

    /// Removes entries for one RPC, and appends them to `out` as its control message. `news` is what waits for the peer.
    pub(super) fn take(&mut self, quota: &mut Quota, out: &mut Vec<u8>) {
        let mut control = Vec::new();
        if core::mem::take(&mut self.has_extensions) {
            encode::extensions(true, &mut control);
        }
        let mut less = 0_usize;
        while control.len() < RPC
            && let Some(entry) = self.dont_want.pop_front()
        {
            control.extend_from_slice(&entry);
            less.raise(entry.len().saturating_add(PLACE));
        }
        while control.len() < RPC
            && let Some((topic, news)) = self.meshes.pop_first()
        {
            match &news {
                MeshNews::Graft => encode::graft(&topic, &mut control),
                MeshNews::Prune { backoff, offered } => {
                    let seconds = backoff.map(|backoff| usize::try_from(backoff.as_secs()).unwrap_or(usize::MAX));
                    encode::prune(&topic, seconds, offered, &mut control);
                }
            }
            self.written.insert(topic, news);
        }
        while control.len() < RPC
            && let Some(entry) = self.gossip.pop_front()
        {
            control.extend_from_slice(&entry);
            less.raise(entry.len().saturating_add(PLACE));
        }
        let bytes = self.bytes.saturating_sub(less);
        quota.change(&mut self.bytes, bytes);
        if self.dont_want.capacity().max(self.gossip.capacity()) > KEPT && self.bytes == 0 {
            (self.dont_want, self.gossip) = (VecDeque::new(), VecDeque::new());
        }
        encode::control(&control, out);
    }
}
