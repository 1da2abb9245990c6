//! Nodes of ours with gossipsub on real sockets: streams that are reset, several connections, and who subscribes late.

use crate::support::sleep::{Sleeper, sleep};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, Instant};
use swarm_notify::identity::{Keypair, PeerId};
use swarm_notify::lifecycle::{Direction, StreamId};
use swarm_notify::notifee::{NotifeeId, Notifees};
use swarm_notify::protocols::gossipsub::{self, GossipSub, PROTOCOL_1_2};
use swarm_notify::protocols::pubsub::{self, Event, Signing};
use swarm_notify::swarm::{Config, Multiaddr};
use swarm_notify::tcp;

const TOPIC: &str = "news";
/// Nothing here takes as long.
const LIMIT: Duration = Duration::from_secs(60);

struct Node {
    swarm: tcp::Swarm,
    notifees: Notifees<tcp::Swarm>,
    service: NotifeeId<GossipSub>,
    events: Vec<Event>,
    start: Instant,
}

impl Node {
    fn new(number: u8) -> Self {
        let reactor = tcp::Reactor::new().unwrap();
        let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
        let key = Keypair::ed25519_from_bytes([number; 32]).unwrap();
        let mut swarm = tcp::Swarm::with_reactor(reactor, transport, &key, [number; 32], Config::default()).unwrap();
        let mut notifees = Notifees::new();
        let signing = Signing::strict_sign(key, 1);
        let service = GossipSub::new(signing, pubsub::Config::default(), gossipsub::Config::default(), [number; 32]);
        let service = notifees.install(&mut swarm, service);
        Self { swarm, notifees, service, events: Vec::new(), start: Instant::now() }
    }

    fn service(&mut self) -> &mut GossipSub {
        self.notifees.get_mut(self.service).unwrap()
    }

    fn subscribe(&mut self) {
        assert_eq!(self.notifees.get_mut(self.service).unwrap().subscribe(&mut self.swarm, TOPIC), Ok(true));
    }

    fn publish(&mut self, data: &str) {
        self.notifees.get_mut(self.service).unwrap().publish(&mut self.swarm, TOPIC, data.as_bytes()).unwrap();
    }

    fn listen(&mut self) -> Multiaddr {
        let listener = self.swarm.listen("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
        self.turn();
        self.swarm.listener(listener).unwrap().addresses[0].clone()
    }

    fn mesh(&self) -> Vec<PeerId> {
        self.notifees.get(self.service).unwrap().mesh_peers(TOPIC).collect()
    }

    /// Our streams to peers on which messages are sent.
    fn outbound(&self) -> Vec<StreamId> {
        let connections = self.swarm.connections().collect::<Vec<_>>();
        let streams = connections.into_iter().flat_map(|connection| self.swarm.streams_of(connection));
        let is_ours = |stream: &StreamId| {
            let view = self.swarm.stream(*stream).unwrap();
            view.direction == Direction::Outbound && view.protocol == Some(&PROTOCOL_1_2)
        };
        streams.filter(is_ours).collect()
    }

    fn turn(&mut self) {
        let now = self.start.elapsed();
        self.swarm.tick(now);
        self.notifees.drive(&mut self.swarm, now);
        self.swarm.flush_all(now);
        while let Some(event) = self.notifees.get_mut(self.service).unwrap().next_event() {
            self.events.push(event);
        }
    }

    fn has_message(&self, text: &str) -> bool {
        self.events
            .iter()
            .any(|event| matches!(event, Event::Message { message, .. } if message.data == text.as_bytes()))
    }

    fn count(&self, is_it: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| is_it(event)).count()
    }
}

impl Sleeper for Node {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.swarm.as_fd()
    }

    fn left(&self) -> Option<Duration> {
        let next = [self.swarm.poll_at(), self.notifees.poll_at()].into_iter().flatten().min();
        next.map(|at| at.saturating_sub(self.start.elapsed()))
    }
}

/// Drives the nodes until it is so. They sleep until a socket is ready or the time of `poll_at` has come, and no longer.
#[track_caller]
fn until(nodes: &mut [Node], mut is_so: impl FnMut(&mut [Node]) -> bool) {
    let limit = Instant::now() + LIMIT;
    loop {
        nodes.iter_mut().for_each(Node::turn);
        if is_so(nodes) {
            return;
        }
        let sleepers: Vec<_> = nodes.iter().map(|node| node as &dyn Sleeper).collect();
        let events = nodes.iter().map(|node| &node.events).collect::<Vec<_>>();
        assert!(sleep(&sleepers, limit), "it takes too long: {events:#?}");
    }
}

