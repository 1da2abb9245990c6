//! [`ScoreParams`] and [`TopicScoreParams`]: the weights, caps and decays of a peer's score. [`ScoreThresholds`]: the scores
//! below which a peer is treated differently.
//!
//! The names P1 to P7 are those of libp2p/specs, `pubsub/gossipsub/gossipsub-v1.1.md`, "The Score Function".

use crate::swarm::Network;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

/// The parameters of the score of a peer that count for all topics together, and those of each topic.
///
/// With the defaults, a peer has a score of 0 unless it misbehaves (P7), shares its address with more than ten other peers
/// (P6), or sends invalid messages (P4). To reward and to demand deliveries, a topic needs weights that fit its rate of
/// messages: the guide page "Pub/sub" has a worked example.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ScoreParams {
    /// The parameters of topics by name.
    pub topics: BTreeMap<String, TopicScoreParams>,
    /// The parameters of topics that [`topics`](Self::topics) lacks; `None` if such topics do not count.
    pub other_topics: Option<TopicScoreParams>,
    /// The maximum contribution of all topics together. 0 means that there is no maximum. Default 0.
    pub topic_cap: f64,
    /// The weight of P5, the score that the owner gives to a peer. Default 1.
    pub app_specific_weight: f64,
    /// The weight of P6, the square of the number of peers of one address beyond
    /// [`ip_colocation_threshold`](Self::ip_colocation_threshold). It should be negative. Default -5.
    pub ip_colocation_weight: f64,
    /// The number of peers that may have the same address (for IPv6: the same /64) at no cost. Default 10. Peers on loopback
    /// addresses, and on addresses without an IP address, are never counted.
    pub ip_colocation_threshold: u32,
    /// The networks whose addresses are not counted for P6.
    pub ip_colocation_exempt: Vec<Network>,
    /// The weight of P7, the square of the counter of misbehaviour beyond
    /// [`behaviour_penalty_threshold`](Self::behaviour_penalty_threshold). It should be negative. Default -10.
    pub behaviour_penalty_weight: f64,
    /// The value of the counter of misbehaviour that costs nothing. Default 0.
    pub behaviour_penalty_threshold: f64,
    /// The factor by which the counter of misbehaviour is multiplied at each [`decay_interval`](Self::decay_interval).
    /// Default 0.9.
    pub behaviour_penalty_decay: f64,
    /// The time between two decays of all counters. Values below 1 ms count as 1 ms. Default 1 s.
    pub decay_interval: Duration,
    /// The value below which a counter becomes 0. Default 0.01.
    pub decay_to_zero: f64,
    /// The time for which a negative score is remembered after the peer has disconnected. Default 3 600 s.
    pub retain_score: Duration,
}

/// The parameters of the score of a peer in one topic.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TopicScoreParams {
    /// The weight of this topic in the score. Default 1.
    pub topic_weight: f64,
    /// The weight of P1, the time that the peer has been in our mesh. It should be small and positive. Default 0.
    pub time_in_mesh_weight: f64,
    /// The time in the mesh that counts as 1. Zero counts as 1 ns. Default 1 s.
    pub time_in_mesh_quantum: Duration,
    /// The maximum of P1. Default 3 600.
    pub time_in_mesh_cap: f64,
    /// The weight of P2, the number of messages that the peer was the first to send. It should be positive. Default 0.
    pub first_message_deliveries_weight: f64,
    /// The factor by which P2 is multiplied at each decay. Default 0.5.
    pub first_message_deliveries_decay: f64,
    /// The maximum of P2. Default 2 000.
    pub first_message_deliveries_cap: f64,
    /// The weight of P3, the square of what the peer's deliveries lack, while it is in our mesh, to
    /// [`mesh_message_deliveries_threshold`](Self::mesh_message_deliveries_threshold). It should be negative. Default 0.
    pub mesh_message_deliveries_weight: f64,
    /// The factor by which the counter of deliveries is multiplied at each decay. Default 0.5.
    pub mesh_message_deliveries_decay: f64,
    /// The maximum of the counter of deliveries. Default 100.
    pub mesh_message_deliveries_cap: f64,
    /// The number of deliveries that a peer of our mesh should have. Default 20.
    pub mesh_message_deliveries_threshold: f64,
    /// The time after the verdict on a message in which another copy still counts as a delivery. Default 10 ms.
    pub mesh_message_deliveries_window: Duration,
    /// The time that a peer has to be in our mesh before P3 counts. Default 5 s.
    pub mesh_message_deliveries_activation: Duration,
    /// The weight of P3b, which keeps the P3 of a peer that was removed from our mesh. It should be negative. Default 0.
    pub mesh_failure_penalty_weight: f64,
    /// The factor by which P3b is multiplied at each decay. Default 0.5.
    pub mesh_failure_penalty_decay: f64,
    /// The weight of P4, the square of the number of invalid messages. It should be negative. Default -1.
    pub invalid_message_deliveries_weight: f64,
    /// The factor by which the counter of invalid messages is multiplied at each decay. Default 0.99.
    pub invalid_message_deliveries_decay: f64,
}

