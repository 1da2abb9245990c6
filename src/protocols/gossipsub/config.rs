//! [`Config`]: the parameters and bounds of the mesh router.

use super::score_params::{ScoreParams, ScoreThresholds};
use core::time::Duration;

/// The parameters and bounds of the mesh router. The bounds of pub/sub itself are in
/// [`pubsub::Config`](crate::protocols::pubsub::Config).
///
/// The defaults are those of libp2p/specs, `pubsub/gossipsub/gossipsub-v1.0.md`, "Parameters", and `gossipsub-v1.1.md`,
/// "Overview of New Parameters". Peers need not have the same parameters, but a mesh is only as good as its members: a node
/// with much larger degrees is pruned by its peers again and again.
///
/// ```
/// use swarm_notify::protocols::gossipsub::Config;
///
/// let mut config = Config::default();
/// config.mesh_low = 4; // a network of few nodes
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The number of peers that we want in the mesh of each topic. The specification calls it *D*. Default 6.
    pub mesh: usize,
    /// The number of peers in a mesh below which a heartbeat adds peers, up to [`mesh`](Self::mesh). The specification calls
    /// it *D_lo*. Default 5.
    pub mesh_low: usize,
    /// The number of peers in a mesh above which a heartbeat removes peers, down to [`mesh`](Self::mesh). While a mesh has
    /// this number of peers or more, only peers that we have dialed are accepted. The specification calls it *D_hi*.
    /// Default 12.
    pub mesh_high: usize,
    /// The number of peers that a heartbeat keeps for their score when it removes peers from a mesh that is too large. The
    /// others are kept at random. The specification calls it *D_score*. Default 4.
    pub mesh_by_score: usize,
    /// The number of peers in each mesh that we want to have dialed ourselves, so that peers that only dial us cannot fill a
    /// mesh. It has to be less than [`mesh_low`](Self::mesh_low), and at most half of [`mesh`](Self::mesh); larger values
    /// count as the largest such value. The specification calls it *D_out*. Default 2.
    pub mesh_outbound: usize,
    /// The minimum number of peers to which a heartbeat gossips about the messages of a topic. The specification calls it
    /// *D_lazy*. Default 6.
    pub gossip_peers: usize,
    /// The share of the peers outside a mesh to which a heartbeat gossips, if that is more than
    /// [`gossip_peers`](Self::gossip_peers). Default 0.25.
    pub gossip_factor: f64,
    /// The time between two heartbeats. Values below 1 ms count as 1 ms. Default 1 s.
    pub heartbeat_interval: Duration,
    /// The time from the first turn to the first heartbeat. Default 100 ms, as in go and js.
    pub first_heartbeat: Duration,
    /// The number of heartbeats for which messages are kept, to be sent to peers that ask for them. 0 means that no message
    /// is kept. The specification calls it *mcache_len*. Default 5.
    pub history_length: usize,
    /// The number of heartbeats for which we gossip about a message. Values above [`history_length`](Self::history_length)
    /// count as that. The specification calls it *mcache_gossip*. Default 3.
    pub history_gossip: usize,
    /// The maximum number of bytes of the messages that are kept, each with 256 bytes for bookkeeping. Beyond it, the author
    /// with the most bytes loses its oldest message, as in
    /// [`pubsub::Config::outbox_bytes`](crate::protocols::pubsub::Config::outbox_bytes). A message that is lost in this way
    /// is not gossiped about, and not sent to peers that ask for it. Default 32 MiB.
    pub history_bytes: usize,
    /// True if a message that we publish is sent to all peers that subscribe to its topic, except those below
    /// [`ScoreThresholds::publish`]. False if it is sent to our mesh, like a message that we forward. Sending it to all
    /// protects it against peers that have filled our mesh, and costs its size for each peer. Default true, as in rust and js
    /// and unlike go.
    pub flood_publish: bool,
    /// The time for which we remember the peers to which we send messages on a topic that we do not subscribe to, since the
    /// last such message. Default 60 s.
    pub fanout_ttl: Duration,
    /// The maximum number of topics that we do not subscribe to and for which such peers are remembered. The topic that was
    /// used least lately is forgotten for a new one. Default 64.
    pub fanout_topics: usize,
    /// The time for which neither side of a PRUNE sends a GRAFT for the topic. Default 60 s.
    pub prune_backoff: Duration,
    /// The same time for a PRUNE that we send because our subscription ends. Default 10 s.
    pub unsubscribe_backoff: Duration,
    /// The maximum backoff that a peer can impose on us by a PRUNE. Longer ones count as this. Default 3 600 s.
    ///
    /// Peers have sent backoffs that overflow a clock: GHSA-gc42-3jg7-rxr2.
    pub backoff_at_most: Duration,
    /// The number of heartbeats that we wait beyond the end of a backoff before we send a GRAFT, since the peer's clock and
    /// heartbeat are not ours. Default 1.
    pub backoff_slack: u32,
    /// The time after a PRUNE within which a GRAFT counts twice as misbehaviour, since the peer has certainly had the time to
    /// read the PRUNE. Default 10 s after the PRUNE.
    pub graft_flood: Duration,
    /// The number of heartbeats between two opportunistic grafts. 0 means that there are none. Default 60.
    pub opportunistic_graft_beats: u32,
    /// The number of peers that an opportunistic graft adds to a mesh whose median score is below
    /// [`ScoreThresholds::opportunistic_graft`]. Default 2.
    pub opportunistic_graft_peers: usize,
    /// The maximum number of RPCs with IHAVE entries that are read from one peer in a heartbeat. Further entries are ignored
    /// and counted. Default 10.
    pub ihave_rpcs: u32,
    /// The maximum number of message ids that we ask one peer for in a heartbeat, and the maximum number that we gossip to a
    /// peer about one topic. Default 5 000.
    pub ihave_ids: usize,
    /// The maximum number of messages that wait to be sent to us by any peer that we have asked for them. No message is asked
    /// for twice while it waits. Beyond it, no more are asked for. One peer can take as many places as there are free ones.
    /// Default 16 384.
    pub asked_ids: usize,
    /// The time within which a peer has to send a message that we have asked for. If the message has not arrived from
    /// anybody by then, this counts as misbehaviour of the peer. Default 3 s.
    pub iwant_followup: Duration,
    /// The number of times that one message is sent to a peer that asks for it. Default 3.
    pub retransmissions: u8,
    /// The maximum number of message ids in IWANT entries that are looked up for one peer in a heartbeat. Default 5 000.
    pub iwant_ids: usize,
    /// The maximum number of bytes of messages that are sent to one peer in a heartbeat because it has asked for them.
    /// Default 8 MiB.
    pub iwant_bytes: usize,
    /// The minimum length of an encoded message, in bytes, of which we tell our mesh that we need no further copy
    /// (IDONTWANT). Default 1 024, as in go.
    pub idontwant_size: usize,
    /// The maximum number of RPCs with IDONTWANT entries that are read from one peer in a heartbeat. Default 128.
    ///
    /// go reads 10. A peer of ours sends one for each large message that it receives first from somebody else, so that 10
    /// would be exceeded by an honest peer at 10 messages a second.
    pub idontwant_rpcs: u32,
    /// The maximum number of message ids that one peer has told us not to send, and that we remember. Further ones are
    /// ignored. Default 1 024.
    pub idontwant_ids: usize,
    /// The number of heartbeats for which such an id is remembered. Default 3.
    pub idontwant_beats: u32,
    /// True if a PRUNE of ours offers other peers of the topic to the pruned peer. Default false: a pruned peer cannot verify
    /// what it is offered unless the offered peers have given us signed records (libp2p/specs, issue 570).
    pub offer_peers: bool,
    /// The maximum number of peers that one PRUNE offers, and of those offered to us that are dialed. Default 16.
    pub offered_peers: usize,
    /// True if peers that a PRUNE offers to us are dialed, if the sender's score is at least [`ScoreThresholds::accept_px`]
    /// and a record that the offered peer has signed contains its addresses. Default false.
    pub dial_offered_peers: bool,
    /// The number of heartbeats between two attempts to connect to direct peers that are not connected. Default 300.
    pub direct_connect_beats: u32,
    /// The maximum number of peers whose scores and backoffs are remembered after they have disconnected. If there are more,
    /// the one with the highest score is forgotten first, so that nobody can clear a bad score by means of many new
    /// identities. Default 1 024.
    pub retained_peers: usize,
    /// True if the extensions message of version 1.3 is exchanged, as a member of its test. Then `/meshsub/1.3.0` is the
    /// first protocol that we offer. Default false.
    pub test_extension: bool,
    /// The parameters of the score of peers; `None` if peers have no score. Default: the [default](ScoreParams::default)
    /// parameters, which count invalid messages and misbehaviour only.
    pub score: Option<ScoreParams>,
    /// The scores below which peers are treated differently.
    pub thresholds: ScoreThresholds,
}

