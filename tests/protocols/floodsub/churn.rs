//! A hundred nodes that come and go, on a network that delays them at random.
//!
//! A few stay: they are connected with each other, and what is between them is never cut. All others dial them and each
//! other, leave politely or at once, subscribe, unsubscribe and publish, at any moment, whatever is under way. Whenever
//! nothing is under way any more:
//!
//! - A message that was published by one with an open connection to one of those who stay, which it knows to subscribe,
//!   has come exactly once to all who stay, and to everybody else who was connected with one of them and known there to
//!   subscribe, if neither of that has ended since. Leaving politely takes nothing back; cutting a connection may.
//! - No message has ever come twice to anybody, to its author, or to somebody who did not subscribe to its topic.
//! - Everybody knows exactly those as peers with whom it is connected, and exactly what they subscribe to.
//!
//! One seed is one run, and replays it exactly. For more, and with a line for each:
//!
//! ```text
//! SEEDS=0-100 cargo test --release --all-features --test protocols floodsub::churn -- --nocapture
//! ```

use crate::floodsub::world::World;
use crate::support::floodsub::number;
use crate::support::pipe::Random;
use crate::support::sim::{Cut, Network};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionId, State};

/// What everybody subscribes to at times, and those who stay always.
const TOPICS: [&str; 3] = ["a", "b", "c"];

/// What only those who come and go subscribe to.
const LOOSE: &str = "loose";

/// Until nothing is under way, so often.
const ROUNDS: usize = 6;

/// A message by its author and the author's number for it.
type Id = (u8, u64);

/// A connection that is there or on its way, as its dialer has it.
#[derive(Clone, Copy)]
struct Link {
    dialer: u8,
    connection: ConnectionId,
    other: u8,
}

/// What has been published and may be under way.
struct Sent {
    id: Id,
    /// To whom it has to come.
    due: BTreeSet<u8>,
}

/// How much of what has happened.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Sum {
    dialed: usize,
    closed: usize,
    cut: usize,
    unsubscribed: usize,
    published: usize,
    /// Published by somebody who had left.
    adrift: usize,
    /// To whom messages had to come, and came.
    due: usize,
    /// To whom they came without having to.
    more: usize,
}

struct Flock {
    world: World,
    random: Random,
    nodes: u8,
    /// The first so many stay.
    stayers: u8,
    links: Vec<Link>,
    subscriptions: BTreeMap<u8, BTreeSet<&'static str>>,
    /// Whose connections or subscriptions have changed in this round: nothing has to come to them.
    shaken: BTreeSet<u8>,
    pending: Vec<Sent>,
    /// Who has got what.
    got: BTreeSet<(u8, Id)>,
    /// How many messages each has published.
    published: BTreeMap<u8, u64>,
    sum: Sum,
}

impl Flock {
    fn new(seed: u64, nodes: u8) -> Self {
        let network = Network::new(Cut::Whole, seed);
        network.set(|knobs| knobs.jitter(Duration::from_millis(7)));
        let mut flock = Self {
            world: World::on(network),
            random: Random(seed),
            nodes,
            stayers: (nodes / 10).max(3),
            links: Vec::new(),
            subscriptions: BTreeMap::new(),
            shaken: BTreeSet::new(),
            pending: Vec::new(),
            got: BTreeSet::new(),
            published: BTreeMap::new(),
            sum: Sum::default(),
        };
        for _ in 0..nodes {
            flock.world.node(Default::default());
        }
        for stayer in 1..=flock.stayers {
            TOPICS.iter().for_each(|topic| flock.subscribe(stayer, topic));
            // A ring, and some across it.
            flock.link(stayer, stayer % flock.stayers + 1);
            if stayer % 3 == 0 {
                let across = (stayer + flock.stayers / 2 - 1) % flock.stayers + 1;
                flock.link(stayer, across);
            }
        }
        flock.world.settle();
        for node in flock.stayers + 1..=nodes {
            let stayer = flock.stayer();
            flock.link(node, stayer);
            flock.subscribe(node, TOPICS[usize::from(node) % TOPICS.len()]);
        }
        flock.settle();
        flock
    }

    fn below(&mut self, bound: u8) -> u8 {
        self.random.below(usize::from(bound)) as u8
    }

    fn stayer(&mut self) -> u8 {
        1 + self.below(self.stayers)
    }

