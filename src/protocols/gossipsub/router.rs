//! [`MeshRouter`]: the state machine of gossipsub.

use super::asked::{Asked, Asker};
use super::config::Config;
use super::counters::{Counters, count};
use super::fanout::Fanout;
use super::history::History;
use super::retained::{Retained, RetainedPeer};
use super::sample::Sampler;
use super::score::{self, Colocation};
use super::tables::{PeerIndex, Tables, TopicIndex, Version, nanos};
use super::versions;
use crate::connection::Protocol;
use crate::identity::PeerId;
use crate::lifecycle::Direction;
use crate::protocols::pubsub::{
    Accepts, Action, Arrival, Control, Digest, EncodedMessage, Judgement, MessageId, Outgoing, Router, RouterPeer,
    Topic, Turn,
};
use crate::swarm::{AddressGroup, Network};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use libp2p_core::Multiaddr;

/// The state machine of gossipsub: it keeps a mesh of peers for each topic that we subscribe to, gossips about messages, and
/// gives each peer a score.
///
/// It is sans-IO. [`Router`] has its inputs: peers, subscriptions, control messages, messages and verdicts, and the time. It
/// asks for what it wants by [`Actions`](crate::protocols::pubsub::Actions). Its randomness comes from a seed. So the same inputs always lead to the same
/// actions, and a program can simulate a thousand routers without a network.
///
/// [`GossipSub`](super::GossipSub) is the service that connects a router with a swarm.
pub struct MeshRouter {
    pub(super) config: Config,
    pub(super) tables: Tables,
    pub(super) colocation: Colocation,
    pub(super) history: History,
    pub(super) asked: Asked,
    pub(super) fanout: Fanout,
    pub(super) retained: Retained,
    pub(super) sampler: Sampler,
    /// The peers with which the owner has an agreement, and their addresses.
    pub(super) direct: BTreeMap<PeerId, Vec<Multiaddr>>,
    /// The number of peers that get all messages of their topics: those that speak floodsub, and direct peers.
    pub(super) outside_mesh: usize,
    /// The topics whose subscription has changed since the last turn, and whether we subscribe to them now.
    pub(super) commands: BTreeMap<Topic, bool>,
    /// The number of heartbeats that there have been.
    pub(super) beat: u64,
    /// The time of the next heartbeat, and that of the next decay of scores. Both are set in the first turn.
    pub(super) next_heartbeat: Option<Duration>,
    pub(super) next_decay: Duration,
    pub(super) counters: Counters,
    /// Buffers that a heartbeat uses, which keep their memory.
    pub(super) scratch: Scratch,
}

/// Buffers that keep their memory from one use to the next.
#[derive(Default, Debug)]
pub(super) struct Scratch {
    pub(super) peers: Vec<PeerIndex>,
    pub(super) ranked: Vec<(f64, PeerIndex)>,
    pub(super) ids: Vec<(Topic, MessageId)>,
    pub(super) offered: Vec<PeerId>,
    pub(super) recipients: Vec<PeerIndex>,
    pub(super) broken: Vec<Asker>,
}

