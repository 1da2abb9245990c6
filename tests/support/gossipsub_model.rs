//! [`Model`]: a slow and simple model of the mesh router. It makes no random choice itself: it follows what the router asks for,
//! checks that it may be, and computes the rest anew each time.

use super::gossipsub_play::{Did, PEERS, number, peer};
use arbitrary::Arbitrary;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use swarm_notify::identity::PeerId;
use swarm_notify::protocols::gossipsub::{Config, MeshRouter, ScoreParams, TopicScoreParams};
use swarm_notify::protocols::pubsub::{Judgement, Router};

/// The protocol that was agreed with a peer.
#[derive(Arbitrary, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Flood,
    Old,
    New,
}

#[derive(Clone, Debug)]
pub(crate) struct ModelPeer {
    serial: u64,
    kind: Kind,
    is_outbound: bool,
    app: f64,
    misbehaviour: f64,
    ihaves: u32,
    idontwants: u32,
    asked: usize,
    wanted: usize,
    sent: usize,
    dont_want: Vec<(u8, u64)>,
}

#[derive(Clone, Default, PartialEq, Debug)]
struct Member {
    is_in_mesh: bool,
    is_active: bool,
    grafted_at: Duration,
    mesh_time: Duration,
    backoff: Duration,
    first: f64,
    delivered: f64,
    failures: f64,
    invalid: f64,
}

struct Ask {
    until: Duration,
    id: u8,
    peer: u8,
    serial: u64,
    is_open: bool,
}

struct Kept {
    topic: String,
    beat: u64,
    sent: BTreeMap<u64, u8>,
}

struct Retained {
    app: f64,
    misbehaviour: f64,
    members: BTreeMap<String, Member>,
    until: Duration,
}

/// A message that the router was asked to send, and to whom it wants to.
pub(crate) struct Sent<'a> {
    pub(crate) topic: &'a str,
    pub(crate) id: u8,
    pub(crate) is_ours: bool,
    pub(crate) recipients: BTreeSet<u8>,
    pub(crate) fanout: BTreeSet<u8>,
}

pub(crate) struct Model {
    config: Config,
    is_single: bool,
    is_tight: bool,
    pub(crate) now: Duration,
    pub(crate) peers: BTreeMap<u8, ModelPeer>,
    pub(crate) subscribers: BTreeMap<Arc<str>, BTreeSet<PeerId>>,
    pub(crate) joined: BTreeSet<String>,
    pub(crate) seen: BTreeSet<u8>,
    /// The topics of which the router keeps anything.
    known: BTreeSet<String>,
    joining: Option<(String, bool)>,
    members: BTreeMap<(u8, String), Member>,
    direct: BTreeSet<u8>,
    asked: Vec<Ask>,
    history: BTreeMap<u8, Kept>,
    retained: BTreeMap<u8, Retained>,
    next_heartbeat: Option<Duration>,
    next_decay: Duration,
    beat: u64,
    serial: u64,
}

impl Model {
    pub(crate) fn new(config: Config, is_single: bool, is_tight: bool) -> Self {
        Self {
            config,
            is_single,
            is_tight,
            now: Duration::ZERO,
            peers: BTreeMap::new(),
            subscribers: BTreeMap::new(),
            joined: BTreeSet::new(),
            seen: BTreeSet::new(),
            known: BTreeSet::new(),
            joining: None,
            members: BTreeMap::new(),
            direct: BTreeSet::new(),
            asked: Vec::new(),
            history: BTreeMap::new(),
            retained: BTreeMap::new(),
            next_heartbeat: None,
            next_decay: Duration::ZERO,
            beat: 0,
            serial: 0,
        }
    }

    fn params(&self) -> &ScoreParams {
        self.config.score.as_ref().expect("the play has scores")
    }

    fn topic_params(&self, topic: &str) -> Option<TopicScoreParams> {
        self.params().of(topic).cloned()
    }

    fn member(&mut self, peer: u8, topic: &str) -> &mut Member {
        self.members.entry((peer, topic.into())).or_default()
    }

    fn is_subscribed(&self, number: u8, topic: &str) -> bool {
        self.subscribers.get(topic).is_some_and(|peers| peers.contains(&peer(number)))
    }

    fn subscribed_to(&self, topic: &str) -> Vec<u8> {
        self.subscribers.get(topic).into_iter().flatten().map(|id| number(*id)).collect()
    }

