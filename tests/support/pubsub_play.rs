//! [`Play`]: peers that do anything to a node with floodsub, which has to stay within its bounds turn by turn, and to
//! take every message that has come whole exactly once, in its turn, whatever has ended meanwhile.
use super::fake_node::Fake;
use arbitrary::{Arbitrary, Unstructured};
use libp2p_identity::{Keypair, PeerId};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionId, Direction, StreamId};
use swarm_notify::notifee::{Node, NotifeeId, Notifees};
use swarm_notify::protocols::floodsub::{FloodSub, PROTOCOL};
use swarm_notify::protocols::pubsub::wire::{Rpc, SubOpts};
use swarm_notify::protocols::pubsub::{Config, Event, Signing, Verdict};
use swarm_notify::swarm::Refusal;

/// Bounds, and what happens.
#[derive(Debug)]
pub(crate) struct Play {
    pub(crate) messages_per_turn: u8,
    pub(crate) entries_per_turn: u8,
    /// What the three totals are; else there is more than enough.
    pub(crate) totals: Option<[u16; 3]>,
    pub(crate) steps: Vec<Step>,
}

/// The most steps of a play.
const MOST_STEPS: usize = 400;

impl<'a> Arbitrary<'a> for Play {
    /// As many steps as there are bytes for. In every other one nobody does what costs messages.
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let (messages_per_turn, entries_per_turn, totals) = u.arbitrary()?;
        let is_lossy: bool = u.arbitrary()?;
        let mut steps = Vec::new();
        while !u.is_empty() && steps.len() < MOST_STEPS {
            let step = u.arbitrary()?;
            if is_lossy || !matches!(step, Step::Bytes(..) | Step::Deny(_)) {
                steps.push(step);
            }
        }
        Ok(Self { messages_per_turn, entries_per_turn, totals, steps })
    }
}

/// One of the peers, and of its connections or streams.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) struct Which(pub(crate) u8, pub(crate) u8);

#[derive(Arbitrary, Debug)]
pub(crate) enum Step {
    Connect(u8),
    Disconnect(Which),
    Open(Which),
    /// So many messages, in one RPC or in one each, the last bytes of which come late.
    Send(Which, u8, bool, u8),
    /// So many topics, to be subscribed to or no longer.
    Topics(Which, u8, bool),
    Bytes(Which, [u8; 4]),
    Finish(Which),
    Reset(Which),
    Take(u8, u16),
    Publish(u16),
    Deny(u8),
    Allow(u8),
    Turns(u8),
}

const PEERS: usize = 4;

/// More turns than are needed for all that a run can bring.
const MOST_TURNS: usize = 100_000;

fn peers() -> &'static [PeerId; PEERS + 1] {
    static PEERS_OF: OnceLock<[PeerId; PEERS + 1]> = OnceLock::new();
    PEERS_OF.get_or_init(|| {
        core::array::from_fn(|n| {
            let key = Keypair::ed25519_from_bytes([n as u8 + 1; 32]).expect("any 32 bytes are a secret key");
            key.public().to_peer_id()
        })
    })
}

/// A stream of a peer's, as the peer has it.
struct Sent {
    stream: StreamId,
    /// Where each message ends, and its number.
    messages: Vec<(u64, u64)>,
    /// How much of all has arrived.
    arrived: u64,
}

struct Run {
    node: Fake,
    notifees: Notifees<Fake>,
    floodsub: NotifeeId<FloodSub>,
    config: Config,
    now: Duration,
    connections: Vec<(usize, ConnectionId)>,
    streams: Vec<(usize, Sent)>,
    next: u64,
    validated: Rc<Cell<usize>>,
    /// Something was done for which messages may be lost.
    is_lossy: bool,
    added: BTreeSet<PeerId>,
    subscribed: BTreeSet<(PeerId, String)>,
    told: BTreeMap<u64, PeerId>,
    /// What happened, in order.
    log: Vec<String>,
}

impl Play {
    /// Plays it, and gives what the owner was told.
    pub(crate) fn run(self) -> Vec<String> {
        let mut run = Run::new(&self);
        for step in self.steps {
            run.step(step);
        }
        run.end()
    }
}

