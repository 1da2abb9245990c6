//! [`PubSub`]: a service that publishes messages on topics, and receives those that peers publish on the topics that we
//! subscribe to. A [`Router`] chooses the recipients of each message.
//!
//! The service implements libp2p/specs, `pubsub/README.md`. There are two complete protocols: [`FloodSub`], whose page has an
//! example of two nodes, and [`GossipSub`](super::gossipsub::GossipSub), which keeps a mesh of few peers for each topic. The
//! page [`publish_subscribe`](crate::guide::publish_subscribe) says when to use which.
//!
//! [`FloodSub`]: super::floodsub::FloodSub
//!
//! - **Peers.** We open one stream to each connected peer, however many connections the peer has. A peer becomes a pub/sub
//!   peer ([`Event::PeerAdded`]) when that stream, or a stream that the peer opens to us, is open. It remains one until its
//!   last connection ends ([`Event::PeerGone`]). If our stream ends while the peer is connected, we open it again: at once
//!   on another connection if the stream's connection has ended, else after a wait that doubles with each attempt. Messages
//!   that wait for the peer are kept for the new stream. We write only to the stream that we opened, and accept messages
//!   only on streams that the peer opened.
//! - **Subscriptions.** Our subscriptions are announced to each peer when our stream to it opens, and when they change. If
//!   they change several times while a peer does not read, the peer is sent only the difference once it reads again.
//! - **Messages** are accepted on topics that we subscribe to. A message is delivered to the owner ([`Event::Message`]) and
//!   forwarded if it is [signed](Signing) as required, was not [seen](Config::seen_ttl) before, and is accepted by the
//!   [validator](PubSub::set_validator). It is forwarded neither to its author nor to the peer that sent it to us. A message
//!   in an unusual encoding is delivered and not forwarded, since other implementations may find its signature invalid: see
//!   [`Claim::is_forwardable`](signing::Claim).
//! - **Signed.** Under [`StrictSign`](Signing::StrictSign) we accept only messages that name their author and are signed by
//!   it. Under [`StrictNoSign`](Signing::StrictNoSign) we accept only messages that name no author; their topic and data
//!   tell them apart. Any other message is neither delivered nor forwarded, and is counted ([`invalid`](Counters::invalid)).
//!   Signatures are verified strictly. A message whose key proves nothing (an Ed25519 key of small order, for example), or
//!   whose key is of a type that is not built in, is counted as [`refused`](Counters::refused). It does not count against a
//!   peer that has forwarded it, since other implementations may accept it.
//! - **Repeated fields.** As in protobuf, the last occurrence of a field counts. For example, py-libp2p can give a message
//!   several topics, of which the last one counts. Such a message is delivered and not forwarded.
//! - **A turn is short**, however much has arrived. In one turn (one [`drive`](crate::notifee::Notifees::drive)) the service
//!   [validates a limited number of messages](Config::messages_per_turn), one message of each peer after another. The other
//!   messages wait for the next turn, even if their stream or connection has ended by then.
//! - **Once.** No message is delivered twice within [`seen_ttl`](Config::seen_ttl), whatever arrives meanwhile. Each author,
//!   sender and address has a [share](Config::seen) of the messages that are remembered. A message that would exceed a share
//!   is refused and counted ([`MessageRefused`](crate::swarm::Refusal::MessageRefused)), but does not count against any
//!   peer. A [`SeqnoValidator`] also refuses messages that are repeated after `seen_ttl`.
//! - **A slow peer** delays no other peer. The messages that wait for a peer are bounded, and those that are dropped are
//!   counted ([`Refusal::MessageDropped`]). The author with the most bytes among the waiting messages [loses its oldest
//!   messages](Config::outbox_bytes), and no other author loses any.
//! - **A peer that misbehaves** is disconnected. Invalid messages are counted against the peer that sends them
//!   ([`MessageInvalid`](crate::swarm::Refusal::MessageInvalid)); a peer that sends too many is
//!   [disconnected](Config::invalid), and [denied](Config::denied_for) for a while. Messages that a peer repeats are
//!   counted, too ([`MessageRepeated`](crate::swarm::Refusal::MessageRepeated)); a peer that repeats too many is
//!   [disconnected](Config::repeats). The swarm reports these counts as
//!   [`Readiness::Refused`](crate::swarm::Readiness::Refused), at most once a second.
//! - **Places** for peers are [shared by address](Config::peers), so that silent peers of one address cannot keep other
//!   peers out.
//! - **A slow owner** delays no peer either. Events wait in a bounded queue. When the queue is full, the oldest events are
//!   dropped, and [`Event::Lagged`] takes their place and tells their number.
//! - **A denied peer** is not a pub/sub peer, and messages of which it is the author are dropped, whichever peer sends them.
//! - **Bounded.** [`Config`] has a bound for each of these: the number of peers, their topics and streams, the length of an
//!   RPC and the number of its entries, and the bytes that wait for peers and for the owner. The page of [`Config`] adds
//!   them up. [`held`](PubSub::held) returns the number of bytes that are held now.
//! - **Not promised:** that a message arrives although its author or its only path was disconnected while the message was
//!   under way, or that messages of several authors arrive in the same order at all nodes. Messages are not kept for peers
//!   that subscribe later.
//!
//! A node with a validator, on TCP:
//!
#![cfg_attr(all(feature = "tcp", feature = "rand"), doc = "```")]
#![cfg_attr(not(all(feature = "tcp", feature = "rand")), doc = "```ignore")]
//! use std::time::{Duration, SystemTime, UNIX_EPOCH};
//! use swarm_notify::notifee::Notifees;
//! use swarm_notify::protocols::floodsub::FloodSub;
//! use swarm_notify::protocols::pubsub::{self, Event, Signing, Verdict};
//! use swarm_notify::swarm::{Config, Swarm};
//! use swarm_notify::{keys, tcp};
//!
//! let identity = keys::generate()?;
//! let reactor = tcp::Reactor::new()?;
//! let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
//! let mut swarm = Swarm::from_os_rng(reactor, transport, &identity, Config::default())?;
//! let mut notifees = Notifees::new();
//!
//! let first = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64; // no number may be used twice
//! let id = notifees.install(&mut swarm, FloodSub::new(Signing::strict_sign(identity, first), pubsub::Config::default()));
//! let floodsub = notifees.get_mut(id).expect("it is installed");
//! floodsub.set_validator(|_via, message| if message.data.is_empty() { Verdict::Ignore } else { Verdict::Accept });
//! floodsub.subscribe(&mut swarm, "news")?;
//! floodsub.publish(&mut swarm, "news", b"hello")?; // to the peers that are known to subscribe by now
//!
//! swarm.tick(Duration::ZERO);
//! notifees.drive(&mut swarm, Duration::ZERO);
//! while let Some(event) = notifees.get_mut(id).and_then(FloodSub::next_event) {
//!     match event {
//!         Event::Message { message, via } => println!("{}: {:?}, from {via}", message.topic, message.data),
//!         event => println!("{event}"), // peers that come and go, their subscriptions, and lost events
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The service has no clock: its time is the one that is passed to [`drive`](crate::notifee::Notifees::drive). The owner
//! chooses the first sequence number. The same input always produces the same result. (The hash tables have random keys,
//! which only affect timing.)