impl Config {
    /// Returns the bounds for a small machine.
    #[must_use]
    pub fn small() -> Self {
        Self {
            history_bytes: 256 * 1024,
            fanout_topics: 8,
            asked_ids: 512,
            ihave_ids: 512,
            iwant_ids: 512,
            iwant_bytes: 256 * 1024,
            idontwant_ids: 128,
            retained_peers: 64,
            ..Self::default()
        }
    }

    /// Returns the maximum number of bytes of heap that the router takes for `peers` peers, each with at most `topics`
    /// topics of ours.
    #[must_use]
    pub fn memory_bound(&self, peers: usize, topics: usize) -> usize {
        let peer = 512_usize
            .saturating_add(topics.saturating_mul(PEER_TOPIC))
            .saturating_add(self.idontwant_ids.saturating_mul(DONT_WANT));
        let retained = 256_usize.saturating_add(topics.saturating_mul(PEER_TOPIC));
        let parts = [
            peers.saturating_mul(peer),
            self.retained_peers.saturating_mul(retained),
            // Our messages of the last turn may exceed the bound by one message until one is dropped.
            self.history_bytes.saturating_mul(2),
            self.asked_ids.saturating_mul(160),
            self.fanout_topics.saturating_mul(512_usize.saturating_add(self.mesh.saturating_mul(8))),
        ];
        parts.iter().fold(0, |sum, part| sum.saturating_add(*part))
    }