impl MeshRouter {
    /// Creates a router that has no peers and no topics. `seed` determines its random choices. It has to be secret, since
    /// peers could otherwise foresee which of them are chosen.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        Self {
            tables: Tables::default(),
            colocation: Colocation::default(),
            history: History::new(&config),
            asked: Asked::default(),
            fanout: Fanout::new(config.fanout_topics, config.fanout_ttl),
            retained: Retained::new(config.retained_peers),
            sampler: Sampler::new(seed),
            direct: BTreeMap::new(),
            outside_mesh: 0,
            commands: BTreeMap::new(),
            beat: 0,
            next_heartbeat: None,
            next_decay: Duration::ZERO,
            counters: Counters::default(),
            scratch: Scratch::default(),
            config,
        }
    }

    /// Returns the peers in our mesh of a topic, in no particular order.
    pub fn mesh_peers(&self, topic: &str) -> impl Iterator<Item = PeerId> {
        let mesh = self.tables.topic_of(topic).and_then(|topic| self.tables.topic(topic)).map(|topic| &topic.mesh);
        mesh.into_iter().flatten().filter_map(|peer| self.tables.peer(*peer)).map(|peer| peer.id)
    }

    /// Returns the peers to which our messages on a topic are sent while we do not subscribe to it, in no particular order.
    pub fn fanout_peers(&self, topic: &str) -> impl Iterator<Item = PeerId> {
        self.fanout.of(topic).iter().filter_map(|peer| self.tables.peer(*peer)).map(|peer| peer.id)
    }

    /// Returns the score of a peer, or `None` if it is not a pub/sub peer or if peers have no score.
    pub fn score(&mut self, peer: PeerId) -> Option<f64> {
        self.config.score.as_ref()?;
        let index = self.tables.index_of(&peer)?;
        Some(self.score_of(index))
    }

    /// Returns the number of peers that have disconnected and whose scores or backoffs are remembered.
    #[must_use]
    pub fn retained_peers(&self) -> usize {
        self.retained.len()
    }

    /// Returns the parameters of the router.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the counters of the router, which count for all peers together.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        Counters { history_dropped: self.history.dropped, ..self.counters }
    }

    /// Sets the score that the owner gives to a peer (P5). It is forgotten when the peer disconnects, unless the peer's whole
    /// score is negative then. Returns `false` if the peer is not a pub/sub peer.
    pub fn set_app_score(&mut self, peer: PeerId, score: f64) -> bool {
        let Some(state) = self.tables.index_of(&peer).and_then(|peer| self.tables.peer_mut(peer)) else { return false };
        (state.app_score, state.is_score_stale) = (score, true);
        true
    }

    /// Makes a peer a direct peer: it gets all messages of its topics, and all that it sends is accepted, whatever its score.
    /// It is in no mesh. If it is not connected, its addresses are dialed from time to time. The peer should do the same:
    /// libp2p/specs, `pubsub/gossipsub/gossipsub-v1.1.md`, "Explicit Peering Agreements".
    pub fn add_direct_peer(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) {
        self.direct.insert(peer, addresses);
        self.set_direct(peer, true);
    }

    /// Makes a direct peer an ordinary one. Returns `false` if it is not a direct peer.
    pub fn remove_direct_peer(&mut self, peer: PeerId) -> bool {
        let was_direct = self.direct.remove(&peer).is_some();
        self.set_direct(peer, false);
        was_direct
    }

    /// Returns the direct peers, in ascending order of their peer ids.
    pub fn direct_peers(&self) -> impl Iterator<Item = PeerId> {
        self.direct.keys().copied()
    }

    fn set_direct(&mut self, peer: PeerId, is_direct: bool) {
        let Some(index) = self.tables.index_of(&peer) else { return };
        self.change_peer(index, |state| state.is_direct = is_direct);
    }

    /// Changes the state of a peer, and keeps the number of the peers outside meshes.
    fn change_peer(&mut self, index: PeerIndex, with: impl FnOnce(&mut super::tables::PeerState)) {
        let Some(state) = self.tables.peer_mut(index) else { return };
        let was_outside = state.is_outside_mesh();
        with(state);
        match (was_outside, state.is_outside_mesh()) {
            (false, true) => self.outside_mesh = self.outside_mesh.saturating_add(1),
            (true, false) => self.outside_mesh = self.outside_mesh.saturating_sub(1),
            (true, true) | (false, false) => {}
        }
    }

    /// Replaces the parameters of a topic's score. Counters beyond the new caps are set to the caps.
    pub fn set_topic_score_params(&mut self, topic: &str, params: super::TopicScoreParams) {
        let Some(all) = &mut self.config.score else { return };
        if let Some(state) = self.tables.topic_of(topic).and_then(|topic| self.tables.topic_mut(topic)) {
            for member in &mut state.members {
                member.first_deliveries = member.first_deliveries.min(params.first_message_deliveries_cap);
                member.mesh_deliveries = member.mesh_deliveries.min(params.mesh_message_deliveries_cap);
            }
            state.params = Some(params.clone().into());
        }
        all.topics.insert(topic.into(), params);
        self.tables.peers_mut().for_each(|peer| peer.is_score_stale = true);
    }

    /// Returns the score of a peer, which is computed if a counter has changed.
    pub(super) fn score_of(&mut self, peer: PeerIndex) -> f64 {
        let Some(params) = &self.config.score else { return 0.0 };
        let Some(state) = self.tables.peer(peer) else { return 0.0 };
        if !state.is_score_stale {
            return state.score;
        }
        let score = score::score(params, &self.tables, &self.colocation, peer);
        if let Some(state) = self.tables.peer_mut(peer) {
            (state.score, state.is_score_stale) = (score, false);
        }
        score
    }

    /// Returns whether nothing speaks against a peer whose score has to be at least `least`. Direct peers are exempt.
    pub(super) fn has_score(&mut self, peer: PeerIndex, least: f64) -> bool {
        self.tables.peer(peer).is_some_and(|peer| peer.is_direct) || self.score_of(peer) >= least
    }

    /// Counts misbehaviour of a peer (P7).
    pub(super) fn misbehaves(&mut self, peer: PeerIndex, times: u32) {
        count!(self, penalties);
        if let Some(peer) = self.tables.peer_mut(peer) {
            peer.misbehaviour += f64::from(times);
            peer.is_score_stale = true;
        }
    }

    pub(super) fn asker(&self, index: PeerIndex) -> Option<Asker> {
        self.tables.peer(index).map(|peer| Asker { index, serial: peer.serial })
    }

    /// Returns the address that counts for P6, if the peer's address counts.
    fn colocated(&self, address: Option<&Multiaddr>) -> Option<AddressGroup> {
        let address = address?;
        let ip = Network::of(address)?;
        let exempt = self.config.score.as_ref().map(|params| &params.ip_colocation_exempt);
        let is_exempt = exempt.into_iter().flatten().any(|network| network.contains(ip.ip()));
        (!is_exempt).then(|| AddressGroup::of(address))
    }

    /// Adds a member to the topics of a peer that is connected again, with what is remembered of it.
    fn restore(&mut self, index: PeerIndex, retained: RetainedPeer) {
        if let Some(peer) = self.tables.peer_mut(index) {
            (peer.app_score, peer.misbehaviour, peer.is_score_stale) =
                (retained.app_score, retained.misbehaviour, true);
        }
        for (topic, old) in retained.members {
            let Some(topic) = self.tables.topic_of(&topic) else { continue };
            self.tables.restore_member(topic, index, old);
        }
    }

    /// Carries out the owner's commands since the last turn.
    fn run_commands(&mut self, cx: &mut Turn<'_>) {
        while let Some((topic, is_joined)) = self.commands.pop_first() {
            if is_joined {
                self.join(&topic, cx);
            } else {
                self.leave(&topic, cx);
            }
        }
    }

    /// Returns the number of a peer that may be a member of meshes, with the number of a topic that we subscribe to.
    pub(super) fn joined(&self, topic: &str) -> Option<TopicIndex> {
        let topic = self.tables.topic_of(topic)?;
        self.tables.topic(topic)?.is_joined.then_some(topic)
    }
}

