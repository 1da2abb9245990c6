//! [`One`]: a router by itself, with peers that do what a test says, and a record of what it asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::identity::{Keypair, PeerId};
use swarm_notify::lifecycle::Direction;
use swarm_notify::protocols::gossipsub::{Config, MeshRouter, PROTOCOL_1_2};
use swarm_notify::protocols::pubsub::{
    Action, Actions, Arrival, Control, EncodedMessage, Judgement, MessageId, Outgoing, Router, RouterPeer, Topic, Turn,
};
use swarm_notify::swarm::Multiaddr;

/// The topic of tests that need no other.
pub(crate) const NEWS: &str = "news";

/// What the router asked for.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Done {
    Graft(u8, String),
    /// The backoff in seconds, and the peers that were offered.
    Prune(u8, String, Option<u64>, Vec<u8>),
    Grafted(u8, String),
    Pruned(u8, String),
    IHave(u8, String, BTreeSet<String>),
    IWant(u8, BTreeSet<String>),
    DontWant(u8, BTreeSet<String>),
    Extensions(u8),
    Send(u8, String),
    Dial(Multiaddr),
}

/// A router, and the state of the service around it.
pub(crate) struct One {
    pub(crate) router: MeshRouter,
    pub(crate) now: Duration,
    subscribers: BTreeMap<Topic, BTreeSet<PeerId>>,
    seen: BTreeSet<Vec<u8>>,
    messages: BTreeMap<String, Arc<EncodedMessage>>,
    rpc: u64,
    /// What it asked for since that was last taken.
    pub(crate) done: Vec<Done>,
}

pub(crate) fn peer(number: u8) -> PeerId {
    use std::sync::OnceLock;
    static PEERS: OnceLock<Vec<PeerId>> = OnceLock::new();
    let id = |number| Keypair::ed25519_from_bytes([number; 32]).unwrap().public().to_peer_id();
    PEERS.get_or_init(|| (0..=255).map(id).collect())[usize::from(number)]
}

pub(crate) fn number(id: PeerId) -> u8 {
    u8::try_from((0..=255).position(|number| peer(number) == id).expect("a peer of the test")).unwrap()
}

/// The encoded fields of an entry that consists of ids, with the topic before them if there is one.
fn fields(topic: Option<&str>, ids: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut field = |number: u8, bytes: &[u8]| {
        out.push(number << 3 | 2);
        prost::encode_length_delimiter(bytes.len(), &mut out).unwrap();
        out.extend_from_slice(bytes);
    };
    if let Some(topic) = topic {
        field(1, topic.as_bytes());
    }
    ids.iter().for_each(|id| field(if topic.is_some() { 2 } else { 1 }, id));
    out
}

struct Recorder<'a>(&'a mut Vec<Done>, &'a BTreeMap<String, Arc<EncodedMessage>>);

impl Actions for Recorder<'_> {
    fn act(&mut self, action: Action<'_>) {
        let text = |ids: &mut dyn Iterator<Item = &[u8]>| {
            ids.map(|id| String::from_utf8_lossy(id).into_owned()).collect::<BTreeSet<_>>()
        };
        let entry = |entry: &[u8]| {
            // One field of a control message: its key, its length, and its body.
            let mut rest = &entry[1..];
            let length = prost::decode_length_delimiter(&mut rest).unwrap();
            assert_eq!(rest.len(), length);
            (u32::from(entry[0] >> 3), rest.to_vec())
        };
        self.0.push(match action {
            Action::Graft { peer, topic, .. } => Done::Graft(number(peer), topic.to_string()),
            Action::Prune { peer, topic, backoff, offered } => {
                let offered = offered.iter().map(|id| number(*id)).collect();
                Done::Prune(number(peer), topic.to_string(), backoff.map(|backoff| backoff.as_secs()), offered)
            }
            Action::Grafted { peer, topic } => Done::Grafted(number(peer), topic.to_string()),
            Action::Pruned { peer, topic } => Done::Pruned(number(peer), topic.to_string()),
            Action::Gossip { peer, entry: bytes } | Action::DontWant { peer, entry: bytes } => {
                let (field, body) = entry(bytes);
                match Control::decode(field, &body).unwrap() {
                    Control::IHave { topic, mut ids } => Done::IHave(number(peer), topic.into(), text(&mut ids)),
                    Control::IWant { mut ids } => Done::IWant(number(peer), text(&mut ids)),
                    Control::IDontWant { mut ids } => Done::DontWant(number(peer), text(&mut ids)),
                    other @ (Control::Graft { .. } | Control::Prune { .. } | Control::Extensions { .. } | _) => {
                        panic!("{other:?}")
                    }
                }
            }
            Action::Extensions { peer } => Done::Extensions(number(peer)),
            Action::Send { peer, message } => {
                let id = self.1.iter().find(|(_, known)| Arc::ptr_eq(known, message)).expect("a message of the test").0;
                Done::Send(number(peer), id.clone())
            }
            Action::Dial { address } => Done::Dial(address.clone()),
        });
    }
}

