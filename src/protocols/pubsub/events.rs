//! [`Event`]: what the owner is told, and the bounded queue of it.

use super::message::{Message, Topic};
use crate::arithmetic::Count;
use crate::identity::PeerId;
use crate::protocols::event_queue::EventQueue;
use crate::text::for_log;
use core::fmt;

/// What the owner is told. Messages that were dropped for a slow peer, and what a peer has sent that is no valid message,
/// are counted and told as [`Readiness::Refused`](crate::swarm::Readiness::Refused).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A message on a topic that we subscribe to, new and valid. Our own are not told.
    Message {
        /// The message.
        message: Message,
        /// Who has sent it to us, its author or not.
        via: PeerId,
    },
    /// A peer is there that speaks the protocol.
    PeerAdded {
        /// Who.
        peer: PeerId,
    },
    /// A peer has gone, and with it its subscriptions: its last connection has ended, it was denied, or it does not
    /// speak the protocol any more.
    PeerGone {
        /// Who.
        peer: PeerId,
    },
    /// A peer subscribes to a topic.
    Subscribed {
        /// Who.
        peer: PeerId,
        /// To what.
        topic: Topic,
    },
    /// A peer subscribes to a topic no longer.
    Unsubscribed {
        /// Who.
        peer: PeerId,
        /// To what.
        topic: Topic,
    },
    /// Here so many events are missing, the oldest that waited: they were not taken in time. Who is there and subscribes to
    /// what can be looked up.
    Lagged {
        /// The number of events that are missing.
        events: u64,
    },
}

/// One line, such as `subscribed PEER: news`, or `message on news by PEER via PEER: 5 bytes`, without what the message says. A
/// topic is short and escaped, so that it commands no terminal and begins no line.
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
            Self::Lagged { events } => write!(f, "pubsub_lagged: {events} events"),
        }
    }
}

/// The events that wait for the owner, at most so many, and with so many bytes of messages and topics.
#[derive(Debug)]
pub(super) struct OwnerEvents {
    queue: EventQueue<Event>,
    max: usize,
    max_bytes: usize,
    /// The events since the turn began, those that were lost among them, and their bytes.
    turn: (usize, usize),
}

impl OwnerEvents {
    pub(super) fn new(max: usize, max_bytes: usize) -> Self {
        let queue = EventQueue::with_bytes(max, max_bytes, size, |events| Event::Lagged { events });
        Self { queue, max, max_bytes, turn: (0, 0) }
    }

    /// A turn begins, which reads what peers have sent.
    pub(super) const fn begin_turn(&mut self) {
        self.turn = (0, 0);
    }

    /// Returns whether the turn should end, so that an owner who had taken all events before it misses none of its own: it
    /// has had three quarters of the places, or an event of `next` bytes might find no room. The last quarter is for peers
    /// that come and go.
    pub(super) fn are_enough_for_a_turn(&self, next: usize) -> bool {
        let (events, bytes) = self.turn;
        events >= self.max.saturating_sub(self.max / 4).max(1)
            || (bytes > 0 && bytes.saturating_add(next) > self.max_bytes)
    }

    /// Tells an event.
    pub(super) fn push(&mut self, event: Event) {
        self.turn.0.raise(1);
        self.turn.1.raise(size(&event));
        self.queue.push(event);
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        self.queue.pop()
    }

    /// Returns the number of events that were lost in all.
    pub(super) const fn lost(&self) -> u64 {
        self.queue.dropped()
    }
}

/// What an event counts as: the bytes that its sender has chosen.
fn size(event: &Event) -> usize {
    match event {
        Event::Message { message, .. } => message.data.len().saturating_add(message.topic.len()),
        Event::Subscribed { topic, .. } | Event::Unsubscribed { topic, .. } => topic.len(),
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
    fn a_full_queue_says_at_its_place_what_is_missing() {
        let mut events = OwnerEvents::new(3, usize::MAX);
        (1..=5).for_each(|n| events.push(added(n)));
        assert_eq!((events.pop(), events.pop()), (Some(Event::Lagged { events: 2 }), Some(added(3))));
        (6..=7).for_each(|n| events.push(added(n)));
        assert_eq!(drain(&mut events), [Event::Lagged { events: 1 }, added(5), added(6), added(7)]);
        assert_eq!((drain(&mut events), events.lost()), (vec![], 3));
    }

    #[test]
    fn one_place_is_enough() {
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
    fn bytes_are_bounded_too() {
        let mut events = OwnerEvents::new(9, 10);
        events.push(message(5)); // and a topic of one byte
        events.push(message(4)); // that makes 11
        events.push(message(3));
        assert_eq!(drain(&mut events), [Event::Lagged { events: 1 }, message(4), message(3)]);
        events.push(message(9));
        events.push(added(1)); // which takes none of them
        assert_eq!(drain(&mut events), [message(9), added(1)]);
    }
}