mod backlog;
mod config;
pub(in crate::protocols) mod control;
mod control_queue;
mod counters;
mod encoded_message;
mod error;
mod events;
mod fair_queue;
mod inbound;
mod message;
mod notifee;
mod outbox;
mod peer;
mod peer_places;
mod pending;
mod protobuf_fields;
mod publish;
mod quota;
mod receive;
mod router;
mod routing;
mod seen;
mod seqno;
pub mod signing;
mod streams;
pub mod wire;

use crate::identity::PeerId;
use crate::lifecycle::{ConnectionId, StreamId};
use crate::notifee::Node;
use crate::protocols::deadlines::Deadlines;
use crate::swarm::Refusal;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use backlog::Backlog;
pub use config::Config;
pub use control::{Control, Ids, OfferedPeers};
use core::fmt;
use core::time::Duration;
pub use counters::{BytesHeld, Counters, PeerCounters, QueuedMessages};
pub use encoded_message::EncodedMessage;
pub use error::{PublishError, SubscribeError};
pub use events::Event;
use events::OwnerEvents;
pub(in crate::protocols) use fair_queue::FairQueue;
pub use message::{Message, MessageId, Topic};
use peer::Peer;
use peer_places::PeerPlaces;
use pending::Pending;
use quota::Quota;
pub use router::{Accepts, Action, Actions, Arrival, Judgement, Outgoing, Router, RouterPeer, Turn};
pub(in crate::protocols) use seen::Digest;
use seen::{MOST, Seen};
pub use seqno::{KnownAuthor, SeqnoValidator};
pub use signing::Signing;

