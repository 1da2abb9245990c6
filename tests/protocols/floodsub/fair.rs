//! What one peer does costs that peer: repeats, messages that are none, and places that are held in silence.

use crate::floodsub::raw::{publishing, signed};
use crate::floodsub::world::World;
use crate::support::fake_node::Fake;
use libp2p_identity::{Keypair, PeerId};
use std::time::Duration;
use swarm_notify::connection::Rate;
use swarm_notify::lifecycle::ConnectionId;
use swarm_notify::notifee::{NotifeeId, Notifees};
use swarm_notify::protocols::floodsub::{FloodSub, PROTOCOL};
use swarm_notify::protocols::pubsub::{Config, Event, Signing};

/// A node with floodsub on streams in memory. All its peers have one address.
struct Crowd {
    node: Fake,
    notifees: Notifees<Fake>,
    floodsub: NotifeeId<FloodSub>,
    messages: Vec<Vec<u8>>,
    now: Duration,
}

fn peer(number: u16) -> PeerId {
    let mut seed = [7; 32];
    seed[..2].copy_from_slice(&number.to_be_bytes());
    Keypair::ed25519_from_bytes(seed).expect("any 32 bytes are a secret key").public().to_peer_id()
}

impl Crowd {
    fn new(config: Config) -> Self {
        let mut node = Fake::new(peer(u16::MAX));
        let mut service = FloodSub::new(Signing::strict_no_sign(), config);
        service.subscribe(&mut node, "t").expect("there is place");
        let mut notifees = Notifees::new();
        let floodsub = notifees.install(&mut node, service);
        Self { node, notifees, floodsub, messages: Vec::new(), now: Duration::from_secs(1) }
    }

    fn turns(&mut self) {
        for _ in 0..4 {
            self.node.poll();
            self.notifees.drive(&mut self.node, self.now);
            while let Some(event) = self.floodsub().next_event() {
                if let Event::Message { message, .. } = event {
                    self.messages.push(message.data);
                }
            }
        }
    }

    fn join(&mut self, number: u16) -> ConnectionId {
        let connection = self.node.connect(peer(number)).expect("there is room");
        self.turns();
        connection
    }

    /// A peer opens a stream and says something.
    fn says(&mut self, connection: ConnectionId, bytes: &[u8]) {
        let stream = self.node.accept(connection, PROTOCOL).expect("there is room");
        self.turns();
        if self.node.lives(stream) {
            self.node.send(stream, bytes, 0);
            self.turns();
        }
    }

    fn floodsub(&mut self) -> &mut FloodSub {
        self.notifees.get_mut(self.floodsub).expect("it is registered")
    }
}

fn message(data: &[u8]) -> Vec<u8> {
    publishing(&[Signing::strict_no_sign().seal("t", data).expect("nothing is signed").0]).to_frame()
}

#[test]
fn silent_peers_do_not_keep_a_publisher_out() {
    let mut crowd = Crowd::new(Config::default());
    for number in 0..1_100 {
        crowd.join(number);
    }
    let publisher = crowd.join(2_000);
    crowd.says(publisher, &message(b"heard"));
    assert_eq!(crowd.messages, [b"heard"]);
    // More of them change nothing: who has said something keeps its place.
    for number in 3_000..4_100 {
        crowd.join(number);
    }
    crowd.says(publisher, &message(b"still"));
    assert_eq!(crowd.messages, [b"heard", b"still"]);
    let (counters, peers) = (crowd.floodsub().counters(), crowd.floodsub().peers().count());
    assert!(counters.peers_evicted > 1_000 && peers <= 1_024, "{counters:?}");
}

#[test]
fn peers_that_speak_keep_their_places() {
    let mut config = Config::default();
    config.peers = 16;
    let mut crowd = Crowd::new(config);
    let first: Vec<_> = (0..12).map(|number| crowd.join(number)).collect();
    for (number, connection) in first.iter().enumerate() {
        crowd.says(*connection, &message(&[number as u8]));
    }
    (100..120).for_each(|number| _ = crowd.join(number));
    crowd.messages.clear();
    for connection in first {
        crowd.says(connection, &message(&connection.index().to_be_bytes()));
    }
    assert_eq!((crowd.messages.len(), crowd.floodsub().counters().streams_refused), (12, 0));
}

