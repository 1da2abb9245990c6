//! [`Counters`] and [`PeerCounters`]: counters of messages, subscriptions, peers and streams, by the result of processing
//! them. [`BytesHeld`] and [`QueuedMessages`]: the amount of data that is held.

/// Adds 1 to a counter of the service, and to the counter of the same name of a peer, if the peer is still a pub/sub peer.
macro_rules! count {
    ($pubsub:expr, $peer:expr, $what:ident) => {
        $pubsub.counters.$what.raise(1);
        if let Some(peer) = $pubsub.peers.get_mut($peer) {
            peer.counters.$what.raise(1);
        }
    };
}

pub(super) use count;

/// The counters of pub/sub since the service was created.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Counters {
    /// The number of messages that we have published.
    pub published: u64,
    /// The number of messages that were delivered, including those whose event was dropped because the owner did not take it
    /// in time.
    pub received: u64,
    /// The number of messages, published or forwarded, that were queued to be written to peers. Each message is counted once
    /// for each peer.
    pub sent: u64,
    /// The number of received messages that were known already. They include our own messages that came back, and messages
    /// that were counted in `held_back` before and are forwarded now.
    pub duplicates: u64,
    /// The number of messages in `duplicates` that the same peer had sent to us before.
    pub repeated: u64,
    /// The number of received messages on topics that we do not subscribe to.
    pub unwanted: u64,
    /// The number of received messages whose author is denied.
    pub denied: u64,
    /// The number of received messages, and of whole RPCs, that are malformed or not signed as required.
    pub invalid: u64,
    /// The number of received messages with a key, a signature or a sequence number that is [refused
    /// here](super::signing::Invalid::Refused). They do not count against the peer that sent them. If that peer is the
    /// author, the message is counted in `invalid` instead.
    pub refused: u64,
    /// The amount of work for verifying signatures, in the unit of
    /// [`Config::messages_per_turn`](super::Config::messages_per_turn): the verification of one Ed25519 signature.
    pub work: u64,
    /// The number of messages that were delivered and not forwarded, because peers of another implementation would find them
    /// invalid and blame us: see [`Claim::is_forwardable`](super::signing::Claim::is_forwardable). Such a message is
    /// forwarded once it arrives again in the usual encoding.
    pub held_back: u64,
    /// The number of messages for which the validator returned [`Verdict::Ignore`](super::Verdict::Ignore).
    pub ignored: u64,
    /// The number of messages for which the validator returned [`Verdict::Reject`](super::Verdict::Reject).
    pub rejected: u64,
    /// The number of messages that were not sent to a peer, because too many bytes wait for the peer or for all peers, or
    /// because the peer accepts no stream of ours. Each message is counted once for each such peer.
    pub dropped: u64,
    /// The number of subscriptions of peers that were ignored, because they exceed a bound on topics or because the topic is
    /// not UTF-8.
    pub topics_refused: u64,
    /// The number of times that a peer did not become a pub/sub peer because all places were taken.
    pub peers_refused: u64,
    /// The number of peers that lost their place to a newcomer, because they had sent nothing yet or no new message for
    /// [`Config::quiet_after`](super::Config::quiet_after).
    pub peers_evicted: u64,
    /// The number of peers that were disconnected and denied for too many invalid messages, or for too many changes of
    /// subscriptions.
    pub peers_cut: u64,
    /// The number of streams of peers that were reset, because the peer opened newer ones, had no place, or is denied.
    pub streams_refused: u64,
    /// The number of streams of peers whose unprocessed bytes were dropped, because too many bytes waited. Such a stream was
    /// reset if it had not ended already.
    pub streams_cut: u64,
    /// The number of new messages that were refused because too many messages of their author are
    /// [remembered](super::Config::seen).
    pub author_over_share: u64,
    /// The number of new messages that were refused because the peer that sent them, or the address of that peer, has too
    /// many of the [remembered messages](super::Config::seen), or because the cache of remembered messages is full.
    pub sender_over_share: u64,
    /// The number of new messages that a [`SeqnoValidator`](super::SeqnoValidator) refused, because a message of the same
    /// author with the same sequence number or a higher one had been delivered.
    pub outdated: u64,
    /// The number of new messages that were refused because a [`SeqnoValidator`](super::SeqnoValidator) had no place for
    /// their author: the address from which the message came had been the first to send us messages of too many other
    /// authors.
    pub new_authors_refused: u64,
    /// The number of entries of control messages that were processed.
    pub control_entries: u64,
    /// The number of entries of control messages that were not sent, because too many bytes of them wait: see
    /// [`Config::control_total_bytes`](super::Config::control_total_bytes).
    pub control_dropped: u64,
    /// The number of messages whose verdict the validator put off and that were ignored for lack of room: see
    /// [`Config::pending`](super::Config::pending).
    pub pending_refused: u64,
    /// The number of RPCs that were skipped because they are longer than [`rpc_bytes`](super::Config::rpc_bytes).
    pub too_long: u64,
    /// The number of events that were dropped because the owner did not take them in time.
    /// [`Event::Lagged`](super::Event::Lagged) tells the owner of them.
    pub events_lost: u64,
}

