//! [`GossipSub`]: pub/sub by a mesh of few peers for each topic, and gossip to others.
//!
//! The service is [`PubSub`] with a [`MeshRouter`]. It speaks gossipsub 1.0 to 1.2, and floodsub with peers that speak nothing
//! else. The module [`pubsub`] has what does not depend on the router: streams, signatures, validation, bounds.
//!
//! - **Mesh.** For each topic that we subscribe to, messages are forwarded to about [`Config::mesh`] peers, our mesh of the
//!   topic. Peers enter each other's meshes by GRAFT and leave by PRUNE. A heartbeat keeps meshes at their size.
//! - **Gossip.** Each heartbeat tells some peers outside the mesh which messages there have been (IHAVE). Such a peer asks for
//!   those that it lacks (IWANT). So a message also arrives at a node whose whole mesh withholds it.
//! - **Fanout.** A message on a topic that we do not subscribe to is sent to all subscribers that we know or, with
//!   [`Config::flood_publish`] unset, to the same few of them for a while.
//! - **IDONTWANT.** When a large message arrives, our mesh is told that we need no further copy. A copy that waits to be
//!   written to a peer which says so is not written.
//! - **Score.** Each peer has a score, which counts what it delivers, what it fails to deliver, invalid messages and
//!   misbehaviour ([`ScoreParams`]). A peer with a negative score is in no mesh; one below a [threshold](ScoreThresholds) gets
//!   no gossip, or is not listened to.
//! - **Direct peers** ([`GossipSub::add_direct_peer`]) are outside meshes and scores: all messages of their topics are sent to
//!   them, and all that they send is accepted.
//!
//! The identifiers of messages have to be the same at all nodes of a network, or gossip is in vain. Under
//! [`StrictSign`](super::pubsub::Signing::StrictSign) ours are the author and the sequence number in bytes, as in go, js and
//! py. The default of rust-libp2p writes both as text: its `message_id_fn` has to be set.

mod asked;
mod config;
mod counters;
mod dont_want;
mod fanout;
mod forwarding;
mod gossip;
mod grafting;
mod heartbeat;
mod history;
mod offered;
mod retained;
mod router;
mod sample;
mod score;
mod score_params;
mod tables;
mod versions;

use super::pubsub::{self, PubSub, Signing};
use crate::identity::PeerId;
use crate::swarm::Multiaddr;
use alloc::vec::Vec;
pub use config::Config;
pub use counters::Counters;
pub use router::MeshRouter;
pub use score_params::{ScoreParams, ScoreThresholds, TopicScoreParams};
pub use versions::{PROTOCOL_1_0, PROTOCOL_1_1, PROTOCOL_1_2, PROTOCOL_1_3};

/// A pub/sub service with a mesh of peers for each topic. [Install](crate::notifee::Notifees::install) it to use it.
pub type GossipSub = PubSub<MeshRouter>;

impl GossipSub {
    /// Creates a gossipsub service that has no peers and no subscriptions yet. `bounds` are those of pub/sub, and `config` has
    /// the parameters of the mesh. `seed` determines the random choices, and has to be secret: see [`MeshRouter::new`].
    #[must_use]
    pub fn new(signing: Signing, bounds: pubsub::Config, config: Config, seed: [u8; 32]) -> Self {
        Self::with_router(MeshRouter::new(config, seed), signing, bounds)
    }

    /// Returns the peers in our mesh of a topic, in no particular order.
    pub fn mesh_peers(&self, topic: &str) -> impl Iterator<Item = PeerId> {
        self.router().mesh_peers(topic)
    }

    /// Returns the score of a peer, or `None` if it is not a pub/sub peer or if peers have no score.
    pub fn score(&mut self, peer: PeerId) -> Option<f64> {
        self.router_mut().score(peer)
    }

    /// Sets the score that the owner gives to a peer (P5): see [`MeshRouter::set_app_score`]. Returns `false` if the peer is
    /// not a pub/sub peer.
    pub fn set_app_score(&mut self, peer: PeerId, score: f64) -> bool {
        self.router_mut().set_app_score(peer, score)
    }

    /// Replaces the parameters of a topic's score: see [`MeshRouter::set_topic_score_params`].
    pub fn set_topic_score_params(&mut self, topic: &str, params: TopicScoreParams) {
        self.router_mut().set_topic_score_params(topic, params);
    }

    /// Makes a peer a direct peer: see [`MeshRouter::add_direct_peer`].
    pub fn add_direct_peer(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) {
        self.router_mut().add_direct_peer(peer, addresses);
    }

    /// Makes a direct peer an ordinary one. Returns `false` if it is not a direct peer.
    pub fn remove_direct_peer(&mut self, peer: PeerId) -> bool {
        self.router_mut().remove_direct_peer(peer)
    }

    /// Returns the counters of the router. [`counters`](PubSub::counters) returns those of pub/sub.
    #[must_use]
    pub const fn router_counters(&self) -> Counters {
        self.router().counters()
    }
}
