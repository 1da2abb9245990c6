//! [`Counters`] and [`PeerCounters`]: the number of times that something has happened. [`BytesHeld`] and
//! [`QueuedMessages`]: the amount of data that is held.

/// Raises a counter of all peers, and the one of the same name of a peer, if that peer is still there.
macro_rules! count {
    ($pubsub:expr, $peer:expr, $what:ident) => {
        $pubsub.counters.$what.raise(1);
        if let Some(peer) = $pubsub.peers.get_mut($peer) {
            peer.counters.$what.raise(1);
        }
    };
}

pub(super) use count;

/// The counters of pub/sub since the service was made.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Counters {
    /// Messages that we have published.
    pub published: u64,
    /// Messages that were delivered, even if their event was lost because the owner did not take it in time.
    pub received: u64,
    /// Messages, published or received, that were queued for a peer: each is counted once for each peer.
    pub sent: u64,
    /// Messages that were known already. These include our own messages that came back, and messages that had been held
    /// back and are now forwarded (`held_back`).
    pub duplicates: u64,
    /// Those of the `duplicates` that the same peer had sent before.
    pub repeated: u64,
    /// Messages on topics that we do not subscribe to.
    pub unwanted: u64,
    /// Messages whose author is denied.
    pub denied: u64,
    /// Messages, and whole RPCs, that are malformed or not signed as required.
    pub invalid: u64,
    /// Messages with a key, a signature or a number that is [refused here](super::signing::Invalid::Refused). They do not
    /// count against the peer that sent them, unless it is their author.
    pub refused: u64,
    /// The work of verifying signatures, in the units of [`Config::messages_per_turn`](super::Config::messages_per_turn).
    pub work: u64,
    /// Messages that were delivered and not forwarded, because others would take us for their forger: see
    /// [`Claim::is_forwardable`](super::signing::Claim::is_forwardable). Such a message is forwarded once it comes in the
    /// usual encoding.
    pub held_back: u64,
    /// Messages that the validator has ignored.
    pub ignored: u64,
    /// Messages that the validator has rejected.
    pub rejected: u64,
    /// Messages that were dropped because too many bytes wait for a peer or for all peers, or because the peer accepts no
    /// stream of ours: each is counted once for each peer.
    pub dropped: u64,
    /// Subscriptions of peers that were ignored: beyond a bound on topics, or to a topic that is not UTF-8.
    pub topics_refused: u64,
    /// Peers that were not admitted because all places were taken.
    pub peers_refused: u64,
    /// Peers that gave their place to a newcomer, since they had sent nothing yet or brought nothing new for long.
    pub peers_evicted: u64,
    /// Peers that were cut for too many invalid messages, or for too many changes of subscriptions.
    pub peers_cut: u64,
    /// Streams of peers that were reset in favour of newer ones, or because the peer had no place or is denied.
    pub streams_refused: u64,
    /// Streams of peers that lost unprocessed bytes because too many waited: reset, or ended already.
    pub streams_cut: u64,
    /// New messages that were refused because too many messages of their author are [remembered](super::Config::seen).
    pub author_over_share: u64,
    /// New messages that were refused because too many messages of the peer that sent them, of its address, or of all are
    /// [remembered](super::Config::seen).
    pub sender_over_share: u64,
    /// New messages that a [`SeqnoValidator`](super::SeqnoValidator) refused, because a message of their author with the
    /// same number or a higher one had been delivered.
    pub outdated: u64,
    /// New messages that were refused because a [`SeqnoValidator`](super::SeqnoValidator) has no place for their author:
    /// the same address has brought too many other authors.
    pub new_authors_refused: u64,
    /// RPCs that were skipped because they are longer than [`rpc_bytes`](super::Config::rpc_bytes).
    pub too_long: u64,
    /// Events that were lost because the owner did not take them in time. [`Event::Lagged`](super::Event::Lagged) tells
    /// of each.
    pub events_lost: u64,
}

/// The counters of one peer, since it became a pub/sub peer.
///
/// Each of its messages that was processed is in one of `received`, `duplicates`, `unwanted`, `denied`, `invalid`,
/// `refused`, `ignored`, `author_over_share`, `sender_over_share` and `outdated`, and in no other. The exception are
/// those in [`Counters::new_authors_refused`], which no counter of the peer has. Messages that had come when the peer was
/// cut are not processed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PeerCounters {
    /// Messages for the peer that were dropped.
    pub dropped: u64,
    /// Messages from the peer that were delivered, even if their event was lost because the owner did not take it in
    /// time.
    pub received: u64,
    /// Messages from the peer that were known already, whichever peer had sent them.
    pub duplicates: u64,
    /// Those of the `duplicates` that this peer had sent before.
    pub repeated: u64,
    /// Messages from the peer on topics that we do not subscribe to.
    pub unwanted: u64,
    /// Messages from the peer whose author is denied.
    pub denied: u64,
    /// Messages and RPCs from the peer that are malformed, not signed as required, or rejected by the validator.
    pub invalid: u64,
    /// Messages from the peer, and of another author, with a key, a signature or a number that is
    /// [refused here](super::signing::Invalid::Refused).
    pub refused: u64,
    /// Messages from the peer that the validator has ignored.
    pub ignored: u64,
    /// New messages from the peer that were refused because of [their author's share](Counters::author_over_share).
    pub author_over_share: u64,
    /// New messages from the peer that were refused because of
    /// [its share, its address's, or the size of the cache](Counters::sender_over_share).
    pub sender_over_share: u64,
    /// New messages from the peer that a [`SeqnoValidator`](super::SeqnoValidator) refused for their number.
    pub outdated: u64,
    /// The work of verifying the signatures of its messages, in the units of
    /// [`Config::messages_per_turn`](super::Config::messages_per_turn).
    pub work: u64,
    /// Subscriptions of the peer that were ignored.
    pub topics_refused: u64,
    /// Streams of the peer that were reset in favour of newer ones.
    pub streams_refused: u64,
    /// Streams of the peer that lost unprocessed bytes because too many waited.
    pub streams_cut: u64,
}

/// The number of bytes that are held for all peers together, as the bounds count them.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct BytesHeld {
    /// The bytes that count against [`Config::topics_total_bytes`](super::Config::topics_total_bytes).
    pub topics_bytes: usize,
    /// The bytes that count against [`Config::inbound_total_bytes`](super::Config::inbound_total_bytes).
    pub inbound_bytes: usize,
    /// The bytes that count against [`Config::outbox_total_bytes`](super::Config::outbox_total_bytes).
    pub outbox_bytes: usize,
}

/// The messages that wait to be written to one peer.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct QueuedMessages {
    /// The number of messages, including one that is partly written.
    pub messages: usize,
    /// The bytes of these messages, each with its length before it, as
    /// [`Config::outbox_bytes`](super::Config::outbox_bytes) counts them.
    pub bytes: usize,
}