impl Router for MeshRouter {
    fn protocols(&self) -> Vec<Protocol> {
        versions::offered(self.config.test_extension)
    }

    fn recipients(&mut self, outgoing: &Outgoing<'_>, subscribers: &BTreeSet<PeerId>, to: &mut Vec<PeerId>) {
        self.pick_recipients(outgoing, subscribers, to);
    }

    fn peer_opened(&mut self, peer: &RouterPeer<'_>, cx: &mut Turn<'_>) {
        let version = versions::of(peer.protocol);
        let index = self.tables.index_of(&peer.peer);
        let index = index.unwrap_or_else(|| self.add_peer(peer, version, cx));
        let is_direct = self.direct.contains_key(&peer.peer);
        let is_outbound = peer.direction == Direction::Outbound;
        self.change_peer(index, |state| {
            (state.version, state.is_direct, state.is_outbound) = (version, is_direct, is_outbound);
        });
        if version == Version::V1_3 && self.config.test_extension {
            cx.actions.act(Action::Extensions { peer: peer.peer });
        }
        self.tell_meshes(index, cx);
    }

    fn peer_gone(&mut self, peer: PeerId, now: Duration) {
        if let Some(index) = self.tables.index_of(&peer) {
            self.remove_peer(index, now);
        }
    }