/// The counters of one peer, since it became a pub/sub peer.
///
/// Each message from the peer that was processed is counted in exactly one of `received`, `duplicates`, `unwanted`,
/// `denied`, `invalid`, `refused`, `ignored`, `author_over_share`, `sender_over_share` and `outdated`. The only exception is
/// a message that is counted in [`Counters::new_authors_refused`], for which the peer has no counter. If the peer is
/// disconnected for a fault, messages that have arrived from it are not processed any more.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PeerCounters {
    /// The number of messages that were not sent to the peer, because too many bytes wait for it or for all peers, or
    /// because it accepts no stream of ours.
    pub dropped: u64,
    /// The number of messages that waited for the peer and were not sent to it, since it said that it does not need them any
    /// more (IDONTWANT).
    pub spared: u64,
    /// The number of messages from the peer that were delivered, including those whose event was dropped because the owner
    /// did not take it in time.
    pub received: u64,
    /// The number of messages from the peer that were known already, whichever peer had sent them first.
    pub duplicates: u64,
    /// The number of messages in `duplicates` that this peer had sent to us before.
    pub repeated: u64,
    /// The number of messages from the peer on topics that we do not subscribe to.
    pub unwanted: u64,
    /// The number of messages from the peer whose author is denied.
    pub denied: u64,
    /// The number of messages and RPCs from the peer that are malformed, not signed as required, or rejected by the
    /// validator.
    pub invalid: u64,
    /// The number of messages from the peer that another peer has written, with a key, a signature or a sequence number that
    /// is [refused here](super::signing::Invalid::Refused).
    pub refused: u64,
    /// The number of messages from the peer for which the validator returned [`Verdict::Ignore`](super::Verdict::Ignore).
    pub ignored: u64,
    /// The number of new messages from the peer that were refused because they would exceed [their author's
    /// share](Counters::author_over_share).
    pub author_over_share: u64,
    /// The number of new messages from the peer that were refused because they would exceed [the share of the peer or of its
    /// address, or the size of the cache](Counters::sender_over_share).
    pub sender_over_share: u64,
    /// The number of new messages from the peer that a [`SeqnoValidator`](super::SeqnoValidator) refused for their sequence
    /// number.
    pub outdated: u64,
    /// The amount of work for verifying the signatures of messages from the peer, in the unit of
    /// [`Config::messages_per_turn`](super::Config::messages_per_turn): the verification of one Ed25519 signature.
    pub work: u64,
    /// The number of subscriptions of the peer that were ignored, because they exceed a bound on topics or because the topic
    /// is not UTF-8.
    pub topics_refused: u64,
    /// The number of streams of the peer that were reset because the peer opened newer ones.
    pub streams_refused: u64,
    /// The number of streams of the peer whose unprocessed bytes were dropped because too many bytes waited.
    pub streams_cut: u64,
}

/// The numbers of bytes that are held for all peers together, one for each bound on memory of [`Config`](super::Config).
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct BytesHeld {
    /// The number of bytes that count against [`Config::topics_total_bytes`](super::Config::topics_total_bytes).
    pub topics_bytes: usize,
    /// The number of bytes that count against [`Config::inbound_total_bytes`](super::Config::inbound_total_bytes).
    pub inbound_bytes: usize,
    /// The number of bytes that count against [`Config::outbox_total_bytes`](super::Config::outbox_total_bytes).
    pub outbox_bytes: usize,
    /// The number of bytes that count against [`Config::control_total_bytes`](super::Config::control_total_bytes).
    pub control_bytes: usize,
    /// The number of bytes that count against [`Config::pending_bytes`](super::Config::pending_bytes).
    pub pending_bytes: usize,
    /// The number of bytes that the router holds: messages that it keeps, and what peers have told it.
    pub router_bytes: usize,
}

/// The number and size of the messages that wait to be written to one peer.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct QueuedMessages {
    /// The number of messages, including a message that is partly written.
    pub messages: usize,
    /// The number of bytes of the messages that wait, each including its length prefix.
    /// [`Config::outbox_bytes`](super::Config::outbox_bytes) bounds this number.
    pub bytes: usize,
}