    pub(crate) fn mesh(&self, topic: &str) -> BTreeSet<u8> {
        let members = self.members.iter().filter(|((_, name), member)| name == topic && member.is_in_mesh);
        members.map(|((peer, _), _)| *peer).collect()
    }

    fn is_outside(&self, peer: u8) -> bool {
        self.direct.contains(&peer) || self.peers.get(&peer).is_none_or(|peer| peer.kind == Kind::Flood)
    }

    fn backoff_of(&self, peer: u8, backoff: Duration) -> Option<Duration> {
        (self.peers[&peer].kind == Kind::New).then_some(backoff)
    }

    // ---- scores ----

    pub(crate) fn score(&self, number: u8) -> Option<f64> {
        let peer = self.peers.get(&number)?;
        let mut topics = 0.0;
        for ((_, topic), member) in self.members.iter().filter(|((peer, _), _)| *peer == number) {
            let Some(params) = self.topic_params(topic) else { continue };
            let time = member.mesh_time.as_secs() as f64;
            let time = if member.is_in_mesh { time.min(params.time_in_mesh_cap) } else { 0.0 };
            let sum = params.time_in_mesh_weight * time
                + params.first_message_deliveries_weight * member.first
                + params.mesh_message_deliveries_weight * lacks(&params, member).powi(2)
                + params.mesh_failure_penalty_weight * member.failures
                + params.invalid_message_deliveries_weight * member.invalid.powi(2);
            topics += params.topic_weight * sum;
        }
        let params = self.params();
        let misbehaviour = params.behaviour_penalty_weight * peer.misbehaviour.powi(2);
        Some(topics.min(params.topic_cap) + params.app_specific_weight * peer.app + misbehaviour)
    }

    fn has_score(&self, number: u8, least: f64) -> bool {
        self.direct.contains(&number) || self.score(number).is_some_and(|score| score >= least)
    }

    pub(crate) fn is_graylisted(&self, number: u8) -> bool {
        self.peers.contains_key(&number) && !self.has_score(number, self.config.thresholds.graylist)
    }

    pub(crate) fn set_app_score(&mut self, number: u8, score: f64) -> bool {
        self.peers.get_mut(&number).map(|peer| peer.app = score).is_some()
    }

    pub(crate) fn set_direct(&mut self, number: u8, is_direct: bool) {
        match is_direct {
            true => self.direct.insert(number),
            false => self.direct.remove(&number),
        };
    }

    pub(crate) fn judged(&mut self, number: u8, topic: &str, judgement: Judgement) {
        let Some(params) = self.topic_params(topic) else { return };
        let member = self.member(number, topic);
        match judgement {
            Judgement::First => member.first = (member.first + 1.0).min(params.first_message_deliveries_cap),
            Judgement::Rejected => member.invalid += 1.0,
            Judgement::Repeated { .. } | Judgement::Ignored => {}
        }
        let is_delivery = match judgement {
            Judgement::First => true,
            Judgement::Repeated { after } => after <= params.mesh_message_deliveries_window,
            Judgement::Rejected | Judgement::Ignored => false,
        };
        if is_delivery && member.is_in_mesh {
            member.delivered = (member.delivered + 1.0).min(params.mesh_message_deliveries_cap);
        }
    }

    // ---- peers and subscriptions ----

    pub(crate) fn opened(&mut self, number: u8, kind: Kind, is_outbound: bool, did: &[Did]) {
        if !self.peers.contains_key(&number) {
            self.serial += 1;
            let mut new = ModelPeer {
                serial: self.serial,
                kind,
                is_outbound,
                app: 0.0,
                misbehaviour: 0.0,
                ihaves: 0,
                idontwants: 0,
                asked: 0,
                wanted: 0,
                sent: 0,
                dont_want: Vec::new(),
            };
            if let Some(retained) = self.retained.remove(&number).filter(|retained| retained.until > self.now) {
                (new.app, new.misbehaviour) = (retained.app, retained.misbehaviour);
                let members = retained.members.into_iter().filter(|(topic, _)| self.known.contains(topic));
                self.members.extend(members.map(|(topic, member)| ((number, topic), member)));
            }
            self.peers.insert(number, new);
        }
        let peer = self.peers.get_mut(&number).expect("it is there");
        (peer.kind, peer.is_outbound) = (kind, is_outbound);
        let told: BTreeSet<_> = did.iter().map(|did| format!("{did:?}")).collect();
        let meshes = self.joined.iter().filter(|topic| self.mesh(topic).contains(&number));
        let right = meshes.map(|topic| Did::Graft { peer: number, topic: topic.clone(), is_ours: true, is_new: false });
        assert_eq!(told, right.map(|did| format!("{did:?}")).collect(), "a new stream is told of the meshes");
    }

