//! [`Config`]: the bounds of pub/sub.

use crate::connection::Rate;
use core::time::Duration;

/// The bounds of pub/sub. Together they bound all memory that peers can cause. The lists that the owner gives, such as
/// the denied peers, are for the owner to bound.
///
/// At worst that is about: `topics_total_bytes`; twice `inbound_total_bytes` (a buffer may be twice as large as its
/// contents); `outbox_total_bytes`; `event_bytes` (or `rpc_bytes`, if that is more) and 256 bytes for each of `events`;
/// 256 bytes for each message in `seen`; four times `rpc_bytes` for the RPC that is being processed; and for each of
/// `peers` 1 KiB, an announcement of 17 KiB, 8 bytes for each 64 messages in `seen`, and 72 bytes for each topic that we
/// subscribe to. With the defaults that is 343 MiB, if each of 1 024 peers does its worst, and 72 KiB for each topic of
/// ours: 415 MiB with all [`subscriptions`](Self::subscriptions), as [`memory_bound`](Self::memory_bound) returns.
/// [`held`](super::PubSub::held) returns the part of it that all peers take now.
///
/// ```
/// use swarm_notify::protocols::pubsub::Config;
///
/// let mut config = Config::default();
/// config.peers = 50;
/// config.outbox_bytes = 64 * 1024;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The maximum length of an RPC that is read, in bytes. A longer one is skipped, counted
    /// ([`too_long`](super::Counters::too_long)), told as
    /// [`Refusal::MessageRefused`](crate::swarm::Refusal::MessageRefused), and counts against no peer: a peer that reads
    /// longer RPCs forwards their messages in good faith. A message of ours with all its fields is not longer either: see
    /// [`PublishError::TooLarge`](super::PublishError::TooLarge). Default 1 MiB, as in go.
    pub rpc_bytes: usize,
    /// The maximum number of messages in an RPC. An RPC with more is refused, and its stream reset. Default 1 024.
    pub messages_per_rpc: usize,
    /// The maximum number of subscription changes in an RPC. An RPC with more is refused, and its stream reset. Default
    /// 4 096.
    pub subscriptions_per_rpc: usize,
    /// The maximum work of validating messages of all peers in one turn (one [`drive`](crate::notifee::Notifees::drive)).
    /// The rest waits for the next turn, for which [`poll_at`](crate::notifee::Notifees::poll_at) asks at once. The unit
    /// is the verification of one Ed25519 signature: a message signed with Ed25519 counts as 1, with secp256k1 as 2, with
    /// ECDSA as 9, with RSA as 1 (2 048 bits), 2 (3 072), 4 (4 096) and up to 13 (8 192), one without a signature as 1;
    /// and each as 1 more for every 16 KiB of it. Peers whose messages wait take turns of one message each. A peer whose
    /// message counted as n is skipped n - 1 times, so that all peers have the same share of the work. 0 counts as 1.
    /// Default 64: a few milliseconds of signatures.
    pub messages_per_turn: usize,
    /// The maximum amount of other work for peers in one turn. Each message counts as 1, whether it is validated or not,
    /// and as 1 more for every 4 KiB of it; so does each subscription change, each read of 4 KiB, and each time that a
    /// peer is skipped. 0 counts as 1. Default 4 096.
    pub entries_per_turn: usize,
    /// The maximum number of pub/sub peers, including those that are still being asked whether they speak the protocol.
    /// Default 1 024.
    ///
    /// Places are shared by address (an IPv6 address: by its /64). When all are taken, a newcomer takes the place of a
    /// peer that has sent neither a subscription nor a message yet: of these, the one that came first from the address
    /// with most peers. If all have sent something, it takes the place of a peer that has brought nothing new for
    /// [`quiet_after`](Self::quiet_after): the one that has been quiet for longest, of the address with most peers. That
    /// address has to be the newcomer's own, or to have more peers than the newcomer's address would have with it.
    ///
    /// An address that has more than 1/16 of all places, and more than 8, gets none of the last quarter of the places: a
    /// newcomer from there takes the place of such a peer of the same address. Loopback, and addresses without an IP
    /// address, are exempt.
    ///
    /// If no peer can give way, the newcomer is no pub/sub peer, until it connects anew or opens a stream to us while
    /// there is room. A peer that loses its place has its streams reset.
    pub peers: usize,
    /// The time after which a peer that has brought no new message may give way to a newcomer. A new message is one that
    /// was delivered: on a topic of ours, valid, and not known before. Default 5 min.
    pub quiet_after: Duration,
    /// The maximum number of topics of one peer that are remembered. Further ones are ignored. Default 1 024.
    pub topics_per_peer: usize,
    /// The maximum number of topics that we subscribe to. Default 1 024.
    pub subscriptions: usize,
    /// The maximum memory, in bytes, of the topics of all peers. Each subscription counts as the length of its name and
    /// 1 280 bytes of bookkeeping. Further subscriptions are ignored. One half is common. The other half is divided by
    /// [`peers`](Self::peers), so that each peer has its own share whatever the others do. Default 64 MiB: 32 KiB for
    /// each peer, and 32 MiB in common.
    pub topics_total_bytes: usize,
    /// The maximum length of a topic's name in bytes. Longer names of peers are ignored. Default 1 024.
    pub topic_bytes: usize,
    /// The maximum number of streams of one peer that are read. For one more, the oldest is reset once everything that
    /// has come on it is processed. Default 4.
    pub inbound_streams: usize,
    /// The maximum number of bytes that have come from all peers and wait: RPCs that are not whole yet, and RPCs that
    /// wait for their turn. A stream that has ended meanwhile counts as 256 bytes more. A stream that would exceed the
    /// maximum is reset and its unprocessed bytes are lost, which is counted. One half is common and the other is
    /// divided, as with topics. Default 64 MiB.
    pub inbound_total_bytes: usize,
    /// The maximum number of bytes of messages that wait for all peers together. Beyond it, the peer that is most behind
    /// loses messages. A peer is behind by the bytes that wait for it, and by those that it lost in this way and has not
    /// made up for since by taking as many. Its messages are dropped as with [`outbox_bytes`](Self::outbox_bytes) until
    /// there is room. So a crowd that takes nothing costs no peer that takes its messages. If part of a dropped message
    /// was already written, our stream to that peer is reset and reopened; such a message is dropped last. A message that
    /// waits for several peers is kept and counted once, with 128 bytes for itself and 128 for each of these peers. A
    /// message larger than the maximum is itself dropped. Default 64 MiB.
    pub outbox_total_bytes: usize,
    /// The maximum number of bytes of messages that wait for one peer. Beyond it, messages for that peer are dropped,
    /// counted, and told as [`Refusal::MessageDropped`](crate::swarm::Refusal::MessageDropped). A message that waits for
    /// several peers is kept once. Default 4 MiB.
    ///
    /// The author with most bytes there loses its oldest messages. More exactly: the waiting messages are grouped by the
    /// address that has brought them (an IPv6 address: its /64; loopback, and without an IP address: the peer; our own
    /// messages are a group too), and then by author. In the group with most bytes, the author with most bytes loses its
    /// oldest message, until there is room. So neither an author that says much nor a sender that makes up authors costs
    /// others their messages, and a slow peer gets the latest messages of each author, in order. The new message is
    /// treated like those that wait, and may be the one that is dropped. A message that is partly written stays. Dropping
    /// takes O(log n) for n messages that wait.
    pub outbox_bytes: usize,
    /// The time for which a message is remembered. No message that was delivered is delivered again within this time,
    /// whatever comes meanwhile. Default 120 s.
    ///
    /// It is the only protection against a message that somebody has kept and sends again later, unless there is a
    /// [`SeqnoValidator`](super::SeqnoValidator).
    pub seen_ttl: Duration,
    /// The maximum number of messages that are remembered. None is forgotten before its time. A new message for which
    /// there is no room is refused before its signature is verified. It is neither delivered nor forwarded, and not
    /// remembered either, so that it is accepted if it comes again when there is room. The refusal is counted
    /// ([`author_over_share`](super::Counters::author_over_share),
    /// [`sender_over_share`](super::Counters::sender_over_share)), told as
    /// [`Refusal::MessageRefused`](crate::swarm::Refusal::MessageRefused), and counts against no peer. 0 counts as 1. At
    /// most 1 073 741 823. Default 131 072.
    ///
    /// The one that has most of the cache is refused, not the one that comes next. There is room for a message if its
    /// author has fewer messages in the cache than there are free places; if its sender (the peer that sends it to us)
    /// has fewer than four times as many; and if the sender's address (an IPv6 address: its /64; except loopback and
    /// addresses without an IP address) has fewer than sixteen times as many. So an author that says all it can takes
    /// half of the cache, 546 messages a second by default, and leaves the other half. A sender that makes up any number
    /// of authors takes four fifths, and an address that makes up senders 16/17. Several that do their worst share evenly
    /// with each other and with those that come later. A message whose signature is wrong takes no room.
    ///
    /// **Rates.** Within the last `seen_ttl`, let T messages have been delivered or published in all, and A of them by an
    /// author, a sender or an address. Its next message is accepted if A is less than its share times `seen` - T. So if
    /// it says a messages a second, and all together say t, nothing is refused in the long run while a / share + t is
    /// below `seen` / `seen_ttl`. Beyond that, messages are refused until enough others are forgotten. By default:
    ///
    /// | who says all it can | told in 120 s | a second |
    /// |---|---|---|
    /// | one author | 65 536 | 546 |
    /// | two authors | 43 691 each | 364 each |
    /// | one author beside others who say 300 a second in all | 47 536 | 396 |
    /// | one sender, with authors without end | 104 858 | 873 |
    /// | one address, with senders without end | 123 362 | 1 028 |
    /// | all together | 131 072 | 1 092 |
    ///
    /// For an author that says a messages a second beside others that say o, with a share of 1, `seen` has to be more
    /// than `seen_ttl` * (2 a + o).
    ///
    /// A message without an author ([`StrictNoSign`](super::Signing::StrictNoSign)) counts for its sender and the
    /// sender's address only. Our own messages are remembered, too. With an author they have an author's share; beyond it
    /// they are published and not remembered, since we recognise them by their author. Without an author they have an
    /// address's share; beyond it publishing fails with [`PublishError::Full`](super::PublishError::Full).
    pub seen: usize,
    /// The share of an author in [`seen`](Self::seen), as a multiple of the free places. 0 counts as 1; `usize::MAX`
    /// removes every bound but the size of the cache. Default 1.
    pub seen_author_share: usize,
    /// The share of a sender, as a multiple of the free places. It should be several times the share of an author;
    /// otherwise an author that says too much takes the places of other authors whose messages come by the same peers. 0
    /// counts as 1. Default 4.
    pub seen_sender_share: usize,
    /// The share of a sender's address, as a multiple of the free places. It should be several times the share of a
    /// sender. 0 counts as 1. Default 16.
    pub seen_address_share: usize,
    /// The rate at which a peer may repeat messages that it has sent before, as long as we remember them. Beyond it the
    /// connection fails with [`Fault::Flood`](crate::lifecycle::Fault::Flood). A message that several peers send once
    /// each counts against none of them. Default 1 000 at once and 100 a second.
    pub repeats: Rate,
    /// The rate at which a peer may send messages that are malformed, not signed as required, or rejected by the
    /// validator. Beyond it the peer is cut: all its connections fail with
    /// [`Fault::Flood`](crate::lifecycle::Fault::Flood), its unprocessed bytes are dropped, and it is denied
    /// [for a while](Self::denied_for). A message counts against the peer that sent it to us, whoever its author is. So
    /// only what no honest peer forwards may count: see [`Verdict`](super::Verdict). A message that is
    /// [refused here](super::signing::Invalid::Refused) while others may accept it counts against its author alone.
    /// Default 20 at once and 1 a second.
    pub invalid: Rate,
    /// The time for which a peer that was cut for [`invalid`](Self::invalid) or
    /// [`resubscriptions`](Self::resubscriptions) is denied, from the turn in which it is cut. Only its peer id is
    /// denied: the swarm neither lets it in nor dials it. [`Lists::deny_peer_for`](crate::swarm::Lists::deny_peer_for)
    /// has the details, and the number of peers that can be denied in this way;
    /// [`Lists::forget_peer`](crate::swarm::Lists::forget_peer) ends a denial early. Zero: the peer may come back at
    /// once. Default 60 s.
    pub denied_for: Duration,
    /// The rate at which a peer may subscribe to new topics in place of those that it has left. Beyond it the peer is
    /// cut, as with [`invalid`](Self::invalid): a peer that subscribes and leaves again and again would fill the event
    /// queue, so that messages of others would be lost. Default 100 at once and 10 a second.
    pub resubscriptions: Rate,
    /// The maximum number of events that wait for the owner. One more drops the oldest, which
    /// [`Event::Lagged`](super::Event::Lagged) tells. 0 counts as 1. Default 1 024.
    ///
    /// What peers send in one turn (one [`drive`](crate::notifee::Notifees::drive)) causes at most three quarters of
    /// these events; the rest is processed in the next turn. So an owner that takes all events after each drive misses
    /// none, however many subscriptions peers change.
    pub events: usize,
    /// The maximum number of bytes of data and topics in the events that wait for the owner. Beyond it the oldest events
    /// are dropped as well, but a single event is always accepted. A turn that has caused an event ends when one more RPC
    /// might not fit. Default 16 MiB.
    pub event_bytes: usize,
    /// The wait before our stream to a connected peer is opened again after it has failed or ended. Each further attempt
    /// doubles it. At least 1 ms. Default 1 s.
    pub reopen_after: Duration,
    /// The maximum of this wait. After a stream that has lived for as long, the waits begin at
    /// [`reopen_after`](Self::reopen_after) again. Default 60 s.
    pub reopen_at_most_after: Duration,
    /// The maximum number of attempts in a row. After them the peer is left alone until it connects again or opens a
    /// stream to us. Default 8.
    pub reopen_attempts: u32,
}

