//! Meshes: topics are joined and left, and peers are added to meshes and removed from them, by us (GRAFT and PRUNE) and by
//! themselves.

use super::counters::count;
use super::router::MeshRouter;
use super::score;
use super::tables::{Member, PeerIndex, TopicIndex, Version, nanos};
use crate::arithmetic::Count;
use crate::identity::PeerId;
use crate::protocols::pubsub::{Action, OfferedPeers, Topic, Turn};
use alloc::vec::Vec;
use core::time::Duration;

impl MeshRouter {
    /// Makes a mesh for a topic that we subscribe to now. It begins with the peers to which we have sent messages on the
    /// topic before, as far as they may be in a mesh.
    pub(super) fn join(&mut self, name: &Topic, cx: &mut Turn<'_>) {
        let params = self.config.score.as_ref().and_then(|params| params.of(name));
        let topic = self.tables.add_topic(name, params);
        let Some(state) = self.tables.topic_mut(topic) else { return };
        if core::mem::replace(&mut state.is_joined, true) {
            return;
        }
        for peer in cx.subscribers.get(name).into_iter().flatten() {
            if let Some(peer) = self.tables.index_of(peer) {
                self.tables.set_subscribed(topic, peer, true);
            }
        }
        for peer in self.fanout.join(name).into_iter().take(self.config.mesh) {
            if self.may_graft(topic, peer, nanos(cx.now)) && self.has_score(peer, 0.0) {
                self.add_to_mesh(topic, peer, cx);
            }
        }
        self.fill_mesh(topic, self.config.mesh, |_| true, cx);
    }

    /// Ends the mesh of a topic that we do not subscribe to any more.
    pub(super) fn leave(&mut self, name: &Topic, cx: &mut Turn<'_>) {
        let Some(topic) = self.joined(name) else { return };
        while let Some(peer) = self.tables.topic(topic).and_then(|topic| topic.mesh.last().copied()) {
            self.remove_from_mesh(topic, peer, cx);
            self.send_prune(topic, peer, self.config.unsubscribe_backoff, false, cx);
        }
        if let Some(state) = self.tables.topic_mut(topic) {
            state.is_joined = false;
        }
    }

    /// Handles the end of a peer's subscription.
    pub(super) fn end_subscription(&mut self, peer: PeerIndex, name: &Topic, cx: &mut Turn<'_>) {
        let Some(topic) = self.tables.topic_of(name) else { return };
        self.remove_from_mesh(topic, peer, cx);
        let slack = self.slack();
        if self.tables.member(topic, peer).is_none() {
            return;
        }
        self.tables.set_subscribed(topic, peer, false);
        let Some(member) = self.tables.member(topic, peer) else { return };
        if member.is_idle(nanos(cx.now).saturating_sub(slack)) {
            self.tables.remove_member(topic, peer);
        }
    }

    /// Handles a GRAFT of a peer. A topic that we do not subscribe to, or that the peer does not, costs nothing: such a GRAFT
    /// is neither answered nor remembered.
    pub(super) fn graft(&mut self, peer: PeerIndex, name: &str, cx: &mut Turn<'_>) {
        let topic = self.joined(name);
        let member = topic.and_then(|topic| self.tables.member(topic, peer)).copied();
        let (Some(topic), Some(member)) = (topic, member.filter(|member| member.is_subscribed())) else {
            count!(self, grafts_ignored);
            return;
        };
        if member.is_in_mesh {
            return;
        }
        let now = nanos(cx.now);
        let Some(state) = self.tables.peer(peer) else { return };
        let (is_direct, is_outbound) = (state.is_direct, state.is_outbound);
        let is_full = self.tables.topic(topic).is_some_and(|topic| topic.mesh.len() >= self.config.mesh_high);
        let is_early = member.backoff_until > now;
        if is_early {
            // A GRAFT may cross our PRUNE on the way, so one soon after the PRUNE would be excusable. But a peer that had read
            // the PRUNE has no excuse, and most peers that graft within seconds do so again and again: go counts them twice.
            let pruned_at = member.backoff_until.saturating_sub(nanos(self.config.prune_backoff));
            let is_flood = now < pruned_at.saturating_add(nanos(self.config.graft_flood));
            self.misbehaves(peer, if is_flood { 2 } else { 1 });
        }
        let is_bad = !self.has_score(peer, 0.0);
        if is_direct || is_early || is_bad || (is_full && !is_outbound) {
            count!(self, grafts_refused);
            let is_offering = !is_direct && !is_early && !is_bad;
            return self.send_prune(topic, peer, self.config.prune_backoff, is_offering, cx);
        }
        self.put_into_mesh(topic, peer, cx.now);
        if let (Some(topic), Some(peer)) = (self.tables.topic(topic), self.tables.peer(peer)) {
            cx.actions.act(Action::Grafted { peer: peer.id, topic: &topic.name });
        }
    }