    pub(crate) fn gone(&mut self, number: u8) {
        let score = self.score(number).expect("it is a peer");
        let kept = score < 0.0;
        let mut members = BTreeMap::new();
        let mut until = Duration::ZERO;
        for topic in self.known.clone() {
            self.unmesh(number, &topic);
            let Some(member) = self.members.remove(&(number, topic.clone())) else { continue };
            if member.backoff > self.now || (kept && has_counts(&member)) {
                until = until.max(member.backoff);
                members.insert(topic, member);
            }
        }
        let peer = self.peers.remove(&number).expect("it is a peer");
        self.subscribers.values_mut().for_each(|peers| _ = peers.remove(&super::gossipsub_play::peer(number)));
        if kept {
            until = until.max(self.now + self.params().retain_score);
        }
        if until > self.now {
            let (app, misbehaviour) = if kept { (peer.app, peer.misbehaviour) } else { (0.0, 0.0) };
            self.retained.insert(number, Retained { app, misbehaviour, members, until });
        }
    }

    pub(crate) fn subscribe(&mut self, number: u8, topic: &str, is_subscribed: bool) -> bool {
        let peers = self.subscribers.entry(topic.into()).or_default();
        if is_subscribed { peers.insert(peer(number)) } else { peers.remove(&peer(number)) }
    }

    pub(crate) fn unsubscribed(&mut self, peer: u8, topic: &str, did: &[Did]) {
        let right = self.unmesh(peer, topic).then(|| Did::Pruned { peer, topic: topic.into() });
        assert_eq!(did, right.as_slice());
    }

    /// Removes a peer from a mesh. What it lacks is kept as P3b.
    fn unmesh(&mut self, peer: u8, topic: &str) -> bool {
        let params = self.topic_params(topic);
        let Some(member) = self.members.get_mut(&(peer, topic.into())).filter(|member| member.is_in_mesh) else {
            return false;
        };
        if let Some(params) = params {
            member.failures += lacks(&params, member).powi(2);
        }
        (member.is_in_mesh, member.is_active) = (false, false);
        true
    }

    fn enmesh(&mut self, peer: u8, topic: &str) {
        let now = self.now;
        let member = self.member(peer, topic);
        assert!(!member.is_in_mesh, "{peer} is in the mesh of {topic}");
        (member.is_in_mesh, member.is_active) = (true, false);
        (member.grafted_at, member.mesh_time) = (now, Duration::ZERO);
    }

    fn back_off(&mut self, peer: u8, topic: &str, backoff: Duration) {
        let until = self.now + backoff;
        let member = self.member(peer, topic);
        member.backoff = member.backoff.max(until);
    }

    // ---- control messages ----

    fn speaks(&self, peer: u8) -> bool {
        self.peers[&peer].kind != Kind::Flood
    }

    pub(crate) fn graft(&mut self, peer: u8, topic: &str, did: &[Did]) {
        let is_heard = self.speaks(peer) && self.joined.contains(topic) && self.is_subscribed(peer, topic);
        if !is_heard || self.mesh(topic).contains(&peer) {
            return assert_eq!(did, [], "nothing is answered");
        }
        let is_full = self.mesh(topic).len() >= self.config.mesh_high && !self.peers[&peer].is_outbound;
        let backoff = self.member(peer, topic).backoff;
        let is_early = backoff > self.now;
        if is_early {
            let is_flood = self.now < backoff.saturating_sub(self.config.prune_backoff) + self.config.graft_flood;
            self.peers.get_mut(&peer).expect("it is a peer").misbehaviour += if is_flood { 2.0 } else { 1.0 };
        }
        if self.direct.contains(&peer) || is_early || !self.has_score(peer, 0.0) || is_full {
            self.back_off(peer, topic, self.config.prune_backoff);
            let backoff = self.backoff_of(peer, self.config.prune_backoff);
            return assert_eq!(did, [Did::Prune { peer, topic: topic.into(), backoff }]);
        }
        assert_eq!(did, [Did::Graft { peer, topic: topic.into(), is_ours: false, is_new: true }]);
        self.enmesh(peer, topic);
    }

