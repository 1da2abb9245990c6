//! The processing of received messages: each is verified, delivered and forwarded, or refused and counted.

use super::TurnLimits;
use crate::arithmetic::Count;
use crate::identity::PeerId;
use crate::lifecycle::Fault;
use crate::notifee::Node;
use crate::protocols::pubsub::counters::count;
use crate::protocols::pubsub::inbound::Via;
use crate::protocols::pubsub::message::Message;
use crate::protocols::pubsub::pending::PendingMessage;
use crate::protocols::pubsub::router::Arrival;
use crate::protocols::pubsub::router::Router;
use crate::protocols::pubsub::seen::{CacheRoom, Digest, ExceededShare, MessageOrigin};
use crate::protocols::pubsub::signing::{Checked, Claim, Invalid, names};
use crate::protocols::pubsub::{PubSub, Verdict};
use crate::swarm::Refusal;
use alloc::vec::Vec;

impl<R: Router> PubSub<R> {
    /// Counts a message that is known already. If the same peer has sent the message before, this also counts against the
    /// peer. A peer that repeats too many messages is disconnected.
    fn duplicate(&mut self, node: &mut dyn Node, via: Via, claim: &Claim, digest: &Digest, number: Option<u64>) {
        count!(self, &via.peer, duplicates);
        let now = self.now.unwrap_or_default();
        // Each neighbour of a flooding network sends each message once, so only a message that the same peer has sent
        // before counts against it. A message of ours that exceeded our share has no number, so nobody knows who has sent
        // it before.
        let Some(peer) = self.peers.get_mut(&via.peer) else { return };
        let Some(number) = number else { return };
        if !peer.sent.mark(number, self.config.seen) {
            // A peer that sends the message again counts once.
            return self.judged_again(via, &claim.message.topic, &claim.id, digest);
        }
        self.counters.repeated.raise(1);
        peer.counters.repeated.raise(1);
        node.count_refusals(via.connection, Refusal::MessageRepeated, 1);
        if !peer.repeats.take(1, self.config.repeats, now) {
            log::debug!("{}: the peer repeats messages too often", via.connection);
            // The connection may have ended already.
            let _ = node.fail_connection(via.connection, Fault::Flood);
            // The unprocessed bytes of the peer are dropped.
            self.expel(node, via.peer);
        }
    }

    /// Returns the room for a new message in the cache of seen messages. Returns `None` if the message has to be refused,
    /// and counts the refusal.
    fn room_for(&mut self, message: &Message, sender: PeerId) -> Option<CacheRoom> {
        if let (Some(seqnos), Some(author), Some(seqno)) = (&self.seqnos, &message.source, message.seqno)
            && seqnos.is_outdated(author, seqno)
        {
            count!(self, &sender, outdated);
            return None;
        }
        let address = self.peers.get(&sender).and_then(|peer| peer.address);
        if let (Some(seqnos), Some(author)) = (&self.seqnos, &message.source)
            && !seqnos.has_room(author, self.bringer(sender))
        {
            self.counters.new_authors_refused.raise(1);
            return None;
        }
        let origin = MessageOrigin { author: message.source, sender: Some(sender), address, is_ours: false };
        match self.seen.room(&origin) {
            Ok(room) => return Some(room),
            Err(ExceededShare::Author) => {
                count!(self, &sender, author_over_share);
            }
            Err(ExceededShare::Sender) => {
                count!(self, &sender, sender_over_share);
            }
        }
        None
    }

    /// Records the sequence number of a delivered message, if the owner has set a validator of sequence numbers.
    pub(super) fn take_number(&mut self, message: &Message, sender: PeerId) {
        let by = self.bringer(sender);
        if let (Some(seqnos), Some(author), Some(seqno)) = (&mut self.seqnos, message.source, message.seqno) {
            seqnos.heard(author, seqno, by);
        }
    }

