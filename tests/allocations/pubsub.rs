//! What peers that do their worst make pub/sub keep, measured on the heap, against what its `Config` reckons. There is
//! one test in this file, so that nobody else allocates.

use crate::support::fake_node as fake;
use crate::support::heap;
use fake::Fake;
use libp2p_identity::{Keypair, PeerId};
use std::time::Duration;
use swarm_notify::lifecycle::StreamId;
use swarm_notify::notifee::{NotifeeId, Notifees};
use swarm_notify::protocols::floodsub::{FloodSub, PROTOCOL};
use swarm_notify::protocols::pubsub::wire::{Rpc, SubOpts};
use swarm_notify::protocols::pubsub::{BytesHeld, Config, KnownAuthor, SeqnoValidator, Signing};

/// What each of the three bounds is here.
const TOTAL: usize = 4 * 1024 * 1024;

const PEERS: u8 = 16;

fn peer(number: u8) -> PeerId {
    Keypair::ed25519_from_bytes([number; 32]).expect("any 32 bytes are a secret key").public().to_peer_id()
}

fn strict_sign() -> Signing {
    Signing::strict_sign(Keypair::ed25519_from_bytes([0; 32]).expect("any 32 bytes are a secret key"), 1)
}

/// A node with floodsub, and peers with a stream each, none of which reads.
struct World {
    node: Fake,
    notifees: Notifees<Fake>,
    floodsub: NotifeeId<FloodSub>,
    streams: Vec<StreamId>,
    before: usize,
    now: Duration,
}

impl World {
    fn new() -> Self {
        Self::with(Signing::strict_no_sign(), |_| {})
    }

    fn with(signing: Signing, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        (config.peers, config.events, config.seen) = (PEERS.into(), 4_096, 1);
        (config.topics_per_peer, config.outbox_bytes, config.rpc_bytes) = (usize::MAX, usize::MAX, TOTAL);
        (config.topics_total_bytes, config.inbound_total_bytes, config.outbox_total_bytes) = (TOTAL, TOTAL, TOTAL);
        change(&mut config);
        let mut node = Fake::new(peer(0));
        let mut notifees = Notifees::new();
        let floodsub = notifees.install(&mut node, FloodSub::new(signing, config));
        let now = Duration::from_secs(1);
        let mut world = Self { node, notifees, floodsub, streams: Vec::new(), before: 0, now };
        for number in 1..=PEERS {
            let connection = world.node.connect(peer(number)).expect("there is room");
            let stream = world.node.accept(connection, PROTOCOL).expect("there is room");
            world.streams.push(stream);
            world.turns(2);
            // Who has said something keeps its place.
            let nothing = SubOpts::new(false, "none");
            world.node.send(stream, &Rpc::new(vec![nothing], Vec::new()).to_frame(), 0);
            world.turns(2);
        }
        world.before = heap::bytes();
        world
    }

    fn turns(&mut self, count: usize) {
        for _ in 0..count {
            self.node.poll();
            self.notifees.drive(&mut self.node, self.now);
            // A turn ends before the events of its owner overflow.
            while self.floodsub().0.next_event().is_some() {}
        }
    }

    fn floodsub(&mut self) -> (&mut FloodSub, &mut Fake) {
        (self.notifees.get_mut(self.floodsub).expect("it is registered"), &mut self.node)
    }

    fn held(&mut self) -> BytesHeld {
        self.floodsub().0.held()
    }

    fn subscribe(&mut self, place: usize, topics: impl Iterator<Item = String>) {
        let subscriptions = topics.map(|topic| SubOpts::new(true, topic)).collect();
        let rpc = Rpc::new(subscriptions, Vec::new());
        self.node.send(self.streams[place], &rpc.to_frame(), 0);
        self.turns(16);
    }

    /// What the heap has more by now.
    fn more(&self) -> usize {
        heap::bytes().saturating_sub(self.before)
    }
}

/// Each message is of an author of its own, which takes most memory.
pub(crate) fn what_is_remembered_is_no_more_than_the_bounds_say() {
    const SEEN: usize = 8_192;
    let mut world = World::with(strict_sign(), |config| config.seen = SEEN);
    let (floodsub, node) = world.floodsub();
    floodsub.subscribe(node, "t").expect("there is place");
    let new = |number: usize| {
        let mut seed = [9; 32];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        let author = Keypair::ed25519_from_bytes(seed).expect("any 32 bytes are a secret key");
        Signing::strict_sign(author, 1).seal("t", b"").expect("it signs").0
    };
    let fill = |world: &mut World, first: usize| {
        for batch in 0..SEEN / 64 {
            let publish = (0..64).map(|n| new(first + 64 * batch + n)).collect();
            let rpc = Rpc::new(Vec::new(), publish);
            world.node.send(world.streams[batch % usize::from(PEERS)], &rpc.to_frame(), 0);
            world.turns(3);
        }
        let counters = world.floodsub().0.counters();
        (counters.received, counters.sender_over_share, counters.author_over_share)
    };
    // What each peer has said is remembered by a bit for each message.
    let bits = usize::from(PEERS) * 8 * (SEEN / 64 + 1);
    // The streams' buffers are there.
    (0..usize::from(PEERS)).for_each(|place| world.subscribe(place, std::iter::empty()));
    world.before = heap::bytes();
    let (told, over_share, _) = fill(&mut world, 0);
    let more = world.more();
    println!("seen: {told} remembered, {more} on the heap, {} each", more / SEEN);
    assert!(told > 8_000 && told + over_share == SEEN as u64, "{told}");
    assert!(more <= 128 * SEEN + bits, "{more}");
    // Others in their place take the same memory.
    let before = heap::bytes();
    for round in 1..4 {
        world.now += Duration::from_secs(120);
        world.turns(SEEN / 256);
        let (all_told, ..) = fill(&mut world, round * SEEN);
        assert_eq!(all_told, (1 + round as u64) * told);
    }
    assert_eq!(heap::bytes(), before, "nothing more");
    // And when they are forgotten, it is back.
    world.now += Duration::from_secs(120);
    world.turns(SEEN / 256);
    let left = world.more();
    println!("seen: {left} left on the heap, of which {bits} are bits");
    // Beside these, each stream has a buffer for its next RPC.
    assert!(left <= bits + usize::from(PEERS) * 1_024, "{left}");
}

