//! [`Event`]: an event of pub/sub for the owner. [`OwnerEvents`]: the bounded queue of these events.

use super::message::{Message, MessageId, Topic};
use crate::arithmetic::Count;
use crate::identity::PeerId;
use crate::protocols::event_queue::EventQueue;
use crate::text::for_log;
use core::fmt;

/// An event of pub/sub for its owner. There are no events for messages that were dropped for a slow peer, or for invalid
/// messages of peers: these messages are counted, and reported as [`Readiness::Refused`](crate::swarm::Readiness::Refused).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A new and valid message has arrived on a topic that we subscribe to. There are no events for our own messages.
    Message {
        /// The message that has arrived.
        message: Message,
        /// The peer that sent the message to us. It may be the author or a forwarder.
        via: PeerId,
    },
    /// A peer has become a pub/sub peer: it speaks the protocol.
    PeerAdded {
        /// The peer that has become a pub/sub peer.
        peer: PeerId,
    },
    /// A peer is no longer a pub/sub peer, and its subscriptions have been removed. Either its last connection has ended, it
    /// was denied, it was disconnected for a fault, it lost its place to a newcomer, or it does not speak the protocol any
    /// more.
    PeerGone {
        /// The peer that is no longer a pub/sub peer.
        peer: PeerId,
    },
    /// A peer has subscribed to a topic.
    Subscribed {
        /// The peer that has subscribed.
        peer: PeerId,
        /// The topic that the peer has subscribed to.
        topic: Topic,
    },
    /// A peer has unsubscribed from a topic.
    Unsubscribed {
        /// The peer that has unsubscribed.
        peer: PeerId,
        /// The topic that the peer has unsubscribed from.
        topic: Topic,
    },
    /// A peer was added to our mesh of a topic, by us or at its wish. The router of
    /// [`GossipSub`](crate::protocols::gossipsub::GossipSub) has meshes.
    Grafted {
        /// The peer in our mesh.
        peer: PeerId,
        /// The topic of the mesh.
        topic: Topic,
    },
    /// A peer was removed from our mesh of a topic, by us or at its wish. There is no such event for a peer that is gone.
    Pruned {
        /// The peer that was in our mesh.
        peer: PeerId,
        /// The topic of the mesh.
        topic: Topic,
    },
    /// The validator has put off its verdict on a message ([`Verdict::Later`](super::Verdict::Later)). The owner has to
    /// [report](super::PubSub::report) the verdict. There is no [`Message`](Self::Message) event for the message.
    Undecided {
        /// The id by which the verdict is reported.
        id: MessageId,
        /// The message that has arrived.
        message: Message,
        /// The peer that sent the message to us. It may be the author or a forwarder.
        via: PeerId,
    },
    /// Events were dropped because the owner did not take its events in time. This event replaces the dropped events, which
    /// were the oldest in the queue. The present [peers](method@super::PubSub::peers) and [their
    /// topics](super::PubSub::topics_of) can be looked up.
    Lagged {
        /// The number of dropped events.
        events: u64,
    },
}

/// Writes one line, such as `subscribed PEER: news`, or `message on news by PEER via PEER: 5 bytes`, without the content
/// of the message. A topic is shortened and escaped, so that it cannot control a terminal or begin a new line.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message { message: Message { topic, source, data, .. }, via } => {
                write!(f, "message on {}", for_log(topic))?;
                if let Some(source) = source {
                    write!(f, " by {source}")?;
                }
                write!(f, " via {via}: {} bytes", data.len())
            }
            Self::PeerAdded { peer } => write!(f, "peer_added {peer}"),
            Self::PeerGone { peer } => write!(f, "peer_gone {peer}"),
            Self::Subscribed { peer, topic } => write!(f, "subscribed {peer}: {}", for_log(topic)),
            Self::Unsubscribed { peer, topic } => write!(f, "unsubscribed {peer}: {}", for_log(topic)),
            Self::Grafted { peer, topic } => write!(f, "grafted {peer}: {}", for_log(topic)),
            Self::Pruned { peer, topic } => write!(f, "pruned {peer}: {}", for_log(topic)),
            Self::Undecided { message: Message { topic, data, .. }, via, .. } => {
                write!(f, "undecided on {} via {via}: {} bytes", for_log(topic), data.len())
            }
            Self::Lagged { events } => write!(f, "pubsub_lagged: {events} events"),
        }
    }
}

/// The queue of events that wait for the owner. Its number of events is bounded, and so is their number of bytes of data and
/// topics.
#[derive(Debug)]
pub(super) struct OwnerEvents {
    queue: EventQueue<Event>,
    max: usize,
    max_bytes: usize,
    /// The number of events that were added since the turn began, and their bytes. Events that have been dropped since are
    /// counted, too.
    turn: (usize, usize),
}