impl Run {
    fn new(play: &Play) -> Self {
        let mut config = Config::default();
        config.peers = PEERS;
        config.messages_per_turn = play.messages_per_turn.into();
        config.entries_per_turn = play.entries_per_turn.into();
        config.events = 100_000;
        if let Some([topics, inbound, outbox]) = play.totals.map(|totals| totals.map(usize::from)) {
            (config.topics_total_bytes, config.inbound_total_bytes) = (topics, inbound);
            (config.outbox_total_bytes, config.outbox_bytes) = (outbox, outbox / 2);
        }
        let validated = Rc::new(Cell::new(0));
        let mut service = FloodSub::new(Signing::strict_no_sign(), config.clone());
        let count = validated.clone();
        service.set_validator(move |_, _| {
            count.set(count.get() + 1);
            Verdict::Accept
        });
        let mut node = Fake::new(peers()[PEERS]);
        service.subscribe(&mut node, "t").expect("there is place");
        let mut notifees = Notifees::new();
        let floodsub = notifees.install(&mut node, service);
        Self {
            node,
            notifees,
            floodsub,
            config,
            now: Duration::ZERO,
            connections: Vec::new(),
            streams: Vec::new(),
            next: 0,
            validated,
            is_lossy: false,
            added: BTreeSet::new(),
            subscribed: BTreeSet::new(),
            told: BTreeMap::new(),
            log: Vec::new(),
        }
    }

    /// Ends a connection, unless its peer was cut, which has ended it.
    fn disconnect(&mut self, connection: ConnectionId) {
        let is_open = self.node.connections().contains(&connection);
        assert!(is_open || self.floodsub().counters().peers_cut > 0);
        if is_open {
            self.node.disconnect(connection);
        }
    }

    fn connection(&mut self, Which(peer, n): Which) -> Option<(usize, ConnectionId)> {
        let of_peer = self.connections.iter().filter(|(other, _)| *other == usize::from(peer) % PEERS);
        let all: Vec<_> = of_peer.copied().collect();
        all.get(usize::from(n) % all.len().max(1)).copied()
    }