pub(crate) fn what_is_kept_is_no_more_than_the_bounds_say() {
    // Topics of three bytes, each of which one peer subscribes to; and long ones that all do.
    for all_the_same in [false, true] {
        let mut world = World::new();
        for place in 0..usize::from(PEERS) {
            let name = |n: usize| if all_the_same { format!("{n:0>500}") } else { format!("{place:x}{n:x}") };
            world.subscribe(place, (0..4_000).map(name));
        }
        let (held, more) = (world.held().topics_bytes, world.more());
        println!("topics: {held} counted, {more} on the heap");
        assert!(held > TOTAL / 10 * 9 && held <= TOTAL);
        assert!(more <= held);
    }
    // RPCs that are not whole.
    let mut world = World::new();
    let large = Rpc::new(Vec::new(), vec![vec![0; 700_000]]).to_frame();
    for place in 0..usize::from(PEERS) {
        let most = if place < 3 { large.len() - 1 } else { TOTAL / 2 / usize::from(PEERS) };
        world.node.send(world.streams[place], &large[..most], 0);
        world.turns(1);
    }
    let (held, more) = (world.held().inbound_bytes, world.more());
    println!("inbound: {held} counted, {more} on the heap");
    assert!(held > TOTAL / 10 * 8 && held <= TOTAL);
    assert!(more < 2 * held + TOTAL / 10);
    // Messages of as many authors as there are messages, for all, none of whom reads, and whose lines are all full: what each
    // author has is known in each of them.
    const SEEN: usize = 4_096;
    let mut world = World::with(strict_sign(), |config| (config.seen, config.outbox_bytes) = (SEEN, 150_000));
    (0..usize::from(PEERS)).for_each(|place| world.subscribe(place, std::iter::once("t".into())));
    let (floodsub, node) = world.floodsub();
    floodsub.subscribe(node, "t").expect("there is place");
    world.turns(2);
    world.before = heap::bytes();
    for n in 0..2_000_u64 {
        let mut seed = [9; 32];
        seed[..8].copy_from_slice(&n.to_be_bytes());
        let author = Keypair::ed25519_from_bytes(seed).expect("any 32 bytes are a secret key");
        let message = Signing::strict_sign(author, 1).seal("t", b"").expect("it signs").0;
        let rpc = Rpc::new(Vec::new(), vec![message]);
        world.node.send(world.streams[(n % 4) as usize], &rpc.to_frame(), 0);
        world.turns(1);
    }
    let (held, more, counters) = (world.held().outbox_bytes, world.more(), world.floodsub().0.counters());
    println!("outbox, by authors: {held} counted, {more} on the heap, {} dropped", counters.dropped);
    let is_full = |number: u8| world.floodsub().0.counters_of(peer(number)).is_some_and(|peer| peer.dropped > 100);
    assert!(held > TOTAL / 4 && held <= TOTAL && (1..=PEERS).all(is_full), "{held}");
    // What is remembered takes no more than this.
    let seen = 128 * SEEN + usize::from(PEERS) * 8 * (SEEN / 64 + 1);
    assert!(more < held + seen, "{more}");
    // The numbers of as many authors as may be.
    let before = heap::bytes();
    let mut validator = SeqnoValidator::default();
    for n in 0..20_000_u64 {
        let mut id = [7; 34];
        (id[0], id[1]) = (0x12, 32);
        id[2..10].copy_from_slice(&n.to_be_bytes());
        let id = PeerId::from_bytes(&id).expect("it is one");
        validator.remember(KnownAuthor::new(id, n, Duration::ZERO));
    }
    let numbers = heap::bytes() - before;
    println!("numbers: {} on the heap of {}", numbers, validator.memory_bound());
    assert!(numbers <= validator.memory_bound() && validator.authors().count() == 16_384);
    drop(validator);
    // Messages of all lengths for all, none of whom reads.
    for len in [0, 100, 10_000, 500_000] {
        // Ours are known by their author, and are published whether they find room in the cache or not.
        let mut world = World::with(strict_sign(), |_| {});
        (0..usize::from(PEERS)).for_each(|place| world.subscribe(place, std::iter::once("t".into())));
        world.before = heap::bytes();
        for n in 0..TOTAL as u64 / (len as u64 + 1_000) + 100 {
            let (floodsub, node) = world.floodsub();
            floodsub.publish(node, "t", &[&n.to_be_bytes()[..], &vec![0; len]].concat()).expect("it is not too large");
        }
        let (held, more) = (world.held().outbox_bytes, world.more());
        println!("outbox, {len}: {held} counted, {more} on the heap");
        assert!(held > TOTAL / 10 * 8 && held <= TOTAL, "{held}");
        assert!(more < held + TOTAL / 10);
    }
}
