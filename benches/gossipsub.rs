//! Messages of 1 KiB by gossipsub, beside rust-libp2p's: between two nodes, and in a mesh of twelve of which one publishes. All
//! nodes of a rival run on one thread, over TCP on loopback with Noise and Yamux, so that time is the CPU's. Without signatures
//! first: with them, both spend most of it on the same work. At the end, the memory of a peer in a topic.

mod support;

use futures::StreamExt as _;
use libp2p::gossipsub::{self as theirs, IdentTopic, MessageAuthenticity, ValidationMode};
use libp2p::swarm::SwarmEvent;
use libp2p::{noise, tcp as their_tcp, yamux};
use std::time::{Duration, Instant};
use support::{amount, compare, heap, rival};
use swarm_notify::identity::{Keypair, PeerId};
use swarm_notify::lifecycle::Direction;
use swarm_notify::notifee::{NotifeeId, Notifees};
use swarm_notify::protocols::gossipsub::{self, GossipSub, MeshRouter, PROTOCOL_1_2};
use swarm_notify::protocols::pubsub::{self, Action, Actions, Event, Router as _, RouterPeer, Signing, Topic, Turn};
use swarm_notify::swarm::{Config, Multiaddr};
use swarm_notify::tcp;
use tokio::runtime::{Builder, Runtime};

const TOPIC: &str = "bench";
/// How many messages are under way at a time.
const BATCH: usize = 32;

/// The content of a message. None is published twice.
fn content(number: u64) -> Vec<u8> {
    let mut data = vec![0x55; 1_024];
    data[..8].copy_from_slice(&number.to_be_bytes());
    data
}

struct OurNode {
    swarm: tcp::Swarm,
    notifees: Notifees<tcp::Swarm>,
    service: NotifeeId<GossipSub>,
    received: usize,
}

/// Nodes of ours, each connected with each other.
struct Ours {
    nodes: Vec<OurNode>,
    start: Instant,
    published: u64,
}

impl OurNode {
    fn new(number: u8, is_signed: bool) -> Self {
        let reactor = tcp::Reactor::new().expect("there are descriptors");
        let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
        let key = Keypair::ed25519_from_bytes([number; 32]).expect("any bytes are a key");
        let mut swarm =
            tcp::Swarm::with_reactor(reactor, transport, &key, [number; 32], Config::default()).expect("it signs");
        let mut notifees = Notifees::new();
        let signing = if is_signed { Signing::strict_sign(key, 1) } else { Signing::strict_no_sign() };
        let mut bounds = pubsub::Config::default();
        // The bench publishes more than one author may keep up for two minutes.
        (bounds.seen, bounds.seen_ttl) = (1 << 20, Duration::from_secs(60));
        bounds.messages_per_turn = 1_024;
        let service = GossipSub::new(signing, bounds, gossipsub::Config::default(), [number; 32]);
        let service = notifees.install(&mut swarm, service);
        notifees.get_mut(service).expect("it is installed").subscribe(&mut swarm, TOPIC).expect("there is room");
        Self { swarm, notifees, service, received: 0 }
    }

    fn turn(&mut self, now: Duration) {
        self.swarm.tick(now);
        self.notifees.drive(&mut self.swarm, now);
        self.swarm.flush_all(now);
        while let Some(event) = self.notifees.get_mut(self.service).and_then(GossipSub::next_event) {
            self.received += usize::from(matches!(event, Event::Message { .. }));
        }
    }
}

impl Ours {
    fn new(nodes: u8, is_signed: bool) -> Self {
        let nodes = (1..=nodes).map(|number| OurNode::new(number, is_signed)).collect();
        let mut ours = Self { nodes, start: Instant::now(), published: 0 };
        let mut addresses: Vec<Multiaddr> = Vec::new();
        for node in &mut ours.nodes {
            for address in &addresses {
                node.swarm.dial(address.clone()).expect("there is room");
            }
            let listener =
                node.swarm.listen("/ip4/127.0.0.1/tcp/0".parse().expect("it is an address")).expect("it listens");
            node.turn(Duration::ZERO);
            addresses.push(node.swarm.listener(listener).expect("it is open").addresses[0].clone());
        }
        let others = ours.nodes.len() - 1;
        ours.until(|nodes| {
            nodes.iter().all(|node| {
                let service = node.notifees.get(node.service).expect("it is installed");
                service.peers_of(TOPIC).count() == others && service.mesh_peers(TOPIC).count() >= others.min(5)
            })
        });
        ours
    }

    fn until(&mut self, is_so: impl Fn(&[OurNode]) -> bool) {
        while !is_so(&self.nodes) {
            let now = self.start.elapsed();
            self.nodes.iter_mut().for_each(|node| node.turn(now));
        }
    }

    /// Publishes messages at the first node until all others have them.
    fn run(&mut self, messages: usize) {
        let mut left = messages;
        while left > 0 {
            let batch = left.min(BATCH);
            left -= batch;
            self.nodes.iter_mut().for_each(|node| node.received = 0);
            for _ in 0..batch {
                self.published += 1;
                let first = &mut self.nodes[0];
                let service = first.notifees.get_mut(first.service).expect("it is installed");
                service.publish(&mut first.swarm, TOPIC, &content(self.published)).expect("it is published");
            }
            self.until(|nodes| nodes[1..].iter().all(|node| node.received == batch));
        }
    }
}

/// Nodes of rust-libp2p, each connected with each other, on one thread.
struct Theirs {
    runtime: Runtime,
    swarms: Vec<libp2p::Swarm<theirs::Behaviour>>,
    published: u64,
}

