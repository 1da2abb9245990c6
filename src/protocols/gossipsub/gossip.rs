//! Gossip: messages are announced to peers outside the mesh (IHAVE), asked for (IWANT), and refused in advance (IDONTWANT).

use super::counters::count;
use super::router::MeshRouter;
use super::tables::{PeerIndex, TopicIndex, Version};
use crate::arithmetic::Count;
use crate::protocols::pubsub::control::encode;
use crate::protocols::pubsub::{Action, Arrival, Digest, Ids, MessageId, Topic, Turn};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The approximate maximum number of bytes of ids in one entry. rust-libp2p reads RPCs of at most 64 KiB, and ends the
/// stream of a longer one.
const ENTRY: usize = 8 * 1024;

/// The number of bytes that an entry needs beside its ids, at most: its key, its length, and what is counted for its place.
const HEAD: usize = 48;

impl MeshRouter {
    /// Handles an IHAVE: asks the peer for the messages that we have not seen and have not asked for.
    pub(super) fn ihave(&mut self, peer: PeerIndex, rpc: u64, name: &str, ids: Ids<'_>, cx: &mut Turn<'_>) {
        let most = self.config.ihave_rpcs;
        let Some(state) = self.tables.peer_mut(peer) else { return };
        if !state.usage.ihave.is_within(rpc, most) {
            count!(self, ihaves_ignored);
            return;
        }
        let asked = state.usage.asked;
        if self.joined(name).is_none() || !self.has_score(peer, self.config.thresholds.gossip) {
            count!(self, ihaves_ignored);
            return;
        }
        let Some(asker) = self.asker(peer) else { return };
        let room = self.config.ihave_ids.saturating_sub(asked).min(self.asked.room(asker, self.config.asked_ids));
        let until = cx.now.saturating_add(self.config.iwant_followup);
        let mut wanted: Vec<(Digest, &[u8])> = Vec::new();
        // What the IWANT has no room for is not asked for: an entry that is dropped would leave the peer with a promise of
        // which it does not know. A part of the room is for the heads of entries.
        let bytes = self.tables.peer(peer).map_or(0, |peer| cx.actions.room(peer.id));
        let mut bytes = bytes.saturating_sub(bytes / 64).saturating_sub(HEAD);
        // Not more ids are looked at than an honest peer sends in one entry, whatever their number is.
        for id in ids.take(self.config.ihave_ids) {
            if wanted.len() >= room {
                count!(self, ids_over_bound);
                break;
            }
            let digest = Digest::of_bytes(id);
            if !self.asked.is_open(&digest) && !(cx.is_seen)(id) {
                let Some(left) = bytes.checked_sub(encode::field_len(1, id.len())) else {
                    count!(self, ids_over_bound);
                    break;
                };
                bytes = left;
                self.asked.add(digest, asker, until);
                wanted.push((digest, id));
            }
        }
        if wanted.is_empty() {
            return;
        }
        if let Some((digest, _)) = wanted.get(self.sampler.below(wanted.len())) {
            self.asked.promise(digest);
        }
        if let Some(state) = self.tables.peer_mut(peer) {
            state.usage.asked.raise(wanted.len());
        }
        self.counters.iwant_ids.raise(wanted.len() as u64);
        self.send_ids(peer, 2, wanted.iter().map(|(_, id)| *id), cx);
    }