#[test]
fn who_said_one_thing_long_ago_keeps_nobody_out() {
    let mut config = Config::default();
    config.peers = 16;
    // What is forgotten by then is new again.
    config.quiet_after = config.seen_ttl / 2;
    let mut crowd = Crowd::new(config.clone());
    let first: Vec<_> = (0..16).map(|number| crowd.join(number)).collect();
    for (number, connection) in first.iter().enumerate() {
        crowd.says(*connection, &message(&[number as u8]));
    }
    let early = crowd.join(100);
    crowd.says(early, &message(b"too early"));
    assert_eq!(crowd.messages.len(), 16, "all have said something lately");
    crowd.now += config.quiet_after;
    // One repeats itself, and one has something new to say.
    crowd.says(first[2], &message(&[2]));
    crowd.says(first[3], &message(b"new"));
    crowd.messages.clear();
    for number in 0..15 {
        let newcomer = crowd.join(200 + number);
        crowd.says(newcomer, &message(&number.to_be_bytes()));
    }
    crowd.says(first[3], &message(b"still there"));
    assert_eq!((crowd.messages.len(), crowd.messages.last().unwrap().as_slice()), (16, &b"still there"[..]));
    assert_eq!(crowd.floodsub().counters().peers_evicted, 15);
    assert!(!crowd.floodsub().peers().any(|id| id == peer(2)), "what it said was known");
}

/// A node with these bounds, and a raw peer with a stream to it.
fn with_raw(config: Config) -> (World, u8, u8, swarm_notify::lifecycle::StreamId) {
    let mut world = World::new();
    let (node, raw) = (world.node(config), world.raw(true));
    world.at(node).subscribe("t");
    world.join(raw, node);
    let stream = world.raw_at(raw).open();
    world.settle();
    world.forget_logs();
    (world, node, raw, stream)
}

#[test]
fn a_peer_that_repeats_itself_too_often_is_disconnected() {
    let mut config = Config::default();
    config.repeats = Rate::new(50, 1);
    let (mut world, node, raw, stream) = with_raw(config);
    let message = signed(9, 1, "t", b"a");
    world.raw_at(raw).send(stream, &publishing(&vec![message.clone(); 51]));
    world.settle();
    assert_eq!(world.at(node).peers(), [2], "as often as it may");
    world.raw_at(raw).send(stream, &publishing(&vec![message; 5]));
    world.settle();
    assert!(world.at(node).peers().is_empty());
    assert_eq!(world.at(node).swarm.connections().count(), 0, "the connection is gone");
    let counters = world.at(node).floodsub().counters();
    assert_eq!((counters.received, counters.repeated), (1, 51));
}

#[test]
fn what_several_peers_send_once_each_counts_against_nobody() {
    let mut config = Config::default();
    config.repeats = Rate::new(1, 1);
    let mut world = World::new();
    let node = world.node(config);
    world.at(node).subscribe("t");
    let raws: Vec<_> = (0..4).map(|_| world.raw(true)).collect();
    let messages: Vec<_> = (1..=100).map(|seqno| signed(9, seqno, "t", b"a")).collect();
    for raw in raws {
        world.join(raw, node);
        let stream = world.raw_at(raw).open();
        world.raw_at(raw).send(stream, &publishing(&messages));
        world.settle();
    }
    let counters = world.at(node).floodsub().counters();
    assert_eq!((counters.received, counters.duplicates, counters.repeated), (100, 300, 0));
    assert_eq!(world.at(node).peers().len(), 4);
}

