//! [`Sim`]: many routers in virtual time, on links with a latency, without streams. A seed determines everything.
//!
//! Nodes are honest, with a [`MeshRouter`], or play a [`Role`] without one. There is one topic. A message arrives, is validated
//! for a while, and is then forwarded. The time of a link is its latency: it has no bandwidth.

mod actions;

use crate::sim::actions::{Recorder, Rpc, fake_ids};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use swarm_notify::identity::PeerId;
use swarm_notify::lifecycle::Direction;
use swarm_notify::protocols::gossipsub::{Config, MeshRouter, PROTOCOL_1_2};
use swarm_notify::protocols::pubsub::{
    Accepts, Arrival, Control, EncodedMessage, Judgement, MessageId, Outgoing, Router, RouterPeer, Topic, Turn,
};

/// What a node does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Honest,
    /// It accepts each GRAFT and sends some itself, forwards nothing, and sends IHAVE of messages that there are not.
    Sybil,
    /// It sends GRAFTs and forwards nothing.
    Silent,
    /// It sends invalid messages to all its peers, ten in each second.
    Spammer,
}

/// How the network is.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) seed: u64,
    pub(crate) config: Config,
    /// The shortest and the longest latency of a link.
    pub(crate) latency: (Duration, Duration),
    pub(crate) validation: Duration,
    /// The length of a message.
    pub(crate) size: usize,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Tick(u32),
    Arrive { from: u32, to: u32, rpc: Rpc },
    Validated { at: u32, from: u32, message: u32 },
    Publish { at: u32 },
}

struct Message {
    encoded: Arc<EncodedMessage>,
    published: Duration,
    author: u32,
    is_valid: bool,
    /// When each node has got it first, and by how many hops.
    got: HashMap<u32, (Duration, u32)>,
}

struct Seen {
    judgement: Option<(Judgement, Duration)>,
    others: Vec<u32>,
}

struct SimNode {
    role: Role,
    router: MeshRouter,
    subscribers: BTreeMap<Topic, BTreeSet<PeerId>>,
    seen: HashMap<u32, Seen>,
    links: Vec<u32>,
    ticks_at: Duration,
    is_gone: bool,
    /// How many messages it has verified, and how many it has forwarded or published, a count for each peer.
    pub(crate) verified: u64,
    pub(crate) sends: u64,
    /// How many of the sends were asked for.
    pub(crate) asked: u64,
    /// How many of the messages of each peer it has verified.
    verified_of: HashMap<u32, u64>,
}

/// Many nodes on one network.
pub(crate) struct Sim {
    setup: Setup,
    pub(crate) now: Duration,
    queue: BinaryHeap<Reverse<(Duration, u64, What)>>,
    sequence: u64,
    random: u64,
    nodes: Vec<SimNode>,
    numbers: HashMap<PeerId, u32>,
    messages: Vec<Message>,
    topic: Topic,
}

pub(crate) fn peer(number: u32) -> PeerId {
    let mut bytes = [0; 34];
    bytes[..2].copy_from_slice(&[0x12, 0x20]);
    bytes[2..6].copy_from_slice(&number.wrapping_mul(0x9e37_79b1).to_be_bytes());
    bytes[6..10].copy_from_slice(&number.to_be_bytes());
    PeerId::from_bytes(&bytes).expect("it is a hash")
}

fn id_of(message: u32) -> MessageId {
    message.to_be_bytes().to_vec().into()
}

fn message_of(id: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(id.try_into().ok()?))
}

impl Sim {
    pub(crate) fn new(setup: Setup) -> Self {
        Self {
            random: setup.seed,
            setup,
            now: Duration::ZERO,
            queue: BinaryHeap::new(),
            sequence: 0,
            nodes: Vec::new(),
            numbers: HashMap::new(),
            messages: Vec::new(),
            topic: "news".into(),
        }
    }

    /// A network of honest nodes, of which each has dialed `dials` random others.
    pub(crate) fn honest(setup: Setup, nodes: u32, dials: u32) -> Self {
        let mut sim = Self::new(setup);
        (0..nodes).for_each(|_| _ = sim.add(Role::Honest));
        for from in 0..nodes {
            (0..dials.min(nodes - 1)).for_each(|_| sim.dial_random(from, 0..nodes));
        }
        sim
    }

