//! [`Tables`]: the peers and topics that the router knows, and for each peer in a topic a [`Member`].
//!
//! Peers and topics have dense numbers, so that a heartbeat walks through arrays. A topic is in the tables while we subscribe
//! to it, and afterwards until no backoff and no counter of a score is left. Peers of topics that we have never subscribed to
//! cost nothing here.

use super::dont_want::DontWant;
use super::score_params::TopicScoreParams;
use crate::arithmetic::Count;
use crate::identity::PeerId;
use crate::protocols::pubsub::Topic;
use crate::swarm::AddressGroup;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;
use slab::Slab;

/// The number of a peer. It is used again after the peer is gone.
pub(super) type PeerIndex = u32;

/// The number of a topic. It is used again after the topic is removed.
pub(super) type TopicIndex = u32;

/// The protocol that was agreed with a peer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Version {
    Floodsub,
    V1_0,
    V1_1,
    V1_2,
    V1_3,
}

/// The state of one peer.
#[derive(Debug)]
pub(super) struct PeerState {
    pub(super) id: PeerId,
    /// A number that no other peer has had, not even this peer before it reconnected.
    pub(super) serial: u64,
    pub(super) version: Version,
    pub(super) is_outbound: bool,
    pub(super) is_direct: bool,
    /// The address that counts for P6; `None` if it does not count.
    pub(super) address: Option<AddressGroup>,
    /// The topics in which the peer is a member, in ascending order, with the member's place.
    topics: Vec<(TopicIndex, u32)>,
    /// The topics in which the peer's score may not be 0.
    scored: Vec<TopicIndex>,
    /// The score when it was last computed.
    pub(super) score: f64,
    /// True if a counter has changed since the score was computed.
    pub(super) is_score_stale: bool,
    /// The score that the owner has given to the peer (P5).
    pub(super) app_score: f64,
    /// The counter of misbehaviour (P7).
    pub(super) misbehaviour: f64,
    pub(super) usage: Usage,
    pub(super) dont_want: DontWant,
}

impl PeerState {
    /// Returns whether the peer gets all messages of its topics and is in no mesh: it speaks floodsub, or is a direct peer.
    pub(super) fn is_outside_mesh(&self) -> bool {
        self.is_direct || self.version == Version::Floodsub
    }
}

/// What a peer has used of its bounds since the last heartbeat.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Usage {
    pub(super) ihave: RpcCount,
    pub(super) idontwant: RpcCount,
    /// The number of ids that we have asked the peer for.
    pub(super) asked: usize,
    /// The number of ids that the peer has asked us for.
    pub(super) wanted: usize,
    /// The number of bytes that we have sent because the peer has asked for them.
    pub(super) sent: usize,
}

/// A count of RPCs, of which several entries may be counted.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct RpcCount {
    count: u32,
    last: Option<u64>,
}

impl RpcCount {
    /// Counts an entry of the RPC with the number `rpc`. Returns `false` if there are more RPCs than `most`.
    pub(super) fn is_within(&mut self, rpc: u64, most: u32) -> bool {
        if self.last != Some(rpc) {
            self.last = Some(rpc);
            self.count.raise(1);
        }
        self.count <= most
    }
}

/// The state of a topic that we subscribe to, or have subscribed to.
#[derive(Debug)]
pub(super) struct TopicState {
    pub(super) name: Topic,
    pub(super) is_joined: bool,
    /// The parameters of the topic's score; `None` if the topic does not count.
    pub(super) params: Option<Box<TopicScoreParams>>,
    pub(super) members: Vec<Member>,
    /// The number of members that do not subscribe. A heartbeat looks for members to forget only if there are some.
    unsubscribed: usize,
    /// The peers in our mesh of the topic.
    pub(super) mesh: Vec<PeerIndex>,
    /// The members that are in the mesh or have a counter that is not 0. Scores decay for these only: a walk through all
    /// members of 50 topics with 1 000 peers would take most of a heartbeat.
    scored: Vec<PeerIndex>,
}

/// A peer in a topic: one that subscribes to it, or one for which a backoff runs or a counter is not 0.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Member {
    pub(super) peer: PeerIndex,
    is_subscribed: bool,
    pub(super) is_in_mesh: bool,
    /// True if the member is in the list of those whose score may change.
    is_scored: bool,
    /// True if the peer has been in the mesh for so long that P3 counts.
    pub(super) is_active: bool,
    /// The time at which the peer was added to the mesh, in nanoseconds.
    pub(super) grafted_at: u64,
    /// The time in the mesh when it was last computed, in nanoseconds.
    pub(super) mesh_time: u64,
    /// The time until which the peer and we do not graft each other, in nanoseconds. 0 if there is no backoff.
    pub(super) backoff_until: u64,
    /// The counters of P2, P3, P3b and P4.
    pub(super) first_deliveries: f64,
    pub(super) mesh_deliveries: f64,
    pub(super) mesh_failures: f64,
    pub(super) invalid: f64,
}

