//! [`PubSub`]: publish and subscribe over the streams of a swarm's peers. A [`Router`] chooses the recipients of each
//! message.
//!
//! It implements libp2p/specs, `pubsub/README.md`. [`FloodSub`](super::floodsub::FloodSub) is the service to use today;
//! its page has an example.
//!
//! - **Peers.** To each connected peer we open one stream, however many connections there are. A peer becomes a pub/sub
//!   peer ([`Event::PeerAdded`]) when that stream or one of its own opens, and remains one until its last connection ends
//!   ([`Event::PeerGone`]). If our stream ends while the peer is connected, it is opened again: at once on another
//!   connection if its own has ended, else after a wait that grows. We write on our stream only, and read from the peer's
//!   streams only.
//! - **Subscriptions** of ours are announced to each peer when our stream to it opens, and when they change. If they
//!   change several times while a peer does not read, the difference is announced once it does.
//! - **Messages** are accepted on topics that we subscribe to. A message that is [signed](Signing) as required, was not
//!   [seen](Config::seen_ttl) before, and is accepted by the [validator](PubSub::set_validator) is delivered to the owner
//!   ([`Event::Message`]) and forwarded, but neither to its author nor to the peer that sent it to us. A message in an
//!   unusual encoding is delivered and not forwarded, since others may find its signature wrong: see
//!   [`Claim::is_forwardable`](signing::Claim).
//! - **A turn is short**, however much has come: it [validates a limited number of messages](Config::messages_per_turn),
//!   one of each peer in turn. The rest waits for the next turn, even if its stream or connection has ended by then.
//! - **Once.** No message is delivered twice within [`seen_ttl`](Config::seen_ttl), whatever comes meanwhile. Authors,
//!   senders and addresses have [shares](Config::seen) of the remembered messages. A message beyond a share is refused
//!   and counted ([`MessageRefused`](crate::swarm::Refusal::MessageRefused)), but does not count against any peer. A
//!   [`SeqnoValidator`] refuses messages that are repeated later than that.
//! - **A slow peer** delays nobody: the messages that wait for it are bounded, and those dropped are counted
//!   ([`Refusal::MessageDropped`]). The author with most bytes there [loses its oldest messages](Config::outbox_bytes),
//!   and no other author does.
//! - **A peer that sends invalid messages** is counted ([`MessageInvalid`](crate::swarm::Refusal::MessageInvalid)),
//!   [disconnected](Config::invalid), and [denied](Config::denied_for) for a while. A peer that repeats itself is counted
//!   ([`MessageRepeated`](crate::swarm::Refusal::MessageRepeated)) and [disconnected](Config::repeats). These counts are
//!   told by [`Readiness::Refused`](crate::swarm::Readiness::Refused), at most once a second.
//! - **Places** for peers are [shared by address](Config::peers), so that silent peers cannot keep others out.
//! - **A slow owner** delays nobody either: events wait in a bounded queue, and an event in place of lost ones tells
//!   their number.
//! - **Denied** peers take no part, neither as neighbours nor as authors.
//!
//! There is no clock inside: time is that of [`drive`](crate::notifee::Notifees::drive), and the owner chooses the first
//! sequence number. The same input always gives the same result. (The hash tables have random keys, which only affect
//! timing.)

mod backlog;
mod config;
mod counters;
mod error;
mod events;
mod inbound;
mod message;
mod notifee;
mod outbox;
mod peer;
mod peer_places;
mod protobuf_fields;
mod publish;
mod quota;
mod receive;
mod router;
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
use core::fmt;
use core::time::Duration;
pub use counters::{BytesHeld, Counters, PeerCounters, QueuedMessages};
pub use error::{PublishError, SubscribeError};
pub use events::Event;
use events::OwnerEvents;
pub use message::{Message, MessageId, Topic};
use peer::Peer;
use peer_places::PeerPlaces;
use publish::flush;
use quota::Quota;
pub use router::Router;
use seen::{MOST, Seen};
pub use seqno::{KnownAuthor, SeqnoValidator};
pub use signing::Signing;