#[test]
fn too_many_invalid_messages_cut_and_deny_a_peer_for_a_while() {
    let mut config = Config::default();
    config.invalid = Rate::new(10, 1);
    let (mut world, node, raw, stream) = with_raw(config);
    let mut forged = signed(9, 1, "t", b"a");
    *forged.last_mut().unwrap() ^= 1;
    world.raw_at(raw).send(stream, &publishing(&vec![forged.clone(); 10]));
    world.settle();
    assert_eq!(world.at(node).peers(), [2]);
    world.raw_at(raw).send(stream, &publishing(&vec![forged.clone(); 1_000]));
    world.settle();
    assert_eq!((world.at(node).peers(), world.at(node).streams()), (vec![], (0, 0)));
    let counters = world.at(node).floodsub().counters();
    assert_eq!((counters.invalid, counters.peers_cut), (11, 1), "the rest costs no look");
    assert_eq!(world.at(node).swarm.connections().count(), 0, "its connection has ended");
    comes_back_when_it_may(&mut world, node, raw);
    let stream = world.raw_at(raw).open();
    world.raw_at(raw).send(stream, &publishing(&[signed(9, 1, "t", b"a")]));
    world.settle();
    assert_eq!(world.at(node).messages.len(), 1);
}

/// A peer that was cut is not let in until it has been away for a minute.
fn comes_back_when_it_may(world: &mut World, node: u8, raw: u8) {
    world.join(raw, node);
    assert_eq!(world.at(node).swarm.connections().count(), 0, "it is denied");
    world.pass(Config::default().denied_for - Duration::from_secs(1));
    world.join(raw, node);
    assert_eq!(world.at(node).swarm.connections().count(), 0, "it is still denied");
    world.pass(Duration::from_secs(1));
    world.join(raw, node);
    assert_eq!(world.at(node).swarm.connections().count(), 1, "it may come back");
}

/// A peer that sends what is none and leaves at once is looked at after it has left.
fn leaves_before_it_is_cut(config: Config) {
    let mut forged = signed(9, 1, "t", b"a");
    *forged.last_mut().unwrap() ^= 1;
    let (mut world, node, raw, stream) = with_raw(config);
    world.raw_at(raw).send(stream, &publishing(&vec![forged.clone(); 100]));
    let connection = world.raw_at(raw).connection();
    world.disconnect(raw, connection);
    world.settle();
    assert_eq!(world.at(node).floodsub().counters().peers_cut, 1);
    assert_eq!((world.at(node).swarm.connections().count(), world.at(node).peers()), (0, vec![]));
    comes_back_when_it_may(&mut world, node, raw);
    let stream = world.raw_at(raw).open();
    world.raw_at(raw).send(stream, &publishing(&[signed(9, 2, "t", b"a")]));
    world.settle();
    assert_eq!(world.at(node).messages.len(), 1, "it is remembered although it had left");
}

#[test]
fn who_is_cut_after_it_has_left_is_denied_too() {
    leaves_before_it_is_cut(Config::default());
}

#[test]
fn who_is_cut_turns_after_it_has_left_is_denied_too() {
    let mut config = Config::default();
    config.messages_per_turn = 1;
    leaves_before_it_is_cut(config);
}

/// Which messages a peer has sent is remembered by 8 bytes for each 64 messages and peer, as the page of `Config` says.
#[test]
fn the_bound_has_the_bits_of_each_peer() {
    let bound = |peers| {
        let mut config = Config::default();
        config.peers = peers;
        config.memory_bound()
    };
    let each = bound(1_025) - bound(1_024);
    let config = Config::default();
    let page = (1 + 17) * 1024 + config.seen / 64 * 8 + 72 * config.subscriptions;
    assert!(each >= page, "{each} for each peer, and the page says {page}");
}

/// The figures of the page of `Config`.
#[test]
fn the_documented_bounds_are_what_the_config_reckons() {
    let page = include_str!("../../../src/protocols/pubsub/config.rs").replace("\n///", "");
    let mib = |subscriptions| {
        let mut config = Config::default();
        config.subscriptions = subscriptions;
        config.memory_bound().div_ceil(1024 * 1024)
    };
    let (without, with) = (mib(0), mib(Config::default().subscriptions));
    let each = (mib(1024) - mib(0)) * 1024 / 1024;
    for figure in [
        format!("With the defaults that is {without} MiB, if"),
        format!("and {each} KiB for each topic of ours"),
        format!("{with} MiB with all"),
    ] {
        assert!(page.contains(&figure), "the page does not say: {figure}");
    }
}
