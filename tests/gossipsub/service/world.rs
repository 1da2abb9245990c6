//! [`World`]: one node of ours with gossipsub, on a simulated network in virtual time, among peers that write and read what a
//! test wants.

use crate::service::wire::Rpc;
use crate::support::sim::{Cut, Host, Network, SimTransport};
use prost::Message as _;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::identity::{Keypair, PeerId};
use swarm_notify::lifecycle::{ConnectionId, Direction, Event as SwarmEvent, StreamId};
use swarm_notify::notifee::{NotifeeId, Notifees};
use swarm_notify::protocols::gossipsub::{self, GossipSub};
use swarm_notify::protocols::pubsub::{self, Event, MessageId, Signing};
use swarm_notify::swarm::{Config as SwarmConfig, Readiness, Swarm};

/// The port that everybody listens on.
const PORT: u16 = 1;

/// More turns than any scenario needs while time stands still: beyond it, somebody spins.
const MOST_TURNS: usize = 100_000;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn keypair(number: u8) -> Keypair {
    Keypair::ed25519_from_bytes([number; 32]).expect("any 32 bytes are a secret key")
}

pub(crate) fn peer(number: u8) -> PeerId {
    keypair(number).public().to_peer_id()
}

fn number(id: PeerId) -> u8 {
    (0..=255).find(|number| peer(*number) == id).expect("it is one of the players")
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A peer that says what a test wants on pub/sub streams.
pub(crate) struct Raw {
    pub(crate) swarm: Swarm<SimTransport>,
    protocol: Protocol,
    /// Our stream to the node, once it was opened.
    stream: Option<StreamId>,
    /// The node's streams to this peer, in the order in which they were opened, with their bytes.
    pub(crate) inbound: Vec<(StreamId, Vec<u8>)>,
    /// True if it reads nothing.
    pub(crate) is_deaf: bool,
    /// How many of its own streams were reset.
    pub(crate) resets: usize,
}

impl Raw {
    fn turn(&mut self, cx: &mut Context<'_>, now: Duration) -> bool {
        let is_busy = self.swarm.poll(cx, now).is_ready();
        while let Some(event) = self.swarm.next_event() {
            match event {
                SwarmEvent::OpenedStream { stream, .. }
                    if self.swarm.stream(stream).unwrap().direction == Direction::Inbound =>
                {
                    self.inbound.push((stream, Vec::new()));
                }
                SwarmEvent::ClosedStream { stream, .. } if self.stream == Some(stream) => {
                    self.stream = None;
                    self.resets += 1;
                }
                _ => {}
            }
        }
        while let Some(ready) = self.swarm.next_ready() {
            if let Readiness::Stream { stream, .. } = ready {
                self.read(stream);
            }
        }
        is_busy
    }

    fn read(&mut self, stream: StreamId) {
        let mut buffer = [0; 4096];
        let Some((_, bytes)) = self.inbound.iter_mut().find(|(other, _)| *other == stream) else { return };
        while !self.is_deaf
            && let Ok(n @ 1..) = self.swarm.read(stream, &mut buffer)
        {
            bytes.extend_from_slice(&buffer[..n]);
        }
    }

    /// Resets its stream to the node.
    pub(crate) fn reset(&mut self) {
        let stream = self.stream.take().expect("it has one");
        self.swarm.reset(stream).unwrap();
    }

    /// Reads again, after it was deaf.
    pub(crate) fn listen(&mut self) {
        self.is_deaf = false;
        let streams: Vec<_> = self.inbound.iter().map(|(stream, _)| *stream).collect();
        streams.into_iter().for_each(|stream| self.read(stream));
    }

    /// The RPCs that have arrived completely since the last call. Those of the newest stream are the last.
    fn take(&mut self) -> Vec<Rpc> {
        let mut rpcs = Vec::new();
        for (_, bytes) in &mut self.inbound {
            let mut rest = &bytes[..];
            while let Ok(rpc) = Rpc::decode_length_delimited(&mut rest) {
                rpcs.push(rpc);
                if rest.is_empty() {
                    break;
                }
            }
            let left = rest.len();
            bytes.drain(..bytes.len() - left);
        }
        rpcs
    }
}

/// A node of ours, number 1, and other peers, numbered from 2.
pub(crate) struct World {
    network: Network,
    pub(crate) now: Duration,
    pub(crate) swarm: Swarm<SimTransport>,
    notifees: Notifees<Swarm<SimTransport>>,
    service: NotifeeId<GossipSub>,
    /// The events since they were taken.
    events: Vec<String>,
    /// The ids of the messages whose verdict was put off.
    pub(crate) undecided: Vec<MessageId>,
    flag: Arc<Flag>,
    raws: BTreeMap<u8, (Raw, Arc<Flag>)>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {}, |_| {})
    }

    /// A node that subscribes to `news`.
    pub(crate) fn with(bounds: impl FnOnce(&mut pubsub::Config), mesh: impl FnOnce(&mut gossipsub::Config)) -> Self {
        let (mut config, mut gossip) = (pubsub::Config::default(), gossipsub::Config::default());
        bounds(&mut config);
        mesh(&mut gossip);
        let network = Network::new(Cut::Whole, 7);
        let transport = SimTransport::new(&network, 1);
        let mut swarm = Swarm::new(transport, &keypair(1), [1; 32], SwarmConfig::default()).unwrap();
        swarm.listen(Host(1).at(PORT)).unwrap();
        let mut notifees = Notifees::new();
        let service = GossipSub::new(Signing::strict_sign(keypair(1), 1), config, gossip, [1; 32]);
        let service = notifees.install(&mut swarm, service);
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let (events, undecided) = (Vec::new(), Vec::new());
        let now = Duration::ZERO;
        let mut world = Self { network, now, swarm, notifees, service, events, undecided, flag, raws: BTreeMap::new() };
        world.subscribe("news");
        world.settle();
        world
    }

    pub(crate) fn service(&mut self) -> &mut GossipSub {
        self.notifees.get_mut(self.service).unwrap()
    }

    pub(crate) fn on<T>(&mut self, command: impl FnOnce(&mut GossipSub, &mut Swarm<SimTransport>) -> T) -> T {
        // Whoever gives a command lets the service take a turn afterwards.
        self.flag.0.store(true, Ordering::SeqCst);
        command(self.notifees.get_mut(self.service).unwrap(), &mut self.swarm)
    }

    pub(crate) fn subscribe(&mut self, topic: &str) {
        assert_eq!(self.on(|service, swarm| service.subscribe(swarm, topic)), Ok(true));
    }

    pub(crate) fn unsubscribe(&mut self, topic: &str) {
        assert!(self.on(|service, swarm| service.unsubscribe(swarm, topic)));
    }

    pub(crate) fn publish(&mut self, topic: &str, data: &[u8]) -> MessageId {
        self.on(|service, swarm| service.publish(swarm, topic, data)).unwrap()
    }

    /// The numbers of the peers in the mesh of a topic, in order.
    pub(crate) fn mesh(&mut self, topic: &str) -> Vec<u8> {
        let mut mesh: Vec<_> = self.service().mesh_peers(topic).map(number).collect();
        mesh.sort_unstable();
        mesh
    }

    /// Connects a new peer that speaks `protocol` and subscribes to `news`. The node is dialed by it.
    pub(crate) fn raw(&mut self, protocol: Protocol) -> u8 {
        let number = u8::try_from(self.raws.len() + 2).unwrap();
        let transport = SimTransport::new(&self.network, number);
        let mut swarm = Swarm::new(transport, &keypair(number), [number; 32], SwarmConfig::default()).unwrap();
        swarm.register_protocol(protocol.clone());
        let raw = Raw { swarm, protocol, stream: None, inbound: Vec::new(), is_deaf: false, resets: 0 };
        self.raws.insert(number, (raw, Arc::new(Flag(AtomicBool::new(true)))));
        self.connect(number);
        self.send(number, &Rpc::subscribing(&["news"]));
        number
    }

    /// Has a peer dial the node once more.
    pub(crate) fn connect(&mut self, number: u8) -> ConnectionId {
        let connection = self.at(number).swarm.dial(Host(1).at(PORT)).unwrap();
        self.settle();
        connection
    }

    pub(crate) fn at(&mut self, number: u8) -> &mut Raw {
        let (raw, flag) = self.raws.get_mut(&number).unwrap();
        flag.0.store(true, Ordering::SeqCst);
        raw
    }

    /// Has a peer send an RPC, all of which has to fit, on its stream, which it opens if there is none.
    pub(crate) fn send(&mut self, number: u8, rpc: &Rpc) {
        let raw = self.at(number);
        let connection = raw.swarm.connections().next().expect("it is connected");
        let protocol = raw.protocol.clone();
        let stream = *raw.stream.get_or_insert_with(|| raw.swarm.open_stream(connection, &[protocol]).unwrap());
        let bytes = rpc.encode_length_delimited_to_vec();
        assert_eq!(raw.swarm.write(stream, &bytes), Ok(bytes.len()));
        self.settle();
    }

    /// What a peer has been told since the last call, a line each.
    pub(crate) fn heard(&mut self, number: u8) -> Vec<String> {
        self.at(number).take().iter().flat_map(Rpc::lines).collect()
    }

    /// What the owner has been told since the last call.
    pub(crate) fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events)
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> bool {
        let is_busy = self.swarm.poll(cx, self.now).is_ready();
        self.notifees.drive(&mut self.swarm, self.now);
        while let Some(event) = self.notifees.get_mut(self.service).unwrap().next_event() {
            if let Event::Undecided { id, .. } = &event {
                self.undecided.push(id.clone());
            }
            self.events.push(match event {
                Event::Message { message, via } => {
                    format!("message {} {} via {}", message.topic, message.data.escape_ascii(), number(via))
                }
                Event::Undecided { message, via, .. } => {
                    format!("undecided {} via {}", message.data.escape_ascii(), number(via))
                }
                Event::PeerAdded { peer } => format!("added {}", number(peer)),
                Event::PeerGone { peer } => format!("gone {}", number(peer)),
                Event::Subscribed { peer, topic } => format!("subscribed {} {topic}", number(peer)),
                Event::Unsubscribed { peer, topic } => format!("unsubscribed {} {topic}", number(peer)),
                Event::Grafted { peer, topic } => format!("grafted {} {topic}", number(peer)),
                Event::Pruned { peer, topic } => format!("pruned {} {topic}", number(peer)),
                other => format!("{other:?}"),
            });
        }
        is_busy
    }

    /// Everything that can happen before `until`, or with what is under way, happens. Returns `false` if nothing can.
    fn step(&mut self, until: Option<Duration>) -> bool {
        let mut turned = false;
        let own = [self.swarm.poll_at(), self.notifees.poll_at()].into_iter().flatten().min();
        if self.flag.0.swap(false, Ordering::SeqCst) || own.is_some_and(|at| at <= self.now) {
            let waker = Waker::from(self.flag.clone());
            let is_busy = self.turn(&mut Context::from_waker(&waker));
            self.flag.0.fetch_or(is_busy, Ordering::SeqCst);
            turned = true;
        }
        let now = self.now;
        for (raw, flag) in self.raws.values_mut() {
            if flag.0.swap(false, Ordering::SeqCst) || raw.swarm.poll_at().is_some_and(|at| at <= now) {
                let waker = Waker::from(flag.clone());
                let is_busy = raw.turn(&mut Context::from_waker(&waker), now);
                flag.0.fetch_or(is_busy, Ordering::SeqCst);
                turned = true;
            }
        }
        if turned {
            return true;
        }
        if self.network.deliver(self.now) {
            while self.network.deliver(self.now) {}
            return true;
        }
        let arrival = self.network.next_arrival();
        let raws = self.raws.values().filter_map(|(raw, _)| raw.swarm.poll_at());
        let deadline = [self.swarm.poll_at(), self.notifees.poll_at()].into_iter().flatten().chain(raws).min();
        match (until, arrival) {
            (Some(until), _) => match deadline.into_iter().chain(arrival).min() {
                Some(next) if next <= until => self.now = next,
                Some(_) | None => return false,
            },
            // Without an end in sight, deadlines are waited for only as long as something is under way.
            (None, Some(arrival)) => self.now = deadline.map_or(arrival, |at| at.min(arrival)),
            (None, None) => return false,
        }
        self.network.advance_to(self.now);
        true
    }

    fn run(&mut self, until: Option<Duration>) {
        let (mut turns, mut since) = (0, self.now);
        while self.step(until) {
            turns += 1;
            if self.now != since {
                (turns, since) = (0, self.now);
            }
            assert!(turns < MOST_TURNS, "somebody spins at {:?}", self.now);
        }
    }

    /// Until nothing is under way.
    pub(crate) fn settle(&mut self) {
        self.run(None);
    }

    /// So much time passes, and whatever is under way then arrives.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        self.run(Some(until));
        self.now = until;
        self.network.advance_to(until);
        self.settle();
    }

    /// Forgets what peers and the owner have been told.
    pub(crate) fn forget(&mut self) {
        self.events.clear();
        self.raws.values_mut().for_each(|(raw, _)| drop(raw.take()));
    }
}
