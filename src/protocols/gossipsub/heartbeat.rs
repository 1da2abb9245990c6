//! The heartbeat: meshes are kept at their size, scores decay, gossip is sent, and what is old is forgotten.

use super::router::MeshRouter;
use super::score;
use super::tables::{PeerIndex, TopicIndex, nanos};
use crate::protocols::pubsub::{Action, Turn};
use alloc::vec::Vec;
use core::time::Duration;

impl MeshRouter {
    /// Does the work of one heartbeat: libp2p/specs, `pubsub/gossipsub/gossipsub-v1.1.md`, "Heartbeat Maintenance".
    ///
    /// Broken promises are counted before meshes are maintained, and gossip is chosen afterwards: a peer that has just lost
    /// its good score gets no gossip, and a peer that was just pruned gets some.
    pub(super) fn heartbeat(&mut self, cx: &mut Turn<'_>) {
        self.beat = self.beat.saturating_add(1);
        let mut broken = core::mem::take(&mut self.scratch.broken);
        self.asked.expire(cx.now, |peer| broken.push(peer));
        for asker in broken.drain(..) {
            // The peer may have been replaced by another with the same number.
            if self.tables.peer(asker.index).is_some_and(|peer| peer.serial == asker.serial) {
                self.counters.promises_broken = self.counters.promises_broken.saturating_add(1);
                self.misbehaves(asker.index, 1);
            }
        }
        self.scratch.broken = broken;
        for peer in self.tables.peers_mut() {
            peer.usage = super::tables::Usage::default();
            peer.dont_want.expire(self.beat);
        }
        self.decay(cx.now);
        let interval = self.config.opportunistic_graft_beats;
        let is_opportune = interval > 0 && self.beat.is_multiple_of(interval.into());
        for topic in self.tables.topic_indices() {
            if self.tables.topic(topic).is_some_and(|topic| topic.is_joined) {
                self.maintain(topic, is_opportune, cx);
            } else {
                self.forget_left(topic, cx.now);
            }
        }
        self.maintain_fanout(cx);
        self.emit_gossip(cx);
        self.history.shift(self.beat);
        self.retained.expire(nanos(cx.now));
        self.dial_direct(cx);
    }

    /// Decays the counters of scores, if it is time.
    fn decay(&mut self, now: Duration) {
        let Some(params) = &self.config.score else { return };
        if now < self.next_decay {
            return;
        }
        self.next_decay = now.saturating_add(params.decay_interval.max(Duration::from_millis(1)));
        for topic in self.tables.topic_indices() {
            score::decay_topic(params.decay_to_zero, &mut self.tables, topic, nanos(now));
        }
        score::decay_peers(params, &mut self.tables);
    }

    /// Keeps the mesh of a topic at its size.
    fn maintain(&mut self, topic: TopicIndex, is_opportune: bool, cx: &mut Turn<'_>) {
        self.forget_idle(topic, nanos(cx.now).saturating_sub(self.slack()));
        self.drop_bad(topic, cx);
        let size = |router: &Self| router.tables.topic(topic).map_or(0, |topic| topic.mesh.len());
        if size(self) < self.config.mesh_low {
            self.fill_mesh(topic, self.config.mesh, |_| true, cx);
        }
        if size(self) > self.config.mesh_high {
            self.shrink(topic, cx);
        }
        if size(self) >= self.config.mesh_low {
            let lacking = self.config.outbound_quota().saturating_sub(self.outbound(topic));
            if lacking > 0 {
                self.graft_some(topic, lacking, |peer| peer.is_outbound, 0.0, cx);
            }
        }
        if is_opportune && size(self) > 1 {
            self.graft_opportunistically(topic, cx);
        }
    }

    /// Forgets members that have ended their subscription and have nothing to remember.
    fn forget_idle(&mut self, topic: TopicIndex, now: u64) {
        while let Some(peer) = self.tables.idle_member(topic, now) {
            self.tables.remove_member(topic, peer);
        }
    }

    /// Forgets a topic that we do not subscribe to any more, once no backoff and no counter is left.
    fn forget_left(&mut self, topic: TopicIndex, now: Duration) {
        let now = nanos(now);
        let is_needed = self
            .tables
            .topic(topic)
            .is_some_and(|topic| topic.members.iter().any(|member| member.backoff_until > now || member.has_counts()));
        if !is_needed {
            self.tables.remove_topic(topic);
        }
    }

    /// Removes peers from a mesh that have a negative score, or that belong to no mesh since they speak floodsub or have
    /// become direct peers.
    fn drop_bad(&mut self, topic: TopicIndex, cx: &mut Turn<'_>) {
        let mut at = 0_usize;
        while let Some(peer) = self.tables.topic(topic).and_then(|topic| topic.mesh.get(at).copied()) {
            let is_outside = self.tables.peer(peer).is_none_or(|peer| peer.is_outside_mesh());
            if is_outside || self.score_of(peer) < 0.0 {
                self.expel(topic, peer, false, cx);
            } else {
                at = at.saturating_add(1);
            }
        }
    }