impl One {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            router: MeshRouter::new(config, [7; 32]),
            now: Duration::ZERO,
            subscribers: BTreeMap::new(),
            seen: BTreeSet::new(),
            messages: BTreeMap::new(),
            rpc: 0,
            done: Vec::new(),
        }
    }

    /// A router that has joined [`NEWS`], and peers 1 to `peers` that subscribe to it. We have dialed none of them.
    pub(crate) fn with_peers(config: Config, peers: u8) -> Self {
        let mut one = Self::new(config);
        (1..=peers).for_each(|number| one.add(number));
        (1..=peers).for_each(|number| one.subscribe(number, NEWS));
        one.join(NEWS);
        one
    }

    pub(crate) fn turn<A>(&mut self, with: impl FnOnce(&mut MeshRouter, &mut Turn<'_>) -> A) -> A {
        let Self { router, subscribers, seen, messages, done, .. } = self;
        let mut actions = Recorder(done, messages);
        let mut turn = Turn { now: self.now, subscribers, is_seen: &|id| seen.contains(id), actions: &mut actions };
        with(router, &mut turn)
    }

    pub(crate) fn add(&mut self, number: u8) {
        self.add_as(number, &PROTOCOL_1_2, Direction::Inbound, None);
    }

    pub(crate) fn add_outbound(&mut self, number: u8) {
        self.add_as(number, &PROTOCOL_1_2, Direction::Outbound, None);
    }

    pub(crate) fn add_as(&mut self, number: u8, protocol: &Protocol, direction: Direction, address: Option<&str>) {
        let address = address.map(|address| address.parse::<Multiaddr>().unwrap());
        let info = RouterPeer::new(peer(number), protocol, direction, address.as_ref());
        self.turn(|router, cx| router.peer_opened(&info, cx));
    }

    pub(crate) fn remove(&mut self, number: u8) {
        self.subscribers.values_mut().for_each(|peers| _ = peers.remove(&peer(number)));
        self.router.peer_gone(peer(number), self.now);
    }

    pub(crate) fn subscribe(&mut self, number: u8, topic: &str) {
        self.subscribers.entry(topic.into()).or_default().insert(peer(number));
        self.router.subscribed(peer(number), &topic.into());
    }

    pub(crate) fn unsubscribe(&mut self, number: u8, topic: &str) {
        self.subscribers.entry(topic.into()).or_default().remove(&peer(number));
        self.turn(|router, cx| router.unsubscribed(peer(number), &topic.into(), cx));
    }

    /// Subscribes, and takes the turn in which that has effect. No time passes.
    pub(crate) fn join(&mut self, topic: &str) {
        self.router.joined(&topic.into(), true);
        self.tick();
    }

    pub(crate) fn leave(&mut self, topic: &str) {
        self.router.joined(&topic.into(), false);
        self.tick();
    }

    pub(crate) fn tick(&mut self) {
        self.turn(Router::tick);
    }

    /// Lets time pass, with a turn whenever the router wants one.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.router.poll_at().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.tick();
        }
        self.now = end;
    }

    /// Lets time pass until the next heartbeat, and takes it.
    pub(crate) fn beat(&mut self) {
        let at = self.router.poll_at().expect("there is always another");
        self.now = self.now.max(at);
        self.tick();
    }

    pub(crate) fn beats(&mut self, number: usize) {
        (0..number).for_each(|_| self.beat());
    }

    pub(crate) fn graft(&mut self, number: u8, topic: &str) {
        self.entry(number, Control::Graft { topic });
    }

    pub(crate) fn prune(&mut self, number: u8, topic: &str, backoff: Option<u64>) {
        let body = fields(Some(topic), &[]);
        let Some(Control::Prune { peers, .. }) = Control::decode(4, &body) else { panic!() };
        self.entry(number, Control::Prune { topic, backoff, peers });
    }

    pub(crate) fn ihave(&mut self, number: u8, topic: &str, ids: &[&str]) {
        let ids: Vec<_> = ids.iter().map(|id| id.as_bytes()).collect();
        let body = fields(Some(topic), &ids);
        self.entry(number, Control::decode(1, &body).unwrap());
    }

    pub(crate) fn iwant(&mut self, number: u8, ids: &[&str]) {
        let ids: Vec<_> = ids.iter().map(|id| id.as_bytes()).collect();
        let body = fields(None, &ids);
        self.entry(number, Control::decode(2, &body).unwrap());
    }

    pub(crate) fn idontwant(&mut self, number: u8, ids: &[&str]) {
        let ids: Vec<_> = ids.iter().map(|id| id.as_bytes()).collect();
        let body = fields(None, &ids);
        self.entry(number, Control::decode(5, &body).unwrap());
    }

    /// An entry in an RPC of its own.
    pub(crate) fn entry(&mut self, number: u8, entry: Control<'_>) {
        self.rpc += 1;
        self.in_rpc(number, self.rpc, entry);
    }

    pub(crate) fn in_rpc(&mut self, number: u8, rpc: u64, entry: Control<'_>) {
        self.turn(|router, cx| router.control(peer(number), rpc, entry, cx));
    }

    fn message(&mut self, id: &str, author: Option<u8>) -> Arc<EncodedMessage> {
        let number = self.messages.len() as u64 + 1;
        let new = || EncodedMessage::new(number, &id_of(id), author.map(peer), vec![0; 100].into());
        self.messages.entry(id.into()).or_insert_with(new).clone()
    }

    /// Publishes a message of ours: who gets it.
    pub(crate) fn publish(&mut self, topic: &str, id: &str) -> BTreeSet<u8> {
        self.seen.insert(id.into());
        self.send(topic, id, None)
    }

    fn send(&mut self, topic: &str, id: &str, sender: Option<u8>) -> BTreeSet<u8> {
        let message = self.message(id, sender);
        let (topic, id) = (Topic::from(topic), id_of(id));
        let outgoing = Outgoing::new(&topic, &id, &message, sender.map(peer), sender.map(peer));
        let none = BTreeSet::new();
        let mut to = Vec::new();
        self.router.recipients(&outgoing, self.subscribers.get(&topic).unwrap_or(&none), &mut to);
        let recipients: BTreeSet<_> = to.iter().map(|id| number(*id)).collect();
        assert_eq!(recipients.len(), to.len(), "each once");
        recipients.into_iter().filter(|number| Some(*number) != sender).collect()
    }

    /// A message arrives from a peer and is not judged yet. It has so many bytes.
    pub(crate) fn arrive(&mut self, from: u8, topic: &str, id: &str, size: usize) {
        self.seen.insert(id.into());
        let (topic, id) = (Topic::from(topic), id_of(id));
        self.turn(|router, cx| router.arrived(&Arrival::new(peer(from), &topic, &id), size, cx));
    }

    pub(crate) fn judge(&mut self, from: u8, topic: &str, id: &str, judgement: Judgement) {
        let (topic, id) = (Topic::from(topic), id_of(id));
        self.router.judged(&Arrival::new(peer(from), &topic, &id), judgement, self.now);
    }

    /// A small valid message arrives and is forwarded: to whom.
    pub(crate) fn deliver(&mut self, from: u8, topic: &str, id: &str) -> BTreeSet<u8> {
        self.arrive(from, topic, id, 100);
        self.judge(from, topic, id, Judgement::First);
        self.send(topic, id, Some(from))
    }

    pub(crate) fn mesh(&self, topic: &str) -> BTreeSet<u8> {
        self.router.mesh_peers(topic).map(number).collect()
    }

    pub(crate) fn score(&mut self, number: u8) -> f64 {
        self.router.score(peer(number)).expect("it is a peer")
    }

    /// Takes what the router asked for since the last call.
    pub(crate) fn take(&mut self) -> Vec<Done> {
        std::mem::take(&mut self.done)
    }

    /// Who was sent what of one kind.
    pub(crate) fn count(&self, is_it: impl Fn(&Done) -> bool) -> usize {
        self.done.iter().filter(|done| is_it(done)).count()
    }
}

pub(crate) fn id_of(id: &str) -> MessageId {
    id.as_bytes().to_vec().into()
}

pub(crate) fn news() -> String {
    NEWS.into()
}

pub(crate) fn ids(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(ToString::to_string).collect()
}
