//! The choice of the peers to which a message is sent: the mesh, the fanout, or all subscribers.

use super::router::MeshRouter;
use super::tables::{PeerIndex, TopicIndex};
use crate::identity::PeerId;
use crate::protocols::pubsub::Outgoing;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

impl MeshRouter {
    /// Appends the recipients of a message to `to`, and keeps the message for peers that will ask for it.
    pub(super) fn pick_recipients(
        &mut self,
        outgoing: &Outgoing<'_>,
        subscribers: &BTreeSet<PeerId>,
        to: &mut Vec<PeerId>,
    ) {
        self.history.add(outgoing.id, outgoing.topic, outgoing.message, self.beat);
        // A message that we publish ourselves needs not be sent to us by a peer that has advertised the same content.
        self.asked.arrived(&outgoing.message.digest());
        let is_ours = outgoing.sender.is_none();
        let topic = self.joined(outgoing.topic);
        let mut peers = core::mem::take(&mut self.scratch.recipients);
        peers.clear();
        let is_flooded = is_ours && self.config.flood_publish;
        if is_flooded || self.outside_mesh > 0 {
            self.add_subscribers(subscribers, is_flooded, &mut peers);
        }
        match topic {
            _ if is_flooded => {}
            Some(topic) => self.add_mesh(topic, is_ours, &mut peers),
            None => self.add_fanout(outgoing, subscribers, &mut peers),
        }
        let id = outgoing.message.digest().short();
        let wanted =
            peers.iter().filter_map(|peer| self.tables.peer(*peer)).filter(|peer| !peer.dont_want.contains(id));
        to.extend(wanted.map(|peer| peer.id));
        self.scratch.recipients = peers;
    }

    /// Appends the subscribers that are outside meshes or, if `is_flooded`, all of them. A peer below the publish threshold is
    /// left out unless it is a direct peer.
    fn add_subscribers(&mut self, subscribers: &BTreeSet<PeerId>, is_flooded: bool, to: &mut Vec<PeerIndex>) {
        let least = self.config.thresholds.publish;
        for peer in subscribers {
            if let Some(index) = self.tables.index_of(peer)
                && let Some(state) = self.tables.peer(index)
                && (is_flooded || state.is_outside_mesh())
                && self.has_score(index, least)
            {
                to.push(index);
            }
        }
    }

    /// Appends the mesh of a topic. If it is empty, a message of ours is sent to random subscribers: a node that has just
    /// subscribed, or that has been pruned by all its peers, could not publish otherwise.
    fn add_mesh(&mut self, topic: TopicIndex, is_ours: bool, to: &mut Vec<PeerIndex>) {
        let Some(state) = self.tables.topic(topic) else { return };
        to.extend(
            state.mesh.iter().filter(|peer| self.tables.peer(**peer).is_some_and(|peer| !peer.is_outside_mesh())),
        );
        if is_ours && state.mesh.is_empty() {
            let may = |peer: &PeerIndex| self.tables.peer(*peer).is_some_and(|peer| !peer.is_outside_mesh());
            let mut peers: Vec<_> = state
                .members
                .iter()
                .filter(|member| member.is_subscribed())
                .map(|member| member.peer)
                .filter(may)
                .collect();
            let least = self.config.thresholds.publish;
            peers.retain(|peer| self.score_of(*peer) >= least);
            self.sampler.choose(&mut peers, self.config.mesh);
            to.extend(peers.iter().take(self.config.mesh));
        }
    }

    /// Appends the peers to which our messages on a topic are sent while we do not subscribe to it.
    fn add_fanout(&mut self, outgoing: &Outgoing<'_>, subscribers: &BTreeSet<PeerId>, to: &mut Vec<PeerIndex>) {
        let mut peers = core::mem::take(self.fanout.publish(outgoing.topic));
        if peers.is_empty() {
            self.fill_fanout(&mut peers, subscribers);
        }
        // A peer that has become a direct peer since, or speaks only floodsub now, gets the message anyway.
        to.extend(peers.iter().filter(|peer| self.tables.peer(**peer).is_some_and(|peer| !peer.is_outside_mesh())));
        self.fanout.put_back(outgoing.topic, peers);
    }

    /// Adds random subscribers to the fanout of a topic until it has as many peers as a mesh.
    pub(super) fn fill_fanout(&mut self, peers: &mut Vec<PeerIndex>, subscribers: &BTreeSet<PeerId>) {
        let lacking = self.config.mesh.saturating_sub(peers.len());
        if lacking == 0 {
            return;
        }
        let least = self.config.thresholds.publish;
        let may = |peer: &PeerIndex| {
            !peers.contains(peer) && self.tables.peer(*peer).is_some_and(|peer| !peer.is_outside_mesh())
        };
        let mut others: Vec<_> = subscribers.iter().filter_map(|peer| self.tables.index_of(peer)).filter(may).collect();
        others.retain(|peer| self.score_of(*peer) >= least);
        self.sampler.choose(&mut others, lacking);
        peers.extend(others.iter().take(lacking));
    }
}
