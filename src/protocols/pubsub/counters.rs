//! [`Counters`] and [`PeerCounters`]: how much of what has happened; and [`BytesHeld`] and [`QueuedMessages`]: how much
//! is kept.

/// Counts one more thing of a peer's under the same name for all peers and for that one. The peer may have gone.
macro_rules! count {
    ($pubsub:expr, $peer:expr, $what:ident) => {
        $pubsub.counters.$what.raise(1);
        if let Some(peer) = $pubsub.peers.get_mut($peer) {
            peer.counters.$what.raise(1);
        }
    };
}

pub(super) use count;

/// How much of what has happened, from the beginning.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Counters {
    /// Messages that we have published.
    pub published: u64,
    /// Messages that were told, or would have been had there been room for the event.
    pub received: u64,
    /// Messages, published or received, that were put in line for a peer: each counted once for each.
    pub sent: u64,
    /// Messages that were known already: our own that came back are among them, and so are those that had been held back
    /// and were forwarded now (`held_back`).
    pub duplicates: u64,
    /// Messages among these `duplicates` that the same peer had sent before.
    pub repeated: u64,
    /// Messages on topics that we do not subscribe to.
    pub unwanted: u64,
    /// Messages whose author is denied.
    pub denied: u64,
    /// Messages, and RPCs as a whole, that are none or not signed as they should be.
    pub invalid: u64,
    /// Messages with a key, a signature or a number that is [refused here](super::signing::Invalid::Refused). They do not count against
    /// who has sent them, unless that is their author.
    pub refused: u64,
    /// The work of looking at signatures, in the units of [`Config::messages_per_turn`](super::Config::messages_per_turn).
    pub work: u64,
    /// Messages that were told and not forwarded, because others would take us for their forger: see
    /// [`Claim::is_forwardable`](super::signing::Claim::is_forwardable). The same message is forwarded once it comes in
    /// the usual form.
    pub held_back: u64,
    /// Messages that the validator has ignored.
    pub ignored: u64,
    /// Messages that the validator has rejected.
    pub rejected: u64,
    /// Messages that were dropped because too much waits for a peer or for all, or because it takes no stream of ours: each counted
    /// once for each.
    pub dropped: u64,
    /// Subscriptions of peers that were passed over: beyond the bounds on topics, or to one that is not UTF-8.
    pub topics_refused: u64,
    /// Peers that were passed over because there were as many as allowed.
    pub peers_refused: u64,
    /// Peers that gave their place to a newcomer, having sent nothing yet.
    pub peers_evicted: u64,
    /// Peers that were cut for too many invalid messages.
    pub peers_cut: u64,
    /// Streams of peers that were reset to read from newer ones, or because they are not peers.
    pub streams_refused: u64,
    /// Streams of peers of which something was lost because too much had come that waits: reset, or ended already.
    pub streams_cut: u64,
    /// New messages that were refused because as many of their author are remembered as [may be](super::Config::seen).
    pub author_over_share: u64,
    /// New messages that were refused because as many of the peer that sent them, or of its address, are remembered as may be, or
    /// as many in all.
    pub sender_over_share: u64,
    /// New messages that were refused by a [`SeqnoValidator`](super::SeqnoValidator): their author had said something with a
    /// number as high before.
    pub outdated: u64,
    /// New messages that were refused because a [`SeqnoValidator`](super::SeqnoValidator) has no place for their author: as many
    /// others were brought by the same address as may be.
    pub new_authors_refused: u64,
    /// RPCs that were passed over because they are longer than [`rpc_bytes`](super::Config::rpc_bytes).
    pub too_long: u64,
    /// Events that were lost because their owner did not take them in time: all that
    /// [`Event::Lagged`](super::Event::Lagged) tells of.
    pub events_lost: u64,
}

/// How much of what has happened with one peer, since it became one.
///
/// Each message of it that was looked at is in exactly one of `received`, `duplicates`, `unwanted`, `denied`, `invalid`,
/// `refused`, `ignored`, `author_over_share`, `sender_over_share` and `outdated`. Those that it had sent when it was cut are
/// not looked at.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PeerCounters {
    /// Messages for it that were dropped.
    pub dropped: u64,
    /// Messages of it that were told, or would have been had there been room for the event.
    pub received: u64,
    /// Messages of it that were known already, whoever had sent them.
    pub duplicates: u64,
    /// Messages among these `duplicates` that it had sent before.
    pub repeated: u64,
    /// Messages of it on topics that we do not subscribe to.
    pub unwanted: u64,
    /// Messages of it whose author is denied.
    pub denied: u64,
    /// Messages and RPCs of it that are none, not signed as they should be, or rejected by the validator.
    pub invalid: u64,
    /// Messages of it with a key, a signature or a number that is [refused here](super::signing::Invalid::Refused), and that it
    /// is not the author of.
    pub refused: u64,
    /// Messages of it that the validator has ignored.
    pub ignored: u64,
    /// New messages of it that were refused because of [their author's share](Counters::author_over_share).
    pub author_over_share: u64,
    /// New messages of it that were refused because of [its share, its address's, or the whole](Counters::sender_over_share).
    pub sender_over_share: u64,
    /// New messages of it that a [`SeqnoValidator`](super::SeqnoValidator) has refused.
    pub outdated: u64,
    /// The work of looking at signatures that it has sent, in the units of
    /// [`Config::messages_per_turn`](super::Config::messages_per_turn).
    pub work: u64,
    /// Subscriptions of it that were passed over.
    pub topics_refused: u64,
    /// Streams of it that were reset to read from newer ones.
    pub streams_refused: u64,
    /// Streams of it of which something was lost because too much had come that waits.
    pub streams_cut: u64,
}

/// How many bytes are kept for all peers together, as the bounds count them.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct BytesHeld {
    /// Of [`Config::topics_total_bytes`](super::Config::topics_total_bytes).
    pub topics_bytes: usize,
    /// Of [`Config::inbound_total_bytes`](super::Config::inbound_total_bytes).
    pub inbound_bytes: usize,
    /// Of [`Config::outbox_total_bytes`](super::Config::outbox_total_bytes).
    pub outbox_bytes: usize,
}

/// The messages that wait to be written to one peer.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct QueuedMessages {
    /// Their number. One of which a part has been written is among them.
    pub messages: usize,
    /// Their bytes, each with its length before it, as [`Config::outbox_bytes`](super::Config::outbox_bytes) counts them.
    pub bytes: usize,
}