impl Member {
    pub(super) const fn new(peer: PeerIndex) -> Self {
        Self {
            peer,
            is_subscribed: false,
            is_in_mesh: false,
            is_scored: false,
            is_active: false,
            grafted_at: 0,
            mesh_time: 0,
            backoff_until: 0,
            first_deliveries: 0.0,
            mesh_deliveries: 0.0,
            mesh_failures: 0.0,
            invalid: 0.0,
        }
    }

    pub(super) const fn is_subscribed(&self) -> bool {
        self.is_subscribed
    }

    /// Returns what is remembered of the member once its peer has disconnected.
    pub(super) const fn retained(self) -> Self {
        Self { is_subscribed: false, is_scored: false, ..self }
    }

    /// Returns whether a counter of the score is not 0.
    pub(super) fn has_counts(&self) -> bool {
        [self.first_deliveries, self.mesh_deliveries, self.mesh_failures, self.invalid].iter().any(|count| *count > 0.0)
    }

    /// Returns whether the member may be added to the mesh, as far as its subscription and its backoff are concerned. `slack` is
    /// the time that we wait beyond a backoff.
    pub(super) const fn may_be_grafted(&self, now: u64, slack: u64) -> bool {
        let has_waited = self.backoff_until == 0 || self.backoff_until.saturating_add(slack) <= now;
        self.is_subscribed && !self.is_in_mesh && has_waited
    }

    /// Returns whether nothing would be lost if the member was forgotten at the time `now`.
    pub(super) fn is_idle(&self, now: u64) -> bool {
        !self.is_subscribed && !self.is_in_mesh && self.backoff_until <= now && !self.has_counts()
    }
}

/// The peers and topics that the router knows.
#[derive(Default, Debug)]
pub(super) struct Tables {
    peers: Slab<PeerState>,
    ids: BTreeMap<PeerId, PeerIndex>,
    pub(super) topics: Slab<TopicState>,
    names: BTreeMap<Topic, TopicIndex>,
    serial: u64,
}