/// The scores below which a peer is treated differently: libp2p/specs, `pubsub/gossipsub/gossipsub-v1.1.md`, "Score
/// Thresholds". A peer with a score below 0 is removed from each mesh in any case, and is added to none.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct ScoreThresholds {
    /// The score below which no gossip is sent to a peer or accepted from it. Default -10.
    pub gossip: f64,
    /// The score below which our own messages are not sent to a peer. Default -50.
    pub publish: f64,
    /// The score below which nothing but subscriptions is accepted from a peer. Default -80.
    pub graylist: f64,
    /// The score that a peer needs for the peers that it offers to be dialed. Default 10.
    pub accept_px: f64,
    /// The median score of a mesh below which peers are added opportunistically. Default 20.
    pub opportunistic_graft: f64,
}

impl ScoreParams {
    /// Returns the parameters of a topic, or `None` if the topic does not count.
    #[must_use]
    pub fn of(&self, topic: &str) -> Option<&TopicScoreParams> {
        self.topics.get(topic).or(self.other_topics.as_ref())
    }
}

impl Default for ScoreParams {
    fn default() -> Self {
        Self {
            topics: BTreeMap::new(),
            other_topics: Some(TopicScoreParams::default()),
            topic_cap: 0.0,
            app_specific_weight: 1.0,
            ip_colocation_weight: -5.0,
            ip_colocation_threshold: 10,
            ip_colocation_exempt: Vec::new(),
            behaviour_penalty_weight: -10.0,
            behaviour_penalty_threshold: 0.0,
            behaviour_penalty_decay: 0.9,
            decay_interval: Duration::from_secs(1),
            decay_to_zero: 0.01,
            retain_score: Duration::from_secs(3_600),
        }
    }
}

impl Default for TopicScoreParams {
    fn default() -> Self {
        Self {
            topic_weight: 1.0,
            time_in_mesh_weight: 0.0,
            time_in_mesh_quantum: Duration::from_secs(1),
            time_in_mesh_cap: 3_600.0,
            first_message_deliveries_weight: 0.0,
            first_message_deliveries_decay: 0.5,
            first_message_deliveries_cap: 2_000.0,
            mesh_message_deliveries_weight: 0.0,
            mesh_message_deliveries_decay: 0.5,
            mesh_message_deliveries_cap: 100.0,
            mesh_message_deliveries_threshold: 20.0,
            mesh_message_deliveries_window: Duration::from_millis(10),
            mesh_message_deliveries_activation: Duration::from_secs(5),
            mesh_failure_penalty_weight: 0.0,
            mesh_failure_penalty_decay: 0.5,
            invalid_message_deliveries_weight: -1.0,
            invalid_message_deliveries_decay: 0.99,
        }
    }
}

impl Default for ScoreThresholds {
    fn default() -> Self {
        Self { gossip: -10.0, publish: -50.0, graylist: -80.0, accept_px: 10.0, opportunistic_graft: 20.0 }
    }
}