impl Config {
    /// Returns the bounds for a small machine: 16 peers, and RPCs of 64 KiB. See
    /// [`swarm::Config::small`](crate::swarm::Config::small).
    #[must_use]
    pub fn small() -> Self {
        Self {
            rpc_bytes: 64 * 1024,
            messages_per_rpc: 64,
            subscriptions_per_rpc: 256,
            peers: 16,
            topics_per_peer: 32,
            subscriptions: 16,
            topics_total_bytes: 256 * 1024,
            topic_bytes: 256,
            inbound_streams: 2,
            inbound_total_bytes: 192 * 1024,
            outbox_total_bytes: 256 * 1024,
            outbox_bytes: 128 * 1024,
            seen: 2_048,
            events: 64,
            event_bytes: 96 * 1024,
            ..Self::default()
        }
    }

    /// Returns the most bytes of heap that pub/sub with these bounds takes, by the sum on the page of this type, if we
    /// subscribe to as many topics as [`subscriptions`](Self::subscriptions) allows.
    #[must_use]
    pub fn memory_bound(&self) -> usize {
        let sent = self.seen.max(1).div_ceil(64).saturating_add(1).saturating_mul(8);
        let peer = sent.saturating_add((1 + 17) * 1024).saturating_add(self.subscriptions.saturating_mul(72));
        let parts = [
            self.topics_total_bytes,
            self.inbound_total_bytes.saturating_mul(2),
            self.outbox_total_bytes,
            // One event has place, whatever is in it.
            self.event_bytes.max(self.rpc_bytes),
            self.events.max(1).saturating_mul(256),
            self.seen.max(1).saturating_mul(256),
            self.rpc_bytes.saturating_mul(4),
            self.peers.saturating_mul(peer),
        ];
        parts.iter().fold(0, |sum, part| sum.saturating_add(*part))
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            rpc_bytes: 1024 * 1024,
            messages_per_rpc: 1_024,
            subscriptions_per_rpc: 4_096,
            messages_per_turn: 64,
            entries_per_turn: 4_096,
            peers: 1_024,
            quiet_after: Duration::from_secs(300),
            topics_per_peer: 1_024,
            subscriptions: 1_024,
            topics_total_bytes: 64 * 1024 * 1024,
            topic_bytes: 1_024,
            inbound_streams: 4,
            inbound_total_bytes: 64 * 1024 * 1024,
            outbox_total_bytes: 64 * 1024 * 1024,
            outbox_bytes: 4 * 1024 * 1024,
            seen_ttl: Duration::from_secs(120),
            seen: 131_072,
            seen_author_share: 1,
            seen_sender_share: 4,
            seen_address_share: 16,
            repeats: Rate::new(1_000, 100),
            invalid: Rate::new(20, 1),
            denied_for: Duration::from_secs(60),
            resubscriptions: Rate::new(100, 10),
            events: 1_024,
            event_bytes: 16 * 1024 * 1024,
            reopen_after: Duration::from_secs(1),
            reopen_at_most_after: Duration::from_secs(60),
            reopen_attempts: 8,
        }
    }
}