    fn churner(&mut self) -> u8 {
        self.stayers + 1 + self.below(self.nodes - self.stayers)
    }

    fn link(&mut self, dialer: u8, other: u8) {
        let connection = self.world.connect(dialer, other);
        self.links.push(Link { dialer, connection, other });
        self.sum.dialed += 1;
    }

    fn subscribe(&mut self, node: u8, topic: &'static str) {
        self.world.at(node).subscribe(topic);
        self.subscriptions.entry(node).or_default().insert(topic);
    }

    fn subscribes(&self, node: u8, topic: &str) -> bool {
        self.subscriptions.get(&node).is_some_and(|topics| topics.contains(topic))
    }

    /// Nothing has to come to a node from now on, until all is quiet.
    fn shake(&mut self, node: u8) {
        if node > self.stayers {
            self.shaken.insert(node);
            self.pending.iter_mut().for_each(|sent| _ = sent.due.remove(&node));
        }
    }

    /// Those who stay with whom a node has an open connection.
    fn stayers_of(&mut self, node: u8) -> Vec<u8> {
        let links: Vec<_> = self.links.iter().copied().filter(|link| link.dialer == node).collect();
        let mut is_open = |link: &Link| {
            let view = self.world.at(node).swarm.connection(link.connection);
            link.other <= self.stayers && view.is_some_and(|view| view.state == State::Open)
        };
        links.iter().filter(|link| is_open(link)).map(|link| link.other).collect()
    }

    /// Something happens, somewhere.
    fn act(&mut self) {
        let node = self.churner();
        match self.random.below(20) {
            0..4 => {
                let linked = self.links.iter().find(|link| link.dialer == node).map(|link| link.other);
                let other = match (self.random.below(6), linked) {
                    (0, _) => self.churner(),
                    // Twice, so that there is another connection when the first one ends.
                    (1..4, Some(other)) => other,
                    (_, _) => self.stayer(),
                };
                if other != node {
                    self.link(node, other);
                }
            }
            4..7 => self.leave(),
            7..11 => {
                let topic = [&TOPICS[..], &[LOOSE]].concat()[self.random.below(TOPICS.len() + 1)];
                self.shake(node);
                if self.subscribes(node, topic) {
                    self.world.at(node).unsubscribe(topic);
                    self.subscriptions.entry(node).or_default().remove(topic);
                    self.sum.unsubscribed += 1;
                } else {
                    self.subscribe(node, topic);
                }
            }
            _ => {
                let author = if self.random.below(3) == 0 { self.stayer() } else { node };
                self.publish(author);
            }
        }
    }

    /// One connection of somebody who does not stay is closed or cut.
    fn leave(&mut self) {
        let loose: Vec<_> = (0..self.links.len()).filter(|i| self.links[*i].dialer > self.stayers).collect();
        let Some(i) = loose.get(self.random.below(loose.len().max(1))) else { return };
        let Link { dialer, connection, other } = self.links.swap_remove(*i);
        self.shake(dialer);
        self.shake(other);
        if self.random.below(3) > 0 {
            self.sum.closed += 1;
            self.world.disconnect(dialer, connection);
        } else {
            self.sum.cut += 1;
            self.world.at(dialer).swarm.abort_connection(connection).expect("it lives");
            self.pending.retain(|sent| sent.id.0 != dialer);
        }
    }

    fn publish(&mut self, author: u8) {
        let topic = TOPICS[self.random.below(TOPICS.len())];
        let topic = if author > self.stayers && self.random.below(8) == 0 { LOOSE } else { topic };
        let number = self.published.entry(author).or_default();
        *number += 1;
        let id = (author, *number);
        let stayers = self.stayers_of(author);
        let known = self.world.at(author).peers_of(topic);
        let mut due = BTreeSet::new();
        if topic != LOOSE && (author <= self.stayers || stayers.iter().any(|stayer| known.contains(stayer))) {
            due.extend((1..=self.nodes).filter(|node| self.hears(*node, topic)));
            due.remove(&author);
        } else {
            self.sum.adrift += 1;
        }
        self.world.at(author).publish(topic, &format!("{topic} {author} {}", id.1));
        self.pending.push(Sent { id, due });
        self.sum.published += 1;
    }

