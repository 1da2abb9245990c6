//! [`Config`]: the bounds of pub/sub.

use crate::connection::Rate;
use core::time::Duration;

/// The bounds of pub/sub. Together they bound all the memory that peers can make it use; what the owner gives it to
/// remember (whom to deny) is for the owner to bound.
///
/// At worst that is about: `topics_total_bytes`, twice `inbound_total_bytes` (a buffer may be twice as large as what is
/// in it), `outbox_total_bytes`, `event_bytes` (or `rpc_bytes`, if that is more) and 256 bytes for each of `events`, 256 bytes for each message in `seen`,
/// four times `rpc_bytes` for what is being looked at; and for each of `peers` 1 KiB, an announcement of 17 KiB, 8 bytes
/// for each 64 messages in `seen`, and 72 bytes for each topic that we subscribe to. With the defaults that is 343 MiB, if
/// each of 1 024 peers does its worst, and 72 KiB for each topic of ours: 415 MiB with all
/// [`subscriptions`](Self::subscriptions), which is what [`memory_bound`](Self::memory_bound) says. What all peers have by
/// now says [`held`](super::PubSub::held).
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
    /// The longest RPC that is read, in bytes. A longer one is passed over, counted ([`too_long`](super::Counters::too_long)), told
    /// as [`Refusal::MessageRefused`](crate::swarm::Refusal::MessageRefused), and held against nobody: where others read longer
    /// ones, they forward them in good faith. One message of ours with all its fields is not longer either:
    /// [`PublishError::TooLarge`](super::PublishError::TooLarge). Default 1 MiB, as in go.
    pub rpc_bytes: usize,
    /// How many messages an RPC may carry; with more it is refused, and its stream reset. Default 1 024.
    pub messages_per_rpc: usize,
    /// How many changes of subscriptions an RPC may carry; with more it is refused, and its stream reset.
    /// Default 4 096.
    pub subscriptions_per_rpc: usize,
    /// How many messages of all peers are validated in one turn (one
    /// [`drive`](crate::notifee::Notifees::drive)): their signatures checked, and shown to the validator. The rest waits
    /// for the next, for which [`poll_at`](crate::notifee::Notifees::poll_at) asks at once. A message counts as what it
    /// costs, in units of a signature of Ed25519: one that is signed with Ed25519 as 1, with secp256k1 as 2, with ECDSA as 9,
    /// with RSA as 1 (2 048 bits), 2 (3 072), 4 (4 096) and up to 13 (8 192), one without a signature as 1, and each as 1 more
    /// for every 16 KiB of it. Peers of which something waits take turns, a message each; one whose message counted as n is passed
    /// over n - 1 times, so that all have the same share of the work. 0 counts as 1. Default 64: a few milliseconds of
    /// signatures.
    pub messages_per_turn: usize,
    /// How much else is done for peers in one turn: messages looked at, whether they are validated or not, changes of
    /// subscriptions, reads of 4 KiB, and peers passed over, each of which counts as one; a message as one more for every
    /// 4 KiB of it. 0 counts as 1. Default 4 096.
    pub entries_per_turn: usize,
    /// How many peers there are at most, those being asked whether they speak the protocol among them. Default 1 024.
    ///
    /// Places are shared by address (an IPv6 address: by its /64). At the limit a newcomer takes the place of a peer that
    /// has sent neither a subscription nor a message yet: of those, the one that came first from the address with most
    /// peers. The last quarter of the places is not for an address that has more than 1/16 of all, and more than 8 (loopback
    /// and addresses without an IP address excepted): a newcomer from there takes the place of such a peer from the same
    /// address. Where all have sent something, the peer gives way that has brought nothing new for
    /// [`quiet_after`](Self::quiet_after): the one that has not for longest, of the address with most peers, if these are more
    /// than those of the newcomer's address with it, or of the newcomer's own address. Without such a peer the newcomer is none
    /// itself, until it connects anew, or opens a stream to us, while there is room. Who has lost its place has its streams
    /// reset.
    pub peers: usize,
    /// The time after which a peer that has brought no new message can give way to a newcomer. New is a message that was told:
    /// to a topic of ours, validated, and not known before. Default 5 min.
    pub quiet_after: Duration,
    /// How many topics of one peer are remembered; further ones are passed over. Default 1 024.
    pub topics_per_peer: usize,
    /// How many topics we subscribe to. Default 1 024.
    pub subscriptions: usize,
    /// How many bytes the topics of all peers may take: each subscription its name, and 1 280 that it takes to remember
    /// it. Further ones are passed over. Half of it is common, the other half is shared out by [`peers`](Self::peers), so
    /// that each has its own share whatever the others do. Default 64 MiB: 32 KiB for each, and 32 MiB in common.
    pub topics_total_bytes: usize,
    /// The longest name of a topic, in bytes; longer ones of peers are passed over. Default 1 024.
    pub topic_bytes: usize,
    /// How many streams of one peer are read from; with one more, its oldest is reset, once what has come on it has been
    /// looked at. Default 4.
    pub inbound_streams: usize,
    /// How many bytes may wait of what has come from all peers: RPCs that are not whole yet, and those that are for their
    /// turn; a stream that has ended meanwhile counts 256 bytes more. What goes beyond has its stream reset and is lost,
    /// which is counted. Half of it is common and half is shared out, as with topics. Default 64 MiB.
    pub inbound_total_bytes: usize,
    /// The most bytes of messages that may wait for all peers. With more, the peer that is most behind pays: by what waits for
    /// it and by what it has missed so and not made up for by taking as much since. Of what waits for it as much is dropped as is
    /// needed, of those who have most there, as with [`outbox_bytes`](Self::outbox_bytes), so that a crowd that takes nothing
    /// costs nobody who takes what comes. A message of which it has been
    /// sent a part goes last; then our stream is reset, and opened again as after any end. What waits for several is kept and
    /// counted once, and 128 bytes for it and for each of them. A message that is larger than all is dropped itself. Default
    /// 64 MiB.
    pub outbox_total_bytes: usize,
    /// The most bytes of messages that may wait for one peer. With more, messages for it are dropped, counted, and told as
    /// [`Refusal::MessageDropped`](crate::swarm::Refusal::MessageDropped). What has to go to several is kept once. Default 4 MiB.
    ///
    /// Who has most there pays: of what waits for the peer, as much is dropped as is needed by the address that has brought most
    /// bytes of it (an IPv6 address: its /64; of loopback, and without an IP address, the peer; our own messages are ours),
    /// there of the author with most, its oldest message first. So neither an author that says much nor one that makes up
    /// authors costs others theirs, and a slow peer gets the latest of each, in order. The message that comes is looked at like
    /// those that wait. One of which the peer has been sent a part stays. It takes O(log n) for n that wait.
    pub outbox_bytes: usize,
    /// The time for which a message is remembered. No message that was told is told again within this time, whatever comes
    /// meanwhile. Default 120 s.
    ///
    /// It is the only guard against a message that somebody has kept and sends again later, unless there is a
    /// [`SeqnoValidator`](super::SeqnoValidator).
    pub seen_ttl: Duration,
    /// The most messages that are remembered. None is forgotten before its time; a new one for which there is no room is refused
    /// before its signature is looked at: neither told nor forwarded, and not remembered, so that it is taken if it comes
    /// again when there is room. That is counted ([`author_over_share`](super::Counters::author_over_share),
    /// [`sender_over_share`](super::Counters::sender_over_share)), told as
    /// [`Refusal::MessageRefused`](crate::swarm::Refusal::MessageRefused), and held against nobody. 0 counts as 1. At most
    /// 1 073 741 823. Default 131 072.
    ///
    /// The author with most of the cache pays, not the one who comes next: there is room for a message if its author has fewer messages in
    /// the cache than places are free, its sender (the peer that sends it to us) fewer than four times as many, and the
    /// sender's address (an IPv6 address: its /64; loopback and addresses without an IP address excepted) fewer than sixteen
    /// times as many. So an author that says all it can has half of the cache, 546 messages a second by default, and leaves
    /// half; a sender that makes up authors without end has four fifths of it, an address that makes up senders 16/17, and so
    /// many of a kind that do their worst share evenly with each other and with who comes later. A message whose signature is
    /// wrong takes no room.
    ///
    /// **Rates.** Of what was told or published within the last `seen_ttl`, let all have T messages, and an author, a sender or an
    /// address A. Its next message is taken if A is less than its share times `seen` - T. So with a and t messages a second,
    /// nothing is refused in the long run while a / share + t is below `seen` / `seen_ttl`, and what is said beyond that is
    /// refused until enough is forgotten. By default:
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
    /// For an author that says a messages a second beside others who say o, with a share of 1, `seen` has to be more than
    /// `seen_ttl` * (2 a + o).
    ///
    /// Messages without an author ([`StrictNoSign`](super::Signing::StrictNoSign)) are their sender's and its address's alone.
    /// Ours are remembered, too. With an author they have an author's share; beyond it they are published all the same and not
    /// remembered, since we know them by their author. Without one they have an address's, and beyond it
    /// [`PublishError::Full`](super::PublishError::Full).
    pub seen: usize,
    /// The share of an author in [`seen`](Self::seen), in times of the places that are free. 0 counts as 1; `usize::MAX` is
    /// no bound but the whole. Default 1.
    pub seen_author_share: usize,
    /// The share of a sender. It should be several times that of an author, or an author without measure takes the place of
    /// others whose messages come by the same peers. 0 counts as 1. Default 4.
    pub seen_sender_share: usize,
    /// The share of a sender's address. It should be several times that of a sender. 0 counts as 1. Default 16.
    pub seen_address_share: usize,
    /// How often a peer may send a message again that it has sent before, as long as we remember it. Beyond it the
    /// connection ends as failed of [`Fault::Flood`](crate::lifecycle::Fault::Flood). A message that several peers send
    /// once each counts against nobody. Default 1 000 at once and 100 a second.
    pub repeats: Rate,
    /// How often a peer may send a message that is none, not signed as it should be, or rejected by the validator. Beyond
    /// it the peer is cut: all its connections end as failed of [`Fault::Flood`](crate::lifecycle::Fault::Flood), what else
    /// has come of it is not looked at, and it is denied [for a while](Self::denied_for). It is the peer that has sent it to us
    /// who pays, its author or not, so that only what no honest peer forwards may count: see [`Verdict`](super::Verdict). A message that is
    /// [refused here](super::signing::Invalid::Refused), while others may take it, counts against its author alone. Default 20
    /// at once and 1 a second.
    pub invalid: Rate,
    /// The time for which a peer that was cut for [`invalid`](Self::invalid) or [`resubscriptions`](Self::resubscriptions) is
    /// denied, that peer id alone, from the turn on in which it is cut: the swarm neither lets it in nor dials it, as
    /// [`Lists::deny_peer_for`](crate::swarm::Lists::deny_peer_for) has it, which also says how many are remembered; and
    /// [`Lists::forget_peer`](crate::swarm::Lists::forget_peer) ends it early. Zero: it may come back at once. Default 60 s.
    pub denied_for: Duration,
    /// The rate at which a peer may subscribe to topics in the place of those that it has left. Beyond it the peer is cut, as
    /// with [`invalid`](Self::invalid): one that subscribes and leaves again and again fills the queue of events, so that
    /// messages of others are lost. Default 100 at once and 10 a second.
    pub resubscriptions: Rate,
    /// How many events may wait for the owner. One more, and the oldest is lost, which
    /// [`Event::Lagged`](super::Event::Lagged) tells. 0 counts as 1. Default 1 024.
    ///
    /// What peers send fills at most three quarters of this in one turn (one
    /// [`drive`](crate::notifee::Notifees::drive)), and the rest of it waits for the next: whoever takes all events after
    /// each drive misses none, however many subscriptions others change.
    pub events: usize,
    /// How many bytes of data and topics the events may have that wait for the owner. With more, the oldest are lost as well,
    /// but for the last one. A turn ends where one more RPC might not fit, if it has told anything. Default 16 MiB.
    pub event_bytes: usize,
    /// How long it takes until our stream to a connected peer is opened again after it has failed or ended; twice as
    /// long each further time. It is at least 1 ms. Default 1 s.
    pub reopen_after: Duration,
    /// The longest of these waits; a stream that has lived as long makes the next one a first time again.
    /// Default 60 s.
    pub reopen_at_most_after: Duration,
    /// How often that is tried in a row; then the peer is left alone until it connects again or opens a stream to us.
    /// Default 8.
    pub reopen_attempts: u32,
}

impl Config {
    /// The bounds for a small machine: 16 peers, RPCs of 64 KiB. See
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

    /// Returns the bytes of heap that pub/sub with these bounds takes at worst, as the page of this type reckons, with as
    /// many topics of ours as [`subscriptions`](Self::subscriptions) allows.
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