    /// The number of peers in a mesh that we want to have dialed, as far as the other degrees allow it.
    pub(super) fn outbound_quota(&self) -> usize {
        self.mesh_outbound.min(self.mesh / 2).min(self.mesh_low.saturating_sub(1))
    }
}

/// The number of bytes that the router takes for one peer in one topic, at most.
const PEER_TOPIC: usize = 168;

/// The number of bytes that the router takes for one id that a peer does not want, at most.
const DONT_WANT: usize = 32;

impl Default for Config {
    fn default() -> Self {
        Self {
            mesh: 6,
            mesh_low: 5,
            mesh_high: 12,
            mesh_by_score: 4,
            mesh_outbound: 2,
            gossip_peers: 6,
            gossip_factor: 0.25,
            heartbeat_interval: Duration::from_secs(1),
            first_heartbeat: Duration::from_millis(100),
            history_length: 5,
            history_gossip: 3,
            history_bytes: 32 * 1024 * 1024,
            flood_publish: true,
            fanout_ttl: Duration::from_secs(60),
            fanout_topics: 64,
            prune_backoff: Duration::from_secs(60),
            unsubscribe_backoff: Duration::from_secs(10),
            backoff_at_most: Duration::from_secs(3_600),
            backoff_slack: 1,
            graft_flood: Duration::from_secs(10),
            opportunistic_graft_beats: 60,
            opportunistic_graft_peers: 2,
            ihave_rpcs: 10,
            ihave_ids: 5_000,
            asked_ids: 16_384,
            iwant_followup: Duration::from_secs(3),
            retransmissions: 3,
            iwant_ids: 5_000,
            iwant_bytes: 8 * 1024 * 1024,
            idontwant_size: 1_024,
            idontwant_rpcs: 128,
            idontwant_ids: 1_024,
            idontwant_beats: 3,
            offer_peers: false,
            offered_peers: 16,
            dial_offered_peers: false,
            direct_connect_beats: 300,
            retained_peers: 1_024,
            test_extension: false,
            score: Some(ScoreParams::default()),
            thresholds: ScoreThresholds::default(),
        }
    }
}
