//! The verdict on messages: a message is delivered and forwarded, ignored or rejected, at once or once the owner has reported
//! its verdict.

use crate::arithmetic::Count;
use crate::identity::PeerId;
use crate::notifee::Node;
use crate::protocols::pubsub::counters::count;
use crate::protocols::pubsub::events::Event;
use crate::protocols::pubsub::inbound::Via;
use crate::protocols::pubsub::message::{MessageId, Topic};
use crate::protocols::pubsub::pending::PendingMessage;
use crate::protocols::pubsub::publish::Sent;
use crate::protocols::pubsub::router::{Arrival, Judgement, Router};
use crate::protocols::pubsub::seen::{Digest, Settled};
use crate::protocols::pubsub::wire::Rpc;
use crate::protocols::pubsub::{PubSub, Verdict};
use alloc::vec::Vec;
use core::time::Duration;

impl<R: Router> PubSub<R> {
    /// Reports the verdict on a message for which the validator has returned [`Verdict::Later`]. Returns `false`, and does
    /// nothing, if no such message waits: its verdict was reported, it has waited for
    /// [`pending_for`](super::super::Config::pending_for), or `verdict` is [`Verdict::Later`] again.
    pub fn report(&mut self, node: &mut dyn Node, id: &MessageId, verdict: Verdict) -> bool {
        if verdict == Verdict::Later {
            return false;
        }
        let digest = Digest::of(id);
        let Some(message) = self.pending.take(&digest) else { return false };
        self.settle(node, id, digest, message, verdict, true);
        true
    }

    /// Ignores the messages whose verdict was not reported in time.
    pub(in crate::protocols::pubsub) fn expire_pending(&mut self, now: Duration) {
        while let Some((digest, message)) = self.pending.take_expired(now) {
            self.seen.settle(&digest, Settled::Ignored, Some(now));
            count!(self, &message.via.peer, ignored);
        }
    }

    /// Puts off the verdict on a message. If there is no room for it, it is ignored.
    pub(super) fn put_off(&mut self, id: MessageId, digest: Digest, message: PendingMessage) {
        let until = self.now.unwrap_or_default().saturating_add(self.config.pending_for);
        let event = Event::Undecided { id, message: message.message.clone(), via: message.via.peer };
        let sender = message.via.peer;
        if self.pending.add(digest, message, until) {
            self.events.push(event);
        } else {
            self.seen.settle(&digest, Settled::Ignored, self.now);
            self.counters.pending_refused.raise(1);
            count!(self, &sender, ignored);
        }
    }

    /// Acts on the verdict on a message. `is_told` is true if the owner has the message already.
    pub(super) fn settle(
        &mut self,
        node: &mut dyn Node,
        id: &MessageId,
        digest: Digest,
        pending: PendingMessage,
        verdict: Verdict,
        is_told: bool,
    ) {
        let PendingMessage { via, message, bytes, is_forwardable, is_late, others } = pending;
        let (settled, first, other) = match verdict {
            Verdict::Accept => (Settled::Accepted, Judgement::First, Judgement::Repeated { after: Duration::ZERO }),
            Verdict::Reject => (Settled::Rejected, Judgement::Rejected, Judgement::Rejected),
            Verdict::Ignore | Verdict::Later => (Settled::Ignored, Judgement::Ignored, Judgement::Ignored),
        };
        self.seen.settle(&digest, settled, self.now);
        self.judged(via.peer, &message.topic, id, first);
        others.into_iter().for_each(|peer| self.judged(peer, &message.topic, id, other));
        match settled {
            Settled::Accepted => {}
            Settled::Rejected => {
                self.counters.rejected.raise(1);
                return self.invalid(node, via);
            }
            Settled::Ignored | Settled::Not | Settled::Unsent => {
                count!(self, &via.peer, ignored);
                return;
            }
        }
        if let Some(peer) = self.peers.get_mut(&via.peer) {
            self.places.brings(&mut peer.place, self.now.unwrap_or_default());
        }
        self.take_number(&message, via.peer);
        if is_late {
            count!(self, &via.peer, duplicates);
        } else {
            count!(self, &via.peer, received);
        }
        if is_forwardable {
            let rpc = Rpc { subscriptions: Vec::new(), publish: [bytes].into() };
            let sent = Sent { id, digest, author: message.source, sender: Some(via.peer) };
            self.send(node, &message.topic, rpc.to_frame().into(), &sent);
        } else {
            self.counters.held_back.raise(1);
            self.seen.hold_back(&digest);
        }
        if !is_late && !is_told {
            self.events.push(Event::Message { message, via: via.peer });
        }
    }

    /// Tells the router of the judgement on a message, for a peer that has sent it.
    fn judged(&mut self, peer: PeerId, topic: &Topic, id: &MessageId, judgement: Judgement) {
        self.router.judged(&Arrival { peer, topic, id }, judgement, self.now.unwrap_or_default());
    }

    /// Tells the router that a message is invalid before a validator has seen it.
    pub(super) fn judged_invalid(&mut self, via: Via, topic: &Topic, id: &MessageId) {
        self.judged(via.peer, topic, id, Judgement::Rejected);
    }

    /// Tells the router that a peer has sent a message that another peer had sent before.
    pub(super) fn judged_again(&mut self, via: Via, topic: &Topic, id: &MessageId, digest: &Digest) {
        if self.pending.also_from(digest, via.peer) {
            return;
        }
        let now = self.now.unwrap_or_default();
        let judgement = match self.seen.settled(digest) {
            (Settled::Accepted, at) => Judgement::Repeated { after: now.saturating_sub(at) },
            (Settled::Rejected, _) => Judgement::Rejected,
            (Settled::Ignored | Settled::Not | Settled::Unsent, _) => Judgement::Ignored,
        };
        self.judged(via.peer, topic, id, judgement);
    }
}