/// The verdict of a validator on a new message with a valid signature, on a topic that we subscribe to.
///
/// The peer that sent us the message may have forwarded it without knowing your rules, since a floodsub node checks
/// signatures only. [`Reject`](Self::Reject) counts against that peer and not against the author. So an author whose
/// messages you reject could make you disconnect all honest peers that forward these messages. **Ignore** messages that you
/// do not want. **Reject** only messages that no honest node of your network would forward. That requires that all nodes
/// that subscribe to the topic run the same validator, and that its verdict follows from the message alone. The verdict must
/// not depend on the time, settings, earlier messages, the sending peer or the version of the program. go-libp2p's
/// `ValidationReject` and rust-libp2p's `MessageAcceptance::Reject` also count against the forwarder, in the score of
/// gossipsub (P4, *invalid messages*); go's floodsub, which has no scores, only drops the message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "the three of gossipsub 1.1, \"Extended Validators\", and none yet")]
pub enum Verdict {
    /// The message is delivered and forwarded.
    Accept,
    /// The message is neither delivered nor forwarded, and counts against no peer.
    Ignore,
    /// The message is neither delivered nor forwarded, and counts against the peer that sent it to us. A peer that exceeds
    /// the rate [`Config::invalid`] is disconnected, and denied for [`Config::denied_for`].
    Reject,
    /// There is no verdict yet: the owner gets the message with [`Event::Undecided`], and [reports](PubSub::report) its
    /// verdict later. Until then, the message is not forwarded.
    Later,
}

/// A function that judges each new message with a valid signature. Its first argument is the peer that sent the message to
/// us.
type Validator = Box<dyn FnMut(&PeerId, &Message) -> Verdict>;

/// A function that makes the id of a message.
type MessageIdMaker = Box<dyn Fn(&Message) -> MessageId>;

