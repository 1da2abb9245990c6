//! [`World`]: nodes on one simulated network, in virtual time.

use crate::floodsub::raw::Raw;
use crate::support::floodsub::{FLOODSUB, Node, OTHER, keypair};
use crate::support::sim::{Cut, Host, Network, SimTransport};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionId, StreamId};
use swarm_notify::protocols::pubsub::{Config, Signing};
use swarm_notify::swarm::{Config as SwarmConfig, Swarm};

/// The port that everybody listens on.
const PORT: u16 = 1;

/// More turns than any scenario needs while time stands still: beyond it, somebody spins.
const MOST_TURNS: usize = 100_000;

/// Who stands behind a number: somebody with floodsub, or somebody who does what a test wants.
pub(crate) enum Player {
    Node(Box<Node<SimTransport>>),
    Raw(Box<Raw>),
}

/// All players, by number from 1, on one network.
pub(crate) struct World {
    pub(crate) network: Network,
    pub(crate) now: Duration,
    players: Vec<(Player, Arc<Flag>)>,
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::on(Network::new(Cut::Whole, 7))
    }

    pub(crate) fn on(network: Network) -> Self {
        Self { network, now: Duration::ZERO, players: Vec::new() }
    }

    /// So many nodes with the default bounds.
    pub(crate) fn of(nodes: u8) -> Self {
        let mut world = Self::new();
        (0..nodes).for_each(|_| _ = world.node(Config::default()));
        world
    }

    /// Nodes 1 to n in a row, each connected with the next.
    pub(crate) fn line(nodes: u8) -> Self {
        let mut world = Self::of(nodes);
        (1..nodes).for_each(|number| _ = world.connect(number, number + 1));
        world.settle();
        world
    }

    fn next_number(&self) -> u8 {
        u8::try_from(self.players.len() + 1).expect("hosts have numbers of one byte")
    }

    fn add(&mut self, player: Player) -> u8 {
        let number = self.next_number();
        self.players.push((player, Arc::new(Flag(AtomicBool::new(true)))));
        self.settle();
        number
    }

    /// One more node; it listens.
    pub(crate) fn node(&mut self, config: Config) -> u8 {
        let signing = Signing::strict_sign(keypair(self.next_number()), 1);
        self.node_with(config, SwarmConfig::default(), signing)
    }

    pub(crate) fn node_with(&mut self, config: Config, swarm: SwarmConfig, signing: Signing) -> u8 {
        let number = self.next_number();
        let mut node = Node::with(number, SimTransport::new(&self.network, number), config, swarm, signing);
        node.swarm.listen(Host(number).at(PORT)).expect("there is place");
        self.add(Player::Node(Box::new(node)))
    }

    /// One more peer that does what the test wants. It speaks floodsub, if it is to.
    pub(crate) fn raw(&mut self, speaks: bool) -> u8 {
        self.raw_with(speaks, SwarmConfig::default())
    }

    pub(crate) fn raw_with(&mut self, speaks: bool, config: SwarmConfig) -> u8 {
        let number = self.next_number();
        let transport = SimTransport::new(&self.network, number);
        let mut swarm = Swarm::new(transport, &keypair(number), [number; 32], config).expect("an Ed25519 key signs");
        swarm.register_protocol(OTHER);
        if speaks {
            swarm.register_protocol(FLOODSUB);
        }
        swarm.listen(Host(number).at(PORT)).expect("there is place");
        self.add(Player::Raw(Box::new(Raw::new(swarm))))
    }

    #[track_caller]
    pub(crate) fn at(&mut self, number: u8) -> &mut Node<SimTransport> {
        match &mut self.players[usize::from(number) - 1].0 {
            Player::Node(node) => node,
            Player::Raw(_) => panic!("{number} has no floodsub"),
        }
    }

    #[track_caller]
    pub(crate) fn raw_at(&mut self, number: u8) -> &mut Raw {
        match &mut self.players[usize::from(number) - 1].0 {
            Player::Raw(raw) => raw,
            Player::Node(_) => panic!("{number} is a node"),
        }
    }

    /// One turn of a raw peer and of nobody else: what it has written is on its way.
    pub(crate) fn raw_turn(&mut self, number: u8) {
        let (now, waker) = (self.now, Waker::from(self.players[usize::from(number) - 1].1.clone()));
        self.raw_at(number).turn(&mut Context::from_waker(&waker), now);
    }

    fn swarm(&mut self, number: u8) -> &mut Swarm<SimTransport> {
        match &mut self.players[usize::from(number) - 1].0 {
            Player::Node(node) => &mut node.swarm,
            Player::Raw(raw) => &mut raw.swarm,
        }
    }

    /// Has one dial another; the connection at the one that dials.
    pub(crate) fn connect(&mut self, from: u8, to: u8) -> ConnectionId {
        self.swarm(from).dial(Host(to).at(PORT)).expect("there is place")
    }

    /// Two players, connected and settled.
    pub(crate) fn join(&mut self, from: u8, to: u8) -> ConnectionId {
        let connection = self.connect(from, to);
        self.settle();
        connection
    }

    /// Closes politely.
    pub(crate) fn disconnect(&mut self, number: u8, connection: ConnectionId) {
        self.swarm(number).close_connection(connection).expect("it lives");
    }

    /// Everything that can happen before `until`, or before the next deadline far ahead, happens. `false`: nothing can.
    fn step(&mut self, until: Option<Duration>) -> bool {
        let mut turned = false;
        for (player, flag) in &mut self.players {
            let poll_at = match player {
                Player::Node(node) => node.swarm.poll_at().into_iter().chain(node.notifees.poll_at()).min(),
                Player::Raw(raw) => raw.swarm.poll_at(),
            };
            if flag.0.swap(false, Ordering::SeqCst) || poll_at.is_some_and(|at| at <= self.now) {
                let waker = Waker::from(flag.clone());
                let cx = &mut Context::from_waker(&waker);
                let is_busy = match player {
                    Player::Node(node) => node.turn(cx, self.now),
                    Player::Raw(raw) => raw.turn(cx, self.now),
                };
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
        let deadline = || {
            let deadlines = self.players.iter().filter_map(|(player, _)| match player {
                Player::Node(node) => node.swarm.poll_at().into_iter().chain(node.notifees.poll_at()).min(),
                Player::Raw(raw) => raw.swarm.poll_at(),
            });
            deadlines.min()
        };
        match (until, arrival) {
            (Some(until), _) => match deadline().into_iter().chain(arrival).min() {
                Some(next) if next <= until => self.now = next,
                Some(_) | None => return false,
            },
            // Without an end in sight, deadlines are waited for only as long as something is under way.
            (None, Some(arrival)) => self.now = deadline().map_or(arrival, |at| at.min(arrival)),
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
        self.go_on(time);
        self.settle();
    }

    /// So much time passes; there may be something under way then.
    pub(crate) fn go_on(&mut self, time: Duration) {
        let until = self.now + time;
        self.run(Some(until));
        self.now = until;
        self.network.advance_to(until);
    }

    /// Forgets what was told so far.
    pub(crate) fn forget_logs(&mut self) {
        for (player, _) in &mut self.players {
            if let Player::Node(node) = player {
                node.take_log();
                node.messages.clear();
                node.per_turn.clear();
                node.told_per_turn.clear();
                node.work_per_turn.clear();
            }
        }
    }
}

/// A node that subscribes to `t`, and so many raw peers with a stream to it each. The node is number 1.
pub(crate) fn beside_raws(config: Config, raws: u8) -> (World, Vec<(u8, StreamId)>) {
    let mut world = World::new();
    let node = world.node(config);
    assert_eq!(node, 1);
    world.at(node).subscribe("t");
    let raws = (0..raws).map(|_| {
        let raw = world.raw(true);
        world.join(raw, node);
        (raw, world.raw_at(raw).open())
    });
    let raws = raws.collect();
    world.settle();
    world.forget_logs();
    (world, raws)
}