/// The judgement of a validator on a message that is new, on a topic of ours, and validly signed.
///
/// The peer that sent us the message may have forwarded it without knowing your rules, since a floodsub node checks
/// signatures only. `Reject` counts against that peer and not against the author. So an author whose messages you reject
/// could make you cut all honest peers that forward them. **Ignore** what you do not want. **Reject** only what no honest
/// node of your network would forward: all nodes that subscribe to the topic run the same validator, and its verdict
/// follows from the message alone. The verdict must not depend on the time, settings, earlier messages, the sending peer
/// or the version of the program. go-libp2p's `ValidationReject` and rust-libp2p's `MessageAcceptance::Reject` also count
/// against the forwarder, in the score of gossipsub (P4, *invalid messages*); go's floodsub, which has no scores, only
/// drops the message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The message is delivered and forwarded.
    Accept,
    /// The message is neither delivered nor forwarded, and counts against no peer.
    Ignore,
    /// The message is neither delivered nor forwarded, and counts against the peer that sent it to us. Beyond
    /// [`Config::invalid`] that peer is cut, and denied for [`Config::denied_for`].
    Reject,
}

/// A function that judges each new and validly signed message. The peer is the one that sent it to us.
type Validator = Box<dyn FnMut(&PeerId, &Message) -> Verdict>;

/// The publish/subscribe service, with a router `R`. The [module](self) describes what it does.
pub struct PubSub<R> {
    router: R,
    signing: Signing,
    /// The author of our messages, if they have one.
    author: Option<PeerId>,
    config: Config,
    validator: Option<Validator>,
    subscriptions: BTreeSet<Topic>,
    denied: BTreeSet<PeerId>,
    places: PeerPlaces,
    /// The open connections of all peers, whether they speak pub/sub or not.
    connections: BTreeSet<(PeerId, ConnectionId)>,
    peers: BTreeMap<PeerId, Peer>,
    /// The peers that subscribe to each topic.
    subscribers: BTreeMap<Topic, BTreeSet<PeerId>>,
    /// The peer of each stream, of our streams and of theirs.
    streams: BTreeMap<StreamId, PeerId>,
    /// The times at which our streams to peers are opened again:
    /// [`OutboundStream::Waiting`](peer::OutboundStream::Waiting).
    deadlines: Deadlines<PeerId>,
    /// The peers from which something is to be read or processed, each once. The first one has the next turn.
    line: VecDeque<PeerId>,
    seen: Seen,
    /// The numbers of authors' latest messages, if the owner has set a validator for them.
    seqnos: Option<SeqnoValidator>,
    /// The memory of the topics that peers subscribe to.
    topics: Quota,
    /// The memory of RPCs that have not come whole, or wait for their turn.
    unread: Quota,
    backlog: Backlog,
    events: OwnerEvents,
    counters: Counters,
    /// The time of the current notification. Commands of the owner between two notifications have none.
    now: Option<Duration>,
    /// A buffer for the recipients of one message, kept to save allocations.
    to: Vec<PeerId>,
}

impl<R: Router> PubSub<R> {
    /// Creates a service without peers and subscriptions.
    #[must_use]
    pub fn with_router(router: R, signing: Signing, mut config: Config) -> Self {
        // Each peer has one bit per remembered message, and all of its bits are allocated at once.
        config.seen = config.seen.clamp(1, MOST);
        Self {
            router,
            author: signing.author(),
            signing,
            validator: None,
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
            backlog: Backlog::new(config.outbox_total_bytes),
            events: OwnerEvents::new(config.events, config.event_bytes),
            counters: Counters::default(),
            now: None,
            to: Vec::new(),
            config,
        }
    }