    /// Sends entries that consist of ids: IWANT (2) or IDONTWANT (5).
    fn send_ids<'a>(
        &self,
        peer: PeerIndex,
        number: u32,
        ids: impl Iterator<Item = &'a [u8]> + Clone,
        cx: &mut Turn<'_>,
    ) {
        let Some(peer) = self.tables.peer(peer).map(|peer| peer.id) else { return };
        in_parts(ids, |part| {
            let mut entry = Vec::new();
            encode::ids(number, part.iter().copied(), &mut entry);
            cx.actions.act(Action::Gossip { peer, entry: &entry.into() });
        });
    }

    /// Handles an IWANT: sends the messages that we have kept.
    pub(super) fn iwant(&mut self, peer: PeerIndex, ids: Ids<'_>, cx: &mut Turn<'_>) {
        if !self.has_score(peer, self.config.thresholds.gossip) {
            count!(self, iwants_ignored);
            return;
        }
        for id in ids {
            let Some(state) = self.tables.peer_mut(peer) else { return };
            state.usage.wanted.raise(1);
            if state.usage.wanted > self.config.iwant_ids || state.usage.sent >= self.config.iwant_bytes {
                count!(self, iwants_ignored);
                return;
            }
            let (to, serial) = (state.id, state.serial);
            let digest = Digest::of_bytes(id);
            // The peer has got the message from somebody else since it has asked for it.
            if state.dont_want.contains(digest.short()) {
                continue;
            }
            let Some(message) = self.history.take(&digest, serial, self.config.retransmissions) else { continue };
            state.usage.sent.raise(message.size());
            self.counters.iwant_sent.raise(1);
            cx.actions.act(Action::Send { peer: to, message });
        }
    }

    /// Handles an IDONTWANT: remembers the ids.
    pub(super) fn idontwant(&mut self, peer: PeerIndex, rpc: u64, ids: Ids<'_>) {
        let until = self.beat.saturating_add(self.config.idontwant_beats.into());
        let Some(state) = self.tables.peer_mut(peer) else { return };
        if !state.usage.idontwant.is_within(rpc, self.config.idontwant_rpcs) {
            count!(self, idontwants_ignored);
            return;
        }
        for id in ids {
            if !state.dont_want.add(Digest::of_bytes(id).short(), until, self.config.idontwant_ids) {
                count!(self, idontwants_ignored);
                return;
            }
        }
    }

    /// Tells the peers of a mesh that we have received a message, so that they need not send it to us.
    pub(super) fn tell_dont_want(&mut self, arrival: &Arrival<'_>, cx: &mut Turn<'_>) {
        let Some(topic) = self.joined(arrival.topic).and_then(|topic| self.tables.topic(topic)) else { return };
        let mut shared: Option<Arc<[u8]>> = None;
        for peer in &topic.mesh {
            let Some(peer) = self.tables.peer(*peer) else { continue };
            if peer.version >= Version::V1_2 && peer.id != arrival.peer {
                let entry = shared.get_or_insert_with(|| {
                    let mut entry = Vec::new();
                    encode::ids(5, core::iter::once(arrival.id.as_bytes()), &mut entry);
                    entry.into()
                });
                self.counters.idontwants.raise(1);
                cx.actions.act(Action::DontWant { peer: peer.id, entry });
            }
        }
    }

    /// Sends gossip about the latest messages of all topics, to random peers outside the meshes.
    pub(super) fn emit_gossip(&mut self, cx: &mut Turn<'_>) {
        let mut ids = core::mem::take(&mut self.scratch.ids);
        ids.clear();
        self.history.gossip(self.beat, &mut ids);
        // Ids of one topic stand together, in random order if there are too many of them.
        ids.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        for of_topic in ids.chunk_by_mut(|(one, _), (other, _)| one == other) {
            let Some(name) = of_topic.first().map(|(topic, _)| topic.clone()) else { continue };
            let most = self.config.ihave_ids.min(of_topic.len());
            self.sampler.choose(of_topic, most);
            if let Some(of_topic) = of_topic.get(..most) {
                self.gossip_about(&name, of_topic, cx);
            }
        }
        ids.clear();
        self.scratch.ids = ids;
    }

    fn gossip_about(&mut self, name: &Topic, ids: &[(Topic, MessageId)], cx: &mut Turn<'_>) {
        let mut peers = core::mem::take(&mut self.scratch.peers);
        peers.clear();
        match self.joined(name) {
            Some(topic) => self.gossip_peers_of(topic, &mut peers),
            None => self.gossip_peers_outside(name, &mut peers, cx),
        }
        let least = self.config.thresholds.gossip;
        peers.retain(|peer| self.score_of(*peer) >= least);
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let share = (self.config.gossip_factor.clamp(0.0, 1.0) * peers.len() as f64) as usize;
        let most = share.max(self.config.gossip_peers);
        self.sampler.choose(&mut peers, most);
        peers.truncate(most);
        if !peers.is_empty() {
            in_parts(ids.iter().map(|(_, id)| id.as_bytes()), |part| {
                let mut entry = Vec::new();
                encode::ihave(name, part.iter().copied(), &mut entry);
                let entry = entry.into();
                for peer in peers.iter().filter_map(|peer| self.tables.peer(*peer)) {
                    cx.actions.act(Action::Gossip { peer: peer.id, entry: &entry });
                }
            });
            self.counters.ihave_peers.raise(peers.len() as u64);
        }
        self.scratch.peers = peers;
    }

    /// Appends the peers outside the mesh of a topic to which gossip may be sent.
    fn gossip_peers_of(&self, topic: TopicIndex, to: &mut Vec<PeerIndex>) {
        let members = self.tables.topic(topic).into_iter().flat_map(|topic| &topic.members);
        let outside = members.filter(|member| member.is_subscribed() && !member.is_in_mesh);
        let may = |peer: &PeerIndex| self.tables.peer(*peer).is_some_and(|peer| !peer.is_outside_mesh());
        to.extend(outside.map(|member| member.peer).filter(may));
    }

    /// Appends the subscribers of a topic that we do not subscribe to, except those to which our messages are sent.
    fn gossip_peers_outside(&mut self, name: &Topic, to: &mut Vec<PeerIndex>, cx: &Turn<'_>) {
        let subscribers = cx.subscribers.get(name).into_iter().flatten();
        let fanout = self.fanout.of(name);
        let may = |peer: &PeerIndex| {
            !fanout.contains(peer) && self.tables.peer(*peer).is_some_and(|peer| !peer.is_outside_mesh())
        };
        to.extend(subscribers.filter_map(|peer| self.tables.index_of(peer)).filter(may));
    }
}

/// Calls `with` for consecutive parts of `ids`, each of which has at most about [`ENTRY`] bytes.
fn in_parts<'a>(ids: impl Iterator<Item = &'a [u8]>, mut with: impl FnMut(&[&'a [u8]])) {
    let (mut part, mut bytes) = (Vec::new(), 0_usize);
    for id in ids {
        let cost = id.len().saturating_add(3);
        if bytes.saturating_add(cost) > ENTRY && !part.is_empty() {
            with(&part);
            part.clear();
            bytes = 0;
        }
        part.push(id);
        bytes.raise(cost);
    }
    if !part.is_empty() {
        with(&part);
    }
}