fn their_node(number: u8, is_signed: bool) -> libp2p::Swarm<theirs::Behaviour> {
    let keypair = libp2p::identity::Keypair::ed25519_from_bytes([number; 32]).expect("any bytes are a key");
    let builder = libp2p::SwarmBuilder::with_existing_identity(keypair.clone()).with_tokio();
    let tcp = their_tcp::Config::default().nodelay(true);
    let builder = builder.with_tcp(tcp, noise::Config::new, yamux::Config::default).expect("it is made");
    let mut config = theirs::ConfigBuilder::default();
    config.heartbeat_initial_delay(Duration::from_millis(100));
    let author = if is_signed {
        config.validation_mode(ValidationMode::Strict);
        MessageAuthenticity::Signed(keypair)
    } else {
        config.validation_mode(ValidationMode::Anonymous);
        // As ours: a SHA-256 hash of the content.
        config.message_id_fn(|message| {
            ring::digest::digest(&ring::digest::SHA256, &message.data).as_ref().to_vec().into()
        });
        MessageAuthenticity::Anonymous
    };
    let mut behaviour = theirs::Behaviour::new(author, config.build().expect("it is right")).expect("it is made");
    assert!(behaviour.subscribe(&IdentTopic::new(TOPIC)).expect("there is room"));
    let Ok(builder) = builder.with_behaviour(|_| behaviour);
    builder.with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(3_600))).build()
}

impl Theirs {
    fn new(nodes: u8, is_signed: bool) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("it is made");
        let swarms = runtime.block_on(async {
            let mut swarms: Vec<libp2p::Swarm<theirs::Behaviour>> = Vec::new();
            let mut addresses = Vec::new();
            for number in 1..=nodes {
                let mut swarm = their_node(number, is_signed);
                addresses.iter().for_each(|address: &libp2p::Multiaddr| swarm.dial(address.clone()).expect("it dials"));
                swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().expect("it is an address")).expect("it listens");
                let address = loop {
                    if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                        break address;
                    }
                };
                addresses.push(address);
                swarms.push(swarm);
            }
            swarms
        });
        let mut all = Self { runtime, swarms, published: 0 };
        let others = all.swarms.len() - 1;
        let topic = IdentTopic::new(TOPIC).hash();
        while !all.swarms.iter().all(|swarm| swarm.behaviour().mesh_peers(&topic).count() >= others.min(5)) {
            all.turn();
        }
        all
    }

    /// Lets any of them go on, and gives how many messages were received.
    fn turn(&mut self) -> usize {
        let Self { runtime, swarms, .. } = self;
        runtime.block_on(async {
            let mut any: futures::stream::SelectAll<_> = swarms.iter_mut().collect();
            let mut received = 0;
            let mut one = |event: Option<SwarmEvent<theirs::Event>>| {
                received += usize::from(matches!(event, Some(SwarmEvent::Behaviour(theirs::Event::Message { .. }))));
            };
            one(any.next().await);
            while let std::task::Poll::Ready(event) = futures::poll!(any.next()) {
                one(event);
            }
            received
        })
    }

    fn run(&mut self, messages: usize) {
        let mut left = messages;
        while left > 0 {
            let batch = left.min(BATCH);
            left -= batch;
            for _ in 0..batch {
                self.published += 1;
                let first = self.swarms[0].behaviour_mut();
                first.publish(IdentTopic::new(TOPIC), content(self.published)).expect("it is published");
            }
            let mut received = 0;
            while received < batch * (self.swarms.len() - 1) {
                received += self.turn();
            }
        }
    }
}

/// It does nothing of what a router asks for.
struct Idle;

impl Actions for Idle {
    fn act(&mut self, _action: Action<'_>) {}
}

/// The heap that a router takes for each of 1 000 peers in one more topic.
fn memory() -> usize {
    let peer = |number: u32| {
        let mut bytes = [0; 34];
        bytes[..2].copy_from_slice(&[0x12, 0x20]);
        bytes[2..6].copy_from_slice(&number.to_be_bytes());
        PeerId::from_bytes(&bytes).expect("it is a hash")
    };
    let topics: Vec<Topic> = (0..11).map(|number| format!("{number}").into()).collect();
    let all: std::collections::BTreeSet<_> = (0..1_000).map(peer).collect();
    let subscribers = topics.iter().map(|topic| (topic.clone(), all.clone())).collect();
    let mut router = MeshRouter::new(gossipsub::Config::default(), [1; 32]);
    let turn = |router: &mut MeshRouter, with: &mut dyn FnMut(&mut MeshRouter, &mut Turn<'_>)| {
        let mut turn = Turn { now: Duration::ZERO, subscribers: &subscribers, is_seen: &|_| false, actions: &mut Idle };
        with(router, &mut turn);
    };
    for number in 0..1_000 {
        let protocol = PROTOCOL_1_2;
        let info = RouterPeer::new(peer(number), &protocol, Direction::Inbound, None);
        turn(&mut router, &mut |router, cx| router.peer_opened(&info, cx));
    }
    router.joined(&topics[0], true);
    turn(&mut router, &mut |router, cx| router.tick(cx));
    let before = heap();
    topics[1..].iter().for_each(|topic| router.joined(topic, true));
    turn(&mut router, &mut |router, cx| router.tick(cx));
    (heap() - before) / 10_000
}

fn main() {
    for (title, nodes, is_signed, units) in [
        ("two nodes, unsigned", 2, false, 8_000),
        ("a mesh of twelve, unsigned", 12, false, 1_000),
        ("two nodes, signed", 2, true, 4_000),
    ] {
        let (mut ours, mut theirs) = (Ours::new(nodes, is_signed), Theirs::new(nodes, is_signed));
        let rivals = vec![rival("swarm-notify", |n| ours.run(n)), rival("rust-libp2p", |n| theirs.run(n))];
        compare(title, amount(units), rivals);
    }
    println!("a router takes {} bytes for a peer in a topic", memory());
}
