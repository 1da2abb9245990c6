//! [`Config`]: the bounds of pub/sub.

use crate::connection::Rate;
use core::time::Duration;

/// The bounds of pub/sub. Together they bound all memory that peers can make the service allocate. They do not bound the
/// lists that the owner supplies, such as the denied peers.
///
/// In the worst case that memory is about the sum of `topics_total_bytes`; twice `inbound_total_bytes` (a buffer may be
/// twice as large as its contents); `outbox_total_bytes`; `control_total_bytes`; `pending_bytes` and 128
/// bytes for each of `pending`; `event_bytes` (or `rpc_bytes`, if that is more) and 256 bytes for
/// each of `events`; 256 bytes for each message in `seen`; four times `rpc_bytes` for the RPC that is being processed; and
/// for each of `peers` 1 KiB, an announcement of 17 KiB, 8 bytes for each 64 messages in `seen`, and 72 bytes for each topic
/// that we subscribe to. With the defaults that is 407 MiB, if each of 1 024 peers causes as much as it can, and 72 KiB for
/// each topic of ours: 479 MiB with all [`subscriptions`](Self::subscriptions), which [`memory_bound`](Self::memory_bound)
/// returns. [`held`](super::PubSub::held) returns the number of bytes that are held for all peers now.
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
    /// The maximum length, in bytes, of an RPC that we read or send. A longer RPC of a peer is skipped, counted
    /// ([`too_long`](super::Counters::too_long)), and reported as
    /// [`Refusal::MessageRefused`](crate::swarm::Refusal::MessageRefused). It does not count against the peer, since a peer
    /// that reads longer RPCs forwards their messages in good faith. Publishing a message whose RPC would be longer fails
    /// with [`PublishError::TooLarge`](super::PublishError::TooLarge). Default 1 MiB, as in go.
    pub rpc_bytes: usize,
    /// The maximum number of messages in an RPC. No entry of an RPC with more is processed, and the stream on which the RPC
    /// arrived is reset. Default 1 024.
    pub messages_per_rpc: usize,
    /// The maximum number of subscription changes in an RPC. No entry of an RPC with more is processed, and the stream on
    /// which the RPC arrived is reset. Default 4 096.
    pub subscriptions_per_rpc: usize,
    /// The maximum number of entries of a control message, of ids in them and of other fields in them, in an RPC. No entry of
    /// an RPC with more is processed, and the stream on which the RPC arrived is reset. Default 32 768, which is more than
    /// fits into an RPC of 1 MiB with the ids of go.
    pub control_per_rpc: usize,
    /// The maximum amount of work in one turn (one [`drive`](crate::notifee::Notifees::drive)) for validating messages of
    /// all peers. The remaining messages wait for the next turn, which [`poll_at`](crate::notifee::Notifees::poll_at)
    /// requests at once. The unit is the verification of one Ed25519 signature. A message signed with Ed25519 counts as 1,
    /// with secp256k1 as 2, with ECDSA as 9, and with RSA as 1 (2 048 bits), 2 (3 072), 4 (4 096) and up to 13 (8 192). A
    /// message without a signature counts as 1. Each message counts as 1 more for every 16 KiB of its length. Peers whose
    /// messages wait are served in rotation, one message each. A peer whose message counted as n is skipped n - 1 times, so
    /// that all peers have the same share of the work. 0 counts as 1. Default 64, which is a few milliseconds of signatures.
    pub messages_per_turn: usize,
    /// The maximum amount of other work for peers in one turn. Each message counts as 1, whether it is validated or not, and
    /// as 1 more for every 4 KiB of its length. Each subscription change, each read of up to 4 KiB, and each time that a
    /// peer is skipped count as 1, too. 0 counts as 1. Default 4 096.
    pub entries_per_turn: usize,
    /// The maximum number of pub/sub peers, including peers that have not answered yet whether they speak the protocol.
    /// Default 1 024.
    ///
    /// Places are shared by address (for IPv6: by /64). When all places are taken, a newcomer gets the place of a silent
    /// peer, which is one that has sent neither a subscription nor a message yet. Of the addresses that have silent peers,
    /// the one with the most peers loses the silent peer that came first. If no peer is silent, the newcomer gets the place
    /// of a quiet peer, which is one that has brought no new message for [`quiet_after`](Self::quiet_after). The address of
    /// the quiet peer has to be the newcomer's own, or to have more peers than the newcomer's address would have with the
    /// newcomer. Of the addresses that have such a quiet peer, the one with the most peers loses the peer that has been
    /// quiet for longest.
    ///
    /// While at most a quarter of the places is free, an address that has more than 1/16 of all places, and more than 8,
    /// gets no free place. A newcomer from such an address gets the place of a silent or quiet peer of the same address.
    /// Loopback addresses, and addresses without an IP address, are exempt from this.
    ///
    /// If no peer can lose its place in this way, the newcomer does not become a pub/sub peer until it connects again, or
    /// opens a stream to us while there is a place. The pub/sub streams of a peer that loses its place are reset.
    pub peers: usize,
    /// The time without a new message from a peer after which the peer may lose its place to a newcomer. A new message is
    /// one that was delivered: it is valid, on a topic that we subscribe to, and was not known before. Default 5 min.
    pub quiet_after: Duration,
    /// The maximum number of topics that one peer can subscribe to. Its further subscriptions are ignored. Default 1 024.
    pub topics_per_peer: usize,
    /// The maximum number of topics that we subscribe to. Default 1 024.
    pub subscriptions: usize,
    /// The maximum memory, in bytes, for the subscriptions of all peers. Each subscription counts as the length of its
    /// topic's name plus 1 280 bytes of bookkeeping. Subscriptions beyond the maximum are ignored. One half of the memory is
    /// divided equally by [`peers`](Self::peers), so that each peer has a share of its own, however much other peers use.
    /// The other half is common to all peers, and is granted to the peers that ask first. Default 64 MiB: 32 KiB for each
    /// peer, and 32 MiB in common.
    pub topics_total_bytes: usize,
    /// The maximum length of a topic's name, in bytes. Subscriptions of peers to topics with longer names are ignored.
    /// Default 1 024.
    pub topic_bytes: usize,
    /// The maximum number of streams of one peer that we read. If the peer opens one more stream, its oldest stream is reset
    /// once everything that has arrived on the oldest stream is processed. Default 4.
    pub inbound_streams: usize,
    /// The maximum number of bytes that have arrived from all peers and are not processed yet. The bytes belong to RPCs that
    /// are incomplete, or that wait to be processed. A stream that has ended with unprocessed bytes counts as 256 bytes
    /// more. A stream that would exceed the maximum is reset, its unprocessed bytes are lost, and this is counted
    /// ([`streams_cut`](super::Counters::streams_cut)). One half of the maximum is common to all peers and the other half is
    /// divided among them, as for [`topics_total_bytes`](Self::topics_total_bytes). Default 64 MiB.
    pub inbound_total_bytes: usize,
    /// The maximum number of bytes of messages that wait to be written to all peers together. Beyond it, the peer that is
    /// furthest behind loses messages. A peer is behind by the bytes that wait for it, plus the bytes of messages that it
    /// has lost in this way, less the bytes that it has read since. So a large number of peers that read nothing costs no
    /// messages of a peer that reads. Messages of the peer are dropped in the order that
    /// [`outbox_bytes`](Self::outbox_bytes) describes, until there is room. If part of a dropped message was already
    /// written, our stream to that peer is reset and opened again; such a message is dropped last. A message that waits for
    /// several peers is stored and counted once, plus 128 bytes for itself and 128 bytes for each of these peers. A message
    /// larger than the maximum is itself dropped. Default 64 MiB.
    pub outbox_total_bytes: usize,
    /// The maximum number of bytes of messages that wait to be written to one peer. Beyond it, messages for that peer are
    /// dropped, counted ([`dropped`](super::PeerCounters::dropped)), and reported as
    /// [`Refusal::MessageDropped`](crate::swarm::Refusal::MessageDropped). A message that waits for several peers is stored
    /// once. Default 4 MiB.
    ///
    /// Of the messages that wait for the peer, those of the author with the most bytes are dropped, oldest first. More
    /// exactly, the waiting messages are grouped by the address that has sent them to us (for IPv6: its /64; for loopback
    /// and addresses without an IP address: the peer; our own messages are a group, too), and within a group by author. In
    /// the group with the most bytes, the author with the most bytes loses its oldest message, until there is room. So
    /// neither an author that publishes much, nor a sender that makes up authors, costs other authors their messages, and a
    /// slow peer gets the latest messages of each author, in order. The new message is treated like the waiting messages,
    /// and may itself be the one that is dropped. A message that is partly written is not dropped. Dropping one message
    /// takes O(log n) for n waiting messages.
    pub outbox_bytes: usize,
    /// The maximum number of bytes of entries of control messages that wait to be written to all peers together: IHAVE, IWANT
    /// and IDONTWANT. Each entry counts with 32 bytes more. Beyond it, further entries are dropped and counted
    /// ([`control_dropped`](super::Counters::control_dropped)). GRAFT and PRUNE are not dropped, and do not count: of each
    /// topic and peer only the latest waits. One half of the bytes is divided among peers, as for
    /// [`topics_total_bytes`](Self::topics_total_bytes). Default 32 MiB.
    pub control_total_bytes: usize,
    /// The maximum number of messages that wait for a verdict which the validator has put off
    /// ([`Verdict::Later`](super::Verdict::Later)). A message for which there is no room is ignored, and counted
    /// ([`pending_refused`](super::Counters::pending_refused)). A peer may have at most as many such messages as there are
    /// free places, so that one peer leaves half of the places to others. Default 4 096.
    pub pending: usize,
    /// The maximum number of bytes of these messages. Each counts twice, since the encoded and the decoded message wait, and
    /// 512 bytes for bookkeeping. Default 32 MiB.
    pub pending_bytes: usize,
    /// The time for which a message waits for its verdict. After it, the message is ignored. Default 30 s.
    pub pending_for: Duration,
    /// The time for which a message is remembered. No message that was delivered is delivered again within this time,
    /// whatever arrives meanwhile. Default 120 s.
    ///
    /// The memory of messages is the only protection against a message that somebody has recorded and sends again, unless a
    /// [`SeqnoValidator`](super::SeqnoValidator) is set. After this time the message would be delivered again.
    pub seen_ttl: Duration,
    /// The maximum number of messages that are remembered. No message is forgotten before [`seen_ttl`](Self::seen_ttl) has
    /// passed. A new message for which there is no room is refused before its signature is verified. The refused message is
    /// neither delivered nor forwarded nor remembered, so it is accepted if it arrives again when there is room. The refusal
    /// is counted ([`author_over_share`](super::Counters::author_over_share),
    /// [`sender_over_share`](super::Counters::sender_over_share)), reported as
    /// [`Refusal::MessageRefused`](crate::swarm::Refusal::MessageRefused), and does not count against any peer. 0 counts as
    /// 1, and values above 1 073 741 823 count as 1 073 741 823. Default 131 072.
    ///
    /// Messages are refused for the author, sender or address that has the most messages in the cache, and not for the one
    /// whose message arrives next. There is room for a message if its author has fewer messages in the cache than there are
    /// free places; if its sender (the peer that sends it to us) has fewer than four times the number of free places; and if
    /// the sender's address (for IPv6: its /64; except loopback and addresses without an IP address) has fewer than sixteen
    /// times that number. So an author that publishes as much as it can takes half of the cache, which is 546 messages a
    /// second by default, and leaves the other half. A sender that makes up any number of authors takes four fifths of the
    /// cache, and an address that makes up senders takes 16/17. If several authors, senders or addresses take as much as
    /// they can, they share the cache evenly with each other and with those that come later. A message whose signature is
    /// wrong takes no room.
    ///
    /// **Rates.** Let T be the number of all messages that were delivered or published within the last `seen_ttl`, and A the
    /// number of those that count for one author, sender or address. The next message of that author, sender or address is
    /// accepted if A is less than `share * (seen - T)`, where `share` is [`seen_author_share`](Self::seen_author_share),
    /// [`seen_sender_share`](Self::seen_sender_share) or [`seen_address_share`](Self::seen_address_share). Suppose that the
    /// author, sender or address sends `a` messages a second, and that all authors together send `t` messages a second. In
    /// the long run none of its messages is refused while `a / share + t` is less than `seen` divided by `seen_ttl` in
    /// seconds. Beyond that, its messages are refused until enough other messages are forgotten. By default:
    ///
    /// | who sends as much as possible | messages accepted in 120 s | messages accepted per second |
    /// |---|---|---|
    /// | one author | 65 536 | 546 |
    /// | two authors | 43 691 each | 364 each |
    /// | one author beside others who say 300 a second in all | 47 536 | 396 |
    /// | one sender, with authors without end | 104 858 | 873 |
    /// | one address, with senders without end | 123 362 | 1 028 |
    /// | all together | 131 072 | 1 092 |
    ///
    /// To let an author send `a` messages a second while other authors send `o` messages a second, with a share of 1, `seen`
    /// has to be more than `2 * a + o`, times `seen_ttl` in seconds.
    ///
    /// A message without an author ([`StrictNoSign`](super::Signing::StrictNoSign)) counts for its sender and the sender's
    /// address only. Our own messages are remembered, too. If our messages have an author, they have an author's share;
    /// beyond it they are published and not remembered, since we recognise them by their author. If our messages have no
    /// author, they have an address's share; beyond it publishing fails with
    /// [`PublishError::Full`](super::PublishError::Full).
    pub seen: usize,
    /// The maximum number of messages that one author may have in the cache of remembered messages ([`seen`](Self::seen)),
    /// as a multiple of the number of free places in the cache. 0 counts as 1. `usize::MAX` means that only the size of the
    /// cache bounds the author. Default 1.
    pub seen_author_share: usize,
    /// The maximum number of messages that one sender may have in the cache of remembered messages ([`seen`](Self::seen)),
    /// as a multiple of the number of free places in the cache. It should be several times the share of an author; otherwise
    /// an author that publishes too much takes the places of other authors whose messages arrive from the same peers. 0
    /// counts as 1. Default 4.
    pub seen_sender_share: usize,
    /// The maximum number of messages that the peers of one address together may have in the cache of remembered messages
    /// ([`seen`](Self::seen)), as a multiple of the number of free places in the cache. It should be several times the share
    /// of a sender. 0 counts as 1. Default 16.
    pub seen_address_share: usize,
    /// The rate at which a peer may send messages that it has sent to us before and that we remember. Beyond this rate, the
    /// connection on which the message arrived fails with [`Fault::Flood`](crate::lifecycle::Fault::Flood). A message that
    /// several peers send once each counts against none of them. Default 1 000 at once and 100 a second.
    pub repeats: Rate,
    /// The rate at which a peer may send messages that are malformed, not signed as required, or rejected by the validator.
    /// Beyond this rate the peer is disconnected: all its connections fail with
    /// [`Fault::Flood`](crate::lifecycle::Fault::Flood), its unprocessed bytes are dropped, and it is denied for
    /// [`denied_for`](Self::denied_for). A message counts against the peer that sent it to us, whoever its author is. So
    /// only messages that no honest peer forwards may count: see [`Verdict`](super::Verdict). A message that is [refused
    /// here](super::signing::Invalid::Refused), while other implementations may accept it, counts only if the peer that sent
    /// it is its author. Default 20 at once and 1 a second.
    pub invalid: Rate,
    /// The time for which a peer is denied after it has exceeded [`invalid`](Self::invalid) or
    /// [`resubscriptions`](Self::resubscriptions), from the turn in which that happens. Only its peer id is denied: the
    /// swarm neither accepts connections of the peer nor dials it.
    /// [`Lists::deny_peer_for`](crate::swarm::Lists::deny_peer_for) has the details, and the number of peers that can be
    /// denied in this way. [`Lists::forget_peer`](crate::swarm::Lists::forget_peer) ends a denial early. If this time is
    /// zero, the peer may connect again at once. Default 60 s.
    pub denied_for: Duration,
    /// The rate at which a peer may subscribe to topics in place of others. Each time that a peer unsubscribes from a topic,
    /// one later subscription of the peer, to any topic, counts. A peer that exceeds this rate is disconnected and denied,
    /// like a peer that exceeds [`invalid`](Self::invalid). Without this rate, a peer that subscribes and unsubscribes again
    /// and again would fill the event queue, so that messages of other peers would be lost. Default 100 at once and 10 a
    /// second.
    pub resubscriptions: Rate,
    /// The maximum number of events that wait for the owner. When one more event is added, the oldest event is dropped, and
    /// [`Event::Lagged`](super::Event::Lagged) tells the owner the number of dropped events. 0 counts as 1. Default 1 024.
    ///
    /// The input of peers that is processed in one turn (one [`drive`](crate::notifee::Notifees::drive)) causes at most
    /// three quarters of this number of events; the remaining input is processed in the next turn. So an owner that takes
    /// all events after each drive misses none, however many subscriptions peers change.
    pub events: usize,
    /// The maximum number of bytes of data and topics in the events that wait for the owner. Beyond this maximum, the oldest
    /// events are dropped, but a single event is always accepted. Once a turn has caused events with data or topics, it ends
    /// when an event of one more RPC might exceed the maximum. Default 16 MiB.
    pub event_bytes: usize,
    /// The time that we wait before we open our stream to a connected peer again, after the stream has failed or ended. Each
    /// further attempt doubles the wait. Values below 1 ms count as 1 ms. Default 1 s.
    pub reopen_after: Duration,
    /// The maximum time that we wait before we open our stream to a connected peer again. If the stream then stays open for
    /// at least this long, the waits begin at [`reopen_after`](Self::reopen_after) again. Default 60 s.
    pub reopen_at_most_after: Duration,
    /// The maximum number of consecutive attempts to open our stream to a connected peer again. After the last attempt has
    /// failed, we open no stream to the peer until it connects again or opens a stream to us. Default 8.
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
            control_per_rpc: 2_048,
            peers: 16,
            topics_per_peer: 32,
            subscriptions: 16,
            topics_total_bytes: 256 * 1024,
            topic_bytes: 256,
            inbound_streams: 2,
            inbound_total_bytes: 192 * 1024,
            outbox_total_bytes: 256 * 1024,
            outbox_bytes: 128 * 1024,
            control_total_bytes: 64 * 1024,
            pending: 64,
            pending_bytes: 128 * 1024,
            seen: 2_048,
            events: 64,
            event_bytes: 96 * 1024,
            ..Self::default()
        }
    }

    /// Returns the maximum number of bytes of heap that pub/sub with these bounds takes. It is the sum that the page of this
    /// type describes, if we subscribe to as many topics as [`subscriptions`](Self::subscriptions) allows.
    #[must_use]
    pub fn memory_bound(&self) -> usize {
        // The bits of `SentBy`: one for each message in the cache, and one word more. A peer that has sent nothing has
        // none.
        let sent = self.seen.max(1).div_ceil(64).saturating_add(1).saturating_mul(8);
        let peer = sent.saturating_add((1 + 17) * 1024).saturating_add(self.subscriptions.saturating_mul(72));
        let parts = [
            self.topics_total_bytes,
            // A buffer doubles when it grows, so its capacity is at most twice its contents.
            self.inbound_total_bytes.saturating_mul(2),
            self.outbox_total_bytes,
            self.control_total_bytes,
            self.pending_bytes,
            self.pending.saturating_mul(128),
            // A single event is always accepted, however large it is.
            self.event_bytes.max(self.rpc_bytes),
            self.events.max(1).saturating_mul(256),
            // An entry of the cache with its three accounts, for the author, the sender and the address of the message.
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
            // As in go-libp2p-pubsub. gossipsub of rust-libp2p reads at most 64 KiB, and its floodsub at most 2 KiB.
            rpc_bytes: 1024 * 1024,
            messages_per_rpc: 1_024,
            subscriptions_per_rpc: 4_096,
            // 64 Ed25519 signatures of 41 µs each are 2.6 ms.
            control_per_rpc: 32_768,
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
            // As in go-libp2p-pubsub. gossipsub of rust-libp2p remembers a message for 60 s.
            control_total_bytes: 32 * 1024 * 1024,
            pending: 4_096,
            pending_bytes: 32 * 1024 * 1024,
            pending_for: Duration::from_secs(30),
            seen_ttl: Duration::from_secs(120),
            // With a share of 1, one author can have half of them: 65 536 messages in 120 s.
            seen: 131_072,
            seen_author_share: 1,
            seen_sender_share: 4,
            seen_address_share: 16,
            // The three rates of a peer are above those of the busiest honest peers in tests, benchmarks and long runs.
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