    /// Handles a PRUNE of a peer.
    pub(super) fn prune(
        &mut self,
        peer: PeerIndex,
        name: &str,
        backoff: Option<u64>,
        offered: OfferedPeers<'_>,
        cx: &mut Turn<'_>,
    ) {
        let Some(topic) = self.joined(name) else { return };
        // A peer that unsubscribes sends the PRUNE after it, or in the same RPC, where the subscriptions are read first. Its
        // backoff counts nevertheless: rust-libp2p punishes a GRAFT within it if it subscribes again.
        self.tables.add_member(topic, peer);
        self.remove_from_mesh(topic, peer, cx);
        let backoff = backoff.map_or(self.config.prune_backoff, Duration::from_secs).min(self.config.backoff_at_most);
        self.back_off(topic, peer, backoff, cx.now);
        if self.config.dial_offered_peers && self.has_score(peer, self.config.thresholds.accept_px) {
            self.dial_offered(offered, cx);
        }
    }

    /// Extends the time until which a peer and we do not graft each other.
    fn back_off(&mut self, topic: TopicIndex, peer: PeerIndex, backoff: Duration, now: Duration) {
        let until = nanos(now.saturating_add(backoff));
        if let Some(member) = self.tables.member_mut(topic, peer) {
            member.backoff_until = member.backoff_until.max(until);
        }
    }

    /// Tells a peer that it is not in our mesh, and begins a backoff.
    fn send_prune(
        &mut self,
        topic: TopicIndex,
        peer: PeerIndex,
        backoff: Duration,
        is_offering: bool,
        cx: &mut Turn<'_>,
    ) {
        self.back_off(topic, peer, backoff, cx.now);
        let mut offered = core::mem::take(&mut self.scratch.offered);
        offered.clear();
        if is_offering && self.config.offer_peers {
            self.choose_offered(topic, peer, &mut offered);
        }
        if let (Some(topic), Some(state)) = (self.tables.topic(topic), self.tables.peer(peer)) {
            let backoff = (state.version >= Version::V1_1).then_some(backoff);
            cx.actions.act(Action::Prune { peer: state.id, topic: &topic.name, backoff, offered: &offered });
        }
        self.scratch.offered = offered;
    }

    fn choose_offered(&mut self, topic: TopicIndex, to: PeerIndex, offered: &mut Vec<PeerId>) {
        let mut peers = core::mem::take(&mut self.scratch.peers);
        peers.clear();
        let members = self.tables.topic(topic).into_iter().flat_map(|topic| &topic.members);
        peers.extend(members.filter(|member| member.is_subscribed() && member.peer != to).map(|member| member.peer));
        peers.retain(|peer| self.has_score(*peer, 0.0));
        let most = self.config.offered_peers.min(peers.len());
        self.sampler.choose(&mut peers, most);
        offered.extend(peers.iter().take(most).filter_map(|peer| self.tables.peer(*peer)).map(|peer| peer.id));
        self.scratch.peers = peers;
    }

    /// Returns the time that we wait beyond a backoff, in nanoseconds.
    pub(super) fn slack(&self) -> u64 {
        nanos(self.config.heartbeat_interval).saturating_mul(self.config.backoff_slack.into())
    }

