//! [`Router`]: the part of pub/sub that differs between its protocols. It decides to which peers a message is sent.

use super::control::Control;
use super::encoded_message::EncodedMessage;
use super::message::{MessageId, Topic};
use crate::connection::Protocol;
use crate::identity::PeerId;
use crate::lifecycle::Direction;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use libp2p_core::Multiaddr;

/// The part of pub/sub that differs between its protocols: the names of the protocols, the choice of the recipients of a
/// message, and control messages. Everything else is in [`PubSub`](super::PubSub) and is the same for every router: peers and
/// their streams, framing, signatures, the cache of seen messages, validation, bounds and events.
///
/// A router is sans-IO: it has no stream, no clock and no randomness of the system. It is told what happens by the methods of
/// this trait, and asks for what it wants by [`Actions`]. So it can be tested, fuzzed and simulated without a network.
/// [`FloodRouter`](crate::protocols::floodsub::FloodRouter) implements the two methods that have no default, and
/// [`MeshRouter`](crate::protocols::gossipsub::MeshRouter) implements all of them.
///
/// The time passes in turns: the owner's commands come between two turns and have no time. A router that needs the time of a
/// command takes that of the next [`tick`](Self::tick).
pub trait Router {
    /// Returns the names of the protocols, in descending order of preference.
    fn protocols(&self) -> Vec<Protocol>;

    /// Adds the recipients of a message to `to`, each once. `subscribers` are the peers that subscribe to the topic. If the
    /// router picks the author of the message or the peer that sent the message to us, they are removed from `to`
    /// afterwards.
    fn recipients(&mut self, outgoing: &Outgoing<'_>, subscribers: &BTreeSet<PeerId>, to: &mut Vec<PeerId>);

    /// Handles a peer that has become a pub/sub peer, or for which our stream has opened anew. In the second case the peer
    /// may have lost what was sent to it last.
    fn peer_opened(&mut self, _peer: &RouterPeer<'_>, _cx: &mut Turn<'_>) {}

    /// Handles a peer that is no pub/sub peer any more.
    fn peer_gone(&mut self, _peer: PeerId, _now: Duration) {}

    /// Handles a peer's subscription to a topic.
    fn subscribed(&mut self, _peer: PeerId, _topic: &Topic) {}

    /// Handles the end of a peer's subscription to a topic.
    fn unsubscribed(&mut self, _peer: PeerId, _topic: &Topic, _cx: &mut Turn<'_>) {}

    /// Handles a subscription of ours that begins or, if `is_joined` is false, ends. The owner gives this command between
    /// two turns.
    fn joined(&mut self, _topic: &Topic, _is_joined: bool) {}

    /// Returns what is accepted from a peer. It is asked before an entry of an RPC is decoded.
    fn accepts(&mut self, _peer: PeerId) -> Accepts {
        Accepts::All
    }

    /// Handles an entry of a peer's control message. All entries of one RPC have the same number `rpc`, and later RPCs of the
    /// peer have greater numbers.
    fn control(&mut self, _peer: PeerId, _rpc: u64, _entry: Control<'_>, _cx: &mut Turn<'_>) {}

    /// Handles a message that was not known before, on a topic that we subscribe to, whose signature is valid. It was not
    /// validated by the owner yet. `size` is the length of the encoded message in bytes.
    fn arrived(&mut self, _arrival: &Arrival<'_>, _size: usize, _cx: &mut Turn<'_>) {}

    /// Handles a message of a peer that is dropped without a judgement, though the peer may have sent it in good faith: we do
    /// not subscribe to its topic, its author is denied, there is no room to remember it, its sequence number is outdated, its
    /// signature is refused here, or it is our own.
    fn declined(&mut self, _id: &MessageId) {}

    /// Handles the verdict on a message, for one of the peers that have sent it to us. The method is called for the first of
    /// these peers, then for each other peer that had sent the message before the verdict, and then for each peer that sends
    /// it afterwards.
    fn judged(&mut self, _arrival: &Arrival<'_>, _judgement: Judgement, _now: Duration) {}

    /// Returns whether a message that waits for a peer is still to be written to it.
    fn is_wanted(&self, _peer: PeerId, _message: &EncodedMessage) -> bool {
        true
    }

    /// Returns the time of the next [`tick`](Self::tick) that is needed, or `None` if none is needed until something happens.
    fn poll_at(&self) -> Option<Duration> {
        None
    }

    /// Does the work that is due, once in each turn.
    fn tick(&mut self, _cx: &mut Turn<'_>) {}

    /// Returns the number of bytes that the router holds for peers: messages that it keeps, and what peers have told it.
    fn held(&self) -> usize {
        0
    }

    /// Returns the maximum number of bytes of heap that the router takes for `peers` peers, if we subscribe to `topics`
    /// topics.
    fn memory_bound(&self, _peers: usize, _topics: usize) -> usize {
        0
    }
}

/// A message that we publish or forward.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Outgoing<'a> {
    /// The topic of the message.
    pub topic: &'a Topic,
    /// The id of the message.
    pub id: &'a MessageId,
    /// The encoded message, which the router may keep.
    pub message: &'a Arc<EncodedMessage>,
    /// The author of the message; `None` if it has none.
    pub author: Option<PeerId>,
    /// The peer that sent the message to us; `None` if we publish it.
    pub sender: Option<PeerId>,
}

impl<'a> Outgoing<'a> {
    /// Creates a message of ours, or of a peer, that is to be sent on.
    #[must_use]
    pub const fn new(
        topic: &'a Topic,
        id: &'a MessageId,
        message: &'a Arc<EncodedMessage>,
        author: Option<PeerId>,
        sender: Option<PeerId>,
    ) -> Self {
        Self { topic, id, message, author, sender }
    }
}

/// A pub/sub peer, as a router is told of it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RouterPeer<'a> {
    /// The peer.
    pub peer: PeerId,
    /// The protocol that was agreed on our stream to the peer or, if that stream is not open yet, on the peer's stream to us.
    pub protocol: &'a Protocol,
    /// The direction of the peer's connections: `Outbound` if we have dialed one of them.
    pub direction: Direction,
    /// The address of the peer; `None` if unrelated peers may share that address.
    pub address: Option<&'a Multiaddr>,
}

impl<'a> RouterPeer<'a> {
    /// Describes a peer for a router.
    #[must_use]
    pub const fn new(
        peer: PeerId,
        protocol: &'a Protocol,
        direction: Direction,
        address: Option<&'a Multiaddr>,
    ) -> Self {
        Self { peer, protocol, direction, address }
    }
}

/// A message that a peer has sent to us.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Arrival<'a> {
    /// The peer that has sent the message to us.
    pub peer: PeerId,
    /// The topic of the message.
    pub topic: &'a Topic,
    /// The id of the message.
    pub id: &'a MessageId,
}

impl<'a> Arrival<'a> {
    /// Describes a message for a router.
    #[must_use]
    pub const fn new(peer: PeerId, topic: &'a Topic, id: &'a MessageId) -> Self {
        Self { peer, topic, id }
    }
}

/// What has become of a message, as far as the peer that has sent it is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a router that does not know a judgement would count it wrongly")]
pub enum Judgement {
    /// The message is valid, and the peer was the first to send it.
    First,
    /// The message is valid, and another peer had sent it before.
    Repeated {
        /// The time that had passed since the verdict; zero if the peer sent the message before the verdict.
        after: Duration,
    },
    /// The message is invalid: its signature is wrong, or the validator has rejected it.
    Rejected,
    /// The message is to be ignored.
    Ignored,
}

/// What is accepted from a peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "the three of gossipsub implementations")]
pub enum Accepts {
    /// All entries of its RPCs.
    All,
    /// Its subscriptions and its control messages. Its messages are dropped before they are decoded.
    Control,
    /// Its subscriptions only.
    Subscriptions,
}

/// The state of the service in which a router handles an input.
#[expect(clippy::exhaustive_structs, reason = "a program that drives a router writes it")]
pub struct Turn<'a> {
    /// The present time.
    pub now: Duration,
    /// The peers that subscribe to each topic.
    pub subscribers: &'a BTreeMap<Topic, BTreeSet<PeerId>>,
    /// Returns whether a message with this id was seen lately.
    pub is_seen: &'a dyn Fn(&[u8]) -> bool,
    /// The receiver of what the router asks for.
    pub actions: &'a mut dyn Actions,
}