    pub(crate) fn prune(&mut self, peer: u8, topic: &str, backoff: Option<u64>, did: &[Did]) {
        if !self.speaks(peer) || !self.joined.contains(topic) {
            return assert_eq!(did, []);
        }
        let right = self.unmesh(peer, topic).then(|| Did::Pruned { peer, topic: topic.into() });
        assert_eq!(did, right.as_slice());
        let backoff = backoff.map_or(self.config.prune_backoff, Duration::from_secs);
        self.back_off(peer, topic, backoff.min(self.config.backoff_at_most));
    }

    pub(crate) fn ihave(&mut self, peer: u8, topic: &str, ids: &[u8], did: &[Did]) {
        let gossip = self.config.thresholds.gossip;
        if !self.speaks(peer) {
            return assert_eq!(did, []);
        }
        let state = self.peers.get_mut(&peer).expect("it is a peer");
        state.ihaves += 1;
        let (serial, asked) = (state.serial, state.asked);
        if state.ihaves > self.config.ihave_rpcs || !self.joined.contains(topic) || !self.has_score(peer, gossip) {
            return assert_eq!(did, []);
        }
        let free = self.config.asked_ids.saturating_sub(self.asked.len());
        let open = self.asked.iter().filter(|ask| ask.serial == serial && ask.is_open).count();
        let room = self.config.ihave_ids.saturating_sub(asked).min(free.saturating_sub(open));
        let mut wanted = Vec::new();
        for id in ids.iter().take(self.config.ihave_ids).map(|id| id % 24) {
            let is_open = self.asked.iter().any(|ask| ask.id == id && ask.is_open);
            if wanted.len() < room && !is_open && !self.seen.contains(&id) {
                let until = self.now + self.config.iwant_followup;
                self.asked.push(Ask { until, id, peer, serial, is_open: true });
                wanted.push(id);
            }
        }
        self.peers.get_mut(&peer).expect("it is a peer").asked += wanted.len();
        let right = (!wanted.is_empty()).then_some(Did::IWant { peer, ids: wanted });
        assert_eq!(did, right.as_slice());
    }

    pub(crate) fn iwant(&mut self, peer: u8, ids: &[u8], did: &[Did]) {
        let mut right = Vec::new();
        if self.speaks(peer) && self.has_score(peer, self.config.thresholds.gossip) {
            for id in ids.iter().map(|id| id % 24) {
                let is_unwanted = self.is_unwanted(peer, id);
                let state = self.peers.get_mut(&peer).expect("it is a peer");
                state.wanted += 1;
                if state.wanted > self.config.iwant_ids || state.sent >= self.config.iwant_bytes {
                    break;
                }
                // With a tight history it is the router who knows what is left, and what was kept anew.
                if self.is_tight {
                    if did.get(right.len()) == Some(&Did::Send { peer, id }) {
                        assert!(!is_unwanted, "{did:?}");
                        state.sent += 100;
                        right.push(Did::Send { peer, id });
                    }
                } else if let Some(kept) = self.history.get_mut(&id).filter(|_| !is_unwanted) {
                    let times = kept.sent.entry(state.serial).or_default();
                    if *times < self.config.retransmissions {
                        *times += 1;
                        state.sent += 100;
                        right.push(Did::Send { peer, id });
                    }
                }
            }
        }
        assert_eq!(did, right);
    }

    pub(crate) fn idontwant(&mut self, peer: u8, ids: &[u8], did: &[Did]) {
        assert_eq!(did, []);
        if !self.speaks(peer) {
            return;
        }
        let until = self.beat + u64::from(self.config.idontwant_beats);
        let state = self.peers.get_mut(&peer).expect("it is a peer");
        state.idontwants += 1;
        if state.idontwants > self.config.idontwant_rpcs {
            return;
        }
        for id in ids.iter().map(|id| id % 24) {
            if state.dont_want.len() >= self.config.idontwant_ids {
                return;
            }
            if !state.dont_want.contains(&(id, until)) {
                state.dont_want.push((id, until));
            }
        }
    }

    pub(crate) fn is_unwanted(&self, peer: u8, id: u8) -> bool {
        self.peers[&peer].dont_want.iter().any(|(unwanted, _)| *unwanted == id)
    }

    // ---- messages ----

    fn close_ask(&mut self, id: u8) {
        self.asked.iter_mut().filter(|ask| ask.id == id).for_each(|ask| ask.is_open = false);
    }