    /// Returns whether a peer that is not in a mesh may be added to it, whatever its score is.
    pub(super) fn may_graft(&self, topic: TopicIndex, peer: PeerIndex, now: u64) -> bool {
        let slack = self.slack();
        let is_inside = self.tables.peer(peer).is_some_and(|peer| !peer.is_outside_mesh());
        is_inside && self.tables.member(topic, peer).is_some_and(|member| member.may_be_grafted(now, slack))
    }

    /// Adds random peers to a mesh until it has `size` peers, or until no peer is left that may be added. Only peers for
    /// which `with` returns `true` are added.
    pub(super) fn fill_mesh(
        &mut self,
        topic: TopicIndex,
        size: usize,
        with: impl Fn(&super::tables::PeerState) -> bool,
        cx: &mut Turn<'_>,
    ) {
        let Some(state) = self.tables.topic(topic) else { return };
        let lacking = size.saturating_sub(state.mesh.len());
        if lacking > 0 {
            self.graft_some(topic, lacking, with, 0.0, cx);
        }
    }

    /// Adds at most `most` random peers with a score of at least `least` to a mesh, for which `with` returns `true`.
    pub(super) fn graft_some(
        &mut self,
        topic: TopicIndex,
        most: usize,
        with: impl Fn(&super::tables::PeerState) -> bool,
        least: f64,
        cx: &mut Turn<'_>,
    ) {
        let now = nanos(cx.now);
        let mut peers = core::mem::take(&mut self.scratch.peers);
        peers.clear();
        let slack = self.slack();
        let members = self.tables.topic(topic).into_iter().flat_map(|topic| &topic.members);
        let may = |member: &&Member| member.may_be_grafted(now, slack);
        let is_meant =
            |peer: &PeerIndex| self.tables.peer(*peer).is_some_and(|peer| !peer.is_outside_mesh() && with(peer));
        peers.extend(members.filter(may).map(|member| member.peer).filter(is_meant));
        peers.retain(|peer| self.score_of(*peer) >= least);
        self.sampler.choose(&mut peers, most);
        for peer in peers.iter().take(most) {
            self.add_to_mesh(topic, *peer, cx);
        }
        self.scratch.peers = peers;
    }

    /// Adds a peer to a mesh, and tells it so.
    fn add_to_mesh(&mut self, topic: TopicIndex, peer: PeerIndex, cx: &mut Turn<'_>) {
        self.put_into_mesh(topic, peer, cx.now);
        if let (Some(topic), Some(peer)) = (self.tables.topic(topic), self.tables.peer(peer)) {
            cx.actions.act(Action::Graft { peer: peer.id, topic: &topic.name, is_new: true });
        }
    }

    fn put_into_mesh(&mut self, topic: TopicIndex, peer: PeerIndex, now: Duration) {
        let Some(member) = self.tables.member_mut(topic, peer) else { return };
        score::grafted(member, nanos(now));
        if let Some(state) = self.tables.topic_mut(topic) {
            state.mesh.push(peer);
        }
        self.tables.set_scored(topic, peer);
        self.counters.grafted.raise(1);
    }

    /// Removes a peer from a mesh, if it is in it, and tells the owner.
    pub(super) fn remove_from_mesh(&mut self, topic: TopicIndex, peer: PeerIndex, cx: &mut Turn<'_>) {
        let Some(state) = self.tables.topic_mut(topic) else { return };
        let Some(at) = state.mesh.iter().position(|other| *other == peer) else { return };
        state.mesh.swap_remove(at);
        let name = state.name.clone();
        let params = self.config.score.as_ref().and_then(|params| params.of(&name));
        if let Some(member) = self.tables.member_mut(topic, peer) {
            score::pruned(params, member);
        }
        if let Some(state) = self.tables.peer_mut(peer) {
            state.is_score_stale = true;
            cx.actions.act(Action::Pruned { peer: state.id, topic: &name });
        }
        self.counters.pruned.raise(1);
    }

    /// Removes a peer from a mesh, and tells it so.
    pub(super) fn expel(&mut self, topic: TopicIndex, peer: PeerIndex, is_offering: bool, cx: &mut Turn<'_>) {
        self.remove_from_mesh(topic, peer, cx);
        self.send_prune(topic, peer, self.config.prune_backoff, is_offering, cx);
    }
}