impl OwnerEvents {
    pub(super) fn new(max: usize, max_bytes: usize) -> Self {
        let queue = EventQueue::with_bytes(max, max_bytes, size, |events| Event::Lagged { events });
        Self { queue, max, max_bytes, turn: (0, 0) }
    }

    /// Begins a turn, in which input of peers is processed. The counts of the turn start at 0.
    pub(super) const fn begin_turn(&mut self) {
        self.turn = (0, 0);
    }

    /// Returns whether the turn should end, because it has caused three quarters of the events that the queue can hold, or
    /// because another event, of `next` bytes, might exceed the bound on bytes. So an owner that had taken all events before
    /// the turn misses none of those that the turn causes. The last quarter is for events of peers that connect and
    /// disconnect.
    pub(super) fn are_enough_for_a_turn(&self, next: usize) -> bool {
        // Without this limit, peers that connected, subscribed to 1 024 topics each and left again pushed messages of
        // other peers out of the queue, although the owner drained it after each turn. At least one event is allowed, and
        // bytes count only after the first event with bytes. Otherwise a queue of 0 places, or a bound below `rpc_bytes`,
        // would end each turn before its first entry.
        let (events, bytes) = self.turn;
        events >= self.max.saturating_sub(self.max / 4).max(1)
            || (bytes > 0 && bytes.saturating_add(next) > self.max_bytes)
    }

    /// Adds an event at the end of the queue. If the queue is full, its oldest events are dropped.
    pub(super) fn push(&mut self, event: Event) {
        self.turn.0.raise(1);
        self.turn.1.raise(size(&event));
        self.queue.push(event);
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        self.queue.pop()
    }

    /// Returns the number of events that were dropped since the queue was created.
    pub(super) const fn lost(&self) -> u64 {
        self.queue.dropped()
    }
}

/// Returns the number of bytes that an event counts as: those of its data and its topic, which a peer has chosen.
fn size(event: &Event) -> usize {
    match event {
        Event::Message { message, .. } | Event::Undecided { message, .. } => {
            message.data.len().saturating_add(message.topic.len())
        }
        Event::Subscribed { topic, .. } | Event::Unsubscribed { topic, .. } => topic.len(),
        Event::Grafted { topic, .. } | Event::Pruned { topic, .. } => topic.len(),
        Event::PeerAdded { .. } | Event::PeerGone { .. } | Event::Lagged { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Keypair;
    use alloc::vec;
    use alloc::vec::Vec;

    fn peer(number: u8) -> PeerId {
        Keypair::ed25519_from_bytes([number; 32]).unwrap().public().to_peer_id()
    }

    fn added(number: u8) -> Event {
        Event::PeerAdded { peer: peer(number) }
    }

    fn message(len: usize) -> Event {
        let message = Message { topic: "t".into(), source: None, seqno: None, data: vec![0; len] };
        Event::Message { message, via: peer(1) }
    }

    fn drain(events: &mut OwnerEvents) -> Vec<Event> {
        core::iter::from_fn(|| events.pop()).collect()
    }

    #[test]
    fn a_full_queue_tells_what_is_missing_in_its_place() {
        let mut events = OwnerEvents::new(3, usize::MAX);
        (1..=5).for_each(|n| events.push(added(n)));
        assert_eq!((events.pop(), events.pop()), (Some(Event::Lagged { events: 2 }), Some(added(3))));
        (6..=7).for_each(|n| events.push(added(n)));
        assert_eq!(drain(&mut events), [Event::Lagged { events: 1 }, added(5), added(6), added(7)]);
        assert_eq!((drain(&mut events), events.lost()), (vec![], 3));
    }

    #[test]
    fn a_queue_of_one_place_works() {
        for max in [0, 1] {
            let mut events = OwnerEvents::new(max, 0);
            events.push(added(1));
            events.push(message(9));
            assert_eq!(drain(&mut events), [Event::Lagged { events: 1 }, message(9)]);
            events.push(added(3));
            assert_eq!(drain(&mut events), [added(3)]);
        }
    }

    #[test]
    fn bytes_of_events_are_bounded() {
        let mut events = OwnerEvents::new(9, 10);
        events.push(message(5)); // with a topic of one byte: 6 in all
        events.push(message(4)); // 5 more make 11
        events.push(message(3));
        assert_eq!(drain(&mut events), [Event::Lagged { events: 1 }, message(4), message(3)]);
        events.push(message(9));
        events.push(added(1)); // counts as 0 bytes
        assert_eq!(drain(&mut events), [message(9), added(1)]);
    }
}