/// The publish/subscribe service, with a router `R` that chooses the recipients of messages. The [module](self) describes
/// the service.
pub struct PubSub<R> {
    router: R,
    signing: Signing,
    /// The peer id that our messages name as their author; `None` if our messages have no author.
    author: Option<PeerId>,
    config: Config,
    validator: Option<Validator>,
    /// The functions that make the ids of messages: of each topic that has one, and of all other topics.
    message_ids: BTreeMap<Option<Topic>, MessageIdMaker>,
    subscriptions: BTreeSet<Topic>,
    denied: BTreeSet<PeerId>,
    places: PeerPlaces,
    /// The open connections of all peers. They include peers that are denied, have no place or do not speak pub/sub, since
    /// such a peer may be allowed, or open a stream to us, later.
    connections: BTreeSet<(PeerId, ConnectionId)>,
    peers: BTreeMap<PeerId, Peer>,
    /// The peers that subscribe to each topic.
    subscribers: BTreeMap<Topic, BTreeSet<PeerId>>,
    /// The peer at the other end of each pub/sub stream, including the streams that we have opened.
    streams: BTreeMap<StreamId, PeerId>,
    /// The times at which we open our streams to peers again, one for each peer whose stream is in the state
    /// [`OutboundStream::Waiting`](peer::OutboundStream::Waiting).
    deadlines: Deadlines<PeerId>,
    /// The queue of peers whose streams have bytes to read or to process. Each peer is in the queue at most once. The first
    /// peer is served next.
    line: VecDeque<PeerId>,
    seen: Seen,
    /// The validator of authors' sequence numbers, if the owner has set one.
    seqnos: Option<SeqnoValidator>,
    /// The quota of bytes for the topics that peers subscribe to.
    topics: Quota,
    /// The quota of bytes for RPCs of peers that are incomplete or wait to be processed.
    unread: Quota,
    /// The quota of bytes for control messages that wait to be written to peers.
    control: Quota,
    backlog: Backlog,
    /// The messages whose verdict the owner has put off.
    pending: Pending,
    /// The signed peer records of peers, by which a router can offer them to other peers.
    records: BTreeMap<PeerId, Vec<u8>>,
    /// What the router has asked for in the present call.
    asked: routing::Asked,
    /// The number of RPCs that peers have begun to send.
    rpcs: u64,
    events: OwnerEvents,
    counters: Counters,
    /// The time of the notification that is being handled; `None` between two notifications, when the owner gives commands.
    now: Option<Duration>,
    /// A buffer for the recipients of one message. It is kept between messages, to save allocations.
    to: Vec<PeerId>,
}

impl<R: Router> PubSub<R> {
    /// Creates a service that has no peers and no subscriptions yet.
    #[must_use]
    pub fn with_router(router: R, signing: Signing, mut config: Config) -> Self {
        // Each peer has one bit per remembered message, and all of its bits are allocated at once.
        config.seen = config.seen.clamp(1, MOST);
        Self {
            router,
            author: signing.author(),
            signing,
            validator: None,
            message_ids: BTreeMap::new(),
            subscriptions: BTreeSet::new(),
            denied: BTreeSet::new(),
            places: PeerPlaces::new(config.peers, config.quiet_after),
            connections: BTreeSet::new(),
            peers: BTreeMap::new(),
            subscribers: BTreeMap::new(),
            streams: BTreeMap::new(),
            deadlines: Deadlines::new(),
            line: VecDeque::new(),
            seen: Seen::new(&config),
            seqnos: None,
            topics: Quota::new(config.topics_total_bytes, config.peers),
            unread: Quota::new(config.inbound_total_bytes, config.peers),
            control: Quota::new(config.control_total_bytes, config.peers),
            backlog: Backlog::new(config.outbox_total_bytes),
            pending: Pending::new(config.pending, config.pending_bytes),
            records: BTreeMap::new(),
            asked: routing::Asked::default(),
            rpcs: 0,
            events: OwnerEvents::new(config.events, config.event_bytes),
            counters: Counters::default(),
            now: None,
            to: Vec::new(),
            config,
        }
    }

    /// Returns the router.
    #[must_use]
    pub const fn router(&self) -> &R {
        &self.router
    }

    /// Returns the router, for commands of its own. Its inputs ([`Router`]) are for the service to give: a program that gives
    /// some itself makes the router believe what is not so.
    pub const fn router_mut(&mut self) -> &mut R {
        &mut self.router
    }

    /// Removes the oldest event from the queue and returns it. Returns `None` if the queue is empty.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// Subscribes to a topic, and announces the subscription to all peers. Returns `false` if we subscribed to the topic
    /// already.
    ///
    /// # Errors
    /// Returns a [`SubscribeError`] if the topic's name is too long, or if we subscribe to too many topics. Nothing has
    /// changed then.
    pub fn subscribe(&mut self, node: &mut dyn Node, topic: &str) -> Result<bool, SubscribeError> {
        if self.subscriptions.contains(topic) {
            return Ok(false);
        }
        if topic.len() > self.config.topic_bytes {
            return Err(SubscribeError::TopicTooLong);
        }
        if self.subscriptions.len() >= self.config.subscriptions {
            return Err(SubscribeError::Limit);
        }
        let topic = Topic::from(topic);
        self.subscriptions.insert(topic.clone());
        self.router.joined(&topic, true);
        self.announce(node);
        Ok(true)
    }