    /// Takes the oldest event, if there is one.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// Subscribes to a topic, and announces it. Returns `false` if we subscribed to it already.
    ///
    /// # Errors
    /// [`SubscribeError`]. Nothing has changed.
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
        self.subscriptions.insert(topic.into());
        self.announce(node);
        Ok(true)
    }

    /// Unsubscribes from a topic, and announces it. Returns `false` if we did not subscribe to it.
    pub fn unsubscribe(&mut self, node: &mut dyn Node, topic: &str) -> bool {
        let removed = self.subscriptions.remove(topic);
        if removed {
            self.announce(node);
        }
        removed
    }

    /// Calls `validator` for each new and validly signed message from now on, before the message is delivered and
    /// forwarded. A message that was delivered and [not forwarded](Counters::held_back) is validated once more if it
    /// comes again in the usual encoding. The validator runs while others wait, so it should be quick. [`Verdict`] says
    /// what to reject; most unwanted messages are to be ignored.
    pub fn set_validator(&mut self, validator: impl FnMut(&PeerId, &Message) -> Verdict + 'static) {
        self.validator = Some(Box::new(validator));
    }

    /// Refuses, from now on, messages that their authors have numbered below others that were delivered.
    /// [`SeqnoValidator`] says which good messages that loses. A validator that was set before is dropped.
    pub fn set_seqno_validator(&mut self, validator: SeqnoValidator) {
        self.seqnos = Some(validator);
    }

    /// Returns the validator of authors' numbers, if there is one.
    #[must_use]
    pub const fn seqno_validator(&self) -> Option<&SeqnoValidator> {
        self.seqnos.as_ref()
    }

    /// Denies a peer: it is no pub/sub peer from now on, its streams are reset, and messages that it has written are
    /// dropped, whichever peer sends them. Its connections are left alone. Returns `false` if the peer was denied
    /// already.
    pub fn deny(&mut self, node: &mut dyn Node, peer: PeerId) -> bool {
        let denied = self.denied.insert(peer);
        self.expel(node, peer);
        denied
    }

    /// Ends the denial of a peer. If the peer is connected, it is asked anew whether it speaks the protocol. Returns
    /// `false` if it was not denied.
    pub fn allow(&mut self, node: &mut dyn Node, peer: PeerId) -> bool {
        let allowed = self.denied.remove(&peer);
        if allowed && self.connections_of(peer).next().is_some() {
            self.add(node, peer);
        }
        allowed
    }

    /// Returns the peers that speak the protocol, in the order of their ids.
    pub fn peers(&self) -> impl Iterator<Item = PeerId> {
        self.peers.iter().filter(|(_, peer)| peer.is_told).map(|(id, _)| *id)
    }

    /// Returns the peers that subscribe to a topic, in the order of their ids.
    pub fn peers_of(&self, topic: &str) -> impl Iterator<Item = PeerId> {
        self.subscribers.get(topic).into_iter().flatten().copied()
    }

    /// Returns the topics that a peer subscribes to, in the order of their names.
    pub fn topics_of(&self, peer: PeerId) -> impl Iterator<Item = &Topic> {
        self.peers.get(&peer).into_iter().flat_map(|peer| &peer.topics)
    }

    /// Returns the topics that we subscribe to, in the order of their names.
    pub fn subscriptions(&self) -> impl Iterator<Item = &Topic> {
        self.subscriptions.iter()
    }

    /// Returns the denied peers, in the order of their ids.
    pub fn denied(&self) -> impl Iterator<Item = PeerId> {
        self.denied.iter().copied()
    }

    /// Returns the counters of a peer, or `None` if it is no pub/sub peer.
    #[must_use]
    pub fn counters_of(&self, peer: PeerId) -> Option<PeerCounters> {
        self.peers.get(&peer).map(|peer| peer.counters)
    }

    /// Returns the number and bytes of messages that wait to be written to a peer; 0 if it is no pub/sub peer. A
    /// publisher that can produce more than its peers take looks at this and at [`dropped`](PeerCounters::dropped) before
    /// it publishes the next message.
    ///
    /// ```
    /// # use swarm_notify::identity::Keypair;
    /// use swarm_notify::identity::PeerId;
    /// use swarm_notify::protocols::floodsub::FloodSub;
    /// # use swarm_notify::protocols::pubsub::{Config, Signing};
    ///
    /// /// Returns the number of those who are behind by more than 1 MiB.
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

    /// Returns the counters of all peers together.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        Counters { events_lost: self.events.lost(), ..self.counters }
    }

    /// Returns the number of bytes that are held for all peers together, by the bound that they count against.
    #[must_use]
    pub const fn held(&self) -> BytesHeld {
        BytesHeld {
            topics_bytes: self.topics.held(),
            inbound_bytes: self.unread.held(),
            outbox_bytes: self.backlog.bytes(),
        }
    }
}

/// Reports refusals of a peer to the swarm, which counts them at the first of the peer's connections.
fn count(
    node: &mut dyn Node,
    connections: &BTreeSet<(PeerId, ConnectionId)>,
    id: PeerId,
    refusal: Refusal,
    messages: u64,
) {
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