impl fmt::Debug for Turn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("now", &self.now).finish_non_exhaustive()
    }
}

/// The receiver of what a router asks for.
pub trait Actions {
    /// Does, or queues, what the router asks for. The peer that the action names is a pub/sub peer.
    fn act(&mut self, action: Action<'_>);

    /// Returns the number of bytes of entries of control messages that may still be queued for a peer. An entry that needs more
    /// is dropped. Some bytes of each entry are needed for bookkeeping.
    fn room(&self, _peer: PeerId) -> usize {
        usize::MAX
    }
}

/// A thing that a router asks for.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "each receiver has to do all of them")]
pub enum Action<'a> {
    /// The peer is in our mesh of the topic now, and is to be told so. What was asked for this peer and topic before, and is
    /// not written yet, is obsolete.
    Graft {
        /// The peer.
        peer: PeerId,
        /// The topic.
        topic: &'a Topic,
        /// True if the peer was not in our mesh before. False if it is told again.
        is_new: bool,
    },
    /// The peer is to be told that it is not in our mesh of the topic. What was asked for this peer and topic before, and is
    /// not written yet, is obsolete.
    Prune {
        /// The peer.
        peer: PeerId,
        /// The topic.
        topic: &'a Topic,
        /// The time for which the peer should not send a GRAFT for the topic; `None` if the peer knows no such time.
        backoff: Option<Duration>,
        /// Other peers that subscribe to the topic, which the peer may connect to.
        offered: &'a [PeerId],
    },
    /// The peer was added to our mesh of the topic at its own wish, and need not be told.
    Grafted {
        /// The peer.
        peer: PeerId,
        /// The topic.
        topic: &'a Topic,
    },
    /// The peer was removed from our mesh of the topic, whether it is told or not.
    Pruned {
        /// The peer.
        peer: PeerId,
        /// The topic.
        topic: &'a Topic,
    },
    /// The peer is to be sent an encoded entry of a control message: IHAVE or IWANT. It may be dropped.
    Gossip {
        /// The peer.
        peer: PeerId,
        /// The encoded entry.
        entry: &'a Arc<[u8]>,
    },
    /// The peer is to be sent an encoded IDONTWANT, before messages that wait for it. It may be dropped.
    DontWant {
        /// The peer.
        peer: PeerId,
        /// The encoded entry.
        entry: &'a Arc<[u8]>,
    },
    /// The peer is to be told which extensions we support, in the first RPC on our stream.
    Extensions {
        /// The peer.
        peer: PeerId,
    },
    /// The peer has asked for the message, and is to be sent it.
    Send {
        /// The peer.
        peer: PeerId,
        /// The message.
        message: &'a Arc<EncodedMessage>,
    },
    /// We want a connection to this address, which ends with the id of the peer behind it.
    Dial {
        /// The address.
        address: &'a Multiaddr,
    },
}