fn place(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

impl Tables {
    pub(super) fn index_of(&self, id: &PeerId) -> Option<PeerIndex> {
        self.ids.get(id).copied()
    }

    pub(super) fn peer(&self, peer: PeerIndex) -> Option<&PeerState> {
        self.peers.get(place(peer))
    }

    pub(super) fn peer_mut(&mut self, peer: PeerIndex) -> Option<&mut PeerState> {
        self.peers.get_mut(place(peer))
    }

    pub(super) fn peers_mut(&mut self) -> impl Iterator<Item = &mut PeerState> {
        self.peers.iter_mut().map(|(_, peer)| peer)
    }

    pub(super) fn topic_of(&self, name: &str) -> Option<TopicIndex> {
        self.names.get(name).copied()
    }

    pub(super) fn topic(&self, topic: TopicIndex) -> Option<&TopicState> {
        self.topics.get(place(topic))
    }

    pub(super) fn topic_mut(&mut self, topic: TopicIndex) -> Option<&mut TopicState> {
        self.topics.get_mut(place(topic))
    }

    /// Returns the numbers of all topics, of which none is greater than the number of topics that were there at once.
    pub(super) fn topic_indices(&self) -> impl Iterator<Item = TopicIndex> + use<> {
        0..number(self.topics.capacity())
    }

    /// Adds a peer that is not in the tables.
    pub(super) fn add_peer(&mut self, id: PeerId, version: Version) -> PeerIndex {
        self.serial.raise(1);
        let index = self.peers.insert(PeerState {
            id,
            serial: self.serial,
            version,
            is_outbound: false,
            is_direct: false,
            address: None,
            topics: Vec::new(),
            scored: Vec::new(),
            score: 0.0,
            is_score_stale: true,
            app_score: 0.0,
            misbehaviour: 0.0,
            usage: Usage::default(),
            dont_want: DontWant::default(),
        });
        self.ids.insert(id, number(index));
        number(index)
    }

    /// Removes a peer from the tables and from all topics and meshes. Calls `with` for each member that is removed.
    pub(super) fn remove_peer(&mut self, peer: PeerIndex, mut with: impl FnMut(&Topic, Member)) -> Option<PeerState> {
        while let Some((topic, _)) = self.peer(peer)?.topics.last().copied() {
            let member = self.remove_member(topic, peer)?;
            if let Some(topic) = self.topic(topic) {
                with(&topic.name, member);
            }
        }
        let state = self.peers.try_remove(place(peer))?;
        self.ids.remove(&state.id);
        Some(state)
    }

    /// Adds a topic, or returns its number if it is in the tables.
    pub(super) fn add_topic(&mut self, name: &Topic, params: Option<&TopicScoreParams>) -> TopicIndex {
        if let Some(topic) = self.topic_of(name) {
            return topic;
        }
        let state = TopicState {
            name: name.clone(),
            is_joined: false,
            params: params.cloned().map(Box::new),
            members: Vec::new(),
            unsubscribed: 0,
            mesh: Vec::new(),
            scored: Vec::new(),
        };
        let topic = number(self.topics.insert(state));
        self.names.insert(name.clone(), topic);
        topic
    }

    /// Removes a topic with all its members.
    pub(super) fn remove_topic(&mut self, topic: TopicIndex) {
        while let Some(member) = self.topic(topic).and_then(|topic| topic.members.last().copied()) {
            self.remove_member(topic, member.peer);
        }
        if let Some(state) = self.topics.try_remove(place(topic)) {
            self.names.remove(&state.name);
        }
    }

    fn member_place(&self, topic: TopicIndex, peer: PeerIndex) -> Option<usize> {
        let topics = &self.peer(peer)?.topics;
        let at = topics.binary_search_by_key(&topic, |(topic, _)| *topic).ok()?;
        topics.get(at).map(|(_, member)| place(*member))
    }

    pub(super) fn member(&self, topic: TopicIndex, peer: PeerIndex) -> Option<&Member> {
        let at = self.member_place(topic, peer)?;
        self.topic(topic)?.members.get(at)
    }

    pub(super) fn member_mut(&mut self, topic: TopicIndex, peer: PeerIndex) -> Option<&mut Member> {
        let at = self.member_place(topic, peer)?;
        self.topic_mut(topic)?.members.get_mut(at)
    }

    /// Returns the member of a topic for a peer, which is added if it is not there.
    pub(super) fn add_member(&mut self, topic: TopicIndex, peer: PeerIndex) -> Option<&mut Member> {
        let state = self.topics.get_mut(place(topic))?;
        let members = &mut state.members;
        let topics = &mut self.peers.get_mut(place(peer))?.topics;
        let at = match topics.binary_search_by_key(&topic, |(topic, _)| *topic) {
            Ok(at) => topics.get(at)?.1,
            Err(at) => {
                let new = number(members.len());
                members.push(Member::new(peer));
                state.unsubscribed.raise(1);
                topics.insert(at, (topic, new));
                new
            }
        };
        members.get_mut(place(at))
    }

    /// Removes the member of a topic for a peer, also from the mesh.
    pub(super) fn remove_member(&mut self, topic: TopicIndex, peer: PeerIndex) -> Option<Member> {
        let at = self.member_place(topic, peer)?;
        let state = self.topics.get_mut(place(topic))?;
        let member = state.members.swap_remove(at);
        state.mesh.retain(|other| *other != peer);
        if member.is_scored {
            state.scored.retain(|other| *other != peer);
        }
        if !member.is_subscribed {
            state.unsubscribed.lower(1);
        }
        let moved = state.members.get(at).map(|moved| moved.peer);
        if let Some(moved) = moved
            && let Some(topics) = self.peer_mut(moved).map(|peer| &mut peer.topics)
            && let Ok(found) = topics.binary_search_by_key(&topic, |(topic, _)| *topic)
            && let Some(entry) = topics.get_mut(found)
        {
            entry.1 = number(at);
        }
        let state = self.peer_mut(peer)?;
        state.topics.retain(|(other, _)| *other != topic);
        if member.is_scored {
            state.scored.retain(|other| *other != topic);
        }
        Some(member)
    }

    /// Records that a peer subscribes to a topic, or does not any more. The peer becomes a member if it is none.
    pub(super) fn set_subscribed(&mut self, topic: TopicIndex, peer: PeerIndex, is_subscribed: bool) {
        let Some(member) = self.add_member(topic, peer) else { return };
        let was_subscribed = core::mem::replace(&mut member.is_subscribed, is_subscribed);
        if let Some(state) = self.topic_mut(topic) {
            match (was_subscribed, is_subscribed) {
                (false, true) => state.unsubscribed.lower(1),
                (true, false) => state.unsubscribed.raise(1),
                (true, true) | (false, false) => {}
            }
        }
    }

    /// Restores what is remembered of a member whose peer is connected again.
    pub(super) fn restore_member(&mut self, topic: TopicIndex, peer: PeerIndex, old: Member) {
        if let Some(member) = self.add_member(topic, peer) {
            *member = Member { peer, is_subscribed: member.is_subscribed, is_scored: member.is_scored, ..old };
            self.set_scored(topic, peer);
        }
    }

    /// Records that the score of a member may change.
    pub(super) fn set_scored(&mut self, topic: TopicIndex, peer: PeerIndex) {
        if let Some(member) = self.member_mut(topic, peer)
            && !core::mem::replace(&mut member.is_scored, true)
            && let Some(state) = self.topic_mut(topic)
        {
            state.scored.push(peer);
            if let Some(peer) = self.peer_mut(peer) {
                peer.scored.push(topic);
            }
        }
        if let Some(peer) = self.peer_mut(peer) {
            peer.is_score_stale = true;
        }
    }

    /// Counts the judgement on a message for the member of a topic for a peer, which is added if it is not there.
    pub(super) fn count_judgement(
        &mut self,
        topic: TopicIndex,
        peer: PeerIndex,
        with: impl FnOnce(&TopicScoreParams, &mut Member),
    ) {
        let Some(params) = self.topic_mut(topic).and_then(|topic| topic.params.take()) else { return };
        if let Some(member) = self.add_member(topic, peer) {
            with(&params, member);
            if member.has_counts() {
                self.set_scored(topic, peer);
            }
        }
        if let Some(state) = self.topic_mut(topic) {
            state.params = Some(params);
        }
    }

    /// Changes each member of a topic whose score may change. Those that are not in the mesh and have no counter left leave the
    /// list.
    pub(super) fn change_scored(&mut self, topic: TopicIndex, with: impl Fn(&TopicScoreParams, &mut Member)) {
        let Some(state) = self.topic_mut(topic) else { return };
        let (mut scored, params) = (core::mem::take(&mut state.scored), state.params.take());
        if let Some(params) = &params {
            scored.retain(|peer| {
                let Some(member) = self.member_mut(topic, *peer) else { return false };
                with(params, member);
                member.is_scored = member.is_in_mesh || member.has_counts();
                let is_scored = member.is_scored;
                if let Some(peer) = self.peer_mut(*peer) {
                    peer.is_score_stale = true;
                    if !is_scored {
                        peer.scored.retain(|other| *other != topic);
                    }
                }
                is_scored
            });
        }
        if let Some(state) = self.topic_mut(topic) {
            (state.scored, state.params) = (scored, params);
        }
    }

    /// Returns a member of a topic that can be forgotten at the time `now`.
    pub(super) fn idle_member(&self, topic: TopicIndex, now: u64) -> Option<PeerIndex> {
        let state = self.topic(topic).filter(|topic| topic.unsubscribed > 0)?;
        state.members.iter().find(|member| member.is_idle(now)).map(|member| member.peer)
    }

    /// Visits the members of a peer whose score may not be 0.
    pub(super) fn scored_of(&self, peer: PeerIndex) -> impl Iterator<Item = (&TopicState, &Member)> {
        let topics = self.peer(peer).map(|peer| &peer.scored);
        topics.into_iter().flatten().filter_map(move |topic| Some((self.topic(*topic)?, self.member(*topic, peer)?)))
    }

    /// Visits the members of all topics of a peer.
    pub(super) fn members_of(&self, peer: PeerIndex) -> impl Iterator<Item = (&TopicState, &Member)> {
        let topics = self.peer(peer).map(|peer| &peer.topics);
        topics.into_iter().flatten().filter_map(|(topic, at)| {
            let topic = self.topic(*topic)?;
            Some((topic, topic.members.get(place(*at))?))
        })
    }

    /// Returns the number of bytes of memory that the tables take for members and for ids that peers do not want.
    pub(super) fn bytes(&self) -> usize {
        let members: usize = self.topics.iter().map(|(_, topic)| topic.members.capacity()).sum();
        let places: usize = self.peers.iter().map(|(_, peer)| peer.topics.capacity()).sum();
        let dont_want: usize = self.peers.iter().map(|(_, peer)| peer.dont_want.bytes()).sum();
        let members = members.saturating_mul(size_of::<Member>());
        members.saturating_add(places.saturating_mul(size_of::<(TopicIndex, u32)>())).saturating_add(dont_want)
    }
}

/// Returns a time in nanoseconds.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