/// Two nodes in each other's mesh, and the address of the second.
fn meshed() -> ([Node; 2], Multiaddr) {
    let mut nodes = [Node::new(1), Node::new(2)];
    let address = nodes[1].listen();
    nodes[0].swarm.dial(address.clone()).unwrap();
    nodes.iter_mut().for_each(Node::subscribe);
    until(&mut nodes, |nodes| nodes.iter().all(|node| node.mesh().len() == 1));
    (nodes, address)
}

#[test]
fn two_nodes_graft_each_other_and_exchange_messages() {
    let (mut nodes, _) = meshed();
    let peers = [nodes[0].swarm.local_peer(), nodes[1].swarm.local_peer()];
    for (node, peer) in nodes.iter().zip([peers[1], peers[0]]) {
        assert_eq!(node.count(|event| matches!(event, Event::Grafted { peer: grafted, .. } if *grafted == peer)), 1);
    }
    nodes[0].publish("from one");
    nodes[1].publish("from two");
    until(&mut nodes, |nodes| nodes[0].has_message("from two") && nodes[1].has_message("from one"));
}

/// Report 20: js #456, #398, #3531, jvm #528.
#[test]
fn a_stream_that_is_reset_loses_no_peer_and_no_mesh() {
    let (mut nodes, _) = meshed();
    for _ in 0..2 {
        let stream = nodes[0].outbound()[0];
        nodes[0].swarm.reset(stream).unwrap();
        nodes[0].publish("while there is no stream");
        until(&mut nodes, |nodes| nodes[0].outbound().iter().any(|other| *other != stream));
    }
    until(&mut nodes, |nodes| nodes[1].has_message("while there is no stream"));
    nodes[1].publish("the other way");
    until(&mut nodes, |nodes| nodes[0].has_message("the other way"));
    for node in &nodes {
        assert_eq!(node.count(|event| matches!(event, Event::PeerGone { .. } | Event::Pruned { .. })), 0);
        assert_eq!(node.count(|event| matches!(event, Event::Grafted { .. })), 1);
        assert_eq!(node.mesh().len(), 1);
    }
}

/// Report 21: rust #2702.
#[test]
fn one_of_two_connections_may_end() {
    let (mut nodes, address) = meshed();
    let first = nodes[0].swarm.connections().next().unwrap();
    let second = nodes[0].swarm.dial(address).unwrap();
    until(&mut nodes, |nodes| nodes[0].swarm.connection(second).is_some_and(|view| view.peer.is_some()));
    for (round, connection) in [first, second].into_iter().enumerate() {
        nodes[0].swarm.close_connection(connection).unwrap();
        if round == 0 {
            until(&mut nodes, |nodes| nodes.iter().all(|node| node.swarm.connections().count() == 1));
            nodes[0].publish("on the other");
            nodes[1].publish("and back");
            until(&mut nodes, |nodes| nodes[1].has_message("on the other") && nodes[0].has_message("and back"));
            assert!(nodes.iter().all(|node| node.mesh().len() == 1));
        }
    }
    let is_gone = |node: &Node| node.count(|event| matches!(event, Event::PeerGone { .. })) == 1;
    until(&mut nodes, |nodes| nodes.iter().all(is_gone));
    assert!(nodes.iter().all(|node| node.mesh().is_empty()));
}

/// A node that is connected to one of a chain only gets what is published at the other end.
#[test]
fn messages_cross_a_chain_and_reach_who_comes_late() {
    let mut nodes = [Node::new(1), Node::new(2), Node::new(3), Node::new(4)];
    for at in 1..4 {
        let address = nodes[at].listen();
        nodes[at - 1].swarm.dial(address).unwrap();
    }
    nodes[..3].iter_mut().for_each(Node::subscribe);
    until(&mut nodes, |nodes| nodes[1].mesh().len() == 2);
    nodes[0].publish("early");
    until(&mut nodes, |nodes| nodes[2].has_message("early"));
    nodes[3].subscribe();
    // Gossip brings what was published in the last seconds.
    until(&mut nodes, |nodes| nodes[2].mesh().len() == 2 && nodes[3].mesh().len() == 1);
    nodes[0].publish("late");
    until(&mut nodes, |nodes| nodes[3].has_message("late"));
    nodes[3].publish("back");
    until(&mut nodes, |nodes| nodes[0].has_message("back"));
    let counters = nodes[1].service().counters();
    assert_eq!((counters.invalid, counters.dropped), (0, 0));
}