    pub(crate) fn below(&mut self, end: u32) -> u32 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.random;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word >> 33) % u64::from(end.max(1))) as u32
    }

    fn push(&mut self, at: Duration, what: What) {
        self.sequence += 1;
        self.queue.push(Reverse((at, self.sequence, what)));
    }

    pub(crate) fn add(&mut self, role: Role) -> u32 {
        let number = self.nodes.len() as u32;
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&(self.setup.seed ^ u64::from(number) << 32).to_be_bytes());
        // Heartbeats of different nodes do not coincide.
        let mut config = self.setup.config.clone();
        config.first_heartbeat += Duration::from_micros(u64::from(self.below(1_000_000)));
        let mut router = MeshRouter::new(config, seed);
        router.joined(&self.topic, true);
        self.numbers.insert(peer(number), number);
        let starts = self.now;
        self.nodes.push(SimNode {
            role,
            router,
            subscribers: BTreeMap::new(),
            seen: HashMap::new(),
            links: Vec::new(),
            ticks_at: starts,
            is_gone: false,
            verified: 0,
            sends: 0,
            asked: 0,
            verified_of: HashMap::new(),
        });
        // A node has joined before its peers know that it subscribes.
        self.tick(number);
        number
    }

    fn dial_random(&mut self, from: u32, among: std::ops::Range<u32>) {
        for _ in 0..100 {
            let to = among.start + self.below(among.end - among.start);
            if to != from && !self.nodes[to as usize].is_gone && !self.nodes[from as usize].links.contains(&to) {
                return self.connect(from, to);
            }
        }
    }

    pub(crate) fn dial_some(&mut self, from: u32, among: std::ops::Range<u32>, count: u32) {
        (0..count).for_each(|_| self.dial_random(from, among.clone()));
    }

    /// Has a random node dial this one.
    pub(crate) fn dialed_by_some(&mut self, to: u32, among: std::ops::Range<u32>) {
        for _ in 0..100 {
            let from = among.start + self.below(among.end - among.start);
            if !self.nodes[to as usize].links.contains(&from) {
                return self.connect(from, to);
            }
        }
    }

    /// Connects two nodes; the first has dialed.
    pub(crate) fn connect(&mut self, from: u32, to: u32) {
        for (one, other, direction) in [(from, to, Direction::Outbound), (to, from, Direction::Inbound)] {
            self.nodes[one as usize].links.push(other);
            let protocol = PROTOCOL_1_2;
            let info = RouterPeer::new(peer(other), &protocol, direction, None);
            self.turn(one, |router, cx| router.peer_opened(&info, cx));
            let topic = self.topic.clone();
            let node = &mut self.nodes[one as usize];
            node.subscribers.entry(topic.clone()).or_default().insert(peer(other));
            node.router.subscribed(peer(other), &topic);
        }
    }

    /// A node is gone, and its peers notice at once.
    pub(crate) fn remove(&mut self, number: u32) {
        let (now, topic) = (self.now, self.topic.clone());
        self.nodes[number as usize].is_gone = true;
        for other in core::mem::take(&mut self.nodes[number as usize].links) {
            let node = &mut self.nodes[other as usize];
            node.links.retain(|link| *link != number);
            node.subscribers.entry(topic.clone()).or_default().remove(&peer(number));
            node.router.peer_gone(peer(number), now);
        }
    }

    /// The latency between two nodes, the same each time and in both directions.
    fn latency(&self, one: u32, other: u32) -> Duration {
        let (least, most) = self.setup.latency;
        let (low, high) = (one.min(other), one.max(other));
        let mut word = (u64::from(low) << 32 | u64::from(high)) ^ self.setup.seed;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let span = (most - least).as_micros() as u64;
        least + Duration::from_micros((word >> 20) % (span + 1))
    }

    /// Lets the router of a node handle something, and sends what it asks for.
    fn turn<A>(&mut self, at: u32, with: impl FnOnce(&mut MeshRouter, &mut Turn<'_>) -> A) -> A {
        let mut asked = Vec::new();
        let node = &mut self.nodes[at as usize];
        let SimNode { router, subscribers, seen, .. } = node;
        let is_seen = |id: &[u8]| message_of(id).is_some_and(|message| seen.contains_key(&message));
        let mut recorder = Recorder(&mut asked);
        let mut turn = Turn { now: self.now, subscribers, is_seen: &is_seen, actions: &mut recorder };
        let done = with(router, &mut turn);
        for (to, rpc) in asked {
            let to = self.numbers[&to];
            if matches!(rpc, Rpc::Message(_)) {
                self.nodes[at as usize].asked += 1;
            }
            self.send(at, to, rpc);
        }
        done
    }

    fn send(&mut self, from: u32, to: u32, rpc: Rpc) {
        let at = self.now + self.latency(from, to);
        self.push(at, What::Arrive { from, to, rpc });
    }

    /// Has a node publish a message at a time.
    pub(crate) fn publish_at(&mut self, at: u32, time: Duration) {
        self.push(time, What::Publish { at });
    }

    pub(crate) fn run_until(&mut self, end: Duration) {
        while let Some(Reverse((at, _, _))) = self.queue.peek()
            && *at <= end
            && let Some(Reverse((at, _, what))) = self.queue.pop()
        {
            self.now = at;
            self.step(what);
        }
        self.now = end;
    }

    fn step(&mut self, what: What) {
        match what {
            What::Tick(at) => self.tick(at),
            What::Publish { at } => self.publish(at, true),
            What::Validated { at, from, message } => self.validated(at, from, message),
            What::Arrive { from, to, rpc } => {
                let node = &self.nodes[to as usize];
                if node.is_gone || !node.links.contains(&from) {
                    return;
                }
                match (node.role, rpc) {
                    (Role::Honest, Rpc::Message(message)) => self.arrive(from, to, message),
                    (Role::Honest, Rpc::Control(rpc, field, body)) => self.control(from, to, (rpc, field), &body),
                    _ => {}
                }
            }
        }
    }

    fn control(&mut self, from: u32, to: u32, (rpc, field): (u64, u32), body: &[u8]) {
        if self.nodes[to as usize].router.accepts(peer(from)) == Accepts::All {
            let entry = Control::decode(field, body).expect("it is encoded well");
            self.turn(to, |router, cx| router.control(peer(from), rpc, entry, cx));
        }
    }

    fn tick(&mut self, at: u32) {
        if self.nodes[at as usize].is_gone {
            return;
        }
        match self.nodes[at as usize].role {
            Role::Honest => {
                self.turn(at, Router::tick);
                let node = &mut self.nodes[at as usize];
                node.ticks_at = node.router.poll_at().expect("there is a heartbeat").max(self.now);
                self.push(self.nodes[at as usize].ticks_at, What::Tick(at));
            }
            role @ (Role::Sybil | Role::Silent) => {
                let (links, sequence) = (self.nodes[at as usize].links.clone(), self.sequence);
                for link in links {
                    self.send(at, link, Rpc::graft(&self.topic));
                    if role == Role::Sybil {
                        self.send(at, link, Rpc::Control(sequence, 1, fake_ids(&self.topic, sequence).into()));
                    }
                }
                self.push(self.now + Duration::from_secs(1), What::Tick(at));
            }
            Role::Spammer => {
                (0..10).for_each(|_| self.publish(at, false));
                self.push(self.now + Duration::from_secs(1), What::Tick(at));
            }
        }
    }

    fn publish(&mut self, at: u32, is_valid: bool) {
        let number = self.messages.len() as u32;
        let frame = vec![0; self.setup.size].into();
        let encoded = EncodedMessage::new(u64::from(number) + 1, &id_of(number), Some(peer(at)), frame);
        let message = Message { encoded, published: self.now, author: at, is_valid, got: HashMap::new() };
        self.messages.push(message);
        self.nodes[at as usize].seen.insert(number, Seen { judgement: None, others: Vec::new() });
        if is_valid {
            self.forward(at, number, None);
        } else {
            let links = self.nodes[at as usize].links.clone();
            links.into_iter().for_each(|link| self.send(at, link, Rpc::Message(number)));
        }
    }

    fn forward(&mut self, at: u32, message: u32, sender: Option<u32>) {
        let (id, topic) = (id_of(message), self.topic.clone());
        let Message { encoded, author, .. } = &self.messages[message as usize];
        let (encoded, author) = (encoded.clone(), *author);
        let outgoing = Outgoing::new(&topic, &id, &encoded, Some(peer(author)), sender.map(peer));
        let node = &mut self.nodes[at as usize];
        let mut to = Vec::new();
        let none = BTreeSet::new();
        node.router.recipients(&outgoing, node.subscribers.get(&topic).unwrap_or(&none), &mut to);
        for recipient in to {
            let recipient = self.numbers[&recipient];
            if recipient != author && Some(recipient) != sender {
                self.nodes[at as usize].sends += 1;
                self.send(at, recipient, Rpc::Message(message));
            }
        }
    }

    fn arrive(&mut self, from: u32, at: u32, message: u32) {
        if self.nodes[at as usize].router.accepts(peer(from)) != Accepts::All {
            return;
        }
        let (id, topic, now) = (id_of(message), self.topic.clone(), self.now);
        let arrival = Arrival::new(peer(from), &topic, &id);
        let node = &mut self.nodes[at as usize];
        if let Some(seen) = node.seen.get_mut(&message) {
            match seen.judgement {
                None => seen.others.push(from),
                Some((Judgement::First, settled)) => {
                    node.router.judged(&arrival, Judgement::Repeated { after: now - settled }, now);
                }
                Some((judgement, _)) => node.router.judged(&arrival, judgement, now),
            }
            return;
        }
        node.seen.insert(message, Seen { judgement: None, others: Vec::new() });
        node.verified += 1;
        *node.verified_of.entry(from).or_default() += 1;
        let Message { author, is_valid, got, .. } = &mut self.messages[message as usize];
        let hops = if *author == from { 1 } else { got.get(&from).map_or(1, |(_, hops)| hops + 1) };
        got.insert(at, (now, hops));
        if *is_valid {
            let size = self.setup.size;
            self.turn(at, |router, cx| router.arrived(&arrival, size, cx));
        }
        self.push(now + self.setup.validation, What::Validated { at, from, message });
    }

    fn validated(&mut self, at: u32, from: u32, message: u32) {
        let is_valid = self.messages[message as usize].is_valid;
        let first = if is_valid { Judgement::First } else { Judgement::Rejected };
        let other = if is_valid { Judgement::Repeated { after: Duration::ZERO } } else { Judgement::Rejected };
        let (id, topic, now) = (id_of(message), self.topic.clone(), self.now);
        let node = &mut self.nodes[at as usize];
        if node.is_gone {
            return;
        }
        let seen = node.seen.get_mut(&message).expect("it has arrived");
        seen.judgement = Some((first, now));
        let others = core::mem::take(&mut seen.others);
        node.router.judged(&Arrival::new(peer(from), &topic, &id), first, now);
        for from in others {
            node.router.judged(&Arrival::new(peer(from), &topic, &id), other, now);
        }
        if is_valid {
            self.forward(at, message, Some(from));
        }
    }

    // ---- what there is to look at ----

    pub(crate) fn mesh(&self, at: u32) -> Vec<u32> {
        self.nodes[at as usize].router.mesh_peers(&self.topic).map(|id| self.numbers[&id]).collect()
    }

    pub(crate) fn role(&self, number: u32) -> Role {
        self.nodes[number as usize].role
    }

    pub(crate) fn is_there(&self, number: u32) -> bool {
        !self.nodes[number as usize].is_gone
    }

    pub(crate) fn router(&mut self, at: u32) -> &mut MeshRouter {
        &mut self.nodes[at as usize].router
    }

    pub(crate) fn sends(&self) -> u64 {
        self.nodes.iter().filter(|node| node.role == Role::Honest).map(|node| node.sends).sum()
    }

    /// How many messages were sent because a peer had asked for them.
    pub(crate) fn asked(&self) -> u64 {
        self.nodes.iter().map(|node| node.asked).sum()
    }

    /// How many messages of a peer a node has verified.
    pub(crate) fn verified_of(&self, at: u32, from: u32) -> u64 {
        self.nodes[at as usize].verified_of.get(&from).copied().unwrap_or(0)
    }

    /// Of each valid message that was published since `since`: when each node of `among` got it after that, and by how many hops;
    /// `None` if it did not.
    pub(crate) fn deliveries(&self, since: Duration, among: &[u32]) -> Vec<Option<(Duration, u32)>> {
        let messages = self.messages.iter().filter(|message| message.is_valid && message.published >= since);
        let of = |message: &Message| {
            let others: Vec<_> = among.iter().filter(|node| **node != message.author).collect();
            others
                .into_iter()
                .map(|node| message.got.get(node).map(|(at, hops)| (*at - message.published, *hops)))
                .collect::<Vec<_>>()
        };
        messages.flat_map(of).collect()
    }
}
