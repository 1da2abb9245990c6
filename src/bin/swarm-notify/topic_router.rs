//! [`TopicRouter`]: the router of the topic that a command joins: floodsub for `--floodsub`, gossipsub for `--gossipsub`.

use std::collections::BTreeSet;
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::identity::PeerId;
use swarm_notify::protocols::floodsub::FloodRouter;
use swarm_notify::protocols::gossipsub::MeshRouter;
use swarm_notify::protocols::pubsub::{
    Accepts, Arrival, Control, EncodedMessage, Judgement, MessageId, Outgoing, PubSub, Router, RouterPeer, Topic, Turn,
};

/// The pub/sub service of a command.
pub(crate) type TopicService = PubSub<TopicRouter>;

/// The topic that a command joins, and the protocol by which it is joined.
#[derive(Clone, Copy)]
pub(crate) struct JoinedTopic<'a> {
    pub(crate) name: &'a str,
    /// `true` for gossipsub, and `false` for floodsub.
    pub(crate) has_mesh: bool,
}

impl<'a> JoinedTopic<'a> {
    /// Returns the topic of the options `--floodsub` and `--gossipsub`, of which at most one is given.
    pub(crate) fn of(floodsub: Option<&'a String>, gossipsub: Option<&'a String>) -> Option<Self> {
        let joined = |has_mesh| move |name: &'a String| Self { name, has_mesh };
        floodsub.map(joined(false)).or_else(|| gossipsub.map(joined(true)))
    }

    /// Returns the option by which the topic is joined.
    pub(crate) const fn option(&self) -> &'static str {
        if self.has_mesh { "--gossipsub" } else { "--floodsub" }
    }
}

/// A router that floods, or one that keeps a mesh. One type for both keeps the rest of the command free of the choice.
pub(crate) enum TopicRouter {
    Flood(FloodRouter),
    Mesh(Box<MeshRouter>),
}

impl TopicRouter {
    /// Returns the peers in our mesh of a topic, or `None` if the router keeps no mesh.
    pub(crate) fn mesh(&self, topic: &str) -> Option<Vec<PeerId>> {
        match self {
            Self::Flood(_) => None,
            Self::Mesh(router) => Some(router.mesh_peers(topic).collect()),
        }
    }
}

/// Calls the same method of whichever router it is.
macro_rules! routed {
    ($self:ident, $router:ident => $call:expr) => {
        match $self {
            Self::Flood($router) => $call,
            Self::Mesh($router) => $call,
        }
    };
}

impl Router for TopicRouter {
    fn protocols(&self) -> Vec<Protocol> {
        routed!(self, router => router.protocols())
    }

    fn recipients(&mut self, outgoing: &Outgoing<'_>, subscribers: &BTreeSet<PeerId>, to: &mut Vec<PeerId>) {
        routed!(self, router => router.recipients(outgoing, subscribers, to));
    }

    fn peer_opened(&mut self, peer: &RouterPeer<'_>, cx: &mut Turn<'_>) {
        routed!(self, router => router.peer_opened(peer, cx));
    }

    fn peer_gone(&mut self, peer: PeerId, now: Duration) {
        routed!(self, router => router.peer_gone(peer, now));
    }

    fn subscribed(&mut self, peer: PeerId, topic: &Topic) {
        routed!(self, router => router.subscribed(peer, topic));
    }

    fn unsubscribed(&mut self, peer: PeerId, topic: &Topic, cx: &mut Turn<'_>) {
        routed!(self, router => router.unsubscribed(peer, topic, cx));
    }

    fn joined(&mut self, topic: &Topic, is_joined: bool) {
        routed!(self, router => router.joined(topic, is_joined));
    }

    fn accepts(&mut self, peer: PeerId) -> Accepts {
        routed!(self, router => router.accepts(peer))
    }

    fn control(&mut self, peer: PeerId, rpc: u64, entry: Control<'_>, cx: &mut Turn<'_>) {
        routed!(self, router => router.control(peer, rpc, entry, cx));
    }

    fn arrived(&mut self, arrival: &Arrival<'_>, size: usize, cx: &mut Turn<'_>) {
        routed!(self, router => router.arrived(arrival, size, cx));
    }

    fn declined(&mut self, id: &MessageId) {
        routed!(self, router => router.declined(id));
    }

    fn judged(&mut self, arrival: &Arrival<'_>, judgement: Judgement, now: Duration) {
        routed!(self, router => router.judged(arrival, judgement, now));
    }

    fn is_wanted(&self, peer: PeerId, message: &EncodedMessage) -> bool {
        routed!(self, router => router.is_wanted(peer, message))
    }

    fn poll_at(&self) -> Option<Duration> {
        routed!(self, router => router.poll_at())
    }

    fn tick(&mut self, cx: &mut Turn<'_>) {
        routed!(self, router => router.tick(cx));
    }

    fn held(&self) -> usize {
        routed!(self, router => router.held())
    }

    fn memory_bound(&self, peers: usize, topics: usize) -> usize {
        routed!(self, router => router.memory_bound(peers, topics))
    }
}
