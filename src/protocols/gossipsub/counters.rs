//! [`Counters`]: the counters of the router.

/// Adds 1 to a counter of the router.
macro_rules! count {
    ($router:expr, $what:ident) => {
        $router.counters.$what = $router.counters.$what.saturating_add(1)
    };
}

pub(super) use count;

/// The counters of the mesh router since it was created.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Counters {
    /// The number of times that a peer was added to a mesh, by us or at its wish.
    pub grafted: u64,
    /// The number of times that a peer was removed from a mesh and stayed a peer.
    pub pruned: u64,
    /// The number of GRAFTs that were ignored, since we or the peer do not subscribe to the topic.
    pub grafts_ignored: u64,
    /// The number of GRAFTs that were answered with a PRUNE.
    pub grafts_refused: u64,
    /// The number of times that gossip about a topic was sent to a peer.
    pub ihave_peers: u64,
    /// The number of IHAVEs that were ignored, since the peer has sent too many, has a bad score, or has sent them for a topic
    /// that we do not subscribe to.
    pub ihaves_ignored: u64,
    /// The number of message ids that we have asked peers for.
    pub iwant_ids: u64,
    /// The number of IHAVEs of which not all unknown ids were asked for, since a bound was reached.
    pub ids_over_bound: u64,
    /// The number of messages that we have sent to peers that had asked for them.
    pub iwant_sent: u64,
    /// The number of IWANTs that were ignored, wholly or in part, since the peer has asked for too much or has a bad score.
    pub iwants_ignored: u64,
    /// The number of IDONTWANTs that we have sent.
    pub idontwants: u64,
    /// The number of IDONTWANTs that were ignored, wholly or in part, since the peer has sent too many.
    pub idontwants_ignored: u64,
    /// The number of messages that a peer has advertised and that did not arrive from anybody although we had asked for them.
    pub promises_broken: u64,
    /// The number of times that misbehaviour of a peer was counted (P7).
    pub penalties: u64,
    /// The number of entries of RPCs that were dropped since the score of the peer is below the graylist threshold.
    pub graylisted: u64,
    /// The number of peers that a PRUNE has offered to us and that were dialed.
    pub offered_dialed: u64,
    /// The number of messages that were dropped from the history for lack of room.
    pub history_dropped: u64,
}