    pub(crate) fn arrived(&mut self, from: u8, topic: &str, id: u8, size: usize, did: &[Did]) {
        self.close_ask(id);
        let is_told = |peer: &u8| *peer != from && self.peers[peer].kind == Kind::New;
        let mesh = self.mesh(topic);
        let told = mesh.iter().filter(|peer| size >= self.config.idontwant_size && is_told(peer));
        let right: BTreeSet<_> =
            told.map(|peer| format!("{:?}", Did::DontWant { peer: *peer, ids: vec![id] })).collect();
        assert_eq!(did.iter().map(|did| format!("{did:?}")).collect::<BTreeSet<_>>(), right);
        assert_eq!(did.len(), right.len());
    }

    pub(crate) fn sent(&mut self, sent: &Sent<'_>) {
        let Sent { topic, id, is_ours, recipients, fanout } = sent;
        self.close_ask(*id);
        let beat = self.beat;
        let new = || Kept { topic: (*topic).into(), beat, sent: BTreeMap::new() };
        self.history.entry(*id).or_insert_with(new);
        let publish = self.config.thresholds.publish;
        let subscribers = self.subscribed_to(topic);
        let good: BTreeSet<_> = subscribers.iter().copied().filter(|peer| self.has_score(*peer, publish)).collect();
        let outside = good.iter().copied().filter(|peer| self.is_outside(*peer)).collect::<BTreeSet<_>>();
        let inside: BTreeSet<_> = good.difference(&outside).copied().collect();
        let wanted = |peers: &BTreeSet<u8>| -> BTreeSet<u8> {
            peers.iter().copied().filter(|peer| !self.is_unwanted(*peer, *id)).collect()
        };
        let mesh = self.mesh(topic);
        if *is_ours && self.config.flood_publish {
            assert_eq!(*recipients, wanted(&good), "all of {topic}");
        } else if !self.joined.contains(*topic) {
            let all = fanout.iter().copied().filter(|peer| !self.is_outside(*peer)).collect::<BTreeSet<_>>();
            assert_eq!(*recipients, wanted(&all.union(&outside).copied().collect()));
            assert!(fanout.iter().all(|peer| subscribers.contains(peer)), "{fanout:?} of {subscribers:?}");
            assert!(!fanout.is_empty() || inside.is_empty());
            assert!(fanout.len() <= self.config.mesh);
        } else if *is_ours && mesh.is_empty() {
            let others: BTreeSet<_> = recipients.difference(&outside).copied().collect();
            assert!(others.is_subset(&inside) && others.len() <= self.config.mesh);
            assert_eq!(recipients.intersection(&outside).copied().collect::<BTreeSet<_>>(), wanted(&outside));
        } else {
            let mesh = mesh.into_iter().filter(|peer| !self.is_outside(*peer)).collect::<BTreeSet<_>>();
            assert_eq!(*recipients, wanted(&mesh.union(&outside).copied().collect()), "the mesh of {topic}");
        }
    }

    // ---- turns ----

    pub(crate) fn joining(&mut self, topic: &str, is_joined: bool) {
        self.joining = Some((topic.into(), is_joined));
    }

    pub(crate) fn tick(&mut self, did: &[Did]) {
        let due = *self.next_heartbeat.get_or_insert(self.now + self.config.first_heartbeat);
        let is_heartbeat = due <= self.now;
        if let Some((topic, is_joined)) = self.joining.take() {
            assert!(!is_heartbeat, "no time has passed");
            return if is_joined { self.join(&topic, did) } else { self.leave(&topic, did) };
        }
        if is_heartbeat {
            self.next_heartbeat = Some(self.now + self.config.heartbeat_interval);
            self.heartbeat(did);
        } else {
            assert_eq!(did, []);
        }
    }

    fn join(&mut self, topic: &str, did: &[Did]) {
        if !self.joined.insert(topic.into()) {
            return assert_eq!(did, []);
        }
        self.known.insert(topic.into());
        did.iter().for_each(|did| self.follow_graft(topic, did));
        let size = self.mesh(topic).len();
        assert!(size <= self.config.mesh.max(self.config.mesh_high));
        assert!(size >= self.config.mesh || self.eligible(topic).is_empty(), "{:?} may be in it", self.eligible(topic));
    }