    fn outbound(&self, topic: TopicIndex) -> usize {
        let mesh = self.tables.topic(topic).into_iter().flat_map(|topic| &topic.mesh);
        mesh.filter(|peer| self.is_outbound(**peer)).count()
    }

    fn is_outbound(&self, peer: PeerIndex) -> bool {
        self.tables.peer(peer).is_some_and(|peer| peer.is_outbound)
    }

    /// Removes peers from a mesh that is too large. Those with the best scores stay, then random ones, among them enough that
    /// we have dialed.
    fn shrink(&mut self, topic: TopicIndex, cx: &mut Turn<'_>) {
        let mut ranked = self.ranked(topic);
        // Peers with equal scores are ordered at random.
        self.sampler.choose(&mut ranked, usize::MAX);
        ranked.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        let keep = self.config.mesh.min(ranked.len());
        let by_score = self.config.mesh_by_score.min(keep);
        if let Some(rest) = ranked.get_mut(by_score..) {
            self.sampler.choose(rest, usize::MAX);
        }
        self.keep_outbound(&mut ranked, keep);
        for (_, peer) in ranked.iter().skip(keep) {
            self.expel(topic, *peer, true, cx);
        }
        self.scratch.ranked = ranked;
    }

    /// Exchanges peers that are to be kept, worst first, for peers that we have dialed, until enough of those are kept.
    fn keep_outbound(&self, ranked: &mut [(f64, PeerIndex)], keep: usize) {
        let outbound = |peers: &[(f64, PeerIndex)]| peers.iter().filter(|(_, peer)| self.is_outbound(*peer)).count();
        let Some((kept, dropped)) = ranked.split_at_mut_checked(keep) else { return };
        while outbound(kept) < self.config.outbound_quota()
            && let Some(out) = kept.iter().rposition(|(_, peer)| !self.is_outbound(*peer))
            && let Some(better) = dropped.iter().position(|(_, peer)| self.is_outbound(*peer))
            && let (Some(out), Some(better)) = (kept.get_mut(out), dropped.get_mut(better))
        {
            core::mem::swap(out, better);
        }
    }

    /// Returns the peers of a mesh with their scores, in the buffer of the router.
    fn ranked(&mut self, topic: TopicIndex) -> Vec<(f64, PeerIndex)> {
        let mut ranked = core::mem::take(&mut self.scratch.ranked);
        ranked.clear();
        let mesh = self.tables.topic(topic).into_iter().flat_map(|topic| &topic.mesh);
        ranked.extend(mesh.map(|peer| (0.0, *peer)));
        for (score, peer) in &mut ranked {
            *score = self.score_of(*peer);
        }
        ranked
    }

    /// Adds peers with a score above the median to a mesh whose median score is low: libp2p/specs,
    /// `pubsub/gossipsub/gossipsub-v1.1.md`, "Opportunistic Grafting".
    fn graft_opportunistically(&mut self, topic: TopicIndex, cx: &mut Turn<'_>) {
        let mut ranked = self.ranked(topic);
        ranked.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let median = ranked.get(ranked.len() / 2).map(|(score, _)| *score);
        self.scratch.ranked = ranked;
        if let Some(median) = median.filter(|median| *median < self.config.thresholds.opportunistic_graft) {
            // The score has to be above the median, so the least score is the next greater number.
            self.graft_some(topic, self.config.opportunistic_graft_peers, |_| true, median.next_up(), cx);
        }
    }

    /// Forgets the peers of topics on which nothing was published lately, and replaces those that are not suitable any more.
    fn maintain_fanout(&mut self, cx: &mut Turn<'_>) {
        self.fanout.expire(cx.now);
        let mut at = None;
        while let Some((topic, mut peers)) = self.fanout.take_after(at.as_ref()) {
            let least = self.config.thresholds.publish;
            let subscribers = cx.subscribers.get(&topic);
            peers.retain(|peer| {
                self.score_of(*peer) >= least && self.tables.peer(*peer).is_some_and(|peer| !peer.is_outside_mesh())
            });
            if let Some(subscribers) = subscribers {
                self.fill_fanout(&mut peers, subscribers);
            }
            self.fanout.put_back(&topic, peers);
            at = Some(topic);
        }
    }

    /// Dials the direct peers that are not connected, if it is time.
    fn dial_direct(&self, cx: &mut Turn<'_>) {
        let interval = u64::from(self.config.direct_connect_beats.max(1));
        // The first heartbeat dials, too.
        if !self.beat.saturating_sub(1).is_multiple_of(interval) {
            return;
        }
        for (peer, addresses) in &self.direct {
            if self.tables.index_of(peer).is_none() {
                addresses.iter().for_each(|address| cx.actions.act(Action::Dial { address }));
            }
        }
    }
}
