//! The seam between pub/sub and its [`Router`]: the router is told what happens, and what it asks for is done.

use super::PubSub;
use super::control::Control;
use super::control_queue::MeshNews;
use super::counters::Counters;
use super::encoded_message::EncodedMessage;
use super::events::{Event, OwnerEvents};
use super::peer::{OutboundStream, Peer};
use super::quota::Quota;
use super::router::{Action, Actions, Router, RouterPeer, Turn};
use super::seen::Digest;
use crate::arithmetic::Count;
use crate::identity::PeerId;
use crate::lifecycle::{Direction, StreamId};
use crate::notifee::Node;
use crate::protocols::identify::PeerRecord;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use libp2p_core::Multiaddr;

/// What a router has asked for and what needs the node: it is done once the router has returned. The buffers keep their
/// memory.
#[derive(Default, Debug)]
pub(super) struct Asked {
    sends: Vec<(PeerId, Arc<EncodedMessage>)>,
    flushes: Vec<PeerId>,
    dials: Vec<Multiaddr>,
}

/// The receiver of a router's actions. Control messages are queued at once.
struct Acting<'a> {
    peers: &'a mut BTreeMap<PeerId, Peer>,
    records: &'a BTreeMap<PeerId, Vec<u8>>,
    control: &'a mut Quota,
    events: &'a mut OwnerEvents,
    counters: &'a mut Counters,
    asked: &'a mut Asked,
}

impl Acting<'_> {
    fn peer(&mut self, id: PeerId) -> Option<&mut Peer> {
        let peer = self.peers.get_mut(&id)?;
        if !core::mem::replace(&mut peer.is_to_flush, true) {
            self.asked.flushes.push(id);
        }
        Some(peer)
    }

    /// Queues an entry that may be dropped.
    fn queue(&mut self, id: PeerId, entry: &Arc<[u8]>, is_urgent: bool) {
        // Nothing is kept for a peer that accepts no stream of ours.
        let Some(peer) = self.peers.get_mut(&id).filter(|peer| peer.outbound != OutboundStream::Refused) else {
            return;
        };
        let is_queued = if is_urgent {
            peer.control.add_dont_want(entry, self.control)
        } else {
            peer.control.add_gossip(entry, self.control)
        };
        if is_queued {
            self.peer(id);
        } else {
            self.counters.control_dropped.raise(1);
        }
    }
}

impl Actions for Acting<'_> {
    fn act(&mut self, action: Action<'_>) {
        match action {
            Action::Graft { peer, topic, is_new } => {
                if let Some(state) = self.peer(peer) {
                    state.control.add_news(topic, MeshNews::Graft);
                }
                if is_new {
                    self.events.push(Event::Grafted { peer, topic: topic.clone() });
                }
            }
            Action::Prune { peer, topic, backoff, offered } => {
                let record = |id: &PeerId| (id.to_bytes(), self.records.get(id).cloned().unwrap_or_default());
                let offered = offered.iter().map(record).collect();
                if let Some(peer) = self.peer(peer) {
                    peer.control.add_news(topic, MeshNews::Prune { backoff, offered });
                }
            }
            Action::Grafted { peer, topic } => self.events.push(Event::Grafted { peer, topic: topic.clone() }),
            Action::Pruned { peer, topic } => self.events.push(Event::Pruned { peer, topic: topic.clone() }),
            Action::Gossip { peer, entry } => self.queue(peer, entry, false),
            Action::DontWant { peer, entry } => self.queue(peer, entry, true),
            Action::Extensions { peer } => {
                if let Some(peer) = self.peer(peer) {
                    peer.control.add_extensions();
                }
            }
            Action::Send { peer, message } => self.asked.sends.push((peer, message.clone())),
            Action::Dial { address } => self.asked.dials.push(address.clone()),
        }
    }

    fn room(&self, peer: PeerId) -> usize {
        let peer = self.peers.get(&peer).filter(|peer| peer.outbound != OutboundStream::Refused);
        peer.map_or(0, |peer| peer.control.room(self.control))
    }
}

impl<R: Router> PubSub<R> {
    /// Lets the router handle an input, and does what it asks for.
    pub(super) fn with_turn<T>(&mut self, node: &mut dyn Node, with: impl FnOnce(&mut R, &mut Turn<'_>) -> T) -> T {
        let Self { router, peers, records, control, events, counters, asked, subscribers, seen, .. } = self;
        let mut acting = Acting { peers, records, control, events, counters, asked };
        let mut turn = Turn {
            now: self.now.unwrap_or_default(),
            subscribers,
            is_seen: &|id| seen.number(&Digest::of_bytes(id)).is_some(),
            actions: &mut acting,
        };
        let done = with(router, &mut turn);
        self.do_asked(node);
        done
    }

    /// Does what the router has asked for.
    fn do_asked(&mut self, node: &mut dyn Node) {
        let mut asked = core::mem::take(&mut self.asked);
        for (peer, message) in asked.sends.drain(..) {
            self.send_asked(node, peer, &message);
        }
        for id in asked.flushes.drain(..) {
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.is_to_flush = false;
            }
            self.flush(node, id);
        }
        for address in asked.dials.drain(..) {
            if let Err(error) = node.dial(address) {
                log::debug!("pubsub: the router's dial was refused: {error}");
            }
        }
        self.asked = asked;
    }

    /// Keeps the signed record of a peer, with which a router that [offers
    /// peers](crate::protocols::gossipsub::Config::offer_peers) offers this one to others. Identify learns such records:
    /// [`Info::record`](crate::protocols::identify::Info). Returns `false`, and keeps nothing, if the peer is not a pub/sub
    /// peer. The record is forgotten with the peer.
    pub fn set_peer_record(&mut self, record: &PeerRecord) -> bool {
        let is_peer = self.peers.contains_key(&record.peer());
        if is_peer {
            self.records.insert(record.peer(), record.envelope().to_vec());
        }
        is_peer
    }

    /// Lets the router handle an entry of a peer's control message.
    pub(super) fn control(&mut self, node: &mut dyn Node, id: PeerId, rpc: u64, number: u32, body: &[u8]) {
        let Some(entry) = Control::decode(number, body) else { return };
        self.counters.control_entries.raise(1);
        self.with_turn(node, |router, cx| router.control(id, rpc, entry, cx));
    }

    /// Tells the router of a peer, by a stream whose protocol was agreed.
    pub(super) fn route_peer(&mut self, node: &mut dyn Node, id: PeerId, stream: StreamId) {
        let Some(protocol) = node.stream(stream).and_then(|view| view.protocol.cloned()) else { return };
        let connections = self.connections_of(id).filter_map(|connection| node.connection(connection));
        // Of several connections, one that we have dialed counts: whoever only dials us cannot have made it.
        let is_dialed = connections.map(|view| view.direction).any(|direction| direction == Direction::Outbound);
        let direction = if is_dialed { Direction::Outbound } else { Direction::Inbound };
        let first = self.connections_of(id).next().and_then(|connection| node.connection(connection));
        let has_address = self.peers.get(&id).is_some_and(|peer| peer.address.is_some());
        let address = first.filter(|_| has_address).map(|view| view.remote.clone());
        let peer = RouterPeer { peer: id, protocol: &protocol, direction, address: address.as_ref() };
        self.with_turn(node, |router, cx| router.peer_opened(&peer, cx));
    }
}
