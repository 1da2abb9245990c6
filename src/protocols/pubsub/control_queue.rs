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

    /// Returns the number of bytes that more entries may have, with [`PLACE`] for each.
    pub(super) const fn room(&self, quota: &Quota) -> usize {
        quota.room(self.bytes)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::pubsub::control::{Control, next_entry};
    use alloc::string::ToString as _;
    use alloc::vec;

    fn taken(queue: &mut ControlQueue, quota: &mut Quota) -> Vec<alloc::string::String> {
        let mut out = Vec::new();
        queue.take(quota, &mut out);
        // The key and the length of the control message stand before its entries.
        let mut rest = out.get(1..).unwrap();
        prost::decode_length_delimiter(&mut rest).unwrap();
        let mut at = 0;
        let entries = core::iter::from_fn(|| next_entry(rest, &mut at));
        let text = |(number, body): (u32, Vec<u8>)| match Control::decode(number, &body).unwrap() {
            Control::Graft { topic } => alloc::format!("graft {topic}"),
            Control::Prune { topic, backoff, .. } => alloc::format!("prune {topic} {}", backoff.unwrap_or(0)),
            Control::IDontWant { .. } => "idontwant".to_string(),
            Control::IHave { topic, .. } => alloc::format!("ihave {topic}"),
            Control::IWant { .. } => "iwant".to_string(),
            Control::Extensions { test } => alloc::format!("extensions {test}"),
        };
        entries.map(text).collect()
    }

    fn entry(number: u32, len: usize) -> Arc<[u8]> {
        let mut out = Vec::new();
        encode::ids(number, [&*vec![1; len]].into_iter(), &mut out);
        out.into()
    }

    const PRUNE: MeshNews = MeshNews::Prune { backoff: Some(Duration::from_secs(60)), offered: Vec::new() };

    /// Report 19: what collapses is state, and what is dropped is not state.
    #[test]
    fn of_one_topic_only_the_latest_news_is_sent() {
        let (mut queue, mut quota) = (ControlQueue::default(), Quota::new(1_000, 1));
        let [a, b] = ["a", "b"].map(Topic::from);
        for _ in 0..1_000 {
            queue.add_news(&a, PRUNE);
            queue.add_news(&a, MeshNews::Graft);
            queue.add_news(&b, MeshNews::Graft);
            queue.add_news(&b, PRUNE);
        }
        assert_eq!(taken(&mut queue, &mut quota), ["graft a", "prune b 60"]);
        assert!(queue.is_empty());
    }

    #[test]
    fn idontwant_goes_first_and_gossip_last() {
        let (mut queue, mut quota) = (ControlQueue::default(), Quota::new(1_000, 1));
        assert!(queue.add_gossip(&entry(2, 5), &mut quota));
        queue.add_news(&"a".into(), MeshNews::Graft);
        assert!(queue.add_dont_want(&entry(5, 5), &mut quota));
        queue.add_extensions();
        assert_eq!(taken(&mut queue, &mut quota), ["extensions true", "idontwant", "graft a", "iwant"]);
        assert_eq!(quota.held(), 0);
    }

    #[test]
    fn gossip_beyond_the_bound_is_dropped_and_news_are_not() {
        let (mut queue, mut quota) = (ControlQueue::default(), Quota::new(10 * 1_000, 1));
        let sent = (0..100).filter(|_| queue.add_gossip(&entry(2, 1_000), &mut quota)).count();
        // Each counts with 32 bytes and its framing.
        assert_eq!(sent, 9);
        (0..100).for_each(|number| queue.add_news(&alloc::format!("{number}").into(), MeshNews::Graft));
        let all = taken(&mut queue, &mut quota);
        assert_eq!((all.len(), quota.held()), (109, 0));
        queue.clear(&mut quota);
        assert_eq!(quota.held(), 0);
    }

    #[test]
    fn an_rpc_is_large_and_not_too_large() {
        let (mut queue, mut quota) = (ControlQueue::default(), Quota::new(1 << 20, 1));
        (0..100).for_each(|_| assert!(queue.add_gossip(&entry(2, 1_000), &mut quota)));
        let sizes: Vec<_> = core::iter::from_fn(|| {
            let mut out = Vec::new();
            (!queue.is_empty()).then(|| queue.take(&mut quota, &mut out))?;
            Some(out.len())
        })
        .collect();
        assert!(sizes.len() == 3 && sizes.iter().all(|size| *size < 48 * 1024), "{sizes:?}");
    }

    #[test]
    fn news_that_may_not_have_arrived_are_sent_again() {
        let (mut queue, mut quota) = (ControlQueue::default(), Quota::new(1_000, 1));
        let [a, b] = ["a", "b"].map(Topic::from);
        queue.add_news(&a, MeshNews::Graft);
        queue.add_news(&b, MeshNews::Graft);
        assert_eq!(taken(&mut queue, &mut quota).len(), 2);
        queue.add_news(&b, PRUNE);
        queue.restart();
        assert_eq!(taken(&mut queue, &mut quota), ["graft a", "prune b 60"]);
        queue.written();
        queue.restart();
        assert!(queue.is_empty(), "they have been written");
    }
}
