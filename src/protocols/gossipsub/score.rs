//! The score of a peer: a function of its counters, and the events that change the counters.
//!
//! See libp2p/specs, `pubsub/gossipsub/gossipsub-v1.1.md`, "The Score Function". A score is computed when it is asked for
//! after a counter has changed; times in the mesh count as of the last decay.

use super::score_params::{ScoreParams, TopicScoreParams};
use super::tables::{Member, PeerIndex, PeerState, Tables, TopicIndex, nanos};
use crate::arithmetic::Count;
use crate::protocols::pubsub::Judgement;
use crate::swarm::AddressGroup;
use alloc::collections::BTreeMap;

/// The numbers of connected peers of each address.
#[derive(Default, Debug)]
pub(super) struct Colocation(BTreeMap<AddressGroup, u32>);

impl Colocation {
    pub(super) fn add(&mut self, address: AddressGroup) {
        self.0.entry(address).or_default().raise(1);
    }

    pub(super) fn remove(&mut self, address: AddressGroup) {
        if let Some(count) = self.0.get_mut(&address) {
            count.lower(1);
            if *count == 0 {
                self.0.remove(&address);
            }
        }
    }

    fn of(&self, address: AddressGroup) -> u32 {
        self.0.get(&address).copied().unwrap_or(0)
    }
}

fn square(value: f64) -> f64 {
    value * value
}

/// Returns a weighted value. A weight of 0 has no effect, even on a value that is infinite.
fn weighted(weight: f64, value: f64) -> f64 {
    if weight == 0.0 { 0.0 } else { weight * value }
}

/// Returns what the deliveries of a peer in our mesh lack (P3, before it is squared).
fn deficit(params: &TopicScoreParams, member: &Member) -> f64 {
    let lacks = params.mesh_message_deliveries_threshold - member.mesh_deliveries;
    if member.is_in_mesh && member.is_active && lacks > 0.0 { lacks } else { 0.0 }
}

/// Returns the contribution of one topic to the score of a peer, without the weight of the topic.
pub(super) fn topic_score(params: &TopicScoreParams, member: &Member) -> f64 {
    let quantum = nanos(params.time_in_mesh_quantum).max(1);
    let quanta = if member.is_in_mesh { member.mesh_time.checked_div(quantum).unwrap_or(0) } else { 0 };
    #[allow(clippy::cast_precision_loss, reason = "2^53 quanta are more than any cap")]
    let time = (quanta as f64).min(params.time_in_mesh_cap);
    weighted(params.time_in_mesh_weight, time)
        + weighted(params.first_message_deliveries_weight, member.first_deliveries)
        + weighted(params.mesh_message_deliveries_weight, square(deficit(params, member)))
        + weighted(params.mesh_failure_penalty_weight, member.mesh_failures)
        + weighted(params.invalid_message_deliveries_weight, square(member.invalid))
}

/// Returns the score of a peer.
pub(super) fn score(params: &ScoreParams, tables: &Tables, at: &Colocation, index: PeerIndex) -> f64 {
    let Some(peer) = tables.peer(index) else { return 0.0 };
    let mut topics = 0.0;
    for (topic, member) in tables.scored_of(index) {
        if let Some(params) = &topic.params {
            topics += weighted(params.topic_weight, topic_score(params, member));
        }
    }
    if params.topic_cap > 0.0 {
        topics = topics.min(params.topic_cap);
    }
    topics + of_peer(params, peer, at)
}

/// Returns the part of the score that does not depend on topics.
fn of_peer(params: &ScoreParams, peer: &PeerState, at: &Colocation) -> f64 {
    let neighbours = peer.address.map_or(0, |address| at.of(address));
    let surplus = f64::from(neighbours.saturating_sub(params.ip_colocation_threshold));
    let misbehaviour = (peer.misbehaviour - params.behaviour_penalty_threshold).max(0.0);
    weighted(params.app_specific_weight, peer.app_score)
        + weighted(params.ip_colocation_weight, square(surplus))
        + weighted(params.behaviour_penalty_weight, square(misbehaviour))
}

/// Counts the judgement on a message for the peer that has sent it.
pub(super) fn judged(params: &TopicScoreParams, member: &mut Member, judgement: Judgement) {
    let is_delivery = match judgement {
        Judgement::First => {
            member.first_deliveries = (member.first_deliveries + 1.0).min(params.first_message_deliveries_cap);
            true
        }
        Judgement::Repeated { after } => after <= params.mesh_message_deliveries_window,
        Judgement::Rejected => {
            member.invalid += 1.0;
            false
        }
        Judgement::Ignored => false,
    };
    if is_delivery && member.is_in_mesh {
        member.mesh_deliveries = (member.mesh_deliveries + 1.0).min(params.mesh_message_deliveries_cap);
    }
}

/// Records that a member was added to the mesh.
pub(super) fn grafted(member: &mut Member, now: u64) {
    (member.is_in_mesh, member.is_active) = (true, false);
    (member.grafted_at, member.mesh_time) = (now, 0);
}

/// Records that a member was removed from the mesh. What its deliveries lack is kept as P3b.
pub(super) fn pruned(params: Option<&TopicScoreParams>, member: &mut Member) {
    if let Some(params) = params {
        member.mesh_failures += square(deficit(params, member));
    }
    (member.is_in_mesh, member.is_active) = (false, false);
}

/// Decays the counters of a topic, and updates times in its mesh.
pub(super) fn decay_topic(zero: f64, tables: &mut Tables, topic: TopicIndex, now: u64) {
    tables.change_scored(topic, |params, member| {
        decay(&mut member.first_deliveries, params.first_message_deliveries_decay, zero);
        decay(&mut member.mesh_deliveries, params.mesh_message_deliveries_decay, zero);
        decay(&mut member.mesh_failures, params.mesh_failure_penalty_decay, zero);
        decay(&mut member.invalid, params.invalid_message_deliveries_decay, zero);
        if member.is_in_mesh {
            member.mesh_time = now.saturating_sub(member.grafted_at);
            member.is_active = member.mesh_time > nanos(params.mesh_message_deliveries_activation);
        }
    });
}

/// Decays the counters of misbehaviour of all peers.
pub(super) fn decay_peers(params: &ScoreParams, tables: &mut Tables) {
    for peer in tables.peers_mut().filter(|peer| peer.misbehaviour > 0.0) {
        decay(&mut peer.misbehaviour, params.behaviour_penalty_decay, params.decay_to_zero);
        peer.is_score_stale = true;
    }
}

fn decay(counter: &mut f64, factor: f64, zero: f64) {
    *counter *= factor;
    if *counter < zero {
        *counter = 0.0;
    }
}