    /// Whether what is published now has to come to a node.
    fn hears(&mut self, node: u8, topic: &str) -> bool {
        if node <= self.stayers {
            return true;
        }
        !self.shaken.contains(&node)
            && self.subscribes(node, topic)
            && self.stayers_of(node).into_iter().any(|stayer| self.world.at(stayer).peers_of(topic).contains(&node))
    }

    /// Time goes on, and what was told is looked at.
    fn go_on(&mut self) {
        let time = Duration::from_millis(self.random.below(25) as u64);
        self.world.go_on(time);
        self.collect();
    }

    fn collect(&mut self) {
        for node in 1..=self.nodes {
            for (message, _) in std::mem::take(&mut self.world.at(node).messages) {
                let author = number(message.source.expect("all are signed"));
                let id = (author, message.seqno.expect("all are signed"));
                let data = format!("{} {author} {}", message.topic, id.1);
                assert_eq!(message.data, data.as_bytes(), "told to {node}");
                assert!(author != node && self.subscribes(node, &message.topic), "{data:?} is told to {node}");
                assert!(self.got.insert((node, id)), "{data:?} is told to {node} twice");
            }
        }
    }

    /// Nothing is under way any more, and all is as it should be.
    fn settle(&mut self) {
        self.world.settle();
        self.collect();
        for Sent { id, due } in std::mem::take(&mut self.pending) {
            for node in &due {
                assert!(self.got.contains(&(*node, id)), "message {id:?} has not come to {node}");
            }
            self.sum.due += due.len();
        }
        self.sum.more = self.got.len() - self.sum.due;
        self.shaken.clear();
        for node in 1..=self.nodes {
            let links = self.links.iter().filter(|link| link.dialer == node || link.other == node);
            let linked: BTreeSet<_> = links.map(|link| link.dialer ^ link.other ^ node).collect();
            assert!(self.world.at(node).peers().into_iter().eq(linked.iter().copied()), "the peers of {node}");
            for topic in TOPICS.into_iter().chain([LOOSE]) {
                let subscribed = linked.iter().copied().filter(|other| self.subscribes(*other, topic));
                let subscribed: Vec<_> = subscribed.collect();
                assert_eq!(self.world.at(node).peers_of(topic), subscribed, "who subscribes to {topic} for {node}");
            }
            let counters = self.world.at(node).floodsub().counters();
            assert_eq!((counters.invalid, counters.dropped, counters.events_lost), (0, 0, 0));
        }
    }
}

fn run(seed: u64, nodes: u8) -> (Sum, BTreeSet<(u8, Id)>, Duration) {
    let mut flock = Flock::new(seed, nodes);
    for _ in 0..ROUNDS {
        for _ in 0..nodes {
            flock.act();
            if flock.random.below(2) == 0 {
                flock.go_on();
            }
        }
        flock.settle();
    }
    (flock.sum, flock.got, flock.world.now)
}

/// Prints how to replay a run if it ends in a panic.
struct Replay(u64);

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (from, to) = (self.0, self.0 + 1);
            eprintln!(
                "replay: SEEDS={from}-{to} cargo test --release --all-features --test protocols floodsub::churn -- --nocapture"
            );
        }
    }
}

#[test]
fn of_100_that_come_and_go_who_stays_gets_every_message_once() {
    let asked = std::env::var("SEEDS").ok();
    let (from, to) = asked.as_ref().map_or((0, 1), |range| {
        let (from, to) = range.split_once('-').expect("SEEDS is a range such as 0-100");
        (from.parse().expect("a number"), to.parse().expect("a number"))
    });
    for seed in from..to {
        let replay = Replay(seed);
        let (sum, _, now) = run(seed, 100);
        drop(replay);
        println!("seed {seed}: {sum:?} in {now:?}");
        // It goes through everything, and not for nothing.
        let Sum { dialed, closed, cut, unsubscribed, published, adrift, due, more } = sum;
        assert!(dialed > 120 && closed > 20 && cut > 10 && unsubscribed > 20, "{sum:?}");
        assert!(published > 150 && adrift > 10 && due > 3_000 && more > 100, "{sum:?}");
    }
}

#[test]
fn a_seed_replays_everything() {
    assert_eq!(run(7, 20), run(7, 20));
    assert_ne!(run(7, 20), run(8, 20));
}