    /// Charges a peer for a message whose verification cost `cost` units of work. The units are subtracted from those that
    /// are left for the turn, and the peer is skipped `cost` - 1 times.
    pub(super) fn pays(&mut self, id: PeerId, cost: usize, left: &mut TurnLimits) {
        left.messages = left.messages.saturating_sub(cost);
        self.counters.work.raise(cost as u64);
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.debt = cost.saturating_sub(1);
            peer.counters.work.raise(cost as u64);
        }
    }

    /// Processes an encoded message that a peer has sent to us: delivers and forwards it, or refuses and counts it.
    pub(super) fn message(&mut self, node: &mut dyn Node, via: Via, bytes: Vec<u8>, left: &mut TurnLimits) {
        // The checks are in ascending order of their cost. Decoding and the lookups come first. The signature, which
        // costs 41 µs with Ed25519 and 13 times that with RSA of 8 192 bits, is verified only if all of these have
        // passed.
        let claim = match self.signing.open(&bytes) {
            Ok(mut claim) => {
                claim.id = self.message_id(&claim.message).unwrap_or(claim.id);
                claim
            }
            // A refused form is treated like a refused signature: it counts against the peer only if the peer is the author.
            Err(Invalid::Refused) if !names(&bytes, &via.peer) => {
                count!(self, &via.peer, refused);
                return;
            }
            Err(_) => {
                self.counters.invalid.raise(1);
                return self.invalid(node, via);
            }
        };
        if let Some(peer) = self.peers.get_mut(&via.peer) {
            self.places.speaks(&mut peer.place, self.now.unwrap_or_default());
        }
        if !self.subscriptions.contains(&claim.message.topic) {
            count!(self, &via.peer, unwanted);
            return self.router.declined(&claim.id);
        }
        if claim.message.source.is_some_and(|source| self.denied.contains(&source)) {
            count!(self, &via.peer, denied);
            return self.router.declined(&claim.id);
        }
        // A message that is known already costs no verification.
        let is_ours = self.author.is_some() && claim.message.source == self.author;
        let digest = Digest::of(&claim.id);
        let known = self.seen.number(&digest);
        let is_forwarded_late = known.is_some() && claim.is_forwardable && self.seen.is_held_back(&digest);
        if is_ours || known.is_some() && !is_forwarded_late {
            if known.is_none() {
                self.router.declined(&claim.id);
            }
            return self.duplicate(node, via, &claim, &digest, known);
        }
        // A message for which there is no room costs no verification either. It may be forged, but it is not accepted in any
        // case.
        // A message that is forwarded late has its room already. Its number was recorded when it was delivered, so the
        // validator of sequence numbers would refuse it now.
        let room = if known.is_none() { self.room_for(&claim.message, via.peer) } else { None };
        if known.is_none() && room.is_none() {
            self.router.declined(&claim.id);
            return node.count_refusals(via.connection, Refusal::MessageRefused, 1);
        }
        let Checked { cost, verdict } = claim.check(&bytes);
        self.pays(via.peer, cost, left);
        match verdict {
            Ok(()) => {}
            // Other implementations accept such a signature, so the forwarder may have acted in good faith. The author
            // has not.
            Err(Invalid::Refused) if claim.message.source != Some(via.peer) => {
                count!(self, &via.peer, refused);
                return self.router.declined(&claim.id);
            }
            Err(_) => {
                self.counters.invalid.raise(1);
                self.judged_invalid(via, &claim.message.topic, &claim.id);
                return self.invalid(node, via);
            }
        }
        // The message is remembered only now that its signature is valid. Its author and number can be guessed, so
        // whoever forges a message beforehand would otherwise have the genuine one refused as known, and forged messages
        // would fill the cache. It is remembered before the validator judges it, so that the validator is not asked again
        // when another peer sends the same message.
        let number = room.map(|room| self.seen.insert(digest, room, self.now)).or(known);
        if let (Some(peer), Some(number)) = (self.peers.get_mut(&via.peer), number) {
            peer.sent.mark(number, self.config.seen);
        }
        // Only now is the mesh told that we need no further copy (IDONTWANT). gossipsub 1.2 would tell it as soon as the id is
        // known; but then a peer that forges a message with the id of a genuine one, which can be guessed, would keep our
        // mesh from sending us the genuine one.
        if !is_forwarded_late {
            let (topic, id, size) = (&claim.message.topic, &claim.id, bytes.len());
            self.with_turn(node, |router, cx| router.arrived(&Arrival { peer: via.peer, topic, id }, size, cx));
        }
        let message = claim.message;
        // The mark is removed before the validator runs: a message that was held back is validated once more, and
        // whatever the verdict, not a third time.
        self.seen.let_go(&digest);
        let verdict = self.validator.as_mut().map_or(Verdict::Accept, |validator| validator(&via.peer, &message));
        let message = PendingMessage {
            via,
            message,
            bytes,
            is_forwardable: claim.is_forwardable,
            is_late: is_forwarded_late,
            others: Vec::new(),
        };
        match verdict {
            Verdict::Accept | Verdict::Ignore | Verdict::Reject => {
                self.settle(node, &claim.id, digest, message, verdict, false);
            }
            Verdict::Later => self.put_off(claim.id, digest, message),
        }
    }
}