    fn stream(&mut self, Which(peer, n): Which) -> Option<usize> {
        let lives = |sent: &Sent| self.node.lives(sent.stream);
        let of_peer = |(_, (other, sent)): &(usize, &(usize, Sent))| *other == usize::from(peer) % PEERS && lives(sent);
        let all: Vec<_> = self.streams.iter().enumerate().filter(of_peer).map(|(place, _)| place).collect();
        all.get(usize::from(n) % all.len().max(1)).copied()
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Connect(peer) => {
                let peer = usize::from(peer) % PEERS;
                if self.connections.len() < 3 * PEERS
                    && let Some(connection) = self.node.connect(peers()[peer])
                {
                    self.connections.push((peer, connection));
                }
            }
            Step::Disconnect(which) => {
                if let Some((_, connection)) = self.connection(which) {
                    self.connections.retain(|(_, other)| *other != connection);
                    self.settle_arrivals();
                    self.disconnect(connection);
                }
            }
            Step::Open(which) => {
                if let Some((peer, connection)) = self.connection(which)
                    && let Some(stream) = self.node.accept(connection, PROTOCOL)
                {
                    self.streams.push((peer, Sent { stream, messages: Vec::new(), arrived: 0 }));
                }
            }
            Step::Send(which, count, one_rpc, late) => {
                let messages: Vec<_> = (0..u64::from(count % 40)).map(|n| self.next + n).collect();
                self.next += messages.len() as u64;
                let rpcs: Vec<_> =
                    if one_rpc { vec![messages] } else { messages.chunks(1).map(<[u64]>::to_vec).collect() };
                let mut bytes = Vec::new();
                let mut ends = Vec::new();
                for numbers in rpcs {
                    let seal = |number: &u64| {
                        let data = number.to_be_bytes();
                        Signing::strict_no_sign().seal("t", &data).expect("nothing is signed").0
                    };
                    let rpc = Rpc::new(Vec::new(), numbers.iter().map(seal).collect());
                    bytes.extend(rpc.to_frame());
                    ends.extend(numbers.into_iter().map(|number| (bytes.len() as u64, number)));
                }
                if let Some(place) = self.stream(which) {
                    let (_, sent) = &mut self.streams[place];
                    let before = self.node.streams[&sent.stream].sent_ever;
                    sent.messages.extend(ends.into_iter().map(|(end, number)| (before + end, number)));
                    self.node.send(sent.stream, &bytes, late.into());
                }
            }
            Step::Topics(which, count, subscribe) => {
                let change = |n: u8| SubOpts::new(subscribe, format!("topic {n}"));
                self.send(which, &Rpc::new((0..count).map(change).collect(), vec![]).to_frame());
                self.send(which, &Rpc::new(vec![SubOpts::new(subscribe, "t")], vec![]).to_frame());
            }
            Step::Bytes(which, bytes) => {
                self.is_lossy = true;
                self.send(which, &bytes);
            }
            Step::Finish(which) => {
                if let Some(place) = self.stream(which) {
                    self.node.finishes(self.streams[place].1.stream);
                }
            }
            Step::Reset(which) => {
                if let Some(place) = self.stream(which) {
                    self.settle_arrivals();
                    self.node.resets(self.streams[place].1.stream);
                }
            }
            Step::Take(peer, bytes) => self.node.takes(peers()[usize::from(peer) % PEERS], bytes.into()),
            Step::Publish(len) => {
                let mut data = vec![7; usize::from(len)];
                data.extend(self.next.to_be_bytes());
                self.next += 1;
                let floodsub: &mut FloodSub = self.notifees.get_mut(self.floodsub).expect("it is registered");
                // It may be larger than is allowed.
                let _ = floodsub.publish(&mut self.node, "t", &data);
                self.check();
            }
            Step::Deny(peer) => {
                self.is_lossy = true;
                let floodsub: &mut FloodSub = self.notifees.get_mut(self.floodsub).expect("it is registered");
                floodsub.deny(&mut self.node, peers()[usize::from(peer) % PEERS]);
                self.check();
            }
            Step::Allow(peer) => {
                let floodsub: &mut FloodSub = self.notifees.get_mut(self.floodsub).expect("it is registered");
                floodsub.allow(&mut self.node, peers()[usize::from(peer) % PEERS]);
            }
            Step::Turns(count) => (0..count % 8).for_each(|_| self.turn()),
        }
    }

    fn send(&mut self, which: Which, bytes: &[u8]) {
        if let Some(place) = self.stream(which) {
            self.node.send(self.streams[place].1.stream, bytes, 0);
        }
    }

    /// Writes down what has arrived, before what has is forgotten.
    fn settle_arrivals(&mut self) {
        for (_, sent) in &mut self.streams {
            if let Some(stream) = self.node.streams.get(&sent.stream) {
                sent.arrived = stream.arrived_ever;
            }
        }
    }

    /// One turn of the owner's loop.
    fn turn(&mut self) {
        self.settle_arrivals();
        self.now += Duration::from_millis(1);
        self.node.poll();
        self.validated.set(0);
        self.notifees.drive(&mut self.node, self.now);
        assert!(self.validated.get() <= self.config.messages_per_turn.max(1), "a turn validates so many and no more");
        self.check();
        while let Some(event) = self.notifees.get_mut(self.floodsub).and_then(FloodSub::next_event) {
            self.told(event);
        }
    }

    fn check(&self) {
        let floodsub: &FloodSub = self.notifees.get(self.floodsub).expect("it is registered");
        let held = floodsub.held();
        assert!(held.topics_bytes <= self.config.topics_total_bytes, "{held:?}");
        assert!(held.inbound_bytes <= self.config.inbound_total_bytes, "{held:?}");
        assert!(held.outbox_bytes <= self.config.outbox_total_bytes, "{held:?}");
        assert!(floodsub.peers().count() <= PEERS);
    }

    fn told(&mut self, event: Event) {
        let name = |peer| peers().iter().position(|other| *other == peer).expect("there are no others");
        match event {
            Event::Message { message, via } => {
                assert!(self.added.contains(&via), "only peers say something");
                let number = message.data.try_into().map(u64::from_be_bytes);
                if let Ok(number) = number {
                    assert_eq!(self.told.insert(number, via), None, "a message comes once");
                    self.log.push(format!("message {number} via {}", name(via)));
                } else {
                    assert!(self.is_lossy, "somebody has made it up");
                }
            }
            Event::PeerAdded { peer } => {
                assert!(self.added.insert(peer));
                self.log.push(format!("added {}", name(peer)));
            }
            Event::PeerGone { peer } => {
                assert!(self.added.remove(&peer));
                self.subscribed.retain(|(other, _)| *other != peer);
                self.log.push(format!("gone {}", name(peer)));
            }
            Event::Subscribed { peer, topic } => {
                assert!(self.added.contains(&peer) && self.subscribed.insert((peer, topic.to_string())));
            }
            Event::Unsubscribed { peer, topic } => assert!(self.subscribed.remove(&(peer, topic.to_string()))),
            Event::Lagged { .. } => panic!("there is place for all"),
            other @ (Event::Grafted { .. } | Event::Pruned { .. } | Event::Undecided { .. } | _) => panic!("{other:?}"),
        }
    }

    fn floodsub(&self) -> &FloodSub {
        self.notifees.get(self.floodsub).expect("it is registered")
    }

    /// Turns until nothing is left to do at once.
    fn settle(&mut self) {
        for _ in 0..MOST_TURNS {
            self.turn();
            if self.notifees.poll_at().is_none_or(|at| at > self.now) && !self.node.has_work() {
                return;
            }
        }
        panic!("it spins");
    }

    fn end(mut self) -> Vec<String> {
        self.settle();
        assert_eq!(self.added, self.floodsub().peers().collect());
        let topics = |peer: &PeerId| self.floodsub().topics_of(*peer).map(|topic| (*peer, topic.to_string())).collect();
        assert_eq!(self.subscribed, self.added.iter().flat_map::<Vec<_>, _>(topics).collect());
        let connected: BTreeSet<_> = self.connections.iter().map(|(peer, _)| peers()[*peer]).collect();
        assert!(self.added.is_subset(&connected), "who is not connected has gone");
        for peer in peers() {
            let of_peer = self.node.connections_of(*peer).into_iter().flat_map(|id| self.node.streams_of(id));
            let is_ours = |stream: &StreamId| self.node.lifecycle.direction(*stream) == Some(Direction::Outbound);
            assert!(of_peer.filter(is_ours).count() <= 1, "one stream of ours to each");
        }
        let counters = self.floodsub().counters();
        assert!(self.is_lossy || counters.invalid == 0, "nobody said anything wrong");
        for (refusal, count) in [
            (Refusal::MessageDropped, counters.dropped),
            (Refusal::MessageInvalid, counters.invalid),
            (Refusal::MessageRepeated, counters.repeated),
        ] {
            // What is dropped for a peer that has just left has no connection to be counted at.
            let told = self.node.refused(refusal);
            assert!(
                told == count || refusal == Refusal::MessageDropped && told < count,
                "{refusal}: {told} of {count}"
            );
        }
        assert_eq!(
            (counters.repeated, counters.peers_evicted),
            (0, 0),
            "nobody repeats anything, and all have a place"
        );
        if !self.is_lossy && counters.peers_cut == 0 && counters.streams_cut == 0 && counters.streams_refused == 0 {
            for (peer, sent) in &self.streams {
                let whole = sent.messages.iter().filter(|(end, _)| *end <= sent.arrived);
                for (_, number) in whole {
                    assert_eq!(self.told.get(number), Some(&peers()[*peer]), "{number} has come whole");
                }
            }
        }
        // Each stream's in order.
        for (_, sent) in &self.streams {
            let of_stream: BTreeSet<_> = sent.messages.iter().map(|(_, number)| *number).collect();
            let told =
                self.log.iter().filter_map(|line| line.strip_prefix("message ")?.split(' ').next()?.parse().ok());
            assert!(told.filter(|number: &u64| of_stream.contains(number)).is_sorted());
        }
        let log = std::mem::take(&mut self.log);
        for (_, connection) in std::mem::take(&mut self.connections) {
            self.disconnect(connection);
        }
        self.settle();
        assert_eq!((self.floodsub().held(), self.added.len()), (Default::default(), 0), "nothing is left");
        assert_eq!(self.floodsub().peers().count(), 0);
        log
    }
}