    fn subscribed(&mut self, peer: PeerId, topic: &Topic) {
        if let (Some(index), Some(topic)) = (self.tables.index_of(&peer), self.tables.topic_of(topic)) {
            self.tables.set_subscribed(topic, index, true);
        }
    }

    fn unsubscribed(&mut self, peer: PeerId, topic: &Topic, cx: &mut Turn<'_>) {
        if let Some(index) = self.tables.index_of(&peer) {
            self.fanout.remove(topic, index);
            self.end_subscription(index, topic, cx);
        }
    }

    fn joined(&mut self, topic: &Topic, is_joined: bool) {
        self.commands.insert(topic.clone(), is_joined);
    }

    fn accepts(&mut self, peer: PeerId) -> Accepts {
        let Some(index) = self.tables.index_of(&peer) else { return Accepts::All };
        let graylist = self.config.thresholds.graylist;
        if self.has_score(index, graylist) {
            return Accepts::All;
        }
        count!(self, graylisted);
        Accepts::Subscriptions
    }

    fn control(&mut self, peer: PeerId, rpc: u64, entry: Control<'_>, cx: &mut Turn<'_>) {
        let Some(index) = self.tables.index_of(&peer) else { return };
        if self.tables.peer(index).is_some_and(|peer| peer.version == Version::Floodsub) {
            // go reads no control message of such a peer either.
            return;
        }
        match entry {
            Control::IHave { topic, ids } => self.ihave(index, rpc, topic, ids, cx),
            Control::IWant { ids } => self.iwant(index, ids, cx),
            Control::Graft { topic } => self.graft(index, topic, cx),
            Control::Prune { topic, backoff, peers } => self.prune(index, topic, backoff, peers, cx),
            Control::IDontWant { ids } => self.idontwant(index, rpc, ids),
            // We support no extension but the test of them, which only says that the message is understood.
            Control::Extensions { .. } => {}
        }
    }

    fn arrived(&mut self, arrival: &Arrival<'_>, size: usize, cx: &mut Turn<'_>) {
        self.asked.arrived(&Digest::of(arrival.id));
        if size >= self.config.idontwant_size {
            self.tell_dont_want(arrival, cx);
        }
    }

    fn declined(&mut self, id: &MessageId) {
        self.asked.kept(&Digest::of(id));
    }

    fn judged(&mut self, arrival: &Arrival<'_>, judgement: Judgement, _now: Duration) {
        let Some(index) = self.tables.index_of(&arrival.peer) else { return };
        let Some(topic) = self.tables.topic_of(arrival.topic) else { return };
        let Some(state) = self.tables.topic(topic) else { return };
        // A message counts for its sender even if that does not subscribe: whoever sends invalid ones need not.
        if self.config.score.is_none() || state.params.is_none() || !state.is_joined {
            return;
        }
        self.tables.count_judgement(topic, index, |params, member| score::judged(params, member, judgement));
    }

    fn is_wanted(&self, peer: PeerId, message: &EncodedMessage) -> bool {
        let peer = self.tables.index_of(&peer).and_then(|peer| self.tables.peer(peer));
        peer.is_none_or(|peer| !peer.dont_want.contains(message.digest().short()))
    }