    /// Unsubscribes from a topic, and announces this to all peers. Returns `false` if we did not subscribe to the topic.
    pub fn unsubscribe(&mut self, node: &mut dyn Node, topic: &str) -> bool {
        let Some(topic) = self.subscriptions.take(topic) else { return false };
        self.router.joined(&topic, false);
        self.announce(node);
        true
    }

    /// Sets the validator, which is called for each new message with a valid signature from now on, before the message is
    /// delivered and forwarded. A message that was delivered and [not forwarded](Counters::held_back) is validated once more
    /// if it arrives again in the usual encoding. All other work waits while the validator runs, so it should be quick.
    /// [`Verdict`] says which messages to reject; most unwanted messages are to be ignored.
    pub fn set_validator(&mut self, validator: impl FnMut(&PeerId, &Message) -> Verdict + 'static) {
        self.validator = Some(Box::new(validator));
    }

    /// Sets the function that makes the ids of messages on `topic`, or of messages on all topics without a function of their
    /// own if `topic` is `None`. All nodes of a network need the same ids, since a router with gossip tells peers of messages
    /// by their ids. Without such a function, the id of a message with an author is the bytes of its author's peer id and
    /// those of its sequence number, and the id of any other message is made by [`Signing::StrictNoSign`].
    ///
    /// Two messages with one id are the same message to us, and only the first is delivered. So an id that does not depend on
    /// the author lets anybody keep a message from being delivered by sending another with the same id first.
    pub fn set_message_id(&mut self, topic: Option<&str>, id: impl Fn(&Message) -> MessageId + 'static) {
        self.message_ids.insert(topic.map(Topic::from), Box::new(id));
    }

    /// Returns the id of a message if the owner has set a function for its topic.
    fn message_id(&self, message: &Message) -> Option<MessageId> {
        if self.message_ids.is_empty() {
            return None;
        }
        let id = self.message_ids.get(&Some(message.topic.clone())).or_else(|| self.message_ids.get(&None))?;
        Some(id(message))
    }

    /// Sets a validator of sequence numbers. From now on a message is refused if a message of the same author with the same
    /// number or a higher one has been delivered. [`SeqnoValidator`] says which legitimate messages are lost by this. A
    /// validator of sequence numbers that was set before is dropped.
    pub fn set_seqno_validator(&mut self, validator: SeqnoValidator) {
        self.seqnos = Some(validator);
    }

    /// Returns the validator of authors' sequence numbers, if one is set.
    #[must_use]
    pub const fn seqno_validator(&self) -> Option<&SeqnoValidator> {
        self.seqnos.as_ref()
    }

    /// Denies a peer: from now on it is not a pub/sub peer, its pub/sub streams are reset, and messages of which it is the
    /// author are dropped, whichever peer sends them. The peer's connections stay open. Returns `false` if the peer was
    /// denied already.
    pub fn deny(&mut self, node: &mut dyn Node, peer: PeerId) -> bool {
        let denied = self.denied.insert(peer);
        self.expel(node, peer);
        denied
    }

    /// Ends the denial of a peer. If the peer is connected, we open a stream to it, which shows whether the peer speaks the
    /// protocol. Returns `false` if the peer was not denied.
    pub fn allow(&mut self, node: &mut dyn Node, peer: PeerId) -> bool {
        let allowed = self.denied.remove(&peer);
        if allowed && self.connections_of(peer).next().is_some() {
            self.add(node, peer);
        }
        allowed
    }

    /// Returns the peers that speak the protocol, in ascending order of their peer ids.
    pub fn peers(&self) -> impl Iterator<Item = PeerId> {
        self.peers.iter().filter(|(_, peer)| peer.is_told).map(|(id, _)| *id)
    }