    fn leave(&mut self, topic: &str, did: &[Did]) {
        let mut right = BTreeSet::new();
        if self.joined.remove(topic) {
            for peer in self.mesh(topic) {
                self.unmesh(peer, topic);
                self.back_off(peer, topic, self.config.unsubscribe_backoff);
                let backoff = self.backoff_of(peer, self.config.unsubscribe_backoff);
                right.insert(format!("{:?}", Did::Pruned { peer, topic: topic.into() }));
                right.insert(format!("{:?}", Did::Prune { peer, topic: topic.into(), backoff }));
            }
        }
        assert_eq!(did.iter().map(|did| format!("{did:?}")).collect::<BTreeSet<_>>(), right);
    }

    /// The peers that have to be grafted if a mesh lacks some.
    fn eligible(&self, topic: &str) -> Vec<u8> {
        let slack = self.config.heartbeat_interval * self.config.backoff_slack;
        let may = |peer: &u8| {
            let member = self.members.get(&(*peer, topic.into())).cloned().unwrap_or_default();
            let has_waited = member.backoff.is_zero() || member.backoff + slack <= self.now;
            !member.is_in_mesh
                && has_waited
                && !self.is_outside(*peer)
                && self.score(*peer).is_some_and(|score| score >= 0.0)
        };
        self.subscribed_to(topic).into_iter().filter(may).collect()
    }

    /// A GRAFT of ours: it is for somebody who may be in the mesh.
    fn follow_graft(&mut self, topic: &str, did: &Did) {
        let Did::Graft { peer, topic: name, is_ours: true, is_new: true } = did else { panic!("{did:?}") };
        assert_eq!(name, topic);
        assert!(
            self.peers.contains_key(peer) && self.is_subscribed(*peer, topic) && !self.is_outside(*peer),
            "{did:?}"
        );
        assert!(self.score(*peer).is_some_and(|score| score >= 0.0), "{did:?}");
        let now = self.now;
        assert!(self.member(*peer, topic).backoff <= now, "{did:?} within a backoff");
        self.enmesh(*peer, topic);
    }

    fn heartbeat(&mut self, did: &[Did]) {
        self.beat += 1;
        for ask in self.asked.iter().filter(|ask| ask.until <= self.now && ask.is_open && self.is_single) {
            if let Some(peer) = self.peers.get_mut(&ask.peer).filter(|peer| peer.serial == ask.serial) {
                peer.misbehaviour += 1.0;
            }
        }
        self.asked.retain(|ask| ask.until > self.now);
        for peer in self.peers.values_mut() {
            (peer.ihaves, peer.idontwants, peer.asked, peer.wanted, peer.sent) = (0, 0, 0, 0, 0);
            peer.dont_want.retain(|(_, until)| *until > self.beat);
        }
        if self.now >= self.next_decay {
            self.next_decay = self.now + self.params().decay_interval;
            self.decay();
        }
        let gossip = did.iter().position(|did| matches!(did, Did::IHave { .. })).unwrap_or(did.len());
        let (maintenance, gossip) = did.split_at(gossip);
        self.follow_maintenance(maintenance);
        gossip.iter().for_each(|did| self.follow_gossip(did));
        for topic in self.known.clone() {
            let is_live = |(_, member): (&(u8, String), &Member)| member.backoff > self.now || has_counts(member);
            let mut members = self.members.iter().filter(|((_, name), _)| *name == topic);
            if !self.joined.contains(&topic) && !members.any(is_live) {
                self.known.remove(&topic);
                self.members.retain(|(_, name), _| *name != topic);
            }
        }
        let (beat, length) = (self.beat, self.config.history_length as u64);
        self.history.retain(|_, kept| kept.beat + length > beat);
        self.retained.retain(|_, retained| retained.until > self.now);
    }

    fn decay(&mut self) {
        let zero = self.params().decay_to_zero;
        let decay = |counter: &mut f64, factor: f64| {
            *counter *= factor;
            if *counter < zero {
                *counter = 0.0;
            }
        };
        let params: BTreeMap<_, _> = self.known.iter().map(|topic| (topic.clone(), self.topic_params(topic))).collect();
        for ((_, topic), member) in &mut self.members {
            let Some(Some(params)) = params.get(topic) else { continue };
            decay(&mut member.first, params.first_message_deliveries_decay);
            decay(&mut member.delivered, params.mesh_message_deliveries_decay);
            decay(&mut member.failures, params.mesh_failure_penalty_decay);
            decay(&mut member.invalid, params.invalid_message_deliveries_decay);
            if member.is_in_mesh {
                member.mesh_time = self.now - member.grafted_at;
                member.is_active = member.mesh_time > params.mesh_message_deliveries_activation;
            }
        }
        let factor = self.params().behaviour_penalty_decay;
        self.peers.values_mut().for_each(|peer| decay(&mut peer.misbehaviour, factor));
    }