    fn poll_at(&self) -> Option<Duration> {
        if !self.commands.is_empty() || self.next_heartbeat.is_none() || self.fanout.is_untimed() {
            return Some(Duration::ZERO);
        }
        self.next_heartbeat
    }

    fn tick(&mut self, cx: &mut Turn<'_>) {
        let now = cx.now;
        let first = now.saturating_add(self.config.first_heartbeat);
        let due = *self.next_heartbeat.get_or_insert(first);
        self.fanout.advance(now);
        self.run_commands(cx);
        if due <= now {
            // A program that has slept for long does not catch up: the heartbeats that it has missed would be alike.
            let interval = self.config.heartbeat_interval.max(Duration::from_millis(1));
            self.next_heartbeat = Some(now.saturating_add(interval));
            self.heartbeat(cx);
        }
    }

    fn held(&self) -> usize {
        self.history.bytes().saturating_add(self.tables.bytes())
    }

    fn memory_bound(&self, peers: usize, topics: usize) -> usize {
        self.config.memory_bound(peers, topics)
    }
}

impl MeshRouter {
    fn add_peer(&mut self, peer: &RouterPeer<'_>, version: Version, cx: &mut Turn<'_>) -> PeerIndex {
        let index = self.tables.add_peer(peer.peer, version);
        if version == Version::Floodsub {
            self.outside_mesh = self.outside_mesh.saturating_add(1);
        }
        let address = self.colocated(peer.address);
        if let Some(address) = address {
            self.colocation.add(address);
            self.stale_scores_at(address);
        }
        if let Some(state) = self.tables.peer_mut(index) {
            state.address = address;
        }
        if let Some(retained) = self.retained.take(&peer.peer, nanos(cx.now)) {
            self.restore(index, retained);
        }
        index
    }

    /// Marks the scores of all peers of an address as stale, since their number has changed.
    fn stale_scores_at(&mut self, address: AddressGroup) {
        let peers = self.tables.peers_mut().filter(|peer| peer.address == Some(address));
        peers.for_each(|peer| peer.is_score_stale = true);
    }

    fn remove_peer(&mut self, index: PeerIndex, now: Duration) {
        let score = self.score_of(index);
        let now = nanos(now);
        let mut until = 0;
        let mut members = Vec::new();
        let params = self.config.score.as_ref();
        let kept = if score < 0.0 { params.map_or(0, |params| nanos(params.retain_score)) } else { 0 };
        let state = self.tables.remove_peer(index, |topic, mut member| {
            if member.is_in_mesh {
                score::pruned(params.and_then(|params| params.of(topic)), &mut member);
            }
            if member.backoff_until > now || (kept > 0 && member.has_counts()) {
                until = until.max(member.backoff_until);
                members.push((topic.clone(), member.retained()));
            }
        });
        let Some(state) = state else { return };
        if state.is_outside_mesh() {
            self.outside_mesh = self.outside_mesh.saturating_sub(1);
        }
        self.fanout.remove_peer(index);
        if let Some(address) = state.address {
            self.colocation.remove(address);
            self.stale_scores_at(address);
        }
        if kept > 0 {
            until = until.max(now.saturating_add(kept));
        }
        if until > now {
            let (app_score, misbehaviour) = if kept > 0 { (state.app_score, state.misbehaviour) } else { (0.0, 0.0) };
            self.retained.add(state.id, RetainedPeer { score, app_score, misbehaviour, members, until });
        }
    }

    /// Tells a peer whose stream is new of the meshes that it is in.
    fn tell_meshes(&self, index: PeerIndex, cx: &mut Turn<'_>) {
        let Some(peer) = self.tables.peer(index).map(|peer| peer.id) else { return };
        for (topic, member) in self.tables.members_of(index) {
            if member.is_in_mesh {
                cx.actions.act(Action::Graft { peer, topic: &topic.name, is_new: false });
            }
        }
    }
}

impl fmt::Debug for MeshRouter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeshRouter").field("config", &self.config).field("beat", &self.beat).finish_non_exhaustive()
    }
}