    /// Returns the peers that subscribe to a topic, in ascending order of their peer ids.
    pub fn peers_of(&self, topic: &str) -> impl Iterator<Item = PeerId> {
        self.subscribers.get(topic).into_iter().flatten().copied()
    }

    /// Returns the topics that a peer subscribes to, in ascending order of their names.
    pub fn topics_of(&self, peer: PeerId) -> impl Iterator<Item = &Topic> {
        self.peers.get(&peer).into_iter().flat_map(|peer| &peer.topics)
    }

    /// Returns the topics that we subscribe to, in ascending order of their names.
    pub fn subscriptions(&self) -> impl Iterator<Item = &Topic> {
        self.subscriptions.iter()
    }

    /// Returns the denied peers, in ascending order of their peer ids.
    pub fn denied(&self) -> impl Iterator<Item = PeerId> {
        self.denied.iter().copied()
    }

    /// Returns the counters of a peer, or `None` if the peer is not a pub/sub peer.
    #[must_use]
    pub fn counters_of(&self, peer: PeerId) -> Option<PeerCounters> {
        self.peers.get(&peer).map(|peer| PeerCounters { spared: peer.outbox.spared(), ..peer.counters })
    }

    /// Returns the number of messages that wait to be written to a peer, and their bytes. Both are 0 if the peer is not a
    /// pub/sub peer. A publisher that can produce more messages than its peers read checks these numbers and
    /// [`dropped`](PeerCounters::dropped) before it publishes the next message.
    ///
    /// ```
    /// # use swarm_notify::identity::Keypair;
    /// use swarm_notify::identity::PeerId;
    /// use swarm_notify::protocols::floodsub::FloodSub;
    /// # use swarm_notify::protocols::pubsub::{Config, Signing};
    ///
    /// /// Returns the number of subscribers for which more than 1 MiB waits.
    /// fn late(floodsub: &FloodSub, topic: &str) -> usize {
    ///     let is_late = |peer: &PeerId| floodsub.waiting_for(*peer).bytes > 1 << 20;
    ///     floodsub.peers_of(topic).filter(is_late).count()
    /// }
    /// # let keypair = Keypair::ed25519_from_bytes([1; 32]).unwrap();
    /// # assert_eq!(late(&FloodSub::new(Signing::strict_sign(keypair, 1), Config::default()), "news"), 0);
    /// ```
    #[must_use]
    pub fn waiting_for(&self, peer: PeerId) -> QueuedMessages {
        self.peers.get(&peer).map(|peer| peer.outbox.waiting()).unwrap_or_default()
    }

    /// Returns the counters of the service, which count for all peers together.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        Counters { events_lost: self.events.lost(), ..self.counters }
    }

    /// Returns the numbers of bytes that are held for all peers together, one for each bound on memory in [`Config`].
    #[must_use]
    pub fn held(&self) -> BytesHeld {
        BytesHeld {
            topics_bytes: self.topics.held(),
            inbound_bytes: self.unread.held(),
            outbox_bytes: self.backlog.bytes(),
            control_bytes: self.control.held(),
            pending_bytes: self.pending.bytes(),
            router_bytes: self.router.held(),
        }
    }
}

/// Reports a number of refusals to the swarm, all of which concern messages from or to the peer `id`. The swarm counts them
/// on the first of the peer's open connections.
fn count(
    node: &mut dyn Node,
    connections: &BTreeSet<(PeerId, ConnectionId)>,
    id: PeerId,
    refusal: Refusal,
    messages: u64,
) {
    // A dropped message belongs to no connection: it waits for a peer, and is written to whichever connection our next
    // stream to the peer is on.
    let first = connections.range((id, ConnectionId::FIRST)..).next();
    if let Some((_, connection)) = first.filter(|(peer, _)| *peer == id) {
        node.count_refusals(*connection, refusal, messages);
    }
}

impl<R: fmt::Debug> fmt::Debug for PubSub<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PubSub")
            .field("router", &self.router)
            .field("subscriptions", &self.subscriptions)
            .field("peers", &self.peers.len())
            .finish_non_exhaustive()
    }
}