    /// What the heartbeat did to meshes, in its order: a peer that is removed from one mesh may have a lower score in the next.
    fn follow_maintenance(&mut self, did: &[Did]) {
        let mut shrinking = BTreeSet::new();
        for did in did {
            match did {
                Did::Graft { topic, .. } => self.follow_graft(topic, did),
                Did::Pruned { peer, topic } => {
                    let is_bad = self.is_outside(*peer) || self.score(*peer).is_some_and(|score| score < 0.0);
                    if self.mesh(topic).len() > self.config.mesh_high {
                        shrinking.insert(topic.clone());
                    }
                    assert!(is_bad || shrinking.contains(topic), "{did:?} for no reason");
                    assert!(self.unmesh(*peer, topic), "{did:?} is in no mesh");
                }
                Did::Prune { peer, topic, backoff } => {
                    assert_eq!(*backoff, self.backoff_of(*peer, self.config.prune_backoff));
                    self.back_off(*peer, topic, self.config.prune_backoff);
                }
                other @ (Did::IHave { .. } | Did::IWant { .. } | Did::DontWant { .. } | Did::Send { .. }) => {
                    panic!("{other:?} in a heartbeat")
                }
            }
        }
        for topic in self.joined.clone() {
            self.check_size(&topic);
            // Whoever was removed from one mesh may have a negative score by now, and be in another that was kept before.
            if !did.iter().any(|did| matches!(did, Did::Pruned { .. })) {
                let is_good =
                    |peer: &u8| !self.is_outside(*peer) && self.score(*peer).is_some_and(|score| score >= 0.0);
                assert!(self.mesh(&topic).iter().all(is_good), "the mesh of {topic}");
            }
        }
    }

    fn check_size(&self, topic: &str) {
        let (config, mesh, eligible) = (&self.config, self.mesh(topic), self.eligible(topic));
        let (size, most) = (mesh.len(), config.mesh_high + config.mesh_outbound + config.opportunistic_graft_peers);
        assert!(size <= most, "the mesh of {topic} has {size}");
        assert!(
            size >= config.mesh_low || eligible.is_empty(),
            "the mesh of {topic} has {size}, and may have {eligible:?}"
        );
        let outbound = |peers: &mut dyn Iterator<Item = u8>| peers.filter(|peer| self.peers[peer].is_outbound).count();
        if size >= config.mesh_low && outbound(&mut mesh.iter().copied()) < config.mesh_outbound {
            assert_eq!(outbound(&mut eligible.into_iter()), 0, "a peer that we have dialed is missing");
        }
    }

    fn follow_gossip(&self, did: &Did) {
        let Did::IHave { peer, topic, ids } = did else { panic!("{did:?} after gossip") };
        assert!(
            self.is_subscribed(*peer, topic) && !self.mesh(topic).contains(peer) && !self.is_outside(*peer),
            "{did:?}"
        );
        assert!(self.has_score(*peer, self.config.thresholds.gossip), "{did:?}");
        assert!(ids.len() <= self.config.ihave_ids);
        for id in ids {
            if self.is_tight {
                continue;
            }
            let kept = &self.history[id];
            assert!(kept.topic == *topic && kept.beat + self.config.history_gossip as u64 >= self.beat, "{did:?}");
        }
    }

    pub(crate) fn check_bounds(&self, router: &MeshRouter) {
        assert_eq!(router.retained_peers(), self.retained.len());
        assert!(self.asked.len() <= self.config.asked_ids);
        assert!(self.peers.len() <= usize::from(PEERS));
        if self.is_tight {
            assert!(router.held() < self.config.history_bytes + 64 * 1024);
        }
    }
}

fn has_counts(member: &Member) -> bool {
    [member.first, member.delivered, member.failures, member.invalid].iter().any(|count| *count > 0.0)
}

/// What the deliveries of a peer in the mesh lack.
fn lacks(params: &TopicScoreParams, member: &Member) -> f64 {
    let lacks = params.mesh_message_deliveries_threshold - member.delivered;
    if member.is_in_mesh && member.is_active { lacks.max(0.0) } else { 0.0 }
}
